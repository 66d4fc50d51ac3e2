"""A scene from a zip that `export` made: its plane, its table, its seed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan.editing.scene import Scene, SceneObject
from hdgan.errors import InputError
from hdgan.rendering.renderer import Renderer
from hdgan.studio import bundle, fields, scene_frame
from hdgan.studio.desk import Frame
from hdgan.studio.picture_frame import PictureScene, open_picture
from hdgan.studio.refusal import Refusal, of_input
from hdgan.studio.scenes import Example, Home, frame_of_scene
from hdgan.studio.sent_files import SentPart, check_kind, read_maps, scene_name
from hdgan.styles import file as style_file


def open_export(home: Home, sent: SentPart) -> Frame:
  """The scene of an export.

  Raises:
    Refusal: of the field 'export', for whatever is wrong with it.
  """
  try:
    return _reopened(home, sent)
  except Refusal as refusal:
    refusal.field = "export"
    raise
  except InputError as error:
    raise of_input(error, "export") from error


def _reopened(home: Home, sent: SentPart) -> Frame:
  renderer = home.renderer
  found = bundle.unpack(sent.data)
  session = bundle.read_json(found, "session")
  parts = {
    role: SentPart(role, f"in the zip: {part}", found[part])
    for role, part in (("label", "label"), ("instance", "inst"))
    if part in found
  }
  for part in parts.values():
    check_kind(part, renderer)
  example, _ = read_maps(renderer, parts, as_ids=True)
  example["name"] = scene_name(sent.title, renderer)
  if "name" in session:
    example["name"] = fields.name_of(session)
  seed = fields.seed_of(session)
  notes: list[str] = []
  scene: Scene | PictureScene
  if not renderer.config.num_classes:
    scene = open_picture(example["label"], example["name"])
    if session:
      (one, *_) = _rows_of(renderer, session, notes)
      scene = dataclasses.replace(scene, style=one.style)
  elif session:
    scene = _with_table(renderer, example, session, notes)
  else:
    scene = _with_styles(
      renderer, scene_frame.open_maps(renderer, example), found, notes
    )
  return frame_of_scene(home, scene, seed, notes=notes, photo=False)


def _with_table(
  renderer: Renderer,
  example: Example,
  session: Mapping[str, Any],
  notes: list[str],
) -> Scene:
  """The scene with the rows of a session, where they are those of its maps."""
  scene = scene_frame.open_maps(renderer, example)
  table = _rows_of(renderer, session, notes)
  # Of rows that are one object the first has the pixels.
  places: dict[tuple[int, int], int] = {}
  for row, one in enumerate(table):
    places.setdefault((one.label, one.instance), row)
  pairs = [(one.label, one.instance) for one in scene.table]
  if not places.keys() >= set(pairs):
    notes.append("The maps in the zip were changed: its table is not used.")
    return scene
  rows = np.array([places[pair] for pair in pairs], np.int32)
  return dataclasses.replace(
    scene, objects=rows[scene.objects], table=tuple(table)
  )


def _rows_of(
  renderer: Renderer, session: Mapping[str, Any], notes: list[str]
) -> list[SceneObject]:
  """The table of a session; styles that this run does not have are left out."""
  bank = renderer.bank
  same = bank is not None and session.get("bank") == bank.digest
  table, lost = list[SceneObject](), 0
  given = session.get("table")
  bare = [
    {**row, "style": None} if isinstance(row, dict) else row
    for row in (given if isinstance(given, list) else ())
  ]
  rows = scene_frame.table_of({"table": bare}, renderer)
  for row, told in zip(rows, given or (), strict=True):
    if row.get("instance") is None:
      raise Refusal("export", "a row of the zip's table has no instance id")
    style = told.get("style")
    if style is not None and not _fits(renderer, row["label"], style, same):
      style, lost = None, lost + 1
    own = fields.style_of(style)
    table.append(SceneObject(row["label"], row["instance"], own))
  if lost:
    notes.append(
      "The styles of the zip are of another style bank: they are drawn anew."
    )
  return table


def _fits(renderer: Renderer, label: int, style: Any, same: bool) -> bool:
  """Whether this run has a style: numbers of the bank only of the same bank."""
  if style_file.style_fault(style, renderer.channels):
    return False
  if not isinstance(style, int):
    return True
  bank = renderer.bank
  return same and bank is not None and style < len(bank.styles.of_class(label))


def _with_styles(
  renderer: Renderer,
  scene: Scene,
  found: Mapping[str, bytes],
  notes: list[str],
) -> Scene:
  """The scene with the styles of a zip that holds no session."""
  if not renderer.channels or "styles" not in found:
    return scene
  told = bundle.read_json(found, "styles")
  given = style_file.from_dict(
    told, bundle.STYLES, renderer.class_names, renderer.channels
  )
  rows = style_file.rows_by_key(scene.pairs())
  bank = renderer.bank
  same = bank is not None and told.get("bank") == bank.digest
  table, lost = list(scene.table), 0
  for key, style in given.objects.items():
    row = rows.get(key)
    if row is None or not _fits(renderer, table[row].label, style, same):
      lost += 1
    else:
      table[row] = dataclasses.replace(table[row], style=style)
  if lost:
    notes.append("Styles of the zip that do not fit are drawn anew.")
  return dataclasses.replace(scene, table=tuple(table))
