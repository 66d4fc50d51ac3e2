"""`data.instances`: where the ids of objects come from, if not from a folder.

Each coding makes an instance map that the rest of hdgan reads as any other. An
id of 1000 and more is an object's, as in Cityscapes and the released code,
where it is 1000 * class + number; smaller ones are of regions.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.examples import ExampleFiles, MadePart, Part
from hdgan.datasets.label_map import LabelMap
from hdgan.errors import InputError, counted
from hdgan.picture_spec import PictureSpec, picture_spec

# Codings of the files in `<split>_inst/`; the others need no such folder.
OF_FOLDERS = ("folder", "label*1000+id", "coco_panoptic", "rgb24")
FIRST_OBJECT_ID = 1000
# Pixels that touch at a corner are of one component: a pole or a lead that
# runs aslant would fall into single pixels otherwise.
_NEIGHBOURS = np.ones((3, 3), int)


def recode(
  examples: Sequence[ExampleFiles],
  config: ConfigDict,
  table: LabelMap | None,
  classes: Sequence[Mapping[str, Any]],
) -> list[ExampleFiles]:
  """Gives examples the maps that a config's fields make of their files.

  Args:
    examples: as they lie in a folder.
    config: with data.instances.
    table: its data.label_map, or None.
    classes: tell which have instances.

  Returns:
    The same, with maps of class ids and of object ids.
  """
  things = things_of(classes)
  return [_recoded(one, config, table, things) for one in examples]


def things_of(classes: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
  """Ids of the classes whose objects have ids of their own."""
  return tuple(one["id"] for one in classes if one["has_instances"])


def _recoded(
  one: ExampleFiles,
  config: ConfigDict,
  table: LabelMap | None,
  things: tuple[int, ...],
) -> ExampleFiles:
  label = table.part(one.label) if table else one.label
  coding, instance = config.data.instances, one.instance
  if coding == "none":
    instance = None
  elif coding == "components":
    instance = _components_part(label, things, picture_spec(config))
  elif instance and coding == "label*1000+id":
    # The numbers in it are those of the label before it was numbered anew.
    of = label if table and table.colors else one.label
    check = functools.partial(check_coding, name=instance.name, of=of.name)
    instance = MadePart((instance, of), check, coding)
  elif instance and coding != "folder":
    make = functools.partial(
      number_colors, name=instance.name, grey=coding == "rgb24"
    )
    instance = MadePart((instance,), make, f"{coding} from {FIRST_OBJECT_ID}")
  return dataclasses.replace(one, label=label, instance=instance)


def _components_part(
  label: Part, things: tuple[int, ...], spec: PictureSpec
) -> MadePart:
  make = functools.partial(
    _encoded_components, things=things, spec=spec, name=label.name
  )
  how = f"components 8 {things} {spec.num_classes} {spec.ignore_label}"
  return MadePart((label,), make, how)


def _encoded_components(
  data: bytes, *, things: Sequence[int], spec: PictureSpec, name: str
) -> bytes:
  return files.encode_map(components(files.read_map(data, name), things, spec))


def components(
  label: np.ndarray, things: Sequence[int], spec: PictureSpec
) -> np.ndarray:
  """Numbers the connected components of classes that have instances.

  Args:
    label: [H, W] integers, class ids.
    things: classes whose components are objects.
    spec: with the number of classes and the ignored one.

  Returns:
    [H, W] int64: of a thing class * 1000 + number, from 1 on in the order of
    rows (more than 1000 where there are as many; class 0 counts as the one
    behind the last); of any other pixel its class id. Pixels that touch at a
    corner are connected.
  """
  found = {}
  for id in things:
    numbers, count = scipy.ndimage.label(label == id, structure=_NEIGHBOURS)
    if count:
      found[id] = numbers, count
  most = max((count for _, count in found.values()), default=0)
  # No object's id is that of another class, or of a region.
  step = max(FIRST_OBJECT_ID, most + 1, spec.num_classes, spec.ignore_label + 1)
  ids = label.astype(np.int64)
  for id, (numbers, _) in found.items():
    inside = numbers > 0
    ids[inside] = (id or spec.num_classes) * step + numbers[inside]
  return ids


def check_coding(data: bytes, label: bytes, *, name: str, of: str) -> bytes:
  """Checks that ids of 1000 and more are label * 1000 + number.

  Args:
    data: an encoded instance map.
    label: the label map that it belongs to.
    name: how errors call the instance map.
    of: how they call the label map.

  Returns:
    The instance map as it is.

  Raises:
    InputError: with the first id that is not, and the pixels of all.
  """
  ids = files.read_map(data, name).astype(np.int64)
  classes = files.read_map(label, of).astype(np.int64)
  if ids.shape != classes.shape:
    return data  # The check compares sizes.
  wrong = (ids >= FIRST_OBJECT_ID) & (ids // FIRST_OBJECT_ID != classes)
  if wrong.any():
    y, x = np.argwhere(wrong)[0]
    id = ids[y, x]
    raise InputError(
      f"{name}: object {id} (class {id // FIRST_OBJECT_ID}) lies on class "
      f"{classes[y, x]} of {of} at row {y}, column {x}; "
      f"{counted(int(wrong.sum()), 'pixel')} are not label * 1000 + id; say "
      "--config.data.instances=folder if ids are numbered in another way"
    )
  return data


def number_colors(data: bytes, *, name: str, grey: bool) -> bytes:
  """Numbers the colours of a map in which each colour is an object.

  Ids that are coded as R + 256 G + 65536 B differ where colours do, and their
  values do not matter beyond that: they are numbered from 1000 on in their
  order. Black, COCO's void, is 0.

  Args:
    data: an encoded map, [H, W, 3].
    name: how errors call it.
    grey: whether one channel (or a palette) is taken for colours too.

  Returns:
    An encoded map of ids.

  Raises:
    InputError: if it is none of 8-bit colours.
  """
  if not grey and files.facts(data, name).channels < 3:
    raise InputError(
      f"{name}: has one channel, data.instances = 'coco_panoptic' means "
      "colours (R + 256 G + 65536 B); say --config.data.instances=folder"
    )
  red, green, blue = np.moveaxis(
    files.read_colors(data, name).astype(np.int64), -1, 0
  )
  coded = red | green << 8 | blue << 16
  values, index = np.unique(coded, return_inverse=True)
  numbers = np.arange(len(values)) + FIRST_OBJECT_ID
  numbers[values == 0] = 0
  return files.encode_map(numbers[index.reshape(coded.shape)])
