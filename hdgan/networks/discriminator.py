"""The multi-scale patch discriminator D1, D2, D3.

Section 3.2 of the paper, "multi-scale discriminators"; padding, widths and the
cap of 512 channels as in the released code. D1 works at full size, as in the
paper; every further one at half the size of the one before. pix2pix's single
D is D1 alone with padding 1 and batch norm.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hdgan.networks.layers import (
  BatchNorm,
  Conv,
  Dtype,
  instance_norm,
  pyramid,
)

MAX_WIDTH = 512  # As in the released code.
LEAK = 0.2  # Slope of the leaky ReLU below zero, as in the released code.


class PatchDiscriminator(nn.Module):
  """One D_k: 4x4 convolutions down to one channel of patch scores.

  Attributes:
    width: channels after the first convolution.
    layers: strided convolutions; two of stride 1 follow.
    padding: of every convolution.
    batch_norm: in the place of instance norm; there is no bias before it, and
      the others start at 0.
    dtype: of the arithmetic; the last convolution's is float32.
  """

  width: int = 64
  layers: int = 3
  padding: int = 2
  batch_norm: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> list[Float[Array, "b _ _ _"]]:
    """Maps [B, H, W, C] to all layers' outputs, the [B, h, w, 1] scores last.

    A strided layer gives floor(n / 2) + 1 pixels from n, the others n + 1;
    with padding 1 floor(n / 2) and n - 1.
    """
    plain, normed = ("zero", "none") if self.batch_norm else ("uniform",) * 2
    outputs = []
    x = x.astype(self.dtype)
    for i in range(self.layers + 1):
      width = min(self.width * 2**i, MAX_WIDTH)
      stride = 2 if i < self.layers else 1
      layer = Conv(
        width, 4, stride=stride, padding=self.padding, dtype=self.dtype,
        bias_start=normed if i else plain, name=f"conv_{i + 1}",
      )  # fmt: skip
      x = layer(x)
      # As in the released code the first layer has no norm.
      if i > 0 and self.batch_norm:
        x = BatchNorm(name=f"norm_{i + 1}")(x)
      elif i > 0:
        x = instance_norm(x)
      x = jax.nn.leaky_relu(x, LEAK)
      outputs.append(x)
    last = Conv(
      1, 4, padding=self.padding, bias_start=plain,
      name=f"conv_{self.layers + 2}",
    )  # fmt: skip
    return [*outputs, last(x.astype(jnp.float32))]


class MultiscaleDiscriminator(nn.Module):
  """D1..Dn on the 1, 1/2, 1/4 ... image pyramid.

  Attributes:
    scales: how many.
    width: of each.
    layers: of each.
    padding: of each.
    batch_norm: of each.
    dtype: of the arithmetic.
  """

  scales: int = 2
  width: int = 64
  layers: int = 3
  padding: int = 2
  batch_norm: bool = False
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[Array, "b h w c"]
  ) -> list[list[Float[Array, "b _ _ _"]]]:
    """Maps [B, H, W, C] conditioned pictures to every scale's outputs.

    Returns:
      A list per scale, the finest first; see `PatchDiscriminator`.
    """
    return [
      PatchDiscriminator(
        width=self.width, layers=self.layers, padding=self.padding,
        batch_norm=self.batch_norm, dtype=self.dtype, name=f"D{k}",
      )(level)
      for k, level in enumerate(pyramid(x, self.scales), start=1)
    ]  # fmt: skip
