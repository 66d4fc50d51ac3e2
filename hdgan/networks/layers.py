"""Layers that all networks share: convolutions, instance norm, averaging.

Arithmetic as in the released code: reflection padding around 7x7 convolutions
and inside residual blocks, zero padding elsewhere, instance norm without scale
and shift, averaging that leaves padded pixels out of the mean.
"""

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
from jaxtyping import Array, Float

from hdgan.devices import halo
from hdgan.networks.convolution import conv, up_conv

Dtype = Any
Params = dict[str, Any]  # nested by module, down to arrays
NORM_EPSILON = 1e-5  # PyTorch's default, which the released code uses.
INIT_STDDEV = 0.02
SAVED = "convolution"  # what recomputation (config.remat) keeps


def reflect_conv(
  x: Float[Array, "b h w c"], kernel: Float[Array, "k k c d"]
) -> Float[Array, "b h w d"]:
  """Convolves pictures mirrored at their border, which is not repeated.

  Where the height is cut over devices, each sends k // 2 rows to its
  neighbours.

  Args:
    x: [B, H, W, C] pictures.
    kernel: [k, k, C, D] weights, k odd.

  Returns:
    [B, H, W, D] pictures.
  """
  pad = (kernel.shape[0] // 2,) * 2
  if halo.bands() == 1:
    wide = jnp.pad(x, ((0, 0), pad, pad, (0, 0)), mode="reflect")
    return conv(wide, kernel)

  def on_band(which: jax.Array, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same of a band of rows."""
    # The padded height is not seen outside: nothing divides it.
    wide = jnp.pad(x, ((0, 0), (0, 0), pad, (0, 0)), mode="reflect")
    return conv(halo.with_neighbours(wide, pad[0], which), kernel)

  return halo.on_bands(on_band, (x,), kernel)


def instance_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
  """Normalises each channel of each picture over its pixels.

  Minus the mean, divided by sqrt(variance + 1e-5), variance over H * W (not
  H * W - 1), no scale and shift, in float32 whatever the input's dtype.

  Args:
    x: [B, H, W, C] pictures.

  Returns:
    [B, H, W, C] of the same dtype.
  """
  bands = halo.bands()
  if bands == 1 or x.shape[1] % bands:
    # D's odd heights too: the partitioner knows how to cut those.
    return _normalised(x, None)
  return halo.on_bands(lambda which, x, _: _normalised(x, which), (x,))


# Its derivative is written out: it keeps x alone, in the dtype that x has, and
# where the height is cut it takes one sum over the devices where JAX's own
# takes one after the other.
@jax.custom_vjp
def _normalised(x: jax.Array, which: jax.Array | None) -> jax.Array:
  """`instance_norm` of [B, H, W, C], or of one band of it: which one."""
  return _normalised_forward(x, which)[0]


def _normalised_forward(
  x: jax.Array, which: jax.Array | None
) -> tuple[jax.Array, Any]:
  """The result, and what the backward pass needs."""
  y = x.astype(jnp.float32)
  # Mean first: E[y^2] - E[y]^2 would cancel where the mean is large.
  mean = jnp.mean(y, axis=(1, 2), keepdims=True)
  variance = jnp.mean(jnp.square(y - mean), axis=(1, 2), keepdims=True)
  if which is not None:
    # Bands are equally high: the variance of all is that inside them and that
    # of their means.
    means, inside = halo.of_all_bands(jnp.stack([mean, variance]), which)
    mean = jnp.mean(means, axis=0)
    variance = jnp.mean(inside + jnp.square(means - mean[None]), axis=0)
  root = jax.lax.rsqrt(variance + NORM_EPSILON)
  return ((y - mean) * root).astype(x.dtype), (x, mean, root, which)


def _normalised_backward(saved: Any, dy: jax.Array) -> tuple[jax.Array, None]:
  """(dy - mean(dy) - y mean(dy y)) / deviation, means over H and W."""
  x, mean, root, which = saved
  y, dy = (x.astype(jnp.float32) - mean) * root, dy.astype(jnp.float32)
  means = jnp.stack(
    [jnp.mean(each, axis=(1, 2), keepdims=True) for each in (dy, dy * y)]
  )
  if which is not None:
    means = jax.lax.pmean(means, halo.SPACE)
  dx = (dy - means[0] - y * means[1]) * root
  return dx.astype(x.dtype), None


_normalised.defvjp(_normalised_forward, _normalised_backward)


@jax.custom_vjp
def add_bias(
  x: Float[Array, "b h w c"], bias: Float[Array, " c"]
) -> Float[Array, "b h w c"]:
  """Adds a bias [C], rounded to the dtype of the [B, H, W, C] pictures.

  Its gradient, a sum over pictures and pixels, is not rounded before its end.
  """
  return x + bias.astype(x.dtype)[None, None, None, :]


def _add_bias_backward(bias: jax.Array, dy: jax.Array) -> Any:
  """Gradients [B, H, W, C] and [C]."""
  return dy, jnp.sum(dy.astype(bias.dtype), axis=(0, 1, 2))


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), bias), _add_bias_backward)


def norm_relu(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
  """Instance norm, then ReLU, on [B, H, W, C]."""
  return jax.nn.relu(instance_norm(x))


def average_down(
  x: Float[Array, "b h w c"],
) -> Float[Array, "b (h+1)//2 (w+1)//2 c"]:
  """Halves pictures by 3x3 averages of stride 2, padded by 1.

  Padded pixels are left out of the mean, as in the released code.

  Args:
    x: [B, H, W, C] pictures.

  Returns:
    [B, ceil(H / 2), ceil(W / 2), C] pictures of the same dtype.
  """

  def counts(size: int) -> np.ndarray:
    """[ceil(size / 2)] pixels of each window that are no padding."""
    # Windows begin at -1 and step by 2.
    first = 2 * np.arange(-(-size // 2)) - 1
    return np.minimum(first + 3, size) - np.maximum(first, 0)

  pixels = np.outer(counts(x.shape[1]), counts(x.shape[2]))
  # A numpy zero: only from a concrete start does JAX know this for a sum, whose
  # gradient it has.
  total = jax.lax.reduce_window(
    x, np.zeros((), x.dtype), jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1),
    ((0, 0), (1, 1), (1, 1), (0, 0)),
  )  # fmt: skip
  return total / jnp.asarray(pixels[None, :, :, None], x.dtype)


def pyramid(
  x: Float[Array, "b h w c"], levels: int
) -> list[Float[Array, "b _ _ c"]]:
  """Averages [B, H, W, C] down: `levels` pictures, the full size first."""
  result = [x]
  for _ in range(levels - 1):
    result.append(average_down(result[-1]))
  return result


# How a parameter starts: float32 numbers of a shape, drawn on the host.
Start = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(stddev: float, mean: float = 0.0) -> Start:
  """Starts at N(mean, stddev**2)."""
  return lambda rng, shape: (
    rng.standard_normal(shape, np.float32) * stddev + mean
  )


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
    return Started(val, self.start)

  # AxisMetadata asks for these two. Only lifted transforms call them, and no
  # module here is lifted.
  def add_axis(self, index: int, params: Any) -> "Started":
    """Has no say in axes."""
    return self

  def remove_axis(self, index: int, params: Any) -> "Started":
    """Has no say in axes."""
    return self


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
  """Starts at 0."""
  return np.zeros(shape, np.float32)


def starts(start: Start) -> Callable[..., Any]:
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
    # Python's own hash would differ from process to process.
    name = zlib.crc32("/".join(path).encode())
    value = leaf.start(np.random.default_rng((*seed, name)), leaf.value.shape)
    drawn[path] = value.astype(np.float32)
  return flax.traverse_util.unflatten_dict(drawn)


class Conv(nn.Module):
  """A convolution; weights from N(0, 0.02) as published.

  Attributes:
    channels: D, output channels.
    size: k, the kernel's height and width.
    stride: 1 or 2.
    padding: zeros around the input.
    reflect: mirror the input instead, so that its size stays.
    transposed: doubles the size by `up_conv` instead (3x3 or 4x4).
    bias_start: "uniform", as PyTorch's starts; "zero"; "none" has no bias.
    dtype: of the arithmetic; parameters are float32.
  """

  channels: int
  size: int = 3
  stride: int = 1
  padding: int = 0
  reflect: bool = False
  transposed: bool = False
  bias_start: str = "uniform"
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b _ _ {self.channels}"]:
    """Maps [B, H, W, C] to [B, H', W', D] of `dtype`."""
    k, c = self.size, x.shape[-1]
    shape = (k, k, c, self.channels)
    kernel = self.param("kernel", starts(normal(INIT_STDDEV)), shape)
    x = x.astype(self.dtype)
    if self.transposed:
      y = up_conv(x, kernel)
    elif self.reflect:
      y = reflect_conv(x, kernel)
    else:
      y = conv(x, kernel, self.stride, self.padding)
    if self.bias_start != "none":
      # Instance norm cancels the bias before it, but the released weights hold
      # one everywhere. It starts as PyTorch's does, which the original leaves:
      # within 1 / sqrt(fan-in), counted from a transposed convolution's output.
      fan_in = k * k * (self.channels if self.transposed else c)
      start = zeros if self.bias_start == "zero" else uniform(fan_in**-0.5)
      bias = self.param("bias", starts(start), shape[3:])
      y = add_bias(y, bias)
    return checkpoint_name(y, SAVED)


class BatchNorm(nn.Module):
  """Normalises each channel over the batch's pixels, then scales and shifts.

  The statistics are always those of the batch at hand, with variance over
  B * H * W, in float32 whatever the input's dtype; no running ones are kept.
  The scale starts at N(1, 0.02), the shift at 0, as in pix2pix.
  """

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Maps [B, H, W, C] to the same shape and dtype."""
    scale, shift = (
      self.param(name, starts(start), x.shape[3:])[None, None, None, :]
      for name, start in (("scale", normal(INIT_STDDEV, 1.0)), ("bias", zeros))
    )
    y = x.astype(jnp.float32)
    y = y - jnp.mean(y, axis=(0, 1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(y), axis=(0, 1, 2), keepdims=True)
    y = y * jax.lax.rsqrt(variance + NORM_EPSILON) * scale + shift
    return y.astype(x.dtype)


class ResidualBlock(nn.Module):
  """Two reflection-padded 3x3 convolutions with norm, added to the input.

  Attributes:
    dtype: of the arithmetic.
  """

  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Maps [B, H, W, C] to the same shape; nothing follows the sum."""
    conv_1, conv_2 = (
      Conv(x.shape[-1], reflect=True, dtype=self.dtype, name=f"conv_{i}")
      for i in (1, 2)
    )
    return x + instance_norm(conv_2(norm_relu(conv_1(x))))
