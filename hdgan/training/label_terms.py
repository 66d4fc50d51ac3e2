"""What G and a discriminator that segments have to pay on one batch."""

from typing import Any

import jax
import jax.numpy as jnp

from hdgan.networks import label_losses
from hdgan.networks.model import Batch, Model
from hdgan.networks.segmentation import normalised

Terms = dict[str, jax.Array]


def label_terms(
  d_params: dict,
  image: jax.Array,
  fake: jax.Array,
  batch: Batch,
  key: Any,
  *,
  model: Model,
  label_mix: float,
) -> tuple[Terms, Terms]:
  """The adversarial losses of G and of D.

  Args:
    d_params: of D.
    image: [B, H, W, C_image] photo in [-1, 1].
    fake: [B, H, W, C_image] from G.
    batch: with `label` [B, H, W].
    key: for LabelMix's mask.
    model: the stage's networks, whose discriminator segments.
    label_mix: weight of LabelMix; 0 leaves it out.

  Returns:
    Float32 scalars: G's terms, D's terms, weights included.
  """
  label, spec = batch["label"], model.pictures
  weights = normalised(d_params)
  on_fake = model.segment(weights, fake)
  shown = [image]
  if label_mix:
    mask = label_losses.label_mask(
      key, label, spec.num_classes, spec.ignore_label
    )
    # This loss is D's alone: nothing has to flow to the picture.
    mixed = label_losses.mix(mask, image, jax.lax.stop_gradient(fake))
    shown.append(mixed)
  # Beside one another in a batch: half as much to compile, and each device
  # keeps its own pictures.
  every = jnp.stack(shown, axis=1)
  scores = model.segment(weights, every.reshape(-1, *image.shape[1:]))
  scores = scores.reshape(*every.shape[:-1], -1)
  on_real = scores[:, 0]
  g_terms = {
    "G_labels": label_losses.class_loss(on_fake, label, spec.ignore_label)
  }
  d_terms = {
    "D_labels": label_losses.class_loss(on_real, label, spec.ignore_label),
    "D_made": label_losses.made_loss(on_fake),
  }
  if label_mix:
    distance = label_losses.mix_loss(scores[:, 1], on_real, on_fake, mask)
    d_terms["D_label_mix"] = label_mix * distance
  return g_terms, d_terms
