"""Prepared copies that hold pixels instead of files: `data.store`.

Decoding PNGs is most of the work of reading them. Pixels that are kept decoded,
and packed by the records' own quick compression, take a sixth of it and, of
photos that were PNGs, about half as much room again as the files.
"""

import io
from typing import Any

import numpy as np

from hdgan.datasets import files
from hdgan.picture_spec import PictureSpec


def decoded(example: dict[str, Any], spec: PictureSpec) -> dict[str, Any]:
  """The same example with a .npy in the place of each file.

  Args:
    example: name, and the bytes of label, instance and image; empty where
      there is none.
    spec: says which are maps and which pictures, of how many channels.

  Returns:
    The same keys; what `read_map` and `read_picture` give of them is the same.

  Raises:
    InputError: if a file cannot be read.
  """
  label_channels = 0 if spec.num_classes else spec.label_channels
  channels = {
    "label": label_channels, "instance": 0, "image": spec.image_channels
  }  # fmt: skip
  name = str(example["name"])
  held = {
    role: _decoded(example[role], count, name)
    for role, count in channels.items()
    if example[role]
  }
  return example | held


def depends_on(spec: PictureSpec) -> str:
  """Names what such a copy depends on besides the files."""
  label = "ids" if spec.num_classes else spec.label_channels
  return f"pixels {label} {spec.image_channels}"


def encode(array: np.ndarray) -> bytes:
  """A .npy of ids [H, W] or a picture [H, W, C]."""
  buffer = io.BytesIO()
  np.save(buffer, array)
  return buffer.getvalue()


def _decoded(data: bytes, channels: int, name: str) -> bytes:
  """A .npy of a file: of a picture of so many channels, or of ids if 0."""
  if channels:
    return encode(files.read_picture(data, channels, name))
  return encode(files.read_map(data, name))
