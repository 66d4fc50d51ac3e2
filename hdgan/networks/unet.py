"""The U-Net of pix2pix, as a baseline: `generator.kind = 'unet'`.

Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks" (CVPR 2017), which section 4 of the paper compares with. Layers as in
the authors' PyTorch code, dropout where their Torch code, which is the paper's,
has it: on the three innermost blocks of the decoder, in training and at test.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from hdgan.networks.discriminator import LEAK
from hdgan.networks.layers import BatchNorm, Conv, Dtype

DROPPED = 3  # blocks of the decoder, from the innermost


def dropout(
  x: Float[Array, "b h w c"], key: Key[Array, ""], rate: float
) -> Float[Array, "b h w c"]:
  """Sets a share `rate` of [B, H, W, C] to 0 and raises the others."""
  keep = jax.random.bernoulli(key, 1 - rate, x.shape)
  return jnp.where(keep, x / (1 - rate), jnp.zeros_like(x))


class _Net(nn.Module):
  """All layers; attributes as of `UNet`."""

  channels: int
  width: int
  downsamples: int
  rate: float
  dtype: Dtype

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C_in] to a [B, H, W, C] float32 picture in [-1, 1]."""
    n, skips = self.downsamples, []
    dropped = DROPPED if self.rate and self.has_rng("dropout") else 0
    x = x.astype(self.dtype)
    for i in range(1, n + 1):
      if i > 1:
        skips.append(x)
        x = jax.nn.leaky_relu(x, LEAK)
      x = self._conv(f"down_{i}", self._width(i), x)
      # One picture's innermost layer may have one pixel, which has no variance.
      if 1 < i < n:
        x = BatchNorm(name=f"down_norm_{i}")(x)
    for i in range(1, n):
      x = self._conv(f"up_{i}", self._width(n - i), x, up=True)
      x = BatchNorm(name=f"up_norm_{i}")(x)
      if i <= dropped:
        x = dropout(x, self.make_rng("dropout"), self.rate)
      # The encoder's first, as the PyTorch code has them.
      x = jnp.concatenate([skips.pop(), x], axis=-1)
    last = Conv(
      self.channels, 4, transposed=True, bias_start="zero", name=f"up_{n}"
    )
    return jnp.tanh(last(jax.nn.relu(x).astype(jnp.float32)))

  def _width(self, i: int) -> int:
    """Channels after `i` halvings."""
    return self.width * min(2 ** (i - 1), 8)

  def _conv(
    self, name: str, width: int, x: jax.Array, up: bool = False
  ) -> jax.Array:
    """A 4x4 convolution of stride 2; one that doubles sees a ReLU's output."""
    layer = Conv(
      width, 4, stride=2, padding=1, transposed=up, bias_start="none",
      dtype=self.dtype, name=name,
    )  # fmt: skip
    return layer(jax.nn.relu(x) if up else x)


class UNet(nn.Module):
  """G1 alone, of one encoder and one decoder that sees each of its layers.

  Batch norm always takes the statistics of the batch at hand, also at test.

  Attributes:
    channels: C, of the picture.
    width: after the first halving, doubled by each of the next three.
    downsamples: how often the size is halved.
    rate: share that dropout sets to 0, where there are keys for "dropout".
    dtype: of the arithmetic; the output layer's is float32.
  """

  channels: int = 3
  width: int = 64
  downsamples: int = 8
  rate: float = 0.5
  dtype: Dtype = jnp.float32

  @property
  def draws(self) -> bool:
    """Whether it has something to draw."""
    return self.rate > 0

  @property
  def unit(self) -> int:
    """What H and W are multiples of."""
    return 2**self.downsamples

  @property
  def least(self) -> int:
    """The fewest units of a side."""
    return 1

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C_in] to a [B, H, W, C] float32 picture in [-1, 1].

    H and W are multiples of 2**downsamples.
    """
    net = _Net(
      channels=self.channels, width=self.width, downsamples=self.downsamples,
      rate=self.rate, dtype=self.dtype, name="G1",
    )  # fmt: skip
    return net(x)
