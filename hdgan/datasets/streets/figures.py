"""The figures of a street: trees, cars, people and lamps.

Each is a flat shape that stands on the ground and faces the camera. `a` and
`b` are metres to the right of its foot and above the ground.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from hdgan.datasets.streets.canvas import (
  BODY,
  CAR,
  LAMP,
  PAVEMENT,
  PERSON,
  ROAD,
  SHIRTS,
  TREE,
  Street,
  haze,
  mix,
  smooth_noise,
)

Facts = dict[str, Any]
Figure = tuple[Callable[..., None], float, float, Facts]


@dataclasses.dataclass
class _Window:
  """A cut of the canvas around a figure, and metres in it, [h, w]."""

  rows: slice
  columns: slice
  a: np.ndarray
  b: np.ndarray
  pixel: float


def place_figures(street: Street, rng: np.random.Generator) -> list[Figure]:
  """Draws what stands where: (how to draw, x, z, facts) per figure."""
  figures: list[Figure] = []
  for side in (-1, 1):
    z = rng.uniform(6, 16)
    while z < min(street.end, 60):
      figures.append(
        (_draw_tree, side * (street.road + 1.1), z, _tree_facts(rng))
      )
      z += rng.uniform(7, 26)
  z = rng.uniform(5, 10)
  while z < 45:
    figures.append((_draw_lamp, street.road + 0.45, z, {}))
    z += 15
  figures += _place_cars(street, rng)
  for _ in range(rng.integers(2, 8)):
    x: float = rng.choice([-1, 1]) * (street.road + rng.uniform(0.7, 2.4))
    if rng.random() < 0.15:
      x = rng.uniform(-0.8, 0.8) * street.road
    facts = {
      "shirt": rng.integers(len(SHIRTS)),
      "tall": rng.uniform(1.6, 1.9),
      "stride": rng.uniform(0.05, 0.28),
    }
    figures.append((_draw_person, x, rng.uniform(4.5, 24), facts))
  return [
    (draw, x, z, {**facts, "k": k})
    for k, (draw, x, z, facts) in enumerate(figures)
  ]


def _place_cars(street: Street, rng: np.random.Generator) -> list[Figure]:
  """Cars in both lanes, now and then one that crosses."""
  figures: list[Figure] = []
  for side in (-1, 1):
    z = rng.uniform(5.5, 14)
    while z < 60 and len(figures) < 8:
      lane = side * street.road * rng.uniform(0.42, 0.62)
      facts = {"style": int(rng.integers(len(BODY))), "front": side < 0}
      figures.append((_draw_car, lane, z, facts))
      z += rng.uniform(6, 22)
  if rng.random() < 0.35:
    facts = {"style": int(rng.integers(len(BODY))), "front": rng.random() < 0.5}
    x = rng.uniform(-0.5, 0.5) * street.road
    figures.append((_draw_crossing_car, x, rng.uniform(8, 15), facts))
  return figures


def _tree_facts(rng: np.random.Generator) -> Facts:
  """Size of a tree and the balls of leaves that make its crown."""
  radius = rng.uniform(1.1, 1.9)
  turn = np.linspace(0, 2 * np.pi, 6, endpoint=False) + rng.uniform(0, 1)
  away = rng.uniform(0.45, 0.7, 6)
  return {
    "radius": radius,
    "middle": rng.uniform(2.6, 3.2) + radius,
    "tall": rng.uniform(0.9, 1.25),
    "balls": np.stack(
      [away * np.cos(turn), away * np.sin(turn), rng.uniform(0.45, 0.62, 6)], -1
    ),
    "seed": int(rng.integers(2**31)),
  }


def _window(
  street: Street, x: float, z: float, half: float, low: float, high: float
) -> _Window | None:
  """The part of the canvas that a figure can touch; None if there is none."""
  scale = street.height / z
  middle = street.vanish * street.height + x * scale
  foot = street.horizon * street.height + street.eye * scale
  top, bottom = foot - high * scale, foot - low * scale
  r0, r1 = max(0, int(top)), min(street.height, int(bottom) + 1)
  c0 = max(0, int(middle - half * scale))
  c1 = min(street.width, int(middle + half * scale) + 1)
  if r0 >= r1 or c0 >= c1:
    return None
  a = (np.arange(c0, c1) + 0.5 - middle) / scale
  b = (foot - np.arange(r0, r1) - 0.5) / scale
  a, b = np.meshgrid(a.astype(np.float32), b.astype(np.float32))
  return _Window(slice(r0, r1), slice(c0, c1), a, b, 1 / scale)


def _paint(
  street: Street,
  window: _Window,
  mask: np.ndarray,
  z: float,
  ids: tuple[int, int],
  color: np.ndarray,
) -> None:
  """Puts a figure's mask [h, w] and colour [h, w, 3] onto the canvas."""
  # A cut by slices is a view: painting it paints the canvas.
  cut = (window.rows, window.columns)
  street.label[cut][mask] = ids[0]
  street.instance[cut][mask] = ids[1]
  street.image[cut][mask] = haze(color, z)[mask]


def _shade_ground(
  street: Street, x: float, z: float, half: float, deep: float, dark: float
) -> None:
  """Darkens the ground in a soft ellipse around a figure's foot."""
  # Depth along the ground, as it shows on an upright plane at z.
  rise = street.eye * deep / z
  window = _window(street, x, z, 1.4 * half, -1.4 * rise, 1.4 * rise)
  if window is None:
    return
  cut = (window.rows, window.columns)
  distance = (window.a / half) ** 2 + (window.b / rise) ** 2
  amount = dark * np.clip(1.5 - distance, 0, 1)
  label = street.label[cut]
  amount *= (label == ROAD) | (label == PAVEMENT)
  street.image[cut] *= (1 - amount)[..., None]


def _draw_tree(street: Street, x: float, z: float, facts: Facts) -> None:
  """A trunk and a crown of round lobes, lit from the upper right."""
  radius, middle = facts["radius"], facts["middle"]
  _shade_ground(street, x - 0.5, z, 1.3 * radius, 0.9 * radius, 0.33)
  high = middle + 1.3 * radius * facts["tall"]
  window = _window(street, x, z, 1.35 * radius, -0.1, high)
  if window is None:
    return
  # How much is drawn depends on the size; the street's draws must not.
  leaves = np.random.default_rng(facts["seed"])
  height, width = window.a.shape
  fine = smooth_noise(leaves, height, width, max(1.6, 0.22 / window.pixel))
  p = window.a / radius
  q = (window.b - middle) / (radius * facts["tall"])
  crown = p * p + q * q < (0.72 + 0.05 * fine) ** 2
  light = 0.35 * (q + 0.6 * p)
  for ball_p, ball_q, ball in facts["balls"]:
    dp, dq = (p - ball_p) / ball, (q - ball_q) / ball
    inside = dp * dp + dq * dq < (1 + 0.09 * fine) ** 2
    crown |= inside
    light = np.where(
      inside, 0.25 * (q + 0.6 * p) + 0.3 * (dq + 0.6 * dp), light
    )
  trunk = (
    (np.abs(window.a) < np.maximum(0.16, window.pixel * 0.6))
    & (window.b >= 0)
    & (window.b < middle)
  )
  brown = (
    np.array((0.36, 0.26, 0.18), np.float32)
    * np.clip(1 + 1.3 * window.a / 0.3, 0.6, 1.3)[..., None]
  )
  green = (
    np.array((0.22, 0.42, 0.14), np.float32)
    * (1 + np.clip(0.75 * light + 0.13 * fine, -0.6, 0.9))[..., None]
  )
  color = np.where(crown[..., None], green, brown)
  ids = (TREE, TREE * 1000 + facts["k"])
  _paint(street, window, crown | trunk, z, ids, color)


def _box(
  a: np.ndarray,
  b: np.ndarray,
  half: float,
  low: float,
  high: float,
  corner: float = 6,
) -> np.ndarray:
  """[h, w] bool: a box with rounded corners, |a| < half, low < b < high."""
  tall = (high - low) / 2
  return (np.abs(a) / half) ** corner + (
    np.abs(b - low - tall) / tall
  ) ** corner < 1


def _draw_car(street: Street, x: float, z: float, facts: Facts) -> None:
  """A car seen from behind, or from the front in the oncoming lane."""
  _shade_ground(street, x, z, 1.05, 1.3, 0.62)
  window = _window(street, x, z, 0.95, 0, 1.5)
  if window is None:
    return
  a, b = window.a, window.b
  slope = 0.76 - 0.30 * (b - 0.85)
  cabin = _box(a / slope, b, 1, 0.6, 1.47, 8)
  wheels = (np.abs(np.abs(a) - 0.68) < 0.15) & (b > 0) & (b < 0.4)
  mask = _box(a, b, 0.9, 0.2, 0.98) | cabin | wheels
  body = BODY[facts["style"]]
  color = body * (0.72 + 0.30 * b)[..., None]
  color = mix(color, (1, 1, 1), 0.22 * np.exp(-(((b - 0.9) / 0.07) ** 2)))
  glass = (np.abs(a) < slope - 0.13) & (b > 0.98) & (b < 1.36)
  color = _glaze(color, glass, b - 0.98)
  color = mix(color, (0.13, 0.13, 0.14), (b < 0.36) * 1.0)
  lamps = (np.abs(np.abs(a) - 0.68) < 0.14) & (np.abs(b - 0.72) < 0.09)
  lamp = (1.0, 0.97, 0.82) if facts["front"] else (0.95, 0.16, 0.10)
  color = mix(color, lamp, lamps * 0.95)
  plate = (np.abs(a) < 0.24) & (np.abs(b - 0.52) < 0.07)
  color = mix(color, (0.93, 0.92, 0.85), plate * 0.9)
  color = mix(color, (0.06, 0.06, 0.07), (wheels & (b < 0.2)) * 1.0)
  _finish_car(street, window, mask, z, facts, color)


def _draw_crossing_car(
  street: Street, x: float, z: float, facts: Facts
) -> None:
  """A car seen from its side."""
  _shade_ground(street, x, z, 2.2, 0.8, 0.62)
  window = _window(street, x, z, 2.15, 0, 1.5)
  if window is None:
    return
  b = window.b
  a = -window.a if facts["front"] else window.a
  front, rear = 0.55 - 0.75 * (b - 0.85), -1.45 + 0.45 * (b - 0.85)
  cabin = (a < front) & (a > rear) & (b > 0.7) & (b < 1.44)
  hub = (np.abs(a) - 1.28) ** 2 + (b - 0.33) ** 2
  wheels = hub < 0.33**2
  mask = _box(a, b, 2.08, 0.22, 0.95, 5) | cabin | wheels
  body = BODY[facts["style"]]
  color = body * (0.72 + 0.30 * b)[..., None]
  color = mix(color, (1, 1, 1), 0.22 * np.exp(-(((b - 0.84) / 0.06) ** 2)))
  glass = (a < front - 0.12) & (a > rear + 0.12) & (b > 0.93) & (b < 1.32)
  glass &= np.abs(a + 0.45) > 0.05
  color = _glaze(color, glass, b - 0.93)
  lamps = (np.abs(b - 0.68) < 0.08) & (np.abs(a) > 1.88)
  color = mix(color, (1.0, 0.93, 0.75), (lamps & (a > 0)) * 0.95)
  color = mix(color, (0.95, 0.16, 0.10), (lamps & (a < 0)) * 0.95)
  color = mix(color, (0.07, 0.07, 0.08), wheels * 1.0)
  color = mix(color, (0.66, 0.66, 0.68), (hub < 0.17**2) * 1.0)
  _finish_car(street, window, mask, z, facts, color)


def _glaze(
  color: np.ndarray, glass: np.ndarray, above: np.ndarray
) -> np.ndarray:
  """Puts glass [h, w], sky in its upper part, onto a car [h, w, 3]."""
  dark = np.array((0.13, 0.18, 0.24), np.float32)
  tint = (
    dark
    + np.array((0.55, 0.65, 0.72), np.float32)
    * np.clip(above, 0, 0.6)[..., None]
  )
  return np.where(glass[..., None], tint, color)


def _finish_car(
  street: Street,
  window: _Window,
  mask: np.ndarray,
  z: float,
  facts: Facts,
  color: np.ndarray,
) -> None:
  """Paints a car, [h, w, 3] inside [h, w], and keeps its drawn colour."""
  ids = (CAR, CAR * 1000 + facts["k"])
  street.styles[ids[1]] = facts["style"]
  _paint(street, window, mask, z, ids, color)


def _draw_person(street: Street, x: float, z: float, facts: Facts) -> None:
  """A walking person: head, shirt and two legs."""
  _shade_ground(street, x, z, 0.42, 0.35, 0.5)
  window = _window(street, x, z, 0.5, 0, facts["tall"] + 0.05)
  if window is None:
    return
  a, b = window.a, window.b / facts["tall"]
  # Far away no limb gets thinner than a pixel, or it would vanish.
  thin = window.pixel * 0.55
  head = (a / max(0.13, thin)) ** 2 + ((b - 0.92) / 0.085) ** 2 < 1
  shirt = _box(a, b, 0.25, 0.46, 0.86, 4)
  stride = facts["stride"] * np.clip((0.5 - b) / 0.5, 0, 1) + 0.08
  legs = (np.abs(np.abs(a) - stride) < max(0.085, thin)) & (b >= 0) & (b < 0.5)
  color = np.empty((*a.shape, 3), np.float32)
  color[:] = (0.17, 0.18, 0.25)
  color = np.where(shirt[..., None], SHIRTS[facts["shirt"]], color)
  color = np.where(
    head[..., None], np.array((0.85, 0.65, 0.52), np.float32), color
  )
  color = mix(color, (0.20, 0.14, 0.10), (head & (b > 0.95)) * 1.0)
  color = color * np.clip(1 + 0.9 * a, 0.75, 1.2)[..., None]
  ids = (PERSON, PERSON * 1000 + facts["k"])
  _paint(street, window, head | shirt | legs, z, ids, color)


def _draw_lamp(street: Street, x: float, z: float, facts: Facts) -> None:
  """A street lamp: a pole and an arm that holds the light over the road."""
  window = _window(street, x - 0.7, z, 0.95, 0, 6.1)
  if window is None:
    return
  a, b = window.a - 0.7, window.b
  # At least one pixel wide, or far poles would come and go.
  thin = max(0.07, window.pixel * 0.6)
  pole = (np.abs(a) < thin) & (b < 5.9)
  arm = (np.abs(b - 5.85) < thin) & (a < 0) & (a > -1.5)
  head = (np.abs(b - 5.75) < max(0.14, thin)) & (np.abs(a + 1.25) < 0.38)
  color = np.empty((*a.shape, 3), np.float32)
  color[:] = (0.24, 0.27, 0.27)
  color = np.where(
    head[..., None], np.array((0.93, 0.92, 0.84), np.float32), color
  )
  _paint(street, window, pole | arm | head, z, (LAMP, LAMP), color)
  del facts
