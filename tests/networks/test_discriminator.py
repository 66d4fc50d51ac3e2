"""D's sizes, counts and order of scales."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import draw_weights

from hdgan.networks.discriminator import (
  MultiscaleDiscriminator,
  PatchDiscriminator,
)


def count(net, channels):
  x = jax.ShapeDtypeStruct((1, 64, 64, channels), jnp.float32)
  params = jax.eval_shape(net.init, jax.random.key(0), x)
  return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
  "scales, layers, total",
  [(2, 3, 5_603_202), (3, 3, 8_404_803), (1, 5, 11_191_233)],
)
def test_published_sizes(scales, layers, total):
  """The last has five layers, whose widths stop growing at 512."""
  assert count(MultiscaleDiscriminator(scales, 64, layers), 39) == total


def test_sizes_of_all_layers_by_hand():
  """4x4 with padding 2: n // 2 + 1 for stride 2, n + 1 for stride 1."""
  net = MultiscaleDiscriminator(2, 4, 3)
  x = jnp.zeros((2, 65, 30, 5))
  params = jax.eval_shape(net.init, jax.random.key(0), x)
  outputs = jax.eval_shape(net.apply, params, x)
  found = [[layer.shape[1:] for layer in scale] for scale in outputs]
  assert found == [
    [(33, 16, 4), (17, 9, 8), (9, 5, 16), (10, 6, 32), (11, 7, 1)],
    [(17, 8, 4), (9, 5, 8), (5, 3, 16), (6, 4, 32), (7, 5, 1)],
  ]


def test_first_scale_is_the_finest_and_uses_d1():
  net = MultiscaleDiscriminator(2, 4, 1)
  x = np.random.default_rng(0).standard_normal((1, 16, 16, 2))
  x = jnp.asarray(x, jnp.float32)
  params = draw_weights(net, x)["params"]
  assert sorted(params) == ["D1", "D2"]
  one = PatchDiscriminator(4, 1)
  want = one.apply({"params": params["D1"]}, x)
  got = net.apply({"params": params}, x)[0]
  for a, b in zip(got, want, strict=True):
    np.testing.assert_array_equal(a, b)


def test_first_and_last_layers_have_no_norm():
  """A constant picture has no variance: only layers with norm forget it."""
  net = PatchDiscriminator(4, 2)
  x = jnp.full((1, 16, 16, 1), 3.0)
  params = draw_weights(net, x)
  first, second, _, last = net.apply(params, x)
  again = net.apply(params, 2 * x)
  middle = (slice(None), slice(3, -3), slice(3, -3))
  assert np.abs(again[0][middle] - first[middle]).max() > 0.01
  means = np.mean(np.where(second > 0, second, second / 0.2), (1, 2))
  np.testing.assert_allclose(means, 0, atol=1e-5)
  assert np.min(first) < 0  # leaky
  assert last.dtype == jnp.float32
