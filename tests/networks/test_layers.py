"""Layers against loops in NumPy and numbers worked out by hand."""

import zlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw

from hdgan.networks import layers
from hdgan.networks.convolution import conv


def test_reflect_conv_does_not_repeat_the_border():
  # Rows of 0, 1, 2, 3 under a kernel that takes the pixel three to the left
  # once and the one three to the right ten times: mirrored, 3 2 1 0 and 2 1 0.
  x = np.arange(4, dtype=np.float32)[None, None, :, None]
  x = np.broadcast_to(x, (1, 4, 4, 1))
  kernel = np.zeros((7, 7, 1, 1), np.float32)
  kernel[3, 0], kernel[3, 6] = 1, 10
  got = layers.reflect_conv(jnp.asarray(x), jnp.asarray(kernel))
  want = [3 + 30, 2 + 20, 1 + 10, 0 + 0]
  np.testing.assert_array_equal(got[0, :, :, 0], [want] * 4)
  # The same upwards and downwards.
  kernel = jnp.asarray(kernel.transpose(1, 0, 2, 3))
  turned = layers.reflect_conv(jnp.asarray(x.transpose(0, 2, 1, 3)), kernel)
  np.testing.assert_array_equal(turned[0, :, 0, 0], want)


def test_instance_norm_by_hand():
  # Mean 2, variance (4 + 0 + 0 + 4) / 4 = 2 without Bessel's correction.
  x = jnp.array([0, 2, 2, 4], jnp.float32).reshape(1, 2, 2, 1)
  root = np.sqrt(2 + 1e-5)
  want = np.array([-2, 0, 0, 2]) / root
  close(np.ravel(layers.instance_norm(x)), want, 1e-6)


def test_instance_norm_takes_each_picture_and_channel_alone():
  x = np.asarray(draw(2, 5, 7, 3)) * np.array([1, 10, 100], np.float32)
  x[1] += 5
  mean = x.mean((1, 2), keepdims=True, dtype=np.float64)
  variance = x.var((1, 2), keepdims=True, dtype=np.float64)
  got = layers.instance_norm(jnp.asarray(x))
  close(got, (x - mean) / np.sqrt(variance + 1e-5))


def test_instance_norm_of_one_value_is_zero():
  x = jnp.full((1, 4, 4, 2), 1e4)
  np.testing.assert_array_equal(layers.instance_norm(x), 0)


def test_bfloat16_keeps_its_dtype_and_float32_statistics():
  x = jnp.asarray(draw(1, 64, 64, 1) + 100).astype(jnp.bfloat16)
  y = layers.instance_norm(x)
  assert y.dtype == jnp.bfloat16
  exact = np.asarray(x, np.float64)
  exact = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
  close(np.asarray(y, np.float64), exact, 1e-2)
  assert conv(x, jnp.ones((3, 3, 1, 2), jnp.bfloat16)).dtype == x.dtype


@pytest.mark.parametrize("height, width", [(8, 6), (7, 5), (1, 4)])
def test_average_down_leaves_the_padding_out(height, width):
  x = draw(2, height, width, 3)
  want = np.zeros((2, -(-height // 2), -(-width // 2), 3))
  for i in range(want.shape[1]):
    for j in range(want.shape[2]):
      rows = slice(max(2 * i - 1, 0), 2 * i + 2)
      cols = slice(max(2 * j - 1, 0), 2 * j + 2)
      want[:, i, j] = x[:, rows, cols].mean((1, 2))
  close(layers.average_down(x), want)


def test_pyramid_halves_each_level():
  levels = layers.pyramid(jnp.ones((1, 13, 8, 2)), 3)
  sizes = [level.shape[1:3] for level in levels]
  assert sizes == [(13, 8), (7, 4), (4, 2)]
  for level in levels:
    np.testing.assert_allclose(level, 1.0, rtol=1e-6)


def start(module, x):
  declared = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
  return layers.start_params(declared, (0,))


def test_start_values():
  layer = layers.Conv(64, 7)
  params = start(layer, jnp.zeros((1, 8, 8, 32)))
  kernel, bias = np.asarray(params["kernel"]), np.asarray(params["bias"])
  assert abs(kernel.mean()) < 3e-4 and abs(kernel.std() - 0.02) < 3e-4
  bound = (7 * 7 * 32) ** -0.5
  assert 0.8 * bound < np.abs(bias).max() <= bound
  up = layers.Conv(16, transposed=True)
  params = start(up, jnp.zeros((1, 8, 8, 4)))
  bound = (3 * 3 * 16) ** -0.5  # of the output's channels
  assert 0.7 * bound < np.abs(params["bias"]).max() <= bound


class ScaledNorm(nn.Module):
  """A norm that learns its scale: a start that is neither of the two above."""

  @nn.compact
  def __call__(self, x):
    ones = layers.starts(lambda rng, shape: np.ones(shape))
    return x * self.param("scale", ones, x.shape[-1:])[None, None, None, :]


def test_a_module_states_any_start_itself():
  params = start(nn.Sequential([layers.Conv(2, 1), ScaledNorm()]),
                 jnp.zeros((1, 2, 2, 3)))  # fmt: skip
  np.testing.assert_array_equal(params["layers_1"]["scale"], [1, 1])
  assert params["layers_1"]["scale"].dtype == np.float32
  kernel = params["layers_0"]["kernel"]
  # By the parameter's name and the seed alone, as numpy's own generator says.
  name = zlib.crc32(b"layers_0/kernel")
  want = np.random.default_rng((0, name)).standard_normal(6, np.float32)
  np.testing.assert_array_equal(kernel.ravel(), want * np.float32(0.02))


def test_residual_block_is_the_identity_for_zero_weights():
  block = layers.ResidualBlock()
  x = jnp.asarray(draw(1, 6, 6, 4))
  params = block.init(jax.random.key(0), x)
  zeros = jax.tree.map(jnp.zeros_like, params)
  np.testing.assert_array_equal(block.apply(zeros, x), x)
  names = sorted(params["params"])
  assert names == ["conv_1", "conv_2"]
