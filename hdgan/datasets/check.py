"""Checks every file of a folder before anything is prepared.

All faults are told at once, one line each: the file, the value, the rule and
the way out.
"""

import concurrent.futures
import dataclasses
import pathlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.folder import (
  ROLES,
  WHAT,
  ExampleFiles,
  first_names,
  short_name,
)
from hdgan.datasets.reading import reading_of
from hdgan.datasets.transforms import Geometry, dense_objects
from hdgan.errors import InputError, raise_faults
from hdgan.picture_spec import PictureSpec, picture_spec


@dataclasses.dataclass(frozen=True)
class Rules:
  """What the files must keep to, in the config's words.

  Attributes:
    pictures: what label maps and photos mean.
    max_instances: the most objects in a picture; 0 means any number.
    geometries: how pictures come to each stage's size.
  """

  pictures: PictureSpec
  max_instances: int = 0
  geometries: tuple[Geometry, ...] = ()


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
  """

  counts: dict[str, int]
  sizes: dict[str, int]
  max_objects: int
  classes: dict[int, int]
  has_instances: bool


@dataclasses.dataclass
class _Found:
  """What was read from one example."""

  faults: list[str]
  size: tuple[int, int] = (0, 0)
  objects: int = 0
  values: dict[int, int] = dataclasses.field(default_factory=dict)
  kinds: dict[str, str] = dataclasses.field(default_factory=dict)


def check(
  splits: Mapping[str, Sequence[ExampleFiles]],
  rules: Rules,
  *,
  faults: Sequence[str] = (),
  workers: int = 2,
  progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
  """Reads every file and raises one InputError with all faults.

  Args:
    splits: the examples of each split that will be used.
    rules: what they must keep to.
    faults: what was found before, told together with what is found here.
    workers: threads that read.
    progress: called with examples done and their total.

  Returns:
    The Summary of a folder without a fault.

  Raises:
    InputError: one line per fault, the first 20 and the number of the rest.
  """
  examples = [example for split in splits.values() for example in split]
  found: list[_Found] = []
  with concurrent.futures.ThreadPoolExecutor(max(1, workers)) as pool:
    try:
      for one in pool.map(lambda e: _check_example(e, rules), examples):
        found.append(one)
        progress(len(found), len(examples))
    except BaseException:
      # Leaving the block would wait for every file that is queued.
      pool.shutdown(cancel_futures=True)
      raise
  # In the order of the files, whichever thread was first.
  told = [*faults, *(fault for one in found for fault in one.faults)]
  told += _kind_faults(examples, found)
  raise_faults(told)
  values: Counter[int] = Counter()
  for one in found:
    values.update(one.values)
  sizes = Counter(f"{one.size[0]}x{one.size[1]}" for one in found)
  return Summary(
    counts={name: len(split) for name, split in splits.items()},
    sizes=dict(sizes),
    max_objects=max((one.objects for one in found), default=0),
    classes=dict(sorted(values.items())),
    has_instances=any(example.instance for example in examples),
  )


def _check_example(example: ExampleFiles, rules: Rules) -> _Found:
  """Reads the files of one example; faults are collected, not raised."""
  found = _Found([])
  arrays = {}
  for role in ROLES:
    path = getattr(example, role)
    if path is None:
      continue
    try:
      arrays[role] = _read(path, role, rules, found)
    except InputError as error:
      found.faults.append(str(error))
  if "label" not in arrays:
    return found
  found.size = arrays["label"].shape[:2]
  # The label is the measure: sizes are compared with its own.
  for role in ("instance", "image"):
    if role in arrays and arrays[role].shape[:2] != found.size:
      height, width = arrays[role].shape[:2]
      path = getattr(example, role)
      found.faults.append(
        f"{short_name(path)}: the {WHAT[role]} is {height}x{width} (height x "
        f"width) but {short_name(example.label)} is {found.size[0]}x"
        f"{found.size[1]}; bring both to one size"
      )
      del arrays[role]
  _check_objects(example, arrays, rules, found)
  found.faults += size_faults(found.size, rules, short_name(example.label))
  return found


def _read(
  path: pathlib.Path, role: str, rules: Rules, found: _Found
) -> np.ndarray:
  """Reads one file, [H, W] ids or [H, W, C], and checks its values."""
  name = short_name(path)
  if role == "instance":
    return files.as_int32(files.read_map(path, name), name)
  spec = rules.pictures
  if role == "label" and spec.num_classes:
    label = files.read_map(path, name)
    found.values = _value_counts(label)
    found.faults += _label_faults(found.values, spec, name)
    return label
  channels = spec.label_channels if role == "label" else spec.image_channels
  bounds = spec.label_range if role == "label" else spec.image_range
  picture = files.read_picture(path, channels, name)
  found.kinds[role] = str(picture.dtype)
  low, high = picture.min(), picture.max()
  # NaN fails every comparison, so that it is a fault too.
  if not bounds[0] <= low <= high <= bounds[1]:
    found.faults.append(
      f"{name}: values {low:g}..{high:g} leave data.{role}_range = "
      f"({bounds[0]:g}, {bounds[1]:g}); declare the range of the files"
    )
  return picture


def _value_counts(label: np.ndarray) -> dict[int, int]:
  """Counts the pixels of each value of a label [H, W]."""
  # Counting is ten times quicker than sorting, and most labels have 8 bits.
  if label.dtype == np.uint8:
    counts = np.bincount(label.ravel())
    values = np.flatnonzero(counts)
    counts = counts[values]
  else:
    values, counts = np.unique(label, return_counts=True)
  return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _label_faults(
  values: Mapping[int, int], spec: PictureSpec, name: str
) -> list[str]:
  """Names label values outside 0..num_classes-1 and the two ways out."""
  bad = {
    value: count
    for value, count in values.items()
    if not 0 <= value < spec.num_classes
    and not (value == spec.ignore_label >= 0)
  }
  if not bad:
    return []
  listed = [f"{value} ({count} pixels)" for value, count in bad.items()]
  rule = f"{name}: label value{'s' * (len(bad) > 1)} {first_names(listed, 3)} "
  rule += f"outside 0..{spec.num_classes - 1} (num_classes = "
  rule += f"{spec.num_classes}); "
  ways = []
  if len(bad) == 1 and max(bad) >= 0:
    ways.append(f"ignore_label={max(bad)} if these pixels have no class")
  if min(bad) >= 0:
    ways.append(f"num_classes={max(bad) + 1} if they have one")
  return [
    rule
    + (
      "say " + ", or ".join(ways)
      if ways
      else "class ids start at 0: number them anew"
    )
  ]


def _check_objects(
  example: ExampleFiles,
  arrays: Mapping[str, np.ndarray],
  rules: Rules,
  found: _Found,
) -> None:
  """Counts the objects of maps [H, W] and compares with the limit."""
  label = arrays["label"]
  instance = arrays.get("instance", label)
  # A picture cannot stand in for ids: all of it is one object.
  if instance.ndim == 3:
    instance = np.zeros(label.shape[:2], np.int32)
  _, pairs = dense_objects(label, instance)
  found.objects = len(pairs)
  if 0 < rules.max_instances < len(pairs):
    found.faults.append(
      f"{short_name(example.instance or example.label)}: {len(pairs)} objects, "
      f"more than max_instances = {rules.max_instances}; say max_instances="
      f"{-(-len(pairs) // 64) * 64}, or 0 to have them counted"
    )


def size_faults(size: tuple[int, int], rules: Rules, name: str) -> list[str]:
  """Says for which stages a picture of (H, W) is too small to be cut."""
  faults = []
  for geometry in rules.geometries:
    scaled, (height, width) = geometry.scaled(size), geometry.stage_size
    if scaled[0] < height or scaled[1] < width:
      became = "" if scaled == size else f", scaled to {scaled[0]}x{scaled[1]},"
      faults.append(
        f"{name}: {size[0]}x{size[1]} (height x width){became} is smaller "
        f"than the stage's {height}x{width}, and nothing is padded; choose a "
        "smaller stage size or data.transform=resize"
      )
  # A later stage is larger: one line says enough.
  return faults[:1]


def _kind_faults(
  examples: Sequence[ExampleFiles], found: Sequence[_Found]
) -> list[str]:
  """Says where pictures of different depth are mixed: batches need one."""
  faults = []
  for role in ("label", "image"):
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example, one in zip(examples, found, strict=True):
      if role in one.kinds:
        counts[one.kinds[role]] += 1
        first.setdefault(one.kinds[role], short_name(getattr(example, role)))
    if len(counts) > 1:
      mixed = ", ".join(
        f"{n} {kind} (first {first[kind]})" for kind, n in counts.items()
      )
      faults.append(
        f"{role} files are of different kinds: {mixed}; save all alike"
      )
  return faults
