"""Segmentation scores: does a segmenter see in a picture what the map said?

Section 4.1 of the paper. The real photos are scored by the same segmenter: what
they reach is the oracle, and a result means something as a share of it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from hdgan.datasets.transforms import place_map, whole_placement
from hdgan.evaluation import confusion
from hdgan.evaluation.measure import Pair

SHOWN = 4  # Worst and best pictures each that are kept.
LEAST = 2.0  # Times the mIoU of a constant map that an oracle must reach.
Scores = dict[str, Any]


class Segmenter(Protocol):
  """Tells the class of each pixel of a picture.

  Attributes:
    name: for people, such as "own (seed 0)".
    settings: all that its answer depends on, with the SHA-256 of its weights,
      and its "kind".
    about: what else is worth knowing, such as classes that it cannot tell;
      results with another one are compared all the same.
    has_oracle: whether it can label photos too.
    usual: the class that was most frequent where it learned; None: not known.
    unranked: why its scores are not to be compared; "" if they may be.
  """

  name: str
  settings: dict[str, Any]
  about: dict[str, Any] = {}
  has_oracle: bool = True
  usual: int | None = None
  unranked: str = ""

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


@dataclasses.dataclass(frozen=True)
class Shown:
  """What was seen in one picture.

  Attributes:
    pair: the picture, its map and its photo.
    found: [h, w] int32 classes that were seen in the picture.
    found_real: the same of the photo; None without one.
    miou: of the picture.
  """

  pair: Pair
  found: np.ndarray
  found_real: np.ndarray | None
  miou: float


class Segmentation:
  """The scores of one segmenter, or of several that differ by a seed."""

  key = "segmentation"

  def __init__(
    self,
    segmenters: Sequence[Segmenter],
    names: Sequence[str],
    *,
    void: Sequence[int] = (),
    things: Sequence[int] = (),
  ):
    """Starts with nothing counted.

    Args:
      segmenters: label the pictures.
      names: of the classes, by id.
      void: ids of classes that are not scored.
      things: ids of classes whose objects are told apart.
    """
    self.segmenters, self.names = tuple(segmenters), tuple(names)
    self.void, self.things = sorted(void), sorted(things)
    self.settings = {
      "segmenters": [one.settings for one in segmenters],
      "classes": list(names), "void": self.void,
    }  # fmt: skip
    shape = (len(segmenters), len(names) + 1, len(names) + 1)
    self.matrices = {
      "made": np.zeros(shape, np.int64), "real": np.zeros(shape, np.int64)
    }  # fmt: skip
    self.photos = 0
    self.by_picture: dict[str, Scores] = {}
    self._shown: list[Shown] = []

  def add(self, pair: Pair) -> None:
    """Counts the classes of a picture and of its photo, see `Measure`."""
    found, matrices = self._see(pair, pair.made, real=False)
    self.matrices["made"] += matrices
    scores = confusion.scores(matrices.sum(0))
    of_picture = {key: scores[key] for key in ("miou", "accuracy")}
    found_real = None
    if pair.real is not None and self.segmenters[0].has_oracle:
      found_real, matrices = self._see(pair, pair.real, real=True)
      self.matrices["real"] += matrices
      self.photos += 1
      oracle = confusion.scores(matrices.sum(0))["miou"]
      of_picture["oracle_miou"] = oracle
    self.by_picture[pair.name] = of_picture
    if scores["miou"] is not None:
      self._shown.append(Shown(pair, found, found_real, miou=scores["miou"]))
      self._shown.sort(key=lambda one: one.miou)
      del self._shown[SHOWN:-SHOWN]

  def shown(self) -> list[Shown]:
    """The worst pictures, then the best ones, the best last."""
    return list(self._shown)

  def _see(
    self, pair: Pair, picture: np.ndarray, real: bool
  ) -> tuple[np.ndarray, np.ndarray]:
    """What the first segmenter sees [h, w], and matrices [S, N + 1, N + 1]."""
    height, width = pair.label.shape
    placement = whole_placement((height, width))
    found = [
      place_map(segmenter(pair.name, picture, real), placement)
      for segmenter in self.segmenters
    ]
    # A class that is not scored is neither asked for nor an answer.
    truth, *seen = (
      np.where(np.isin(x, self.void), -1, x) for x in (pair.label, *found)
    )
    count = len(self.names)
    return found[0], np.stack([confusion.count(truth, x, count) for x in seen])

  def result(self) -> Scores:
    """Scores of what was made and of the photos, see `Measure`."""
    members = [self._member(i) for i in range(len(self.segmenters))]
    mean, first = _over(members, _mean), self.segmenters[0]
    constant = self._constant()
    several = len(members) > 1
    reason = self._why_not(mean, constant)
    return {
      "segmenter": first.settings["kind"] if several else first.name,
      "about": first.about,
      "ranked": not reason,
      "reason": reason,
      **mean,
      **({"spread": _over(members, _spread)} if several else {}),
      "constant": constant,
      "groups": {
        name: _over([self._group(i, ids) for i in range(len(members))], _mean)
        for name, ids in self.groups().items()
      },
      "per_class": self._per_class(),
      "by_picture": self.by_picture,
      **({"members": members} if several else {}),
    }

  def groups(self) -> dict[str, list[int]]:
    """Scored classes with objects (things), and all others (stuff)."""
    scored = [i for i in range(len(self.names)) if i not in self.void]
    return {
      "things": [i for i in scored if i in self.things],
      "stuff": [i for i in scored if i not in self.things],
    }

  def _member(self, i: int) -> Scores:
    """The scores of one segmenter."""
    made = confusion.scores(self.matrices["made"][i])
    oracle = None
    if self.photos:
      oracle = confusion.scores(self.matrices["real"][i])
    return {
      "name": self.segmenters[i].name, "oracle": oracle, "result": made,
      "share_of_oracle": shares(made, oracle),
    }  # fmt: skip

  def _group(self, i: int, ids: Sequence[int]) -> Scores:
    made = confusion.group_scores(self.matrices["made"][i], ids)
    oracle = None
    if self.photos:
      oracle = confusion.group_scores(self.matrices["real"][i], ids)
    return {
      "oracle": oracle, "result": made,
      "share_of_oracle": shares(made, oracle),
    }  # fmt: skip

  def _constant(self) -> Scores:
    """Scores of a map that says the most frequent class everywhere."""
    matrix, usual = self.matrices["made"][0], self.segmenters[0].usual
    if usual is None:
      usual = int(matrix[:-1].sum(1).argmax())
    scores = confusion.scores(confusion.constant(matrix, usual))
    return {"class": self.names[usual], **scores}

  def _why_not(self, mean: Scores, constant: Scores) -> str:
    """Why the scores rank nothing, or ""."""
    for one in self.segmenters:
      if one.unranked:
        return one.unranked
    if mean["oracle"] is None:
      return "there are no photos of these maps, hence no oracle"
    got, least = mean["oracle"]["miou"], constant["miou"]
    if got is None or got < LEAST * least:
      return (
        f"the photos themselves reach a mIoU of {got or 0:.3f} only; that of "
        f"{constant['class']} everywhere is {least or 0:.3f}, and an oracle "
        "must be twice as good"
      )
    return ""

  def _per_class(self) -> list[Scores]:
    """A row per class, means over the segmenters."""
    columns = {}
    for kind, prefix in (("made", ""), ("real", "oracle_")):
      for name, of in (
        ("accuracy", confusion.accuracies), ("iou", confusion.ious)
      ):  # fmt: skip
        columns[prefix + name] = [of(one) for one in self.matrices[kind]]
    pixels = self.matrices["made"][0][:-1].sum(1)
    group = {
      i: name for name, ids in self.groups().items() for i in ids
    }  # fmt: skip
    return [
      {
        "name": name,
        "group": group.get(i, "void"),
        "share": float(pixels[i] / max(pixels.sum(), 1)),
        **{
          key: _mean([confusion.number(values[i]) for values in column])
          for key, column in columns.items()
        },
      }
      for i, name in enumerate(self.names)
    ]


def shares(made: Scores, oracle: Scores | None) -> Scores | None:
  """Each score as a share of what the photos reach; None of nothing."""
  if oracle is None:
    return None
  return {
    name: made[name] / oracle[name]
    if oracle[name] and made[name] is not None
    else None
    for name in made
    if name != "classes"
  }


def _over(members: Sequence[Mapping[str, Any]], how: Any) -> Scores:
  """Brings the scores of several segmenters into one, part by part."""
  parts = ("oracle", "result", "share_of_oracle")
  return {
    part: None
    if members[0][part] is None
    else {
      name: how([one[part][name] for one in members])
      for name in members[0][part]
      if not (how is _spread and name == "classes")
    }
    for part in parts
  }


def _mean(values: Sequence[Any]) -> Any:
  """Mean of what is known, as it is where all are alike."""
  known = [value for value in values if value is not None]
  if len(set(known)) == 1:
    return known[0]
  return float(np.mean(known)) if known else None


def _spread(values: Sequence[Any]) -> float | None:
  """Standard deviation of a sample."""
  if None in values:
    return None
  return float(np.std(values, ddof=1))
