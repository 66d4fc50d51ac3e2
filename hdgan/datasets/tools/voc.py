"""Pascal VOC folders, and CVAT's "Segmentation mask 1.1", which is one.

`SegmentationClass/` holds coloured PNGs (palette or RGB), `SegmentationObject/`
one colour per object, `ImageSets/Segmentation/*.txt` the splits (`default.txt`
where CVAT has none), `JPEGImages/` the photos. Classes are those of
`labelmap.txt` (`name:r,g,b:parts:actions`) in its order, of labelme2voc's
`class_names.txt`, or VOC's own 21. The border colour (224, 224, 192), entry 255
of VOC's palette, is no class. Masks without colours hold the classes' numbers.
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
from hdgan.datasets.tools import drawing, export
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, counted, visible

# labelme2voc appends PNG.
CLASS_FOLDERS = ("SegmentationClass", "SegmentationClassPNG")
OBJECT_FOLDERS = ("SegmentationObject", "SegmentationObjectPNG")
# Of labelme2voc: pictures for people.
_SHOWN = ("SegmentationClassVisualization", "SegmentationObjectVisualization")
LISTS = "ImageSets/Segmentation"
BORDER = (224, 224, 192)
NAMES = (
  "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car",
  "cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person",
  "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


class Voc(FilesBuilder):
  """TFDS builder over a Pascal VOC folder; 255 is the border between classes.

  Attributes:
    void: whether masks have such a border.
    photos_way: what to do where no photo came with the export.
  """

  void = True
  photos_way = "put them into JPEGImages/ beside SegmentationClass/"

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files.

    Raises:
      InputError: without a root, a folder of masks, or a list of classes that
        can be read.
    """
    tree = listing.open_download(config, "SegmentationClass/ and JPEGImages/")
    base, folder = mask_folder(tree)
    faults: list[str] = []
    rows = label_map(tree, base, faults)
    stems = _stems(tree, f"{base}{folder}")
    objects = {
      name: part
      for one in OBJECT_FOLDERS
      for name, part in _stems(tree, f"{base}{one}").items()
    }
    use_objects = listing.wants_instances(config) and bool(objects)
    rows = [
      {
        **row,
        "has_instances": use_objects
        and row["name"].lower() not in export.BACKGROUND,
      }
      for row in rows
    ]
    photos = export.Photos(tree, (*CLASS_FOLDERS, *OBJECT_FOLDERS, *_SHOWN))
    # Elsewhere only where there is no such folder.
    usual = photos.has(f"{base}JPEGImages")
    lonely, pairs = [], {}
    colors = tuple(tuple(row["color"]) for row in rows)
    for name, part in stems.items():
      try:
        photo = (
          photos.directly(f"{base}JPEGImages", name)
          if usual
          else photos.find(name, base.rstrip("/"))
        )
      except InputError as error:
        if "missing" not in str(error):
          faults.append(f"{part.name}: {error}")
        else:
          lonely.append(name)
        continue
      if use_objects and name not in objects:
        faults.append(
          f"{part.name}: SegmentationObject/ has no such file; export it again,"
          " or say --config.data.instances=none"
        )
      make, how = listing.made, f"voc {colors}"
      pairs[name] = ExampleFiles(
        export.stem_of(name),
        label=make(class_ids, part, how=how, colors=colors),
        instance=make(object_numbers, objects[name], how="voc objects")
        if use_objects and name in objects
        else None,
        image=photo,
      )
    if lonely:
      faults.append(
        f"{tree.root}: {len(lonely)} of {len(stems)} masks have no photo: "
        f"{first_names(lonely)}; {cls.photos_way}"
      )
    notes = []
    if not objects:
      notes.append(
        f"{tree.root}: no SegmentationObject/: boundaries are taken from the "
        "labels"
      )
    return export.found(
      config,
      tree,
      _by_list(tree, base, stems, pairs=pairs, faults=faults),
      rows=rows,
      void=cls.void,
      faults=faults,
      notes=notes,
    )


class Cvat(Voc):
  """TFDS builder over CVAT's export "Segmentation mask 1.1"."""

  void = False
  photos_way = (
    "export once more with 'Save images', or put the photos into "
    "JPEGImages/ there"
  )


def mask_folder(tree: Tree) -> tuple[str, str]:
  """The folder above SegmentationClass/, '' or with a '/', and its name.

  Raises:
    InputError: if there is none, or are several.
  """
  # Beside a folder of PNGs labelme2voc's other one holds .npy files.
  for folder in reversed(CLASS_FOLDERS):
    found = sorted(
      {
        f"/{name}".partition(f"/{folder}/")[0][1:]
        for name in tree.parts
        if f"/{folder}/" in f"/{name}"
      }
    )
    if found:
      break
  if not found:
    raise InputError(
      f"{tree.root}: no SegmentationClass/; in CVAT export 'Segmentation mask "
      "1.1', with images"
    )
  if len(found) > 1:
    raise InputError(
      f"{tree.root}: {len(found)} exports, in {first_names(found)}; say "
      f"--config.data.root={tree.root}/{found[0]}, or merge them"
    )
  return f"{found[0]}/" if found[0] else "", folder


def palette() -> np.ndarray:
  """VOC's colours [256, 3]: bits of the number, dealt out to R, G and B."""
  ids, colors = np.arange(256), np.zeros((256, 3), np.uint8)
  for bit in range(8):
    for channel in range(3):
      taken = ids >> (3 * bit + channel) & 1
      colors[:, channel] |= (taken << (7 - bit)).astype(np.uint8)
  return colors


def label_map(tree: Tree, base: str, faults: list[str]) -> list[dict[str, Any]]:
  """Names and colours of the classes, in the export's order.

  Raises:
    InputError: for a labelmap.txt that is none.
  """
  part = tree.parts.get(f"{base}labelmap.txt")
  if part is None:
    names = list(NAMES)
    listed = tree.parts.get(f"{base}class_names.txt")
    if listed is not None:
      # labelme2voc's: __ignore__ is left out of it.
      names = [
        one for one in export.read_lines(listed) if one != export.IGNORED
      ]
    return [
      {"name": name, "color": color}
      for name, color in zip(names, palette().tolist(), strict=False)
    ]
  rows: list[dict[str, Any]] = []
  for line in export.read_lines(part):
    name, _, rest = line.rpartition(":")[0].rpartition(":")[0].rpartition(":")
    color = rest.split(",")
    if (
      not name
      or len(color) != 3
      or not all(c.strip().isdigit() and int(c) < 256 for c in color)
    ):
      raise InputError(
        f"{part.name}: {visible(line)!r} is not name:r,g,b:parts:actions; "
        "export it again"
      )
    row = {"name": name, "color": [int(c) for c in color]}
    doubled = [k for k in row if row[k] in [one[k] for one in rows]]
    if doubled:
      faults.append(
        f"{part.name}: two classes have the {doubled[0]} {row[doubled[0]]}; "
        "change one in the tool and export again"
      )
    else:
      rows.append(row)
  return rows


def class_ids(
  name: str, mask: bytes, *, colors: Sequence[Sequence[int]]
) -> bytes:
  """Maps colours to 0..N-1, the border to 255.

  Raises:
    InputError: for a colour that is no class's.
  """
  facts = files.facts(mask, name)
  if facts.channels == 1 and not facts.palette:
    return files.encode_map(files.read_map(mask, name))
  codes = drawing.color_codes(files.read_colors(mask, name))
  table = {_code(color): i for i, color in enumerate(colors)}
  table.setdefault(_code(BORDER), export.void_of(len(colors)))
  values, inverse, counts = np.unique(
    codes, return_inverse=True, return_counts=True
  )
  for value, count in zip(values.tolist(), counts.tolist(), strict=True):
    if value not in table:
      color = np.array([value & 255, value >> 8 & 255, value >> 16])
      near = np.abs(np.array(colors) - color).sum(1).argmin()
      raise InputError(
        f"{name}: colour {tuple(color.tolist())} ({counted(count, 'pixel')}) "
        f"is no class's, the nearest is {tuple(colors[near])} of class {near}; "
        "add it to labelmap.txt (name:r,g,b::), or export again"
      )
  ids = np.array([table[value] for value in values.tolist()])
  return files.encode_map(ids[inverse].reshape(codes.shape).astype(np.uint16))


def object_numbers(name: str, mask: bytes) -> bytes:
  """Numbers colours from 1; black and the border are 0."""
  codes = drawing.color_codes(files.read_colors(mask, name))
  codes[codes == _code(BORDER)] = 0
  return files.encode_map(drawing.numbered(codes))


def _code(color: Sequence[int]) -> int:
  """The number of one colour, as `drawing.color_codes` has it."""
  return color[0] + 256 * color[1] + 65536 * color[2]


def _stems(tree: Tree, folder: str) -> dict[str, Part]:
  """PNGs below a folder by their names in it, without the ending."""
  return {
    export.without_ending(name.removeprefix(f"{folder}/")): part
    for name, part in tree.parts.items()
    if name.startswith(f"{folder}/") and name.lower().endswith(".png")
  }


def _by_list(
  tree: Tree,
  base: str,
  stems: Mapping[str, Part],
  *,
  pairs: Mapping[str, ExampleFiles],
  faults: list[str],
) -> dict[str, list[ExampleFiles]]:
  """Examples by the list of ImageSets/Segmentation/ that names them."""
  lists = {
    name.removesuffix(".txt"): part
    for name, part in tree.folder(f"{base}{LISTS}").items()
    if name.endswith(".txt") and name != "trainval.txt"
  }
  if not lists:
    return {"": list(pairs.values())}
  found, listed = {}, set()
  for name, part in lists.items():
    names = [
      line.split(" ")[0] if line.split(" ")[0] in stems else line
      for line in export.read_lines(part)
    ]
    lost = [one for one in names if one not in stems]
    if lost and export.split_of(name) != "test":
      faults.append(
        f"{part.name}: {len(lost)} of {len(names)} names have no mask in "
        f"SegmentationClass/: {first_names(lost)}; export it again"
      )
    listed |= set(names)
    found[name] = [pairs[one] for one in names if one in pairs]
  rest = sorted(set(stems) - listed)
  if rest:
    faults.append(
      f"{tree.root}: {len(rest)} of {len(stems)} masks are in no list of "
      f"{base}{LISTS}/: {first_names(rest)}; add them to one, or remove "
      "the lists"
    )
  return found
