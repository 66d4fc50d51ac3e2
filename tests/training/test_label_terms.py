"""What G and a D that segments have to pay, with a D that is one product."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import draw

from hdgan.networks import label_losses
from hdgan.picture_spec import PictureSpec
from hdgan.training import stage_losses

WEIGHTS = {"D1": {"conv_out": {"kernel": draw(1, 1, 3, 4), "bias": draw(4)}}}


def stub(num_classes=3, ignore=-1):
  """A model whose D scores each pixel by its colour alone."""
  return types.SimpleNamespace(
    segments=True,
    segment=lambda d, x: jnp.tanh(x @ d["D1"]["conv_out"]["kernel"][0, 0]),
    pictures=PictureSpec(
      num_classes, ignore, label_channels=3, label_range=(0, 255),
      image_channels=3, image_range=(0, 255),
    ),
  )  # fmt: skip


def terms(fake, image, label, key, label_mix, d_params=WEIGHTS):
  return stage_losses.stage_losses(
    d_params, None, image, fake, {}, batch={"label": label}, key=key,
    model=stub(), gan="lsgan", feature_matching=0.0, l1=0.0, vgg_weight=0.0,
    label_mix=label_mix,
  )  # fmt: skip


def test_terms_and_totals():
  fake, image = draw(2, 4, 6, 3), draw(2, 4, 6, 3, seed=1)
  label = jnp.asarray(np.arange(48).reshape(2, 4, 6) % 3)
  key = jax.random.key(5)
  g, d, found = terms(fake, image, label, key, 10.0)

  def scores(x):
    return np.tanh(np.asarray(x) @ np.asarray(draw(1, 1, 3, 4))[0, 0])

  mask = np.asarray(label_losses.label_mask(key, label, 3))[..., None]
  assert 0 < mask.mean() < 1
  mixed = scores(np.where(mask, image, fake))
  other = np.where(mask, scores(image), scores(fake))
  want = {
    "G_labels": label_losses.class_loss(jnp.asarray(scores(fake)), label),
    "D_labels": label_losses.class_loss(jnp.asarray(scores(image)), label),
    "D_made": label_losses.made_loss(jnp.asarray(scores(fake))),
    # Of a D of single pixels nothing is left.
    "D_label_mix": 10 * np.mean((mixed - other) ** 2),
  }
  assert found.keys() == want.keys()
  for name, value in want.items():
    assert float(found[name]) == pytest.approx(float(value), abs=1e-6), name
  assert float(g) == float(found["G_labels"])
  assert float(d) == pytest.approx(
    sum(float(found[k]) for k in list(found)[1:])
  )
  assert "D_label_mix" not in terms(fake, image, label, None, 0.0)[2]
