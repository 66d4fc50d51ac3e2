"""What a data set looks like in numbers: sums over its examples.

The check fills it for people to read. Only sums are kept, a handful of
examples to show, and 16 bytes of each photo to know it again.
"""

import dataclasses
import hashlib
from collections import Counter

import numpy as np

from hdgan.datasets.examples import ExampleFiles
from hdgan.datasets.files import FileFacts
from hdgan.datasets.label_map import NotInTable
from hdgan.datasets.ranges import Range
from hdgan.datasets.transforms import Size
from hdgan.errors import SHOWN_FAULTS


@dataclasses.dataclass
class Look:
  """What was read from one example.

  Attributes:
    faults: what is wrong with its files, one line each.
    unknown: what its label map holds and data.label_map does not.
    size: (H, W) of its label map.
    objects: how many it has.
    values: pixels per label value; empty where the label is a picture.
    kinds: dtype of the arrays that are pictures, by role.
    ranges: their lowest and highest value, by role.
    levels: of a label that is a picture of one channel, its distinct values.
    sums: CRC-32 of its files.
    facts: what its files say of themselves, by role.
    pairs: [N, 2] label and instance id of its objects; None without a label.
    photo: a digest of the photo's pixels, where asked for.
  """

  faults: list[str] = dataclasses.field(default_factory=list)
  unknown: NotInTable | None = None
  size: Size = (0, 0)
  objects: int = 0
  values: dict[int, int] = dataclasses.field(default_factory=dict)
  kinds: dict[str, str] = dataclasses.field(default_factory=dict)
  ranges: dict[str, Range] = dataclasses.field(default_factory=dict)
  levels: int = 0
  sums: list[int] = dataclasses.field(default_factory=list)
  facts: dict[str, FileFacts] = dataclasses.field(default_factory=dict)
  pairs: np.ndarray | None = None
  photo: bytes = b""


@dataclasses.dataclass
class Coding:
  """How object ids are written, over all instance maps.

  Attributes:
    maps: how many there are.
    same: of them, whose ids are the labels.
    coded: whose ids are label * 1000 + number, or the bare label.
    running: whose ids are 0 or 1 to about the number of objects.
    shared: in which one id lies in several classes.
    low: the lowest id.
    high: the highest id.
  """

  maps: int = 0
  same: int = 0
  coded: int = 0
  running: int = 0
  shared: int = 0
  low: int = 0
  high: int = 0

  def add(self, pairs: np.ndarray) -> None:
    """Takes the objects of a map: [N, 2] label and id."""
    label = pairs[:, 0]
    ids = pairs[:, 1] & 0xFFFFFFFF  # As they were before they were bit-cast.
    low, high = int(ids.min()), int(ids.max())
    self.low = min(self.low, low) if self.maps else low
    self.high = max(self.high, high)
    self.maps += 1
    distinct = len(np.unique(ids))
    self.same += bool((ids == label).all())
    self.coded += bool((np.where(ids >= 1000, ids // 1000, ids) == label).all())
    self.running += high <= distinct
    self.shared += distinct < len(pairs)

  def text(self) -> str:
    """In words."""
    if self.same == self.maps:
      return "the same as the labels: no two objects of a class are told apart"
    if self.coded == self.maps:
      return "label * 1000 + number, and the bare label where there is none"
    bits = next(n for n in (8, 16, 24, 32) if self.high < 2**n)
    what = "running numbers" if self.running == self.maps else "numbers"
    text = f"{what} {self.low}..{self.high} ({bits} bits)"
    if self.shared:
      text += (
        f"; in {self.shared} of {self.maps} maps one number lies in several "
        "classes: each class and number is an object"
      )
    return text


@dataclasses.dataclass
class Survey:
  """Sums over the examples of a data set.

  Attributes:
    sizes: examples of each (H, W).
    formats: files of each kind, by role, such as "PNG, 8 bits, L".
    ranges: the lowest and highest value of pictures, by role.
    pixels: of each label value.
    pictures: that a label value is in.
    objects: of each label value.
    counts: pictures by how many objects they have.
    coding: of the instance maps.
    twins: photos with the pixels of another one: this, that, and whether
      they lie in different splits; the first 20 of either kind.
    num_twins: how many within a split, and how many over two splits.
    first: an example to show of each split.
    fullest: the one with the most objects, and their number.
    shows: for each label value the example that shows most of it, and the
      share of its pixels.
  """

  sizes: Counter[Size] = dataclasses.field(default_factory=Counter)
  formats: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
  ranges: dict[str, Range] = dataclasses.field(default_factory=dict)
  pixels: Counter[int] = dataclasses.field(default_factory=Counter)
  pictures: Counter[int] = dataclasses.field(default_factory=Counter)
  objects: Counter[int] = dataclasses.field(default_factory=Counter)
  counts: Counter[int] = dataclasses.field(default_factory=Counter)
  coding: Coding = dataclasses.field(default_factory=Coding)
  twins: list[tuple[str, str, bool]] = dataclasses.field(default_factory=list)
  num_twins: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
  first: dict[str, ExampleFiles] = dataclasses.field(default_factory=dict)
  fullest: tuple[int, ExampleFiles | None] = (0, None)
  shows: dict[int, tuple[float, ExampleFiles]] = dataclasses.field(
    default_factory=dict
  )
  _photos: dict[bytes, tuple[str, str]] = dataclasses.field(
    default_factory=dict
  )

  def add(self, split: str, example: ExampleFiles, look: Look) -> None:
    """Takes what was read from one example of a split."""
    for role, facts in look.facts.items():
      self.formats.setdefault(role, Counter())[kind_of(facts)] += 1
    for role, (low, high) in look.ranges.items():
      least, most = self.ranges.get(role, (low, high))
      self.ranges[role] = (min(least, low), max(most, high))
    if look.photo:
      self._find_twin(split, example, look.photo)
    if look.pairs is None:
      return
    self.sizes[look.size] += 1
    self.pixels.update(look.values)
    self.pictures.update(look.values.keys())
    self.counts[look.objects] += 1
    if look.values:
      labels, counts = np.unique(look.pairs[:, 0], return_counts=True)
      self.objects.update(
        dict(zip(labels.tolist(), counts.tolist(), strict=True))
      )
    if example.instance is not None:
      self.coding.add(look.pairs)
    if not look.faults:
      self._show(split, example, look)

  def _find_twin(self, split: str, example: ExampleFiles, photo: bytes) -> None:
    name = example.image.name if example.image else example.stem
    where, other = self._photos.setdefault(photo, (split, name))
    if (where, other) == (split, name):
      return
    over = where != split
    self.num_twins[over] += 1
    if sum(twin[2] == over for twin in self.twins) < SHOWN_FAULTS:
      self.twins.append((name, other, over))

  def _show(self, split: str, example: ExampleFiles, look: Look) -> None:
    """Keeps an example if it shows something best."""
    self.first.setdefault(split, example)
    if look.objects > self.fullest[0]:
      self.fullest = (look.objects, example)
    area = look.size[0] * look.size[1]
    for value, count in look.values.items():
      if count / area > self.shows.get(value, (0.0, None))[0]:
        self.shows[value] = (count / area, example)


def kind_of(facts: FileFacts) -> str:
  """A kind of file in words, such as "PNG, 8 bits, palette"."""
  modes = {"1": "one bit", "L": "grey", "P": "palette", "I;16": "grey"}
  mode = modes.get(facts.mode, facts.mode)
  if facts.format == "NPY":
    channels = f", {facts.channels} channels" if facts.channels > 1 else ""
    return f"NPY, {facts.mode}{channels}"
  if facts.bits == 1:
    return f"{facts.format}, one bit"
  return f"{facts.format}, {facts.bits} bits, {mode}"


def digest(picture: np.ndarray) -> bytes:
  """16 bytes that tell a picture [H, W, C] by its pixels."""
  told = f"{picture.shape} {picture.dtype}".encode()
  plain = np.ascontiguousarray(picture)
  return hashlib.blake2b(plain.data, digest_size=16, key=told[:64]).digest()
