"""What a segmenter is trained on, and by which loss."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from hdgan.evaluation import segmenter_training
from hdgan.evaluation.segmenter_training import Recipe


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_cross_entropy_of_the_pixels_that_have_a_class(balance):
  rng = np.random.default_rng(0)
  logits = rng.normal(0, 2, (2, 3, 4, 5)).astype(np.float32)
  # No pixel is of class 4, about half of the known ones are of class 0.
  label = rng.choice([-1, 0, 0, 0, 1, 2, 3], (2, 3, 4)).astype(np.int32)
  known = [at for at in np.ndindex(2, 3, 4) if label[at] >= 0]
  assert 0 < len(known) < label.size
  total, weights = 0.0, 0.0
  for at in known:
    alike = sum(label[other] == label[at] for other in known)
    weight = (len(known) / alike) ** balance
    off = math.log(np.exp(logits[at]).sum()) - logits[at][label[at]]
    total, weights = total + weight * off, weights + weight
  loss = segmenter_training.cross_entropy
  got = loss(jnp.asarray(logits), jnp.asarray(label), balance)
  assert float(got) == pytest.approx(total / weights, rel=1e-5)
  void = jnp.full((2, 3, 4), -1)
  assert float(loss(jnp.asarray(logits), void, balance)) == 0.0


def test_classes_are_numbered_and_all_else_is_void():
  label = np.array([[0, 1, 2, 3], [4, 255, -1, 10**6]], np.int32)
  got = segmenter_training.numbered(label, [1, 3])
  assert got.tolist() == [[-1, 0, -1, 1], [-1, -1, -1, -1]]
  got = segmenter_training.numbered(np.array([0, 254, 255], np.uint8), [254])
  assert got.tolist() == [-1, 0, -1]
  got = segmenter_training.numbered(np.array([0, 255], np.uint8), [0, 255])
  assert got.tolist() == [0, 1]


@pytest.mark.parametrize(
  ("side", "part"), [(96, 80), (128, 96), (16, 16), (10, 10), (2048, 384)]
)
def test_sides_of_windows(side, part):
  assert segmenter_training.window_side(side, Recipe()) == part


def test_a_window_of_picture_and_map_alike():
  """The map is drawn into the picture: it must still lie there."""
  rng = np.random.default_rng(0)
  label = rng.integers(0, 9, (3, 32, 48)).astype(np.int32)
  picture = np.repeat(label[..., None] / np.float32(10), 3, -1)
  still = Recipe(jitter=0.0)
  windows, ids = segmenter_training.changed(
    picture, label, still, np.random.default_rng(1)
  )
  assert windows.shape == (3, 32, 48, 3)
  np.testing.assert_allclose(windows[..., 0] * 10, ids, atol=1e-5)
  moved, ids = segmenter_training.changed(
    picture, label, Recipe(window=0.5, jitter=0.0), np.random.default_rng(1)
  )
  assert moved.shape == (3, 16, 32, 3) and ids.shape == (3, 16, 32)
  np.testing.assert_allclose(moved[..., 1] * 10, ids, atol=1e-5)
  # Each has a window of its own.
  corners = {tuple(one[0, :4].tolist()) for one in ids}
  assert len(corners) == 3


def test_colours_change_and_the_map_does_not():
  rng = np.random.default_rng(0)
  picture = rng.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
  label = rng.integers(0, 9, (1, 16, 16)).astype(np.int32)
  windows, ids = segmenter_training.changed(
    picture, label, Recipe(), np.random.default_rng(3)
  )
  np.testing.assert_array_equal(ids, label)
  # Of each pixel: contrast times the mean plus brightness, and colours around
  # it by contrast times saturation.
  grey, got = picture.mean(-1).ravel(), windows.mean(-1).ravel()
  contrast, brightness = np.polyfit(grey, got, 1)
  np.testing.assert_allclose(got, contrast * grey + brightness, atol=1e-5)
  away = (picture - picture.mean(-1, keepdims=True)).ravel()
  ratio = (windows - windows.mean(-1, keepdims=True)).ravel() / away / contrast
  np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)
  for change in (contrast - 1, brightness, np.median(ratio) - 1):
    assert 1e-3 < abs(change) <= 0.25
