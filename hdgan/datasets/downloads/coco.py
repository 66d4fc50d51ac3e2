"""COCO 2017 with stuff: two codings of it, a builder each.

`coco_stuff` (Caesar, Uijlings, Ferrari, CVPR 2018): stuffthingmaps, 8-bit maps
of 0..181 (COCO's ids minus one), 255 where there is no class; taken as they
are. Of 0..90, the things, eleven never occur. Objects are drawn from the
instances JSON over one another in its order and numbered 1..n; crowds, stuff
and what no outline covers are 0. The annotations of `stuff_trainval2017` are
another, older coding and are not read.

`coco_panoptic` (Kirillov et al., CVPR 2019): maps whose colour is the id of a
segment, R + 256 G + 65536 B, and a JSON file that gives each segment's
category; ids of categories go to 200 and jump, here they are 0..132 in the
order of COCO's own table, 80 things and 53 of stuff. Black is no class, 255
here. Segments are numbered 1..n in each picture, crowds as one.

Photos are those of train2017.zip (118,287) and val2017.zip (5,000, held out);
some are grey and become RGB. The JSON files are read when the first picture is
prepared, and not at all once there is a prepared copy.
"""

import dataclasses
import functools
import json
import pathlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.folder import first_names
from hdgan.datasets.tools import coco
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError

PAGE = "https://cocodataset.org/#download"
STUFF_PAGE = "https://github.com/nightrome/cocostuff"
_NAME = r"(?P<split>train2017|val2017)/(?P<stem>[0-9]+)"
PHOTOS = Wanted(
  rf"{_NAME}\.jpg",
  "{split}/*.jpg",
  f"train2017.zip and val2017.zip from {PAGE}",
)
STUFF = Wanted(
  rf"{_NAME}\.png",
  "{split}/*.png",
  f"stuffthingmaps_trainval2017.zip from {STUFF_PAGE}",
)
PANOPTIC = Wanted(
  rf"panoptic_{_NAME}\.png",
  "panoptic_{split}/*.png",
  f"panoptic_annotations_trainval2017.zip from {PAGE} and unpack it (the zips "
  "in it may stay packed)",
)
SPLITS = {"train2017": "train", "val2017": "val"}
VOID = 255
# Names as in nightrome/cocostuff, labels.txt, from 1 on.
STUFF_ROWS = listing.table("coco_stuff")
# As in cocodataset/panopticapi, panoptic_coco_categories.json.
PANOPTIC_ROWS = listing.table("coco_panoptic")
_INDEX = {row["category"]: i for i, row in enumerate(PANOPTIC_ROWS)}


class CocoStuff(FilesBuilder):
  """TFDS builder over photos, stuffthingmaps and the instances JSON."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files.

    Raises:
      InputError: without a root, or for an unknown variant or split.
    """
    tree, splits, faults = _pair(config, STUFF, STUFF_ROWS)
    notes = []
    if listing.wants_instances(config):
      tables = _tables(tree, "instances")
      if len(tables) == len(SPLITS):
        make = _with_table(instances, "coco_stuff instances", tables)
        splits = {
          name: [
            dataclasses.replace(one, instance=make(name, one)) for one in some
          ]
          for name, some in splits.items()
        }
      else:
        notes.append(
          f"{tree.root}: no annotations/instances_*2017.json: boundaries are "
          "taken from the labels; objects are in annotations_trainval2017.zip "
          f"from {PAGE}"
        )
    return Found(
      splits,
      classes=listing.class_entries(STUFF_ROWS),
      faults=tuple(faults),
      notes=tuple(notes),
    )


class CocoPanoptic(FilesBuilder):
  """TFDS builder over photos, panoptic maps and their JSON."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files.

    Raises:
      InputError: without a root, or for an unknown variant or split.
    """
    tree, splits, faults = _pair(config, PANOPTIC, PANOPTIC_ROWS)
    tables = _tables(tree, "panoptic")
    gone = [theirs for theirs, ours in SPLITS.items() if ours not in tables]
    if gone:
      looks = [f"annotations/panoptic_{split}.json" for split in gone]
      faults.append(listing.missing(tree, looks, PANOPTIC.source))
      return Found(splits, faults=tuple(faults))
    label = _with_table(categories, "coco_panoptic categories", tables)
    instance = _with_table(segments, "coco_panoptic segments", tables)
    keep = listing.wants_instances(config)
    splits = {
      name: [
        dataclasses.replace(
          one,
          label=label(name, one),
          instance=instance(name, one) if keep else None,
        )
        for one in some
      ]
      for name, some in splits.items()
    }
    return Found(
      splits,
      classes=listing.class_entries(PANOPTIC_ROWS),
      faults=tuple(faults),
    )


def _pair(
  config: ConfigDict, maps: Wanted, rows: list[dict[str, Any]]
) -> tuple[Tree, dict[str, list[ExampleFiles]], list[str]]:
  """The tree, examples of photos and maps by split, and faults."""
  listing.choose(config, "variant", {"": None})
  listing.choose(config, "split", {"": None})
  tree = listing.open_download(
    config, "train2017.zip, val2017.zip and the maps"
  )
  faults = listing.class_faults(config, len(rows), VOID)
  wanted = {"label": maps, "image": PHOTOS}
  splits = listing.pair_splits(
    config, tree, wanted, splits=SPLITS, faults=faults
  )
  return tree, splits, faults


def _tables(tree: Tree, kind: str) -> dict[str, Part]:
  """The JSON files `<kind>_<split>.json` that are there, by our splits."""
  found = {
    ours: listing.find_file(tree, f"{kind}_{theirs}.json")
    for theirs, ours in SPLITS.items()
  }
  return {split: part for split, part in found.items() if part is not None}


def _with_table(
  make: Callable[..., bytes], how: str, tables: Mapping[str, Part]
) -> Callable[[str, ExampleFiles], Part]:
  """What makes parts of a map and of its split's JSON file."""
  return lambda split, one: TabledPart(
    one.label, tables[split], make=make, how=how
  )


@dataclasses.dataclass(frozen=True)
class TabledPart:
  """A map made of another and of what a JSON file tells of its picture.

  Attributes:
    source: the other map; its stem is the picture's number.
    table: a JSON file with the annotations of many pictures.
    make: from a name, the source's bytes and the annotations to a file.
    how: names the recipe: another text, another content.
  """

  source: Part
  table: Part
  make: Callable[..., bytes]
  how: str

  @property
  def path(self) -> pathlib.Path:
    """That of the source."""
    return self.source.path

  @property
  def name(self) -> str:
    """That of the source."""
    return self.source.name

  @property
  def facts(self) -> tuple[Any, ...]:
    """Those of both files, and how it is made."""
    return self.how, self.source.facts, self.table.facts

  def read(self) -> bytes:
    """Makes it; the JSON file is read once for all pictures."""
    number = int(pathlib.PurePosixPath(self.name).stem)
    told = annotations(self.table, number)
    data = files.checked(self.source.read(), self.name)
    try:
      return self.make(self.name, data, told)
    except (AttributeError, KeyError, TypeError) as error:
      raise InputError(
        f"{self.table.name}: picture {number}: {error!r:.80} where COCO's JSON "
        "has something else; download it anew"
      ) from error


def instances(name: str, label: bytes, told: list[dict[str, Any]]) -> bytes:
  """Draws a picture's objects, numbered 1..n; crowds are left out."""
  height, width = files.facts(label, name).size
  drawn = []
  for one in told:
    if one.get("iscrowd"):
      continue
    outlines = one["segmentation"]
    if isinstance(outlines, Mapping):
      fault = coco.segmentation_fault(outlines, height, width)
      if fault:
        raise InputError(f"{name}: annotation {one.get('id')}: {fault}")
    else:
      # What lies outside, or is less than an area, hides nothing.
      outlines = [
        outline
        for outline in outlines
        if not coco.segmentation_fault([outline], height, width)
      ]
    if outlines:
      drawn.append({"segmentation": outlines})
  return files.encode_map(coco.paint(drawn, height, width))


def segment_ids(name: str, picture: bytes) -> np.ndarray:
  """Reads the ids [H, W] int32 of segments; 0 is none."""
  rgb = files.read_colors(picture, name).astype(np.int32)
  return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


def categories(name: str, picture: bytes, told: list[dict[str, Any]]) -> bytes:
  """Gives each pixel [H, W] its category's index, 255 where there is none."""
  ids, where, pixels = np.unique(
    segment_ids(name, picture), return_inverse=True, return_counts=True
  )
  kinds = {0: VOID}
  for segment in [s for one in told for s in one["segments_info"]]:
    if segment["category_id"] not in _INDEX:
      raise InputError(
        f"{name}: category {segment['category_id']} is none of COCO's 133; "
        "take the panoptic JSON as it was downloaded"
      )
    kinds[segment["id"]] = _INDEX[segment["category_id"]]
  unknown = [(i, n) for i, n in zip(ids, pixels, strict=True) if i not in kinds]
  if unknown:
    some = [f"{i} ({n} pixels)" for i, n in unknown]
    raise InputError(
      f"{name}: segments {first_names(some, 3)} are not in the panoptic JSON; "
      "take maps and JSON of one archive"
    )
  table = np.array([kinds[i] for i in ids.tolist()], np.uint8)
  return files.encode_map(table[where.reshape(-1)].reshape(where.shape))


def segments(name: str, picture: bytes, told: list[dict[str, Any]]) -> bytes:
  """Numbers a picture's segments [H, W] 1..n in the order of their ids."""
  del told
  ids = segment_ids(name, picture)
  known = np.union1d(0, ids)
  return files.encode_map(np.searchsorted(known, ids))


_LOADING = threading.Lock()


def annotations(table: Part, number: int) -> list[dict[str, Any]]:
  """What a JSON file of COCO's tells of a picture.

  Args:
    table: of some 100 MB; read once, and kept as text, which takes less room.
    number: the picture's id.

  Returns:
    Its annotations in the file's order.

  Raises:
    InputError: if it is no such file.
  """
  with _LOADING:  # Threads that ask first would each read it.
    # All parts are frozen dataclasses.
    located = _located(table, table.facts)  # type: ignore[arg-type]
  if isinstance(located, InputError):
    raise located
  text, places = located
  decode = json.JSONDecoder().raw_decode
  return [decode(text, place)[0] for place in places.get(number, ())]


@functools.lru_cache(maxsize=2)
def _located(
  table: Part, facts: tuple[Any, ...]
) -> tuple[str, dict[int, list[int]]] | InputError:
  """A file's text, and where in it the annotations of each picture begin.

  An error is given back, so that a damaged file is not read for each picture.
  """
  del facts  # Another file's are others.
  places = defaultdict(list)
  try:
    text = table.read().decode("utf-8")
    for place, one in _elements(text, "annotations"):
      places[int(one["image_id"])].append(place)
  except InputError as error:
    return error
  except (IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
    return InputError(
      f"{table.name}: is not COCO's JSON of annotations ({error!r:.80}); "
      "download it anew"
    )
  return text, dict(places)


_BETWEEN = re.compile(r"[\s,:]*")


def _elements(text: str, key: str) -> Iterator[tuple[int, Any]]:
  """Elements of the list under a key of a JSON object, and where they begin.

  Only one of them is decoded at a time.
  """
  decode = json.JSONDecoder().raw_decode

  def skip(place: int) -> int:
    return _BETWEEN.match(text, place).end()  # type: ignore[union-attr]

  place = skip(text.index("{") + 1)
  while text[place] != "}":
    name, place = decode(text, place)
    place = skip(place)
    if name != key:
      _, place = decode(text, place)
      place = skip(place)
      continue
    place = skip(place + 1)
    while text[place] != "]":
      one, end = decode(text, place)
      yield place, one
      place = skip(end)
    return
  raise KeyError(key)
