"""Pictures kept smaller than they are: `data.store_size`.

Most of the time that training takes to read a picture goes by its size in the
file. Kept no larger than the largest stage it is read that much faster. Scaled
as training scales it, and without loss, a stage of just that size gets the same
numbers to the bit; smaller ones are scaled twice.
"""

import dataclasses
import functools
import io
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from hdgan.datasets import files
from hdgan.datasets.examples import WHAT, ExampleFiles, Found, MadePart
from hdgan.datasets.transforms import (
  Size,
  place_map,
  place_picture,
  whole_placement,
)
from hdgan.errors import InputError


def reduce(found: Found, config: ConfigDict) -> Found:
  """Has pictures whose longer side exceeds `data.store_size` made smaller.

  Args:
    found: of a data set.
    config: that names it.

  Returns:
    The same examples; their parts are made of the files when they are read.

  Raises:
    InputError: for a size below that of a stage.
  """
  most = config.data.store_size
  if not most:
    return found
  needed = max(max(stage.size) for stage in config.stages)
  if config.data.transform == "scale_width":
    needed = max(needed, config.data.load_width)
  if most < needed:
    raise InputError(
      f"config.data.store_size={most}: training scales to {needed}, which "
      f"would only be blurred; say --config.data.store_size={needed}, or 0"
    )
  channels = {"image": config.data.image_channels}
  if not config.num_classes:
    channels["label"] = config.data.label_channels
  splits = {
    split: [_reduced(one, most, channels) for one in examples]
    for split, examples in found.splits.items()
  }
  return dataclasses.replace(found, splits=splits)


def stored_size(size: Size, most: int) -> Size:
  """The (H, W) at which a picture of (H, W) is kept."""
  longer = max(size)
  if longer <= most:
    return size
  # To the nearest, in integers, so that no float decides.
  height, width = (
    max(1, (2 * side * most + longer) // (2 * longer)) for side in size
  )
  return height, width


def _reduced(
  example: ExampleFiles, most: int, channels: dict[str, int]
) -> ExampleFiles:
  label, made = example.label, {}
  for role, part in example.parts().items():
    make = functools.partial(
      _make,
      role=role,
      most=most,
      channels=channels.get(role, 0),
      names=(part.name, label.name),
    )
    # Sizes are compared with the label's before they are made alike.
    sources = (part,) if role == "label" else (part, label)
    made[role] = MadePart(sources, make, f"at most {most} ({role})")
  return ExampleFiles(
    example.stem,
    label=made["label"],
    instance=made.get("instance"),
    image=made.get("image"),
  )


def _make(
  data: bytes,
  label: bytes = b"",
  *,
  role: str,
  most: int,
  channels: int,
  names: Sequence[str],
) -> bytes:
  """Encodes one file anew at its stored size, or gives it as it is."""
  name, measure = names
  facts = files.facts(data, name)
  # Grey stays so: it is read as three channels, and the check sees it as it is.
  if channels == 3 and facts.channels == 1 and not facts.palette:
    channels = 1
  array = (
    files.read_picture(data, channels, name)
    if channels
    else files.read_map(data, name)
  )
  size = array.shape[0], array.shape[1]
  if label:
    other = files.facts(label, measure).size
    if size != other:
      raise InputError(
        f"{name}: the {WHAT[role]} is {size[0]}x{size[1]} (height x width) but "
        f"{measure} is {other[0]}x{other[1]}; bring both to one size"
      )
  stored = stored_size(size, most)
  if stored == size:
    return data
  placement = whole_placement(stored)
  if not channels:
    # By their colours files are compared.
    return files.encode_map(place_map(array, placement), facts.palette)
  return _encode(place_picture(array, placement))


def _encode(picture: np.ndarray) -> bytes:
  """A picture [H, W, C] without loss: PNG where that can hold it, or .npy."""
  buffer = io.BytesIO()
  if picture.dtype == np.uint8 and picture.shape[-1] in (1, 3):
    plain = picture[..., 0] if picture.shape[-1] == 1 else picture
    # Higher levels take many times as long for a few parts in a hundred.
    Image.fromarray(plain).save(buffer, "PNG", compress_level=1)
  else:
    np.save(buffer, picture)
  return buffer.getvalue()
