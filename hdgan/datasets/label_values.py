"""Values of label maps that are no class: told once for a folder, with a way.

What helps depends on all files together: a mask of 0 and 255, ids with gaps,
ids from 1 on, or object ids where class ids are meant.
"""

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping

from hdgan.errors import counted
from hdgan.picture_spec import PictureSpec

# The usual number of pixels that have no class, as in Pascal VOC's maps.
BORDER = 255
# Object ids of Cityscapes and of the released code are 1000 * class + number.
FIRST_OBJECT = 1000
_SHOWN_VALUES = 5
# Entries of a table that fit into a line.
_SHOWN_ENTRIES = 40
_TABLE = "label_map.json"


class LabelValues:
  """Counts the values of label maps as they come; keeps sums alone.

  Attributes:
    pixels: per value, of all files.
  """

  def __init__(self, spec: PictureSpec, trained: bool = False):
    self.pixels: Counter[int] = Counter()
    self._spec, self._trained = spec, trained
    self._files = 0
    # Of those with a value that is no class: how many, and the first ones.
    self._bad, self._names = 0, list[str]()

  def add(self, name: str, values: Mapping[int, int]) -> None:
    """Takes the pixels per value of one file."""
    self.pixels.update(values)
    self._files += 1
    if outside(values, self._spec):
      self._bad += 1
      if len(self._names) < _SHOWN_VALUES:
        self._names.append(name)

  @property
  def fault(self) -> str:
    """One line: which values are no class, in which files, what to do; or ''.

    A trained model's classes cannot be changed, only the maps.
    """
    spec, bad = self._spec, outside(self.pixels, self._spec)
    if not bad:
      return ""
    line = f"{self._names[0]}: label value{'s' * (len(bad) > 1)} "
    line += f"{_told(bad)} outside 0..{spec.num_classes - 1} (num_classes = "
    line += f"{spec.num_classes})"
    if self._bad > 1:
      line += f" in {self._bad} of {self._files} files"
      if self._bad < self._files:
        more = ", ..." if self._bad > len(self._names) else ""
        line += f" (also {', '.join(self._names[1:])}{more})"
      line += f", which hold {_shares(self.pixels)}"
    if self._trained:
      ignored = f" and {spec.ignore_label}, which has none"
      return (
        f"{line}; the model knows classes 0..{spec.num_classes - 1}"
        f"{ignored if spec.ignore_label >= 0 else ''}; correct the map"
      )
    return f"{line}; {way_out(self.pixels, spec)}"


def outside(values: Mapping[int, int], spec: PictureSpec) -> dict[int, int]:
  """Values and their pixels that are no class and are not ignored."""
  if not spec.num_classes:
    return {}
  return {
    value: count
    for value, count in sorted(values.items())
    if not 0 <= value < spec.num_classes
    and not (value == spec.ignore_label >= 0)
  }


def few_classes(values: Collection[int], spec: PictureSpec) -> str:
  """Says that most of a model's classes do not occur, or ''.

  Args:
    values: that all label maps hold.
    spec: with the number of classes.
  """
  held = [value for value in values if value != spec.ignore_label]
  if not held or 2 * (max(held) + 1) > spec.num_classes:
    return ""
  return (
    f"label maps hold {counted(len(held), 'class', 'classes')}, the highest "
    f"{max(held)}, of num_classes = {spec.num_classes}; if there are no others "
    f"say --config.num_classes={max(held) + 1}, which trains smaller networks"
  )


def way_out(values: Collection[int], spec: PictureSpec) -> str:
  """What to do about label maps of which some values are no class.

  Args:
    values: that all files hold, some of them no class.
    spec: what the config says of them.

  Returns:
    Half a sentence; flags and tables in it can be typed as they stand.
  """
  ignore = spec.ignore_label
  known = {v for v in values if not v == ignore >= 0}
  ids = sorted(v for v in known if v >= 0)
  if len(ids) < len(known):
    return "numbers below 0 are no classes: ignore them by " + _table(
      ids, sorted(known - set(ids)), spec
    )
  if 2 * sum(v >= FIRST_OBJECT for v in ids) > len(ids):
    return (
      "values of 1000 and more are object ids (class * 1000 + number): these "
      "are instance maps, which belong into train_inst/ (val_inst/); put the "
      "maps of classes here (Cityscapes' end in _labelIds.png)"
    )
  border: list[int] = []
  if ids[-1] == BORDER and len(ids) > 2 and ignore < 0:
    ids, border = ids[:-1], [BORDER]
  bad = sorted(set(ids) - set(range(spec.num_classes)))
  if not bad:
    return (
      f"say --config.ignore_label={BORDER} if these pixels have no class "
      f"(borders), or number them by {_table([*ids, BORDER], [], spec)}"
    )
  dense = ids == list(range(ids[0], ids[-1] + 1))
  if len(ids) == 2 and ids[0] == 0 and ids[1] > 1:
    return f"a mask of two values: number them by {_table(ids, [], spec)}"
  if ids[-1] + 1 > 2 * len(ids) or (dense and ids[0] == 1):
    ways = [f"number them by {_table(ids, border, spec)}"]
    if dense and ids[0] == 1:
      ways += [
        f"say --config.num_classes={ids[-1] + 1}, which leaves class 0 unused"
      ]
  else:
    ways = [f"say --config.num_classes={ids[-1] + 1}" + _ignoring(border)]
    ways[0] += " if they have one" * (not dense and not border)
  if len(bad) == 1 and not dense and not border and ignore < 0:
    way = f"say --config.ignore_label={bad[0]} if these pixels have no class"
    ways = [way, ways[0].removeprefix("say ")]
  return ", or ".join(ways)


def _ignoring(border: Collection[int]) -> str:
  return f" --config.ignore_label={BORDER}" if border else ""


def _table(
  ids: Collection[int], ignored: Collection[int], spec: PictureSpec
) -> str:
  """A data.label_map that numbers ids from 0 on, and the flags that use it."""
  ignore = spec.ignore_label
  numbers = (i for i in itertools.count() if i != ignore)
  rows = dict(zip(map(str, sorted(ids)), numbers, strict=False))
  count = max(rows.values(), default=0) + 1
  flags = f"--config.data.label_map={_TABLE}"
  if count != spec.num_classes:
    flags += f" --config.num_classes={count}"
  if ignored and ignore < 0:
    ignore = BORDER if count <= BORDER else 65535
  if ignore >= 0:  # Also if it is set: a look at the files may have set it.
    flags += f" --config.ignore_label={ignore}"
  rows |= dict.fromkeys(map(str, ignored), ignore)
  if spec.ignore_label >= 0:
    rows[str(spec.ignore_label)] = spec.ignore_label
  text = json.dumps(rows)
  if len(rows) > _SHOWN_ENTRIES:
    some = json.dumps(dict(list(rows.items())[:3]))[:-1]
    return f"a file {_TABLE} that holds {some}, ...}}, and say {flags}"
  return f"echo '{text}' > {_TABLE}, and say {flags}"


def _told(bad: Mapping[int, int]) -> str:
  """Values with their pixels, the first of many."""
  listed = [f"{v} ({counted(n, 'pixel')})" for v, n in bad.items()]
  return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")


def _shares(pixels: Mapping[int, int]) -> str:
  """The most frequent values and their shares of all pixels."""
  total = sum(pixels.values())
  most = sorted(pixels, key=lambda v: (-pixels[v], v))[:_SHOWN_VALUES]
  listed = [f"{v} ({100 * pixels[v] / total:.2g} %)" for v in most]
  more = f" and {len(pixels) - len(most)} more values"
  return ", ".join(listed) + (more if len(pixels) > len(most) else "")
