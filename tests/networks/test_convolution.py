"""Convolutions against loops in NumPy, and their gradients."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw

from hdgan.networks.convolution import conv, up_conv


def slow_conv(x, kernel, stride, padding):
  """A convolution as its definition says, one output pixel at a time."""
  x, kernel = np.asarray(x), np.asarray(kernel)
  x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
  k = kernel.shape[0]
  rows, cols = ((n - k) // stride + 1 for n in x.shape[1:3])
  y = np.zeros((x.shape[0], rows, cols, kernel.shape[3]), np.float64)
  for i in range(rows):
    for j in range(cols):
      window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
      y[:, i, j] = np.einsum("bklc,klcd->bd", window, kernel)
  return y


def slow_up_conv(x, kernel):
  """Spreads every input pixel over a window at twice the distance."""
  x, kernel = np.asarray(x), np.asarray(kernel)
  (b, h, w, _), k = x.shape, kernel.shape[0]
  y = np.zeros((b, 2 * h + 2, 2 * w + 2, kernel.shape[3]), np.float64)
  for i in range(h):
    for j in range(w):
      y[:, 2 * i : 2 * i + k, 2 * j : 2 * j + k] += np.einsum(
        "bc,klcd->bkld", x[:, i, j], kernel
      )
  return y[:, 1 : 2 * h + 1, 1 : 2 * w + 1]  # One row of padding cut off.


CONVS = [  # kernel size, stride, padding, height, width
  (3, 1, 0, 8, 6), (7, 1, 0, 11, 8), (4, 1, 2, 7, 5), (3, 2, 1, 8, 6),
  (3, 2, 1, 7, 9), (4, 2, 2, 8, 6), (4, 2, 2, 9, 7), (3, 1, 1, 5, 6),
]  # fmt: skip


@pytest.mark.parametrize("size, stride, padding, height, width", CONVS)
def test_conv_equals_its_definition(size, stride, padding, height, width):
  x, kernel = draw(2, height, width, 3), draw(size, size, 3, 4, seed=1)
  want = slow_conv(x, kernel, stride, padding)
  close(conv(x, kernel, stride, padding), want)


@pytest.mark.parametrize("size, stride, padding, height, width", CONVS)
def test_conv_gradients_equal_difference_quotients(
  size, stride, padding, height, width
):
  """A convolution is linear, so <dy, f(x + d) - f(x)> is exact in float64."""
  x, kernel = draw(2, height, width, 3), draw(size, size, 3, 4, seed=1)
  y, pull = jax.vjp(lambda *a: conv(*a, stride, padding), x, kernel)
  dy = draw(*y.shape, seed=2)
  dx, dkernel = pull(jnp.asarray(dy))
  for gradient, shape, place in ((dx, x.shape, 0), (dkernel, kernel.shape, 1)):
    nudge = draw(*shape, seed=3)
    pair = [x, kernel]
    pair[place] = nudge
    want = np.sum(np.asarray(dy) * slow_conv(*pair, stride, padding))
    got = np.sum(np.asarray(gradient, np.float64) * np.asarray(nudge))
    close(got, want, 1e-4)


# Kernel size and odd or even sizes; 64 x 64 results of 16 channels take the
# sub-pixel form of the input's gradient on CPUs, fewer channels the plain one.
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize(
  "size, height, width", [(3, 129, 130), (4, 129, 130), (4, 130, 131)]
)
def test_strided_input_gradient_has_one_value_in_both_forms(
  size, height, width, channels
):
  x, kernel = draw(1, height, width, channels), draw(size, size, channels, 4)
  y, pull = jax.vjp(lambda x: conv(x, kernel, 2), x)
  assert y.shape[1] * y.shape[2] >= 63 * 64
  dy = jnp.asarray(draw(*y.shape, seed=2))
  plain = jax.vjp(
    lambda x: jax.lax.conv_general_dilated(
      x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    x,
  )[1]
  close(pull(dy)[0], np.asarray(plain(dy)[0]))


@pytest.mark.parametrize(
  "height, width, size", [(4, 6, 3), (5, 3, 3), (1, 1, 3), (5, 3, 4), (1, 1, 4)]
)
def test_up_conv_equals_its_definition(height, width, size):
  x, kernel = draw(2, height, width, 3), draw(size, size, 3, 4, seed=1)
  y = up_conv(x, kernel)
  assert y.shape == (2, 2 * height, 2 * width, 4)
  close(y, slow_up_conv(x, kernel))


def test_up_conv_by_hand():
  x = jnp.ones((1, 1, 1, 1))
  kernel = jnp.arange(9, dtype=jnp.float32).reshape(3, 3, 1, 1)
  # The kernel's first row and column fall into the padding.
  want = [[4, 5], [7, 8]]
  np.testing.assert_array_equal(up_conv(x, kernel)[0, :, :, 0], want)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_inside_shard_map(stride):
  """Each device convolves its own half; the check of what varies is on."""
  mesh = jax.sharding.Mesh(jax.devices()[:2], ("space",))
  halves = jax.sharding.PartitionSpec(None, "space")
  x, kernel = draw(1, 18, 9, 3), draw(3, 3, 3, 4, seed=1)

  def one(x, kernel):
    kernel = jax.lax.pcast(kernel, "space", to="varying")
    return conv(x, kernel, stride)

  both = jax.jit(
    jax.shard_map(
      one, mesh=mesh, in_specs=(halves, jax.sharding.PartitionSpec()),
      out_specs=halves, axis_names={"space"},
    )
  )  # fmt: skip

  def apart(x, kernel):
    top, bottom = jnp.split(x, 2, axis=1)
    parts = [conv(top, kernel, stride), conv(bottom, kernel, stride)]
    return jnp.concatenate(parts, axis=1)

  y, pull = jax.vjp(both, x, kernel)
  want, pull_apart = jax.vjp(apart, x, kernel)
  close(y, np.asarray(want))
  dy = jnp.asarray(draw(*want.shape, seed=2))
  for got, expected in zip(pull(dy), pull_apart(dy), strict=True):
    close(got, np.asarray(expected))


@pytest.mark.parametrize("size, stride, padding, height, width", CONVS[1::2])
def test_a_weight_s_gradient_is_not_rounded_to_the_pictures_dtype(
  size, stride, padding, height, width
):
  """bfloat16 has 8 bits; the sum of its products comes out with 24."""
  short = draw(2, height, width, 3).astype(jnp.bfloat16)
  kernel = draw(size, size, 3, 4, seed=1)

  def pulled(x):
    y, pull = jax.vjp(lambda kernel: conv(x, kernel, stride, padding), kernel)
    dy = draw(*y.shape, seed=2).astype(jnp.bfloat16).astype(x.dtype)
    assert y.dtype == x.dtype
    return pull(dy)[0]

  got = pulled(short)
  assert got.dtype == jnp.float32
  close(got, np.asarray(pulled(short.astype(jnp.float32))), 1e-6)


@pytest.mark.parametrize("platform", ["cuda", "rocm"])
def test_gpus_sum_a_weight_s_gradient_over_devices_in_float32(platform):
  """Their own product is of bfloat16: it is raised before the sum."""
  mesh = jax.sharding.Mesh(jax.devices()[:2], ("data",))
  cut = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
  x = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.bfloat16, sharding=cut)
  kernel = jnp.zeros((3, 3, 3, 4))
  grad = jax.jit(jax.grad(lambda k, x: conv(x, k).astype(jnp.float32).sum()))
  with jax.set_mesh(mesh):
    text = grad.trace(kernel, x).lower(lowering_platforms=(platform,)).as_text()
  sums = re.findall(r"stablehlo.all_reduce.*?\) -> tensor<\S+>", text, re.S)
  assert len(sums) == 1 and sums[0].endswith("tensor<3x3x3x4xf32>")
  # The same product in another dtype would be slow there.
  products = re.findall(r"stablehlo.convolution.*-> tensor<(\S+)>", text)
  assert products and all(found.endswith("bf16") for found in products)
