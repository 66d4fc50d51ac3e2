"""`open`: a scene from files that the page sends, or from an exported zip.

Nothing is written to a disk; a file's name is shown in errors, and names the
scene.
"""

import dataclasses
import hashlib
import pathlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan.datasets import files, tiff
from hdgan.datasets.check import check, rules_of
from hdgan.datasets.examples import WHAT, ExampleFiles
from hdgan.datasets.folder import KNOWN_SUFFIXES
from hdgan.datasets.instances import recode
from hdgan.datasets.png import SIGNATURE
from hdgan.datasets.reading import reading_of
from hdgan.datasets.synthesis_inputs import SynthesisInputs, table_of
from hdgan.editing.scene import Scene, SceneObject, open_scene
from hdgan.errors import InputError, shown, visible
from hdgan.rendering.renderer import Renderer
from hdgan.studio import bundle, fields, limits, scene_frame
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header
from hdgan.studio.picture_frame import PictureScene, open_picture
from hdgan.studio.refusal import Refusal, of_input
from hdgan.studio.scenes import Example, Home, frame_of, frame_of_scene
from hdgan.styles import file as style_file

ROLES = ("label", "instance", "image", "export")
_NAMED = {**WHAT, "export": "export"}
_JPEG = b"\xff\xd8\xff"


@dataclasses.dataclass(frozen=True)
class SentPart:
  """A file that the page sent, as a `Part` of an example.

  Attributes:
    role: of ROLES.
    title: how the page's user calls it.
    data: its bytes.
  """

  role: str
  title: str
  data: bytes

  @property
  def path(self) -> pathlib.Path:
    """It lies on no disk."""
    return pathlib.Path()

  @property
  def name(self) -> str:
    """Its role and what it is called."""
    return f"{_NAMED[self.role]} {visible(self.title)}"

  @property
  def facts(self) -> tuple[Any, ...]:
    """Its sum."""
    return (hashlib.sha256(self.data).hexdigest(),)

  def read(self) -> bytes:
    """Its bytes."""
    return self.data


def open_files(home: Home, header: Header, payload: bytes) -> Frame:
  """A scene from a label map, with or without an instance map and a photo.

  Or from one zip that `export` made: then with its table and styles. `notes`
  are sentences to tell, `photo` says whether there was a (sound) photo.

  Raises:
    Refusal: naming the role of the file, what is wrong with it, the way out.
  """
  parts = _split(header, payload)
  if "export" in parts:
    return _open_export(home, parts["export"])
  for part in parts.values():
    _check_kind(part, home.renderer)
  example, notes = _read(home.renderer, parts, as_ids=False)
  return frame_of(home, example, notes=notes, photo="image" in parts)


def _split(header: Header, payload: bytes) -> dict[str, SentPart]:
  """The files of a request, by role."""
  listed, parts, start = header.get("files"), dict[str, SentPart](), 0
  if not isinstance(listed, list) or not 1 <= len(listed) <= len(ROLES):
    raise Refusal(
      "files", "files must list a label map, or one exported zip",
      field="files",
    )  # fmt: skip
  for one in listed:
    role, name, size = (
      one.get(key) if isinstance(one, dict) else None
      for key in ("role", "name", "size")
    )
    role = "image" if role == "photo" else role
    if role not in ROLES or role in parts:
      raise Refusal(
        "files", f"role {shown(role)} must be one of {', '.join(ROLES)}, "
        "each once", field="files",
      )  # fmt: skip
    if type(size) is not int or not 0 <= size <= len(payload) - start:
      raise Refusal(
        "files", f"{_NAMED[role]}: size {shown(size)} is not that of what "
        "was sent", field=role, hint="send it again",
      )  # fmt: skip
    title = name if isinstance(name, str) else ""
    parts[role] = SentPart(
      role, title[-limits.NAME :], payload[start : start + size]
    )
    start += size
  if start != len(payload):
    raise Refusal(
      "files", f"{len(payload) - start:,} bytes are of no file", field="files"
    )
  if "export" in parts and len(parts) > 1:
    raise Refusal("files", "a zip is opened alone", field="export")
  if "export" not in parts and "label" not in parts:
    raise Refusal("files", "a label map is needed", field="label")
  return parts


def _check_kind(part: SentPart, renderer: Renderer) -> None:
  """Refuses other formats and too many pixels before anything is decoded."""
  is_map = part.role == "instance" or (
    part.role == "label" and renderer.config.num_classes
  )
  known = part.data.startswith(SIGNATURE) or tiff.is_tiff(part.data)
  if not known and (is_map or not part.data.startswith(_JPEG)):
    formats = "PNG or TIFF" if is_map else "PNG, TIFF or JPEG"
    raise Refusal(
      "format", f"{part.name}: is no {formats}", field=part.role,
      hint="save it as PNG",
    )  # fmt: skip
  try:
    height, width = files.facts(part.data, part.name).size
  except InputError as error:
    raise of_input(error, part.role) from error
  try:
    fields.size_of({"h": height, "w": width})
  except Refusal as refusal:
    raise Refusal(
      refusal.code, f"{part.name}: {refusal.message}", field=part.role,
      hint="make it smaller",
    ) from refusal  # fmt: skip


def _read(
  renderer: Renderer, parts: Mapping[str, SentPart], *, as_ids: bool
) -> tuple[Example, list[str]]:
  """Checks and decodes files by the rules of the run's data.

  Args:
    renderer: of the run.
    parts: by role, with a label.
    as_ids: they hold class ids and object ids, whatever the run's data holds.

  Returns:
    The maps at their own size, and what is to be told.

  Raises:
    Refusal: with the role of the first file that is wrong.
  """
  config, notes = renderer.config, list[str]()
  one = ExampleFiles(
    scene_name(parts["label"].title, renderer),
    label=parts["label"],
    instance=parts.get("instance"),
    image=parts.get("image"),
  )
  try:
    if not as_ids:
      table = table_of(config, renderer.classes)
      notes = _notes(renderer, one, table is not None)
      (one,) = recode([one], config, table, renderer.classes)
    rules = dataclasses.replace(
      rules_of(config), trained=True, max_instances=0, geometries=()
    )
    check({"": [one]}, rules, workers=1)
    reading = reading_of(config)
    example = SynthesisInputs(
      (one.stem,), [one], reading=reading,
      geometry=reading.geometry(renderer.size), own_size=True,
    )[0]  # fmt: skip
  except InputError as error:
    raise of_input(error, _role_of(str(error), parts)) from error
  return example, notes


def _role_of(message: str, parts: Mapping[str, SentPart]) -> str:
  """The role of the file that an error begins with."""
  found = [r for r, part in parts.items() if message.startswith(part.name)]
  return found[0] if found else "label"


def _notes(renderer: Renderer, one: ExampleFiles, has_table: bool) -> list[str]:
  """What becomes of the files by the rules of the run's data."""
  data, notes = renderer.config.data, []
  if data.label_map and not has_table:
    notes.append(
      "The table that this model was trained with (data.label_map) is not "
      "here: the label map is taken to hold class ids."
    )
  if one.instance and data.instances in ("none", "components"):
    how = "Objects are found as parts that touch"
    if data.instances == "none":
      how = "This model was trained without instance maps"
    notes.append(f"{how}: the instance map is not used.")
  things = any(c.get("has_instances") for c in renderer.classes)
  if things and not one.instance and data.instances != "components":
    notes.append("Without an instance map each class is one region.")
  return notes


def scene_name(title: str, renderer: Renderer) -> str:
  """The name of a scene, from that of its label map.

  As folders of maps name it, so that the same styles are drawn.
  """
  last = re.split(r"[/\\]", title)[-1]
  stem = unicodedata.normalize("NFC", last.rpartition(".")[0] or last)
  suffix = renderer.config.data.suffixes.get("label", "")
  stem = stem.removesuffix(suffix or KNOWN_SUFFIXES["label"])
  try:
    return fields.name_of({"name": stem})
  except Refusal:
    return "scene"


def _open_export(home: Home, sent: SentPart) -> Frame:
  """The scene of an export: its plane, its table, its seed."""
  renderer = home.renderer
  found = bundle.unpack(sent.data)
  session = bundle.read_json(found, "session")
  parts = {
    role: SentPart(role, f"in the zip: {part}", found[part])
    for role, part in (("label", "label"), ("instance", "inst"))
    if part in found
  }
  try:
    for part in parts.values():
      _check_kind(part, renderer)
    example, _ = _read(renderer, parts, as_ids=True)
  except Refusal as refusal:
    refusal.field = "export"
    raise
  example["name"] = scene_name(sent.title, renderer)
  if "name" in session:
    try:
      example["name"] = fields.name_of(session)
    except Refusal as refusal:
      refusal.field = "export"
      raise
  seed = session.get("seed", 0)
  seed = seed if type(seed) is int and 0 <= seed < 2**53 else 0
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
    scene = _with_styles(renderer, _scene_of(renderer, example), found, notes)
  return frame_of_scene(home, scene, seed, notes=notes, photo=False)


def _with_table(
  renderer: Renderer,
  example: Example,
  session: Mapping[str, Any],
  notes: list[str],
) -> Scene:
  """The scene with the rows of a session, where they are those of its maps."""
  scene = _scene_of(renderer, example)
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


def _scene_of(renderer: Renderer, example: Example) -> Scene:
  """The scene of maps alone."""
  return open_scene(
    example["label"], example["instance"],
    scene_frame.classes_of(renderer), name=example["name"],
  )  # fmt: skip


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
  try:
    rows = scene_frame.table_of({"table": bare}, renderer)
  except Refusal as refusal:
    refusal.field = "export"
    refusal.message = f"session.json: {refusal.message}"
    raise
  for row, told in zip(rows, given or (), strict=True):
    if row.get("instance") is None:
      raise Refusal(
        "export", "session.json: a row of its table has no instance id",
        field="export",
      )  # fmt: skip
    style = told.get("style")
    if style is not None and not _fits(renderer, row["label"], style, same):
      style, lost = None, lost + 1
    table.append(
      SceneObject(
        row["label"],
        row["instance"],
        tuple(style) if isinstance(style, list) else style,
      )  # fmt: skip
    )
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
  try:
    given = style_file.from_dict(
      told, bundle.STYLES, renderer.class_names, renderer.channels
    )
  except InputError as error:
    raise of_input(error, "export") from error
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
