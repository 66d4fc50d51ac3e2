"""Draws one street: label map, instance map and the photo made from them.

A street canyon seen from its middle. Two rows of houses, the ground and a
house at the end are cast per pixel from a pinhole camera at the height of the
eyes; trees, cars, people and lamps stand in it as flat figures, drawn from far
to near so that they hide each other. The photo takes its light, shadows and
textures from the same geometry. Car colours and house materials are drawn at
random and can be seen in the photo only: they are what styles have to find.
"""

import dataclasses

import numpy as np

from hdgan.datasets.streets.canvas import (
  BUILDING,
  HAZE,
  PAVEMENT,
  ROAD,
  SKY,
  STOREY,
  WALL,
  Street,
  haze,
  mix,
  smooth_noise,
  stripes,
)
from hdgan.datasets.streets.figures import place_figures


@dataclasses.dataclass(frozen=True)
class DrawnStreet:
  """One drawn street.

  Attributes:
    label: [H, W] int32 class ids.
    instance: [H, W] int32, class * 1000 + k for houses, trees, cars and
      people, the class id elsewhere.
    image: [H, W, 3] uint8.
    styles: (instance id, style) of the cars and houses that can be seen; the
      index into CAR_COLORS or MATERIALS.
  """

  label: np.ndarray
  instance: np.ndarray
  image: np.ndarray
  styles: tuple[tuple[int, int], ...]


def draw_street(seed: int, index: int, height: int, width: int) -> DrawnStreet:
  """Draws the street number `index` of a seed; the same for any size.

  Args:
    seed: of the data set.
    index: which street.
    height: H in pixels.
    width: W in pixels.

  Returns:
    The street.
  """
  rng = np.random.default_rng((seed, index))
  # Noise depends on the size, so it must not share the street's draws.
  grain = np.random.default_rng((seed, index, 1))
  street = _new_street(rng, grain, height, width)
  _draw_houses_and_ground(street, rng)
  figures = place_figures(street, rng)
  for draw, x, z, facts in sorted(figures, key=lambda f: -f[2]):
    draw(street, x, z, facts)
  image = street.image + 0.008 * grain.standard_normal((height, width, 1))
  seen = set(np.unique(street.instance).tolist())
  return DrawnStreet(
    label=street.label,
    instance=street.instance,
    image=np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8),
    styles=tuple(sorted((i, s) for i, s in street.styles.items() if i in seen)),
  )


def _new_street(
  rng: np.random.Generator, grain: np.random.Generator, height: int, width: int
) -> Street:
  """Draws the measures and paints the sky."""
  road = rng.uniform(3.4, 5.0)
  street = Street(
    height=height,
    width=width,
    horizon=rng.uniform(0.42, 0.50),
    vanish=width / height * rng.uniform(0.40, 0.60),
    eye=rng.uniform(1.9, 2.5),
    road=road,
    wall=road + rng.uniform(2.6, 4.5),
    end=rng.uniform(50, 110),
    label=np.full((height, width), SKY, np.int32),
    instance=np.full((height, width), SKY, np.int32),
    image=np.empty((height, width, 3), np.float32),
    noise=smooth_noise(grain, height, width, height / 24),
    styles={},
  )
  down = ((np.arange(height) + 0.5) / height / street.horizon)[:, None, None]
  top = np.array((0.33, 0.56, 0.86), np.float32)
  street.image[:] = top + (HAZE - top) * np.clip(down, 0, 1) ** 1.3
  clouds = smooth_noise(grain, height, width, height / 5)
  clouds = np.clip(clouds * 0.9 - 0.15, 0, 1) * 0.45
  street.image += (1 - street.image) * clouds[..., None]
  return street


def _draw_houses_and_ground(street: Street, rng: np.random.Generator) -> None:
  """Casts every pixel onto a house row, the end of the street or the ground."""
  h = street.height
  x = ((np.arange(street.width) + 0.5) / h - street.vanish).astype(np.float32)
  y = ((np.arange(h) + 0.5) / h - street.horizon).astype(np.float32)[:, None]
  # Walls are upright, so that a column of pixels meets one wall, at one z.
  z = np.minimum(street.wall / np.maximum(np.abs(x), 1e-6), street.end)
  at_end = z >= street.end
  side = np.where(at_end, 2, (x > 0).astype(int))
  rows = _house_rows(street, rng)
  # Rows run along z, the end of the street along x; 40 keeps it positive.
  along = np.where(at_end, x * street.end + 40, z)
  house = np.empty(street.width, int)
  for i, (starts, first) in enumerate(rows):
    chosen = side == i
    house[chosen] = first + np.searchsorted(starts, along[chosen], "right") - 1
  facts = _house_facts(street, rng, rows)
  up = street.eye - y * z  # Height above the ground, [H, W].
  tall = facts["height"][house]
  building = (up >= 0) & (up < tall)
  ids = BUILDING * 1000 + house
  street.label[building] = BUILDING
  street.instance[building] = np.broadcast_to(ids, up.shape)[building]
  for i, style in enumerate(facts["style"]):
    street.styles[BUILDING * 1000 + i] = int(style)
  # Sunlight comes over the right row: the left one is lit, that one is not.
  light = np.where(at_end, 0.86, np.where(x < 0, 1.04, 0.74))
  # How many metres of wall a pixel spans: texture finer than it is blurred.
  pixel = np.where(at_end, z / h, z * z / (street.wall * h))
  color = _facade(street, facts, house, along, up, z, pixel, light)
  np.copyto(street.image, color, where=building[..., None])
  _draw_ground(street, x, y, rows, facts)


def _house_rows(
  street: Street, rng: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
  """Rows left, right and at the end: starts of houses [n], the first number."""
  rows, first = [], 0
  for low, high, least, most in (
    (0, street.end, 7, 16),
    (0, street.end, 7, 16),
    (40 - street.wall, 40 + street.wall, 8, 16),
  ):
    # The first house begins before the row, so that no gap is seen there.
    starts = [low - rng.uniform(0, 5)]
    while starts[-1] < high:
      starts.append(starts[-1] + rng.uniform(least, most))
    rows.append((np.array(starts[:-1]), first))
    first += len(starts) - 1
  return rows


def _house_facts(
  street: Street,
  rng: np.random.Generator,
  rows: list[tuple[np.ndarray, int]],
) -> dict[str, np.ndarray]:
  """Height, material, window spacing and start of every house, [N] each."""
  del street
  count = rows[-1][1] + len(rows[-1][0])
  storeys = rng.integers(2, 6, count)
  return {
    "height": (storeys * STOREY + 1.1).astype(np.float32),
    "style": rng.integers(len(WALL), size=count),
    "spacing": rng.uniform(2.0, 3.2, count).astype(np.float32),
    "starts": np.concatenate([starts for starts, _ in rows]),
  }


def _facade(
  street: Street,
  facts: dict[str, np.ndarray],
  house: np.ndarray,
  along: np.ndarray,
  up: np.ndarray,
  z: np.ndarray,
  pixel: np.ndarray,
  light: np.ndarray,
) -> np.ndarray:
  """The photo of all houses, [H, W, 3]: walls, windows, cornices, bases.

  `up`, metres above the ground, is [H, W]; other arrays are per column, [W].
  """
  tall, spacing = facts["height"][house], facts["spacing"][house]
  u = along - facts["starts"][house] - 0.28 * spacing
  blur_up = np.broadcast_to(z / street.height, up.shape)
  wall = WALL[facts["style"][house]]
  shade = 0.93 + 0.012 * np.minimum(up, 8) + 0.03 * street.noise
  color = wall * shade[..., None]
  across = stripes(u, spacing, 0.5, pixel)
  rows = stripes(up - 0.95, STOREY, 0.54, blur_up)
  window = across * rows * (up < tall - 1.2)
  sill = across * stripes(up - 0.62, STOREY, 0.1, blur_up)
  color = mix(color, wall * 0.4 + 0.55, sill * (up < tall - 1.2) * 0.8)
  sash = stripes(u + 0.05 - 0.25 * spacing, spacing, 0.04, pixel)
  sheen = (up - 0.95) % STOREY / STOREY
  glass = np.array((0.17, 0.24, 0.33), np.float32)
  lit = glass * (0.75 + 1.3 * sheen)[..., None]
  color = color + (lit - color) * window[..., None]
  color = mix(color, (0.85, 0.85, 0.83), sash * window * 0.7)
  cornice = np.clip((up - tall + 0.75) / np.maximum(blur_up, 0.05), 0, 1)
  color = mix(color, wall * 0.5 + 0.42, cornice * 0.85)
  base = np.clip((0.55 - up) / np.maximum(blur_up, 0.05), 0, 1)
  color = mix(color, (0.38, 0.37, 0.36), base * 0.7)
  # A period that no house reaches: a single line, where the house starts.
  edge = stripes(along - facts["starts"][house] + 0.06, 1e3, 2e-4, pixel)
  color = mix(color, (0.2, 0.19, 0.18), np.clip(edge, 0, 1) * 0.6 + 0 * up)
  return haze(color * light[:, None], z)


def _draw_ground(
  street: Street,
  x: np.ndarray,
  y: np.ndarray,
  rows: list[tuple[np.ndarray, int]],
  facts: dict[str, np.ndarray],
) -> None:
  """Casts the road and the pavements, their markings and the houses' shade.

  x [W] and y [H, 1] are places in the picture plane, from where the street's
  middle vanishes.
  """
  ground = (y > 0) & (street.label != BUILDING)
  # Kept off the horizon, where the ground would be infinitely far.
  z = street.eye / np.maximum(y, 1e-3)
  ground &= z <= street.end
  across = x * z
  side = np.abs(across)
  road = ground & (side < street.road)
  for mask, label in ((road, ROAD), (ground & ~road, PAVEMENT)):
    street.label[mask] = label
    street.instance[mask] = label
  # 0 * x spreads what is [H, 1] over the width.
  wide = z / street.height + 0 * x
  deep = z * wide / street.eye
  asphalt = np.array((0.34, 0.345, 0.36), np.float32) + (
    0.022 * street.noise[..., None]
  )
  dash = stripes(z + 0 * x, 6.0, 0.5, deep)
  dash = dash * np.clip((0.09 - side) / wide + 0.5, 0, 1)
  line = np.clip((0.08 - np.abs(side - street.road + 0.35)) / wide + 0.5, 0, 1)
  asphalt = mix(asphalt, (0.92, 0.92, 0.88), np.maximum(dash, line * 0.8))
  stone = np.array((0.66, 0.63, 0.59), np.float32) + (
    0.025 * street.noise[..., None]
  )
  joint = np.maximum(
    stripes(side - street.road, 1.0, 0.06, wide),
    stripes(z + 0 * x, 1.0, 0.06, deep),
  )
  stone = mix(stone, (0.45, 0.43, 0.40), joint * 0.8)
  kerb = np.clip((street.road + 0.28 - side) / wide + 0.5, 0, 1)
  stone = mix(stone, (0.80, 0.79, 0.76), kerb)
  color = np.where(road[..., None], asphalt, stone)
  # The sun stands behind the right row: its houses shade the right side.
  starts, first = rows[1]
  behind = np.clip(np.searchsorted(starts, z, "right") - 1, 0, None)
  reach = street.wall - 0.42 * facts["height"][first + behind]
  shaded = np.clip((across - reach) / (wide + 0.5) + 0.5, 0, 1)
  color = color * (1 - 0.38 * shaded)[..., None]
  near_wall = np.clip(1 - np.abs(street.wall - side) / 0.8, 0, 1)
  color = color * (1 - 0.25 * near_wall)[..., None]
  color = haze(color, z + 0 * x)
  np.copyto(street.image, color, where=ground[..., None])
