"""`edit`: a scene after edits of the schema of `--mode=edit`.

An edit of a page may say `rows`, a list, in place of `object`; one that needs
a mask and names no box takes the request's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdgan.editing import file as edit_file
from hdgan.editing.scene import Scene, keys_of
from hdgan.errors import InputError, shown
from hdgan.rendering.renderer import Renderer
from hdgan.studio import fields, frame, limits, picture_frame, scene_frame
from hdgan.studio.desk import Desk, Frame
from hdgan.studio.refusal import Refusal, of_input

_MASK = "the request's mask"


def edit(desk: Desk, header: Mapping[str, Any], payload: bytes) -> Frame:
  """A scene after edits; its rows are the page's, new ones behind them.

  Raises:
    Refusal: for what is no scene, or no edit of it: `edits[i]`.
  """
  renderer = desk.renderer
  picture_frame.classes_only(renderer)
  entries = header.get("edits")
  if not isinstance(entries, list) or len(entries) > limits.EDITS:
    raise Refusal(
      "edits", f"edits must be a list of at most {limits.EDITS}",
      field="edits",
    )  # fmt: skip
  size = fields.integer_of(header, "mask_bytes", 0, len(payload), default=0)
  plane = payload[: len(payload) - size]
  scene = scene_frame.to_scene(header, plane, renderer)
  # Decoded for itself: it is checked even if no edit takes it.
  mask = None
  if size:
    mask = frame.unpack_runs(payload[-size:], scene.objects.shape, 1)
  for i, entry in enumerate(entries):
    scene = _applied(scene, entry, f"edits[{i}]", mask, renderer)
  if len(scene.table) > limits.OBJECTS:
    raise Refusal(
      "objects", f"{len(scene.table):,} objects are more than "
      f"{limits.OBJECTS:,}", field="edits",
    )  # fmt: skip
  head, runs = scene_frame.of_scene(scene)
  return {**head, "seed": fields.seed_of(header)}, runs


def _applied(
  scene: Scene,
  entry: Any,
  where: str,
  mask: np.ndarray | None,
  renderer: Renderer,
) -> Scene:
  """The scene after one edit; `where` names it in refusals."""
  if isinstance(entry, dict):
    entry = dict(entry)
    if "rows" in entry:
      entry["object"] = _keys(scene, entry, f"{where}.rows")
      del entry["rows"]
    if entry.get("op") in ("add", "erase") and "box" not in entry:
      entry["mask"] = _MASK
  rule = edit_file.edit_fault(entry)
  if rule:
    raise of_input(InputError(rule), where)
  read = _reader(mask, where)
  try:
    return edit_file.apply(scene, entry, read, renderer)
  except InputError as error:
    raise of_input(error, where) from error


def _reader(mask: np.ndarray | None, where: str) -> Callable[[str], np.ndarray]:
  def read(name: str) -> np.ndarray:
    if mask is None:
      raise Refusal(
        "mask",
        "there is no mask in the request; say mask_bytes, or a 'box'",
        field=where,
      )
    return mask

  return read


def _keys(scene: Scene, entry: Mapping[str, Any], where: str) -> Any:
  """What `object` of an edit is for rows; those without pixels are left out.

  Raises:
    Refusal: for what are no rows, or none with pixels.
  """
  rows: list[int] = entry["rows"]
  count = len(scene.table)
  if (
    not isinstance(rows, list)
    or not 1 <= len(rows) <= count
    or any(type(row) is not int or not 0 <= row < count for row in rows)
  ):
    raise Refusal(
      "rows", f"rows = {shown(rows)} must be a list of rows 0..{count - 1}",
      field=where,
    )  # fmt: skip
  if "object" in entry:
    raise Refusal("rows", "give either 'rows' or 'object'", field=where)
  names, first = keys_of(scene), scene_frame.first_rows(scene)
  found = dict.fromkeys(names[first.get(row, row)] for row in rows)
  keys = [key for key in found if key]
  if not keys:
    raise Refusal("rows", "nothing is left of these objects", field=where)
  return keys[0] if len(keys) == 1 else keys
