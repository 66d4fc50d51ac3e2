"""Style files, `<name>.styles.json`: the styles of a map's objects, as JSON.

The one schema is in README.md beside this file. Objects are named by their
original instance ids, `label:id` where an id has two labels.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from hdgan.errors import (
  InputError,
  counted,
  near_names,
  raise_faults,
  shown,
  visible,
)
from hdgan.outside import read_json

Array = np.ndarray

VERSION = 1
SUFFIX = ".styles.json"
LARGEST = 1e6  # Of a style's numbers.
_FIELDS = ("version", "map", "bank", "step", "size", "classes", "objects")

# The number of a style in its class, or the features themselves.
Style = int | tuple[float | int, ...]


@dataclasses.dataclass(frozen=True)
class StyleFile:
  """A style file, checked for itself.

  Attributes:
    path: names it in errors.
    objects: styles by key, see `keys_of`.
    classes: styles by class id.
    about: map, bank, step and size, where the file says them.
  """

  path: str
  objects: Mapping[str, Style]
  classes: Mapping[int, Style]
  about: Mapping[str, Any]


def keys_of(pairs: Int[Array, "n 2"]) -> list[str]:
  """How files name objects: by id, by `label:id` where an id has two labels.

  Args:
    pairs: [N, 2] integers, label and original instance id.

  Returns:
    N texts; ids that were cast to negative ones are written as 32 bits.
  """
  ids, counts = np.unique(pairs[:, 1], return_counts=True)
  twice = set(ids[counts > 1].tolist())
  return [
    (f"{label}:" if id in twice else "") + str(id % 2**32)
    for label, id in pairs.tolist()
  ]


def rows_by_key(pairs: Int[Array, "n 2"]) -> dict[str, int]:
  """Row of each object by every key that names it: `id` and `label:id`."""
  rows = {f"{label}:{id % 2**32}": i for i, (label, id) in enumerate(pairs)}
  return rows | {key: i for i, key in enumerate(keys_of(pairs))}


def normal_key(key: str) -> str:
  """A key with its id as unsigned 32 bits: people may write -1."""
  label, colon, id = key.strip().rpartition(":")
  try:
    return f"{label}{colon}{int(id) % 2**32}"
  except ValueError:
    return key


def class_id(key: str | int, names: Sequence[str]) -> int | None:
  """Id of a class by its name or number; None if there is no such class."""
  if key in names:
    return list(names).index(str(key))
  text = str(key)
  if text.isdecimal() and len(text) < 10 and int(text) < len(names):
    return int(text)
  return None


def read(path: pathlib.Path, names: Sequence[str], channels: int) -> StyleFile:
  """Reads a style file and checks what needs no map.

  Args:
    path: of the JSON file.
    names: of the classes, by id.
    channels: C, numbers per style.

  Returns:
    A `StyleFile`.

  Raises:
    InputError: every fault, one line each.
  """
  return from_dict(read_json(path, dict), str(path), names, channels)


def from_dict(
  data: Any, where: str, names: Sequence[str], channels: int
) -> StyleFile:
  """As `read`, of what JSON gave; `where` names it in errors."""
  if not isinstance(data, dict):
    raise InputError(f"{where}: must be an object with 'objects' or 'classes'")
  faults = [
    f"{where}: there is no field {shown(key)}; {near_names(key, _FIELDS)}"
    for key in data
    if key not in _FIELDS
  ]
  if data.get("version", VERSION) != VERSION:
    faults.append(
      f"{where}: version = {shown(data['version'])} must be {VERSION}"
    )
  tables: dict[str, dict[Any, Style]] = {"objects": {}, "classes": {}}
  for group, table in tables.items():
    entries = data.get(group, {})
    if not isinstance(entries, dict):
      faults.append(f"{where}: {group} must be an object of styles by key")
      continue
    for key, value in entries.items():
      rule = style_fault(value, channels)
      known: str | int | None = normal_key(key)
      if group == "classes":
        known = class_id(key, names)
        if known is None:
          hint = near_names(key, names)
          faults.append(
            f"{where}: classes: no class is called {shown(key)}; {hint}"
          )
      if rule:
        faults.append(f"{where}: {group}: {visible(key[:80])}: {rule}")
      else:
        table[known] = value if isinstance(value, int) else tuple(value)
  raise_faults(faults)
  about = {k: data[k] for k in ("map", "bank", "step", "size") if k in data}
  return StyleFile(
    where,
    objects=tables["objects"],
    classes=tables["classes"],
    about=about,
  )


def style_fault(value: Any, channels: int) -> str:
  """What is wrong with a style as JSON gives it, or ''."""
  # Not isinstance: true is an int in Python, and no style.
  if type(value) is int:
    return "" if value >= 0 else f"style {value} must be 0 or more"
  numbers = isinstance(value, list | tuple) and all(
    type(x) in (int, float) for x in value
  )
  if not numbers:
    wanted = counted(channels, "number")
    return f"{shown(value)} must be a style's number or a list of {wanted}"
  if len(value) != channels:
    return f"{counted(len(value), 'number')} given, a style has {channels}"
  # E gives numbers of about 1. Far beyond them the networks overflow, and the
  # picture would be black.
  # NaN fails the comparison.
  odd = [str(x)[:20] for x in value if not abs(x) <= LARGEST]
  if odd:
    return f"{odd[0]} must be a number within -{LARGEST:g}..{LARGEST:g}"
  return ""


def missing(key: str, pairs: Int[Array, "n 2"], where: str) -> str:
  """Says that a map has no such object, and which ones it has."""
  keys = keys_of(pairs)
  labels = sorted({f"{a}:{b % 2**32}" for a, b in pairs.tolist()})
  both = [k for k in labels if k.endswith(f":{key}")]
  if len(both) > 1:
    return f"{key!r} is ambiguous in {where}; say {' or '.join(both)}"
  shown = ", ".join(keys[:12]) + (", ..." if len(keys) > 12 else "")
  return f"{where} has no object {key!r}; it has {shown}"


def to_text(
  pairs: Int[Array, "n 2"], styles: Sequence[Style], about: Mapping[str, Any]
) -> str:
  """Writes the styles of a map as the text of a style file.

  Args:
    pairs: [N, 2] label and original instance id.
    styles: [N], one per object.
    about: map, bank, step, size.

  Returns:
    JSON, one object per line.
  """
  head = {"version": VERSION, **about}
  lines = [f" {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
  entries = [
    f"  {json.dumps(key)}: {json.dumps(style)}"
    for key, style in zip(keys_of(pairs), styles, strict=True)
  ]
  objects = ",\n".join(entries)
  return "\n".join(["{", *lines, ' "objects": {', objects, " }", "}"]) + "\n"
