"""Which object gets which style: the seeded draw, a photo's, a file's.

Layers, the later ones winning: the draw (or what a class falls back on), the
styles of a photo, class defaults of a file, single objects of the file.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from hdgan.errors import raise_faults
from hdgan.styles.bank import StyleBank, short_floats
from hdgan.styles.clusters import Styles
from hdgan.styles.file import Style, StyleFile, missing, rows_by_key

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class PhotoStyles:
  """What E makes of a photo.

  Attributes:
    objects: [C] features by (label, instance id).
    classes: [C] mean features by label.
  """

  objects: Mapping[tuple[int, int], Float[Array, " c"]]
  classes: Mapping[int, Float[Array, " c"]]


def photo_table(
  means: Float[Array, "n c"],
  pairs: Int[Array, "n 2"],
  shares: Float[Array, " n"],
) -> PhotoStyles:
  """Sorts what `pool_objects` gives by object and by class."""
  objects = {
    (int(a), int(b)): mean
    for (a, b), mean in zip(pairs, means, strict=True)
  }  # fmt: skip
  classes = {}
  for label in np.unique(pairs[:, 0]):
    own = pairs[:, 0] == label
    mean = np.average(means[own], axis=0, weights=shares[own])
    classes[int(label)] = mean.astype(np.float32)
  return PhotoStyles(objects, classes)


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
  """The styles of one map's objects.

  Attributes:
    table: [N, C] float32.
    styles: [N] numbers, or features where no number stands for them.
  """

  table: Float[Array, "n c"]
  styles: tuple[Style, ...]


@dataclasses.dataclass(frozen=True)
class Chooser:
  """Gives every object of a map its style.

  Attributes:
    names: of the classes, by id.
    channels: C, numbers per style.
    bank: of the run, or None.
    means: what classes fall back on where there is no bank, or None.
    seed: of the draw.
    draw: "map" draws for each map anew; "sequence" gives an object the same
      style in every map, as the frames of a video need it.
    photo: styles to take over, or None.
    file: styles that a user wrote down, or None.
  """

  names: Sequence[str]
  channels: int
  bank: StyleBank | None
  means: Styles | None = None
  seed: int = 0
  draw: str = "map"
  photo: PhotoStyles | None = None
  file: StyleFile | None = None

  def choose(self, pairs: Int[Array, "n 2"], where: str) -> Choice:
    """Chooses for the objects of one map.

    Args:
      pairs: [N, 2] label and original instance id.
      where: name of the map.

    Returns:
      A `Choice`.

    Raises:
      InputError: if the file names what the map or the bank does not have.
    """
    styles = [
      self._without_file(label, id, where) for label, id in pairs.tolist()
    ]
    if self.file is not None:
      styles = self._overlay(self.file, styles, pairs=pairs, where=where)
    rows = [
      self.vector(int(label), style)
      for label, style in zip(pairs[:, 0], styles, strict=True)
    ]
    table = np.array(rows, np.float32).reshape(-1, self.channels)
    return Choice(table, tuple(styles))

  def _without_file(self, label: int, id: int, where: str) -> Style:
    photo = self.photo
    # In digits that give the same float32 back, so that a file replays it.
    if photo is not None and (label, id) in photo.objects:
      return tuple(short_floats(photo.objects[label, id]))
    if photo is not None and label in photo.classes:
      return tuple(short_floats(photo.classes[label]))
    styles = self.bank.styles if self.bank else self.means
    if styles is None:
      return (0.0,) * self.channels
    count = len(styles.of_class(label))
    if not count:
      return tuple(short_floats(styles.fallback(label)))
    # A seed must not be negative.
    seed = [self.seed, label % 2**32, id % 2**32]
    if self.draw == "map":
      # Ids may start anew in every map; its name tells the maps apart.
      digest = hashlib.sha256(where.encode("utf-8", "surrogateescape")).digest()
      seed.append(int.from_bytes(digest[:8]))
    return int(np.random.default_rng(seed).integers(count))

  def _overlay(
    self,
    file: StyleFile,
    styles: list[Style],
    *,
    pairs: Int[Array, "n 2"],
    where: str,
  ) -> list[Style]:
    rows = rows_by_key(pairs)
    styles = [
      file.classes.get(label, style)
      for label, style in zip(pairs[:, 0].tolist(), styles, strict=True)
    ]
    faults = []
    for key, style in file.objects.items():
      if key in rows:
        styles[rows[key]] = style
      else:
        faults.append(f"{file.path}: objects: {missing(key, pairs, where)}")
    used = [*file.classes.items()]
    used += [(int(pairs[rows[k], 0]), s) for k, s in file.objects.items()
             if k in rows]  # fmt: skip
    faults += [
      f"{file.path}: {rule}"
      for rule in dict.fromkeys(self.number_fault(a, s) for a, s in used)
      if rule
    ]
    raise_faults(faults)
    return styles

  def number_fault(self, label: int, style: Style) -> str:
    """What keeps a style from being used for a class, or ''."""
    if not isinstance(style, int):
      return ""
    name = self.names[label] if 0 <= label < len(self.names) else str(label)
    if self.bank is None:
      return (
        f"style {style} of {name!r} needs a style bank; make one with `python "
        "-m hdgan.main --mode=styles --workdir=WORKDIR`, or give the numbers "
        "themselves"
      )
    count = len(self.bank.styles.of_class(label))
    if style < count:
      return ""
    has = f"styles 0..{count - 1}" if count else "no styles"
    return f"style {style} of {name!r} is not in the bank, which has {has}"

  def vector(self, label: int, style: Style) -> Float[Array, " c"]:
    """[C] float32 of a style that has been checked."""
    if isinstance(style, int) and self.bank is not None:
      return self.bank.styles.of_class(label)[style]
    return np.array(style, np.float32)


def fallback_line(bank: StyleBank, names: Sequence[str]) -> str:
  """Says which classes have no styles and what they take instead, or ''."""
  styles = bank.styles
  groups: dict[str, list[str]] = {"mean": [], "global": []}
  for label, name in enumerate(names):
    if not len(styles.of_class(label)):
      kind = "mean" if styles.class_counts[label] else "global"
      groups[kind].append(name)
  ways = {"mean": "the mean of the class", "global": "the mean of all"}
  parts = [
    f"{', '.join(g)} {'takes' if len(g) == 1 else 'take'} {ways[k]}"
    for k, g in groups.items()
    if g
  ]
  return f"Classes without styles: {'; '.join(parts)}." if parts else ""
