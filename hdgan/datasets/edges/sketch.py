"""Drawings as the edge maps that a model was trained on."""

import numpy as np
from scipy import ndimage

from hdgan.datasets.edges import lines
from hdgan.datasets.edges.canny import grey_of

# How much darker than the paper around it a stroke is at least, of 0..1.
_FAINTEST = 0.1
# The shorter side is this many times the standard deviation of what counts as
# around.
_AROUND = 16


def clean_sketch(
  picture: np.ndarray, size: tuple[int, int] = (0, 0)
) -> np.ndarray:
  """Brings a drawing, scanned, photographed or drawn on a screen, to lines.

  Strokes may be dark on light or light on dark, of any width; shadows on the
  paper do not matter, since a stroke is compared with what is around it. It is
  scaled before its strokes become lines, so that none of them is lost.

  Args:
    picture: [H, W], [H, W, 1] or [H, W, 3] uint8.
    size: (H, W) of the result; the picture's own by default.

  Returns:
    [H, W] uint8, lines of one pixel, 0 on 255.

  Raises:
    ValueError: for an array of another kind.
  """
  if picture.ndim == 2:
    picture = picture[..., None]
  if picture.dtype != np.uint8 or picture.shape[2:] not in ((1,), (3,)):
    raise ValueError(
      f"a picture is [H, W] or [H, W, 3] uint8, this is {picture.dtype} "
      f"{list(picture.shape)}"
    )
  grey = grey_of(np.broadcast_to(picture, (*picture.shape[:2], 3)))
  if np.median(grey) < 0.5:  # There is more paper than strokes.
    grey = 1 - grey
  sigma = max(1, min(grey.shape) / _AROUND)
  darker = ndimage.gaussian_filter(grey, sigma, mode="nearest") - grey
  strokes = darker >= max(_FAINTEST, _otsu(np.clip(darker, 0, 1)))
  if any(size):
    strokes = _scaled(strokes, size)
  thinned = lines.thin(strokes)
  return lines.picture_of(lines.drop_small(thinned, lines.MIN_PIXELS))


def _otsu(values: np.ndarray) -> float:
  """The threshold between two groups that sets their means farthest apart.

  Args:
    values: in 0..1.

  Returns:
    Otsu's threshold (1979), in steps of 1/256.
  """
  counts, bounds = np.histogram(values, 256, (0.0, 1.0))
  middle = (bounds[:-1] + bounds[1:]) / 2
  below, mass = np.cumsum(counts), np.cumsum(counts * middle)
  above = below[-1] - below
  apart = mass / np.maximum(below, 1)
  apart = apart - (mass[-1] - mass) / np.maximum(above, 1)
  return float(bounds[1:][np.argmax(below * above * apart**2)])


def _scaled(strokes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Scales [H, W] bool; no pixel of a stroke is lost, and no gap opens."""
  (height, width), (new_height, new_width) = strokes.shape, size
  rows = np.arange(new_height) * height // new_height
  columns = np.arange(new_width) * width // new_width
  scaled = strokes[rows][:, columns]
  y, x = np.nonzero(strokes)
  scaled[y * new_height // height, x * new_width // width] = True
  return scaled
