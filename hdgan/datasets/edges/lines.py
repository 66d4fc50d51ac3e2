"""From how likely each pixel is an edge to black lines on white.

pix2pix's post-processing of HED: what is weaker than beside it goes, then what
is weak, then lines become one pixel wide and the shortest go.
"""

import functools

import numpy as np
from scipy import ndimage

THRESHOLD, MIN_PIXELS = 25 / 255, 5  # pix2pix's.
_RADIUS, _BORDER, _MARGIN = 4, 5, 1.01
# The neighbours of a pixel against the clock from the right, as (row, column).
_AROUND = (
  (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)
)  # fmt: skip
_EIGHT = np.ones((3, 3))


def lines_of(
  edge: np.ndarray,
  threshold: float = THRESHOLD,
  min_pixels: int = MIN_PIXELS,
) -> np.ndarray:
  """Turns a map of edges into lines, as pix2pix does.

  Args:
    edge: [H, W] float32 in 0..1: how likely each pixel is an edge.
    threshold: what counts as one.
    min_pixels: a line's fewest pixels.

  Returns:
    [H, W] bool, lines one pixel wide.
  """
  strong = suppress(edge) >= max(threshold, np.finfo(np.float32).eps)
  return drop_small(thin(strong), min_pixels)


def picture_of(lines: np.ndarray) -> np.ndarray:
  """Draws lines, [H, W] bool, black on white: [H, W] uint8 of 0 and 255."""
  return np.where(lines, np.uint8(0), np.uint8(255))


def suppress(edge: np.ndarray) -> np.ndarray:
  """Drops what is weaker than one pixel across the edge.

  As the edge toolbox does that pix2pix uses, radius 1, margin 1.01, and 5
  pixels at the picture's border that fade out. Which way is across comes from
  the second derivatives of the smoothed map.

  Args:
    edge: [H, W] float32.

  Returns:
    [H, W] float32; zero where it was dropped.
  """
  angle = orientation(edge)
  y, x = np.indices(edge.shape, np.float32)
  dy, dx = np.sin(angle), np.cos(angle)
  across = [_between(edge, y + s * dy, x + s * dx) for s in (-1, 1)]
  kept = np.where(edge * _MARGIN >= np.maximum(*across), edge, 0)
  for axis, size in enumerate(edge.shape):
    border = min(_BORDER, size // 2)
    ramp = np.ones(size, np.float32)
    ramp[:border] = np.arange(border) / max(border, 1)
    ramp[size - border :] = ramp[:border][::-1]
    kept = kept * np.expand_dims(ramp, 1 - axis)
  return kept


def orientation(edge: np.ndarray) -> np.ndarray:
  """The direction across the edge that passes a pixel.

  Args:
    edge: [H, W] float32, both sides at least 2.

  Returns:
    [H, W] angles in 0..pi; 0 is to the right, pi / 2 down.
  """
  triangle = (
    np.array([1, 2, 3, 4, 5, 4, 3, 2, 1], np.float32) / (_RADIUS + 1) ** 2
  )
  smooth = edge
  for axis in (0, 1):
    smooth = ndimage.correlate1d(smooth, triangle, axis, mode="reflect")
  dy, dx = np.gradient(smooth)
  dxx = np.gradient(dx, axis=1)
  dyy, dxy = np.gradient(dy)
  return np.arctan(dyy * np.sign(-dxy) / (dxx + np.float32(1e-5))) % np.pi


def _between(edge: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
  """Values between the pixels of a map; beyond it those of its border."""
  height, width = edge.shape
  y, x = np.clip(y, 0, height - 1.001), np.clip(x, 0, width - 1.001)
  top, left = y.astype(int), x.astype(int)
  v, u = y - top, x - left
  upper = edge[top, left] * (1 - u) + edge[top, left + 1] * u
  lower = edge[top + 1, left] * (1 - u) + edge[top + 1, left + 1] * u
  return upper * (1 - v) + lower * v


def thin(lines: np.ndarray) -> np.ndarray:
  """Peels lines until they are one pixel wide, as MATLAB's bwmorph 'thin' does.

  Guo and Hall's algorithm (1989) of two passes in turn, in the form of Lam, Lee
  and Suen's survey (1992). What is joined stays joined, holes stay, ends stay.

  Args:
    lines: [H, W] bool.

  Returns:
    [H, W] bool.
  """
  lines, changed = lines.copy(), True
  while changed:
    changed = False
    for goes in _peeled():
      # Only pixels on a line are looked at.
      y, x = np.nonzero(lines)
      padded = np.pad(lines, 1)
      code = np.zeros(len(y), np.int64)
      for bit, (dy, dx) in enumerate(_AROUND):
        code |= padded[y + 1 + dy, x + 1 + dx].astype(np.int64) << bit
      gone = goes[code]
      lines[y[gone], x[gone]] = False
      changed |= bool(gone.any())
  return lines


@functools.cache
def _peeled() -> tuple[np.ndarray, np.ndarray]:
  """For each of the 256 neighbourhoods: whether its pixel goes, in each pass.

  Bit i is `_AROUND[i]`, which the papers call x(i+1).
  """
  codes = np.arange(256)
  x = [(codes >> i & 1).astype(bool) for i in range(8)]
  nxt = x[1:] + x[:1]
  corners = range(0, 8, 2)
  # One line passes here: from a free side to a set pixel, once around.
  passing = sum(
    (~x[i] & (nxt[i] | x[(i + 2) % 8])).astype(int) for i in corners
  )
  pairs = sum((x[i] | nxt[i]).astype(int) for i in corners)
  others = sum((x[i + 1] | x[(i + 2) % 8]).astype(int) for i in corners)
  fewest = np.minimum(pairs, others)
  edge = (passing == 1) & (fewest >= 2) & (fewest <= 3)
  first = edge & ~((x[1] | x[2] | ~x[7]) & x[0])
  second = edge & ~((x[5] | x[6] | ~x[3]) & x[4])
  return first, second


def drop_small(lines: np.ndarray, min_pixels: int) -> np.ndarray:
  """Drops what has fewer pixels; those that touch at a corner belong together.

  Args:
    lines: [H, W] bool.
    min_pixels: of what stays.

  Returns:
    [H, W] bool.
  """
  labels, _ = ndimage.label(lines, _EIGHT)
  large = np.bincount(labels.ravel()) >= min_pixels
  large[0] = False
  return large[labels]
