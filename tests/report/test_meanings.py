"""What is said of a curve, held against the losses as they are computed."""

import re

import jax.numpy as jnp
import pytest
from tiny import validated

from hdgan.networks import losses
from hdgan.networks.model import build_model
from hdgan.report.meanings import MEANINGS, RESTS, meaning
from hdgan.training import stage_losses


@pytest.mark.parametrize(
  # Scores of a D that cannot tell: 1/2, and the logit of 1/2.
  "gan, score",
  [("lsgan", 0.5), ("bce", 0.0)],
)
def test_where_losses_rest(gan, score):
  assert RESTS.keys() == losses.GAN_LOSSES.keys()
  rest = float(re.match(r"[0-9.]+", RESTS[gan])[0])
  scores = jnp.full((1, 3, 4, 1), score)
  for real in (True, False):
    for scales in (1, 2, 3):
      loss = losses.gan_loss([[scores]] * scales, real, gan)
      assert float(loss) == pytest.approx(scales * rest, abs=2e-3)
  for name in ("G_GAN", "D_real", "D_fake"):
    assert f"Near {RESTS[gan]} for each" in meaning(name, {"train"}, gan)


def test_every_number_of_a_step_has_a_sentence():
  config = validated()
  model = build_model(config, config.stages[0], 64)
  on = jnp.zeros((1, 8, 8, 1))
  # One layer and the scores stand for D; neither pictures nor G are needed.
  fields = {name: getattr(model, name) for name in vars(model)}
  fields |= {"discriminate": lambda *_: [[on, on]], "segments": False}
  stub = type("Stub", (), fields)()
  terms = stage_losses.stage_losses(
    {}, on, on, on, {}, batch={}, model=stub, gan="lsgan",
    feature_matching=1.0, l1=1.0,
    vgg_weight=0.0,
  )[2]  # fmt: skip
  told = {*terms, "G_VGG", "rate", "skipped", "images_per_s"}
  told |= {"G_labels", "D_labels", "D_made", "D_label_mix"}  # Of another D.
  told |= {"miou", "accuracy", "kid", "fid"}  # Of config.evaluate_every.
  assert told == MEANINGS.keys()


def test_learning_by_heart_shows_where_something_is_held_out():
  both = {"train", "held_out"}
  assert "by heart" in meaning("G_GAN_Feat", both, "lsgan")
  assert "by heart" in meaning("G_VGG", both, "bce")
  assert "by heart" not in meaning("G_GAN_Feat", {"train"}, "lsgan")
  assert "by heart" not in meaning("D_real", both, "lsgan")


def test_what_is_not_known_is_not_told():
  assert meaning("loss_of_another_version", {"train"}, "lsgan") == ""
  assert meaning("D_real", {"train"}, "hinge") == ""
