"""The table of classes: ids, names and colours, given or made up."""

import difflib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdgan import whole_files
from hdgan.errors import InputError, shown
from hdgan.outside import read_json

# Hues of neighbouring ids are far apart: steps of the golden section.
_GOLDEN = 0.618033988749895
FILE = "classes.json"
SWITCHES = ("has_instances", "ignore", "background")
_KEYS = ("id", "name", "color", *SWITCHES)


def _plain(key: str) -> str:
  """A key without what people write in different ways."""
  return key.lower().replace("_", "").replace("-", "").replace(" ", "")


_NEAR = {_plain(key): repr(key) for key in _KEYS}


def load_classes(
  root: pathlib.Path | str,
  num_classes: int,
  named: Sequence[Mapping[str, Any]] = (),
) -> tuple[dict[str, Any], ...]:
  """Loads `classes.json` of a folder, or makes names and colours.

  Args:
    root: the folder that may hold classes.json.
    num_classes: how many classes there are.
    named: classes to take where there is no classes.json.

  Returns:
    For each class 0..num_classes-1 its id, name, color (r, g, b),
    has_instances and ignore. A class that the file leaves out is named by its
    id and coloured by a fixed palette; entries beyond are left out.

  Raises:
    InputError: a classes.json that cannot be read or breaks the schema.
  """
  path = whole_files.path(root) / FILE
  given: Mapping[int, Any] = {entry["id"]: entry for entry in named}
  if path.is_file():
    given = _read_classes(path)
  return tuple(
    dict(given.get(i) or class_entry(i, str(i))) for i in range(num_classes)
  )


def class_ids(root: pathlib.Path | str) -> dict[str, int]:
  """Ids by name as a folder's classes.json gives them; {} without one.

  Raises:
    InputError: a classes.json that cannot be read or breaks the schema.
  """
  return {entry["name"]: id for id, entry in given_classes(root).items()}


def given_classes(root: pathlib.Path | str) -> dict[int, dict[str, Any]]:
  """The entries of a folder's `classes.json` by their ids, {} without one.

  Raises:
    InputError: a classes.json that cannot be read or breaks the schema.
  """
  path = whole_files.path(root) / FILE
  return _read_classes(path) if path.is_file() else {}


def to_json(classes: Sequence[Mapping[str, Any]]) -> str:
  """Classes as the text of a classes.json."""
  return json.dumps(list(classes), indent=1) + "\n"


def class_entry(
  id: int,
  name: str,
  color: Sequence[int] = (),
  has_instances: bool = False,
  ignore: bool = False,
  background: bool | None = None,
) -> dict[str, Any]:
  """One class as classes.json has it; without a colour a fixed distinct one.

  Args:
    id: of the class.
    name: for people.
    color: (r, g, b) of 0..255.
    has_instances: whether its objects have ids of their own.
    ignore: whether it is left out of evaluations.
    background: whether it may fill the hole that a removed object leaves; by
      default classes without instances do.
  """
  if not color:
    color = _colors(np.array([id]))[0].tolist()
  entry = {
    "id": id,
    "name": name,
    "color": tuple(int(c) for c in color),
    "has_instances": has_instances,
    "ignore": ignore,
  }
  return entry if background is None else {**entry, "background": background}


def _read_classes(path: pathlib.Path) -> dict[int, dict[str, Any]]:
  """Reads and checks a classes.json: a list of objects with id and name."""
  entries = read_json(path, list)
  classes: dict[int, dict[str, Any]] = {}
  names: dict[str, int] = {}
  for i, entry in enumerate(entries):
    rule = _entry_fault(entry, classes, names)
    if rule:
      raise InputError(f"{path}: entry {i}: {rule}")
    names[entry["name"]] = i
    classes[entry["id"]] = class_entry(
      **{key: entry[key] for key in _KEYS if key in entry}
    )
  return classes


def _entry_fault(
  entry: Any, before: Mapping[int, Any], names: Mapping[str, int]
) -> str:
  """What is wrong with one entry of classes.json, or ''."""
  if not isinstance(entry, dict):
    return "must be an object with id and name"
  for key in entry:
    # What is only for people may stand there; a slip of the pen may not.
    near = difflib.get_close_matches(_plain(key), _NEAR, 1, 0.8)
    if key not in _KEYS and near:
      return f"there is no key {shown(key, 40)}; did you mean {_NEAR[near[0]]}?"
  id, color = entry.get("id"), entry.get("color", [0, 0, 0])
  if type(id) is not int or not 0 <= id < 2**32:
    return f"id = {shown(id)} must be an integer of 0 or more, of 32 bits"
  if id in before:
    return f"id = {id} is there twice; ids must differ"
  if not isinstance(entry.get("name"), str) or not entry["name"]:
    return f"name = {shown(entry.get('name'))} must be a text"
  if entry["name"] in names:
    return (
      f"name = {shown(entry['name'])} is that of entry {names[entry['name']]} "
      "too; names must differ"
    )
  if (
    not isinstance(color, list)
    or len(color) != 3
    or not all(type(c) is int and 0 <= c <= 255 for c in color)
  ):
    return f"color = {shown(color)} must be three integers of 0..255"
  for key in SWITCHES:
    if type(entry.get(key, False)) is not bool:
      return f"{key} = {shown(entry[key])} must be true or false"
  return ""


def palette(count: int) -> np.ndarray:
  """The fixed colours of label ids where a data set names none.

  Args:
    count: number of ids, >= 0; the colour of an id does not depend on it.

  Returns:
    [count, 3] uint8 RGB, no two of the first 256 alike and none black.
  """
  return _colors(np.arange(count))


def _colors(ids: np.ndarray) -> np.ndarray:
  """[n, 3] uint8 RGB of label ids [n]."""
  hue = (0.58 + ids * _GOLDEN) % 1.0
  # Cycles of 3 and 4: twelve mixtures tell hues apart that come near.
  saturation = np.array([0.62, 0.38, 0.78])[ids % 3]
  value = np.array([0.86, 0.66, 0.95, 0.50])[ids % 4]
  # One channel of HSV -> RGB: value * (1 - saturation * ramp of the hue).
  distance = (hue[:, None] * 6.0 + np.array([5.0, 3.0, 1.0])) % 6.0
  ramp = np.clip(np.minimum(distance, 4.0 - distance), 0.0, 1.0)
  rgb = value[:, None] * (1.0 - saturation[:, None] * ramp)
  return np.rint(rgb * 255.0).astype(np.uint8)
