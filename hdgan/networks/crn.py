"""CRN, the cascaded refinement network: a generator to compare with.

Chen and Koltun, "Photographic Image Synthesis with Cascaded Refinement
Networks", ICCV 2017; all numbers as in their released code. Each module takes
the one before, enlarged to twice its size, and the label at its own size. As
published, width 1024 and 6 doublings to 256x512:

| module's height | 4 .. 64 | 128, 256 | 512 | 1024 |
|---|---|---|---|---|
| channels | 1024 | 512 | 128 | 32 |

Here G1 is all modules of stage one, G2 the module for 512 and G3 that for 1024.
With another number of doublings G1's two finest modules have half its width,
those before all of it.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from hdgan.networks.convolution import conv
from hdgan.networks.generator import Generated
from hdgan.networks.layers import SAVED, Dtype, starts, uniform

LEAK = 0.2  # Slope of the leaky ReLU below zero.
EPSILON = 1e-12
# Parts of the width that G1's two finest modules, G2, G3 and G4 have; that of
# G4 goes on as the others do.
NARROWER = (2, 8, 32, 128)


def module_widths(
  width: int, downsamples: int, enhancers: int
) -> tuple[int, ...]:
  """Channels of all modules, the coarsest first.

  Args:
    width: of the coarsest modules.
    downsamples: doublings from the first module to the last one of G1.
    enhancers: modules behind G1.

  Returns:
    downsamples + 1 + enhancers widths.
  """
  finest = min(2, downsamples + 1)
  wide = (width,) * (downsamples + 1 - finest)
  above = tuple(width // NARROWER[k] for k in range(1, enhancers + 1))
  return wide + (width // NARROWER[0],) * finest + above


def area_half(x: Float[Array, "b h w c"]) -> Float[Array, "b h//2 w//2 c"]:
  """Averages every 2x2 pixels of [B, H, W, C], H and W even."""
  b, h, w, c = x.shape
  return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def bilinear_double(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
  """Enlarges [B, H, W, C] pictures so that corner pixels stay at the corners.

  Output row i is at (H - 1) / (2H - 1) * i of the input ("align_corners").

  Args:
    x: pictures of any float dtype.

  Returns:
    [B, 2H, 2W, C] of the same dtype, computed in float32.
  """
  y = x.astype(jnp.float32)
  for axis in (1, 2):
    n = y.shape[axis]
    shape = [1] * y.ndim
    shape[axis] = n
    # Row 2m lies between m - 1 and m, row 2m + 1 between m and m + 1.
    part = np.arange(n, dtype=np.float32) / (2 * n - 1)
    before = jnp.asarray(part.reshape(shape))
    after = jnp.asarray(part[::-1].reshape(shape))
    even = y * (1 - before) + _shift(y, 1, axis) * before
    odd = y * (1 - after) + _shift(y, -1, axis) * after
    size = list(y.shape)
    size[axis] = 2 * n
    y = jnp.stack([even, odd], axis=axis + 1).reshape(size)
  return y.astype(x.dtype)


def _shift(x: jax.Array, by: int, axis: int) -> jax.Array:
  """Moves rows (axis 1) or columns (2) of [B, H, W, C] by one; 0 comes in."""
  pad = [(0, 0)] * x.ndim
  pad[axis] = (1, 0) if by > 0 else (0, 1)
  n = x.shape[axis]
  begin = 0 if by > 0 else 1
  return jax.lax.slice_in_dim(jnp.pad(x, pad), begin, begin + n, axis=axis)


def with_rest(
  x: Float[Array, "b h w c"], classes: int
) -> Float[Array, "b h w _"]:
  """Adds a channel for pixels of no class: 1 minus the sum of the classes.

  Args:
    x: [B, H, W, C] conditioning, one-hot vectors first.
    classes: how many of its channels they are.

  Returns:
    [B, H, W, C + 1], the new channel behind the classes.
  """
  rest = 1.0 - jnp.sum(x[..., :classes], axis=-1, keepdims=True)
  return jnp.concatenate([x[..., :classes], rest, x[..., classes:]], axis=-1)


class LayerNorm(nn.Module):
  """Normalises each picture over all of its pixels and channels at once.

  Minus the mean, divided by sqrt(variance + 1e-12), then a scale and a shift
  for each channel, in float32 whatever the input's dtype.
  """

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Maps [B, H, W, C] to the same shape and dtype."""
    one = starts(lambda rng, shape: np.ones(shape, np.float32))
    scale = self.param("scale", one, x.shape[-1:])
    shift = self.param("bias", starts(uniform(0.0)), x.shape[-1:])
    y = x.astype(jnp.float32)
    y = y - jnp.mean(y, axis=(1, 2, 3), keepdims=True)
    variance = jnp.mean(jnp.square(y), axis=(1, 2, 3), keepdims=True)
    y = y * jax.lax.rsqrt(variance + EPSILON)
    y = y * scale[None, None, None, :] + shift[None, None, None, :]
    return y.astype(x.dtype)


class XavierConv(nn.Module):
  """A convolution that keeps the size, as TF-slim's starts.

  Weights start uniformly within sqrt(6 / (fan-in + fan-out)), biases at 0.

  Attributes:
    channels: D, output channels.
    size: k, the kernel's height and width: odd.
    bias: whether there is one.
    dtype: of the arithmetic; parameters are float32.
  """

  channels: int
  size: int = 3
  bias: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C] to [B, H, W, D] of `dtype`."""
    k, c = self.size, x.shape[-1]
    bound = (6 / (k * k * (c + self.channels))) ** 0.5
    shape = (k, k, c, self.channels)
    kernel = self.param("kernel", starts(uniform(bound)), shape)
    y = conv(x.astype(self.dtype), kernel.astype(self.dtype), 1, k // 2)
    if self.bias:
      bias = self.param("bias", starts(uniform(0.0)), shape[3:])
      y = y + bias.astype(self.dtype)[None, None, None, :]
    return checkpoint_name(y, SAVED)


class RefinementModule(nn.Module):
  """Two 3x3 convolutions, each with layer norm and a leaky ReLU.

  Attributes:
    width: channels of both.
    dtype: of the arithmetic.
  """

  width: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.width}"]:
    """Maps [B, H, W, C] to [B, H, W, width] of `dtype`."""
    for i in (1, 2):
      x = XavierConv(self.width, dtype=self.dtype, name=f"conv_{i}")(x)
      x = LayerNorm(name=f"norm_{i}")(x)
      x = jax.nn.leaky_relu(x, LEAK)
    return x


class Cascade(nn.Module):
  """Modules one behind the other: G1, or the one module of an enhancer.

  Attributes:
    widths: of its modules, the coarsest first.
    channels: of the output layer; 0 leaves it out.
    dtype: of the arithmetic; the output layer's is float32.
  """

  widths: tuple[int, ...]
  channels: int = 3
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    levels: Sequence[Float[Array, "b _ _ c"]],
    coarse: Float[Array, "b _ _ _"] | None = None,
  ) -> Generated:
    """Maps the label at each module's size to a picture.

    Args:
      levels: [B, h, w, C_in] for each module, each twice the size before.
      coarse: [B, h / 2, w / 2, C] features of the module before the first.

    Returns:
      The picture, nominally in [-1, 1] but not bounded, and the features of
      the last module.
    """
    features: Any = coarse
    for i, (level, width) in enumerate(
      zip(levels, self.widths, strict=True), start=1
    ):
      x = level.astype(self.dtype)
      if features is not None:
        x = jnp.concatenate([bilinear_double(features), x], axis=-1)
      module = RefinementModule(width, self.dtype, name=f"module_{i}")
      features = module(x)
    image = None
    if self.channels:
      last = XavierConv(self.channels, 1, bias=True, name="conv_out")
      image = last(features.astype(jnp.float32))
    return Generated(image, features)


class RefinementNetwork(nn.Module):
  """CRN: G1 with `enhancers` modules on top; parameters under G1 to G4.

  Attributes:
    channels: C, of a picture.
    width: of the coarsest modules, see `module_widths`.
    downsamples: doublings from the first module to the last one of G1.
    enhancers: 0 for G1 alone.
    pictures: k, how many it draws at once; picture j is channels j, k + j,
      2k + j and so on.
    rest: how many classes come first in the input, where pixels of none of
      them get a channel of their own, as in the released code; 0: no such
      channel.
    dtype: of the arithmetic; the output layer's is float32.
  """

  channels: int = 3
  width: int = 1024
  downsamples: int = 6
  enhancers: int = 0
  pictures: int = 1
  rest: int = 0
  dtype: Dtype = jnp.float32

  @property
  def unit(self) -> int:
    """What H and W are multiples of."""
    return 2 ** (self.downsamples + self.enhancers)

  @property
  def least(self) -> int:
    """The fewest units of a side."""
    return 1

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w _"]:
    """Maps [B, H, W, C_in] to [B, H, W, k * C] float32 pictures.

    They are nominally in [-1, 1] but not bounded. H and W are multiples of
    2**(downsamples + enhancers).
    """
    if self.rest:
      x = with_rest(x, self.rest)
    first = self.downsamples + 1
    levels = [x]
    for _ in range(self.downsamples + self.enhancers):
      levels.append(area_half(levels[-1]))
    levels.reverse()
    widths = module_widths(self.width, self.downsamples, self.enhancers)
    parts = [slice(0, first)]
    parts += [slice(i, i + 1) for i in range(first, first + self.enhancers)]
    features: Any = None
    image: Any = None
    for k, part in enumerate(parts, start=1):
      # Only the finest level draws pictures.
      last = k == len(parts)
      cascade = Cascade(
        widths=widths[part],
        channels=self.pictures * self.channels if last else 0,
        dtype=self.dtype,
        name=f"G{k}",
      )
      image, features = cascade(levels[part], features)
    return image
