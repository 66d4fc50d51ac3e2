"""The fields of a header, each checked before anything is made of it."""

import re
from collections.abc import Mapping
from typing import Any

from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer
from hdgan.studio import limits
from hdgan.studio.refusal import Refusal
from hdgan.styles import file as style_file
from hdgan.styles.file import Style

Header = Mapping[str, Any]


def size_of(header: Header) -> tuple[int, int]:
  """(H, W) of a header, checked.

  Raises:
    Refusal: naming the side.
  """
  height, width = (
    integer_of(header, key, 1, limits.SIDE, code="size") for key in ("h", "w")
  )
  if height * width > limits.PIXELS:
    raise Refusal(
      "size", f"{width} x {height} pixels are more than {limits.PIXELS:,}",
      field="w", hint="make the map smaller",
    )  # fmt: skip
  return height, width


def integer_of(
  header: Header, key: str, low: int, high: int, *, code: str = "number",
  default: int | None = None,
) -> int:  # fmt: skip
  """A whole number of a header, checked.

  Args:
    header: of a frame.
    key: of the field.
    low: the smallest that is allowed.
    high: the largest.
    code: of the refusal.
    default: where the field is missing; None if it must be there.

  Raises:
    Refusal: naming the field.
  """
  value = header.get(key, default)
  # Not isinstance: true is an int in Python, and no number.
  if type(value) is not int or not low <= value <= high:
    raise Refusal(
      code, f"{key} = {shown(value)} must be {low}..{high}", field=key
    )
  return value


def seed_of(header: Header) -> int:
  """The seed that draws styles, 0 where a header has none."""
  return integer_of(header, "seed", 0, limits.SEED, code="seed", default=0)


def name_of(header: Header) -> str:
  """The name of a scene: one of a map, so that styles are drawn as for it.

  Raises:
    Refusal: for what is no name of a file, or leads out of a folder.
  """
  name = header.get("name", "")
  if (
    not isinstance(name, str)
    or len(name) > limits.NAME
    or not name.isprintable()
    or any(mark in name for mark in "/\\:")
    or name.startswith(".")
  ):
    raise Refusal(
      "name", f"name = {shown(name)} is no name of a map", field="name"
    )
  return name or "scene"


def usable_name(name: str) -> str:
  """The name of a map, or one like it that `name_of` takes."""
  try:
    return name_of({"name": name})
  except Refusal:
    kept = "".join(c for c in name if c.isprintable())
    return re.sub(r"[/\\:]", "_", kept).lstrip(".")[: limits.NAME] or "scene"


def check_kind(header: Header, kind: str) -> None:
  """Refuses a scene of another kind of model."""
  given = header.get("kind", kind)
  if given != kind:
    raise Refusal(
      "kind", f"kind = {shown(given)}, this model has scenes of {kind!r}",
      field="kind", hint="open a map of this model",
    )  # fmt: skip


def check_style(style: Any, where: str, renderer: Renderer) -> None:
  """Refuses what is no style of this model, for itself; None is one to draw."""
  if style is None:
    return
  rule = "this model has no styles"
  if renderer.channels:
    rule = style_file.style_fault(style, renderer.channels)
  if rule:
    raise Refusal("style", f"{where}: {rule}", field=where)


def style_of(style: Any) -> Style | None:
  """A checked style of JSON as `hdgan.styles` has it."""
  return tuple(style) if isinstance(style, list) else style
