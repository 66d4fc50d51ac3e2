"""Arrays to pictures for people: label colours, titled grids, PNG files."""

import functools
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hdgan.datasets.classes import palette
from hdgan.whole_files import whole_file

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

INK = (32, 33, 36)
PAPER = (255, 255, 255)
_MARGIN = 4  # pixels that a title leaves free of its strip's length
_SMALLEST = 12  # points of a letter that can be read


def label_colors(
  label: np.ndarray, colors: int | np.ndarray | Sequence[Sequence[int]]
) -> np.ndarray:
  """Paints a label map.

  Args:
    label: [..., H, W] integers, class id per pixel.
    colors: RGB per id, [K, 3] 0..255, or K alone for the fixed palette.

  Returns:
    [..., H, W, 3] uint8; ids outside 0..K-1, such as ignored ones, are black.
  """
  table = palette(colors) if isinstance(colors, int) else np.asarray(colors)
  table = np.concatenate([table.astype(np.uint8), np.zeros((1, 3), np.uint8)])
  label = np.asarray(label)
  known = (label >= 0) & (label < len(table) - 1)
  return table[np.where(known, label, len(table) - 1).astype(np.int64)]


def class_colors(
  classes: Sequence[Mapping[str, Any]], num_classes: int
) -> np.ndarray:
  """Colours [num_classes, 3] uint8: the classes' own, else the palette's."""
  colors = palette(num_classes)
  for entry in classes:
    if entry["id"] < num_classes:
      colors[entry["id"]] = entry["color"]
  return colors


def legend(
  classes: Sequence[Mapping[str, Any]], num_classes: int, ignore_label: int = -1
) -> list[tuple[str, str]]:
  """What the colours of label maps stand for.

  Args:
    classes: with id and name each; () where the label is a picture.
    num_classes: how many ids a label has.
    ignore_label: of pixels without a class; black where it is no class's id.

  Returns:
    Colour as #rrggbb, and id and name, per class in the order of ids.
  """
  colors = class_colors(classes, num_classes)
  rows = []
  for entry in sorted(classes, key=lambda entry: entry["id"]):
    id, name = entry["id"], entry["name"]
    if id < num_classes:
      shown = name if name == str(id) else f"{id} {name}"
      rows.append((f"#{bytes(colors[id]).hex()}", shown))
  if rows and ignore_label >= num_classes:
    rows.append(("#000000", f"{ignore_label} no class"))
  return rows


def label_picture(
  label: np.ndarray, colors: np.ndarray, label_range: tuple[float, float]
) -> np.ndarray:
  """Shows a label [H, W] in its colours, or a picture [H, W, C], as it is.

  Args:
    label: class ids, or values in `label_range`.
    colors: [K, 3] RGB per id.
    label_range: lowest and highest value of a label that is a picture.

  Returns:
    [H, W, 3] or [H, W, 1] uint8.
  """
  if label.ndim == 2:
    return label_colors(label, colors)
  low, high = label_range
  return to_uint8((label.astype(np.float32) - low) * (2 / (high - low)) - 1)


def to_uint8(image: np.ndarray) -> np.ndarray:
  """What G gives as 8 bits per channel.

  Args:
    image: [..., H, W, C] float in [-1, 1]; values beyond are clipped.

  Returns:
    [..., H, W, 3] uint8 RGB of the first three channels, [..., H, W, 1] grey
    of the first one where there are fewer. NaN is 0.
  """
  image = np.asarray(image, dtype=np.float32)
  image = image[..., : 3 if image.shape[-1] >= 3 else 1]
  scaled = np.clip(image, -1.0, 1.0)
  scaled += 1.0
  scaled *= 127.5
  np.rint(scaled, out=scaled)
  # Of NaN and a number fmax takes the number.
  return np.fmax(scaled, 0.0, out=scaled).astype(np.uint8)


def grid(
  rows: Sequence[Sequence[np.ndarray]],
  columns: Sequence[str] = (),
  row_titles: Sequence[str] = (),
  cell_width: int = 512,
) -> np.ndarray:
  """Lays pictures out in a table with titles above and beside.

  Every cell has the size of the first picture, made smaller to `cell_width`
  and never larger than a 4-fold copy of it, so that pixels stay square and
  small pictures stay sharp. Others are fitted into it.

  Args:
    rows: [H, W], [H, W, 1] or [H, W, 3] uint8 pictures; rows may differ in
      length.
    columns: titles of the columns.
    row_titles: titles of the rows; all are drawn smaller, to 12 points, before
      one is shortened.
    cell_width: the most pixels of a cell's width.

  Returns:
    [H, W, 3] uint8, white where there is no picture.
  """
  height, width = rows[0][0].shape[:2]
  # Small maps are enlarged by whole factors, to 256 pixels or so.
  factor = max(1, min(4, min(256, cell_width) // width))
  cell_w = min(width * factor, cell_width)
  cell_h = max(1, round(height * cell_w / width))
  gap = max(2, cell_w // 128)
  points = max(12, min(24, cell_w // 18))
  font, line = load_font(points), round(points * 1.5)
  left = gap
  if row_titles:
    left += line
  top = gap + (line if columns else 0)
  across = max(len(row) for row in rows)
  canvas = Image.new(
    "RGB",
    (left + across * (cell_w + gap), top + len(rows) * (cell_h + gap)),
    PAPER,
  )
  for i, row in enumerate(rows):
    for j, picture in enumerate(row):
      cell = _fit(picture, cell_w, cell_h)
      x = left + j * (cell_w + gap) + (cell_w - cell.width) // 2
      y = top + i * (cell_h + gap) + (cell_h - cell.height) // 2
      canvas.paste(cell, (x, y))
  for j, title in enumerate(columns):
    strip = _title(title, cell_w, line, font)
    canvas.paste(strip, (left + j * (cell_w + gap), gap // 2))
  while points > _SMALLEST and any(
    font.getlength(title) > cell_h - _MARGIN for title in row_titles
  ):
    points -= 1
    font = load_font(points)
  for i, title in enumerate(row_titles):
    strip = _title(title, cell_h, line, font).rotate(90, expand=True)
    canvas.paste(strip, (gap // 2, top + i * (cell_h + gap)))
  return np.asarray(canvas)


def shorten(
  text: str, room: float, width: Callable[[str], float], dots: str = "..."
) -> str:
  """Cuts a name in its middle: what tells names apart is often their end.

  Args:
    text: the name; line breaks in it become blanks.
    room: the most that it may be wide.
    width: measures a text.
    dots: what stands for the part that is left out.

  Returns:
    The longest text that fits, of which two thirds are the name's end; two
    letters at least are kept.
  """
  text = " ".join(text.split())
  shown = text
  for kept in range(len(text) - 1, 1, -1):
    if width(shown) <= room:
      break
    head = max(1, kept // 3)
    shown = text[:head] + dots + text[len(text) - kept + head :]
  return shown


def save_png(path: str | os.PathLike, picture: np.ndarray) -> None:
  """Writes a PNG, whole or not at all, and makes its folder.

  Args:
    path: the file.
    picture: [H, W] or [H, W, 1 to 4] uint8, or [H, W] uint16.
  """
  with whole_file(path) as draft:
    _to_pil(picture).save(draft, format="PNG")


def png_bytes(picture: np.ndarray) -> bytes:
  """The bytes of the file that `save_png` writes."""
  out = io.BytesIO()
  _to_pil(picture).save(out, format="PNG")
  return out.getvalue()


def _to_pil(picture: np.ndarray) -> Image.Image:
  """[H, W] or [H, W, 1 to 4] uint8, or [H, W] uint16, for Pillow."""
  picture = np.asarray(picture)
  if picture.dtype not in (np.uint8, np.uint16):
    raise ValueError(f"picture is {picture.dtype}, must be uint8 or uint16")
  if picture.ndim == 3 and picture.shape[-1] == 1:
    picture = picture[..., 0]
  return Image.fromarray(picture)


def _fit(picture: np.ndarray, width: int, height: int) -> Image.Image:
  """Scales [H, W] or [H, W, C] to the largest size inside a cell, as RGB."""
  image = _to_pil(picture).convert("RGB")
  scale = min(width / image.width, height / image.height)
  size = (
    max(1, round(image.width * scale)),
    max(1, round(image.height * scale)),
  )
  # Enlarged pixels stay visible as what they are.
  way = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
  return image if size == image.size else image.resize(size, way)


@functools.cache
def load_font(size: int) -> Font:
  """Pillow's own font, at a size in pixels."""
  return ImageFont.load_default(size)


def _title(text: str, width: int, height: int, font: Font) -> Image.Image:
  """One centred line; dots stand for what does not fit."""
  strip = Image.new("RGB", (width, height), PAPER)
  draw = ImageDraw.Draw(strip)
  shown = shorten(text, width - _MARGIN, font.getlength)
  draw.text((width / 2, height / 2), shown, INK, font, anchor="mm")
  return strip
