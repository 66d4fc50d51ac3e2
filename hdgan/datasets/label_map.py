"""`data.label_map`: a table from colours or numbers of label maps to classes.

Forms: a JSON object `{"#ff0000": 1, "0,0,255": "car"}` or `{"0": 0, "255": 1}`,
a JSON list of objects with `color` or `from`, `id` and `name` (a classes.json
with colours is one), CVAT's `labelmap.txt` and a `classes.txt` of names.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.classes import SWITCHES, class_entry
from hdgan.datasets.examples import MadePart, Part
from hdgan.errors import InputError, counted, near_names, raise_faults, shown
from hdgan.outside import parse_json, read_text

IGNORE = "ignore"
_MIXED = (
  "names a class while others have ids; write ids in all entries, or names in "
  "all, or give the folder a classes.json"
)
_KEYS = ("color", "from", "id", "name", *SWITCHES)
_SHOWN = 3
# From here on colours are blends at borders rather than forgotten classes.
_BLENDED = 20
_KEPT = 100_000  # Of all files; blends of many could be millions.


class NotInTable(InputError):
  """A map holds what its table lacks.

  Attributes:
    pixels: per colour (0xRRGGBB) or number that is not in the table.
    table: that was used.
    name: of the map.
  """

  def __init__(self, pixels: Mapping[int, int], table: "LabelMap", name: str):
    self.pixels, self.table, self.name = pixels, table, name
    super().__init__(table.fault(pixels, name))


@dataclasses.dataclass(frozen=True)
class LabelMap:
  """A table; equal ones make equal maps.

  Attributes:
    name: how errors call it.
    colors: whether keys are colours, 0xRRGGBB, rather than numbers.
    ids: class id per key, in the order of keys.
    classes: as classes.json has them, of classes that have a name or a colour.
  """

  name: str
  colors: bool
  ids: Mapping[int, int]
  classes: tuple[dict[str, Any], ...] = ()

  @property
  def how(self) -> str:
    """Names the recipe: another text, other maps."""
    told = json.dumps([self.colors, sorted(self.ids.items())])
    return f"label_map {hashlib.sha256(told.encode()).hexdigest()[:20]}"

  def part(self, source: Part) -> MadePart:
    """The map of class ids that a label map becomes."""
    make = functools.partial(self.apply, name=source.name)
    return MadePart((source,), make, self.how)

  def apply(self, data: bytes, name: str) -> bytes:
    """Replaces colours or numbers by class ids.

    Args:
      data: an encoded map.
      name: how errors call it.

    Returns:
      An encoded map of class ids, [H, W].

    Raises:
      NotInTable: for a colour or number that the table lacks.
      InputError: if it cannot be read.
    """
    found = self._values(data, name)
    keys = np.array(sorted(self.ids))
    ids = np.array([self.ids[key] for key in keys.tolist()])
    index = np.searchsorted(keys, found).clip(0, len(keys) - 1)
    other = keys[index] != found
    if other.any():
      values, counts = np.unique(found[other], return_counts=True)
      pairs = zip(values.tolist(), counts.tolist(), strict=True)
      raise NotInTable(dict(pairs), self, name)
    palette = () if self.colors else files.facts(data, name).palette
    return files.encode_map(ids[index], self._renumbered(palette, found))

  def _renumbered(
    self, palette: Sequence[tuple[int, int, int]], found: np.ndarray
  ) -> list[tuple[int, int, int]]:
    """The colours of class ids, from those of the numbers [H, W] of a map."""
    if not palette:
      return []
    used = np.flatnonzero(np.bincount(found.ravel())).tolist()
    colors = {self.ids[key]: palette[key] for key in used if key < len(palette)}
    return [
      colors.get(id, (0, 0, 0)) for id in range(max(colors, default=-1) + 1)
    ]

  def _values(self, data: bytes, name: str) -> np.ndarray:
    """[H, W] int64 keys."""
    if self.colors:
      red, green, blue = np.moveaxis(
        files.read_colors(data, name).astype(np.int64), -1, 0
      )
      return red << 16 | green << 8 | blue
    if files.facts(data, name).channels > 2:
      raise InputError(
        f"{name}: is coloured, but {self.name} holds numbers; write its colours"
        ' into the table, such as "#ff0000": 1'
      )
    return files.read_map(data, name).astype(np.int64)

  def fault(self, pixels: Mapping[int, int], where: str) -> str:
    """One line for what maps hold and the table does not.

    Args:
      pixels: per colour or number.
      where: the map, or how many.
    """
    noun = "colour" if self.colors else "number"
    most = sorted(pixels, key=lambda key: (-pixels[key], key))
    told = [
      f"{self._text(key)} ({counted(pixels[key], 'pixel')}; the nearest there "
      f"is {self._near(key)})"
      for key in most[:_SHOWN]
    ]
    several = len(most) > 1
    line = f"{where}: {noun}{'s' * several} {', '.join(told)}"
    if len(most) > _SHOWN:
      line += f" and {len(most) - _SHOWN} more"
    line += f" {'are' if several else 'is'} not in {self.name}; "
    if self.colors and len(most) > _BLENDED:
      return line + (
        "so many are blends along borders: export the maps without smoothing "
        "(anti-aliasing) and without scaling, or add them to the table"
      )
    return (
      line
      + f"add {'them' if several else 'it'} to the table, or correct the map"
    )

  def _text(self, key: int) -> str:
    return f"#{key:06x}" if self.colors else str(key)

  def _near(self, key: int) -> str:
    """The entry that comes nearest to a colour or number."""
    near = min(self.ids, key=lambda x: (self._distance(x, key), x))
    id = self.ids[near]
    names = {entry["id"]: entry["name"] for entry in self.classes}
    return f"{self._text(near)}, class {names.get(id, id)}"

  def _distance(self, one: int, two: int) -> int:
    if not self.colors:
      return abs(one - two)
    shifts = (16, 8, 0)
    return sum(((one >> s & 255) - (two >> s & 255)) ** 2 for s in shifts)


class NotInTables:
  """Collects what maps hold and their table does not, for one line of all."""

  def __init__(self) -> None:
    self._pixels: Counter[int] = Counter()
    self._first: NotInTable | None = None
    self._files = 0

  def add(self, error: NotInTable) -> None:
    """Takes what one file holds."""
    self._first = self._first or error
    full = len(self._pixels) >= _KEPT
    self._pixels.update(
      {
        key: count
        for key, count in error.pixels.items()
        if not full or key in self._pixels
      }
    )
    self._files += 1

  @property
  def fault(self) -> str:
    """One line, or ''."""
    first = self._first
    if first is None:
      return ""
    others = f" and {counted(self._files - 1, 'other file')}"
    where = first.name + others * (self._files > 1)
    return first.table.fault(self._pixels, where)


def load_label_map(
  config: ConfigDict, names: Mapping[str, int] | None = None
) -> LabelMap | None:
  """Loads the table that a config names.

  Args:
    config: with data.label_map, num_classes and ignore_label.
    names: ids of the classes of a classes.json, whose names the table may use.

  Returns:
    The table; None where the config names none.

  Raises:
    InputError: every entry with a fault, one line each.
  """
  if not config.data.label_map:
    return None
  path = pathlib.Path(config.data.label_map).expanduser()
  table = _Table(path.name, config.num_classes, config.ignore_label)
  text = read_text(path)
  entries = _entries(text, path.name, table.faults)
  for where, entry in entries:
    table.add(where, entry, names or {})
  return table.finish()


@dataclasses.dataclass
class _Entry:
  """One row as it is written: its key, and what is said of the class."""

  key: Any
  target: Any
  said: dict[str, Any] = dataclasses.field(default_factory=dict)


def _entries(
  text: str, name: str, faults: list[str]
) -> Iterator[tuple[str, _Entry]]:
  """Rows of a table and how errors call them, whatever its form."""
  if text.lstrip()[:1] == "{":
    for key, target in parse_json(text, dict, name).items():
      yield f"entry {shown(key, 40)}", _Entry(key, target)
  elif text.lstrip()[:1] == "[":
    for i, row in enumerate(parse_json(text, list, name)):
      fault = _row_fault(row)
      if fault:
        faults.append(f"{name}: entry {i}: {fault}")
      else:
        key = row.get("color", row.get("from"))
        target = row.get("id", row.get("name"))
        yield f"entry {i}", _Entry(key, target, row)
  else:
    yield from _lines(text)


def _row_fault(row: Any) -> str:
  """What is wrong with an entry of a JSON list, or ''."""
  if not isinstance(row, dict):
    return "must be an object with color (or from) and id (or name)"
  for key in row:
    if key not in _KEYS:
      return f"there is no key {shown(key, 40)}; {near_names(key, _KEYS)}"
  if ("color" in row) == ("from" in row):
    return 'needs either "color" or "from" (the number in the maps)'
  if "id" not in row and "name" not in row:
    return 'needs "id" or "name" of the class'
  if not isinstance(row.get("name", "-"), str) or not row.get("name", "-"):
    return f"name = {shown(row['name'], 40)} must be a text"
  for key in SWITCHES:
    if type(row.get(key, False)) is not bool:
      return f"{key} = {shown(row[key], 40)} must be true or false"
  return ""


def _lines(text: str) -> Iterator[tuple[str, _Entry]]:
  """Rows of CVAT's labelmap.txt (`name:r,g,b:parts:actions`) or of names."""
  rows = [
    (i, line.strip())
    for i, line in enumerate(text.splitlines(), 1)
    if line.strip() and not line.startswith("#")
  ]
  # A name may hold a colon, so all lines are looked at.
  cvat = bool(rows) and all(":" in line for _, line in rows)
  for id, (i, line) in enumerate(rows):
    name, _, rest = line.partition(":") if cvat else (line, "", "")
    key = rest.partition(":")[0] if cvat else id
    yield f"line {i}", _Entry(key, id, {"name": name})


class _Table:
  """A table as it is read, entry by entry."""

  def __init__(self, name: str, num_classes: int, ignore_label: int):
    self.name, self.faults = name, list[str]()
    self._num_classes, self._ignore = num_classes, ignore_label
    self._ids: dict[int, int] = {}
    self._wheres: dict[int, str] = {}
    self._colors: bool | None = None
    self._classes: dict[int, dict[str, Any]] = {}
    self._numbered: dict[str, int] = {}

  def add(self, where: str, entry: _Entry, names: Mapping[str, int]) -> None:
    """Takes an entry, or notes its fault."""
    try:
      key = self._key(entry.key)
      id = self._id(entry.target, names)
    except ValueError as error:
      self.faults.append(f"{self.name}: {where}: {error}")
      return
    if self._ids.get(key, id) != id:
      what = _key_text(key, bool(self._colors))
      self.faults.append(
        f"{self.name}: {where}: {what} is class {id} here but class "
        f"{self._ids[key]} in {self._wheres[key]}; keep one of them"
      )
      return
    self._ids[key], self._wheres[key] = id, where
    self._describe(key, id, entry)

  def finish(self) -> LabelMap:
    """The table.

    Raises:
      InputError: every entry with a fault.
    """
    if not self._ids and not self.faults:
      self.faults.append(
        f'{self.name}: holds no entry; write such as {{"0": 0, "255": 1}}'
      )
    known = [id for id in self._ids.values() if id != self._ignore]
    if known and max(known) >= self._num_classes:
      way = ""
      if self._ignore < 0 and max(known) in (255, 65535):
        way = f"--config.ignore_label={max(known)} if it is no class, or "
      self.faults.append(
        f"{self.name}: class {max(known)} is outside 0.."
        f"{self._num_classes - 1} (num_classes = {self._num_classes}); say "
        f"{way}--config.num_classes={max(known) + 1}"
      )
    raise_faults(self.faults)
    return LabelMap(
      self.name,
      colors=bool(self._colors),
      ids=dict(sorted(self._ids.items())),
      classes=tuple(self._classes[id] for id in sorted(self._classes)),
    )

  def _key(self, written: Any) -> int:
    """A colour as 0xRRGGBB, or a number; all of one kind."""
    key, color = _parse_key(written)
    if self._colors is None:
      self._colors = color
    if self._colors != color:
      raise ValueError(
        f"{shown(written, 40)} is a {'colour' if color else 'number'} but "
        f"entries before it are {'numbers' if color else 'colours'}; write all "
        "in one way"
      )
    return key

  def _id(self, target: Any, names: Mapping[str, int]) -> int:
    """The class that an entry names."""
    if type(target) is int and 0 <= target < 2**31:
      if self._numbered:
        raise ValueError(_MIXED)
      return target
    if not isinstance(target, str) or not target:
      raise ValueError(
        f"class {shown(target, 40)} must be an id of 0 or more, a name or "
        f'"{IGNORE}"'
      )
    if target in names:
      return names[target]
    if target == IGNORE:
      if self._ignore < 0:
        raise ValueError(
          f'"{IGNORE}" needs a number for it; say --config.ignore_label=255'
        )
      return self._ignore
    if names:
      raise ValueError(
        f"classes.json has no class {shown(target, 40)}; "
        f"{near_names(target, list(names))}"
      )
    if self._ids and not self._numbered:
      raise ValueError(_MIXED)
    # Numbered as they come; the ignored number is left free.
    number = len(self._numbered)
    number += 0 <= self._ignore <= number
    return self._numbered.setdefault(target, number)

  def _describe(self, key: int, id: int, entry: _Entry) -> None:
    """Keeps name and colour of a class for its table of classes."""
    if id == self._ignore or id in self._classes:
      return
    name = entry.said.get("name")
    if name is None:
      name = entry.target if isinstance(entry.target, str) else str(id)
    color = (key >> 16, key >> 8 & 255, key & 255) if self._colors else ()
    said = {k: entry.said[k] for k in SWITCHES if k in entry.said}
    self._classes[id] = class_entry(id, name, color, **said)


def _parse_key(written: Any) -> tuple[int, bool]:
  """A key, and whether it is a colour.

  Raises:
    ValueError: if it is neither a colour nor a number.
  """
  if type(written) is int:
    return written, False
  if isinstance(written, list):
    written = ",".join(map(str, written))
  text = written.strip() if isinstance(written, str) else ""
  if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
    return int(text[1:], 16), True
  if re.fullmatch(r"-?\d{1,10}", text):
    return int(text), False
  parts = re.fullmatch(r"(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3})", text)
  if parts and max(map(int, parts.groups())) <= 255:
    red, green, blue = map(int, parts.groups())
    return red << 16 | green << 8 | blue, True
  raise ValueError(
    f"{shown(written, 40)} must be a colour of 8 bits, #ff0000 or 255,0,0, or "
    "a number of the maps"
  )


def _key_text(key: int, color: bool) -> str:
  return f"#{key:06x}" if color else str(key)
