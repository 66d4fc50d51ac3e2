"""COCO's JSON as tools export it: instances or panoptic.

Instances: `images`, `categories`, `annotations` with polygons or run lengths
(CVAT's `annotations/instances_default.json`, Roboflow's
`<split>/_annotations.coco.json`, Label Studio's `result.json`); the photos lie
anywhere below the root. Annotations are painted in the file's order, which is
CVAT's order of layers, crowds below all. A pixel without one is background,
class 0; categories follow in the file's order.

Panoptic: each annotation names a PNG, whose R + 256 G + 65536 B is the id of a
segment that `segments_info` lists; 0 has no class, here 255.

The published COCO set has data sets of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.folder import first_names
from hdgan.datasets.tools import coco, drawing, export
from hdgan.datasets.tools.drawing import DrawnPart
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, shown
from hdgan.outside import parse_json

# Of the same pictures, but no maps.
_OTHERS = ("captions", "image_info", "labels", "person_keypoints")


class CocoJson(FilesBuilder):
  """TFDS builder over the JSON files of an export and its photos."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Reads the JSON files and pairs what they list with photos.

    Raises:
      InputError: without a root or such a JSON, or for one that is damaged.
    """
    tree = listing.open_download(config, "COCO's JSON and the photos")
    kinds = {"": None, "instances": "instances", "panoptic": "panoptic"}
    wanted = listing.choose(config, "variant", kinds)
    told = {
      kind: some
      for kind, some in json_files(tree).items()
      if some and wanted in (None, kind)
    }
    if len(told) != 1:
      have = " and ".join(told) or f"no JSON of COCO's {wanted or 'kinds'}"
      raise InputError(
        f"{tree.root}: has {have}; say --config.data.variant=instances or "
        "--config.data.variant=panoptic, and export 'COCO' with segmentation"
      )
    ((kind, some),) = told.items()
    faults: list[str] = []
    notes: list[str] = []
    if kind == "panoptic":
      rows, ids = _panoptic_classes(some, faults)
      pair = _panoptic
    else:
      rows, ids = _instance_classes(some, faults, notes)
      pair = _instances
    keep = listing.wants_instances(config)
    examples: dict[str, list[ExampleFiles]] = {}
    for name, (part, value) in some.items():
      split = export.split_of(name.rpartition("/")[2]) or export.split_of(name)
      reader = _Reader(
        tree, name, part, split=split, ids=ids, keep=keep, faults=faults
      )
      examples.setdefault(split, []).extend(pair(reader, value))
    return export.found(
      config,
      tree,
      examples,
      rows=rows,
      void=kind == "panoptic",
      faults=list(dict.fromkeys(faults)),
      notes=notes,
    )


class _Reader:
  """What pairing the pictures of one JSON needs.

  Attributes:
    name: of the JSON in the tree.
    part: the JSON.
    split: that its name tells.
    ids: our classes by the categories' ids.
    keep: whether object numbers are wanted.
    faults: gets what is wrong.
  """

  def __init__(
    self,
    tree: Tree,
    name: str,
    part: Part,
    *,
    split: str,
    ids: Mapping[int, int],
    keep: bool,
    faults: list[str],
  ):
    self.tree, self.name, self.part = tree, name, part
    self.split = split
    self.ids, self.keep, self.faults = dict(ids), keep, faults
    # A panoptic JSON's PNGs lie in a folder that is called as it is.
    self.photos = export.Photos(tree, [_stem(name)])

  def photo(self, file_name: str) -> Part | None:
    """The photo of a name; says what is wrong where there is none."""
    above = self.name.rpartition("/")[0]
    try:
      return self.photos.find(file_name.replace("\\", "/"), above, self.split)
    except InputError as error:
      self.faults.append(f"{self.part.name}: {error}")
      return None


def _stem(name: str) -> str:
  """A file's name without its folder and its ending."""
  return name.rpartition("/")[2].rpartition(".")[0]


def json_files(
  tree: Tree,
) -> dict[str, dict[str, tuple[Part, dict[str, Any]]]]:
  """JSON files of COCO's kinds by kind and name; others are passed over."""
  found: dict[str, dict[str, tuple[Part, dict[str, Any]]]] = {
    "instances": {}, "panoptic": {},
  }  # fmt: skip
  for name, part in tree.parts.items():
    last = name.rpartition("/")[2].lower()
    if not last.endswith(".json") or last.startswith(_OTHERS):
      continue
    try:
      value = parse_json(part.read(), dict, part.name)
    except InputError as error:
      if "must be an object" in str(error):
        continue
      raise
    if {"images", "categories", "annotations"} <= value.keys():
      some = value["annotations"]
      if not isinstance(some, list):
        raise InputError(
          f"{part.name}: its annotations are no list; export it again"
        )
      first = some[0] if some else {}
      segments = isinstance(first, dict) and "segments_info" in first
      kind = "panoptic" if segments else "instances"
      found[kind][name] = part, value
  return found


def _categories(
  some: Mapping[str, tuple[Part, dict[str, Any]]], faults: list[str]
) -> dict[int, dict[str, Any]]:
  """Categories by id; those of all files have to be the same."""
  first: dict[int, dict[str, Any]] = {}
  first_name = ""
  for part, value in some.values():
    read = coco.read_instances(part, {**value, "annotations": []})
    faults += read.faults
    if not first:
      first, first_name = read.categories, part.name
    names = [
      {i: c["name"] for i, c in x.items()} for x in (first, read.categories)
    ]
    if names[0] != names[1]:
      faults.append(
        f"{part.name}: its categories are not those of {first_name}; export "
        "both from one project"
      )
  return first


def _instance_classes(
  some: Mapping[str, tuple[Part, dict[str, Any]]],
  faults: list[str],
  notes: list[str],
) -> tuple[list[dict[str, Any]], dict[int, int]]:
  """Rows of the classes, and our ids by the categories' ids."""
  categories = _categories(some, faults)
  used = {
    str(one.get("category_id"))
    for _, value in some.values()
    for one in value["annotations"]
    if isinstance(one, dict)
  }
  above = {str(one.get("supercategory")) for one in categories.values()}
  # Roboflow's category 0 is the group that all others are in.
  groups = [
    id
    for id, one in categories.items()
    if one["name"] in above
    and one.get("supercategory") in (None, "", "none")
    and str(id) not in used
  ]
  for id in groups if len(categories) > 1 else []:
    notes.append(
      f"category {categories.pop(id)['name']!r} is a group of others and has no"
      " annotation: it is no class"
    )
  background = [
    id
    for id, one in categories.items()
    if one["name"].lower() in export.BACKGROUND
  ]
  order = [
    *background[:1],
    *(id for id in categories if id not in background[:1]),
  ]
  rows = [
    {"name": categories[id]["name"], "has_instances": True} for id in order
  ]
  if background:
    rows[0]["has_instances"] = False
    return rows, {id: i for i, id in enumerate(order)}
  return (
    [{"name": "background"}, *rows],
    {id: i + 1 for i, id in enumerate(order)},
  )


def _instances(reader: _Reader, value: Mapping[str, Any]) -> list[ExampleFiles]:
  """The pictures of an instances JSON."""
  read = coco.read_instances(reader.part, value)
  reader.faults += read.faults
  examples = []
  for id, image in read.images.items():
    photo = reader.photo(image["file_name"])
    if photo is None:
      continue
    some = [
      {
        "segmentation": one["segmentation"],
        "iscrowd": bool(one.get("iscrowd")),
        "label": reader.ids.get(one["category_id"], 0),
      }
      for one in read.annotations[id]
    ]
    told = (some, image["height"], image["width"])
    path, name = reader.part.path, f"{reader.part.name}, {image['file_name']}"
    examples.append(
      ExampleFiles(
        export.stem_of(image["file_name"]),
        label=DrawnPart(path, name, draw=draw_labels, told=told),
        instance=DrawnPart(path, name, draw=draw_objects, told=told)
        if reader.keep
        else None,
        image=photo,
      )
    )
  return examples


def draw_labels(
  annotations: Sequence[Mapping[str, Any]], height: int, width: int
) -> np.ndarray:
  """Class ids [H, W] int32 of annotations; 0 where there is none."""
  table = np.array([0, *(one["label"] for one in annotations)], np.int32)
  return table[coco.paint(annotations, height, width)]


def draw_objects(
  annotations: Sequence[Mapping[str, Any]], height: int, width: int
) -> np.ndarray:
  """Numbers [H, W] int32 of annotations from 1; of crowds and no one 0."""
  numbers = [0 if one["iscrowd"] else i for i, one in enumerate(annotations, 1)]
  table = np.array([0, *numbers], np.int32)
  return table[coco.paint(annotations, height, width)]


def _panoptic_classes(
  some: Mapping[str, tuple[Part, dict[str, Any]]], faults: list[str]
) -> tuple[list[dict[str, Any]], dict[int, int]]:
  """Rows of the classes, and our ids by the categories' ids."""
  categories = _categories(some, faults)
  rows = [
    {
      "name": one["name"],
      "has_instances": bool(one.get("isthing", 1)),
      **({"color": one["color"]} if _is_color(one.get("color")) else {}),
    }
    for one in categories.values()
  ]
  return rows, {id: i for i, id in enumerate(categories)}


def _is_color(value: Any) -> bool:
  return (
    isinstance(value, list)
    and len(value) == 3
    and all(type(c) is int and 0 <= c < 256 for c in value)
  )


def _panoptic(reader: _Reader, value: Mapping[str, Any]) -> list[ExampleFiles]:
  """The pictures of a panoptic JSON."""
  images = coco.read_instances(reader.part, {**value, "annotations": []}).images
  name, examples = reader.part.name, []
  pngs = _segment_maps(reader.tree, reader.name)
  void = export.void_of(len(reader.ids))
  for one in value["annotations"]:
    one = one if isinstance(one, dict) else {}
    id, file_name = one.get("image_id"), one.get("file_name")
    image = images.get(id) if type(id) in (int, str) else None
    if image is None or not isinstance(file_name, str):
      reader.faults.append(
        f"{name}: an annotation has no file_name, or image_id = "
        f"{shown(id)} is not in the file's list; export it "
        "again"
      )
      continue
    segments, fault = _segments(one, reader.ids)
    png = pngs.get(file_name.rpartition("/")[2])
    if png is None:
      fault = f"{file_name} is missing; unpack the folder of PNGs beside it"
    photo = reader.photo(image["file_name"])
    if fault:
      reader.faults.append(f"{name}: {fault}")
    elif png is not None and photo is not None:
      make, how = listing.made, f"panoptic {sorted(segments.items())}"
      examples.append(
        ExampleFiles(
          export.stem_of(image["file_name"]),
          label=make(
            segment_labels, png, how=how, segments=segments, void=void
          ),
          instance=make(segment_numbers, png, how="panoptic numbers")
          if reader.keep
          else None,
          image=photo,
        )
      )
  return examples


def _segment_maps(tree: Tree, name: str) -> dict[str, Part]:
  """The PNGs in the folder that is called as the JSON, or beside it."""
  above, stem = name.rpartition("/")[0], _stem(name)
  beside = f"{above}/{stem}" if above else stem
  inner = [f for f in tree.folders() if f.rpartition("/")[2] == stem]
  folder = beside if beside in tree.folders() else (inner or [above])[0]
  return tree.folder(folder)


def _segments(
  one: Mapping[str, Any], ids: Mapping[int, int]
) -> tuple[dict[int, int], str]:
  """Our classes by segments' ids, and what is wrong with one, or ''."""
  found: dict[int, int] = {}
  some = one.get("segments_info")
  for segment in some if isinstance(some, list) else []:
    if not isinstance(segment, dict):
      return found, f"{one['file_name']}: a segment is none; export it again"
    id, category = segment.get("id"), segment.get("category_id")
    if type(id) is not int or not 0 < id < 2**24 or id in found:
      return found, (
        f"{one['file_name']}: segment id {shown(id)} is none of 1..{2**24 - 1}"
        " or there twice; export it again"
      )
    if type(category) is not int or category not in ids:
      return found, (
        f"{one['file_name']}: category_id = {shown(category)} is not in the "
        "file's list; export it again"
      )
    found[id] = ids[category]
  return found, ""


def segment_labels(
  name: str, png: bytes, *, segments: Mapping[int, int], void: int
) -> bytes:
  """Class ids of a panoptic PNG, `void` where there is no segment.

  Raises:
    InputError: for a segment that the JSON does not list.
  """
  codes = drawing.color_codes(files.read_colors(png, name))
  table = {0: void, **segments}
  values, inverse = np.unique(codes, return_inverse=True)
  lost = [str(value) for value in values.tolist() if value not in table]
  if lost:
    raise InputError(
      f"{name}: segments {first_names(lost)} are not in the JSON's "
      "segments_info; export both again"
    )
  ids = np.array([table[value] for value in values.tolist()], np.uint16)
  return files.encode_map(ids[inverse].reshape(codes.shape))


def segment_numbers(name: str, png: bytes) -> bytes:
  """Numbers the segments of a panoptic PNG from 1; 0 where there is none."""
  codes = drawing.color_codes(files.read_colors(png, name))
  return files.encode_map(drawing.numbered(codes))
