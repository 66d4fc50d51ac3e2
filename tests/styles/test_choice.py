"""Style files and choices: keys, layers, fallbacks, and every fault's line."""

import json

import numpy as np
import pytest
from banks import make_bank

from hdgan.errors import InputError
from hdgan.styles import bank as style_bank
from hdgan.styles import file as style_file
from hdgan.styles.bank import means_from_json, means_to_json
from hdgan.styles.choice import Chooser, PhotoStyles, fallback_line, photo_table
from hdgan.styles.file import StyleFile

NAMES = ["road", "car"]
# Two cars, and id 7 as road and as car; -5 is 2**32 - 5 without its sign.
PAIRS = np.array([[0, 7], [1, 7], [1, 26], [0, -5]], np.int64)


def chooser(**more):
  return Chooser(NAMES, 2, make_bank(), **more)


def parse(data):
  return style_file.from_dict(data, "F", NAMES, 2)


def test_keys():
  keys = style_file.keys_of(PAIRS)
  assert keys == ["0:7", "1:7", "26", "4294967291"]
  rows = style_file.rows_by_key(PAIRS)
  assert [rows[k] for k in (*keys, "1:26")] == [0, 1, 2, 3, 2]
  assert "7" not in rows
  assert style_file.normal_key("-5") == keys[3]
  assert style_file.normal_key("1: 26") == "1:26"


def test_layers_the_later_ones_win():
  photo = PhotoStyles(
    {(1, 26): np.array([0.5, 0.25])}, {0: np.array([0.1, 0.2])}
  )
  file = parse(
    {"objects": {"1:7": 0, "-5": [1, 2]}, "classes": {"road": [3, 4]}}
  )
  got = chooser(photo=photo, file=file).choose(PAIRS, "M")
  assert got.styles == ((3, 4), 0, (0.5, 0.25), (1, 2))
  want = np.array([[3, 4], [0, 1], [0.5, 0.25], [1, 2]], np.float32)
  np.testing.assert_array_equal(got.table, want)
  without = chooser(photo=photo).choose(PAIRS, "M").styles
  assert without[0] == (0.1, 0.2) and isinstance(without[1], int)


def test_the_draw_is_by_seed_label_and_id():
  cars = np.array([[1, i] for i in range(200)])
  for draw in ("map", "sequence"):
    one = chooser(draw=draw).choose(cars, "M").styles
    other = chooser(draw=draw).choose(cars[::-1], "M").styles[::-1]
    assert one == other
    assert one != chooser(draw=draw, seed=1).choose(cars, "M").styles
    # 200 fair draws of two: five standard deviations are 36.
    assert abs(sum(one) - 100) < 36


def test_maps_whose_ids_start_anew_do_not_look_alike():
  cars = np.array([[1, i] for i in range(200)])
  one, two = (chooser().choose(cars, name).styles for name in ("a", "b"))
  # Of two independent fair draws half agree, by five standard deviations.
  assert abs(np.equal(one, two).sum() - 100) < 36


def test_a_sequence_keeps_an_objects_style():
  """As numpy draws it from seed, label and id, in maps of any name."""
  cars = np.array([[1, i] for i in range(20)])
  want = [int(np.random.default_rng((7, 1, i)).integers(2)) for i in range(20)]
  for name in ("frame_1", "frame_2"):
    got = chooser(seed=7, draw="sequence").choose(cars, name).styles
    assert list(got) == want


def test_without_a_bank_a_class_takes_its_mean():
  means = means_from_json(
    {"classes": [[1, 2], [0, 0], [5, 6]], "counts": [3, 0, 1], "all": [3, 4]}
  )
  got = Chooser(NAMES, 2, None, means=means).choose(
    np.array([[0, 1], [1, 7], [2, 9], [255, 2]]), "M"
  )
  want = np.array([[1, 2], [3, 4], [5, 6], [3, 4]], np.float32)
  np.testing.assert_array_equal(got.table, want)
  assert means_from_json(means_to_json(means)).global_mean.tolist() == [3, 4]


def test_fallbacks():
  got = chooser().choose(np.array([[0, 1], [255, 2]]), "M")
  # Class mean, then the mean of all: 21.5 / 5 and 9 / 5.
  assert got.styles == ((5, 5), (4.3, 1.8))
  got = Chooser(NAMES, 2, None).choose(PAIRS, "M")
  np.testing.assert_array_equal(got.table, np.zeros((4, 2)))
  line = fallback_line(make_bank(classes=[*NAMES, "sky"]), NAMES)
  assert line == "Classes without styles: road takes the mean of the class."


def test_a_file_gives_back_what_it_was_written_from(tmp_path):
  choice = chooser(seed=3).choose(PAIRS, "M")
  about = {"map": "M", "bank": make_bank().digest, "step": 1, "size": "stage"}
  text = style_file.to_text(PAIRS, choice.styles, about)
  path = tmp_path / "M.styles.json"
  path.write_text(text)
  file = style_file.read(path, NAMES, 2)
  assert file.about == about and json.loads(text)["version"] == 1
  again = chooser(seed=9, file=file).choose(PAIRS, "M")
  assert again.styles == choice.styles
  assert again.table.tobytes() == choice.table.tobytes()


def test_photo_table_weighs_by_area():
  means = np.array([[0, 0], [4, 8], [1, 1]], np.float32)
  pairs = np.array([[1, 5], [1, 6], [2, 5]])
  got = photo_table(means, pairs, np.array([0.3, 0.1, 0.6], np.float32))
  np.testing.assert_allclose(got.classes[1], [1, 2], rtol=1e-6)
  np.testing.assert_array_equal(got.objects[1, 6], [4, 8])


@pytest.mark.parametrize(
  ("data", "line"),
  [
    ([], "F: must be an object"),
    ({"object": {}}, "no field 'object'; did you mean 'objects'?"),
    ({"version": 2}, "F: version = 2 must be 1"),
    ({"objects": []}, "F: objects must be an object"),
    ({"objects": {"26": [1, 2, 3]}}, "26: 3 numbers given, a style has 2"),
    (
      {"objects": {"26": [1, float("nan")]}},
      "26: nan must be a number within -1e+06",
    ),
    (
      {"objects": {"26": [1, float("inf")]}},
      "26: inf must be a number within -1e+06",
    ),
    (
      {"objects": {"26": [1, -1.1e6]}},
      "26: -1100000.0 must be a number within -1e+06",
    ),
    (
      {"objects": {"26": [1, 10**400]}},
      "26: 10000000000000000000 must be a number within -1e+06",
    ),
    ({"objects": {"26": "red"}}, "'red' must be a style's number or a list"),
    ({"objects": {"26": True}}, "True must be a style's number"),
    ({"objects": {"26": -1}}, "style -1 must be 0 or more"),
    ({"classes": {"cat": 1}}, "no class is called 'cat'; did you mean 'car'?"),
  ],
)
def test_faults_of_a_file(data, line):
  with pytest.raises(InputError) as error:
    parse(data)
  assert line in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
  ("data", "line"),
  [
    ({"objects": {"99": 0}}, "F: objects: M has no object '99'; it has 0:7"),
    ({"objects": {"7": 0}}, "'7' is ambiguous in M; say 0:7 or 1:7"),
    ({"objects": {"26": 2}}, "style 2 of 'car' is not in the bank, which has "
     "styles 0..1"),
    ({"objects": {"0:7": 0}}, "style 0 of 'road' is not in the bank, which has "
     "no styles"),
    ({"classes": {"1": 5}}, "style 5 of 'car' is not in the bank"),
  ],
)  # fmt: skip
def test_faults_with_a_map(data, line):
  with pytest.raises(InputError) as error:
    chooser(file=parse(data)).choose(PAIRS, "M")
  assert line in str(error.value)


def test_all_faults_are_told_at_once():
  data = {"objects": {"26": [1], "7": "x"}, "classes": {"cat": 1}}
  with pytest.raises(InputError) as error:
    parse(data)
  assert len(str(error.value).splitlines()) == 3


def test_numbers_without_a_bank_or_of_another():
  file = parse({"bank": "abc", "objects": {"26": 1}})
  with pytest.raises(InputError, match="style 1 of 'car' needs a style bank"):
    Chooser(NAMES, 2, None, file=file).choose(PAIRS, "M")
  with pytest.raises(InputError, match="of another style bank"):
    style_bank.check_numbers(file, make_bank())
  vectors = StyleFile("F", {"26": (1.0, 2.0)}, {}, {"bank": "abc"})
  style_bank.check_numbers(vectors, make_bank())


def test_unreadable_files(tmp_path):
  path = tmp_path / "x.json"
  with pytest.raises(InputError, match="x.json: cannot be read"):
    style_file.read(path, NAMES, 2)
  path.write_text("{")
  with pytest.raises(InputError, match="x.json: not JSON"):
    style_file.read(path, NAMES, 2)
