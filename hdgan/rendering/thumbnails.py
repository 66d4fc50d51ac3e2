"""`style_thumbnails/`: what each style of a bank looks like, side by side.

One WebP per class, squares from left to right in the order of its styles; a
list names the bank they are of, so that those of another are not shown.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from hdgan.errors import InputError
from hdgan.outside import LARGEST, read_bytes, read_json
from hdgan.whole_files import AnyPath, whole_file, write_text

FOLDER = "style_thumbnails"
LIST = "thumbnails.json"
SIDE = 96  # Pixels.
MOST = 160  # Of a class: a WebP is at most 16383 pixels wide.
QUALITY = 80

Box = tuple[int, int, int, int]


def square(picture: np.ndarray, box: Box) -> Image.Image:
  """The square around a window, as a thumbnail.

  Args:
    picture: [H, W, 1 or 3] uint8.
    box: top, left, bottom, right; as large a square around its middle as the
      picture holds.

  Returns:
    RGB, SIDE x SIDE.
  """
  top, left, bottom, right = box
  height, width = picture.shape[:2]
  side = min(max(bottom - top, right - left), height, width)
  y = min(max(0, (top + bottom - side) // 2), height - side)
  x = min(max(0, (left + right - side) // 2), width - side)
  window = picture[y : y + side, x : x + side]
  image = Image.fromarray(
    window[..., 0] if window.shape[-1] == 1 else window
  ).convert("RGB")
  way = Image.Resampling.LANCZOS
  if 2 * side < SIDE:
    way = Image.Resampling.NEAREST
  return image.resize((SIDE, SIDE), way)


def write(
  workdir: AnyPath, bank: str, found: Mapping[int, Sequence[Image.Image]]
) -> None:
  """Writes the thumbnails of a bank, each file whole; the list comes last.

  Args:
    workdir: of the run.
    bank: its digest.
    found: by class id a picture per style.
  """
  folder, counts = workdir / FOLDER, {}
  for label, images in found.items():
    images = images[:MOST]
    row = Image.new("RGB", (SIDE * len(images), SIDE))
    for k, image in enumerate(images):
      row.paste(image, (SIDE * k, 0))
    out = io.BytesIO()
    row.save(out, "WEBP", quality=QUALITY, method=6)
    with whole_file(folder / name_of(label)) as draft:
      draft.write_bytes(out.getvalue())
    counts[str(label)] = len(images)
  told = {"version": 1, "bank": bank, "side": SIDE, "counts": counts}
  write_text(folder / LIST, json.dumps(told) + "\n")


def read(workdir: AnyPath, bank: str, label: int) -> tuple[bytes, int] | None:
  """Reads the thumbnails of a class.

  Args:
    workdir: of the run.
    bank: digest of the bank that they must be of.
    label: class id.

  Returns:
    A WebP and how many squares it holds; None where there are none of this
    bank, or their files are damaged or gone.
  """
  folder = workdir / FOLDER
  try:
    told = read_json(folder / LIST, dict)
    count = _count(told, bank, label)
    if not count:
      return None
    data = read_bytes(folder / name_of(label), most=LARGEST)
    size = Image.open(io.BytesIO(data), formats=("WEBP",)).size
  except (InputError, OSError):  # Pillow's errors are OSErrors too.
    return None
  return (data, count) if size == (SIDE * count, SIDE) else None


def name_of(label: int) -> str:
  """The file of a class."""
  return f"{label}.webp"


def _count(told: Mapping[str, Any], bank: str, label: int) -> int:
  """How many squares a list promises, 0 if it is of another bank."""
  counts = told.get("counts")
  if told.get("bank") != bank or told.get("side") != SIDE:
    return 0
  count = counts.get(str(label)) if isinstance(counts, dict) else 0
  return count if type(count) is int and 0 < count <= MOST else 0
