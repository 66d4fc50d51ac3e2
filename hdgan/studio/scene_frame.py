"""Scenes as the page has them, and as `hdgan.editing` has them.

A scene's frame has a plane of rows of a table. The page may add rows of which
it does not know the instance id, `null`: they get theirs here, by the rules of
`hdgan.editing`. The page never decides one.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdgan.editing.scene import (
  Scene,
  SceneObject,
  fresh_id,
  has_instances,
  region_of,
)
from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer
from hdgan.studio import frame, limits
from hdgan.studio.refusal import Refusal
from hdgan.styles import file as style_file


def classes_of(renderer: Renderer) -> list[dict[str, Any]]:
  """The classes of a run, named by their ids where nothing says more."""
  return [dict(one) for one in renderer.classes] or [
    {"id": i, "name": n} for i, n in enumerate(renderer.class_names)
  ]


def size_of(header: Mapping[str, Any]) -> tuple[int, int]:
  """(H, W) of a header, checked.

  Raises:
    Refusal: naming the side.
  """
  sides = []
  for key in ("h", "w"):
    side = header.get(key)
    if type(side) is not int or not 1 <= side <= limits.SIDE:
      raise Refusal(
        "size", f"{key} = {shown(side)} must be 1..{limits.SIDE}", field=key
      )
    sides.append(side)
  if sides[0] * sides[1] > limits.PIXELS:
    raise Refusal(
      "size",
      f"{sides[1]} x {sides[0]} pixels are more than {limits.PIXELS:,}",
      field="w",
      hint="make the map smaller",
    )
  return sides[0], sides[1]


def name_of(header: Mapping[str, Any]) -> str:
  """The name of a scene: one of a map, so that styles are drawn as for it."""
  name = header.get("name", "")
  if (
    not isinstance(name, str)
    or len(name) > limits.NAME
    or not name.isprintable()
    or "/" in name
    or "\\" in name
    or name in (".", "..")
  ):
    raise Refusal(
      "name", f"name = {shown(name)} is no name of a map", field="name"
    )
  return name or "scene"


def table_of(header: Mapping[str, Any], renderer: Renderer) -> list[dict]:
  """The rows of a header, each checked for itself.

  Raises:
    Refusal: naming the row and the field.
  """
  rows = header.get("table")
  if not isinstance(rows, list) or not 1 <= len(rows) <= limits.OBJECTS:
    raise Refusal(
      "table", f"table must be a list of 1..{limits.OBJECTS} rows",
      field="table",
    )  # fmt: skip
  for i, row in enumerate(rows):
    _check_row(row, f"table[{i}]", renderer)
  return rows


def _check_row(row: Any, where: str, renderer: Renderer) -> None:
  if not isinstance(row, dict):
    raise Refusal("table", f"{where} must be an object", field=where)
  label, instance, style = (row.get(k) for k in ("label", "instance", "style"))
  # Ids of maps that were opened may lie outside, such as an ignored 255.
  if type(label) is not int or not -(2**31) <= label < 2**31:
    raise Refusal(
      "label", f"{where}.label = {shown(label)} must be a class id",
      field=f"{where}.label",
    )  # fmt: skip
  if instance is None:
    if not 0 <= label < len(renderer.class_names):
      raise Refusal(
        "label",
        f"{where}.label = {label} must be a class id, "
        f"0..{len(renderer.class_names) - 1}",
        field=f"{where}.label",
      )
  elif type(instance) is not int or not -(2**31) <= instance < 2**31:
    raise Refusal(
      "instance", f"{where}.instance = {shown(instance)} must be an id or null",
      field=f"{where}.instance",
    )  # fmt: skip
  if style is not None:
    rule = "this model has no styles"
    if renderer.channels:
      rule = style_file.style_fault(style, renderer.channels)
    if rule:
      raise Refusal("style", f"{where}.style: {rule}", field=f"{where}.style")


def to_scene(
  header: Mapping[str, Any], payload: bytes, renderer: Renderer
) -> Scene:
  """Makes a scene of what the page sent.

  Args:
    header: w, h, name, table; see the README beside this file.
    payload: the plane as runs.
    renderer: knows classes and styles.

  Returns:
    A scene without history; its rows are the header's.

  Raises:
    Refusal: naming the field.
  """
  size, name = size_of(header), name_of(header)
  rows = table_of(header, renderer)
  objects = frame.unpack_runs(payload, size, len(rows) - 1).astype(np.int32)
  table = tuple(
    SceneObject(row["label"], row["instance"], _style(row.get("style")))
    for row in rows
    if row["instance"] is not None
  )
  seen = {(one.label, one.instance) for one in table}
  if len(seen) < len(table):
    raise Refusal(
      "table", "two rows have the same label and instance", field="table"
    )
  return number(objects, rows, classes_of(renderer), name)


def _style(style: Any) -> style_file.Style | None:
  return tuple(style) if isinstance(style, list) else style


def number(
  objects: np.ndarray,
  rows: Sequence[Mapping[str, Any]],
  classes: Sequence[Mapping[str, Any]],
  name: str,
) -> Scene:
  """Gives rows without an instance id theirs, in the order of the table.

  Args:
    objects: [H, W] int32 rows.
    rows: label, instance or None, and style of each.
    classes: by id.
    name: of the scene.
  """
  known = [
    SceneObject(r["label"], r["instance"], _style(r.get("style")))
    for r in rows
    if r["instance"] is not None
  ]
  scene = Scene(objects, tuple(known), tuple(classes), name=name)
  table: list[SceneObject] = []
  for row in rows:
    label, instance = row["label"], row["instance"]
    if instance is None:
      instance = fresh_id(scene, [*known, *table], label)
    table.append(SceneObject(label, instance, _style(row.get("style"))))
  return dataclasses.replace(scene, table=tuple(table))


def of_scene(scene: Scene) -> tuple[dict[str, Any], bytes]:
  """Header and payload of a scene; `regions` says what a brush paints into."""
  regions = {}
  for label in range(len(scene.classes)):
    if not has_instances(scene, label):
      row = region_of(scene, label)
      if row is not None:
        regions[str(label)] = row
  header = {
    "kind": "classes",
    "w": scene.objects.shape[1],
    "h": scene.objects.shape[0],
    "name": scene.name,
    "table": [
      {"label": o.label, "instance": o.instance, "style": o.style}
      for o in scene.table
    ],
    "regions": regions,
  }
  return header, frame.pack_runs(scene.objects)
