"""COCO's instances JSON, whoever wrote it: what it lists, and maps of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdgan.datasets.examples import Part
from hdgan.datasets.tools import drawing
from hdgan.errors import counted, shown
from hdgan.outside import parse_json


@dataclasses.dataclass(frozen=True)
class Instances:
  """What an instances JSON lists.

  Attributes:
    images: each with its id, file_name, height and width, by id.
    categories: each with its id and name, by id; ids may jump.
    annotations: each with its category_id and segmentation, by the image's id;
      in the file's order.
    faults: what is wrong, one line each.
  """

  images: dict[Any, dict[str, Any]]
  categories: dict[int, dict[str, Any]]
  annotations: dict[Any, list[dict[str, Any]]]
  faults: tuple[str, ...]


def read_instances(
  part: Part, told: Mapping[str, Any] | None = None
) -> Instances:
  """Reads an instances JSON.

  Args:
    part: the file.
    told: what it holds, if it has been read.

  Returns:
    What it lists; what has a fault is left out.

  Raises:
    InputError: if it is no JSON of that kind.
  """
  told = told or parse_json(part.read(), dict, part.name)
  faults: list[str] = []
  images = _listed(told, "images", part.name, faults)
  categories = _listed(told, "categories", part.name, faults)
  _name_faults(images, "file_name", part.name, faults)
  _name_faults(categories, "name", part.name, faults)
  for image in list(images.values()):
    if not drawing.is_size(image.get("height"), image.get("width")):
      faults.append(
        f"{part.name}: image {shown(image['file_name'])} has no height and "
        "width in pixels; export it again"
      )
      del images[image["id"]]
  annotations: dict[Any, list[dict[str, Any]]] = {id: [] for id in images}
  for i, one in enumerate(_list(told, "annotations", part.name, faults)):
    fault = _annotation_fault(one, images, categories)
    if fault:
      id = one.get("id", f"number {i}") if isinstance(one, dict) else i
      faults.append(f"{part.name}: annotation {id}: {fault}")
    else:
      annotations[one["image_id"]].append(one)
  return Instances(
    images=images,
    categories=categories,
    annotations=annotations,
    faults=tuple(faults),
  )


def paint(
  annotations: Sequence[Mapping[str, Any]], height: int, width: int
) -> np.ndarray:
  """Paints annotations over one another in their order, crowds below all.

  Args:
    annotations: of one picture, each with its segmentation: polygons, run
      lengths, or COCO's string of them.
    height: of the picture.
    width: of the picture.

  Returns:
    [H, W] int32: 0 where there is none, else 1 + the index of the one on top.
  """
  ids = np.zeros((height, width), np.int32)
  order = sorted(
    range(len(annotations)), key=lambda i: not annotations[i].get("iscrowd")
  )
  for i in order:
    segmentation = annotations[i]["segmentation"]
    if isinstance(segmentation, Mapping):
      ids[drawing.runs(_counts(segmentation), height, width)] = i + 1
      continue
    for flat in segmentation:
      points = list(zip(flat[::2], flat[1::2], strict=True))
      window, mask = drawing.polygon(points, height, width)
      ids[window][mask] = i + 1
  return ids


def _list(
  told: Mapping[str, Any], key: str, name: str, faults: list[str]
) -> list[Any]:
  """One of the lists of a JSON."""
  if isinstance(told.get(key), list):
    return told[key]
  faults.append(
    f"{name}: has no list '{key}', so it is no instances JSON; export COCO's "
    "instances (object detection, with segmentation)"
  )
  return []


def _listed(
  told: Mapping[str, Any], key: str, name: str, faults: list[str]
) -> dict[Any, dict[str, Any]]:
  """Images or categories by their ids."""
  found: dict[Any, dict[str, Any]] = {}
  for i, one in enumerate(_list(told, key, name, faults)):
    id = one.get("id") if isinstance(one, dict) else None
    if type(id) not in ((int, str) if key == "images" else (int,)):
      faults.append(f"{name}: {key}[{i}] has no id; export it again")
    elif id in found:
      faults.append(f"{name}: id {id} is twice in '{key}'; export it again")
    else:
      found[id] = one
  return found


def _name_faults(
  found: dict[Any, dict[str, Any]], key: str, name: str, faults: list[str]
) -> None:
  """Leaves out what has no name, or another's."""
  known: dict[str, Any] = {}
  for id, one in list(found.items()):
    called = one.get(key)
    if not isinstance(called, str) or not called:
      faults.append(f"{name}: id {id} has no '{key}'; export it again")
      del found[id]
    elif called in known:
      faults.append(
        f"{name}: ids {known[called]} and {id} are both called "
        f"{shown(called)}; give them names that differ in the tool"
      )
      del found[id]
    else:
      known[called] = id


def _annotation_fault(
  one: Any, images: Mapping[Any, Any], categories: Mapping[int, Any]
) -> str:
  """What is wrong with one annotation, and what to do, or ''."""
  if not isinstance(one, dict):
    return "is no object; export it again"
  for key, known in (("image_id", images), ("category_id", categories)):
    id = one.get(key)
    if type(id) not in (int, str) or id not in known:
      return f"{key} = {shown(id)} is not in the file's list; export it again"
  image = images[one["image_id"]]
  fault = segmentation_fault(
    one.get("segmentation"), image["height"], image["width"]
  )
  return f"{fault} (image {shown(image['file_name'])})" if fault else ""


def segmentation_fault(segmentation: Any, height: int, width: int) -> str:
  """What keeps a segmentation from being painted, and what to do, or ''."""
  if not segmentation:
    return "has no segmentation, at most a box; outline it, or remove it"
  if isinstance(segmentation, Mapping):
    return _runs_fault(segmentation, height, width)
  if not isinstance(segmentation, list):
    return "its segmentation is neither polygons nor run lengths; outline it"
  for flat in segmentation:
    if not isinstance(flat, list) or not set(map(type, flat)) <= {int, float}:
      return "a polygon is no list of numbers x, y, x, y, ...; outline it anew"
    if len(flat) < 6 or len(flat) % 2:
      return (
        f"a polygon of {counted(len(flat), 'number')} x, y, x, y, ... has "
        "fewer than 3 points or half a point; outline it anew"
      )
    x, y = flat[::2], flat[1::2]
    if max(x) <= 0 or max(y) <= 0 or min(x) >= width or min(y) >= height:
      return (
        f"a polygon at x {min(x):g}..{max(x):g}, y {min(y):g}..{max(y):g} lies "
        f"outside of the {height}x{width} picture; outline it anew"
      )
  return ""


def _counts(segmentation: Mapping[str, Any]) -> list[int]:
  """Run lengths as a list."""
  counts = segmentation["counts"]
  return drawing.run_lengths(counts) if isinstance(counts, str) else counts


def _runs_fault(
  segmentation: Mapping[str, Any], height: int, width: int
) -> str:
  counts, size = segmentation.get("counts"), segmentation.get("size")
  if size != [height, width]:
    return (
      f"its run lengths are of a picture of size {shown(size, 40)}, not "
      f"[{height}, {width}]; export it again"
    )
  if isinstance(counts, str):
    counts = drawing.run_lengths(counts)
  if not isinstance(counts, list) or not all(
    type(n) is int and n >= 0 for n in counts
  ):
    return "its run lengths are no numbers; export it again"
  if sum(counts) != height * width:
    return (
      f"its run lengths add up to {sum(counts)}, not to {height} x {width} = "
      f"{height * width}; export it again"
    )
  return ""
