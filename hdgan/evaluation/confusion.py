"""A matrix of true and predicted classes, and the scores that follow from it.

Row N of the matrix are pixels without a class (void), column N predictions of
something that is none of the classes: all scores with and without void come
from the one matrix.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def count(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
  """Counts pixels by true and predicted class.

  Args:
    truth: [H, W] int; whatever is no class is void.
    predicted: [H, W] int; whatever is no class is none of them.
    classes: N.

  Returns:
    [N + 1, N + 1] int64: row by truth, column by prediction.
  """
  rows, columns = (
    np.where((x >= 0) & (x < classes), x, classes).astype(np.int64)
    for x in (truth, predicted)
  )
  size = classes + 1
  cells = np.bincount((rows * size + columns).ravel(), minlength=size**2)
  return cells.reshape(size, size)


def scores(matrix: np.ndarray) -> dict[str, Any]:
  """Computes all scores of a matrix.

  Args:
    matrix: [N + 1, N + 1] from `count`.

  Returns:
    accuracy, class_accuracy, miou, frequency_weighted_iou with void left out;
    accuracy_void_wrong, where every void pixel is a wrong one; miou_void_fp,
    where what is predicted on void counts against the class; classes, how many
    the mean is over: those that occur in truth or prediction. None where
    nothing was counted.
  """
  known = matrix[:-1].astype(np.float64)
  right = np.diag(known)
  total, every = known.sum(), matrix.sum()
  iou, iou_void = ious(matrix), ious(matrix, void=True)
  share = known.sum(1) / max(total, 1)
  return {
    "accuracy": number(right.sum() / total if total else np.nan),
    "accuracy_void_wrong": number(right.sum() / every if every else np.nan),
    "class_accuracy": _mean(accuracies(matrix)),
    "miou": _mean(iou),
    "miou_void_fp": _mean(iou_void),
    "frequency_weighted_iou": number(
      np.nansum(share * iou) if total else np.nan
    ),
    "classes": int(np.isfinite(iou).sum()),
  }


def ious(matrix: np.ndarray, void: bool = False) -> np.ndarray:
  """Intersection over union per class.

  Args:
    matrix: [N + 1, N + 1] from `count`.
    void: count predictions on void as false ones.

  Returns:
    [N] float64, NaN for classes that occur nowhere.
  """
  right = np.diag(matrix)[:-1].astype(np.float64)
  rows = matrix if void else matrix[:-1]
  return _ratio(right, matrix[:-1].sum(1) + rows[:, :-1].sum(0) - right)


def accuracies(matrix: np.ndarray) -> np.ndarray:
  """Share of each class's pixels that were seen: [N] float64, NaN of none."""
  known = matrix[:-1].astype(np.float64)
  return _ratio(np.diag(known), known.sum(1))


def group_scores(matrix: np.ndarray, group: Sequence[int]) -> dict[str, Any]:
  """Means over some of the classes.

  Args:
    matrix: [N + 1, N + 1] from `count`.
    group: ids of classes.

  Returns:
    class_accuracy and miou, and of how many classes the latter is the mean.
  """
  chosen = np.array(group, np.int64)
  iou = ious(matrix)[chosen]
  return {
    "class_accuracy": _mean(accuracies(matrix)[chosen]),
    "miou": _mean(iou),
    "classes": int(np.isfinite(iou).sum()),
  }


def constant(matrix: np.ndarray, label: int) -> np.ndarray:
  """The matrix of the same pixels where one class is predicted everywhere."""
  result = np.zeros_like(matrix)
  result[:, label] = matrix.sum(1)
  return result


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  """Part of a whole, NaN of nothing."""
  return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _mean(values: np.ndarray) -> float | None:
  """Mean of what is known."""
  known = values[np.isfinite(values)]
  return float(known.mean()) if known.size else None


def number(value: float) -> float | None:
  """As JSON has it, which knows no NaN."""
  return float(value) if np.isfinite(value) else None
