"""Layers that all networks share: convolutions, instance norm, averaging.

Arithmetic as in the released code: reflection padding around 7x7 convolutions
and inside residual blocks, zero padding elsewhere, instance norm without scale
and shift, averaging that leaves padded pixels out of the mean.

XLA's CPU backend is fast on some forms of a convolution and up to a hundred
times slower on others. All forms that avoid the slow ones live in this file;
other platforms get the plain form. Values agree to float32 rounding.
"""

import functools
import zlib
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import flax.struct
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

Dtype = Any
NORM_EPSILON = 1e-5  # PyTorch's default, which the released code uses.
INIT_STDDEV = 0.02
SAVED = "convolution"  # what recomputation (config.remat) keeps


def conv(
  x: jax.Array, kernel: jax.Array, stride: int = 1, padding: int = 0
) -> jax.Array:
  """Cross-correlates a batch of pictures with a kernel.

  Args:
    x: [B, H, W, C] pictures.
    kernel: [k, k, C, D] weights of the same dtype.
    stride: 1 or 2, on both axes.
    padding: rows and columns of zeros put on every side first.

  Returns:
    [B, (H + 2 * padding - k) // stride + 1, ..., D] pictures.
  """
  # Padding first: the weight gradient of a padded convolution is slow on CPUs.
  x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
  return _valid_conv(x, kernel, stride)


def up_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Applies a 3x3 transposed convolution of stride 2 in sub-pixel form.

  PyTorch's `ConvTranspose2d(3, stride=2, padding=1, output_padding=1)`: with
  w[i] a kernel row, output row 2m is x[m] w[1] and output row 2m + 1 is
  x[m] w[2] + x[m + 1] w[0]. All four parities of a pixel come out of one 2x2
  convolution, which stays local when the height is cut over devices.

  Args:
    x: [B, H, W, C] pictures.
    kernel: [3, 3, C, D] weights, not flipped.

  Returns:
    [B, 2H, 2W, D] pictures.
  """
  taps = np.zeros((2, 2, 3), np.float32)  # [offset, parity, kernel row]
  taps[0, 0, 1] = taps[0, 1, 2] = taps[1, 1, 0] = 1.0
  x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
  return _to_space(_valid_conv(x, _sub_pixel_kernel(kernel, taps), 1))


def _sub_pixel_kernel(kernel: jax.Array, taps: np.ndarray) -> jax.Array:
  """Spreads [k, k, C, D] weights to [2, 2, C, 2 * 2 * D], one D per parity."""
  taps = jnp.asarray(taps, kernel.dtype)
  # Each output is one weight or zero, so any precision but the highest may
  # round it; the product is tiny.
  spread = jnp.einsum(
    "apk,bql,klcd->abcpqd", taps, taps, kernel, precision="highest"
  )
  return spread.reshape(2, 2, kernel.shape[2], 4 * kernel.shape[3])


def _to_space(x: jax.Array) -> jax.Array:
  """Moves [B, H, W, 2 * 2 * D] channels to [B, 2H, 2W, D] pixels."""
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, 2 * h, 2 * w, c // 4)


def _plain_conv(
  x: jax.Array, kernel: jax.Array, stride: int, end_padding: int = 0
) -> jax.Array:
  """Runs XLA's convolution on [B, H, W, C] with zeros at the far end only."""
  pad = (0, end_padding)
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), (pad, pad),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )  # fmt: skip


def _cpu_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Same result as `_plain_conv`; CPUs are slow without any padding."""
  if stride > 1:
    return _plain_conv(x, kernel, stride)
  return _plain_conv(x, kernel, stride, end_padding=1)[:, :-1, :-1]


def _cpu_input_gradient(
  shape: tuple[int, ...], kernel: jax.Array, stride: int, dy: jax.Array
) -> jax.Array:
  """Gradient of a convolution to its [B, H, W, C] input, from [B, h, w, D].

  A strided convolution's is a 2x2 convolution of dy to the four parities of
  the input: input row 2m + p is dy[m] w[p] + dy[m - 1] w[p + 2].
  """
  if stride == 1 or kernel.shape[2] < 16 or dy.shape[1] * dy.shape[2] < 4096:
    form = functools.partial(_plain_conv, stride=stride)
    zeros = jnp.zeros(shape, dy.dtype)
    return jax.vjp(lambda x: form(x, kernel), zeros)[1](dy)[0]
  size, (_, height, width, _) = kernel.shape[0], shape
  taps = np.zeros((2, 2, size), np.float32)
  for parity in (0, 1):
    taps[1, parity, parity] = 1.0
    if parity + 2 < size:
      taps[0, parity, parity + 2] = 1.0
  rows = -(-height // 2) - dy.shape[1]
  cols = -(-width // 2) - dy.shape[2]
  dy = jnp.pad(dy, ((0, 0), (1, rows), (1, cols), (0, 0)))
  flipped = _sub_pixel_kernel(kernel.transpose(0, 1, 3, 2), taps)
  return _to_space(_cpu_conv(dy, flipped, 1))[:, :height, :width]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _valid_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Convolves [B, H, W, C] without padding, in the platform's best form."""
  return jax.lax.platform_dependent(
    x, kernel,
    cpu=functools.partial(_cpu_conv, stride=stride),
    default=functools.partial(_plain_conv, stride=stride),
  )  # fmt: skip


def _valid_conv_forward(x: jax.Array, kernel: jax.Array, stride: int) -> Any:
  return _valid_conv(x, kernel, stride), (x, kernel)


def _valid_conv_backward(stride: int, saved: Any, dy: jax.Array) -> Any:
  def plain(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    form = functools.partial(_plain_conv, stride=stride)
    return jax.vjp(form, x, kernel)[1](dy)

  def cpu(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    form = functools.partial(_plain_conv, x, stride=stride)
    (dkernel,) = jax.vjp(form, kernel)[1](dy)
    return _cpu_input_gradient(x.shape, kernel, stride, dy), dkernel

  return jax.lax.platform_dependent(*saved, dy, cpu=cpu, default=plain)


_valid_conv.defvjp(_valid_conv_forward, _valid_conv_backward)


def reflect_pad(x: jax.Array, padding: int) -> jax.Array:
  """Mirrors [B, H, W, C] pictures at their border, which is not repeated."""
  pad = (padding, padding)
  return jnp.pad(x, ((0, 0), pad, pad, (0, 0)), mode="reflect")


def instance_norm(x: jax.Array) -> jax.Array:
  """Normalises each channel of each picture over its pixels.

  Minus the mean, divided by sqrt(variance + 1e-5), variance over H * W (not
  H * W - 1), no scale and shift, in float32 whatever the input's dtype.

  Args:
    x: [B, H, W, C] pictures.

  Returns:
    [B, H, W, C] of the same dtype.
  """
  y = x.astype(jnp.float32)
  y = y - jnp.mean(y, axis=(1, 2), keepdims=True)
  variance = jnp.mean(jnp.square(y), axis=(1, 2), keepdims=True)
  return (y * jax.lax.rsqrt(variance + NORM_EPSILON)).astype(x.dtype)


def norm_relu(x: jax.Array) -> jax.Array:
  """Instance norm, then ReLU, on [B, H, W, C]."""
  return jax.nn.relu(instance_norm(x))


def average_down(x: jax.Array) -> jax.Array:
  """Halves pictures by 3x3 averages of stride 2, padded by 1.

  Padded pixels are left out of the mean, as in the released code.

  Args:
    x: [B, H, W, C] pictures.

  Returns:
    [B, ceil(H / 2), ceil(W / 2), C] pictures of the same dtype.
  """

  def counts(size: int) -> np.ndarray:
    first = 2 * np.arange(-(-size // 2)) - 1
    return np.minimum(first + 3, size) - np.maximum(first, 0)

  pixels = np.outer(counts(x.shape[1]), counts(x.shape[2]))
  total = jax.lax.reduce_window(
    x, np.zeros((), x.dtype), jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1),
    ((0, 0), (1, 1), (1, 1), (0, 0)),
  )  # fmt: skip
  return total / jnp.asarray(pixels[None, :, :, None], x.dtype)


def pyramid(x: jax.Array, levels: int) -> list[jax.Array]:
  """Averages [B, H, W, C] down: `levels` pictures, the full size first."""
  result = [x]
  for _ in range(levels - 1):
    result.append(average_down(result[-1]))
  return result


# How a parameter starts: float32 numbers of a shape, drawn on the host.
Start = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(stddev: float) -> Start:
  """Starts at N(0, stddev**2)."""
  return lambda rng, shape: rng.standard_normal(shape, np.float32) * stddev


def uniform(bound: float) -> Start:
  """Starts uniformly in [-bound, bound]."""
  return lambda rng, shape: rng.uniform(-bound, bound, shape)


@flax.struct.dataclass
class Started(nn.meta.AxisMetadata):
  """A parameter before it has numbers: its array's shape, and its start.

  Modules state the start once, beside the shape; `start_params` draws it.

  Attributes:
    value: stands for the array, where shapes are all that is asked for.
    start: draws it.
  """

  value: Any
  start: Start = flax.struct.field(pytree_node=False)

  def unbox(self) -> Any:
    """What the module computes with."""
    return self.value

  def replace_boxed(self, val: Any) -> "Started":
    """The same start of another array."""
    return self.replace(value=val)

  def add_axis(self, index: int, params: Any) -> "Started":
    """Has no say in axes."""
    return self

  def remove_axis(self, index: int, params: Any) -> "Started":
    """Has no say in axes."""
    return self


def starts(start: Start) -> Callable[..., Started]:
  """What `nn.Module.param` wants: from a key and a shape to a `Started`."""
  return lambda key, shape: Started(jnp.zeros(shape, jnp.float32), start)


def start_params(declared: dict[str, Any], seed: tuple[int, ...]) -> Any:
  """Draws all parameters on the host.

  XLA takes seconds to compile a random kernel for each shape, numpy none, and
  numbers from numpy are the same on every platform.

  Args:
    declared: nested dict of `Started`, as `jax.eval_shape` gives it.
    seed: non-negative integers; the result is a pure function of them.

  Returns:
    The same dict of float32 numpy arrays.
  """
  drawn = {}
  for path, leaf in flax.traverse_util.flatten_dict(declared).items():
    # A name of its own seed each: networks do not depend on one another.
    name = zlib.crc32("/".join(path).encode())
    value = leaf.start(np.random.default_rng((*seed, name)), leaf.value.shape)
    drawn[path] = value.astype(np.float32)
  return flax.traverse_util.unflatten_dict(drawn)


class Conv(nn.Module):
  """A convolution with bias; weights from N(0, 0.02) as published.

  Attributes:
    channels: D, output channels.
    size: k, the kernel's height and width.
    stride: 1 or 2.
    padding: zeros around the input; 0 where the caller pads by reflection.
    transposed: doubles the size by `up_conv` instead (3x3 only).
    dtype: of the arithmetic; parameters are float32.
  """

  channels: int
  size: int = 3
  stride: int = 1
  padding: int = 0
  transposed: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H', W', D] of `dtype`."""
    k, c = self.size, x.shape[-1]
    shape = (k, k, c, self.channels)
    kernel = self.param("kernel", starts(normal(INIT_STDDEV)), shape)
    # PyTorch's start of biases, which the original leaves: 1 / sqrt(fan-in),
    # counted from a transposed convolution's output channels.
    fan_in = k * k * (self.channels if self.transposed else c)
    bias = self.param("bias", starts(uniform(fan_in**-0.5)), shape[3:])
    x, kernel, bias = (a.astype(self.dtype) for a in (x, kernel, bias))
    if self.transposed:
      y = up_conv(x, kernel)
    else:
      y = conv(x, kernel, self.stride, self.padding)
    return checkpoint_name(y + bias[None, None, None, :], SAVED)


class ResidualBlock(nn.Module):
  """Two reflection-padded 3x3 convolutions with norm, added to the input.

  Attributes:
    dtype: of the arithmetic.
  """

  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to the same shape; nothing follows the sum."""
    conv_1 = Conv(x.shape[-1], dtype=self.dtype, name="conv_1")
    conv_2 = Conv(x.shape[-1], dtype=self.dtype, name="conv_2")
    y = norm_relu(conv_1(reflect_pad(x, 1)))
    return x + instance_norm(conv_2(reflect_pad(y, 1)))
