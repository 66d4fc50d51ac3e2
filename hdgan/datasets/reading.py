"""Turns encoded examples into arrays of a stage's size."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from hdgan.datasets import files
from hdgan.datasets.id_types import ANY_IDS, IdTypes
from hdgan.datasets.transforms import (
  Geometry,
  Placement,
  dense_objects,
  place_map,
  place_picture,
)
from hdgan.picture_spec import PictureSpec, picture_spec

Batch = dict[str, np.ndarray]
Encoded = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Reading:
  """How encoded examples are decoded, and brought to a stage's size.

  Attributes:
    pictures: what label maps and photos mean.
    transform: 'resize', 'scale_width' or 'crop'.
    load_width: the width of scale_width; 0 means the stage's.
    flip: whether training mirrors half of the examples.
    workers: threads that read.
    warp_labels: how far training bends G's maps, see `bending`.
  """

  pictures: PictureSpec
  transform: str
  load_width: int
  flip: bool
  workers: int
  warp_labels: float = 0.0

  def geometry(self, stage_size: Sequence[int]) -> Geometry:
    """How pictures come to the (H, W) of a stage."""
    size = (int(stage_size[0]), int(stage_size[1]))
    return Geometry(
      self.transform, size, load_width=self.load_width, flip=self.flip
    )


def reading_of(config: ml_collections.ConfigDict) -> Reading:
  """How examples are read, from a config."""
  data = config.data
  return Reading(
    pictures=picture_spec(config),
    transform=data.transform,
    load_width=data.load_width,
    flip=data.flip,
    workers=data.workers,
    warp_labels=data.warp_labels,
  )


def decode(
  encoded: Encoded, reading: Reading, types: IdTypes = ANY_IDS
) -> Batch:
  """Decodes an example's files, at their own size.

  Args:
    encoded: name, label, instance and image as a prepared copy holds them.
    reading: how.
    types: of the ids.

  Returns:
    label, instance and image, [H, W] or [H, W, C]; not to be written into.
  """
  name = encoded["name"]
  name = name.decode() if isinstance(name, bytes) else str(name)
  image = encoded["image"]
  return decode_maps(encoded, reading, name, types) | {
    "image": files.read_picture(image, reading.pictures.image_channels, name)
  }


def decode_maps(
  encoded: Encoded, reading: Reading, name: str, types: IdTypes = ANY_IDS
) -> Batch:
  """Decodes label and instance of an example.

  Args:
    encoded: label and instance, each a path or bytes; instance may be empty.
    reading: how.
    name: how errors call the example.
    types: of the ids.

  Returns:
    label [H, W], or [H, W, C] where it is a picture, and instance [H, W]: the
    label itself, or zeros, where there is none. Not to be written into.
  """
  spec = reading.pictures
  if spec.num_classes:
    ids = files.read_map(encoded["label"], name)
    label = files.as_type(ids, types.label, name)
  else:
    label = files.read_picture(
      encoded["label"], spec.label_channels, name, role="label"
    )
    ids = np.zeros(label.shape[:2], types.instance)
  if encoded["instance"]:
    ids = files.read_map(encoded["instance"], name)
  return {"label": label, "instance": files.as_type(ids, types.instance, name)}


def place(
  arrays: Batch,
  placement: Placement,
  objects: bool,
  types: IdTypes = ANY_IDS,
) -> Batch:
  """Brings all arrays of an example to one window.

  Args:
    arrays: from `decode`, [H, W] or [H, W, C] each.
    placement: the window.
    objects: whether to number the objects that can be seen in it.
    types: of the ids.

  Returns:
    The same keys at the window's size; with objects [H, W] if asked.
  """
  placed = {
    key: (place_map if array.ndim == 2 else place_picture)(array, placement)
    for key, array in arrays.items()
  }
  if objects:
    maps = placed["label"], placed["instance"]
    placed["objects"] = dense_objects(*maps, types.objects)[0]
  return placed
