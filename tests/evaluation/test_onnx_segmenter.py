"""Networks in ONNX files that label pictures, and what is said of bad ones."""

import hashlib
import sys

import numpy as np
import pytest
from onnx_models import describe, save, save_segmenter

from hdgan.errors import InputError
from hdgan.evaluation.onnx_segmenter import OnnxSegmenter, match, starts

# Of the data; the network has other numbers and other spellings.
NAMES = ["green thing", "red_thing", "sky", "blue", "void"]
CLASSES = ["Red-Thing", "BLUE", "Green Thing", "cat"]
WEIGHT = [[1, 0, 0], [0, 0, 1], [0, 1, 0], [-1, -1, -1]]
IDS = [1, 3, 0, 5]  # Five is none of them.


def picture(shape=(12, 16)):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (*shape, 3), np.uint8)


def opened(path, names=NAMES, void=(4,), model=None, **entry):
  save_segmenter(path, WEIGHT, **(model or {}))
  entry = {"name": "colours", "classes": CLASSES, **entry}
  return OnnxSegmenter(describe(path, **entry), names, void)


@pytest.mark.parametrize(
  ("last", "labels"), [(False, False), (True, False), (False, True)]
)
def test_classes_are_matched_by_name(tmp_path, last, labels):
  segmenter = opened(
    tmp_path / "m.onnx",
    model={"last": last, "labels": labels},
    input={"layout": "nhwc" if last else "nchw"},
    output="labels" if labels else "logits",
  )
  photo = picture()
  x = photo / 255
  logits = np.einsum("hwc,kc->hwk", x, np.array(WEIGHT))
  got = segmenter("a", photo, real=True)
  assert got.dtype == np.int32
  np.testing.assert_array_equal(got, np.take(IDS, logits.argmax(-1)))
  assert segmenter.about["unmatched"] == ["cat"]
  assert segmenter.about["never_answered"] == ["sky"]
  for key, name in (("sha256", "m.onnx"), ("json_sha256", "m.onnx.json")):
    data = (tmp_path / name).read_bytes()
    assert segmenter.settings[key] == hashlib.sha256(data).hexdigest()


def test_what_it_is_fed(tmp_path):
  """(x * scale - mean) / std of red, green, blue; then blue comes first."""
  mean, std = [10, 60, 20], [30, 90, 50]
  segmenter = opened(
    tmp_path / "m.onnx",
    input={"scale": 1, "mean": mean, "std": std, "bgr": True},
  )
  photo = picture()
  x = ((photo - np.array(mean, float)) / std)[..., ::-1]
  logits = np.einsum("hwc,kc->hwk", x, np.array(WEIGHT))
  want = np.take(IDS, logits.argmax(-1))
  np.testing.assert_array_equal(segmenter("a", photo, real=False), want)
  # Grey is fed three times.
  grey = segmenter("a", photo[..., :1], real=False)
  thrice = segmenter("a", np.repeat(photo[..., :1], 3, -1), real=False)
  np.testing.assert_array_equal(grey, thrice)


def test_a_class_that_is_not_scored_is_no_answer(tmp_path):
  """Red is void: the next best is answered instead."""
  photo = picture()
  got = opened(tmp_path / "m.onnx", void=(1, 4))("a", photo, real=False)
  logits = np.einsum("hwc,kc->hwk", photo / 255, np.array(WEIGHT))
  logits[..., 0] = -np.inf
  np.testing.assert_array_equal(got, np.take(IDS, logits.argmax(-1)))


def enlarged(small, size):
  """Bilinear by halves of pixels, a pixel at a time."""
  out = np.zeros((*size, small.shape[-1]))
  for i in range(size[0]):
    for j in range(size[1]):
      y = max((i + 0.5) * small.shape[0] / size[0] - 0.5, 0)
      x = max((j + 0.5) * small.shape[1] / size[1] - 0.5, 0)
      rows = [int(y), min(int(y) + 1, small.shape[0] - 1)]
      columns = [int(x), min(int(x) + 1, small.shape[1] - 1)]
      of_y, of_x = [1 - y % 1, y % 1], [1 - x % 1, x % 1]
      for a, row in zip(of_y, rows, strict=True):
        for b, column in zip(of_x, columns, strict=True):
          out[i, j] += a * b * small[row, column]
  return out


def test_logits_of_a_quarter_are_enlarged_before_the_best_is_taken(tmp_path):
  photo = picture((12, 16))
  got = opened(tmp_path / "m.onnx", model={"quarter": True})(
    "a", photo, real=False
  )
  means = (photo / 255).reshape(3, 4, 4, 4, 3).mean((1, 3))
  logits = enlarged(np.einsum("hwc,kc->hwk", means, WEIGHT), (12, 16))
  np.testing.assert_array_equal(got, np.take(IDS, logits.argmax(-1)))
  # The best of each 4x4, repeated, would be another answer.
  blocks = logits[2::4, 2::4].argmax(-1).repeat(4, 0).repeat(4, 1)
  assert (np.take(IDS, blocks) != got).any()


def test_windows_slide_over_the_picture(tmp_path):
  """Each window's logits lack their own mean, so that all of them count."""
  segmenter = opened(
    tmp_path / "m.onnx",
    model={"centred": True},
    input={"tile": [8, 8], "stride": [4, 6]},
  )
  photo = picture((10, 15))
  photo[:, 8:] //= 3
  logits = np.einsum("hwc,kc->hwk", photo / 255, np.array(WEIGHT))
  total, count = np.zeros_like(logits), np.zeros((10, 15, 1))
  for top in (0, 2):  # 4 would go beyond 10, so the last one ends there.
    for left in (0, 6, 7):
      window = np.s_[top : top + 8, left : left + 8]
      total[window] += logits[window] - logits[window].mean((0, 1))
      count[window] += 1
  want = np.take(IDS, (total / count).argmax(-1))
  np.testing.assert_array_equal(segmenter("a", photo, real=False), want)
  # A picture smaller than a window.
  assert segmenter("a", photo[:5, :6], real=False).shape == (5, 6)


def test_windows_end_with_the_side():
  assert starts(8, 8, 8) == [0]
  assert starts(5, 8, 4) == [0]
  assert starts(20, 8, 8) == [0, 8, 12]


def test_a_fixed_size_comes_back_to_the_picture_s(tmp_path):
  segmenter = opened(tmp_path / "m.onnx", input={"size": [8, 8]})
  assert segmenter("a", picture((12, 16)), real=False).shape == (12, 16)


def test_names_match_with_any_case_and_joint():
  found = match(["Guard_Rail", "car", "rider"], ["guard rail", "Car"], {}, "f")
  assert found == [0, 1, None]
  found = match(["rider", "car"], ["person", "car"],
                {"rider": "person", "car": None}, "f")  # fmt: skip
  assert found == [0, None]


BAD = [
  ({"name": 3}, "m.onnx.json: name = 3 must be a text; correct it"),
  (
    {"classes": []},
    "m.onnx.json: classes = [] must be a list of names, in the order of the "
    "network's channels; correct it",
  ),
  (
    {"classes": ["a", "a", "b", "c"]},
    "m.onnx.json: classes has 'a' twice; names must differ",
  ),
  (
    {"classes": ["road", "car", "tree", "pole"]},
    "--segmenter=onnx:m.onnx: none of its classes (road, car, tree, pole) is "
    "one of the data's (green thing, red_thing, sky, blue, void); say which is "
    'which in m.onnx.json: "map": {"road": "green thing"}',
  ),
  (
    {"map": {"dog": "sky"}},
    "m.onnx.json: map has 'dog', which is none of its classes; there are "
    "Red-Thing, BLUE, Green Thing, cat",
  ),
  (
    {"map": {"cat": "skye"}},
    "m.onnx.json: map.cat = 'skye' is no class of the data; did you mean "
    "'sky'?",
  ),
  (
    {"clases": 1},
    "m.onnx.json: there is no key 'clases'; did you mean 'classes'?",
  ),
  (
    {"input": {"meen": 1}},
    "m.onnx.json: there is no key 'input.meen'; did you mean 'mean'?",
  ),
  (
    {"input": {"size": 512}},
    "m.onnx.json: input.size = 512 must be [height, width] or \"image\", the "
    "picture's own; correct it",
  ),
  (
    {"input": {"std": [1, 0, 1]}},
    "m.onnx.json: input.std = [1, 0, 1] must be three numbers, none of them 0; "
    "correct it",
  ),
  (
    {"input": {"resize": "area"}},
    "m.onnx.json: input.resize = 'area' must be \"bilinear\" or \"bicubic\" or "
    '"pil_f_bicubic" or "torch_bilinear"; correct it',
  ),
  (
    {"input": {"tile": [8, 8], "stride": [9, 8]}},
    "m.onnx.json: input.stride = [9, 8] must be at most input.tile = [8, 8], "
    "side by side; correct it",
  ),
  (
    {"input": {"tile": [8, 8]}, "output": "labels"},
    'm.onnx.json: input.tile = [8, 8] needs "output": "logits": labels have no '
    "mean; leave tile out",
  ),
  (
    {"output": "classes"},
    "m.onnx.json: output = 'classes' must be \"logits\" or \"labels\"; "
    "correct it",
  ),
  (
    {"input": {"layout": "nhwc"}},
    "--segmenter=onnx:m.onnx: its input must be one float32 photo, [1, H, W, "
    "3], it has x tensor(float) [1, 3, 'h', 'w']; export it so",
  ),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "line"), BAD, ids=range(len(BAD)))
def test_descriptions_that_are_refused(tmp_path, monkeypatch, entry, line):
  monkeypatch.chdir(tmp_path)
  save_segmenter(tmp_path / "m.onnx", WEIGHT)
  describe(tmp_path / "m.onnx",
           **{"name": "colours", "classes": CLASSES, **entry})  # fmt: skip
  with pytest.raises(InputError) as error:
    OnnxSegmenter("m.onnx", NAMES)
  assert str(error.value) == line


def test_a_network_that_answers_something_else(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  made = opened(tmp_path / "m.onnx", classes=[*CLASSES, "more"])
  with pytest.raises(InputError) as error:
    made("a", picture(), real=False)
  assert str(error.value) == (
    "m.onnx.json: classes has 5 names, but the network gives (1, 4, 12, 16) "
    "for a picture; name each channel, in order"
  ).replace("m.onnx", str(tmp_path / "m.onnx"))
  short = opened(tmp_path / "m.onnx", model={"labels": True}, output="labels",
                 classes=CLASSES[:2])  # fmt: skip
  with pytest.raises(InputError, match="the network answers 2, classes has na"):
    short("a", picture(), real=False)
  wrong = opened(tmp_path / "m.onnx", output="labels")
  with pytest.raises(InputError, match="output is .labels., but the network"):
    wrong("a", picture(), real=False)


def test_files_that_are_not_there(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError, match=r"^--segmenter=onnx:m.onnx: cannot be"):
    OnnxSegmenter("m.onnx", NAMES)
  save_segmenter(tmp_path / "m.onnx", WEIGHT)
  with pytest.raises(InputError) as error:
    OnnxSegmenter("m.onnx", NAMES)
  assert str(error.value) == (
    "--segmenter=onnx:m.onnx: there is no m.onnx.json, which says how pictures "
    "are fed to it; write one as hdgan/evaluation/README.md shows"
  )


def test_a_network_that_leaves_all_sides_open(tmp_path):
  """As exporters of transformers write them: the layout is what JSON says."""
  array = np.array(WEIGHT, np.float32)[:, :, None, None]
  nodes = [("Conv", ["x", "w"], ["y"], {})]
  path = tmp_path / "m.onnx"
  save(path, nodes, {"w": array}, shape=("b", "c", "h", "w"))
  segmenter = OnnxSegmenter(
    describe(path, name="colours", classes=CLASSES), NAMES
  )
  logits = np.einsum("hwc,kc->hwk", picture() / 255, np.array(WEIGHT))
  want = np.take(IDS, logits.argmax(-1))
  np.testing.assert_array_equal(segmenter("a", picture(), real=True), want)


def test_without_onnx_runtime(tmp_path, monkeypatch):
  opened(tmp_path / "m.onnx")
  monkeypatch.setitem(sys.modules, "onnxruntime", None)
  with pytest.raises(InputError) as error:
    OnnxSegmenter(str(tmp_path / "m.onnx"), NAMES)
  assert str(error.value) == (
    f"--segmenter=onnx:{tmp_path / 'm.onnx'} needs ONNX Runtime: pip install "
    "'hdgan[evaluate]', in a clone pip install -e '.[evaluate]'"
  )
