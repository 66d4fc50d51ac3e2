"""Canny's edges: smoothed, differentiated, thinned to maxima, two thresholds.

Units and defaults are scikit-image's, whose edges vid2vid takes outside faces:
brightness in 0..1, Sobel kernels that are not divided by their sum.
"""

import numpy as np
from scipy import ndimage

# ITU-R BT.601, as in files.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def grey_of(photo: np.ndarray) -> np.ndarray:
  """The brightness of a photo.

  Args:
    photo: [H, W, 3] uint8.

  Returns:
    [H, W] float32 in 0..1.
  """
  return photo.astype(np.float32) @ (_LUMA / np.float32(255))


def canny(
  grey: np.ndarray, sigma: float = 1.0, low: float = 0.1, high: float = 0.2
) -> np.ndarray:
  """Finds edges that are one pixel wide.

  Args:
    grey: [H, W] float32 in 0..1.
    sigma: pixels of the Gaussian that smooths first; 0 for none.
    low: the gradient that an edge must have everywhere.
    high: the gradient that it must have somewhere; a step from black to white
      has 4 without smoothing.

  Returns:
    [H, W] bool.
  """
  smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest")
  dy = ndimage.sobel(smooth, axis=0, mode="nearest")
  dx = ndimage.sobel(smooth, axis=1, mode="nearest")
  strength = np.hypot(dx, dy)
  weak = _maxima(strength, dx, dy) & (strength >= low)
  labels, count = ndimage.label(weak, np.ones((3, 3)))
  strong = np.zeros(count + 1, bool)
  strong[labels[weak & (strength >= high)]] = True
  strong[0] = False
  return strong[labels]


def _maxima(strength: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
  """Whether a pixel's gradient is the largest along its own direction.

  What lies one pixel ahead and behind is interpolated between two neighbours.
  Of two pixels that are equal the brighter one stays.

  Args:
    strength: [H, W] lengths of the gradients.
    dx: their components to the right.
    dy: their components down.

  Returns:
    [H, W] bool.
  """
  height, width = strength.shape
  padded = np.pad(strength, 1)
  y, x = np.mgrid[1 : height + 1, 1 : width + 1]
  step_y, step_x = np.sign(dy).astype(int), np.sign(dx).astype(int)
  flat = np.abs(dx) >= np.abs(dy)
  longer = np.where(flat, np.abs(dx), np.abs(dy))
  shorter = np.where(flat, np.abs(dy), np.abs(dx))
  slant = shorter / np.maximum(longer, np.float32(1e-30))

  def beside(way: int) -> np.ndarray:
    straight = padded[
      y + np.where(flat, 0, way * step_y), x + np.where(flat, way * step_x, 0)
    ]
    diagonal = padded[y + way * step_y, x + way * step_x]
    return straight + slant * (diagonal - straight)

  return (strength > beside(1)) & (strength >= beside(-1))
