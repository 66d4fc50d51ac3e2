"""What G and D of a stage have to pay for one pair of pictures."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from hdgan.networks import crn, crn_loss, losses, vgg
from hdgan.networks.model import Batch, Model
from hdgan.training.label_terms import label_terms

Metrics = dict[str, jax.Array]


def stage_losses(
  d_params: dict,
  condition: jax.Array,
  image: jax.Array,
  fake: jax.Array,
  vgg_params: dict,
  *,
  batch: Batch,
  key: jax.Array | None = None,
  model: Model,
  gan: str,
  feature_matching: float,
  l1: float,
  vgg_weight: float,
  vgg_form: str = "pix2pixhd",
  label_mix: float = 0.0,
) -> tuple[jax.Array, jax.Array, Metrics]:
  """Computes G's and D's losses for one pair of pictures.

  Args:
    d_params: of D.
    condition: [B, H, W, C] float32.
    image: [B, H, W, C_image] photo in [-1, 1].
    fake: [B, H, W, k * C_image] from G.
    vgg_params: of VGG19; {} without that loss.
    batch: what the others were made from.
    key: to draw from, for models that do.
    model: the stage's networks.
    gan: "lsgan" or "bce"; "none" for a model without D.
    feature_matching: its weight; 0 leaves it out.
    l1: weight of the mean distance from the photo; 0 leaves it out.
    vgg_weight: its weight; 0 leaves it out.
    vgg_form: "pix2pixhd" or "crn".
    label_mix: its weight, with a D that segments; 0 leaves it out.

  Returns:
    G's total, D's total ((D_real + D_fake) / 2; the sum of its terms where it
    segments; 0 without D), and the terms by the original's names, weights
    included.
  """
  terms: Metrics = {}
  d_terms: Metrics = {}
  d_total = jnp.zeros(())
  if model.segments:
    terms, d_terms = label_terms(
      d_params, image, fake, batch, key, model=model, label_mix=label_mix
    )
    d_total = functools.reduce(jnp.add, d_terms.values())
  elif gan != "none":
    terms, d_terms = _score_terms(
      d_params, condition, image, fake, model, gan, feature_matching
    )
    d_total = (d_terms["D_real"] + d_terms["D_fake"]) / 2
  if l1:
    terms["G_L1"] = l1 * losses.mean_difference(fake, image)
  if vgg_weight:
    distance = perceptual_loss(
      vgg_params, condition, image, fake, model=model, form=vgg_form
    )
    terms["G_VGG"] = vgg_weight * distance
  g_total = functools.reduce(jnp.add, terms.values())
  return g_total, d_total, {**terms, **d_terms}


def _score_terms(
  d_params: dict,
  condition: jax.Array,
  image: jax.Array,
  fake: jax.Array,
  model: Model,
  gan: str,
  feature_matching: float,
) -> tuple[Metrics, Metrics]:
  """What G and a D of scores have to pay, terms by the original's names."""
  # One pass on the fake for both losses; the step parts their gradients.
  on_fake = model.discriminate(d_params, condition, fake)
  on_real = model.discriminate(d_params, condition, image)
  g_terms = {"G_GAN": losses.gan_loss(on_fake, True, gan)}
  if feature_matching:
    distance = losses.feature_matching_loss(on_fake, on_real)
    g_terms["G_GAN_Feat"] = feature_matching * distance
  d_terms = {
    "D_real": losses.gan_loss(on_real, True, gan),
    "D_fake": losses.gan_loss(on_fake, False, gan),
  }
  return g_terms, d_terms


def perceptual_loss(
  vgg_params: dict,
  condition: jax.Array,
  image: jax.Array,
  fake: jax.Array,
  *,
  model: Model,
  form: str,
) -> jax.Array:
  """The distance of pictures from the photo in the layers of VGG19.

  Args:
    vgg_params: of VGG19.
    condition: [B, H, W, C] float32.
    image: [B, H, W, 3] photo in [-1, 1].
    fake: [B, H, W, k * 3] from G.
    model: the stage's networks.
    form: "pix2pixhd" or "crn".

  Returns:
    A float32 scalar, before its weight.
  """
  dtype = model.generator.dtype
  if form == "crn":
    masks = crn.with_rest(condition, model.pictures.num_classes)
    masks = masks[..., : model.pictures.num_classes + 1]
    return crn_loss.crn_loss(
      vgg_params, fake, image, masks, pictures=model.drawn, dtype=dtype
    )
  of_fake = vgg.vgg_features(vgg_params, fake, dtype)
  of_real = vgg.vgg_features(vgg_params, image, dtype)
  return losses.vgg_loss(of_fake, of_real)


def bind_losses(model: Model, config: ConfigDict) -> Callable[..., Any]:
  """`stage_losses` with the config's settings."""
  return functools.partial(
    stage_losses,
    model=model,
    gan=config.loss.gan,
    feature_matching=config.loss.feature_matching,
    l1=config.loss.l1,
    vgg_weight=config.loss.vgg,
    label_mix=config.loss.label_mix,
    vgg_form=config.loss.vgg_form,
  )
