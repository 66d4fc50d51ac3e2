"""Pictures as they are published: all encoded alike, none tells its method."""

import hashlib
import io

import numpy as np
from PIL import Image, ImageFilter

SHARPEST = 2  # Pixels of a published picture per CSS pixel, at the most.
QUALITY = 95  # Of JPEG, with colours at full resolution.
_BLUR = 24  # The width of a picture by the deviation of a sentinel's blur.


def fitted(picture: np.ndarray, width: int) -> np.ndarray:
  """Scales [H, W, 3] uint8 down to `SHARPEST` times a width in CSS pixels."""
  height, most = picture.shape[0], SHARPEST * width
  if picture.shape[1] <= most:
    return picture
  size = most, max(1, round(height * most / picture.shape[1]))
  image = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
  return np.asarray(image)


def blurred(picture: np.ndarray) -> np.ndarray:
  """A picture [H, W, 3] uint8 that nobody prefers to a sharp one."""
  filter = ImageFilter.GaussianBlur(picture.shape[1] / _BLUR)
  return np.asarray(Image.fromarray(picture).filter(filter))


def encoded(picture: np.ndarray) -> bytes:
  """A picture [H, W, 3] uint8 as JPEG without any metadata."""
  buffer = io.BytesIO()
  Image.fromarray(picture).save(
    buffer, "JPEG", quality=QUALITY, subsampling=0
  )  # fmt: skip
  return buffer.getvalue()


def padded(data: bytes, size: int) -> bytes:
  """A JPEG with zeros behind its end, which decoders pass over."""
  return data.ljust(size, b"\0")


def published_name(data: bytes, *about: object) -> str:
  """16 hexadecimal digits, which only who has all of this can find out.

  Args:
    data: the picture as it was encoded.
    *about: what else tells pictures apart: seed, method, stem.
  """
  digest = hashlib.sha256(data)
  digest.update(repr(about).encode())
  return digest.hexdigest()[:16]
