"""Label Studio's JSON export, and photos that its tasks name.

A list of tasks: `data` names the photo, `annotations` hold regions (brush,
polygon, rectangle, ellipse) with their labels; shorter in JSON-MIN. The brush
is a stream of bits, which holds the four channels of a mask; its alpha counts.
Of several annotations of a task that are not cancelled the newest is taken.
Regions are painted in their order; what none covers is background, class 0.

The PNGs of the brush export (`task-1-annotation-2-by-3-tag-cat-0.png`) do not
say which photo a task is: the same regions are in the JSON, which is needed.
Photos are not part of an export. An uploaded one is called after the user's, 8
characters and '-' before it.
"""

import math
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets.downloads import listing
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.tools import drawing, export
from hdgan.datasets.tools.drawing import DrawnPart
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, shown, visible
from hdgan.outside import parse_json

_KINDS = {
  "brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "labels",
}  # fmt: skip
_PNG = re.compile(r"(?:.*/)?task-\d+-annotation-[^/]*\.(png|npy)", re.I)
_PICTURE = re.compile(r"\.(jpe?g|png|webp|bmp|tiff?)$", re.I)


class LabelStudio(FilesBuilder):
  """TFDS builder over Label Studio's JSON and the photos of its tasks."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Reads the tasks and pairs each with its photo.

    Raises:
      InputError: without a root or a JSON, or for one that is damaged.
    """
    tree = listing.open_download(config, "Label Studio's JSON and the photos")
    faults: list[str] = []
    notes: list[str] = []
    tasks = list_tasks(tree)
    if not tasks:
      pngs = sum(bool(_PNG.fullmatch(name)) for name in tree.parts)
      raise InputError(
        f"{tree.root}: "
        + (f"{pngs} brush masks and no" if pngs else "no")
        + " JSON of Label Studio's, which alone tells the photo of a task; "
        "export the project as JSON and put the file there"
      )
    regions = [_regions(part, task, faults) for part, task in tasks]
    labels = {one[-1] for some in regions for one in some or []}
    names = export.class_names(tree, labels, faults, notes)
    rows = [
      {"name": one, "has_instances": one.lower() not in export.BACKGROUND}
      for one in names
    ]
    several = sum(len(_annotations(task)) > 1 for _, task in tasks)
    if several:
      notes.append(
        f"{tree.root}: {several} of {len(tasks)} tasks have several "
        "annotations: the newest of each is taken"
      )
    bare = sum(some is None for some in regions)
    if bare:
      notes.append(
        f"{tree.root}: {bare} of {len(tasks)} tasks are not annotated and left "
        "out"
      )
    photos, keep = export.Photos(tree), listing.wants_instances(config)
    examples = []
    for (part, task), some in zip(tasks, regions, strict=True):
      if some is None:
        continue
      try:
        image, stem = _photo(photos, task)
      except InputError as error:
        faults.append(f"{part.name}: task {task.get('id')}: {error}")
        continue
      if some:
        label, instance = _maps(part, task, some, names=names)
        examples.append(
          ExampleFiles(
            stem, label=label, instance=instance if keep else None, image=image
          )
        )
    return export.found(
      config,
      tree,
      {"": examples},
      rows=rows,
      void=export.IGNORED in labels,
      faults=faults,
      notes=notes,
    )


def list_tasks(tree: Tree) -> list[tuple[Part, dict[str, Any]]]:
  """Tasks of all JSON exports of Label Studio's; other JSON is passed over.

  Raises:
    InputError: for a damaged one.
  """
  found = []
  for name, part in tree.parts.items():
    if name.lower().endswith(".json"):
      data = part.read()
      if data.lstrip()[:1] == b"[":
        found += [
          (part, task)
          for task in parse_json(data, list, part.name)
          if isinstance(task, dict) and _is_task(task)
        ]
  return found


def _is_task(task: Mapping[str, Any]) -> bool:
  """Whether it is one, of JSON or of JSON-MIN."""
  return isinstance(task.get("data"), dict) or "annotation_id" in task


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Those of a task that are not cancelled, the newest last."""
  some = task.get("annotations", task.get("completions"))
  if some is None:  # JSON-MIN has one, spread over the task.
    return [dict(task)] if "annotation_id" in task else []
  good = [
    one
    for one in (some if isinstance(some, list) else [])
    if isinstance(one, dict)
    and not one.get("was_cancelled")
    and not one.get("skipped")
  ]
  return sorted(good, key=lambda one: str(one.get("created_at", "")))


def _results(annotation: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Regions of an annotation: value, size, rotation, in one form."""
  if isinstance(annotation.get("result"), list):
    return [one for one in annotation["result"] if isinstance(one, dict)]
  return [
    {**one, "value": one}
    for some in annotation.values()
    if isinstance(some, list)
    for one in some
    if isinstance(one, dict) and "original_width" in one
  ]


Region = tuple[str, Any, tuple[int, int], str]


def _regions(
  part: Part, task: Mapping[str, Any], faults: list[str]
) -> list[Region] | None:
  """Kind, outline or bits, (H, W) and label of each region; None if bare."""
  annotations = _annotations(task)
  if not annotations:
    return None
  found: list[Region] = []
  told = list(filter(_is_region, _results(annotations[-1])))
  for i, one in enumerate(told):
    try:
      found.append(_region(one))
    except InputError as error:
      faults.append(f"{part.name}: task {task.get('id')}, region {i}: {error}")
  sizes = {size for _, _, size, _ in found}
  if len(sizes) > 1:
    faults.append(
      f"{part.name}: task {task.get('id')}: its regions are of pictures of "
      f"{len(sizes)} sizes; annotate one picture a task"
    )
  return found or None


def _is_region(result: Mapping[str, Any]) -> bool:
  """Whether it is an area with a label; a choice or a text is none."""
  value = result.get("value")
  if not isinstance(value, dict) or not _shape_of(value):
    return False
  # A brush without a label beside one with it is one region told twice.
  return str(result.get("type")) in _KINDS or bool(_KINDS & value.keys())


def _labels(result: Mapping[str, Any]) -> Any:
  """Labels of a region."""
  value = result["value"]
  return next((value[key] for key in sorted(_KINDS) if value.get(key)), [])


def _shape_of(value: Mapping[str, Any]) -> str:
  """What kind of region a value holds, or ''."""
  for key, kind in (
    ("rle", "brush"), ("points", "polygon"), ("radiusX", "ellipse"),
    ("width", "rectangle"),
  ):  # fmt: skip
    if key in value:
      return kind
  return ""


def _region(result: Mapping[str, Any]) -> Region:
  """One region in pixels.

  Raises:
    InputError: half a sentence: what is wrong with it.
  """
  value, labels = result["value"], _labels(result)
  width: Any = result.get("original_width")
  height: Any = result.get("original_height")
  if not drawing.is_size(height, width):
    raise InputError(
      "has no original_width and original_height; open its task in Label "
      "Studio, save it and export again"
    )
  if (
    not isinstance(labels, list)
    or len(labels) != 1
    or not isinstance(labels[0], str)
  ):
    raise InputError(
      f"has the labels {shown(labels, 80)}; give it one, it is one class"
    )
  if result.get("image_rotation"):
    raise InputError("is drawn on a turned picture; turn it back and redraw")
  kind, size = _shape_of(value), (height, width)
  try:
    if kind == "brush":
      return kind, _checked_bits(value["rle"], size), size, labels[0]
    points = _outline(kind, value, scale=np.array([width, height]) / 100)
    if not np.isfinite(points).all():
      raise ValueError("a number is missing")
  except InputError:
    raise
  except (KeyError, TypeError, ValueError) as error:
    raise InputError(
      f"its {kind} has no numbers where they should be; draw it anew"
    ) from error
  if len(points) < 3:
    raise InputError(f"a polygon of {len(points)} points; draw it anew")
  low, high = points.min(0), points.max(0)
  if (high <= 0).any() or (low >= (width, height)).any():
    raise InputError(
      f"its {kind} lies outside of the {height}x{width} picture; draw it anew"
    )
  return "polygon", points.tolist(), size, labels[0]


def _checked_bits(rle: Any, size: tuple[int, int]) -> str:
  """A brush's bytes as text, whose first 32 bits are the number of samples."""
  if not isinstance(rle, list):
    raise TypeError("bytes are a list of numbers")
  data = bytes(rle)
  count = int.from_bytes(data[:4], "big")
  if count != 4 * size[0] * size[1]:
    raise InputError(
      f"its brush holds {count} samples, not 4 x {size[0]} x {size[1]}; export "
      "it again"
    )
  return data.decode("latin-1")


def _outline(
  kind: str, value: Mapping[str, Any], *, scale: np.ndarray
) -> np.ndarray:
  """Corners [n, 2] (x, y) of a region in pixels.

  Args:
    kind: of the region.
    value: of the region, in percent of the picture's sides.
    scale: pixels (x, y) of a percent.
  """
  if kind == "polygon":
    return np.reshape(np.array(value["points"], np.float64), (-1, 2)) * scale
  if kind == "rectangle":
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    sides = (value["width"], value["height"])
  else:
    turns = np.arange(72) * (math.pi / 36)
    corners = np.stack([np.cos(turns), np.sin(turns)], 1)
    sides = (value["radiusX"], value["radiusY"])
  offsets = corners * np.array(sides, np.float64) * scale
  # Clockwise about the rectangle's first corner, the ellipse's centre.
  angle = math.radians(value.get("rotation") or 0)
  turn = np.array(
    [
      [math.cos(angle), math.sin(angle)],
      [-math.sin(angle), math.cos(angle)],
    ]
  )
  return np.array([value["x"], value["y"]], np.float64) * scale + offsets @ turn


def _photo(photos: export.Photos, task: Mapping[str, Any]) -> tuple[Part, str]:
  """The photo of a task and what the example is called.

  Raises:
    InputError: half a sentence: there is none, or there are several.
  """
  data = task.get("data", task)
  paths = [
    path
    for value in data.values()
    if isinstance(value, str) and _PICTURE.search(path := _path(value))
  ]
  if len(paths) != 1:
    raise InputError(f"names {len(paths)} photos, not one; export it again")
  path = paths[0]
  own = re.sub(r"^[0-9a-f]{8}-", "", path.rpartition("/")[2])
  try:
    found = photos.find(path)
  except InputError as error:
    if "missing" not in str(error):
      raise
    found = photos.find(own)
  return found, export.stem_of(own)


def _path(value: str) -> str:
  """The path in an address: of an upload, a local file or a bucket."""
  try:
    parts = urllib.parse.urlsplit(value)
  except ValueError:
    return ""
  query = urllib.parse.parse_qs(parts.query)
  return query["d"][0] if "d" in query else urllib.parse.unquote(parts.path)


def _maps(
  part: Part,
  task: Mapping[str, Any],
  regions: Sequence[Region],
  *,
  names: Sequence[str],
) -> tuple[DrawnPart, DrawnPart]:
  """The label map and the instance map of a task."""
  background = next(
    i for i, one in enumerate(names) if one.lower() in export.BACKGROUND
  )
  labels, objects = [], []
  for number, (kind, shape, _, label) in enumerate(regions, 1):
    name = export.class_of(label, names)
    ids = names.index(name) if name else background
    void = label == export.IGNORED
    labels.append((kind, shape, export.void_of(len(names)) if void else ids))
    plain = void or ids == background
    objects.append((kind, shape, 0 if plain else number))
  name = f"{part.name}, task {visible(str(task.get('id')))}"
  size = regions[0][2]
  return (
    DrawnPart(part.path, name, draw=draw, told=(labels, size, background)),
    DrawnPart(part.path, name, draw=draw, told=(objects, size, 0)),
  )


def draw(
  regions: Sequence[tuple[str, Any, int]], size: tuple[int, int], below: int
) -> np.ndarray:
  """Paints regions over one another.

  Args:
    regions: kind, outline (x, y) or bits, and number of each.
    size: (H, W).
    below: the number where there is none.

  Returns:
    [H, W] int32.

  Raises:
    InputError: for bits that end too early.
  """
  ids = np.full(size, below, np.int32)
  for kind, shape, number in regions:
    if kind == "brush":
      ids[brush(shape.encode("latin-1"), size)] = number
    else:
      window, inside = drawing.polygon(shape, *size)
      ids[window][inside] = number
  return ids


def brush(data: bytes, size: tuple[int, int]) -> np.ndarray:
  """Decodes the bits of a brush.

  32 bits: how many samples; 5: bits of a sample - 1; four times 4: sizes of
  counts - 1. Then blocks: a bit that tells whether one sample is repeated, two
  that choose the size of the count, the count - 1, and the sample or samples.

  Args:
    data: of a mask of four channels.
    size: (H, W).

  Returns:
    [H, W] bool: where alpha is not 0.

  Raises:
    InputError: if they end too early.
  """
  bits = "".join(f"{byte:08b}" for byte in data)
  place = 0

  def take(count: int) -> int:
    nonlocal place
    place += count
    if place > len(bits):
      raise InputError("the bits of a brush end too early; export it again")
    return int(bits[place - count : place], 2)

  samples, wide = np.zeros(take(32), np.uint32), take(5) + 1
  sizes = [take(4) + 1 for _ in range(4)]
  i = 0
  while i < len(samples):
    repeated = take(1)
    end = i + 1 + take(sizes[take(2)])
    if repeated:
      samples[i:end] = take(wide)
    else:
      samples[i:end] = [take(wide) for _ in range(min(end, len(samples)) - i)]
    i = end
  return samples.reshape(*size, 4)[..., 3] > 0
