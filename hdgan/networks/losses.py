"""Losses of sections 3.1 to 3.3: arrays in, float32 scalars out.

Adversarial losses are summed over the discriminator's scales, as in the
released code; `Outputs` is what `MultiscaleDiscriminator` returns.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Outputs = Sequence[Sequence[Float[Array, "_ _ _ _"]]]
Scalar = Float[Array, ""]

# relu1_1 .. relu5_1, as in the released code.
VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def least_squares(scores: Float[Array, "b h w 1"], real: bool) -> Scalar:
  """LSGAN: mean squared distance of [B, h, w, 1] scores to 1 or 0."""
  return jnp.mean(jnp.square(scores - (1.0 if real else 0.0)))


def cross_entropy(scores: Float[Array, "b h w 1"], real: bool) -> Scalar:
  """Mean cross-entropy of sigmoid([B, h, w, 1] scores), on the logits."""
  # softplus(-s) is -log(sigmoid(s)), but finite for every score.
  return jnp.mean(jax.nn.softplus(-scores if real else scores))


GAN_LOSSES = {"lsgan": least_squares, "bce": cross_entropy}


def gan_loss(outputs: Outputs, real: bool, kind: str = "lsgan") -> Scalar:
  """Sums the adversarial loss over the scales.

  Args:
    outputs: per scale a list of [B, h, w, C] layers, the scores last.
    real: whether the scores should say so.
    kind: "lsgan" or "bce".

  Returns:
    A float32 scalar.
  """
  loss = GAN_LOSSES[kind]
  scores = [scale[-1].astype(jnp.float32) for scale in outputs]
  return functools.reduce(jnp.add, [loss(s, real) for s in scores])


def feature_matching_loss(fake: Outputs, real: Outputs) -> Scalar:
  """L_FM of section 3.2, in the released code's scaling.

  Mean absolute differences of all layers but the scores, times
  4 / (layers per scale) / (scales). No gradient reaches `real`.

  Args:
    fake: per scale a list of [B, h, w, C] layers.
    real: the same for the photo.

  Returns:
    A float32 scalar, before its weight (10 as published).
  """
  total = jnp.zeros((), jnp.float32)
  for fake_scale, real_scale in zip(fake, real, strict=True):
    for a, b in zip(fake_scale[:-1], real_scale[:-1], strict=True):
      total += mean_difference(a, jax.lax.stop_gradient(b))
  # The published three strided layers give four maps: 4 / 4.
  return total * 4.0 / (len(fake[0]) - 1) / len(fake)


def vgg_loss(
  fake: Sequence[Float[Array, "_ _ _ _"]],
  real: Sequence[Float[Array, "_ _ _ _"]],
) -> Scalar:
  """Perceptual loss: weighted mean absolute differences of VGG19's maps.

  Args:
    fake: five [B, h, w, C] maps.
    real: the same for the photo; no gradient reaches them.

  Returns:
    A float32 scalar, before its weight (10 as published).
  """
  terms = [
    weight * mean_difference(a, jax.lax.stop_gradient(b))
    for weight, a, b in zip(VGG_WEIGHTS, fake, real, strict=True)
  ]
  return functools.reduce(jnp.add, terms)


def mean_difference(
  a: Float[Array, "b h w c"], b: Float[Array, "b h w c"]
) -> Scalar:
  """Mean absolute difference of two arrays [B, h, w, C], in float32."""
  return jnp.mean(jnp.abs(a.astype(jnp.float32) - b.astype(jnp.float32)))
