"""Reads maps and pictures from encoded files, bit for bit.

A map is one channel of integers: class ids (`label`) or object ids
(`instance`), of up to 32 bits. A picture is a photo or a label that is itself
a picture. Both come from a path or from the encoded bytes of a prepared data
set; the kind of file is told by its first bytes, not by its name.

What a file says besides its samples is applied (rotation, palette, inverted
grey), or the file is refused (transparency, several pages, lossy maps); colour
profiles and gamma alone are passed over, as in the released code.
"""

import dataclasses
import io
import itertools
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from hdgan.datasets import image_file, png, samples, tiff
from hdgan.errors import InputError, counted, visible
from hdgan.outside import read_bytes

SUFFIXES = (
  ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp",
  ".dib", ".gif", ".npy",
)  # fmt: skip
FORMATS = image_file.READ
Source = str | os.PathLike | bytes

MOST_BYTES = 2**32  # Of an encoded file.
_IS_PICTURE = (
  "--config.num_classes=0 --config.boundary=False if the label is itself a "
  "picture"
)


@dataclasses.dataclass(frozen=True)
class FileFacts:
  """What an encoded file says of itself before its samples are decoded.

  Attributes:
    format: 'PNG', 'JPEG', 'MPO', 'TIFF', 'WEBP', 'BMP', 'DIB', 'GIF' or 'NPY'.
    mode: what a pixel is, in Pillow's words: '1', 'L', 'LA', 'P', 'RGB',
      'RGBA', 'CMYK', 'F', ...; the dtype of a .npy.
    bits: of a sample, as stored.
    channels: samples of a pixel, its alpha too.
    size: (H, W), upright.
    palette: the colour (R, G, B) of each index; () where there is no palette.
  """

  format: str
  mode: str
  bits: int
  channels: int
  size: tuple[int, int]
  palette: tuple[tuple[int, int, int], ...] = ()


def facts(data: bytes, name: str) -> FileFacts:
  """Tells what a file says of itself; samples tell nothing of it.

  Args:
    data: the bytes of an encoded file.
    name: how errors call it.

  Raises:
    InputError: if it is none of those that can be read.
  """
  if data.startswith(samples.NPY):
    array = samples.load_npy(data, name)
    shape = (*array.shape, 1, 1)[: max(3, array.ndim)]
    return FileFacts(
      "NPY",
      str(array.dtype),
      bits=8 * array.dtype.itemsize,
      channels=shape[-1],
      size=shape[:2],
    )
  if tiff.is_tiff(data):
    page = tiff.read_page(data, name)
    colors = samples.open_tiff(data, page, name) if page.mode == "P" else None
    size = page.size if page.orientation < 5 else page.size[::-1]
    return FileFacts(
      "TIFF",
      page.mode,
      bits=page.bits,
      channels=page.samples,
      size=size,
      palette=_palette(colors, name) if colors else (),
    )
  image = image_file.open_image(data, name)
  turned = image_file.orientation(image) >= 5
  bits = png.bits(data) if image.format == "PNG" else 8
  return FileFacts(
    image.format or "",
    image.mode,
    bits=1 if image.mode == "1" else bits,
    channels=len(image.getbands()),
    size=image.size if turned else image.size[::-1],
    palette=_palette(image, name),
  )


def read_map(
  source: Source, name: str = "", *, what: str = "map", trained: bool = False
) -> np.ndarray:
  """Reads a map of ids: 1 to 32 bits, grey or palette (read as indices).

  Args:
    source: a path, or the bytes of an encoded file.
    name: how errors call the file; the path by default.
    what: it is: 'label map', 'instance map' or another, for the ways out.
    trained: the model is there: fields of its config are no way out.

  Returns:
    [H, W] bool, unsigned or signed integers as stored, upright.

  Raises:
    InputError: unreadable, coloured, lossy, or not integers.
  """
  data, name = _fetch(source, name)
  if data.startswith(samples.NPY):
    return _map_of_array(samples.load_npy(data, name), name)
  if trained:  # None of the ways out of a label map or instance map.
    what += " of a trained model"
  if tiff.is_tiff(data):
    page = tiff.read_page(data, name)
    return _map_of_array(_tiff_map(data, page, name, what=what), name)
  image = image_file.open_image(data, name)
  if lossy := image_file.lossy(image, data):
    raise InputError(_lossy_fault(name, lossy, what))
  array = image_file.pixels(image, name)
  if len(image.getbands()) != 1:
    raise InputError(_color_fault(array, image.mode, name, what=what))
  if image.format == "PNG" and image.mode == "L":
    array = _bare(array, png.bits(data))
  if image.format == "GIF" and _renumbered(image, array):
    raise InputError(
      f"{name}: a GIF whose greys are other numbers than their places in its "
      f"palette: which of both are the ids cannot be told; save the {what} as "
      "PNG"
    )
  return _map_of_array(array, name)


def _renumbered(image: Image.Image, indices: np.ndarray) -> bool:
  """Whether the used colours of a palette are greys of other values.

  GIF has no grey pictures: programs save one with its greys in a palette.
  """
  used = np.unique(indices)
  colors = np.reshape(image.getpalette() or [], (-1, 3))
  if not colors.size or used[-1] >= len(colors):
    return False
  greys = colors[used]
  # Two of them are a mask in either way.
  if len(used) <= 2 or (greys != greys[:, :1]).any():
    return False
  return bool((greys[:, 0] != used).any())


def read_colors(source: Source, name: str = "") -> np.ndarray:
  """Reads a map of classes by their colours, exactly; alpha is left out.

  Where nothing is to be seen, a colour other than black must not be one that
  is seen elsewhere: layers that are painted into an alpha hold it everywhere.

  Args:
    source: a path, or the bytes of an encoded file.
    name: how errors call the file; the path by default.

  Returns:
    [H, W, 3] uint8: of a palette its colours, of grey the value thrice.

  Raises:
    InputError: unreadable, lossy, of other than 8 bits, or painted by alpha.
  """
  data, name = _fetch(source, name)
  colors, has_alpha, lossy = samples.read_samples(data, name)
  if lossy:
    raise InputError(_lossy_fault(name, lossy, "map"))
  alpha = None
  if has_alpha:
    colors, alpha = colors[..., :-1], colors[..., -1]
  if colors.dtype != np.uint8 or colors.shape[-1] not in (1, 3):
    raise InputError(
      f"{name}: colours of classes are grey or RGB of 8 bits, these "
      f"{counted(colors.shape[-1], 'channel')} of {colors.dtype}; save them "
      "as 8-bit PNG"
    )
  colors = np.broadcast_to(colors, (*colors.shape[:2], 3))
  if alpha is not None:
    _check_hidden(colors, alpha == 0, name)
  return np.ascontiguousarray(colors)


def read_picture(
  source: Source,
  channels: int,
  name: str = "",
  *,
  role: str = "image",
  trained: bool = False,
) -> np.ndarray:
  """Reads a photo, or a label that is a picture, upright.

  Grey is repeated where three channels are wanted, and three equal ones are
  one where one is. An alpha that is opaque everywhere is left out unless it is
  wanted: the last of two or four channels. Nothing else is added, mixed or left
  out.

  Args:
    source: a path, or the bytes of an encoded file.
    channels: C.
    name: how errors call the file; the path by default.
    role: 'image' or 'label': whose field declares C.
    trained: the model is there: that field is no way out.

  Returns:
    [H, W, C] uint8, uint16 or float32, as stored.

  Raises:
    InputError: unreadable, transparent, of other channels, or of a kind that
      is no picture.
  """
  data, name = _fetch(source, name)
  array, has_alpha, _ = samples.read_samples(data, name)
  array = _picture_dtype(array, name)
  if has_alpha and array.shape[-1] != channels:
    if array[..., -1].min() < samples.opaque(array.dtype):
      raise InputError(_alpha_fault(array, name, role=role, trained=trained))
    array = array[..., :-1]
  have = array.shape[-1]
  if have == 1 and channels == 3:
    return np.repeat(array, 3, axis=-1)
  if have == 3 and channels == 1 and (array == array[..., :1]).all():
    array = array[..., :1]
  elif have != channels:
    way = f"say --config.data.{role}_channels={have}, or "
    # Of a photo there are 4 at most, as `validation` says.
    if trained or (role == "image" and have > 4):
      way = ""
    raise InputError(
      f"{name}: has {counted(have, 'channel')}, data.{role}_channels = "
      f"{channels}; {way}save it with {channels}"
    )
  return np.ascontiguousarray(array)


def _check_hidden(colors: np.ndarray, clear: np.ndarray, name: str) -> None:
  """Refuses [H, W, 3] in which clear pixels [H, W] have a colour of others."""
  if not clear.any() or clear.all():
    return
  coded = colors.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
  both = np.intersect1d(coded[clear], coded[~clear])
  for code in both[both > 0].tolist()[:1]:
    color = code & 255, code >> 8 & 255, code >> 16
    raise InputError(
      f"{name}: the colour {color} is also hidden under "
      f"{counted(int((coded[clear] == code).sum()), 'pixel')} with an alpha of "
      "0; save the map without alpha, on a ground of another colour"
    )


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


def as_type(ids: np.ndarray, dtype: np.dtype, name: str = "") -> np.ndarray:
  """Brings ids to the type in which those of a data set travel.

  Args:
    ids: [H, W] integers.
    dtype: int32 as by `as_int32`, or one that the ids of the data fit into.
    name: how errors call the file.

  Returns:
    [H, W] of that type; not copied where it has it.

  Raises:
    InputError: ids that do not fit: they are not those that were checked.
  """
  if dtype == np.int32:
    return as_int32(ids, name)
  if not np.can_cast(ids.dtype, dtype):
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > np.iinfo(dtype).max:
      raise InputError(
        f"{name}: holds ids {low}..{high}, and the check of the data found "
        f"none beyond 0..{np.iinfo(dtype).max}; have it checked anew by "
        "--config.data.prepared_dir=FOLDER, another one"
      )
  return ids.astype(dtype, copy=False)


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
  fault = png.fault(data) if data.startswith(png.SIGNATURE) else ""
  if fault:
    raise InputError(
      f"{name}: damaged or unreadable ({fault}); replace or remove the file"
    )
  return data


def encode_map(
  ids: np.ndarray, palette: Sequence[tuple[int, int, int]] = ()
) -> bytes:
  """Encodes a map for `read_map`.

  Args:
    ids: [H, W] integers of any kind.
    palette: colours of ids, by which files are compared; kept with 8 bits.

  Returns:
    A grey or palette PNG of 8 or 16 bits; .npy where ids are negative or
    larger.
  """
  low, high = int(ids.min()), int(ids.max())
  if palette and low >= 0 and high < 256:
    image = Image.fromarray(ids.astype(np.uint8)).convert("P")
    # All of 256, or Pillow would pack the ids into fewer bits.
    image.putpalette(bytes(itertools.chain(*palette)).ljust(768, b"\0"))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
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


def _palette(image: Image.Image, name: str) -> tuple[tuple[int, int, int], ...]:
  """The colour of each index, () where a picture has no palette."""
  if image.mode not in ("P", "PA"):
    return ()
  try:
    flat = image.getpalette() or []
  except Exception as error:  # It decodes the samples, which may be damaged.
    raise image_file.unreadable(b"", name, error) from error
  return tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=False))


def _bare(array: np.ndarray, bits: int) -> np.ndarray:
  """Greys as stored: Pillow spreads those of 2 and 4 bits over 0..255."""
  spread = 255 // (2**bits - 1) if 1 < bits < 8 else 1
  return array // np.uint8(spread) if spread > 1 else array


def _tiff_map(
  data: bytes, page: tiff.Page, name: str, *, what: str
) -> np.ndarray:
  """Decodes a TIFF's ids, [H, W] or [H, W, 1]."""
  if page.lossy:
    raise InputError(_lossy_fault(name, "TIFF with a lossy compression", what))
  array = tiff.read_samples(data, page, name)
  if array is None:
    array = image_file.pixels(samples.open_tiff(data, page, name), name)
  if page.samples != 1:
    raise InputError(_color_fault(array, page.mode, name, what=what))
  if page.white_is_zero:
    # Some programs turn the numbers of such a file round, others do not.
    raise InputError(
      f"{name}: a TIFF whose 0 is white (PhotometricInterpretation 0): "
      "programs differ in the ids that they see in it; save the map as PNG"
    )
  return _bare(array, page.bits) if page.mode == "L" else array


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


def _lossy_fault(name: str, format: str, what: str) -> str:
  """Why a lossy map is none, and how to mend it."""
  way = "export it again as PNG, TIFF or .npy"
  if what == "label map":
    way = (
      "export it again as PNG (with --config.data.label_map=FILE if its "
      f"colours are classes), or say {_IS_PICTURE}"
    )
  return (
    f"{name}: a map of ids cannot be a {format} (lossy: it changes ids along "
    f"every border); {way}"
  )


def _color_fault(array: np.ndarray, mode: str, name: str, *, what: str) -> str:
  """What is wrong with a coloured map [H, W, C], and how to mend it."""
  channels = array.shape[-1] if array.ndim == 3 else 1
  kind = "object" if what.startswith("instance") else "class"
  way = f"replace each colour by its {kind} id and save one grey channel"
  if channels > 2 and (array[..., :1] == array[..., :3]).all():
    way = "its three colours are equal: save one of them as grey"
  elif what == "label map":
    way = (
      "say --config.data.label_map=FILE, a table of colours and their classes, "
      f"or {_IS_PICTURE}"
    )
  elif what == "instance map":
    way = (
      "say --config.data.instances=coco_panoptic if ids are R + 256 G + "
      "65536 B, or --config.data.instances=rgb24 if each colour is an object"
    )
  return (
    f"{name}: a map needs one channel of {kind} ids, this one is coloured "
    f"({mode}, {counted(channels, 'channel')}); {way}"
  )


def _alpha_fault(
  array: np.ndarray, name: str, *, role: str, trained: bool
) -> str:
  """What is wrong with a picture that is seen through, and how to mend it."""
  clear = int((array[..., -1] < samples.opaque(array.dtype)).sum())
  way = "save it without alpha"
  if not trained:
    way += (
      f", or say --config.data.{role}_channels={array.shape[-1]} if alpha is "
      "to be learned too"
    )
  return f"{name}: {counted(clear, 'pixel')} of it can be seen through; {way}"


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
