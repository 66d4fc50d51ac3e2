"""A small U-Net that tells the class of each pixel of a picture.

For scores of pictures (section 4.1), where no published segmenter knows the
classes: it learns them from the real photos that the generator learned from.
After Ronneberger et al., "U-Net" (MICCAI 2015), with group norm, which does not
depend on the batch, and bilinear enlarging, so that any size of picture fits.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hdgan.networks.convolution import conv
from hdgan.networks.layers import (
  NORM_EPSILON,
  Params,
  Start,
  normal,
  start_params,
  starts,
)

GROUPS = 8  # of channels, each normalised over its pixels.


def group_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
  """Normalises groups of channels of each picture over their pixels.

  Args:
    x: [B, H, W, C], C a multiple of `GROUPS`.

  Returns:
    [B, H, W, C], without scale and shift.
  """
  parts = x.reshape(*x.shape[:3], GROUPS, -1)
  parts = parts - parts.mean((1, 2, 4), keepdims=True)
  variance = jnp.square(parts).mean((1, 2, 4), keepdims=True)
  return (parts * jax.lax.rsqrt(variance + NORM_EPSILON)).reshape(x.shape)


def _constant(value: float) -> Start:
  return lambda rng, shape: np.full(shape, value)


class Block(nn.Module):
  """A 3x3 convolution, group norm with scale and shift, ReLU.

  Attributes:
    channels: D, a multiple of `GROUPS`.
  """

  channels: int

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C] to [B, H, W, D]."""
    shape = (3, 3, x.shape[-1], self.channels)
    # He's start: the sum of what ReLU leaves keeps its variance.
    start = normal((2 / (9 * x.shape[-1])) ** 0.5)
    kernel = self.param("kernel", starts(start), shape)
    scale = self.param("scale", starts(_constant(1.0)), shape[3:])
    shift = self.param("shift", starts(_constant(0.0)), shape[3:])
    y = group_norm(conv(x, kernel, 1, 1))
    return jax.nn.relu(y * scale[None, None, None] + shift[None, None, None])


class Segmenter(nn.Module):
  """The U-Net.

  Attributes:
    classes: K, that it tells apart.
    width: channels at full size; each level below has as many more.
    levels: sizes that it works at, each half of the one above.
  """

  classes: int
  width: int = 32
  levels: int = 5

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w 3"]
  ) -> Float[Array, "b h w {self.classes}"]:
    """Maps pictures [B, H, W, 3] in [-1, 1] to logits [B, H, W, K]."""
    passed = []
    for level in range(self.levels):
      if level:
        passed.append(x)
        x = _half(x)
      x = Block(self.width * (level + 1), name=f"down_{level}")(x)
    for level in reversed(range(self.levels - 1)):
      skip = passed.pop()
      size = (*skip.shape[:3], x.shape[-1])
      x = jnp.concatenate([jax.image.resize(x, size, "bilinear"), skip], -1)
      x = Block(self.width * (level + 1), name=f"up_{level}")(x)
    shape = (1, 1, x.shape[-1], self.classes)
    kernel = self.param("kernel", starts(normal(0.01)), shape)
    bias = self.param("bias", starts(_constant(0.0)), shape[3:])
    return conv(x, kernel) + bias[None, None, None]

  def start(self, seed: tuple[int, ...]) -> Params:
    """Draws all parameters, float32 numpy arrays, see `layers.start_params`."""
    side = 2**self.levels
    picture = jnp.zeros((1, side, side, 3))
    declared = jax.eval_shape(self.init, jax.random.key(0), picture)
    return start_params(declared["params"], seed)


def _half(x: Float[Array, "b h w c"]) -> Float[Array, "b (h+1)//2 (w+1)//2 c"]:
  """The largest of each 2x2 pixels; an odd side keeps its last line."""
  return nn.max_pool(x, (2, 2), (2, 2), "SAME")
