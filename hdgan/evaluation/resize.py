"""How a picture is brought to the size that a network of features has seen.

Distances move by whole points with the way in which pictures are scaled; each
way here is one that published numbers were made with.
"""

import numpy as np
from PIL import Image

from hdgan.errors import InputError


def as_rgb(picture: np.ndarray, name: str = "a picture") -> np.ndarray:
  """Gives a picture three channels.

  Args:
    picture: [H, W, 1 or 3] uint8.
    name: how errors call it.

  Returns:
    [H, W, 3] uint8; of grey one the channel three times.

  Raises:
    InputError: if it has another number of channels.
  """
  channels = picture.shape[-1]
  if channels not in (1, 3):
    raise InputError(
      f"{name}: has {channels} channels, these networks see 1 (grey) or 3 "
      "(red, green, blue); leave --features and --lpips out"
    )
  return np.broadcast_to(picture, (*picture.shape[:2], 3))


def pil_f_bicubic(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Scales as clean-fid does, bit for bit.

  Pillow's bicubic filter, which widens where it makes smaller (antialias), on
  each channel as floats; what overshoots is cut off and nothing is rounded.

  Args:
    picture: [H, W, 3] uint8.
    size: height and width.

  Returns:
    [height, width, 3] float32 in 0..255.
  """
  channels = [
    Image.fromarray(channel.astype(np.float32)).resize(
      size[::-1], Image.Resampling.BICUBIC
    )
    for channel in np.moveaxis(picture, -1, 0)
  ]
  return np.stack([np.asarray(c).clip(0, 255) for c in channels], axis=-1)


def torch_bilinear(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Scales as pytorch-fid does: bilinear, without antialias.

  A pixel is read from the four that lie around it, whatever lies between these
  and the next ones.

  Args:
    picture: [H, W, 3] uint8.
    size: height and width.

  Returns:
    [height, width, 3] float32 in 0..255.
  """
  scaled = picture.astype(np.float32)
  for axis, wanted in enumerate(size):
    have = scaled.shape[axis]
    # Centres of pixels are halves; before the first centre there is nothing.
    # In float32, as PyTorch counts.
    centres = np.arange(wanted, dtype=np.float32) + np.float32(0.5)
    at = (centres * np.float32(have / wanted) - np.float32(0.5)).clip(0)
    low = at.astype(int)
    high = np.minimum(low + 1, have - 1)
    part = (at - low).astype(np.float32)
    part = part[:, None, None] if axis == 0 else part[None, :, None]
    below, above = (np.take(scaled, i, axis) for i in (low, high))
    scaled = below * (1 - part) + above * part
  return scaled
