"""Finds from the files what a config leaves open: classes and ranges.

For a look at a folder before anything of it has been typed. What is found is
only a proposal: the check then judges the files by it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

from ml_collections import ConfigDict

from hdgan.config import get
from hdgan.datasets import files
from hdgan.datasets.check import value_counts
from hdgan.datasets.examples import ExampleFiles, Part
from hdgan.datasets.ranges import Range, fitting_range
from hdgan.errors import InputError

OPEN = (
  "num_classes", "ignore_label", "data.image_range", "data.label_range",
)  # fmt: skip
_SAMPLE = 100  # Pictures that tell a range; the check sees the others.
# Values that tools write where there is no class.
_VOID = (255, 65535)
# Ids are few of many where fewer than one in so many occurs.
_SPARSE, _FEW = 4, 40


def find_fields(
  config: ConfigDict,
  splits: Mapping[str, Sequence[ExampleFiles]],
  *,
  open_fields: Collection[str],
  classes: Mapping[int, Mapping[str, Any]],
  workers: int = 2,
) -> dict[str, Any]:
  """What to set of the fields that are open, for these files.

  Args:
    config: with values for all fields.
    splits: the examples.
    open_fields: those that may be set, of `OPEN`.
    classes: entries of classes.json by id.
    workers: threads that read.

  Returns:
    Values by field, only of those that differ from the config's.
  """
  found: dict[str, Any] = {}
  examples = list(chain.from_iterable(splits.values()))
  with ThreadPoolExecutor(max(1, workers)) as pool:
    if config.num_classes and "num_classes" in open_fields:
      values: set[int] = set()
      for some in _batches([example.label for example in examples]):
        values.update(*pool.map(_values, some))
      void = -1 if "ignore_label" in open_fields else config.ignore_label
      if values - {void}:
        count, ignored = count_classes(values - {void}, classes)
        found["num_classes"] = count
        if "ignore_label" in open_fields and ignored >= 0:
          found["ignore_label"] = ignored
    roles = ["image"] if config.num_classes else ["image", "label"]
    for role in roles:
      parts = (e.parts()[role] for e in examples if role in e.parts())
      looks = pool.map(_look, islice(parts, _SAMPLE))
      ends = [look for look in looks if look is not None]
      if ends and f"data.{role}_range" in open_fields:
        found[f"data.{role}_range"] = proposed_range(ends)
  return {k: v for k, v in found.items() if v != get(config, k)}


def count_classes(
  values: Collection[int], classes: Mapping[int, Mapping[str, Any]]
) -> tuple[int, int]:
  """Tells the number of classes from the values of all label maps.

  Args:
    values: that occur.
    classes: entries of classes.json by id; empty where there is none.

  Returns:
    num_classes and ignore_label, -1 for none. Of a few ids with large gaps it
    is their number: then the check says how they are numbered anew.
  """
  ids = {value for value in {*values, *classes} if value >= 0} or {0}
  top = max(ids)
  void = top in _VOID or classes.get(top, {}).get("ignore", False)
  rest = ids - {top}
  # A mask of 0 and 255 has two classes.
  if void and top - 1 not in ids and (classes or len(rest) > 1):
    return count_classes(rest, {})[0] if not classes else max(rest) + 1, top
  sparse = top >= _FEW and top + 1 > _SPARSE * len(ids)
  return (len(ids) if sparse and not classes else top + 1), -1


def proposed_range(ends: Sequence[Range]) -> tuple[float, float]:
  """The range to declare for pictures of these lowest and highest values."""
  low, high = fitting_range(min(a for a, _ in ends), max(b for _, b in ends))
  return float(low), float(high)


def _batches(parts: Sequence[Part], size: int = 64) -> Iterator[Sequence[Part]]:
  """Parts in batches: a pool would queue all of them."""
  for at in range(0, len(parts), size):
    yield parts[at : at + size]


def _values(part: Part) -> set[int]:
  """The values of a label map; of one that cannot be read, none."""
  try:
    return set(value_counts(files.read_map(part.read(), part.name)))
  except InputError:
    return set()


def _look(part: Part) -> Range | None:
  """Lowest and highest value of a picture, None where it has none."""
  try:
    data = part.read()
    channels = 1 if files.facts(data, part.name).channels == 1 else 3
    picture = files.read_picture(data, channels, part.name)
  except InputError:
    return None
  low, high = float(picture.min()), float(picture.max())
  # NaN and infinity are faults, and no range holds them.
  return (low, high) if high - low < float("inf") else None
