"""Features by networks in ONNX files, and what is said of bad ones."""

import numpy as np
import pytest
from onnx_models import describe, save
from PIL import Image

from hdgan.errors import InputError
from hdgan.evaluation.distances import Distances
from hdgan.evaluation.measure import Pair
from hdgan.evaluation.onnx_features import OnnxFeatures

MEAN = ("GlobalAveragePool", ["x"], ["y"], {})


def entry(**more):
  return {"name": "means", "size": [4, 6], "resize": "pil_f_bicubic", **more}


def picture():
  return np.random.default_rng(0).integers(0, 256, (10, 14, 3), np.uint8)


def test_numbers_of_a_picture(tmp_path):
  save(tmp_path / "m.onnx", [MEAN], {})
  path = describe(tmp_path / "m.onnx",
                  **entry(scale=2, mean=[1, 2, 3], std=[4, 5, 6]))  # fmt: skip
  features = OnnxFeatures(path)
  got = features(picture())
  planes = [
    np.asarray(
      Image.fromarray(plane.astype(np.float32)).resize((6, 4), 3)
    ).clip(0, 255)
    for plane in np.moveaxis(picture(), -1, 0)
  ]  # fmt: skip
  want = (np.mean(planes, (1, 2)) * 2 - [1, 2, 3]) / [4, 5, 6]
  assert got.dtype == np.float32 and got.shape == (3,)
  np.testing.assert_allclose(got, want, rtol=1e-5)
  assert features.settings["width"] == 3
  assert features.settings["size"] == [4, 6]
  assert len(features.settings["sha256"]) == 64


def test_one_of_several_outputs(tmp_path):
  nodes = [
    ("Relu", ["x"], ["same"], {}),
    ("GlobalMaxPool", ["x"], ["y"], {}),
  ]
  save(tmp_path / "m.onnx", nodes, {}, outputs=("same", "y"))
  path = describe(tmp_path / "m.onnx", **entry(output="y", scale=1))
  assert OnnxFeatures(path)(np.full((4, 6, 3), 7, np.uint8)).tolist() == [7] * 3
  path = describe(tmp_path / "m.onnx", **entry(output="z"))
  with pytest.raises(InputError, match="output = 'z' must be one of same, y"):
    OnnxFeatures(path)


BAD = [
  (
    {"size": "image"},
    "m.onnx.json: size = 'image' must be [height, width]; correct it",
  ),
  ({"name": ""}, "m.onnx.json: name = '' must be a text; correct it"),
  (
    {"size": [4, 5]},
    "m.onnx.json: size = [4, 5], but the network takes [4, 6] (0 is any); give "
    "it that",
  ),
  (
    {"output": "x2"},
    "m.onnx.json: output = 'x2' must be one of y; correct it",
  ),
]


@pytest.mark.parametrize(("more", "line"), BAD, ids=range(len(BAD)))
def test_descriptions_that_are_refused(tmp_path, monkeypatch, more, line):
  monkeypatch.chdir(tmp_path)
  save(tmp_path / "m.onnx", [MEAN], {}, shape=(1, 3, 4, 6))
  describe(tmp_path / "m.onnx", **entry(**more))
  with pytest.raises(InputError) as error:
    OnnxFeatures("m.onnx")
  assert str(error.value) == line


def test_an_output_that_is_no_row(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  save(tmp_path / "m.onnx", [("Relu", ["x"], ["y"], {})], {})
  describe(tmp_path / "m.onnx", **entry())
  with pytest.raises(InputError) as error:
    OnnxFeatures("m.onnx")
  assert str(error.value) == (
    "--features=onnx:m.onnx: its output y is (1, 3, 4, 6), must be one row of "
    "numbers per picture; pool it over the picture before you export it"
  )


def test_a_width_that_changes(tmp_path):
  """As many numbers as pixels lie above one half."""
  half = np.array(0.5, np.float32)
  nodes = [
    ("Greater", ["x", "half"], ["above"], {}),
    ("Reshape", ["above", "all"], ["mask"], {}),
    ("Reshape", ["x", "all"], ["row"], {}),
    ("Compress", ["row", "mask"], ["y"], {"axis": 0}),
  ]
  arrays = {"half": half, "all": np.array([-1])}
  save(tmp_path / "m.onnx", nodes, arrays)
  features = OnnxFeatures(describe(tmp_path / "m.onnx", **entry()))
  assert features.width == 72  # Of a grey picture, 128 / 255.
  few = np.zeros((4, 6, 3), np.uint8)
  few[0, 0] = 255
  with pytest.raises(InputError, match="gives 3 numbers for one picture and 7"):
    features(few)


def test_what_distances_refuse(tmp_path):
  """Numbers that are not finite, and a single picture."""
  nodes = [
    ("GlobalAveragePool", ["x"], ["mean"], {}),
    ("Log", ["mean"], ["y"], {}),
  ]
  save(tmp_path / "m.onnx", nodes, {})
  features = OnnxFeatures(describe(tmp_path / "m.onnx", **entry()))
  distances, label = Distances(features, "val"), np.zeros((10, 14), np.int32)
  distances.add(Pair("a", label, made=picture(), real=picture()))
  with pytest.raises(InputError) as error:
    distances.result()
  assert str(error.value) == (
    "--features: 1 real picture, a distance needs at least 2 (and thousands to "
    "say much); give more, or leave --features out"
  )
  black = np.zeros_like(picture())
  with pytest.raises(InputError) as error:
    distances.add(Pair("b", label, made=black, real=picture()))
  assert str(error.value) == (
    "--features (means): gives numbers that are not finite for the made "
    "picture of b; give another file, or a picture that is whole"
  )
