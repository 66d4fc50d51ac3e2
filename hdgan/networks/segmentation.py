"""A discriminator that segments: which class a pixel is of, or that it is made.

After the idea of "You Only Need Adversarial Supervision for Semantic Image
Synthesis" (arXiv:2012.04781): D is a U-Net that sees a picture alone and gives
each pixel one of the N classes or the class N, "made". Residual blocks lead
down and up again; where the two ways meet, channels are put side by side. No
layer normalises; kernels are divided by their largest singular value instead
(`normalised`).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hdgan.networks.discriminator import LEAK
from hdgan.networks.layers import Conv, Dtype, Params

LAST = "conv_out"
SQUARINGS = 6  # In the search for a kernel's largest singular value.


def halve(x: Float[Array, "b h w c"]) -> Float[Array, "b (h+1)//2 (w+1)//2 c"]:
  """Means of 2x2 pixels of [B, H, W, C]; an odd last row or column is its own.

  Of such a row or column the mean is over the pixels that there are.
  """
  _, height, width, _ = x.shape
  x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
  b, h, w, c = x.shape
  return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def double(
  x: Float[Array, "b _ _ c"], size: Sequence[int]
) -> Float[Array, "b h w c"]:
  """Repeats each pixel of [B, h, w, C] in a 2x2 block, cut to (H, W)."""
  b, h, w, c = x.shape
  # Not jnp.repeat, whose gather is slow.
  x = jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c))
  return x.reshape(b, 2 * h, 2 * w, c)[:, : size[0], : size[1]]


class ResidualDown(nn.Module):
  """Two 3x3 convolutions, each after a leaky ReLU, beside a 1x1, then halved.

  Attributes:
    width: channels of all three convolutions.
    first: whether the input is the picture, which no ReLU is applied to.
    dtype: of the arithmetic.
  """

  width: int
  first: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b _ _ {self.width}"]:
    """Maps [B, H, W, C] to [B, ceil(H / 2), ceil(W / 2), width]."""
    y = x if self.first else jax.nn.leaky_relu(x, LEAK)
    y = _conv(self, "conv_1", 3)(y)
    y = _conv(self, "conv_2", 3)(jax.nn.leaky_relu(y, LEAK))
    # A 1x1 convolution and a mean may change places: this order is cheaper.
    return halve(y) + _conv(self, "conv_side", 1)(halve(x))


class ResidualUp(nn.Module):
  """Doubles the size, then as `ResidualDown` without halving.

  Attributes:
    width: channels of all three convolutions.
    dtype: of the arithmetic.
  """

  width: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b _ _ c"], size: Sequence[int]
  ) -> Float[Array, "b h w {self.width}"]:
    """Maps [B, ceil(H / 2), ceil(W / 2), C] to [B, H, W, width]."""
    y = double(jax.nn.leaky_relu(x, LEAK), size)
    y = _conv(self, "conv_1", 3)(y)
    y = _conv(self, "conv_2", 3)(jax.nn.leaky_relu(y, LEAK))
    return y + double(_conv(self, "conv_side", 1)(x), size)


def _conv(block: Any, name: str, size: int) -> Conv:
  """A convolution of a block that keeps height and width."""
  return Conv(
    block.width, size, padding=size // 2, dtype=block.dtype, name=name
  )


class LabelDiscriminator(nn.Module):
  """The U-Net; published with width 64, 3 pairs: 128 128 256 256 512 512.

  Attributes:
    num_classes: N.
    width: channels of the last block; the first has twice as many.
    pairs: of blocks on the way down; each has twice the channels of the pair
      before it, the first of `width`.
    dtype: of the arithmetic; the last convolution's is float32.
  """

  num_classes: int
  width: int = 64
  pairs: int = 3
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.num_classes}+1"]:
    """Maps [B, H, W, C] pictures to a score per pixel and class, "made" last.

    Kernels are taken as they are: see `normalised`.
    """
    widths = [self.width * 2 ** (1 + i // 2) for i in range(2 * self.pairs)]
    x = x.astype(self.dtype)
    sizes, skips = [], []
    for i, width in enumerate(widths):
      sizes.append(x.shape[1:3])
      down = ResidualDown(width, i == 0, self.dtype, name=f"down_{i + 1}")
      x = down(x)
      skips.append(x)
    skips.pop()  # The lowest is what the way up begins with.
    for i, width in enumerate([*widths[-2::-1], self.width], start=1):
      up = ResidualUp(width, self.dtype, name=f"up_{i}")
      x = up(x, sizes.pop())
      if skips:
        x = jnp.concatenate([x, skips.pop()], axis=-1)
    x = jax.nn.leaky_relu(x.astype(jnp.float32), LEAK)
    return Conv(self.num_classes + 1, 1, name=LAST)(x)


class SegmentationDiscriminator(nn.Module):
  """D1, the only one, as the tree of parameters names it.

  Attributes: those of `LabelDiscriminator`.
  """

  num_classes: int
  width: int = 64
  pairs: int = 3
  dtype: Dtype = jnp.float32
  draws: ClassVar[bool] = True  # The mask of LabelMix.

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.num_classes}+1"]:
    """As `LabelDiscriminator`."""
    net = LabelDiscriminator(
      self.num_classes, self.width, self.pairs, dtype=self.dtype, name="D1"
    )
    return net(x)


def normalised(params: Params) -> Params:
  """Divides kernels by their largest singular value, as [kkC, D] matrices.

  All but the last convolution's, whose scores may become as sure as they need.

  "Spectral Normalization for Generative Adversarial Networks" (Miyato et al.,
  arXiv:1802.05957), with this difference: the singular vectors are searched for
  anew in each step, from the same start, so that nothing but the parameters
  has to be kept. The value found may be a few per cent too small, never too
  large.

  Args:
    params: of a network; kernels [k, k, C, D] and biases [D], nested.

  Returns:
    The same tree. Gradients pass the division, with the vectors held fixed.
  """

  def divide(path: tuple, leaf: jax.Array) -> jax.Array:
    """A kernel [k, k, C, D] divided, anything else as it is."""
    if leaf.ndim != 4 or any(part.key == LAST for part in path):
      return leaf
    return leaf / largest_singular(leaf)

  return jax.tree_util.tree_map_with_path(divide, params)


def largest_singular(kernel: Float[Array, "k k c d"]) -> Float[Array, ""]:
  """The largest singular value of a [k, k, C, D] kernel as a [kkC, D] matrix.

  Returns:
    A float32 scalar, at most the true value; 1e-12 at least.
  """
  matrix = kernel.reshape(-1, kernel.shape[-1])
  fixed = jax.lax.stop_gradient(matrix)
  # The power method, 2**SQUARINGS steps at once: a loop for each kernel would
  # take XLA minutes to compile.
  power = fixed.T @ fixed
  for _ in range(SQUARINGS):
    power /= jnp.maximum(jnp.trace(power), 1e-24)
    power @= power
  # Any start serves that no kernel is at right angles to.
  right = power @ jnp.arange(1.0, 1.0 + len(power))
  right /= jnp.maximum(jnp.linalg.norm(right), 1e-12)
  # Not of nothing, where a root has no slope.
  return jnp.sqrt(jnp.sum(jnp.square(matrix @ right)) + 1e-24)
