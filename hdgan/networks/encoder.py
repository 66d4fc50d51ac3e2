"""The feature encoder E and instance-wise average pooling.

Section 3.4 of the paper: low-dimensional features of a photo, averaged over
each object, tell G how the object is to look.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Integer

from hdgan.networks.layers import Conv, Dtype, norm_relu


class FeatureEncoder(nn.Module):
  """E before pooling: G1's layers without residual blocks.

  Attributes:
    channels: C_feat, features per pixel.
    width: channels at full size.
    downsamples: how often the size is halved.
    dtype: of the arithmetic; the last convolution's is float32.
  """

  channels: int = 3
  width: int = 16
  downsamples: int = 4
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, image: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w {self.channels}"]:
    """Maps [B, H, W, C] photos to [B, H, W, C_feat] float32 in [-1, 1]."""
    conv_in = Conv(
      self.width, 7, reflect=True, dtype=self.dtype, name="conv_in"
    )
    x = norm_relu(conv_in(image))
    for i in range(1, self.downsamples + 1):
      width = self.width * 2**i
      down = Conv(
        width, stride=2, padding=1, dtype=self.dtype, name=f"down_{i}"
      )
      x = norm_relu(down(x))
    for i in range(1, self.downsamples + 1):
      width = self.width * 2 ** (self.downsamples - i)
      up = Conv(width, transposed=True, dtype=self.dtype, name=f"up_{i}")
      x = norm_relu(up(x))
    conv_out = Conv(self.channels, 7, reflect=True, name="conv_out")
    return jnp.tanh(conv_out(x))


def segment_means(
  x: Float[Array, "b h w c"], ids: Int[Array, "b h w"], count: int
) -> tuple[Float[Array, "b {count} c"], Float[Array, "b {count}"]]:
  """Averages pixels that share an id, for each picture on its own.

  Args:
    x: [B, H, W, C] float32.
    ids: [B, H, W] int32 in [0, count).
    count: N, a static bound on the ids.

  Returns:
    [B, N, C] means (0 for an id without pixels) and [B, N] pixel counts,
    both float32.
  """

  # A picture at a time: a sum over the whole batch's pixels at once could not
  # stay cut over devices.
  def of_one(x: jax.Array, ids: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sums [N, C] and pixels [N] of one picture [H * W, C]."""
    # float32 counts exactly up to 2**24 pixels of an object.
    ones = jnp.ones(ids.shape, x.dtype)
    return (
      jax.ops.segment_sum(x, ids, count),
      jax.ops.segment_sum(ones, ids, count),
    )

  batch, channels = x.shape[0], x.shape[-1]
  sums, pixels = jax.vmap(of_one)(
    x.reshape(batch, -1, channels), ids.reshape(batch, -1)
  )
  return sums / jnp.maximum(pixels, 1.0)[..., None], pixels


def broadcast(
  table: Float[Array, "b n c"], ids: Integer[Array, "b *pixels"]
) -> Float[Array, "b *pixels c"]:
  """Paints [B, N, C] rows over ids, such as [B, H, W]: [B, H, W, C]."""
  ids = ids.astype(jnp.int32)
  return jax.vmap(lambda rows, index: rows[index])(table, ids)
