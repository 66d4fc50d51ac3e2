"""Segmentation scores: does a segmenter see in a picture what the map said?

Section 4.1 of the paper. The real photos are scored by the same segmenter: what
they reach is the oracle, and a result means something as a share of it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hdgan.datasets.transforms import place_map, whole_placement
from hdgan.evaluation import confusion
from hdgan.evaluation.measure import Pair


class Segmenter(Protocol):
  """Tells the class of each pixel of a picture.

  Attributes:
    name: for people, such as "own (seed 0)".
    settings: all that its answer depends on, with the SHA-256 of its weights.
    about: what else is worth knowing, such as classes that it cannot tell;
      results with another one are compared all the same.
    has_oracle: whether it can label photos too.
  """

  name: str
  settings: dict[str, Any]
  about: dict[str, Any] = {}
  has_oracle: bool = True

  def __call__(self, name: str, picture: np.ndarray, real: bool) -> np.ndarray:
    """Labels a picture.

    Args:
      name: of the map.
      picture: [H, W, 1 or 3] uint8.
      real: whether it is the photo rather than what was made.

    Returns:
      [h, w] int32 class ids of the data; N or more for what is none of them.

    Raises:
      InputError: for a picture that it cannot label.
    """


class Segmentation:
  """The score of one segmenter."""

  key = "segmentation"

  def __init__(
    self, segmenter: Segmenter, names: Sequence[str], void: Sequence[int]
  ):
    """Starts with nothing counted.

    Args:
      segmenter: labels the pictures.
      names: of the classes, by id.
      void: ids of classes that are not scored.
    """
    self.segmenter, self.names, self.void = segmenter, tuple(names), void
    self.settings = {
      "segmenter": segmenter.settings, "classes": list(names),
      "void": sorted(void),
    }  # fmt: skip
    size = len(names) + 1
    self.made = np.zeros((size, size), np.int64)
    self.real = np.zeros((size, size), np.int64)
    self.photos = 0
    self.by_picture: dict[str, float | None] = {}

  def add(self, pair: Pair) -> None:
    """Counts the classes of a picture and of its photo, see `Measure`."""
    matrix = self._count(pair, pair.made, real=False)
    self.made += matrix
    self.by_picture[pair.name] = confusion.scores(matrix)["miou"]
    if pair.real is not None and self.segmenter.has_oracle:
      self.real += self._count(pair, pair.real, real=True)
      self.photos += 1

  def _count(self, pair: Pair, picture: np.ndarray, real: bool) -> np.ndarray:
    found = self.segmenter(pair.name, picture, real)
    height, width = pair.label.shape
    found = place_map(found, whole_placement((height, width)))
    # A class that is not scored is neither asked for nor an answer.
    truth, found = (
      np.where(np.isin(x, self.void), -1, x) for x in (pair.label, found)
    )
    return confusion.count(truth, found, len(self.names))

  def result(self) -> dict[str, Any]:
    """Scores of what was made and of the photos, see `Measure`."""
    made = confusion.scores(self.made)
    oracle = confusion.scores(self.real) if self.photos else None
    return {
      "segmenter": self.segmenter.name,
      "about": self.segmenter.about,
      "oracle": oracle,
      "result": made,
      "share_of_oracle": shares(made, oracle),
      "per_class": confusion.per_class(self.made, self.names),
    }


def shares(
  made: dict[str, Any], oracle: dict[str, Any] | None
) -> dict[str, float] | None:
  """Each score as a share of what the photos reach."""
  if oracle is None:
    return None
  return {
    name: made[name] / oracle[name]
    for name in made
    if name != "classes" and oracle[name] and made[name] is not None
  }
