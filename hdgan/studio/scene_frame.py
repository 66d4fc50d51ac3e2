"""Scenes as the page has them, and as `hdgan.editing` has them.

A scene's frame has a plane of rows of a table. The page may add rows of which
it does not know the instance id, `null`: they get theirs here, by the rules of
`hdgan.editing`. The page never decides one.

Rows keep their numbers. Where two are one object, the first has its pixels.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hdgan.editing.operations import styles_of
from hdgan.editing.scene import (
  FreshIds,
  Scene,
  SceneObject,
  is_background,
  open_scene,
  regions_of,
)
from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer
from hdgan.studio import frame, limits
from hdgan.studio.fields import (
  Header,
  check_kind,
  check_style,
  name_of,
  size_of,
  style_of,
)
from hdgan.studio.refusal import Refusal
from hdgan.styles.choice import Chooser
from hdgan.styles.file import Style

# Of rows that have no id yet; no map has it.
_OPEN = 2**40


def open_maps(renderer: Renderer, example: Mapping[str, Any]) -> Scene:
  """The scene of a map with classes: name, label and instance."""
  return open_scene(
    example["label"], example["instance"], renderer.named_classes,
    name=example["name"],
  )  # fmt: skip


def table_of(header: Header, renderer: Renderer) -> list[dict[str, Any]]:
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
  classes = renderer.model.pictures.num_classes
  if instance is None and not 0 <= label < classes:
    raise Refusal(
      "label", f"{where}.label = {label} must be a class id, 0..{classes - 1}",
      field=f"{where}.label",
    )  # fmt: skip
  if instance is not None and (
    type(instance) is not int or not -(2**31) <= instance < 2**31
  ):
    raise Refusal(
      "instance", f"{where}.instance = {shown(instance)} must be an id or null",
      field=f"{where}.instance",
    )  # fmt: skip
  check_style(style, f"{where}.style", renderer)


def to_scene(header: Header, payload: bytes, renderer: Renderer) -> Scene:
  """Makes a scene of what the page sent.

  Args:
    header: w, h, name, table; see the README beside this file.
    payload: the plane as runs.
    renderer: knows classes and styles.

  Returns:
    A scene without history, whose rows are the header's. Rows without an id
    have one; of rows that are one object the first has the pixels.

  Raises:
    Refusal: naming the field.
  """
  check_kind(header, "classes")
  size, name = size_of(header), name_of(header)
  rows = table_of(header, renderer)
  objects = frame.unpack_runs(payload, size, len(rows) - 1)
  table = [_object_of(row) for row in rows]
  scene = Scene(objects, tuple(table), tuple(renderer.named_classes), name=name)
  scene = _numbered(_merged(scene, first_rows(scene)))
  check_numbers(scene, renderer)
  return scene


def _object_of(row: Mapping[str, Any]) -> SceneObject:
  instance = row.get("instance")
  id = _OPEN if instance is None else instance
  return SceneObject(row["label"], id, style_of(row.get("style")))


def first_rows(scene: Scene) -> dict[int, int]:
  """Of rows that are one object the later ones, and which is the first."""
  first: dict[tuple[int, int], int] = {}
  later = {}
  for i, one in enumerate(scene.table):
    if one.instance != _OPEN:
      other = first.setdefault((one.label, one.instance), i)
      if other != i:
        later[i] = other
  return later


def _merged(scene: Scene, into: Mapping[int, int]) -> Scene:
  """Gives the pixels of some rows to others."""
  if not any(scene.sizes[row] for row in into):
    return scene
  place = np.arange(len(scene.table), dtype=np.int32)
  place[list(into)] = list(into.values())
  return dataclasses.replace(scene, objects=scene.spread(place))


def _numbered(scene: Scene) -> Scene:
  """Gives rows without an id theirs, in the order of the table.

  One of a class without objects joins that class's region, if there is one.
  """
  table = list(scene.table)
  into: dict[int, int] = {}
  fresh = FreshIds(scene, table)
  regions = regions_of(scene)
  for i, one in enumerate(table):
    if one.instance != _OPEN:
      continue
    row = regions.get(one.label)
    if row is None:
      table[i] = dataclasses.replace(one, instance=fresh(one.label))
      if is_background(scene, table[i]):
        regions[one.label] = i
      continue
    if scene.sizes[i] and not scene.sizes[row]:
      table[row] = dataclasses.replace(table[row], style=one.style)
    table[i], into[i] = table[row], row
  return _merged(dataclasses.replace(scene, table=tuple(table)), into)


def check_numbers(
  scene: Scene, renderer: Renderer, field: str = "table[{}].style"
) -> None:
  """Refuses a style's number that the bank has not, of a row with pixels.

  Args:
    scene: as it was sent.
    renderer: of the run.
    field: how refusals call the style of a row.
  """
  if not renderer.channels:
    return
  chooser = Chooser(scene.names, renderer.channels, bank=renderer.bank)
  known: dict[tuple[int, Style], str] = {}
  for row in scene.rows().tolist():
    one = scene.table[row]
    if not isinstance(one.style, int):
      continue
    key = one.label, one.style
    if key not in known:
      known[key] = chooser.number_fault(*key)
    if known[key]:
      raise Refusal(
        "style", known[key], field=field.format(row),
        hint="pick another style",
      )  # fmt: skip


def of_scene(scene: Scene) -> tuple[dict[str, Any], bytes]:
  """Header and payload of a scene; `regions` says what a brush paints into."""
  header = {
    "kind": "classes",
    "w": scene.objects.shape[1],
    "h": scene.objects.shape[0],
    "name": scene.name,
    "table": [
      {"label": o.label, "instance": o.instance, "style": o.style}
      for o in scene.table
    ],
    "regions": {str(label): row for label, row in regions_of(scene).items()},
  }
  return header, frame.pack_runs(scene.objects)


def resolved(
  scene: Scene, renderer: Renderer, seed: int, rows: Iterable[int] = ()
) -> list[list[Any]]:
  """What is decided for the rows of a scene.

  Args:
    scene: at its map's own size.
    renderer: of the run.
    seed: of the draw.
    rows: that are told of even if they have no pixels; one that joined
      another has the style of that.

  Returns:
    [row, instance id, style] of each row that has pixels, and of `rows`; the
    style is None for a model without styles.
  """
  seen = scene.rows().tolist()
  styles: dict[int, Style | None] = dict.fromkeys(seen)
  if renderer.channels:
    chosen = styles_of(scene, renderer, seed)[2]
    styles = dict(zip(seen, chosen, strict=True))
  first = first_rows(scene)
  for row in rows:
    joined = styles.get(first.get(row, row), scene.table[row].style)
    styles.setdefault(row, joined)
  return [
    [row, scene.table[row].instance, style]
    for row, style in sorted(styles.items())
  ]
