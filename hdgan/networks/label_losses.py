"""Losses of a discriminator that segments: scores and labels in, scalars out.

As in "You Only Need Adversarial Supervision for Semantic Image Synthesis"
(arXiv:2012.04781). Of N classes, scores [B, H, W, N + 1] have one more, "made",
last.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from hdgan.networks.conditioning import one_hot
from hdgan.networks.losses import Scalar


def class_loss(
  scores: Float[Array, "b h w n"],
  label: Integer[Array, "b h w"],
  ignore: int = -1,
) -> Scalar:
  """Cross-entropy of scores to the labels, every class counted alike.

  Each pixel is weighted by the inverse of how often its class occurs in the
  batch: the loss is the mean over the classes that occur of the mean over
  their pixels. Where all scores are equal it is log(N + 1).

  Args:
    scores: [B, H, W, N + 1].
    label: [B, H, W] integer class ids.
    ignore: id without a class; such pixels, and those of ids outside 0..N-1,
      are left out.

  Returns:
    A float32 scalar; 0 where no pixel has a class.
  """
  classes = scores.shape[-1] - 1
  members = one_hot(label, classes, ignore)
  counts = members.sum((0, 1, 2))
  found = counts > 0
  weights = jnp.where(found, 1.0 / jnp.maximum(counts, 1.0), 0.0)
  weights /= jnp.maximum(found.sum(dtype=jnp.float32), 1.0)
  likely = jax.nn.log_softmax(scores)[..., :classes]
  return -jnp.sum(members * weights[None, None, None] * likely)


def made_loss(scores: Float[Array, "b h w n"]) -> Scalar:
  """Mean cross-entropy of [B, H, W, N + 1] scores to the class "made"."""
  return -jnp.mean(jax.nn.log_softmax(scores)[..., -1])


def label_mask(
  key: jax.Array,
  label: Integer[Array, "b h w"],
  classes: int,
  ignore: int = -1,
) -> Bool[Array, "b h w"]:
  """LabelMix's mask: a coin for each picture and class, told to its pixels.

  Args:
    key: to draw from.
    label: [B, H, W] integer class ids.
    classes: N.
    ignore: id without a class; all pixels without one share a coin.

  Returns:
    [B, H, W] bool, true where the photo is taken.
  """
  label = label.astype(jnp.int32)
  known = (label >= 0) & (label < classes) & (label != ignore)
  rows = jnp.where(known, label, classes).reshape(len(label), -1)
  coins = jax.random.bernoulli(key, shape=(len(label), classes + 1))
  return jnp.take_along_axis(coins, rows, axis=1).reshape(label.shape)


def mix(
  mask: Bool[Array, "b h w"],
  real: Float[Array, "b h w c"],
  fake: Float[Array, "b h w c"],
) -> Float[Array, "b h w c"]:
  """Takes [B, H, W, C] of `real` where the mask is true, else of `fake`."""
  return jnp.where(mask[..., None], real, fake)


def mix_loss(
  on_mixed: Float[Array, "b h w n"],
  on_real: Float[Array, "b h w n"],
  on_fake: Float[Array, "b h w n"],
  mask: Bool[Array, "b h w"],
) -> Scalar:
  """LabelMix: scores of a mixed picture should be the scores, mixed.

  Returns:
    The mean square of their differences, a float32 scalar before its weight.
  """
  return jnp.mean(jnp.square(on_mixed - mix(mask, on_real, on_fake)))
