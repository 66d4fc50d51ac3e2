"""Methods and their settings, sketches, and models in ONNX."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hdgan.datasets.edges import methods
from hdgan.datasets.edges.onnx_model import Feeding, OnnxModel
from hdgan.errors import InputError
from hdgan.networks import hed


@pytest.mark.parametrize(
  "text, settings, says",
  [
    ("cany", {}, "must be canny, hed:FILE.*did you mean 'canny'"),
    ("hed", {}, "--method=hed: is said as --method=hed:FILE"),
    ("canny:x", {}, "is said as --method=canny"),
    ("canny", {"order": "bgr"}, "--order has no effect.*belongs to onnx"),
    ("canny", {"low": 0.5}, "--low: is 0.5, must be above 0 and at most"),
    ("canny", {"sigma": float("nan")}, "--sigma: is nan"),
    ("onnx:x", {"std": (1.0, 0.0, 1.0)}, "--std: .*three numbers above 0"),
    ("sketch", {"size": (0, 64)}, "--size: is .0, 64., must be HEIGHT,WIDTH"),
  ],
)
def test_settings_that_are_refused(text, settings, says):
  with pytest.raises(InputError, match=says):
    methods.method(text, **settings)


def test_hed_s_map_is_post_processed(monkeypatch):
  """The network's own numbers are tested with it."""
  y, x = np.mgrid[:40, :40]
  ridge = np.exp(-((x - y) ** 2) / 18).astype(np.float32)
  monkeypatch.setattr(hed, "load", lambda path: {})
  monkeypatch.setattr(hed, "edge_map", lambda params, photo: ridge)
  photo = np.zeros((40, 40, 3), np.uint8)
  edges = methods.edges_of(photo, methods.method("hed:x"))
  assert edges.dtype == np.uint8 and set(np.unique(edges)) == {0, 255}
  assert ((edges == 0).sum(axis=1)[8:32] == 1).all()
  weak = methods.method("hed:x", min_pixels=1000)
  assert (methods.edges_of(photo, weak) == 255).all()


def sketch(size=120, width=9):
  """A ring and a bar on uneven paper."""
  image = Image.new("L", (size, size), 255)
  draw = ImageDraw.Draw(image)
  draw.ellipse((20, 20, 100, 100), outline=0, width=width)
  draw.line((60, 40, 60, 80), fill=0, width=width)
  return np.array(image)


@pytest.mark.parametrize("kind", ["plain", "colour", "inverse", "shadow"])
def test_a_sketch_becomes_thin_black_lines(kind):
  picture = sketch()
  want = methods.clean_sketch(picture)
  if kind == "colour":
    picture = np.repeat(picture[..., None], 3, -1)
  elif kind == "inverse":
    picture = 255 - picture
  elif kind == "shadow":  # Paper in the shadow is darker than ink in the sun.
    light = np.linspace(0.3, 1, 120)[None, :]
    picture = (light * np.where(picture, 230, 80)).astype(np.uint8)
    assert picture[:, 0].min() < picture[60, 100]  # Paper, and ink.
  got = methods.clean_sketch(picture)
  ring = np.hypot(*(np.mgrid[:120, :120] - 60)) > 30
  for result in (got, want):
    assert set(np.unique(result)) == {0, 255}
    line = result == 0
    # The middle of the ring's stroke; one pixel on each way out.
    assert abs(np.hypot(*(np.argwhere(line & ring) - 60).T) - 36).max() < 3
    assert line[60, 85:].sum() == 1 and line[60, :35].sum() == 1
    assert line[45:75, 55:66].sum(axis=1).tolist() == [1] * 30


@pytest.mark.parametrize("size", [(60, 60), (240, 360)])
def test_a_sketch_is_scaled_before_it_is_thinned(size):
  got = methods.clean_sketch(sketch(width=1), size) == 0
  assert got.shape == size
  middle = size[0] // 2
  # The ring is neither broken nor doubled where a row or column meets it.
  assert got[middle, : size[1] // 3].sum() == 1
  assert got[: size[0] // 3, size[1] // 2].sum() == 1


def onnx_model(path, first=True, gain=1.0, fixed=0):
  """The mean of the input's channels, as [1, 1, H, W] or [1, H, W, 1]."""
  onnx = pytest.importorskip("onnx")
  pytest.importorskip("onnxruntime")
  helper, kind = onnx.helper, onnx.TensorProto.FLOAT
  sides = [fixed or "h", fixed or "w"]
  shape = [1, 3, *sides] if first else [1, *sides, 3]
  axis = 1 if first else 3
  axes = helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [axis])
  factor = helper.make_tensor("gain", kind, [1], [gain])
  graph = helper.make_graph(
    [
      helper.make_node("ReduceMean", ["photo", "axes"], ["mean"], keepdims=1),
      helper.make_node("Mul", ["mean", "gain"], ["edge"]),
    ],
    "edges",
    [helper.make_tensor_value_info("photo", kind, shape)],
    [helper.make_tensor_value_info("edge", kind, None)],
    [axes, factor],
  )
  model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
  model.ir_version = 10
  onnx.save(model, path)
  return f"onnx:{path}"


@pytest.mark.parametrize("first", [True, False])
def test_onnx_is_fed_what_is_asked_for(tmp_path, first):
  """A model that gives its input's mean; sizes that are no multiple of 32."""
  text = onnx_model(tmp_path / "m.onnx", first)
  path = text.partition(":")[2]
  photo = np.random.default_rng(0).integers(0, 256, (33, 45, 3), np.uint8)
  got = OnnxModel(path, Feeding()).edge_map(photo)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, photo.mean(axis=-1) / 255, atol=1e-6)
  # (x - mean) / std of each channel, through a sigmoid.
  mean, std = (10.0, 20.0, 30.0), (100.0, 200.0, 300.0)
  got = OnnxModel(path, Feeding(mean, std, logits=True)).edge_map(photo)
  want = 1 / (1 + np.exp(-((photo - np.array(mean)) / std).mean(axis=-1)))
  np.testing.assert_allclose(got, want, atol=1e-6)
  edges = methods.edges_of(photo, methods.method(text))
  assert edges.shape == (33, 45) and edges.dtype == np.uint8


@pytest.mark.parametrize(
  "model, says",
  [
    ({"gain": 255.0}, r"lies in 255..255, must be probabilities.*--logits"),
    ({"fixed": 64}, "takes photos of 64x64 .*not 32x32"),
  ],
)
def test_onnx_that_does_not_fit(tmp_path, model, says):
  how = methods.method(onnx_model(tmp_path / "m.onnx", **model))
  photo = np.full((32, 32, 3), 255, np.uint8)
  with pytest.raises(InputError, match=says):
    methods.edges_of(photo, how)


def test_onnx_that_is_none_or_cannot_be_run(tmp_path, monkeypatch):
  pytest.importorskip("onnxruntime")
  (tmp_path / "x.onnx").write_text("no model")
  how = methods.method(f"onnx:{tmp_path / 'x.onnx'}")
  photo = np.zeros((32, 32, 3), np.uint8)
  with pytest.raises(InputError, match="not a model that ONNX Runtime opens"):
    methods.edges_of(photo, how)
  monkeypatch.setitem(sys.modules, "onnxruntime", None)
  with pytest.raises(InputError, match=r"pip install 'hdgan\[edges\]'"):
    methods.edges_of(photo, how)
