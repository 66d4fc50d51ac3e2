"""labelme's JSON files, one a picture, in any folders.

Each has `shapes` (label, points, shape_type, group_id), `imagePath` relative to
itself and perhaps the photo itself as `imageData`. Shapes are painted in the
file's order and with labelme2voc's sizes: lines 10 wide, points of radius 5.
Shapes of one label and one group_id are one object. `labels.txt` gives the
order of the classes, `__ignore__` is no class (255), what no shape covers is
`_background_`. Version 3 had no group_id and numbered its labels (cat-1), which
is undone where labels.txt has cat.
"""

import base64
import binascii
import math
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image, ImageDraw

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.examples import ExampleFiles, Found, MadePart, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.tools import drawing, export
from hdgan.datasets.tools.drawing import DrawnPart
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, shown
from hdgan.outside import parse_json

_LINE, _POINT = 10, 5
# The fewest and the most points of each kind of shape.
_POINTS = {
  "polygon": (3, math.inf), "rectangle": (2, 2), "circle": (2, 2),
  "line": (2, 2), "linestrip": (2, math.inf), "point": (1, 1), "mask": (2, 2),
  "oriented_rectangle": (4, 4),
}  # fmt: skip


class Labelme(FilesBuilder):
  """TFDS builder over labelme's JSON files and their photos."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Reads the JSON files and pairs each with its photo.

    Raises:
      InputError: without a root or a JSON, or for one that is damaged.
    """
    tree = listing.open_download(config, "labelme's JSON files")
    told = json_files(tree)
    if not told:
      raise InputError(
        f"{tree.root}: no JSON of labelme's, with 'shapes' and 'imagePath'; "
        "name the folder that it saved to: --config.data.root=DIR"
      )
    faults: list[str] = []
    notes: list[str] = []
    sound = {}
    for name, (part, value) in told.items():
      some = _faults_of(value)
      faults += [f"{part.name}: {fault}" for fault in some]
      if not some:
        sound[name] = part, value
    shapes = [one for _, value in sound.values() for one in value["shapes"]]
    labels = {shape["label"] for shape in shapes}
    names = export.class_names(tree, labels, faults, notes)
    rows = [
      {"name": one, "has_instances": one.lower() not in export.BACKGROUND}
      for one in names
    ]
    photos, keep = export.Photos(tree), listing.wants_instances(config)
    examples: dict[str, list[ExampleFiles]] = {}
    for name, (part, value) in sound.items():
      try:
        image = _photo(tree, photos, name, part=part, value=value)
      except InputError as error:
        faults.append(f"{part.name}: {error}")
        continue
      top, _, below = name.partition("/")
      split = export.split_of(top) if below else ""
      label, instance = _maps(part, value, names)
      example = ExampleFiles(
        export.stem_of((below if split else name).rpartition(".")[0]),
        label=label,
        instance=instance if keep else None,
        image=image,
      )
      examples.setdefault(split, []).append(example)
    return export.found(
      config,
      tree,
      examples,
      rows=rows,
      void=export.IGNORED in labels,
      faults=faults,
      notes=notes,
    )


def json_files(tree: Tree) -> dict[str, tuple[Part, dict[str, Any]]]:
  """Lists the JSON files of labelme by name; others are passed over.

  Raises:
    InputError: for a damaged one.
  """
  found = {}
  for name, part in tree.parts.items():
    if name.lower().endswith(".json"):
      data = part.read()
      # A quick look, as a JSON of another kind may be very large.
      if b'"shapes"' in data and b'"imagePath"' in data:
        value = parse_json(data, dict, part.name)
        if {"shapes", "imagePath"} <= value.keys():
          found[name] = part, value
  return found


def _faults_of(value: Mapping[str, Any]) -> list[str]:
  """What is wrong with a file of labelme's, and what to do."""
  height, width = value.get("imageHeight"), value.get("imageWidth")
  if not drawing.is_size(height, width):
    return [
      "has no imageHeight and imageWidth, as before labelme 4; open and save "
      "it in a newer one"
    ]
  if not isinstance(value["shapes"], list) or not isinstance(
    value["imagePath"], str
  ):
    return ["its shapes or its imagePath are none; save it again in labelme"]
  found = []
  for i, shape in enumerate(value["shapes"]):
    fault = _shape_fault(shape, height, width)
    if fault:
      label = shape.get("label") if isinstance(shape, dict) else None
      found.append(f"shape {i} ({shown(label, 40)}): {fault}")
  return found


def _shape_fault(shape: Any, height: Any, width: Any) -> str:
  """What keeps a shape from being drawn, and what to do, or ''."""
  if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
    return "has no label; give it one in labelme"
  kind, points = _kind(shape), shape.get("points")
  if kind not in _POINTS:
    return f"of type {shown(kind, 40)}, which is no area; draw a polygon"
  if not isinstance(points, list) or not all(
    isinstance(point, list)
    and len(point) == 2
    and set(map(type, point)) <= {int, float}
    for point in points
  ):
    return "its points are not pairs of numbers; draw it anew"
  least, most = _POINTS[kind]
  if not least <= len(points) <= most:
    return f"a {kind} of {len(points)} points; draw it anew"
  x, y = zip(*points, strict=True)
  if kind in ("polygon", "rectangle") and (
    max(x) <= 0 or max(y) <= 0 or min(x) >= width or min(y) >= height
  ):
    return (
      f"a {kind} at x {min(x):g}..{max(x):g}, y {min(y):g}..{max(y):g} lies "
      f"outside of the {height}x{width} picture; draw it anew"
    )
  if type(shape.get("group_id")) not in (type(None), int, str):
    return "its group_id is no number; draw it anew"
  if kind == "mask" and not isinstance(shape.get("mask"), str):
    return "a mask without its pixels; draw it anew"
  return ""


def _kind(shape: Mapping[str, Any]) -> str:
  """The type of a shape; before version 3 all were polygons."""
  return str(shape.get("shape_type") or "polygon")


def _maps(
  part: Part, value: Mapping[str, Any], names: Sequence[str]
) -> tuple[DrawnPart, DrawnPart]:
  """The label map and the instance map of a file."""
  background = next(
    i for i, one in enumerate(names) if one.lower() in export.BACKGROUND
  )
  numbers: dict[Any, int] = {}
  labels, objects = [], []
  for i, shape in enumerate(value["shapes"]):
    label, group = shape["label"], shape.get("group_id")
    name = export.class_of(label, names)
    ids = names.index(name) if name else background
    if label == export.IGNORED:
      ids = export.void_of(len(names))
    # What version 3 numbered in the label is one object under one number.
    key = (label, group) if group is not None or label != name else i
    shared = (_kind(shape), shape["points"], shape.get("mask"))
    labels.append((*shared, ids))
    plain = ids == background or label == export.IGNORED
    number = 0 if plain else numbers.setdefault(key, len(numbers) + 1)
    objects.append((*shared, number))
  size = (value["imageHeight"], value["imageWidth"])
  return (
    DrawnPart(part.path, part.name, draw=draw, told=(labels, size, background)),
    DrawnPart(part.path, part.name, draw=draw, told=(objects, size, 0)),
  )


def draw(
  shapes: Sequence[tuple[str, list, str | None, int]],
  size: tuple[int, int],
  below: int,
) -> np.ndarray:
  """Paints shapes over one another.

  Args:
    shapes: kind, points (x, y), encoded mask and number of each.
    size: (H, W).
    below: the number where there is none.

  Returns:
    [H, W] int32.

  Raises:
    InputError: for a mask that cannot be decoded.
  """
  ids = np.full(size, below, np.int32)
  for kind, points, mask, number in shapes:
    if kind == "rectangle":
      (x0, y0), (x1, y1) = points
      points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if kind in ("polygon", "rectangle", "oriented_rectangle"):
      window, inside = drawing.polygon(points, *size)
      ids[window][inside] = number
    elif kind == "mask":
      _paste(ids, points, _mask(mask or ""), number=number)
    else:
      ids[_stroke(kind, points, size)] = number
  return ids


def _stroke(
  kind: str, points: Sequence[Sequence[float]], size: tuple[int, int]
) -> np.ndarray:
  """[H, W] bool of a circle (centre, point on it), a line or a point."""
  picture = Image.new("1", size[::-1])
  pen = ImageDraw.Draw(picture)
  if kind in ("line", "linestrip"):
    pen.line([tuple(point) for point in points], fill=1, width=_LINE)
  else:
    x, y = points[0]
    radius = _POINT if kind == "point" else math.dist(*points)
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1)
  return np.array(picture)


def _paste(
  ids: np.ndarray,
  points: Sequence[Sequence[float]],
  mask: np.ndarray,
  *,
  number: int,
) -> None:
  """Paints a mask [h, w] bool with its corner at the first point."""
  x, y = (int(n) for n in points[0])
  mask = mask[max(0, -y) :, max(0, -x) :]
  window = ids[max(0, y) :, max(0, x) :][: mask.shape[0], : mask.shape[1]]
  window[mask[: window.shape[0], : window.shape[1]]] = number


def _mask(text: str) -> np.ndarray:
  """Decodes the PNG of a mask: [h, w] bool."""
  return files.read_map(_decoded(text), "mask") > 0


def _decoded(text: str) -> bytes:
  try:
    return base64.b64decode(text, validate=True)
  except (binascii.Error, ValueError) as error:
    raise InputError(
      f"its picture is no base64 ({error}); save it again in labelme"
    ) from error


def _photo(
  tree: Tree,
  photos: export.Photos,
  name: str,
  *,
  part: Part,
  value: Mapping[str, Any],
) -> Part:
  """The photo that a file names, else the one inside it, else one so called.

  Raises:
    InputError: half a sentence.
  """
  above = posixpath.dirname(name)
  path = value["imagePath"].replace("\\", "/")
  there = posixpath.normpath(posixpath.join(above, path))
  if there in tree.parts:
    return tree.parts[there]
  if isinstance(value.get("imageData"), str):
    return MadePart((part,), photo_inside, "labelme imageData")
  return photos.find(posixpath.basename(path), above)


def photo_inside(data: bytes) -> bytes:
  """The photo in a file of labelme's, which is upright already."""
  return _decoded(parse_json(data, dict, "imageData")["imageData"])
