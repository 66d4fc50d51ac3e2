"""Checks every file of a folder before anything is prepared.

All faults are told at once, one line each: the file, the value, the rule and
the way out.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import zlib
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.examples import WHAT, ExampleFiles, Part
from hdgan.datasets.label_map import NotInTable, NotInTables
from hdgan.datasets.label_values import LabelValues, few_classes
from hdgan.datasets.palettes import Palettes
from hdgan.datasets.ranges import Ranges
from hdgan.datasets.reading import reading_of
from hdgan.datasets.survey import Look, Survey, digest
from hdgan.datasets.transforms import Geometry, object_pairs
from hdgan.errors import Faults, InputError
from hdgan.picture_spec import PictureSpec, picture_spec

T = TypeVar("T")
# From a split, the check of one example and all examples to what is found.
Copying = Callable[
  [str, Callable[[ExampleFiles], Look], Sequence[ExampleFiles]],
  Generator[Look, None, None],
]
# Class ids have few values in a map, greys many.
_MOST_LEVELS = 64


@dataclasses.dataclass(frozen=True)
class Rules:
  """What the files must keep to, in the config's words.

  Attributes:
    pictures: what label maps and photos mean.
    max_instances: the most objects in a picture; 0 means any number.
    geometries: how pictures come to each stage's size.
    trained: the model is there: no field of its config can be set any more.
  """

  pictures: PictureSpec
  max_instances: int = 0
  geometries: tuple[Geometry, ...] = ()
  trained: bool = False


def rules_of(config: ConfigDict) -> Rules:
  """What the files must keep to, from a config."""
  reading = reading_of(config)
  return Rules(
    picture_spec(config),
    max_instances=config.max_instances,
    geometries=tuple(reading.geometry(s.size) for s in config.stages),
  )


@dataclasses.dataclass(frozen=True)
class Summary:
  """What the check found in all the splits that it read.

  Attributes:
    counts: examples per split.
    sizes: how many examples have each (height)x(width).
    max_objects: the most objects in one picture.
    classes: pixels per label value; empty where the label is a picture.
    has_instances: whether there are instance maps.
    contents: per split a sum of what its files hold, in their order.
    notes: what is not wrong but worth a line before a training.
    ids: lowest and highest object id, as int32; None if nobody looked.
  """

  counts: dict[str, int]
  sizes: dict[str, int]
  max_objects: int
  classes: dict[int, int]
  has_instances: bool
  contents: dict[str, str] = dataclasses.field(default_factory=dict)
  notes: list[str] = dataclasses.field(default_factory=list)
  ids: list[int] | None = None


def check(
  splits: Mapping[str, Sequence[ExampleFiles]],
  rules: Rules,
  *,
  faults: Sequence[str] = (),
  workers: int = 2,
  progress: Callable[[int, int], None] = lambda done, total: None,
  survey: Survey | None = None,
  copy: Copying | None = None,
) -> Summary:
  """Reads every file and raises one InputError with all faults.

  Only sums over the examples are kept, so that it needs no more memory for
  many than for few.

  Args:
    splits: the examples of each split that will be used.
    rules: what they must keep to.
    faults: what was found before, told together with what is found here.
    workers: threads that read.
    progress: called with examples done and their total.
    survey: takes what every example looks like, also where there are faults.
    copy: gives what is found in the examples of a split, and copies them.

  Returns:
    The Summary of a folder without a fault.

  Raises:
    InputError: one line per fault, the first 20 of a kind and the number of
      the rest.
  """
  told, total = _Total(rules, Faults(faults)), sum(map(len, splits.values()))
  contents, done = {}, 0
  for split, examples in splits.items():
    sums = _SumOfSums()
    look = functools.partial(
      _check_example, rules=rules, photos=survey is not None
    )
    looks = (
      copy(split, look, examples)
      if copy is not None
      else in_order(look, examples, workers)
    )
    with contextlib.closing(looks) as found:
      for example, one in zip(examples, found, strict=True):
        told.add(example, one)
        sums.add(one.sums)
        if survey is not None:
          survey.add(split, example, one)
        done += 1
        progress(done, total)
    contents[split] = sums.text()
  told.finish().raise_any()
  return Summary(
    counts={name: len(split) for name, split in splits.items()},
    sizes=dict(told.sizes),
    max_objects=told.max_objects,
    classes=dict(sorted(told.values.pixels.items())),
    has_instances=told.has_instances,
    contents=contents,
    notes=told.notes(),
    ids=told.ids,
  )


def in_order(
  look: Callable[[ExampleFiles], T],
  examples: Sequence[ExampleFiles],
  workers: int,
) -> Generator[T, None, None]:
  """What was found in each example, in their order; few are ahead of it."""
  workers = max(1, workers)
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    ahead: deque[concurrent.futures.Future[T]] = deque()
    try:
      for example in examples:
        if len(ahead) >= 2 * workers:
          yield ahead.popleft().result()
        ahead.append(pool.submit(look, example))
      while ahead:
        yield ahead.popleft().result()
    except BaseException:
      # Leaving the block would wait for every file that is queued.
      pool.shutdown(cancel_futures=True)
      raise


class _Total:
  """Sums over all examples, as they come."""

  def __init__(self, rules: Rules, faults: Faults):
    self.rules, self.faults = rules, faults
    self.palettes = Palettes(rules.trained)
    # Labels that are pictures of one channel: how many, and their most values.
    self.grey, self.levels = 0, 0
    self.values = LabelValues(rules.pictures, rules.trained)
    self.unknown = NotInTables()
    self.sizes: Counter[str] = Counter()
    self.max_objects, self.has_instances = 0, False
    self.ids: list[int] | None = None
    self._kinds: dict[str, dict[str, list[Any]]] = {"label": {}, "image": {}}
    spec = rules.pictures
    self.ranges = {
      role: Ranges(role, declared, rules.trained)
      for role, declared in (
        ("label", spec.label_range), ("image", spec.image_range)
      )
    }  # fmt: skip

  def add(self, example: ExampleFiles, one: Look) -> None:
    """Takes what was found in one example."""
    for line in one.faults:
      self.faults.add(line)
    self.values.add(example.label.name, one.values)
    if one.unknown:
      self.unknown.add(one.unknown)
    self.sizes[f"{one.size[0]}x{one.size[1]}"] += 1
    self.max_objects = max(self.max_objects, one.objects)
    self.has_instances |= example.instance is not None
    if one.pairs is not None:
      ids = [*one.pairs[:, 1].tolist(), *(self.ids or [])]
      self.ids = [min(ids), max(ids)]
    for role, kind in one.kinds.items():
      name = example.parts()[role].name
      self._kinds[role].setdefault(kind, [0, name])[0] += 1
      self.ranges[role].add(name, one.ranges[role], kind)
    label = one.facts.get("label")
    if label is not None and label.palette and one.values:
      fault = self.palettes.fault(example.label.name, one.values, label.palette)
      if fault:
        self.faults.add(fault)
    self.grey += one.levels > 0
    self.levels = max(self.levels, one.levels)

  def finish(self) -> Faults:
    """All faults, with those that only all files together have."""
    for fault in filter(None, (self.values.fault, self.unknown.fault)):
      self.faults.add(fault)
    ids, wrong = self._class_ids()
    if wrong:
      self.faults.add(ids)
    for role, ranges in self.ranges.items():
      # Class ids use little of a range that is not meant for them.
      for line, times in () if ids and role == "label" else ranges.faults():
        self.faults.add(line, times)
    for role, kinds in self._kinds.items():
      if len(kinds) > 1:
        mixed = ", ".join(
          f"{n} {kind} (first {name})" for kind, (n, name) in kinds.items()
        )
        self.faults.add(
          f"{role} files are of different kinds: {mixed}; save all alike"
        )
    return self.faults

  def notes(self) -> list[str]:
    """What is worth a line though it is not wrong."""
    ids, _ = self._class_ids()
    own = [note for ranges in self.ranges.values() for note in ranges.notes()]
    few = few_classes(self.values.pixels, self.rules.pictures)
    return [*own, *(note for note in (ids, few) if note)]

  def _class_ids(self) -> tuple[str, bool]:
    """Says that labels that are taken as pictures look like class ids, or ''.

    They have one channel where three are declared, and few values each. With
    it whether they can be hardly anything else.
    """
    all_grey = 0 < self.grey == self.sizes.total()
    if not all_grey or self.levels > _MOST_LEVELS or self.rules.trained:
      return "", False
    low, high = self.ranges["label"].low, self.ranges["label"].high
    line = (
      f"all label maps have one channel and at most {self.levels} values each, "
      f"in {low:g}..{high:g}, and num_classes = 0 takes them as pictures; say "
      f"--config.num_classes={high + 1:g} if they are class ids"
    )
    if high >= _MOST_LEVELS:
      return line, False
    return (
      f"{line}, or --config.data.label_channels=1 "
      f"{self.ranges['label'].flag()} if they are pictures"
    ), True


class _SumOfSums:
  """SHA-256 over the sums of a split's files as `repr` writes their list."""

  def __init__(self) -> None:
    self._digest, self._empty = hashlib.sha256(b"["), True

  def add(self, sums: Sequence[int]) -> None:
    """Takes the sums of the next example's files."""
    text = repr(list(sums))
    self._digest.update((text if self._empty else f", {text}").encode())
    self._empty = False

  def text(self) -> str:
    """Of all that were taken."""
    whole = self._digest.copy()
    whole.update(b"]")
    return whole.hexdigest()[:20]


def _check_example(
  example: ExampleFiles, rules: Rules, photos: bool = False
) -> Look:
  """Reads the files of one example; faults are collected, not raised."""
  found = Look()
  arrays = {}
  for role, part in example.parts().items():
    try:
      arrays[role] = _read(part, role, rules, found)
    except NotInTable as error:
      found.unknown = error
    except InputError as error:
      found.faults.append(str(error))
  if photos and "image" in arrays:
    found.photo = digest(arrays["image"])
  if "label" not in arrays:
    return found
  found.size = arrays["label"].shape[:2]
  # The label is the measure: sizes are compared with its own.
  for role in [role for role in arrays if role != "label"]:
    if arrays[role].shape[:2] != found.size:
      height, width = arrays.pop(role).shape[:2]
      found.faults.append(
        f"{example.parts()[role].name}: the {WHAT[role]} is {height}x{width} "
        f"(height x width) but {example.label.name} is {found.size[0]}x"
        f"{found.size[1]}; bring both to one size"
      )
  _check_objects(example, arrays, rules, found)
  found.faults += size_faults(found.size, rules, example.label.name)
  return found


def _read(part: Part, role: str, rules: Rules, found: Look) -> np.ndarray:
  """Reads one file, [H, W] ids or [H, W, C], and checks its values."""
  name = part.name
  data = files.checked(part.read(), name)
  found.sums.append(zlib.crc32(data))
  found.facts[role] = files.facts(data, name)
  if role == "instance":
    ids = files.read_map(data, name, what=WHAT[role], trained=rules.trained)
    return files.as_int32(ids, name)
  spec = rules.pictures
  if role == "label" and spec.num_classes:
    label = files.read_map(data, name, what=WHAT[role], trained=rules.trained)
    found.values = value_counts(label)
    return label
  channels = spec.label_channels if role == "label" else spec.image_channels
  picture = files.read_picture(
    data, channels, name, role=role, trained=rules.trained
  )
  found.kinds[role] = str(picture.dtype)
  found.ranges[role] = (float(picture.min()), float(picture.max()))
  if role == "label" and channels > found.facts[role].channels == 1:
    found.levels = len(np.unique(picture[..., 0]))
  return picture


def value_counts(label: np.ndarray) -> dict[int, int]:
  """Counts the pixels of each value of a label [H, W]."""
  # Counting is ten times quicker than sorting, and most labels have 8 bits.
  if label.dtype == np.uint8:
    counts = np.bincount(label.ravel())
    values = np.flatnonzero(counts)
    counts = counts[values]
  else:
    values, counts = np.unique(label, return_counts=True)
  return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _check_objects(
  example: ExampleFiles,
  arrays: Mapping[str, np.ndarray],
  rules: Rules,
  found: Look,
) -> None:
  """Counts the objects of maps [H, W] and compares with the limit."""
  label = arrays["label"]
  instance = arrays.get("instance", label)
  # A picture cannot stand in for ids: all of it is one object.
  if instance.ndim == 3:
    instance = np.zeros(label.shape[:2], np.int32)
  found.pairs = object_pairs(label, instance)
  count = found.objects = len(found.pairs)
  if 0 < rules.max_instances < count:
    found.faults.append(
      f"{(example.instance or example.label).name}: {count} objects, "
      f"more than max_instances = {rules.max_instances}; say "
      f"--config.max_instances={-(-count // 64) * 64}, or "
      "--config.max_instances=0 to have them counted"
    )


def size_faults(size: tuple[int, int], rules: Rules, name: str) -> list[str]:
  """Says for which stages a picture of (H, W) is too small to be cut."""
  faults = []
  for i, geometry in enumerate(rules.geometries):
    scaled, (height, width) = geometry.scaled(size), geometry.stage_size
    if scaled[0] < height or scaled[1] < width:
      became = "" if scaled == size else f", scaled to {scaled[0]}x{scaled[1]},"
      faults.append(
        f"{name}: {size[0]}x{size[1]} (height x width){became} is smaller "
        f"than the stage's {height}x{width}, and nothing is padded; say "
        "--config.data.transform=resize, or a smaller "
        f"--config.stages[{i}].size=HEIGHT,WIDTH"
      )
  # A later stage is larger: one line says enough.
  return faults[:1]
