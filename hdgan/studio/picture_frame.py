"""Scenes of models whose label is a picture: levels in place of rows.

A pixel of the wire holds the levels of up to three channels of 8 bits, the
first in the lowest bits. The picture is one object, of one style.
"""

import dataclasses
from typing import Any

import numpy as np

from hdgan.editing.scene import Scene, SceneObject
from hdgan.errors import InputError, counted
from hdgan.picture_spec import PictureSpec
from hdgan.rendering.renderer import Renderer
from hdgan.studio import fields, frame, scene_frame
from hdgan.studio.fields import Header
from hdgan.studio.refusal import Refusal
from hdgan.styles.file import Style

CHANNELS = (1, 2, 3)


@dataclasses.dataclass(frozen=True, eq=False)
class PictureScene:
  """A label that is a picture.

  Attributes:
    label: [H, W, C] uint8.
    name: of the map.
    style: of its one object; None to have it drawn.
  """

  label: np.ndarray
  name: str = ""
  style: Style | None = None

  @property
  def scene(self) -> Scene:
    """Its one object, without the picture: what has styles and a size."""
    objects = np.zeros(self.label.shape[:2], np.int32)
    table = (SceneObject(0, 0, self.style),)
    return Scene(
      objects, table, ({"id": 0, "name": "picture"},), name=self.name
    )


def check_model(spec: PictureSpec) -> None:
  """Refuses a model whose pictures a page cannot hold.

  Args:
    spec: of the run; one with classes is always good.

  Raises:
    InputError: for more than three channels, or more than 8 bits.
  """
  if spec.num_classes:
    return
  if spec.label_channels not in CHANNELS:
    raise InputError(
      f"--mode=studio: this model's labels are pictures of "
      f"{counted(spec.label_channels, 'channel')}, a page can paint 1 to 3; "
      "use --mode=synthesize"
    )
  if spec.label_range != (0, 255):
    low, high = spec.label_range
    raise InputError(
      f"--mode=studio: this model's labels have values {low:g}..{high:g}, a "
      "page can paint 0..255; use --mode=synthesize"
    )


def open_picture(label: np.ndarray, name: str = "") -> PictureScene:
  """Makes a scene of a label that is a picture.

  Args:
    label: [H, W, C] of any dtype.
    name: of the map.

  Raises:
    InputError: for values that are not of 8 bits.
  """
  small = label.astype(np.uint8)
  if (small != label).any():
    raise InputError(
      f"{name or 'the label'}: has values that are not 0..255; save it with 8 "
      "bits per channel"
    )
  return PictureScene(small, name)


def to_picture(
  header: Header, payload: bytes, renderer: Renderer
) -> PictureScene:
  """Makes a scene of what the page sent; see `scene_frame.to_scene`.

  Args:
    header: w, h, name, style.
    payload: levels as runs.
    renderer: knows how many channels there are.

  Raises:
    Refusal: naming the field.
  """
  fields.check_kind(header, "picture")
  size, name = fields.size_of(header), fields.name_of(header)
  style = header.get("style")
  fields.check_style(style, "style", renderer)
  channels = renderer.model.pictures.label_channels
  levels = frame.unpack_runs(payload, size, 256**channels - 1)
  label = levels.astype("<i4").view(np.uint8).reshape(*size, 4)
  made = PictureScene(
    np.ascontiguousarray(label[..., :channels]),
    name,
    fields.style_of(style),
  )
  scene_frame.check_numbers(made.scene, renderer, "style")
  return made


def of_picture(picture: PictureScene) -> tuple[dict[str, Any], bytes]:
  """Header and payload of a picture."""
  height, width, channels = picture.label.shape
  levels = np.zeros((height, width), np.uint32)
  for channel in range(channels):
    levels |= picture.label[..., channel].astype(np.uint32) << 8 * channel
  header = {
    "kind": "picture", "w": width, "h": height, "name": picture.name,
    "style": picture.style,
  }  # fmt: skip
  return header, frame.pack_runs(levels)


def read(
  header: Header, payload: bytes, renderer: Renderer
) -> Scene | PictureScene:
  """A scene of the kind that the model has; see `to_scene`, `to_picture`."""
  if renderer.model.pictures.num_classes:
    return scene_frame.to_scene(header, payload, renderer)
  return to_picture(header, payload, renderer)


def classes_only(renderer: Renderer) -> None:
  """Refuses what only scenes of objects have."""
  if not renderer.model.pictures.num_classes:
    raise Refusal(
      "kind", "this model's labels are pictures, without objects",
      field="kind",
    )  # fmt: skip
