"""VGG's layout, its pooling and its weight file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from hdgan.errors import InputError
from hdgan.networks import vgg


@pytest.fixture(scope="module")
def weights():
  rng = np.random.default_rng(0)
  return {
    f"{name}.{leaf}": rng.normal(0, 0.05, shape).astype(np.float32)
    for name, leaves in vgg.shapes().items()
    for leaf, shape in leaves.items()
  }


def test_thirteen_convolutions():
  names = vgg.NAMES
  assert len(names) == 13 and names[-1] == "conv5_1"
  shapes = [s for leaves in vgg.shapes().values() for s in leaves.values()]
  # All of VGG19's convolutions, less the three behind conv5_1.
  rest = 3 * (9 * 512 * 512 + 512)
  assert sum(np.prod(shape) for shape in shapes) == 20_024_384 - rest


def test_a_fourteenth_for_crn():
  more = vgg.shapes("crn")
  assert list(more) == [*vgg.NAMES, "conv5_2"]
  assert more["conv5_2"] == more["conv5_1"]
  assert {name: more[name] for name in vgg.NAMES} == vgg.shapes()


def test_average_pool_by_hand():
  x = jnp.asarray([[1, 5, -1, -2], [2, 4, -4, -3]], jnp.float32)
  y = vgg.average_pool(x[None, :, :, None])
  np.testing.assert_array_equal(y[0, :, :, 0], [[3, -2.5]])


def test_torchvision_s_network_in_levels(weights, tmp_path):
  """The same network on 0..255 minus a mean, maps times the mean deviation.

  Inside: at the border zeros stand for another mean, half a level off.
  """
  path, more = tmp_path / "vgg.safetensors", dict(weights)
  more["conv5_2.kernel"] = np.full((3, 3, 512, 512), 0.01, np.float32)
  more["conv5_2.bias"] = np.full(512, 0.5, np.float32)
  safetensors.numpy.save_file(more, path)
  params = vgg.load(str(path), "crn")
  levels = np.random.default_rng(1).uniform(0, 255, (1, 16, 16, 3))
  seen = (levels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
  kernel, bias = weights["conv1_1.kernel"], weights["conv1_1.bias"]
  size = 255 * (0.229 + 0.224 + 0.225) / 3
  window = seen[0, 6:9, 4:7]
  want = (np.einsum("klc,klcd->d", window, kernel) + bias) * size
  centred = levels[0, 6:9, 4:7] - [123.68, 116.779, 103.939]
  first = params["conv1_1"]
  got = np.einsum("klc,klcd->d", centred, first["kernel"]) + first["bias"]
  np.testing.assert_allclose(got, want, atol=1e-3)
  np.testing.assert_allclose(params["conv5_2"]["bias"], 0.5 * size, rtol=1e-6)
  assert (params["conv5_2"]["kernel"] == np.float32(0.01)).all()


def test_a_file_from_before_serves_the_paper_s_loss_only(weights, tmp_path):
  path = tmp_path / "vgg.safetensors"
  safetensors.numpy.save_file(weights, path)
  assert set(vgg.load(str(path))) == set(vgg.NAMES)
  with pytest.raises(InputError) as error:
    vgg.load(str(path), "crn")
  (line,) = str(error.value).splitlines()
  assert (
    "conv5_2.kernel is missing, must be of shape (3, 3, 512, 512); " in line
  )
  assert "make it again with `python -m hdgan.convert vgg " in line


def test_sizes_of_the_five_maps(weights):
  params = {
    name: {leaf: jnp.asarray(weights[f"{name}.{leaf}"]) for leaf in leaves}
    for name, leaves in vgg.shapes().items()
  }
  image = jnp.zeros((1, 48, 32, 3))
  maps = jax.eval_shape(vgg.vgg_features, params, image)
  assert [m.shape[1:] for m in maps] == [
    (48, 32, 64), (24, 16, 128), (12, 8, 256), (6, 4, 512), (3, 2, 512)
  ]  # fmt: skip


def test_first_map_is_a_rectified_convolution(weights):
  """The picture goes in as it is, in [-1, 1], padded by one zero."""
  params = {
    name: {leaf: jnp.asarray(weights[f"{name}.{leaf}"]) for leaf in leaves}
    for name, leaves in vgg.shapes().items()
  }
  image = np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3))
  image = image.astype(np.float32)
  first = vgg.vgg_features(params, jnp.asarray(image))[0]
  padded = np.pad(image[0], ((1, 1), (1, 1), (0, 0)))
  kernel, bias = weights["conv1_1.kernel"], weights["conv1_1.bias"]
  for i, j in ((0, 0), (7, 3), (15, 15)):
    window = padded[i : i + 3, j : j + 3]
    want = np.maximum(np.einsum("klc,klcd->d", window, kernel) + bias, 0)
    np.testing.assert_allclose(first[0, i, j], want, atol=1e-5)


def test_max_pool_by_hand():
  x = jnp.asarray([[1, 5, -1, -2], [2, 3, -4, -3]], jnp.float32)
  y = vgg.max_pool(x[None, :, :, None])
  np.testing.assert_array_equal(y[0, :, :, 0], [[5, -1]])


def test_load_gives_back_what_was_saved(weights, tmp_path):
  path = tmp_path / "vgg.safetensors"
  safetensors.numpy.save_file(weights, path)
  params = vgg.load(str(path))
  assert set(params) == set(vgg.NAMES)
  np.testing.assert_array_equal(
    params["conv3_4"]["kernel"], weights["conv3_4.kernel"]
  )


@pytest.mark.parametrize(
  "change, says",
  [
    (None, "no such file"),
    ("text", "not a safetensors file"),
    ("missing", "conv4_2.bias is missing"),
    ("shape", r"conv1_1.kernel is of shape \(3, 3, 1, 64\)"),
    ("nan", r"conv2_1.bias \(float32\) holds other than finite float32"),
    ("half", r"conv2_1.bias \(float16\) holds other than finite float32"),
  ],
)
def test_load_refuses(weights, tmp_path, change, says):
  path, weights = tmp_path / "vgg.safetensors", dict(weights)
  if change == "text":
    path.write_text("not weights")
  elif change:
    if change == "missing":
      del weights["conv4_2.bias"]
    elif change == "nan":
      weights["conv2_1.bias"] = np.full(128, np.nan, np.float32)
    elif change == "half":
      weights["conv2_1.bias"] = np.zeros(128, np.float16)
    else:
      weights["conv1_1.kernel"] = weights["conv1_1.kernel"][:, :, :1].copy()
    safetensors.numpy.save_file(weights, path)
  with pytest.raises(InputError, match=says) as error:
    vgg.load(str(path))
  assert "hdgan.convert vgg" in str(error.value)
