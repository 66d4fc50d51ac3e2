"""A picture that shows which object of a map has which key.

Keys stand inside their objects where they fit, else beside them with a line;
all objects are listed at the right. Rulers count the map's own pixels.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from hdgan.errors import counted
from hdgan.report.pictures import INK, PAPER, Font, load_font

# Small maps are enlarged by whole factors to about this many pixels.
SIDE = 1024
MOST_LISTED = 240
_RED = (208, 48, 32)

Point = tuple[int, int]
Box = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Entry:
  """How one object is written.

  Attributes:
    text: in the map, its key or its class and key.
    cells: in the list: key, class, style.
  """

  text: str
  cells: tuple[str, str, str]


def draw_objects(
  picture: np.ndarray,
  objects: np.ndarray,
  entries: Sequence[Entry],
  title: str = "",
) -> np.ndarray:
  """Draws borders, keys and a list.

  Args:
    picture: [H, W, 1 or 3] uint8, the map in its colours.
    objects: [H, W] integers 0..N-1.
    entries: N of them.
    title: what stands above, before the size and the number of objects.

  Returns:
    [H', W', 3] uint8.
  """
  height, width = objects.shape
  factor = max(1, min(16, SIDE // max(height, width)))
  points = max(14, factor * max(height, width) // 72)
  font, line = load_font(points), round(points * 1.6)
  plane = objects.repeat(factor, 0).repeat(factor, 1)
  shown = np.broadcast_to(picture, (height, width, 3))
  shown = shown.repeat(factor, 0).repeat(factor, 1)
  whole = Image.fromarray(with_borders(shown, plane))
  _write_keys(ImageDraw.Draw(whole), objects, entries, factor, font)
  sizes = np.bincount(objects.ravel(), minlength=len(entries))
  listed = _list(entries, sizes, _colours(picture, objects), font, whole.height)
  left, top = 3 * points, line + round(1.5 * points)
  canvas = Image.new(
    "RGB",
    (
      left + whole.width + 2 * points + listed.width,
      top + max(whole.height, listed.height) + points,
    ),
    PAPER,
  )
  canvas.paste(whole, (left, top))
  canvas.paste(listed, (left + whole.width + 2 * points, top))
  draw = ImageDraw.Draw(canvas)
  head = (
    f"{title}{': ' if title else ''}{counted(len(entries), 'object')}, "
    f"{height} x {width} pixels (height x width)"
  )
  draw.text((left, points // 3), head, INK, font)
  _rulers(draw, (height, width), factor, (left, top), font)
  return np.asarray(canvas)


def outline(
  picture: np.ndarray, regions: np.ndarray, thickness: int = 1
) -> np.ndarray:
  """Draws a border around each region: red inside, white outside of it.

  Args:
    picture: [H, W, 1 or 3] uint8.
    regions: [H, W] integers; 0 is none.
    thickness: pixels of each of the two lines.

  Returns:
    [H, W, 3] uint8.
  """
  out = np.broadcast_to(picture, (*regions.shape, 3)).copy()
  square = np.ones((2 * thickness + 1,) * 2, bool)
  for number, window in enumerate(ndimage.find_objects(regions), 1):
    if window is None:
      continue
    # With room for the white line.
    y, x = (
      slice(max(0, s.start - thickness), s.stop + thickness) for s in window
    )
    mask = regions[y, x] == number
    # The picture's edge is no border: nothing lies beyond it.
    inner = mask & ~ndimage.binary_erosion(mask, square, border_value=1)
    out[y, x][ndimage.binary_dilation(mask, square) & ~mask] = PAPER
    out[y, x][inner] = _RED
  return out


def with_borders(shown: np.ndarray, plane: np.ndarray) -> np.ndarray:
  """Draws a white and a dark line between objects.

  Args:
    shown: [H, W, 3] uint8.
    plane: [H, W] numbers of the objects.

  Returns:
    [H, W, 3] uint8.
  """
  out = np.array(shown)
  # Once by rows, once by columns: views of the same pixels.
  for lines, ids in ((out, plane), (out.swapaxes(0, 1), plane.T)):
    differs = ids[:-1] != ids[1:]
    lines[:-1][differs] = PAPER
    lines[1:][differs] = INK
  return out


def _colours(picture: np.ndarray, objects: np.ndarray) -> np.ndarray:
  """[N, 3] uint8: the colour of one pixel of each object."""
  _, first = np.unique(objects.ravel(), return_index=True)
  flat = np.broadcast_to(picture, (*objects.shape, 3)).reshape(-1, 3)
  return flat[first]


def _write_keys(
  draw: ImageDraw.ImageDraw,
  objects: np.ndarray,
  entries: Sequence[Entry],
  factor: int,
  font: Font,
) -> None:
  """Writes each key into its object, or near it with a line."""
  texts: list[tuple[Box, str]] = []
  tiny: list[tuple[Point, str]] = []
  for row, window in enumerate(ndimage.find_objects(objects + 1)):
    # A border of zeros, since the picture's edge is a border too.
    mask = np.pad(objects[window] == row, 1)
    depth = ndimage.distance_transform_edt(mask)[1:-1, 1:-1]
    text = entries[row].text
    size = _text_size(draw, text, font)
    fits, y, x = _deepest(depth, [-(-n // factor) for n in size])
    point = (
      (window[1].start + x) * factor + factor // 2,
      (window[0].start + y) * factor + factor // 2,
    )
    if fits:
      texts.append((_box_at(point, size), text))
    else:
      tiny.append((point, text))
  height, width = objects.shape
  dots = [_box_at(point, (6, 6)) for point, _ in tiny]
  for point, text in tiny:
    size = _text_size(draw, text, font)
    box = _free_box(
      point, size, (width * factor, height * factor),
      [box for box, _ in texts] + dots,
    )  # fmt: skip
    if box is None:
      continue  # No room; the list has it.
    texts.append((box, text))
    x, y = (min(max(point[i], box[i]), box[i + 2]) for i in (0, 1))
    for colour, wide in ((INK, 3), (PAPER, 1)):
      draw.line((point, (x, y)), colour, wide)
    draw.circle(point, 3, PAPER, INK)
  # Above all lines.
  for (left, top, right, bottom), text in texts:
    draw.text(
      ((left + right) / 2, (top + bottom) / 2), text, PAPER, font,
      anchor="mm", stroke_width=2, stroke_fill=INK,
    )  # fmt: skip


def _deepest(depth: np.ndarray, size: Sequence[int]) -> tuple[bool, int, int]:
  """The pixel farthest from an object's border at which a text fits.

  Args:
    depth: [h, w] distance to the border, 0 outside.
    size: width and height of the text, in pixels of the map.

  Returns:
    Whether it fits anywhere; y and x of the place, else of the farthest one.
  """
  wide, high = (n | 1 for n in size)  # Odd, to have a middle.
  fits = ndimage.binary_erosion(depth > 0, np.ones((high, 1), bool))
  fits = ndimage.binary_erosion(fits, np.ones((1, wide), bool))
  found = bool(fits.any())
  best = np.where(fits, depth, 0) if found else depth
  y, x = np.unravel_index(int(best.argmax()), depth.shape)
  return found, int(y), int(x)


def _text_size(
  draw: ImageDraw.ImageDraw, text: str, font: Font
) -> tuple[int, int]:
  """Width and height of a text with its outline."""
  left, top, right, bottom = draw.textbbox((0, 0), text, font, stroke_width=2)
  return math.ceil(right - left) + 2, math.ceil(bottom - top) + 2


def _box_at(middle: Point, size: tuple[int, int]) -> Box:
  """Left, top, right, bottom."""
  left, top = middle[0] - size[0] // 2, middle[1] - size[1] // 2
  return left, top, left + size[0], top + size[1]


def _free_box(
  point: Point,
  size: tuple[int, int],
  area: tuple[int, int],
  taken: Sequence[Box],
) -> Box | None:
  """A place for a text near a point, where nothing else stands, or None."""
  for distance in range(size[1], 16 * size[1], max(1, size[1] // 2)):
    for turn in range(16):
      angle = math.pi * (turn / 8 - 0.5)
      middle = (
        round(point[0] + (distance + size[0] / 2) * math.cos(angle)),
        round(point[1] + distance * math.sin(angle)),
      )
      box = _box_at(middle, size)
      inside = (
        min(box) >= 0 and box[2] <= area[0] and box[3] <= area[1]
      )  # fmt: skip
      if inside and not any(_meet(box, other) for other in taken):
        return box
  return None


def _meet(one: Box, two: Box) -> bool:
  """Whether two boxes share a pixel."""
  return (
    one[0] < two[2] and two[0] < one[2]
    and one[1] < two[3] and two[1] < one[3]
  )  # fmt: skip


def _list(
  entries: Sequence[Entry],
  sizes: np.ndarray,
  colours: np.ndarray,
  font: Font,
  height: int,
) -> Image.Image:
  """All objects, in columns of about a height: colour, key, class, ..."""
  largest = np.argsort(-sizes, kind="stable")[:MOST_LISTED]
  rows: list[int] = np.sort(largest).tolist()
  head = ("key", "class", "pixels", "style")
  cells = [
    (key, name, f"{sizes[i]:,}", style)
    for i in rows
    for key, name, style in [entries[i].cells]
  ]
  shown = head if any(entry.cells[2] for entry in entries) else head[:3]
  measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
  unit = round(measure.textlength("0", font))
  widths = [
    round(max(measure.textlength(row[k], font) for row in [head, *cells]))
    + 2 * unit
    for k in range(len(shown))
  ]
  line = 2 * unit + unit // 4
  each = max(12, height // line - 2, -(-len(rows) // 4))
  across = -(-len(rows) // each)
  wide = 2 * unit + sum(widths)
  high = (min(each, len(rows)) + 2) * line
  canvas = Image.new("RGB", (across * wide, high), PAPER)
  draw = ImageDraw.Draw(canvas)
  for column in range(across):
    part = slice(column * each, (column + 1) * each)
    lines = [head, *cells[part]]
    for i, row in enumerate(lines):
      x, y = column * wide, i * line
      if i:
        colour = tuple(colours[rows[part][i - 1]].tolist())
        draw.rectangle((x, y + 3, x + unit, y + 3 + unit), colour, INK)
      x += 2 * unit
      for k, space in enumerate(widths):
        right = shown[k] == "pixels"
        draw.text(
          (x + space - 2 * unit if right else x, y), row[k], INK, font,
          anchor="ra" if right else "la",
        )  # fmt: skip
        x += space
  rest = len(entries) - len(rows)
  if rest:
    more = f"and {counted(rest, 'smaller one')}"
    draw.text((2 * unit, high - line), more, INK, font)
  return canvas


def _rulers(
  draw: ImageDraw.ImageDraw,
  size: tuple[int, int],
  factor: int,
  corner: Point,
  font: Font,
) -> None:
  """Numbers rows and columns of the map (H, W) beside and above it."""
  left, top = corner
  # About ten numbers along the longer side: 1, 2 or 5 times a power of ten.
  rough = max(size) / 10
  power = 10 ** math.floor(math.log10(max(rough, 1)))
  step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
  for x in range(0, size[1], step):
    at = left + x * factor
    draw.line((at, top - 5, at, top - 1), INK)
    draw.text((at, top - 6), str(x), INK, font, anchor="mb")
  for y in range(0, size[0], step):
    at = top + y * factor
    draw.line((left - 5, at, left - 1, at), INK)
    draw.text((left - 8, at), str(y), INK, font, anchor="rm")
