"""Inception-v3 against what pytorch-fid's gives, and its weight file."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from feature_weights import drawn, inception_shapes, pictures

from hdgan.errors import InputError
from hdgan.networks import inception
from hdgan.weights import feature_networks

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens"


@pytest.fixture(scope="module")
def weights():
  """A state dict in pytorch-fid's names."""
  return drawn(inception_shapes())


def test_is_what_pytorch_fid_computes(weights):
  """Random weights and statistics; float32 in another order."""
  given = weights | {
    "fc.weight": np.zeros((1008, 2048), np.float32),
    "fc.bias": np.zeros(1008, np.float32),
    # A counter that batch norms of newer files have.
    "Mixed_5b.branch1x1.bn.num_batches_tracked": np.array(1),
  }
  params = feature_networks.inception_params(given, "x.pth")
  params = jax.tree.map(jnp.asarray, params)
  run = jax.jit(inception.inception_features)
  got = run(params, jnp.asarray(pictures(107, 131)[:1]))
  want = np.load(GOLDENS / "feature_networks.npz")["inception"]
  assert want.std() > 0.5
  np.testing.assert_allclose(np.asarray(got)[0], want, atol=1e-4)


def test_counts():
  """Torchvision's 94 convolutions: 21,751,136 weights and a bias each."""
  shapes = inception.shapes()
  assert len(shapes) == 94
  kernels = sum(np.prod(s["kernel"]) for s in shapes.values())
  biases = sum(np.prod(s["bias"]) for s in shapes.values())
  assert (kernels, biases) == (21_751_136, 17_216)


def test_average_pooling_leaves_the_border_s_zeros_out():
  x = jnp.ones((1, 3, 4, 1)) * jnp.arange(4.0)[None, None, :, None]
  got = inception._mean(x)
  np.testing.assert_allclose(got[0, 0, :, 0], [0.5, 1, 2, 2.5], rtol=1e-6)


def test_other_networks_are_refused(weights):
  other = weights | {"fc.weight": np.zeros((1000, 2048), np.float32)}
  with pytest.raises(InputError, match="x.pth: .*FID but torchvision's"):
    feature_networks.inception_params(other, "x.pth")
  with pytest.raises(InputError, match="x.pth: not the Inception-v3 of FID "):
    feature_networks.inception_params(weights, "x.pth")
  less = weights | {"fc.weight": np.zeros((1008, 2048), np.float32)}
  del less["Mixed_6a.branch3x3.bn.running_var"]
  with pytest.raises(InputError, match="missing: Mixed_6a.branch3x3.bn.run"):
    feature_networks.inception_params(less, "x.pth")


def test_a_file_that_is_none(tmp_path):
  path = tmp_path / "inception.safetensors"
  with pytest.raises(InputError, match="--features=F: no such file; make one"):
    inception.load(str(path), "--features=F")
