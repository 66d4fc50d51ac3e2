"""G's shapes, counts and order of levels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core.meta import unbox
from tiny import draw_weights

from hdgan.networks.generator import Generator, GlobalGenerator


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def shapes(net, *shape):
  x = jax.ShapeDtypeStruct(shape, jnp.float32)
  return unbox(jax.eval_shape(net.init, jax.random.key(0), x)["params"])


@pytest.mark.parametrize(
  "enhancers, total",
  [
    (0, 182_546_755),
    (1, 182_857_059),
    # By hand: an enhancer of width w has, on 36 channels, 1764 w + w, 18 w^2 +
    # 2 w, six times 36 w^2 + 2 w, and 18 w^2 + w, so 315,008 for 32, 92,992
    # for 16, 30,368 for 8; G1 is 182,537,344; the last layer has 147 w + 3.
    (2, 182_537_344 + 315_008 + 92_992 + 2_355),
    (3, 182_537_344 + 315_008 + 92_992 + 30_368 + 1_179),
  ],
)
def test_published_sizes(enhancers, total):
  params = shapes(Generator(enhancers=enhancers), 1, 256, 256, 36)
  assert count(params) == total
  assert sorted(params) == ["G1", "G2", "G3", "G4"][: enhancers + 1]
  # The picture's layer belongs to the finest level only.
  levels = ["conv_out" in params[name] for name in sorted(params)]
  assert levels == [False] * enhancers + [True]


def test_widths_halve_per_level():
  params = shapes(Generator(width=16, enhancers=3, blocks=1), 1, 128, 256, 5)
  widths = {name: params[name]["conv_in"]["bias"].shape[0] for name in params}
  assert widths == {"G1": 16, "G2": 8, "G3": 4, "G4": 2}
  assert params["G4"]["conv_out"]["kernel"].shape == (7, 7, 2, 3)
  assert params["G2"]["block_1"]["conv_1"]["kernel"].shape == (3, 3, 16, 16)


@pytest.fixture(scope="module")
def small():
  net = Generator(
    width=8, downsamples=2, blocks=1, enhancer_blocks=1, enhancers=1
  )
  x = np.random.default_rng(0).standard_normal((1, 32, 40, 3))
  x = jnp.asarray(x, jnp.float32)
  return net, draw_weights(net, x), x


def test_picture_is_as_large_as_the_input_and_in_range(small):
  net, params, x = small
  y = jax.jit(net.apply)(params, x)
  assert y.shape == (1, 32, 40, 3) and y.dtype == jnp.float32
  assert np.abs(y).max() < 1 and np.std(y) > 1e-3


def test_every_level_reaches_the_picture(small):
  net, params, x = small
  apply = jax.jit(net.apply)
  y = apply(params, x)
  for name in ("G1", "G2"):
    changed = dict(params["params"])
    changed[name] = jax.tree.map(lambda leaf: leaf[::-1], changed[name])
    other = apply({"params": changed}, x)
    assert np.abs(other - y).max() > 1e-2, name


def test_four_levels_reach_the_picture():
  net = Generator(
    width=8, downsamples=1, blocks=1, enhancer_blocks=1, enhancers=3
  )
  x = np.random.default_rng(0).standard_normal((1, 32, 64, 3))
  x = jnp.asarray(x, jnp.float32)
  params, apply = draw_weights(net, x), jax.jit(net.apply)
  y = apply(params, x)
  assert y.shape == (1, 32, 64, 3)
  assert sorted(params["params"]) == ["G1", "G2", "G3", "G4"]
  for name in params["params"]:
    changed = dict(params["params"])
    changed[name] = jax.tree.map(lambda leaf: leaf[::-1], changed[name])
    assert np.abs(apply({"params": changed}, x) - y).max() > 1e-2, name


def test_pictures_of_a_batch_do_not_mix(small):
  net, params, x = small
  pair = jnp.concatenate([x, x[:, ::-1] * 2])
  apply = jax.jit(net.apply)
  y = apply(params, x)
  np.testing.assert_allclose(apply(params, pair)[:1], y, atol=1e-5)


def test_bf16_gives_a_float32_picture_close_to_float32(small):
  net, params, x = small
  low = jax.jit(net.clone(dtype=jnp.bfloat16).apply)(params, x)
  assert low.dtype == jnp.float32
  want = jax.jit(net.apply)(params, x)
  np.testing.assert_allclose(low, want, atol=0.05)


def test_trunk_without_a_picture():
  net = GlobalGenerator(0, 8, 1, 1)
  x = jnp.ones((1, 8, 8, 2))
  params = draw_weights(net, x)
  image, features = net.apply(params, x)
  assert image is None and features.shape == (1, 8, 8, 8)
  assert "conv_out" not in params["params"]
