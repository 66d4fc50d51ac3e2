"""Decodes a picture of any kind: all its samples with all their bits."""

import io
import math

import numpy as np
from PIL import Image, ImageFile

from hdgan.datasets import image_file, png, tiff
from hdgan.errors import InputError

NPY = b"\x93NUMPY"


def load_npy(data: bytes, name: str) -> np.ndarray:
  """Loads an array of numbers; never unpickles."""
  try:
    array = _uncopied(data)
    if array is None:
      array = np.load(io.BytesIO(data), allow_pickle=False)
  except Exception as error:
    raise image_file.unreadable(data, name, error) from error
  # Of an archive, which begins otherwise, it would be something else.
  if not isinstance(array, np.ndarray) or array.dtype.fields:
    raise InputError(f"{name}: holds no plain array; save one with numpy.save")
  return array


def _uncopied(data: bytes) -> np.ndarray | None:
  """The array of a .npy of format 1.0, in the memory of its bytes, or None."""
  file = io.BytesIO(data)
  if np.lib.format.read_magic(file) != (1, 0):
    return None
  shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
  if by_columns or dtype.hasobject or not math.prod(shape):
    return None
  array = np.frombuffer(data, dtype, count=math.prod(shape), offset=file.tell())
  return array.reshape(shape)


def open_tiff(data: bytes, page: tiff.Page, name: str) -> ImageFile.ImageFile:
  """Opens a TIFF; what Pillow does not know of is sound all the same."""
  try:
    return image_file.open_image(data, name)
  except InputError as error:
    if isinstance(error.__cause__, Image.UnidentifiedImageError):
      raise tiff.strange(page, name) from error
    raise


def read_samples(data: bytes, name: str) -> tuple[np.ndarray, bool, str]:
  """Decodes a picture of any kind.

  Returns:
    [H, W, C] with all its bits, whether the last channel is its alpha, and how
    it is lossy, '' if it is not.
  """
  lossy = ""
  if data.startswith(NPY):
    array, has_alpha = load_npy(data, name), False
  elif tiff.is_tiff(data):
    page = tiff.read_page(data, name)
    array, has_alpha = _tiff_samples(data, page, name)
    lossy = "TIFF with a lossy compression" if page.lossy else ""
  else:
    image = image_file.open_image(data, name)
    lossy = image_file.lossy(image, data)
    array, has_alpha = _image_samples(image, data, name)
  if array.ndim == 2:
    array = array[..., None]
  if array.ndim != 3 or not array.size:
    raise InputError(
      f"{name}: a picture is [H, W] or [H, W, C], this is "
      f"{list(array.shape)}; save it in that form"
    )
  return array, has_alpha, lossy


def _tiff_samples(
  data: bytes, page: tiff.Page, name: str
) -> tuple[np.ndarray, bool]:
  """Decodes a TIFF, [H, W] or [H, W, C], and tells whether it has an alpha."""
  array = tiff.read_samples(data, page, name)
  if array is None:
    # Pillow inverts these, where 0 is white.
    return _image_samples(open_tiff(data, page, name), data, name)
  if page.white_is_zero:
    if page.kind != "u":
      raise tiff.strange(page, name)
    array = np.iinfo(array.dtype).max - array
  if page.extras == (1,) and array[..., -1].min() < opaque(array.dtype):
    raise InputError(
      f"{name}: its colours are multiplied by its alpha; save it without "
      "alpha, or with an alpha of its own"
    )
  return array, page.has_alpha


def _image_samples(
  image: ImageFile.ImageFile, data: bytes, name: str
) -> tuple[np.ndarray, bool]:
  """Decodes [H, W] or [H, W, C] of any mode, and tells whether it has alpha."""
  mode, clear = image.mode, image.info.get("transparency")
  is_png = image.format == "PNG"
  if is_png and png.bits(data) == 16 and png.kind(data) != 0:
    array, has_alpha = png.deep_samples(data, name), png.kind(data) in (4, 6)
  elif mode in ("LAB", "HSV"):
    raise InputError(
      f"{name}: its colours are {mode}, which is not read; save it as RGB"
    )
  else:
    as_mode = {
      "1": "L", "P": "RGB" if clear is None else "RGBA", "PA": "RGBA",
      "CMYK": "RGB", "YCbCr": "RGB", "La": "LA", "RGBa": "RGBA",
    }.get(mode, "")  # fmt: skip
    array = image_file.pixels(image, name, as_mode)
    has_alpha = (as_mode or mode) in ("LA", "RGBA")
  if is_png and clear is not None and not has_alpha:
    array, has_alpha = _with_clear(array, clear, png.bits(data)), True
  return array, has_alpha


def _with_clear(
  array: np.ndarray, clear: int | tuple[int, ...], bits: int
) -> np.ndarray:
  """Adds an alpha to [H, W] or [H, W, 3] that is 0 where a PNG's tRNS fits."""
  if array.ndim == 2:
    array = array[..., None]
  # Greys of 2 and 4 bits are spread over 0..255, the tag's number is not.
  spread = 255 // (2**bits - 1) if 1 < bits < 8 else 1
  solid = (array != np.asarray(clear, np.int64) * spread).any(-1, keepdims=True)
  full = array.dtype.type(opaque(array.dtype))
  return np.concatenate([array, solid * full], axis=-1)


def opaque(dtype: np.dtype) -> float:
  """The alpha of what cannot be seen through."""
  return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
