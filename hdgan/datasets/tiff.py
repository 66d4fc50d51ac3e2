"""What Pillow passes over in a TIFF, or does not open though it is sound.

Its tags are read here (TIFF 6.0). Samples that Pillow gives rightly it also
decodes; of the others (further bands, numbers with a sign, of 16, 32 and 64
bits, in planes) it only unpacks the bytes, as grey of 8 bits.
"""

import dataclasses
import io
import itertools
import struct
import warnings
from typing import Any

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hdgan.datasets.image_file import (
  open_image,
  pixels,
  unreadable,
  upright,
)
from hdgan.errors import InputError

_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NAMES = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "YCbCr", 8: "LAB"}
# Of the samples by SampleFormat: numbers, with a sign, floats.
_KINDS = {1: "u", 2: "i", 3: "f"}
# Compressions that give back what was saved: none, CCITT, LZW, deflate,
# PackBits, LZMA, zstd.
_LOSSLESS = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)
_MOST = 2**26  # Bytes that are unpacked at once.


@dataclasses.dataclass(frozen=True)
class Page:
  """What the first directory of a TIFF says, in the words of TIFF 6.0.

  Attributes:
    size: (H, W), as stored.
    bits: of a sample.
    samples: of a pixel.
    kind: of a sample: 'u', 'i' or 'f', or '?' for what has no name.
    color: PhotometricInterpretation.
    extras: what the samples beyond the colour are; 1 and 2 are alpha.
    planar: whether each band lies in a plane of its own.
    compression: its number.
    predictor: 1 none, 2 differences between neighbours.
    orientation: 1 to 8, as in EXIF.
    order: '<' or '>', of the bytes of a sample.
    tags: all of them.
  """

  size: tuple[int, int]
  bits: int
  samples: int
  kind: str
  color: int
  extras: tuple[int, ...]
  planar: bool
  compression: int
  predictor: int
  orientation: int
  order: str
  tags: ImageFileDirectory_v2

  @property
  def mode(self) -> str:
    """What a pixel is, in Pillow's words."""
    if self.kind == "f" and self.samples == 1:
      return "F"
    return _NAMES.get(self.color, "?") + "A" * self.has_alpha

  @property
  def has_alpha(self) -> bool:
    """Whether the last sample says how opaque a pixel is."""
    return self.extras in ((1,), (2,))

  @property
  def white_is_zero(self) -> bool:
    """Whether the lowest number stands for white."""
    return self.color == 0

  @property
  def lossy(self) -> bool:
    """Whether its compression may change samples."""
    return self.compression not in _LOSSLESS

  def __str__(self) -> str:
    """What it holds, for people."""
    kinds = {"u": "", "i": " with a sign", "f": " (float)"}
    return (
      f"{self.samples} samples of {self.bits} bits{kinds.get(self.kind, '')}, "
      f"PhotometricInterpretation {self.color}, "
      f"Compression {self.compression}{', in planes' if self.planar else ''}"
    )


def is_tiff(data: bytes) -> bool:
  """Whether a file begins as a TIFF does."""
  return data.startswith(_HEADS)


def read_page(data: bytes, name: str) -> Page:
  """Reads what a TIFF says of itself.

  Args:
    data: the file.
    name: how errors call it.

  Returns:
    Its only picture.

  Raises:
    InputError: if it is damaged, if there are several, or only a reduced one
      in front.
  """
  try:
    directories = _directories(data)
    page = _page(data, directories[0])
  except Exception as error:  # Whatever damaged bytes lead to.
    reason = ValueError("its tags cannot be read")
    raise unreadable(b"", name, reason) from error
  if _is_aside(directories[0]):
    raise InputError(
      f"{name}: its first picture is a thumbnail, as in a camera's raw file; "
      "convert it to PNG, a photo to PNG or JPEG"
    )
  count = sum(not _is_aside(one) for one in directories)
  if count > 1:
    raise InputError(
      f"{name}: a TIFF of {count} pages, of which one is read; save the page "
      "that is meant alone"
    )
  return page


def read_samples(data: bytes, page: Page, name: str) -> np.ndarray | None:
  """Decodes what Pillow would not give rightly.

  Args:
    data: the file.
    page: from `read_page`.
    name: how errors call it.

  Returns:
    [H, W, samples] as stored, upright; None for what Pillow gives rightly.

  Raises:
    InputError: if it is cut or damaged, or sound but of no kind that is read.
  """
  simple = page.bits == 8 and page.kind == "u" and not page.planar
  if page.color not in (0, 1, 2) or page.bits in (1, 2, 4, 12):
    if page.samples > 1 and (not simple or page.extras):
      raise strange(page, name)
    return None
  if simple and (page.samples, page.color) in ((1, 0), (1, 1), (3, 2)):
    return None
  sizes = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
  if (
    page.bits not in sizes.get(page.kind, ())
    or page.compression not in _LOSSLESS
    or page.predictor not in (1, 2)
    or page.tags.get(266, 1) != 1  # FillOrder: the bits of a byte turned.
  ):
    raise strange(page, name)
  try:
    return upright(_planes(data, page, name), page.orientation)
  except InputError:
    raise
  except Exception as error:  # Whatever damaged tags lead to.
    raise unreadable(data, name, error) from error


def strange(page: Page, name: str) -> InputError:
  """The error for a sound TIFF that is not read."""
  return InputError(
    f"{name}: a TIFF that is sound but of a kind that is not read ({page}); "
    "save it as grey or RGB of 8 or 16 bits, or as .npy"
  )


def _directories(data: bytes) -> list[ImageFileDirectory_v2]:
  """The tags of each page."""
  stream = io.BytesIO(data)
  head = data[: 16 if b"+" in data[2:4] else 8]
  found, places = [], []
  place = ImageFileDirectory_v2(head).next
  while place and place not in places:
    places.append(place)
    found.append(ImageFileDirectory_v2(head))
    stream.seek(place)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      found[-1].load(stream)
    place = found[-1].next
  return found


def _is_aside(tags: ImageFileDirectory_v2) -> bool:
  """Whether a page is a smaller copy of another, or its mask."""
  # NewSubfileType has a bit for each, SubfileType numbers.
  return bool(tags.get(254, 0) & 0b101) or tags.get(255, 1) == 2


def _page(data: bytes, tags: ImageFileDirectory_v2) -> Page:
  """Puts the tags of a page in order."""
  bits = set(_several(tags, 258, 1))
  kinds = set(_several(tags, 339, 1))
  samples = tags.get(277, 1)
  return Page(
    size=(tags[257], tags[256]),
    bits=bits.pop() if len(bits) == 1 else 0,
    samples=samples,
    kind=_KINDS.get(kinds.pop(), "?") if len(kinds) == 1 else "?",
    color=tags.get(262, 0),
    extras=_several(tags, 338) if samples > 1 else (),
    planar=tags.get(284, 1) == 2 and samples > 1,
    compression=tags.get(259, 1),
    predictor=tags.get(317, 1),
    orientation=tags.get(274, 1) if tags.get(274, 1) in range(1, 9) else 1,
    order="<" if data[:1] == b"I" else ">",
    tags=tags,
  )


def _several(
  tags: ImageFileDirectory_v2, tag: int, *default: int
) -> tuple[int, ...]:
  """The values of a tag that may have one or several."""
  value: Any = tags.get(tag, default)
  return tuple(value) if isinstance(value, tuple) else (value,)


def _chunks(page: Page) -> tuple[tuple[int, ...], tuple[int, ...]]:
  """Where the tiles or strips lie, and their sizes."""
  first = 324 if 324 in page.tags else 273
  offsets = _several(page.tags, first)
  counts = _several(page.tags, 325 if first == 324 else 279)
  if not counts:  # Old writers left them out where nothing is packed.
    rows = min(page.tags.get(278, page.size[0]), page.size[0])
    row = page.size[1] * page.bits // 8
    row *= 1 if page.planar else page.samples
    counts = (rows * row,) * len(offsets)
  return offsets, counts


def _planes(data: bytes, page: Page, name: str) -> np.ndarray:
  """Unpacks all samples of a page, [H, W, samples]."""
  offsets, counts = _chunks(page)
  packed = [data[a : a + b] for a, b in zip(offsets, counts, strict=True)]
  if not page.planar:
    return _unpack(packed, page, page.samples, name=name)
  each = len(packed) // page.samples
  planes = [
    _unpack(packed[i * each : (i + 1) * each], page, 1, name=name)
    for i in range(page.samples)
  ]
  return np.concatenate(planes, axis=-1)


def _unpack(
  packed: list[bytes], page: Page, samples: int, *, name: str
) -> np.ndarray:
  """Unpacks tiles or strips.

  Args:
    packed: all of them, in their order.
    page: that they are of.
    samples: that lie together.
    name: how errors call the file.

  Returns:
    [H, W, samples].
  """
  height, width = page.size
  size, wide = page.bits // 8, samples * page.bits // 8  # Bytes.
  rows, columns = min(page.tags.get(278, height), height), width
  if 322 in page.tags:
    rows, columns = page.tags[323], page.tags[322]
  across = -(-width // columns)
  step = max(1, _MOST // (width * wide * rows))  # Rows of chunks at once.
  parts = []
  for i in range(0, -(-height // rows), step):
    some = packed[i * across : (i + step) * across]
    high = min(height, (i + step) * rows) - i * rows
    twin = _grey(some, (high, width * wide), page, (rows, columns * wide))
    parts.append(pixels(open_image(twin, name), name))
  bits = np.concatenate(parts).view(f"{page.order}u{size}")
  array = bits.astype(f"u{size}").reshape(height, width, samples)
  if page.predictor == 2:
    for x in range(0, width, columns):
      tile = array[:, x : x + columns]
      np.cumsum(tile, axis=1, dtype=tile.dtype, out=tile)
  return array.view(f"{page.kind}{size}")


def _grey(
  packed: list[bytes],
  size: tuple[int, int],
  page: Page,
  chunk: tuple[int, int],
) -> bytes:
  """Writes a TIFF of 8-bit grey of what is packed in another.

  Args:
    packed: its strips or tiles.
    size: (H, bytes of a row).
    page: of the other.
    chunk: (H, bytes of a row) of a strip or tile.
  """
  counts = [len(part) for part in packed]
  offsets = [8 + before for before in itertools.accumulate([0, *counts[:-1]])]
  tags = {256: [size[1]], 257: [size[0]], 258: [8], 259: [page.compression]}
  if 322 in page.tags:
    rest = {262: [1], 277: [1], 322: [chunk[1]], 323: [chunk[0]]}
    tags |= rest | {324: offsets, 325: counts}
  else:
    tags |= {262: [1], 273: offsets, 277: [1], 278: [chunk[0]], 279: counts}
  place = 8 + sum(counts)
  after = place + 2 + 12 * len(tags) + 4  # What does not fit into its tag.
  entries, more = [], b""
  for tag, values in tags.items():
    kind = "H" if tag in (258, 259, 262, 277) else "I"
    content = struct.pack(f"<{len(values)}{kind}", *values)
    if len(content) > 4:
      content, more = struct.pack("<I", after + len(more)), more + content
    head = struct.pack("<HHI", tag, 3 if kind == "H" else 4, len(values))
    entries.append(head + content.ljust(4, b"\0"))
  return b"".join((
    b"II*\0", struct.pack("<I", place), *packed,
    struct.pack("<H", len(tags)), *entries, bytes(4), more,
  ))  # fmt: skip
