"""Files that the page sends: read from memory, by the rules of the run's data.

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

from hdgan.datasets import files, tiff
from hdgan.datasets.check import check
from hdgan.datasets.examples import WHAT, ExampleFiles
from hdgan.datasets.folder import KNOWN_SUFFIXES
from hdgan.datasets.instances import recode
from hdgan.datasets.png import SIGNATURE
from hdgan.datasets.reading import reading_of
from hdgan.datasets.synthesis_inputs import (
  SynthesisInputs,
  synthesis_rules,
  table_of,
)
from hdgan.errors import InputError, visible
from hdgan.rendering.renderer import Renderer
from hdgan.studio import fields
from hdgan.studio.refusal import Refusal, of_input
from hdgan.studio.scenes import Example

NAMED = {**WHAT, "export": "export"}
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
    return f"{NAMED[self.role]} {visible(self.title)}"

  @property
  def facts(self) -> tuple[Any, ...]:
    """Its sum."""
    return (hashlib.sha256(self.data).hexdigest(),)

  def read(self) -> bytes:
    """Its bytes."""
    return self.data


def check_kind(part: SentPart, renderer: Renderer) -> None:
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


def read_maps(
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
    check({"": [one]}, synthesis_rules(config), workers=1)
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
  return fields.usable_name(stem)
