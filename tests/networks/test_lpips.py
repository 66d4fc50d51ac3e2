"""LPIPS against what the package lpips gives, and its weight file."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from feature_weights import drawn, lpips_shapes, pictures

from hdgan.errors import InputError
from hdgan.networks import lpips
from hdgan.weights import feature_networks

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens"
SOURCES = ("trunk.pth", "heads.pth")


@pytest.mark.parametrize(
  "network", ["alex", "squeeze", pytest.param("vgg", marks=pytest.mark.slow)]
)
def test_is_what_lpips_computes(network):
  """Random weights, sides that poolings do not divide."""
  trunk, heads = map(drawn, lpips_shapes(network))
  # What torchvision's file holds besides.
  trunk |= {"classifier.1.bias": np.zeros(1000, np.float32)}
  found, params = feature_networks.lpips_params(trunk, heads, SOURCES)
  assert found == network
  first, second = jnp.asarray(pictures(33, 38))[:, None]
  params = jax.tree.map(jnp.asarray, params)
  run = functools.partial(lpips.lpips, network=network)
  got = jax.jit(run)(params, first, second)
  want = np.load(GOLDENS / "feature_networks.npz")[network]
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_counts_of_the_three_networks():
  """Torchvision's parameters less the classifiers', and one per channel."""
  counts = {
    "alex": 61_100_840 - 58_631_144 + 64 + 192 + 384 + 256 + 256,
    "vgg": 14_714_688 + 64 + 128 + 256 + 512 + 512,
    "squeeze": 1_235_496 - 513_000 + 64 + 128 + 256 + 2 * 384 + 2 * 512,
  }
  for network, count in counts.items():
    shapes = [
      s for leaves in lpips.shapes(network).values() for s in leaves.values()
    ]
    assert sum(np.prod(s) for s in shapes) == count


@pytest.mark.parametrize("network", ["alex", "vgg", "squeeze"])
def test_smallest_sides_leave_every_map_a_pixel(network):
  params = jax.tree.map(
    lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
    lpips.shapes(network), is_leaf=lambda x: isinstance(x, tuple),
  )  # fmt: skip

  def smallest_map(side):
    images = jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32)
    maps = jax.eval_shape(lambda p, x: lpips._maps(p, x, network), params,
                          images)  # fmt: skip
    return min(m.shape[1] for m in maps)

  least = lpips.LEAST[network]
  assert smallest_map(least) == 1
  assert network == "squeeze" or smallest_map(least - 1) == 0


@pytest.mark.parametrize(
  "change, says",
  [
    ("heads of another", "^heads.pth: not the heads of LPIPS for alex, wh"),
    ("heads missing", r"give the package's weights/v0.1/alex.pth$"),
    ("no trunk", r"trunk.pth: not one of torchvision's AlexNet, VGG16"),
    ("deeper", r"trunk.pth: 1 name that the network does not have: "
     r"features.16.weight"),
  ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(change, says):
  network = "vgg" if change == "deeper" else "alex"
  trunk, heads = map(drawn, lpips_shapes(network))
  if change == "heads of another":
    heads |= {"lin1.model.1.weight": np.zeros((1, 128, 1, 1), np.float32)}
  elif change == "heads missing":
    heads = {"x": np.zeros(1)}
  elif change == "no trunk":
    trunk = {"conv1.weight": np.zeros(1)}
  else:  # VGG19's.
    trunk |= {"features.16.weight": np.zeros((256, 256, 3, 3), np.float32)}
  with pytest.raises(InputError, match=says):
    feature_networks.lpips_params(trunk, heads, SOURCES)


def test_its_file_says_of_which_network_it_is(tmp_path):
  path = str(tmp_path / "lpips.safetensors")
  with pytest.raises(InputError, match="--lpips=F: no such file; make one"):
    lpips.load(path, "--lpips=F")
  arrays = {"features.0.bias": np.zeros(64, np.float32)}
  safetensors.numpy.save_file(arrays, path, {"lpips": "resnet"})
  with pytest.raises(InputError, match="names 'resnet' as its network, must"):
    lpips.load(path, "--lpips=F")
  safetensors.numpy.save_file(arrays, path, {"lpips": "alex"})
  with pytest.raises(InputError, match="features.0.kernel is missing"):
    lpips.load(path, "--lpips=F")
