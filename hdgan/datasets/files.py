"""Reads maps and pictures from PNG, JPEG, TIFF and .npy files, bit for bit.

A map is one channel of integers: class ids (`label`) or object ids
(`instance`), of up to 32 bits. A picture is a photo or a label that is itself
a picture. Both come from a path or from the encoded bytes of a prepared data
set; the kind of file is told by its first bytes, not by its name.

Pillow passes over what a damaged or cut PNG lacks: the sums and the rows of a
PNG that comes from a path are checked here.
"""

import dataclasses
import io
import os
import struct
import sys
import warnings
import zlib

import numpy as np
from PIL import Image, ImageFile

from hdgan.errors import InputError, visible
from hdgan.outside import read_bytes

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
Source = str | os.PathLike | bytes

_NPY = b"\x93NUMPY"
_PNG = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel by a PNG's kind of colour.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row, steps to the next ones, of the passes of an interlaced
# PNG (Adam7).
_PASSES = (
  (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
  (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
MOST_BYTES = 2**32  # Of an encoded file.
# Pillow decodes 16-bit colour to its high bytes. Asked for the other byte
# order it takes the low ones instead, so that two passes give all 16 bits.
_OTHER_ORDER = {
  "16B": "16L",
  "16L": "16B",
  "16N": "16B" if sys.byteorder == "little" else "16L",
}
_LOSSY = (
  "{name}: a map of ids cannot be a {what} (lossy: it changes ids along every "
  "border); export it again as PNG, TIFF or .npy"
)
# ITU-R BT.601 luma, the usual grey of a colour photo.
_LUMA = (0.299, 0.587, 0.114)


def read_map(source: Source, name: str = "") -> np.ndarray:
  """Reads a map of ids: 1 to 32 bits, grey or palette (read as indices).

  Args:
    source: a path, or the bytes of an encoded file.
    name: how errors call the file; the path by default.

  Returns:
    [H, W] bool, unsigned or signed integers as stored.

  Raises:
    InputError: unreadable, coloured, lossy, or not integers.
  """
  data, name = _fetch(source, name)
  if data.startswith(_NPY):
    return _map_of_array(_load_npy(data, name), name)
  image = _open(data, name)
  if image.format in ("JPEG", "MPO"):
    raise InputError(_LOSSY.format(name=name, what="JPEG"))
  if len(image.getbands()) != 1:
    raise InputError(_colour_fault(image, name))
  array = _pixels(image, name)
  if data.startswith(_PNG) and image.mode == "L":
    # Pillow spreads 2- and 4-bit greys over 0..255; ids are the bare samples.
    # Byte 24 of a PNG is the depth of its samples.
    array = array // np.uint8(255 // (2 ** min(data[24], 8) - 1))
  return _map_of_array(array, name)


@dataclasses.dataclass(frozen=True)
class FileFacts:
  """What an encoded file says of itself before its samples are decoded.

  Attributes:
    format: 'PNG', 'JPEG', 'TIFF', 'NPY'.
    mode: what a pixel is, in Pillow's words: '1', 'L', 'LA', 'P', 'RGB',
      'RGBA', 'CMYK', 'F', ...; the dtype of a .npy.
    bits: of a sample, as stored.
    channels: samples of a pixel, its alpha too.
    size: (H, W).
    palette: the colour (R, G, B) of each index; () where there is no palette.
  """

  format: str
  mode: str
  bits: int
  channels: int
  size: tuple[int, int]
  palette: tuple[tuple[int, int, int], ...] = ()


def facts(data: bytes, name: str) -> FileFacts:
  """Tells what a file says of itself; no samples of a picture are decoded.

  Args:
    data: the bytes of an encoded file.
    name: how errors call it.

  Raises:
    InputError: if it is none of those that can be read.
  """
  if data.startswith(_NPY):
    array = _load_npy(data, name)
    shape = (*array.shape, 1, 1)[: max(3, array.ndim)]
    return FileFacts(
      "NPY", str(array.dtype), 8 * array.dtype.itemsize, shape[-1], shape[:2]
    )
  image = _open(data, name)
  return FileFacts(
    image.format or "",
    image.mode,
    _bits(image, data),
    len(image.getbands()),
    image.size[::-1],
    palette=_palette(image),
  )


def read_colors(source: Source, name: str = "") -> np.ndarray:
  """Reads a map of classes by their colours, exactly.

  Args:
    source: a path, or the bytes of an encoded file.
    name: how errors call the file; the path by default.

  Returns:
    [H, W, 3] uint8: of a palette its colours, of grey the value thrice.

  Raises:
    InputError: unreadable, lossy, or of other than 8 bits.
  """
  data, name = _fetch(source, name)
  if not data.startswith(_NPY) and _open(data, name).format in ("JPEG", "MPO"):
    raise InputError(_LOSSY.format(name=name, what="JPEG"))
  colors = read_picture(data, 3, name)
  if colors.dtype != np.uint8:
    raise InputError(
      f"{name}: colours of classes have 8 bits, these are {colors.dtype}; "
      "save them as 8-bit PNG"
    )
  return colors


def read_picture(source: Source, channels: int, name: str = "") -> np.ndarray:
  """Reads a photo, or a label that is a picture; EXIF rotation is not applied.

  Args:
    source: a path, or the bytes of an encoded file.
    channels: C, 1 or 3. Grey is repeated, colour is turned into its luma,
      alpha is dropped, a palette is replaced by its colours.
    name: how errors call the file; the path by default.

  Returns:
    [H, W, C] uint8, uint16 or float32, as stored.

  Raises:
    InputError: unreadable, or of a kind that is no picture.
  """
  data, name = _fetch(source, name)
  if data.startswith(_NPY):
    array = _load_npy(data, name)
  else:
    array = _picture_pixels(_open(data, name), data, name)
  if array.ndim == 2:
    array = array[..., None]
  array = _picture_dtype(array, name)
  if array.ndim != 3 or not 1 <= array.shape[-1] <= 4 or not array.size:
    raise InputError(
      f"{name}: a picture is [H, W] or [H, W, C] with 1 to 4 channels, "
      f"this is {list(array.shape)}; save it in that form"
    )
  return _with_channels(array, channels)


def as_int32(ids: np.ndarray, name: str = "") -> np.ndarray:
  """Brings ids of any integer type to int32; unsigned 32 bits are bit-cast.

  Args:
    ids: [H, W] integers.
    name: how errors call the file.

  Returns:
    [H, W] int32; equal where and only where the ids are equal.

  Raises:
    InputError: ids that need more than 32 bits.
  """
  if ids.dtype == np.uint32:
    return ids.view(np.int32)
  if ids.dtype.itemsize > 4:
    low, high = int(ids.min()), int(ids.max())
    # Negative ids and ids from 2**31 on would meet on the same bits.
    if low < -(2**31) or high >= 2**32 or (low < 0 and high >= 2**31):
      raise InputError(
        f"{name}: ids {low}..{high} need more than 32 bits; number the "
        "objects of each picture anew"
      )
    return (ids & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
  return ids.astype(np.int32)


def fetch(path: str | os.PathLike, name: str = "") -> bytes:
  """Reads an encoded file and checks what its decoder does not.

  Args:
    path: of the file.
    name: how errors call it; the path by default.

  Returns:
    The bytes, for `read_map` or `read_picture`.

  Raises:
    InputError: for what is no regular file or cannot be read, and for a PNG
      that is damaged or cut short.
  """
  name = name or visible(os.fspath(path))
  return checked(read_bytes(path, name, MOST_BYTES), name)


def checked(data: bytes, name: str) -> bytes:
  """Checks of an encoded file what its decoder does not.

  Args:
    data: the bytes of a file.
    name: how errors call it.

  Returns:
    The bytes.

  Raises:
    InputError: for a PNG that is damaged or cut short.
  """
  fault = _png_fault(data) if data.startswith(_PNG) else ""
  if fault:
    raise InputError(
      f"{name}: damaged or unreadable ({fault}); replace or remove the file"
    )
  return data


def encode_map(ids: np.ndarray) -> bytes:
  """Encodes a map for `read_map`.

  Args:
    ids: [H, W] integers of any kind.

  Returns:
    A grey PNG of 8 or 16 bits; .npy where ids are negative or larger.
  """
  low, high = int(ids.min()), int(ids.max())
  if low < 0 or high >= 2**16:
    buffer = io.BytesIO()
    np.save(buffer, ids)
    return buffer.getvalue()
  return encode_png(ids)


def encode_png(array: np.ndarray) -> bytes:
  """Encodes [H, W] ids of 0..65535 or an [H, W, 3] uint8 photo as a PNG.

  Args:
    array: ids take 8 bits where they fit into them, else 16.

  Returns:
    The bytes of the file.
  """
  if array.dtype != np.uint8:
    array = array.astype(np.uint8 if array.max() < 256 else np.uint16)
  buffer = io.BytesIO()
  Image.fromarray(array).save(buffer, "PNG")
  return buffer.getvalue()


def _fetch(source: Source, name: str) -> tuple[bytes, str]:
  """Returns the encoded bytes and the name that errors use."""
  if isinstance(source, bytes):
    return source, name or "(bytes)"
  name = name or visible(os.fspath(source))
  return fetch(source, name), name


def _png_fault(data: bytes) -> str:
  """What is wrong with the chunks, their sums or the rows of a PNG, or ''."""
  place, head, packed = len(_PNG), b"", []
  while True:
    if place + 12 > len(data):
      return "the file is cut short"
    (size,) = struct.unpack_from(">I", data, place)
    kind, end = data[place + 4 : place + 8], place + 12 + size
    if end > len(data):
      return "the file is cut short"
    # Those with a small first letter tell nothing of the pixels.
    if kind[:1].isupper():
      (told,) = struct.unpack_from(">I", data, end - 4)
      if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != told:
        return f"the sum of its {kind.decode('ascii', 'replace')} is wrong"
    if kind == b"IHDR":
      head = data[place + 8 : end - 4]
    elif kind == b"IDAT":
      packed.append(memoryview(data)[place + 8 : end - 4])
    elif kind == b"IEND":
      break
    place = end
  if len(head) != 13:
    return "its header is missing"
  width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", head)
  if colour not in _SAMPLES:
    return f"it has no kind of colour {colour}"
  if width * height > _most_pixels():
    return ""  # It is refused when it is opened, without being unpacked.
  wanted = sum(
    rows * (1 + -(-columns * bits * _SAMPLES[colour] // 8))
    for columns, rows in _passes(width, height, bool(interlaced))
  )
  found = _unpacked_size(packed, wanted)
  return "" if found >= wanted else "rows are missing"


def _most_pixels() -> int:
  """Pillow's bound: twice what it warns of."""
  return 2 * (Image.MAX_IMAGE_PIXELS or 2**62)


def _passes(width: int, height: int, interlaced: bool) -> list[tuple[int, int]]:
  """Columns and rows of each pass over a picture; most have just one."""
  if not interlaced:
    return [(width, height)]
  sizes = [
    (-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES
  ]
  return [(columns, rows) for columns, rows in sizes if min(columns, rows) > 0]


def _unpacked_size(packed: list[memoryview], most: int) -> int:
  """Bytes that a zlib stream holds, up to `most`; none of them is kept."""
  stream, count = zlib.decompressobj(), 0
  try:
    for part in packed:
      rest: bytes | memoryview = part
      while rest and count < most and not stream.eof:
        count += len(stream.decompress(rest, 2**20))
        rest = stream.unconsumed_tail
    count += len(stream.flush())
  except zlib.error:
    pass  # What came before it counts.
  return count


def _unreadable(name: str, error: Exception) -> InputError:
  """The error for a file that its decoder refuses."""
  reason = " ".join(str(error).split()) or type(error).__name__
  if isinstance(error, Image.DecompressionBombError):
    return InputError(
      f"{name}: its header tells of more than the {_most_pixels():,} pixels "
      "that are read; cut it into smaller pictures"
    )
  if isinstance(error, Image.UnidentifiedImageError):
    reason = "not a PNG, JPEG, TIFF or .npy file"
  return InputError(
    f"{name}: damaged or unreadable ({reason}); replace or remove the file"
  )


def _load_npy(data: bytes, name: str) -> np.ndarray:
  """Loads an array of numbers; never unpickles."""
  try:
    array = np.load(io.BytesIO(data), allow_pickle=False)
  except Exception as error:
    raise _unreadable(name, error) from error
  # Of an archive, which begins otherwise, it would be something else.
  if not isinstance(array, np.ndarray) or array.dtype.fields:
    raise InputError(f"{name}: holds no plain array; save one with numpy.save")
  return array


def _open(data: bytes, name: str) -> ImageFile.ImageFile:
  """Opens an encoded image; the pixels are decoded later."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # Large pictures are what this is for.
      return Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF"))
  except Exception as error:  # Decoders raise a dozen kinds on bad bytes.
    raise _unreadable(name, error) from error


def _bits(image: ImageFile.ImageFile, data: bytes) -> int:
  """Bits of a sample as the file stores it."""
  if data.startswith(_PNG):
    return data[24]  # Of its header, IHDR.
  stored = getattr(image, "tag_v2", {}).get(258, ())
  if stored:
    return int(stored[0])
  return {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)


def _palette(image: Image.Image) -> tuple[tuple[int, int, int], ...]:
  """The colour of each index, () where a picture has no palette."""
  if image.mode not in ("P", "PA"):
    return ()
  flat = image.getpalette() or []
  return tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=False))


def _pixels(image: Image.Image, name: str) -> np.ndarray:
  """Decodes [H, W] or [H, W, C] pixels in the machine's byte order."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      array = np.array(image)
  except Exception as error:
    raise _unreadable(name, error) from error
  return array.astype(array.dtype.newbyteorder("="), copy=False)


def _map_of_array(array: np.ndarray, name: str) -> np.ndarray:
  """Checks that an array is [H, W] integers."""
  if array.ndim == 3 and array.shape[-1] == 1:
    array = array[..., 0]
  if array.ndim != 2 or not array.size:
    raise InputError(
      f"{name}: a map of ids is [H, W], this is {list(array.shape)}; one "
      "channel of class ids or object ids is needed"
    )
  if array.dtype == np.bool_:
    return array.astype(np.uint8)
  if array.dtype.kind not in "iu":
    raise InputError(
      f"{name}: a map holds integer ids, this one {array.dtype}; save it as "
      "integers of 8, 16 or 32 bits"
    )
  return array.astype(array.dtype.newbyteorder("="), copy=False)


def _colour_fault(image: Image.Image, name: str) -> str:
  """What is wrong with a coloured map, and how to mend it."""
  bands = "".join(image.getbands())
  array = _pixels(image, name)
  way_out = "replace each colour by its class id and save one grey channel"
  if bands in ("RGB", "RGBA") and ((array[..., :1] == array[..., :3]).all()):
    way_out = "its three colours are equal: save one of them as grey"
  return (
    f"{name}: a map needs one channel of class ids (or object ids), this one "
    f"is coloured ({bands}, {len(bands)} channels); {way_out}"
  )


def _picture_pixels(
  image: ImageFile.ImageFile, data: bytes, name: str
) -> np.ndarray:
  """Decodes a picture of any mode to [H, W] or [H, W, C] with all its bits."""
  mode = image.mode
  raw = _raw_mode(image)
  if ";16" in raw and mode in ("RGB", "RGBA"):
    if raw.split(";")[0] != mode:
      raise InputError(
        f"{name}: 16-bit grey with alpha cannot be read; save it without alpha"
      )
    twin = _open(data, name)
    args = twin.tile[0].args
    order = raw.split(";")[1]
    swapped = f"{mode};{_OTHER_ORDER[order]}"
    new = (swapped, *args[1:]) if isinstance(args, tuple) else swapped
    twin.tile = [tile._replace(args=new) for tile in twin.tile]
    high, low = _pixels(image, name), _pixels(twin, name)
    return high.astype(np.uint16) << np.uint16(8) | low
  if mode in ("1", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
    try:
      converted = image.convert("L" if mode == "1" else "RGB")
    except Exception as error:
      raise _unreadable(name, error) from error
    return _pixels(converted, name)
  return _pixels(image, name)


def _raw_mode(image: ImageFile.ImageFile) -> str:
  """How the file stores a pixel, as Pillow writes it: e.g. 'RGB;16B'."""
  if not image.tile:
    return ""
  args = image.tile[0].args
  return str(args if isinstance(args, str) else args[0] if args else "")


def _picture_dtype(array: np.ndarray, name: str) -> np.ndarray:
  """Brings [H, W, C] pixels to uint8, uint16 or float32 without a loss."""
  kind = array.dtype
  if kind in (np.uint8, np.uint16, np.float32):
    return array.astype(kind.newbyteorder("="), copy=False)
  if kind.kind == "f":
    return array.astype(np.float32)
  if (
    kind.kind in "iu"
    and array.size
    and array.min() >= 0
    and (array.max() < 2**16)
  ):
    return array.astype(np.uint16)
  raise InputError(
    f"{name}: a picture has 8 or 16 bits or is float32, this one is {kind}"
    f"{'' if kind.kind not in 'iu' else ' beyond 0..65535'}; convert it"
  )


def _with_channels(array: np.ndarray, channels: int) -> np.ndarray:
  """Turns [H, W, 1 to 4] into [H, W, C]; an even count means alpha is last."""
  if array.shape[-1] in (2, 4):
    array = array[..., :-1]
  have = array.shape[-1]
  if have == channels:
    return np.ascontiguousarray(array)
  if have == 1:
    return np.repeat(array, channels, axis=-1)
  luma = array.astype(np.float64) @ np.asarray(_LUMA)
  if array.dtype.kind == "u":
    luma = np.rint(luma)
  return luma.astype(array.dtype)[..., None]
