"""The matrix and all scores, against counts of single pixels."""

import math

import numpy as np
import pytest

from hdgan.evaluation import confusion


def pixels(truth, predicted):
  """Pairs of the pixels' classes, one after the other."""
  return list(
    zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True)
  )


def slow_scores(truth, predicted, classes, void_wrong=False):
  """By sets of pixels, from the definitions."""
  every = pixels(truth, predicted)
  known = [(t, p) for t, p in every if 0 <= t < classes]
  right = sum(t == p for t, p in known)
  counted = every if void_wrong else known
  accuracies, ious, weighted = [], [], 0.0
  for c in range(classes):
    both = sum(t == c and p == c for t, p in counted)
    either = sum(t == c or p == c for t, p in counted)
    own = sum(t == c for t, p in known)
    if own:
      accuracies.append(sum(t == c == p for t, p in known) / own)
    if either:
      ious.append(both / either)
      weighted += own / len(known) * both / either
  return {
    "accuracy": right / len(counted),
    "class_accuracy": sum(accuracies) / len(accuracies),
    "miou": sum(ious) / len(ious),
    "frequency_weighted_iou": weighted,
    "classes": len(ious),
  }


@pytest.mark.parametrize("seed", range(4))
def test_all_scores_against_single_pixels(seed):
  rng = np.random.default_rng(seed)
  # Void as -1, as 255 and as N; class 4 occurs nowhere, class 3 only in truth.
  truth = rng.choice([0, 1, 2, 3, -1, 255, 5], (11, 13)).astype(np.int32)
  seen = np.where(
    rng.random((11, 13)) < 0.6, truth, rng.integers(-1, 3, (11, 13))
  )
  seen[seen == 3] = 2
  matrix = confusion.count(truth, seen, 5)
  for t in range(6):
    for p in range(6):
      of = [
        one
        for one in pixels(truth, seen)
        if (one[0] if 0 <= one[0] < 5 else 5, one[1] if 0 <= one[1] < 5 else 5)
        == (t, p)
      ]
      assert matrix[t, p] == len(of)
  scores = confusion.scores(matrix)
  left_out = slow_scores(truth, seen, 5)
  wrong = slow_scores(truth, seen, 5, void_wrong=True)
  for name, value in left_out.items():
    assert scores[name] == pytest.approx(value, abs=1e-12), name
  assert scores["accuracy_void_wrong"] == pytest.approx(wrong["accuracy"])
  assert scores["miou_void_fp"] == pytest.approx(wrong["miou"])
  assert scores["miou_void_fp"] < scores["miou"]
  assert scores["classes"] == 4


def test_an_output_more_than_classes_spills_into_no_row():
  """A network of 20 outputs says 19, which is none of 19 classes."""
  truth = np.array([[0, 0, 18, 18, 18]])
  seen = np.array([[0, 19, 18, 18, 19]])
  matrix = confusion.count(truth, seen, 19)
  assert matrix.shape == (20, 20) and matrix.sum() == 5
  assert matrix[0].tolist() == [1] + [0] * 18 + [1]
  assert matrix[1].sum() == 0
  assert matrix[18, 18:].tolist() == [2, 1]
  scores = confusion.scores(matrix)
  assert scores["accuracy"] == 3 / 5
  # Of class 0 one of two pixels, of class 18 two of three; no other class.
  assert scores["miou"] == pytest.approx((1 / 2 + 2 / 3) / 2)
  assert scores["classes"] == 2


def test_absent_classes_are_left_out_of_means_and_are_not_zero():
  matrix = confusion.count(np.array([[0, 0]]), np.array([[0, 0]]), 3)
  assert confusion.ious(matrix)[0] == 1
  assert np.isnan(confusion.ious(matrix)[1:]).all()
  scores = confusion.scores(matrix)
  assert (scores["miou"], scores["class_accuracy"], scores["classes"]) == (
    1,
    1,
    1,
  )


def test_a_class_that_only_void_pixels_were_taken_for():
  """It counts where predictions on void are false ones, and nowhere else."""
  matrix = confusion.count(np.array([[0, 0, 255]]), np.array([[0, 0, 1]]), 2)
  scores = confusion.scores(matrix)
  assert (scores["miou"], scores["miou_void_fp"]) == (1.0, 0.5)
  assert (scores["accuracy"], scores["accuracy_void_wrong"]) == (1.0, 2 / 3)


def test_nothing_but_void():
  matrix = confusion.count(np.full((2, 2), 255), np.zeros((2, 2)), 2)
  scores = confusion.scores(matrix)
  assert scores["accuracy"] is scores["miou"] is None
  assert scores["frequency_weighted_iou"] is scores["class_accuracy"] is None
  assert (scores["accuracy_void_wrong"], scores["classes"]) == (0.0, 0)
  empty = confusion.scores(np.zeros((3, 3), np.int64))
  assert empty["accuracy_void_wrong"] is None


def test_groups_and_the_constant_map():
  truth = np.array([[0, 0, 0, 1, 2, 255]])
  seen = np.array([[0, 0, 1, 1, 0, 2]])
  matrix = confusion.count(truth, seen, 4)
  # IoU: 2 of 4, 1 of 2, 0 of 1; class 3 occurs nowhere.
  assert confusion.group_scores(matrix, [0, 1]) == {
    "class_accuracy": pytest.approx((2 / 3 + 1) / 2), "miou": 0.5, "classes": 2
  }  # fmt: skip
  assert confusion.group_scores(matrix, [2, 3])["miou"] == 0.0
  assert confusion.group_scores(matrix, [3])["miou"] is None
  assert confusion.group_scores(matrix, [])["classes"] == 0
  same = confusion.constant(matrix, 0)
  want = confusion.count(truth, np.zeros_like(truth), 4)
  np.testing.assert_array_equal(same, want)
  assert confusion.scores(same)["miou"] == pytest.approx(3 / 5 / 3)
  assert confusion.number(math.nan) is None
