"""What of a picture is to be judged: a box, or the objects of a class.

The same is cut out or outlined in the pictures of all methods, as for the
paper's study of instance maps (4.2), where cars are outlined.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from hdgan.datasets import files, folder
from hdgan.datasets.classes import given_classes
from hdgan.datasets.examples import ExampleFiles, Part
from hdgan.errors import InputError, near_names, raise_faults, shown, visible
from hdgan.evaluation.study.methods import Methods
from hdgan.outside import read_json

Box = tuple[int, int, int, int]  # Left, top, width, height in pixels.

LEAST_AREA = 1e-3  # Share of the picture; smaller objects get no outline.
_BRIGHT, _DARK = (255, 221, 0), (0, 0, 0)
_THICKNESS = 250  # The picture's width by that of the outline.


@dataclasses.dataclass(frozen=True)
class Outlines:
  """The objects of one class in the maps of a folder.

  Attributes:
    label: id of the class.
    examples: maps by stem.
  """

  label: int
  examples: Mapping[str, ExampleFiles]

  def objects(self, stem: str, size: tuple[int, int]) -> np.ndarray:
    """Numbers the objects that are large enough, at the size of a picture.

    Objects are told apart by the instance map; without one, all pixels of the
    class are one object.

    Args:
      stem: of the map.
      size: (H, W) of the picture, which must show the whole map.

    Returns:
      [H, W] int32, 0 where there is none.

    Raises:
      InputError: for maps that cannot be read, or of other shapes.
    """
    example = self.examples[stem]
    label = _ids(example.label)
    ids = label if example.instance is None else _ids(example.instance)
    (height, width), (h, w) = size, label.shape
    # A pixel of rounding is no other shape.
    if abs(height * w - width * h) > max(height, width, h, w):
      raise InputError(
        f"{visible(stem)}: the picture is {width}x{height}, its map {w}x{h}; "
        "a picture must show the whole map"
      )
    if ids.shape != label.shape:
      raise InputError(
        f"{visible(stem)}: the instance map is {ids.shape[1]}x{ids.shape[0]}, "
        f"the label map {w}x{h}; they must be of one size"
      )
    return _scaled(_numbers(ids, label == self.label), size)


def _ids(part: Part) -> np.ndarray:
  """A map [H, W] int32."""
  data = files.checked(part.read(), part.name)
  return files.as_int32(files.read_map(data, part.name), part.name)


def _numbers(ids: np.ndarray, inside: np.ndarray) -> np.ndarray:
  """Objects [H, W] by 1, 2, ... in the order of ids, 0 for small ones."""
  found, inverse, counts = np.unique(
    ids[inside], return_inverse=True, return_counts=True
  )
  large = counts >= LEAST_AREA * ids.size
  order = np.where(large, np.cumsum(large), 0).astype(np.int32)
  numbers = np.zeros(ids.shape, np.int32)
  if len(found):
    numbers[inside] = order[inverse]
  return numbers


def _scaled(numbers: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Brings [h, w] int32 to (H, W), each pixel the nearest one's number."""
  image = Image.fromarray(numbers)
  return np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))


@dataclasses.dataclass(frozen=True)
class Region:
  """What of the pictures is judged.

  Attributes:
    boxes: to which the pictures of a stem are cut; {} for none.
    outlines: the objects that are outlined, or None.
  """

  boxes: Mapping[str, Box] = dataclasses.field(default_factory=dict)
  outlines: Outlines | None = None

  def cut(self, array: np.ndarray, stem: str) -> np.ndarray:
    """The part of an array [H, W, ...] within the box of a stem."""
    if stem not in self.boxes:
      return array
    left, top, width, height = self.boxes[stem]
    return array[top : top + height, left : left + width]

  def objects(self, stem: str, size: tuple[int, int]) -> np.ndarray | None:
    """What to outline in a picture (H, W) once it is cut, or None."""
    if self.outlines is None:
      return None
    return self.cut(self.outlines.objects(stem, size), stem)


def find_region(
  methods: Methods, crop: pathlib.Path | None, outline: str, maps: str
) -> tuple[Methods, Region]:
  """What the flags say of regions, and the pictures that have one.

  Args:
    methods: all pictures.
    crop: of `--crop`, or None.
    outline: of `--outline`, or ''.
    maps: of `--input`, or ''.

  Raises:
    InputError: for regions that do not fit, or where there is none.
  """
  if bool(outline) != bool(maps):
    raise InputError(
      "--outline=CLASS and --input=FOLDER, of label maps, go together"
    )
  boxes: dict[str, Box] = {}
  if crop is not None:
    boxes = read_boxes(crop, methods.sizes)
    methods = methods.only(list(boxes))
  region = Region(boxes)
  if outline:
    source = pathlib.Path(maps).expanduser()
    outlines = open_outlines(outline, source, list(methods.sizes))
    region = Region(boxes, outlines)
    methods = methods.only(
      [
        s
        for s, size in methods.sizes.items()
        if np.any(region.objects(s, size))
      ]
    )
  if not methods.sizes:
    raise InputError(
      f"--outline={outline}: no map has an object of that class of at least "
      f"{LEAST_AREA:.1%} of the picture; name another class"
    )
  return methods, region


def read_boxes(
  path: pathlib.Path, sizes: Mapping[str, tuple[int, int]]
) -> dict[str, Box]:
  """Reads `--crop`: {"STEM": [left, top, width, height], ...} in pixels.

  Args:
    path: of the JSON file.
    sizes: (H, W) of the pictures by stem.

  Returns:
    The boxes by stem.

  Raises:
    InputError: each entry with a fault, one line each.
  """
  boxes, faults = read_json(path, dict), []
  for stem, box in boxes.items():
    where = f"--crop={visible(str(path))}: {shown(stem, 60)}"
    if stem not in sizes:
      faults.append(
        f"{where}: there is no picture of that name; "
        f"{near_names(stem, list(sizes))}"
      )
    elif (
      not isinstance(box, list)
      or len(box) != 4
      or any(type(n) is not int or n < 0 for n in box)
      or min(box[2:]) < 1
    ):
      faults.append(
        f"{where}: {shown(box, 40)} must be [left, top, width, height] in "
        "pixels; correct it"
      )
    else:
      height, width = sizes[stem]
      if box[0] + box[2] > width or box[1] + box[3] > height:
        faults.append(
          f"{where}: {box} reaches beyond the picture of {width}x{height}; "
          "correct it"
        )
  if not boxes:
    faults.append(f"--crop={visible(str(path))}: holds no box; add one a stem")
  raise_faults(faults)
  return {stem: tuple(box) for stem, box in boxes.items()}


def open_outlines(
  klass: str, source: pathlib.Path, stems: Sequence[str]
) -> Outlines:
  """Finds the maps for `--outline=CLASS --input=FOLDER`.

  Args:
    klass: name of a class in the classes.json beside the folder, or an id.
    source: folder of label maps; NAME_inst beside a NAME_label is used too.
    stems: of the pictures.

  Returns:
    What to outline.

  Raises:
    InputError: for an unknown class, or pictures without a map.
  """
  if not source.is_dir():
    raise InputError(f"--input={visible(str(source))} is no folder")
  names = {
    entry["name"]: id
    for home in (source.absolute().parent, source)
    for id, entry in given_classes(home).items()
  }
  if klass not in names and not klass.isdecimal():
    hint = (
      near_names(klass, list(names))
      if names
      else ("there is no classes.json beside --input; say its id")
    )
    raise InputError(
      f"--outline={shown(klass, 40)[1:-1]}: there is no such class; {hint}"
    )
  faults: list[str] = []
  folders = {"label": source}
  split, _, ending = source.name.rpartition("_")
  if split and ending in folder.FOLDERS["label"]:
    parts = folder.split_folders(source.absolute().parent, split, faults)
    folders |= {"instance": parts["instance"]} if "instance" in parts else {}
  examples = folder.pair(folders, {}, faults, trained=True)
  raise_faults(faults)
  by_stem = {one.stem: one for one in examples}
  lost = [visible(stem) for stem in stems if stem not in by_stem]
  if lost:
    raise InputError(
      f"--input={visible(str(source))} has no map of {lost[0]} "
      f"({len(lost)} of {len(stems)} pictures have none); each picture needs "
      "one of its name"
    )
  return Outlines(
    names.get(klass, int(klass) if klass.isdecimal() else -1), by_stem
  )


def draw_outlines(picture: np.ndarray, objects: np.ndarray) -> np.ndarray:
  """Draws a line around each object, between touching ones on one of them.

  Args:
    picture: [H, W, 3] uint8.
    objects: [h, w] int32 numbers of objects, 0 elsewhere; scaled to the
      picture.

  Returns:
    [H, W, 3] uint8.
  """
  height, width = picture.shape[:2]
  numbers = _scaled(objects, (height, width))
  line = max(1, round(width / _THICKNESS))
  near = ndimage.maximum_filter(numbers, 2 * line + 1)
  around = ndimage.maximum_filter(near, 2 * line + 1) > 0
  drawn = picture.copy()
  drawn[around & (near == 0)] = _DARK
  drawn[near > numbers] = _BRIGHT
  return drawn
