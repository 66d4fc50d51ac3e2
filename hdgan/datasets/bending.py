"""Bends maps a little, so that G's fit the photo only roughly.

After the idea of "Improving Augmentation and Evaluation Schemes for Semantic
Image Synthesis" (arXiv:2011.12636), whose abstract says: the maps that are an
input of the generator are randomly warped, and it is the difference to the maps
and photos that are not from which it learns shapes. How they are bent here is
our own: a smooth field of displacements, a cubic B-spline over a coarse grid.
"""

import numpy as np

from hdgan.picture_spec import BENT

_CELLS = 4  # Of the grid, along the shorter side.


def draw_field(
  size: tuple[int, int], strength: float, rng: np.random.Generator
) -> np.ndarray:
  """Draws how far each pixel of a map is moved.

  Each knot of the grid is moved by up to `strength` on both axes, evenly drawn;
  in between, displacements are averages of the knots around.

  Args:
    size: (H, W) of the map.
    strength: in parts of the shorter side; below 1/16 nothing is folded.
    rng: drawn from.

  Returns:
    [2, H, W] float32: rows down and columns to the right, in pixels, none
    further than `strength` times the shorter side.
  """
  short = min(size)
  rows, columns = (_averages(n, short / _CELLS) for n in size)
  shape = (2, rows.shape[1], columns.shape[1])
  knots = rng.uniform(-strength * short, strength * short, shape)
  return (rows @ knots @ columns.T).astype(np.float32)


def bend_map(ids: np.ndarray, field: np.ndarray) -> np.ndarray:
  """Takes for each pixel the one that lies where the field points.

  Args:
    ids: [H, W] or [H, W, C], of any dtype.
    field: [2, H, W] pixels, from `draw_field`.

  Returns:
    The same shape and dtype; beyond the border the nearest pixel is taken.
  """
  height, width = ids.shape[:2]
  # From a pixel's centre to the pixel that holds the point.
  rows = np.arange(height)[:, None] + np.floor(field[0] + 0.5).astype(int)
  columns = np.arange(width) + np.floor(field[1] + 0.5).astype(int)
  return ids[rows.clip(0, height - 1), columns.clip(0, width - 1)]


def bend_maps(
  arrays: dict[str, np.ndarray], strength: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
  """Bends all maps of an example alike.

  Args:
    arrays: label, instance [H, W] and perhaps objects; an image is passed over.
    strength: as for `draw_field`.
    rng: drawn from.

  Returns:
    The bent maps alone, by their names with `BENT` before them.
  """
  field = draw_field(arrays["instance"].shape[:2], strength, rng)
  return {
    BENT + name: bend_map(array, field)
    for name, array in arrays.items()
    if name != "image"
  }


def _averages(pixels: int, spacing: float) -> np.ndarray:
  """Weights [pixels, knots] of a uniform cubic B-spline; each row sums to 1."""
  at = (np.arange(pixels) + 0.5) / spacing
  cell = np.floor(at).astype(int)
  t = at - cell
  # The four pieces of the spline that meet in a cell.
  pieces = np.stack(
    [
      (1 - t) ** 3,
      3 * t**3 - 6 * t**2 + 4,
      -3 * t**3 + 3 * t**2 + 3 * t + 1,
      t**3,
    ]
  ) / 6  # fmt: skip
  weights = np.zeros((pixels, cell[-1] + 4))
  for i, piece in enumerate(pieces):
    weights[np.arange(pixels), cell + i] = piece
  return weights
