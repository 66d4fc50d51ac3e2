"""The coarse-to-fine generator: G1 and the enhancers stacked on it.

Section 3.2 of the paper, "coarse-to-fine generator"; widths, padding and order
of layers as in the released code. `Generator` runs G1 on the averaged-down
input and every enhancer on its own level of the pyramid.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from hdgan.networks.layers import (
  Conv,
  Dtype,
  ResidualBlock,
  norm_relu,
  pyramid,
)


class Generated(NamedTuple):
  """What one level of the generator gives.

  Attributes:
    image: [B, H, W, C] float32 in [-1, 1]; None below an enhancer, where
      `channels` is 0.
    features: [B, H, W, width], what the next enhancer adds to its own.
  """

  image: Any
  features: Float[Array, "b h w width"]


def image_layer(
  x: Float[Array, "b h w width"], channels: int
) -> Float[Array, "b h w {channels}"]:
  """Adds the output layer to a module: reflection-padded 7x7 and tanh.

  Args:
    x: [B, H, W, width] features of any float dtype.
    channels: C, of the picture.

  Returns:
    [B, H, W, C] float32 in [-1, 1], computed in float32.
  """
  return jnp.tanh(Conv(channels, 7, reflect=True, name="conv_out")(x))


class GlobalGenerator(nn.Module):
  """G1: convolution, down-samplings, residual blocks, up-samplings, picture.

  Attributes:
    channels: C, of the picture; 0 leaves the output layer out.
    width: channels at full size, doubled at every down-sampling.
    downsamples: how often the size is halved.
    blocks: residual blocks at the smallest size.
    dtype: of the arithmetic; the output layer's is float32.
  """

  channels: int = 3
  width: int = 64
  downsamples: int = 4
  blocks: int = 9
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Generated:
    """Maps [B, H, W, C_in] to a picture and [B, H, W, width] features.

    H and W are multiples of 2**downsamples.
    """
    conv_in = Conv(
      self.width, 7, reflect=True, dtype=self.dtype, name="conv_in"
    )
    x = norm_relu(conv_in(x))
    for i in range(1, self.downsamples + 1):
      down = Conv(
        self.width * 2**i, stride=2, padding=1, dtype=self.dtype,
        name=f"down_{i}",
      )  # fmt: skip
      x = norm_relu(down(x))
    for i in range(1, self.blocks + 1):
      x = ResidualBlock(self.dtype, name=f"block_{i}")(x)
    for i in range(1, self.downsamples + 1):
      width = self.width * 2 ** (self.downsamples - i)
      up = Conv(width, transposed=True, dtype=self.dtype, name=f"up_{i}")
      x = norm_relu(up(x))
    image = image_layer(x, self.channels) if self.channels else None
    return Generated(image, x)


class LocalEnhancer(nn.Module):
  """G2 (or G3, G4): adds the coarser level's features to its own at half size.

  Attributes:
    channels: C, of the picture; 0 leaves the output layer out.
    width: channels at full size, half of the coarser level's.
    blocks: residual blocks at half size.
    dtype: of the arithmetic; the output layer's is float32.
  """

  channels: int = 3
  width: int = 32
  blocks: int = 3
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    x: Float[Array, "b h w c"],
    coarse: Float[Array, "b h//2 w//2 2*{self.width}"],
  ) -> Generated:
    """Maps the input and the coarser level's features to a finer level.

    Args:
      x: [B, H, W, C_in] input of this level.
      coarse: [B, H / 2, W / 2, 2 * width] features.

    Returns:
      The picture and [B, H, W, width] features.
    """
    conv_in = Conv(
      self.width, 7, reflect=True, dtype=self.dtype, name="conv_in"
    )
    x = norm_relu(conv_in(x))
    down = Conv(
      2 * self.width, stride=2, padding=1, dtype=self.dtype, name="down"
    )
    # The paper's element-wise sum: the blocks see both levels.
    x = norm_relu(down(x)) + coarse
    for i in range(1, self.blocks + 1):
      x = ResidualBlock(self.dtype, name=f"block_{i}")(x)
    up = Conv(self.width, transposed=True, dtype=self.dtype, name="up")
    x = norm_relu(up(x))
    image = image_layer(x, self.channels) if self.channels else None
    return Generated(image, x)


class Generator(nn.Module):
  """G1 with `enhancers` levels on top; parameters under G1 to G4.

  Attributes:
    channels: C, of the picture.
    width: of G1; enhancer k has width / 2**k.
    downsamples: of G1.
    blocks: residual blocks of G1.
    enhancer_blocks: residual blocks of every enhancer.
    enhancers: 0 for G1 alone.
    dtype: of the arithmetic; the output layer's is float32.
  """

  channels: int = 3
  width: int = 64
  downsamples: int = 4
  blocks: int = 9
  enhancer_blocks: int = 3
  enhancers: int = 0
  dtype: Dtype = jnp.float32

  @property
  def unit(self) -> int:
    """What H and W are multiples of."""
    return 2 ** (self.downsamples + self.enhancers)

  @property
  def least(self) -> int:
    """The fewest units of a side: two pixels can be mirrored, one cannot."""
    return 2

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C_in] to a [B, H, W, C] float32 picture in [-1, 1].

    H and W are multiples of 2**(downsamples + enhancers).
    """
    # One-hot maps are averaged, not resampled: as in the released code coarse
    # levels see shares of classes.
    levels = pyramid(x.astype(self.dtype), self.enhancers + 1)[::-1]
    # Only the finest level draws a picture.
    channels = [0] * self.enhancers + [self.channels]
    g1 = GlobalGenerator(
      channels=channels[0],
      width=self.width,
      downsamples=self.downsamples,
      blocks=self.blocks,
      dtype=self.dtype,
      name="G1",
    )
    made = g1(levels[0])
    for k in range(1, self.enhancers + 1):
      enhancer = LocalEnhancer(
        channels=channels[k],
        width=self.width // 2**k,
        blocks=self.enhancer_blocks,
        dtype=self.dtype,
        name=f"G{k + 1}",
      )
      made = enhancer(levels[k], made.features)
    return made.image
