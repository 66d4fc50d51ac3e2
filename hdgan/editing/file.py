"""Edit files: a list of edits as JSON, checked, and applied to a scene.

The schema is in README.md beside this file.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdgan.datasets import files
from hdgan.editing import operations
from hdgan.editing.scene import Scene, objects_of, size_text
from hdgan.errors import InputError, near_names, raise_faults, shown
from hdgan.outside import read_json
from hdgan.rendering.renderer import Renderer, require_encoder
from hdgan.styles import file as style_file

VERSION = 1
MaskReader = Callable[[str], np.ndarray]
# Fields of each operation: those it must have, those it may have.
_TARGETS = ("object", "every")
OPERATIONS = {
  "change_class": (("to",), _TARGETS),
  "restyle": (("style",), _TARGETS),
  "add": (("class",), ("box", "mask", "style")),
  "remove": ((), (*_TARGETS, "fill")),
  "erase": ((), ("box", "mask", "fill")),
  "move": (("object", "dy", "dx"), ()),
  "undo": ((), ()),
}


def read_edits(path: pathlib.Path) -> tuple[list[dict[str, Any]], str]:
  """Reads a file of edits and checks each for itself.

  Args:
    path: of the JSON file.

  Returns:
    The edits, and the name of the map that they are for, or ''.

  Raises:
    InputError: every fault, one line each.
  """
  data = read_json(path, dict, f"--edits={path}")
  if not isinstance(data.get("edits"), list):
    raise InputError(f"{path}: must be an object with a list 'edits'")
  faults = [
    f"{path}: there is no field {shown(key)}; "
    + near_names(key, ("version", "map", "edits"))
    for key in data
    if key not in ("version", "map", "edits")
  ]
  if data.get("version", VERSION) != VERSION:
    faults.append(
      f"{path}: version = {shown(data['version'])} must be {VERSION}"
    )
  for i, entry in enumerate(data["edits"]):
    rule = edit_fault(entry)
    if rule:
      faults.append(f"{path}: edit {i}: {rule}")
  raise_faults(faults)
  return data["edits"], str(data.get("map") or "")


def edit_fault(entry: Any) -> str:
  """What is wrong with one edit for itself, or ''.

  Args:
    entry: as JSON gives it.
  """
  if not isinstance(entry, dict) or not isinstance(entry.get("op"), str):
    return f"{shown(entry)} must be an object with 'op'"
  name = entry["op"]
  if name not in OPERATIONS:
    hint = near_names(name, list(OPERATIONS))
    return f"there is no operation {shown(name)}; {hint}"
  needs, may = OPERATIONS[name]
  for field in entry:
    if field not in ("op", *needs, *may):
      hint = near_names(field, (*needs, *may))
      return f"{name} has no field {shown(field)}; {hint}"
  for field in needs:
    if field not in entry:
      return f"{name} needs {shown(field)}"
  pair = ("box", "mask") if "box" in may else _TARGETS
  if pair[0] in may and sum(field in entry for field in pair) != 1:
    return f"{name} needs either {pair[0]!r} or {pair[1]!r}"
  for field in ("dy", "dx"):
    if field in entry and type(entry[field]) is not int:
      return f"{field} = {shown(entry[field])} must be an integer"
  return _value_fault(entry)


def _value_fault(entry: Mapping[str, Any]) -> str:
  """What is wrong with the values of an edit whose fields are right."""
  for field in ("to", "class", "every", "fill"):
    if field in entry and type(entry[field]) not in (str, int):
      return f"{field} = {shown(entry[field])} must be a class"
  keys = entry.get("object", "")
  keys = keys if isinstance(keys, list) else [keys]
  if any(type(key) not in (str, int) for key in keys):
    return f"object = {shown(entry['object'])} must be an id or a list of ids"
  mask = entry.get("mask", "x")
  if not isinstance(mask, str) or not mask or "\0" in mask:
    return f"mask = {shown(mask)} must be the name of a picture"
  box = entry.get("box", [0, 0, 1, 1])
  if (
    not isinstance(box, list)
    or len(box) != 4
    or any(type(x) is not int for x in box)
    or not (0 <= box[0] < box[2] and 0 <= box[1] < box[3])
  ):
    return (
      f"box = {shown(box)} must be [top, left, bottom, right], not negative"
    )
  return ""


def apply(
  scene: Scene,
  entry: Mapping[str, Any],
  read_mask: MaskReader | None,
  renderer: Renderer,
) -> Scene:
  """Applies one edit that has been checked for itself.

  Args:
    scene: before.
    entry: the edit.
    read_mask: gives the picture that a `mask` names, see `mask_reader`; with
      None an edit that names one is refused.
    renderer: knows which styles there are.

  Returns:
    The scene after.

  Raises:
    InputError: for objects, classes or styles that are not there.
  """
  if "every" in entry:
    keys: Any = objects_of(scene, entry["every"])
    if not keys:
      raise InputError(
        f"{scene.where} has no object of class {shown(entry['every'])}"
      )
  else:
    keys = entry.get("object", "")
  style = entry.get("style")
  if style is not None:
    if not renderer.channels:
      require_encoder(renderer, "style")
    rule = style_file.style_fault(style, renderer.channels)
    if rule:
      raise InputError(f"style: {rule}")
    style = style if isinstance(style, int) else tuple(style)
  actions: dict[str, Callable[[], Scene]] = {
    "change_class": lambda: operations.change_class(scene, keys, entry["to"]),
    "restyle": lambda: operations.restyle(scene, keys, style),
    "add": lambda: operations.add(
      scene, _mask(scene, entry, read_mask), entry["class"], style
    ),
    "remove": lambda: operations.remove(scene, keys, entry.get("fill")),
    "erase": lambda: operations.erase(
      scene, _mask(scene, entry, read_mask), entry.get("fill")
    ),
    "move": lambda: operations.move(scene, keys, entry["dy"], entry["dx"]),
    "undo": lambda: operations.undo(scene),
  }
  after = actions[entry["op"]]()
  if style is not None:
    # Said here, with the number of the edit, rather than by the renderer.
    operations.styles_of(after, renderer)
  return after


def mask_reader(folder: pathlib.Path) -> MaskReader:
  """Reads masks from a folder and the folders in it, and from nowhere else.

  Args:
    folder: of the file of edits.

  Returns:
    A function from a relative path to [H, W] integers. It raises InputError
    for any other path, links that lead out, and what is no map.
  """

  def read(name: str) -> np.ndarray:
    path = folder / mask_path(name)
    if not path.resolve().is_relative_to(folder.resolve()):
      raise InputError(
        f"mask {path} leads out of the edits' folder; copy the picture there"
      )
    return files.read_map(path, f"mask {path}")

  return read


def mask_path(name: str) -> pathlib.Path:
  """The relative path that a mask names.

  Raises:
    InputError: for a path that is absolute or goes up.
  """
  path = pathlib.Path(name)
  if path.is_absolute() or ".." in path.parts:
    raise InputError(
      f"mask = {shown(name)} must be the relative path of a picture beside the "
      "file of edits, or in a folder there; copy the picture there"
    )
  return path


def _mask(
  scene: Scene, entry: Mapping[str, Any], read_mask: MaskReader | None
) -> np.ndarray:
  """[H, W] bool of what is added or erased, from a box or a picture."""
  if "box" in entry:
    mask = np.zeros(scene.objects.shape, bool)
    top, left, bottom, right = entry["box"]
    mask[top:bottom, left:right] = True
    if not mask.any():
      raise InputError(
        f"box = {entry['box']} ([top, left, bottom, right]) lies outside "
        f"{scene.where}, which has {size_text(mask)}"
      )
    return mask
  if read_mask is None:
    raise InputError("mask: no files can be named here; give a 'box'")
  return read_mask(entry["mask"]) != 0
