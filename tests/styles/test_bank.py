"""The bank's files: equal after a round trip, refused where they do not fit."""

import json

import numpy as np
import pytest
import safetensors.numpy
from banks import ENCODER, make_bank

from hdgan.errors import InputError
from hdgan.styles import bank as style_bank


def test_round_trip_and_equal_bytes(tmp_path):
  bank = make_bank()
  style_bank.save(tmp_path, bank)
  first = (tmp_path / style_bank.FILE).read_bytes()
  style_bank.save(tmp_path, make_bank())
  assert (tmp_path / style_bank.FILE).read_bytes() == first
  assert len(list(tmp_path.iterdir())) == 2  # no draft stays
  back = style_bank.load(tmp_path)
  assert back.about == bank.about and back.digest == bank.digest
  for part in ("styles", "objects"):
    for name, value in vars(getattr(bank, part)).items():
      got = getattr(getattr(back, part), name)
      assert got.dtype == value.dtype
      np.testing.assert_array_equal(got, value)


def test_nearest_objects_come_in_order():
  bank = make_bank()
  # Style 0 is {(0, 0), (0, 2)} or the pair at 8: equal sizes, by centre.
  np.testing.assert_array_equal(bank.styles.of_class(1)[0], [0, 1])
  np.testing.assert_array_equal(bank.nearest(1, 0, 5), [0, 1])
  np.testing.assert_array_equal(bank.nearest(1, 1, 1), [2])


def test_the_readable_file(tmp_path):
  style_bank.save(tmp_path, make_bank())
  data = json.loads((tmp_path / style_bank.READABLE).read_text())
  road, car = data["classes"]
  assert road["name"] == "road" and road["styles"] == []
  assert (road["objects"], road["objects_used"], road["mean"]) == (1, 0, [5, 5])
  assert [s["objects"] for s in car["styles"]] == [2, 2]
  assert car["styles"][0] == {
    "style": 0, "center": [0, 1], "objects": 2, "spread": 1,
    "nearest": [
      {"picture": "a", "object": 11}, {"picture": "b", "object": 12}
    ],
  }  # fmt: skip
  assert data["encoder"] == make_bank().about["encoder"]


def test_no_file_is_no_bank(tmp_path):
  assert style_bank.load(tmp_path) is None


@pytest.mark.parametrize("cut", [0, 30, 400])
def test_a_damaged_file_is_named(tmp_path, cut):
  style_bank.save(tmp_path, make_bank())
  path = tmp_path / style_bank.FILE
  path.write_bytes(path.read_bytes()[:cut])
  with pytest.raises(InputError, match="style_bank.safetensors: cannot"):
    style_bank.load(tmp_path)


def test_a_file_that_lacks_a_tensor_is_named(tmp_path):
  bank = make_bank()
  style_bank.save(tmp_path, bank)
  path = tmp_path / style_bank.FILE
  arrays = safetensors.numpy.load_file(path)
  del arrays["styles.spread"]
  about = {"hdgan": json.dumps(dict(bank.about))}
  safetensors.numpy.save_file(arrays, path, about)
  with pytest.raises(InputError, match="no tensor 'styles.spread' in it; make"):
    style_bank.load(tmp_path)


@pytest.mark.parametrize(
  ("about", "said"),
  [
    ({"classes": "road"}, "what it tells of 'classes' is 'road'; make"),
    ({"encoder": None}, "what it tells of 'encoder' is None"),
    ({"step": "7"}, "what it tells of 'step' is '7'"),
    ({"names": [1, 2]}, "its classes and pictures must have names"),
    ({"names": ["a"]}, "'objects.pictures' leaves 0..0"),
    ({"classes": ["road"]}, "'styles.class_means' has shape [2, 2], the"),
  ],
)  # fmt: skip
def test_a_bank_that_tells_something_else(tmp_path, about, said):
  style_bank.save(tmp_path, make_bank())
  path = tmp_path / style_bank.FILE
  told = {"hdgan": json.dumps({**make_bank().about, **about})}
  safetensors.numpy.save_file(safetensors.numpy.load_file(path), path, told)
  with pytest.raises(InputError) as error:
    style_bank.load(tmp_path)
  assert str(error.value).startswith(f"{path}: ") and said in str(error.value)


@pytest.mark.parametrize(
  ("name", "change", "said"),
  [
    ("styles.labels", lambda x: x[:1], "has shape [1], the others another"),
    ("styles.labels", lambda x: x + 1, "leaves 0..1"),
    ("styles.centers", lambda x: x.astype(np.float64), "is float64[2, 2]"),
    ("styles.counts", lambda x: x[None], "is int32[1, 2]"),
    ("objects.features", lambda x: x * np.float32("nan"), "not finite"),
    ("objects.pictures", lambda x: x - 1, "leaves 0..1"),
  ],
)  # fmt: skip
def test_arrays_that_are_no_banks(tmp_path, name, change, said):
  style_bank.save(tmp_path, make_bank())
  path = tmp_path / style_bank.FILE
  arrays = safetensors.numpy.load_file(path)
  arrays[name] = np.ascontiguousarray(change(arrays[name]))
  told = {"hdgan": json.dumps(dict(make_bank().about))}
  safetensors.numpy.save_file(arrays, path, told)
  with pytest.raises(InputError) as error:
    style_bank.load(tmp_path)
  assert f"{name!r} " in str(error.value) and said in str(error.value)


def test_another_format_is_refused(tmp_path):
  style_bank.save(tmp_path, make_bank(format="other 9"))
  with pytest.raises(InputError, match="its format is 'other 9'"):
    style_bank.load(tmp_path)


def test_another_encoder_is_refused(tmp_path):
  other = {**ENCODER, "conv_out": {**ENCODER["conv_out"], "bias": np.ones(3)}}
  here = style_bank.parameters_digest(other)
  assert here != make_bank().about["encoder"]
  with pytest.raises(InputError, match="another encoder.*--step=7"):
    style_bank.check(make_bank(), tmp_path, here, ["road", "car"])
  # Where E is not there nothing can be compared.
  style_bank.check(make_bank(), tmp_path, "", ["road", "car"])


def test_other_classes_are_refused(tmp_path):
  made = make_bank().about["encoder"]
  style_bank.check(make_bank(), tmp_path, made, ["road", "car"])
  with pytest.raises(InputError, match="class 1: 'car' in the bank, 'cat'"):
    style_bank.check(make_bank(), tmp_path, made, ["road", "cat"])
  with pytest.raises(InputError, match="2 there, 3 here"):
    style_bank.check(make_bank(), tmp_path, made, ["road", "car", "sky"])


def test_the_digest_knows_names_shapes_and_values():
  one = {"a": {"kernel": np.zeros((2, 3))}}
  assert len({
    style_bank.parameters_digest(tree)
    for tree in (
      one, {"b": one["a"]}, {"a": {"kernel": np.zeros((3, 2))}},
      {"a": {"kernel": np.full((2, 3), 1e-7)}},
    )
  }) == 4  # fmt: skip


def test_short_floats_give_the_same_float32_back():
  values = np.random.default_rng(0).normal(size=500).astype(np.float32)
  text = json.dumps(style_bank.short_floats(values))
  np.testing.assert_array_equal(np.array(json.loads(text), np.float32), values)
  assert style_bank.short_floats([np.float32(0.1)]) == [0.1]
