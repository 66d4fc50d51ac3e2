"""Turns outlines, run lengths and colours, as tools write them, into maps."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hdgan.datasets import files
from hdgan.errors import InputError

_MOST_PIXELS = 178_956_970  # As many as a picture may have that is read.


def is_size(height: Any, width: Any) -> bool:
  """Whether two values of a JSON are the sides of a picture."""
  return (
    type(height) is int
    and type(width) is int
    and min(height, width) > 0
    and height * width <= _MOST_PIXELS
  )


@dataclasses.dataclass(frozen=True)
class DrawnPart:
  """A map that is drawn from what a tool's file tells, whenever it is read.

  Attributes:
    path: of the tool's file, or of the archive that it is in.
    name: how errors call the map.
    draw: what makes [H, W] ids of what was told.
    told: all that the map depends on, as JSON has it; given to `draw`.
  """

  path: pathlib.Path
  name: str
  draw: Callable[..., np.ndarray]
  told: tuple[Any, ...]

  @property
  def facts(self) -> tuple[Any, ...]:
    """A sum of what was told, and what draws it."""
    text = json.dumps(self.told)
    return self.draw.__name__, hashlib.sha256(text.encode()).hexdigest()

  def read(self) -> bytes:
    """Draws it.

    Raises:
      InputError: if what was told cannot be drawn.
    """
    try:
      return files.encode_map(self.draw(*self.told))
    except InputError as error:
      raise InputError(f"{self.name}: {error}") from error


def polygon(
  points: Sequence[Sequence[float]], height: int, width: int
) -> tuple[tuple[slice, slice], np.ndarray]:
  """Fills an outline: the pixels whose centres are inside.

  Pixel (x, y) has its centre at x + 0.5, y + 0.5, so that outlines that share
  an edge neither overlap nor leave a gap. Where an outline crosses itself, what
  is inside an even number of times is outside.

  Args:
    points: (x, y) each, in pixels from the upper left corner; may lie outside.
    height: of the picture.
    width: of the picture.

  Returns:
    The window of the picture that it lies in, and [h, w] bool in that window.
  """
  ends = np.asarray(points, np.float64)
  low = np.clip(np.floor(ends.min(0)), 0, (width, height)).astype(int)
  high = np.clip(np.ceil(ends.max(0)), 0, (width, height)).astype(int)
  (left, top), (right, bottom) = low, high
  # How often a row changes between in and out in front of each pixel.
  changes = np.zeros((bottom - top, right - left + 1), np.int32)
  for (x0, y0), (x1, y1) in zip(ends, np.roll(ends, -1, 0), strict=True):
    if y0 == y1:
      continue  # A level edge crosses no row's middle.
    if y0 > y1:
      x0, y0, x1, y1 = x1, y1, x0, y0
    first, end = np.clip(np.ceil([y0 - 0.5, y1 - 0.5]), top, bottom).astype(int)
    rows = np.arange(first, end)
    x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    columns = np.clip(np.ceil(x - 0.5), left, right).astype(int)
    changes[rows - top, columns - left] += 1
  window = (slice(top, bottom), slice(left, right))
  return window, changes.cumsum(1)[:, :-1] % 2 == 1


def run_lengths(text: str) -> list[int]:
  """Decodes COCO's string of run lengths.

  Each number is written five bits at a time, low ones first, in characters
  from '0' on; bit 32 says that more follow, bit 16 of the last is the sign.
  From the fourth on a number is the difference to the one two before it.
  """
  counts: list[int] = []
  value = shift = 0
  for char in text:
    code = ord(char) - 48
    value |= (code & 31) << shift
    shift += 5
    if code & 32:
      continue
    if code & 16:
      value -= 1 << shift
    counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    value = shift = 0
  return counts


def runs(counts: Sequence[int], height: int, width: int) -> np.ndarray:
  """Fills a mask by run lengths: out, in, out ..., column after column.

  Args:
    counts: that add up to height * width.
    height: of the picture.
    width: of the picture.

  Returns:
    [H, W] bool.
  """
  inside = np.arange(len(counts)) % 2 == 1
  return np.repeat(inside, counts).reshape(width, height).T


def color_codes(colors: np.ndarray) -> np.ndarray:
  """Numbers [H, W] int32 that tell colours [H, W, 3] apart: COCO's coding.

  Args:
    colors: uint8 R, G, B; the number is R + 256 G + 65536 B.
  """
  return colors.astype(np.int32) @ np.array([1, 256, 65536], np.int32)


def numbered(codes: np.ndarray) -> np.ndarray:
  """Numbers what differs in [H, W] codes from 1 in their order; 0 stays 0."""
  values, inverse = np.unique(codes, return_inverse=True)
  numbers = np.arange(len(values)) + (values[0] != 0)
  return numbers[inverse].reshape(codes.shape)
