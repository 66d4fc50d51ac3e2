"""What a street is drawn on: its measures, its maps, and how to paint them.

Lengths are metres, x to the right, z away from the camera; the picture plane
is measured in picture heights.
"""

import dataclasses

import numpy as np
from PIL import Image

SKY, ROAD, PAVEMENT, BUILDING, TREE, CAR, PERSON, LAMP = range(8)

CAR_COLORS = {
  "red": (0.78, 0.10, 0.09),
  "yellow": (0.95, 0.76, 0.10),
  "blue": (0.10, 0.25, 0.72),
  "white": (0.93, 0.93, 0.92),
  "black": (0.10, 0.10, 0.12),
  "green": (0.10, 0.52, 0.24),
}
MATERIALS = {
  "brick": (0.62, 0.30, 0.23),
  "sandstone": (0.83, 0.71, 0.52),
  "concrete": (0.60, 0.61, 0.62),
  "ochre": (0.88, 0.62, 0.26),
  "slate": (0.36, 0.44, 0.54),
}
BODY = np.array(list(CAR_COLORS.values()), np.float32)
WALL = np.array(list(MATERIALS.values()), np.float32)
SHIRTS = np.array(
  [(0.75, 0.2, 0.2), (0.2, 0.35, 0.65), (0.9, 0.85, 0.75), (0.25, 0.5, 0.35)],
  np.float32,
)
HAZE = np.array((0.80, 0.86, 0.92), np.float32)
STOREY = 3.2


@dataclasses.dataclass
class Street:
  """The canvas and the street's measures.

  Attributes:
    height: H in pixels.
    width: W in pixels.
    horizon: where it lies below the upper edge, in picture heights.
    vanish: where the street's middle vanishes, in picture heights from the
      left.
    eye: height of the camera above the ground.
    road: distance of the kerbs from the middle.
    wall: distance of the house rows from the middle.
    end: z of the house at the end.
    label: [H, W] int32 class ids.
    instance: [H, W] int32 object ids.
    image: [H, W, 3] float32, the photo in [0, 1] or so.
    noise: [H, W] float32 for all textures.
    styles: by instance id, see `DrawnStreet`.
  """

  height: int
  width: int
  horizon: float
  vanish: float
  eye: float
  road: float
  wall: float
  end: float
  label: np.ndarray
  instance: np.ndarray
  image: np.ndarray
  noise: np.ndarray
  styles: dict[int, int]


def smooth_noise(
  rng: np.random.Generator, height: int, width: int, step: float
) -> np.ndarray:
  """Smooth noise of about unit size whose blobs are `step` pixels, [H, W]."""
  rows = max(2, round(height / step) + 1)
  columns = max(2, round(rows * width / height))
  grid = rng.standard_normal((rows, columns)).astype(np.float32)
  shape = (width, height)
  return np.asarray(
    Image.fromarray(grid).resize(shape, Image.Resampling.BICUBIC)
  )


def stripes(
  at: np.ndarray, period: np.ndarray | float, duty: float, blur: np.ndarray
) -> np.ndarray:
  """How much of a pixel is covered by stripes, exactly filtered by a box.

  Args:
    at: [W] or [H, W] coordinate across the stripes; a stripe starts at each
      period.
    period: distance of stripes, also [W].
    duty: share of a period that a stripe takes.
    blur: [W] or [H, W] width of the pixel in the same coordinate.

  Returns:
    Coverage in [0, 1], of the arguments' shape.
  """
  # Never zero: the mean below divides by it.
  half = np.maximum(blur / period, 1e-4) / 2
  low, high = at / period - half, at / period + half

  def covered(x: np.ndarray) -> np.ndarray:
    """How much of the way from 0 to x, [W] or [H, W] periods, is stripe."""
    whole = np.floor(x)
    return whole * duty + np.minimum(x - whole, duty)

  return (covered(high) - covered(low)) / (2 * half)


def mix(base: np.ndarray, color: object, amount: np.ndarray) -> np.ndarray:
  """Blends [H, W, 3] colours with another by [H, W] amounts in [0, 1]."""
  return base + (np.asarray(color, np.float32) - base) * amount[..., None]


def haze(color: np.ndarray, z: np.ndarray | float) -> np.ndarray:
  """Fades [H, W, 3] colours into the air with the distance z in metres."""
  far = 1 - np.exp(-np.asarray(z, np.float32) / 150)
  return color + (HAZE - color) * far[..., None]
