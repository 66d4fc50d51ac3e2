"""CRN's loss: VGG19's maps, and k pictures of which each class takes the best.

Chen and Koltun, ICCV 2017, equations as in their released code. The network
that it was made for is MatConvNet's VGG19; `vgg.in_levels` says what of it
torchvision's gives.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hdgan.networks import vgg
from hdgan.networks.crn import area_half
from hdgan.networks.layers import Dtype, Params

# Of the picture, conv1_2, conv2_2, conv3_2, conv4_2 and conv5_2: up to a height
# of 256, and above. Both were set by its authors so that terms are alike.
SMALL = (1.0, 1 / 1.6, 1 / 2.3, 1 / 1.8, 1 / 2.8, 10 / 0.8)
LARGE = (1.0, 1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)
SMALL_HEIGHT = 256
BEST, MEAN = 0.999, 0.001  # Shares of each class's best picture and of all.


def crn_loss(
  vgg_params: Params,
  fake: Float[Array, "b h w _"],
  image: Float[Array, "b h w 3"],
  masks: Float[Array, "b h w classes"],
  *,
  pictures: int = 1,
  dtype: Dtype = jnp.float32,
) -> Float[Array, ""]:
  """Compares pictures with the photo.

  Args:
    vgg_params: from `vgg.load` with form "crn".
    fake: [B, H, W, k * 3], nominally in [-1, 1], not clipped; picture j is
      channels j, k + j and 2k + j. H and W are multiples of 16.
    image: [B, H, W, 3] photo in [-1, 1]; no gradient reaches it.
    masks: [B, H, W, N], 1 where a pixel is of a class; used for k > 1.
    pictures: k.
    dtype: of VGG19's arithmetic.

  Returns:
    A float32 scalar, before its weight (1 as published). For one picture the
    weighted mean absolute differences of six maps. For more of them, the
    differences averaged over the whole map with all pixels but the class's at
    0, and of each class 0.999 times the least of the k plus 0.001 times their
    mean.
  """
  b, h, w, _ = fake.shape
  weights = SMALL if h <= SMALL_HEIGHT else LARGE
  each = jnp.moveaxis(fake.reshape(b, h, w, 3, pictures), -1, 1)
  made = vgg.crn_features(
    vgg_params, to_levels(each.reshape(b * pictures, h, w, 3)), dtype
  )
  real = vgg.crn_features(vgg_params, to_levels(image), dtype)
  errors, shares = [], masks
  for weight, a, x in zip(weights, made, real, strict=True):
    x = jax.lax.stop_gradient(x)[:, None].astype(jnp.float32)
    a = a.reshape(b, pictures, *a.shape[1:]).astype(jnp.float32)
    error = weight * jnp.mean(jnp.abs(a - x), axis=-1)
    if pictures == 1:
      errors.append(jnp.mean(error))
      continue
    while shares.shape[1] > error.shape[2]:
      shares = area_half(shares)
    pixels = error.shape[2] * error.shape[3]
    by_class = jnp.einsum("bkhw,bhwn->bkn", error, shares, precision="highest")
    errors.append(by_class / pixels)
  total = functools.reduce(jnp.add, errors)
  return total if pictures == 1 else diversity(total)


def diversity(errors: Float[Array, "b k classes"]) -> Float[Array, ""]:
  """Sums over classes; each mostly asks its best picture of k to improve.

  Args:
    errors: [B, k, N], of each picture over each class's pixels.

  Returns:
    The mean over B, a float32 scalar.
  """
  best, mean = errors.min(axis=1), errors.mean(axis=1)
  return jnp.mean(jnp.sum(BEST * best + MEAN * mean, axis=-1))


def to_levels(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
  """Maps [B, H, W, C] from [-1, 1] to 0..255, in float32."""
  return (x.astype(jnp.float32) + 1) / 2 * 255
