"""Losses of a D that segments, against slow sums and numbers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import draw

from hdgan.networks import label_losses

VOID = 255
class_loss = jax.jit(label_losses.class_loss, static_argnums=2)
made_loss = jax.jit(label_losses.made_loss)


def test_every_class_counts_alike():
  """Two pictures; void and unknown ids are no class's; class 3 is absent."""
  label = np.asarray([[[0, 0, 1], [2, VOID, 0]], [[0, 2, 9], [-1, 0, VOID]]])
  scores = np.asarray(draw(2, 2, 3, 5), np.float64)
  per_class = {}
  for at in np.ndindex(label.shape):
    if label[at] in range(4):
      odds = np.exp(scores[at])
      loss = -np.log(odds[label[at]] / odds.sum())
      per_class.setdefault(int(label[at]), []).append(loss)
  assert {k: len(v) for k, v in per_class.items()} == {0: 5, 1: 1, 2: 2}
  want = np.mean([np.mean(losses) for losses in per_class.values()])
  got = class_loss(draw(2, 2, 3, 5), jnp.asarray(label), VOID)
  assert float(got) == pytest.approx(want, rel=1e-6)


def test_where_losses_rest():
  """Equal scores: log(N + 1) of everything, of any frequency of classes."""
  scores = jnp.full((1, 2, 3, 5), 0.7)
  label = jnp.asarray([[[0, 0, 1], [3, 0, 0]]])
  assert float(class_loss(scores, label)) == pytest.approx(np.log(5))
  assert float(made_loss(scores)) == pytest.approx(np.log(5))


def test_nothing_to_learn_from_costs_nothing():
  void = jnp.full((1, 2, 3), VOID)
  loss = jax.jit(jax.value_and_grad(label_losses.class_loss), static_argnums=2)
  value, gradient = loss(draw(1, 2, 3, 5), void, VOID)
  assert float(value) == 0.0 and not np.asarray(gradient).any()


def test_made_is_the_last_class():
  scores = jnp.asarray([[[[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]]])
  odds = np.exp([[1, 2, 0], [0, 0, 3]])
  want = -np.mean(np.log(odds[:, 2] / odds.sum(1)))
  assert float(made_loss(scores)) == pytest.approx(want)


def test_a_mask_follows_the_classes_of_each_picture():
  rng = np.random.default_rng(0)
  label = rng.integers(0, 12, (64, 6, 8))
  label[:, :2, :2] = [[VOID, 99], [-1, VOID]]
  mask = np.asarray(
    label_losses.label_mask(jax.random.key(3), jnp.asarray(label), 12, VOID)
  )
  assert mask.dtype == bool and mask.shape == label.shape
  coins = set()
  for picture, drawn in zip(label, mask, strict=True):
    classes = np.where((picture >= 0) & (picture < 12), picture, 12)
    for kind in np.unique(classes):
      sides = set(drawn[classes == kind])
      assert len(sides) == 1  # A class is of one side.
      coins.add((int(kind), *sides))
  # Of 64 pictures, either side of each class and of void.
  assert coins == {(kind, side) for kind in range(13) for side in (True, False)}
  assert 0.4 < mask.mean() < 0.6
  other = label_losses.label_mask(jax.random.key(4), jnp.asarray(label), 12)
  assert (np.asarray(other) != mask).any()


def test_ids_of_8_bits_give_the_same():
  rng = np.random.default_rng(0)
  label = rng.choice([0, 1, 7, 254, 255], (2, 4, 6))
  small, wide = jnp.asarray(label, jnp.uint8), jnp.asarray(label, jnp.int32)
  # The place of those without a class is the one behind 256.
  for classes, ignore in ((256, -1), (255, 255), (8, -1)):
    key = jax.random.key(0)
    np.testing.assert_array_equal(
      label_losses.label_mask(key, small, classes, ignore),
      label_losses.label_mask(key, wide, classes, ignore),
    )
    scores = jnp.asarray(rng.normal(size=(2, 4, 6, classes + 1)), jnp.float32)
    assert label_losses.class_loss(scores, small, ignore) == (
      label_losses.class_loss(scores, wide, ignore)
    )


def test_label_mix_by_hand():
  mask = jnp.asarray([[[True, False]]])
  real, fake = jnp.asarray([[[[1.0, 2], [3, 4]]]]), jnp.full((1, 1, 2, 2), 9.0)
  mixed = label_losses.mix(mask, real, fake)
  np.testing.assert_array_equal(mixed, [[[[1, 2], [9, 9]]]])
  on_mixed = jnp.asarray([[[[2.0, 2], [9, 7]]]])
  # ((2 - 1)^2 + 0 + 0 + (7 - 9)^2) / 4.
  assert float(label_losses.mix_loss(on_mixed, real, fake, mask)) == 5 / 4
