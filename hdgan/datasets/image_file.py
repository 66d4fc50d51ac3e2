"""Opens encoded pictures with Pillow, and says why others are not opened.

What Pillow itself passes over is seen to here: a rotation that the file asks
for is applied, a file of several frames is refused.
"""

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageFile

from hdgan.errors import InputError

# Several frames of an MPO are one photo: its previews, or its other eye.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "DIB", "GIF")
READ = "PNG, JPEG, TIFF, WebP, BMP, GIF or .npy"

# How files begin that are no pictures of ours, and what they are.
_OTHERS = (
  (b"\xff\x0a", "a JPEG XL picture"),
  (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
  (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
  (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
  (b"8BPS", "a Photoshop file"),
  (b"%PDF", "a PDF"),
  (b"v/1\x01", "an OpenEXR picture"),
  (b"#?RADIANCE", "a Radiance picture"),
  (b"FUJIFILMCCD-RAW", "a camera's raw file"),
  (b"IIRO", "a camera's raw file"),
  (b"IIRS", "a camera's raw file"),
  (b"IIU\0", "a camera's raw file"),
  (b"\x89HDF", "an HDF5 or MATLAB file"),
  (b"MATLAB", "a MATLAB file"),
  (b"PK\x03\x04", "a zip or .npz archive"),
  *((b"P%d" % i, "a PNM picture") for i in range(1, 7)),
  (b"<svg", "an SVG drawing"),
  (b"<?xml", "an XML file"),
)
# Of the container that HEIC, AVIF, CR3 and films share, by its brand.
_BRANDS = {
  **dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    "an HEIC photo",
  ),
  **dict.fromkeys((b"avif", b"avis"), "an AVIF photo"),
  b"crx ": "a camera's raw file",
}


def open_image(data: bytes, name: str) -> ImageFile.ImageFile:
  """Opens an encoded image; the pixels are decoded later.

  Raises:
    InputError: if it is none that is read, or has several frames.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # Large pictures are what this is for.
      image = Image.open(io.BytesIO(data), formats=FORMATS)
      # The pages of a TIFF are looked at where it is read.
      frames = getattr(image, "n_frames", 1)
  except Exception as error:  # Decoders raise a dozen kinds on bad bytes.
    raise unreadable(data, name, error) from error
  if frames > 1 and image.format not in ("MPO", "TIFF"):
    raise InputError(
      f"{name}: an animation of {frames} frames; save the one that is meant, "
      "alone, as PNG"
    )
  return image


def pixels(image: ImageFile.ImageFile, name: str, mode: str = "") -> np.ndarray:
  """Decodes the pixels, turned upright as the file asks for.

  Args:
    image: from `open_image`.
    name: how errors call the file.
    mode: of Pillow, to which it is converted; '' keeps its own.

  Returns:
    [H, W] or [H, W, C] in the machine's byte order.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      # Not copied from what Pillow gives, and so not to be written into.
      array = np.asarray(image.convert(mode) if mode else image)
  except Exception as error:
    raise unreadable(b"", name, error) from error
  if image.format != "TIFF":  # Pillow turns these when it decodes them.
    array = upright(array, orientation(image))
  return array.astype(array.dtype.newbyteorder("="), copy=False)


def orientation(image: ImageFile.ImageFile) -> int:
  """The EXIF tag of a picture's rotation, 1 to 8; 1 is upright."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      # That of the base class reads no pixels of a PNG.
      tag = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
  except Exception:  # Damaged tags ask for nothing.
    return 1
  return tag if tag in range(1, 9) else 1


def upright(array: np.ndarray, tag: int) -> np.ndarray:
  """Turns [H, W, ...] by an EXIF tag (EXIF 2.32, 4.6.4, Orientation)."""
  if tag >= 5:
    array = array.swapaxes(0, 1)
  if tag in (2, 3, 6, 7):
    array = array[:, ::-1]
  if tag in (3, 4, 7, 8):
    array = array[::-1]
  return np.ascontiguousarray(array)


def lossy(image: ImageFile.ImageFile, data: bytes) -> str:
  """'JPEG' or 'lossy WebP' where pixels are not as they were saved, or ''."""
  if image.format in ("JPEG", "MPO"):
    return "JPEG"
  return "lossy WebP" if image.format == "WEBP" and _webp_lossy(data) else ""


def _webp_lossy(data: bytes) -> bool:
  """Whether a WebP's picture is in a chunk VP8, not VP8L."""
  place = 12
  while place + 8 <= len(data):
    if data[place : place + 4] in (b"VP8 ", b"VP8L"):
      return data[place : place + 4] == b"VP8 "
    size = int.from_bytes(data[place + 4 : place + 8], "little")
    place += 8 + size + size % 2
  return True


def most_pixels() -> int:
  """Pillow's bound: twice what it warns of."""
  return 2 * (Image.MAX_IMAGE_PIXELS or 2**62)


def unreadable(data: bytes, name: str, error: Exception) -> InputError:
  """The error for a file that its decoder refuses."""
  reason = " ".join(str(error).split()) or type(error).__name__
  if isinstance(error, Image.DecompressionBombError):
    return InputError(
      f"{name}: its header tells of more than the {most_pixels():,} pixels "
      "that are read; cut it into smaller pictures"
    )
  if isinstance(error, Image.UnidentifiedImageError):
    if not data:
      return InputError(f"{name}: the file is empty; replace or remove it")
    if data.startswith(b"version https://git-lfs"):
      return InputError(
        f"{name}: is a Git LFS pointer, not the file itself; run git lfs pull"
      )
    if other := _other_kind(data):
      return InputError(
        f"{name}: is {other}, which is not read; convert it to PNG, a photo "
        "to PNG or JPEG"
      )
    reason = f"none of {READ}"
  return InputError(
    f"{name}: damaged or unreadable ({reason}); replace or remove the file"
  )


def _other_kind(data: bytes) -> str:
  """What a file is that is not read, or ''."""
  if data[4:8] == b"ftyp":
    return _BRANDS.get(data[8:12], "a film or another ISO media file")
  if data[128:132] == b"DICM":
    return "a DICOM file"
  if data[:500].lstrip().lower().startswith((b"<!doctype html", b"<html")):
    return "a web page"
  return next((what for head, what in _OTHERS if data.startswith(head)), "")
