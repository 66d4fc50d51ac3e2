"""What Pillow passes over in a PNG: cut rows, wrong sums, half of 16 bits."""

import struct
import zlib

import numpy as np

from hdgan.datasets.image_file import most_pixels, open_image, pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel by a PNG's kind of colour.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row, steps to the next ones, of the passes of an interlaced
# PNG (Adam7).
_PASSES = (
  (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
  (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip


def bits(data: bytes) -> int:
  """Bits of a sample."""
  return data[24]


def kind(data: bytes) -> int:
  """The kind of colour: 0 grey, 2 RGB, 3 palette, 4 and 6 with alpha."""
  return data[25]


def deep_samples(data: bytes, name: str) -> np.ndarray:
  """Decodes a PNG of 16-bit grey with alpha, RGB or RGBA.

  Args:
    data: the file.
    name: how errors call it.

  Returns:
    [H, W, 2 to 4] uint16.

  Raises:
    InputError: if it is damaged.
  """
  if kind(data) == 4:
    # As bytes they are those of RGBA with 8 bits, filters and all.
    head = b"IHDR" + data[16:24] + b"\x08\x06" + data[26:29]
    twin = data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    return pixels(open_image(twin, name), name).view(">u2").astype(np.uint16)
  # Pillow keeps the high bytes. Asked for the other byte order it takes the
  # low ones instead, so that two passes give all 16 bits.
  image, twin_image = open_image(data, name), open_image(data, name)
  other = f"{image.mode};16L"
  twin_image.tile = [
    tile._replace(
      args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
    )
    for tile in twin_image.tile
  ]
  high, low = pixels(image, name), pixels(twin_image, name)
  return high.astype(np.uint16) << np.uint16(8) | low


def fault(data: bytes) -> str:
  """What is wrong with the chunks, their sums or the rows of a PNG, or ''."""
  place, head, packed = len(SIGNATURE), b"", []
  while True:
    if place + 12 > len(data):
      return "the file is cut short"
    (size,) = struct.unpack_from(">I", data, place)
    name, end = data[place + 4 : place + 8], place + 12 + size
    if end > len(data):
      return "the file is cut short"
    # Those with a small first letter tell nothing of the pixels.
    if name[:1].isupper():
      (told,) = struct.unpack_from(">I", data, end - 4)
      if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != told:
        return f"the sum of its {name.decode('ascii', 'replace')} is wrong"
    if name == b"IHDR":
      head = data[place + 8 : end - 4]
    elif name == b"IDAT":
      packed.append(memoryview(data)[place + 8 : end - 4])
    elif name == b"IEND":
      break
    place = end
  if len(head) != 13:
    return "its header is missing"
  width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", head)
  if colour not in _SAMPLES:
    return f"it has no kind of colour {colour}"
  if width * height > most_pixels():
    return ""  # It is refused when it is opened, without being unpacked.
  wanted = sum(
    rows * (1 + -(-columns * bits * _SAMPLES[colour] // 8))
    for columns, rows in _passes(width, height, bool(interlaced))
  )
  found = _unpacked_size(packed, wanted)
  return "" if found >= wanted else "rows are missing"


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
