"""A scene: one plane of object numbers, a table of objects, and its history.

The table has a row per number, so that a change of class or style touches no
pixel. Objects are named by their original instance ids as in style files:
"26001", or "26:1" where an id has two labels. What can be done to a scene is in
`operations`.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from hdgan.datasets.files import as_int32
from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError, near_names
from hdgan.styles import file as style_file
from hdgan.styles.file import Style

# Ids below it are of regions without objects of their own, as in Cityscapes
# and the released code, where an object's id is 1000 * class + number.
FIRST_OBJECT_ID = 1000
# Pixels around a hole that are searched first, and holes searched one by one.
_MARGIN, _PARTS = 32, 200

Classes = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class SceneObject:
  """One row of the table.

  Attributes:
    label: class id.
    instance: original instance id; no two rows with pixels that share a label
      share it.
    style: number or features; None to have it drawn.
  """

  label: int
  instance: int
  style: Style | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
  """Maps and styles of one picture; never changed, only followed by another.

  Attributes:
    objects: [H, W] int32, row of the table per pixel.
    table: the objects; a row whose pixels are all gone stays.
    classes: id, name and has_instances by class id.
    before: the scene before the last edit, or None.
    touched: keys of the objects that the last edit concerned.
    edited: rows that the edits so far concerned, also of what is gone.
    name: of the map, or ''.
  """

  objects: np.ndarray
  table: tuple[SceneObject, ...]
  classes: Classes
  before: "Scene | None" = None
  touched: tuple[str, ...] = ()
  edited: frozenset[int] = frozenset()
  name: str = ""

  @property
  def where(self) -> str:
    """What errors call it."""
    return self.name or "the scene"

  @functools.cached_property
  def runs(self) -> tuple[np.ndarray, np.ndarray]:
    """[n] rows and [n] lengths of the runs of pixels, line by line.

    Maps are made of runs: to look up one by one is ten times quicker.
    """
    flat = self.objects.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    return flat[starts], np.diff(starts, append=flat.size)

  def spread(self, values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """[H, W] of a value per row of the table, [N]."""
    rows, lengths = self.runs
    flat = np.repeat(np.asarray(values)[rows], lengths)
    return flat.reshape(self.objects.shape)

  @property
  def label(self) -> np.ndarray:
    """[H, W] int32 class ids."""
    return self.spread(np.array([o.label for o in self.table], np.int32))

  @property
  def instance(self) -> np.ndarray:
    """[H, W] int32 instance ids."""
    return self.spread(np.array([o.instance for o in self.table], np.int32))

  @property
  def names(self) -> list[str]:
    """Class names by id."""
    return [str(entry["name"]) for entry in self.classes]

  @functools.cached_property
  def sizes(self) -> np.ndarray:
    """[N] int64 pixels of every row."""
    rows, lengths = self.runs
    return np.bincount(rows, lengths, len(self.table)).astype(np.int64)

  def rows(self) -> np.ndarray:
    """[n] rows of the table that have pixels, ascending."""
    return np.flatnonzero(self.sizes)

  def pairs(self) -> np.ndarray:
    """[N, 2] int64 label and instance id of every row."""
    return np.array([(o.label, o.instance) for o in self.table], np.int64)


def open_scene(
  label: np.ndarray,
  instance: np.ndarray,
  classes: Classes,
  styles: Sequence[Style] = (),
  name: str = "",
) -> Scene:
  """Makes a scene of maps.

  Args:
    label: [H, W] integers.
    instance: [H, W] integers.
    classes: id, name, has_instances per class, by id.
    styles: one per object in the order of `dense_objects`; () to draw all.
    name: of the map; styles that are drawn depend on it.

  Returns:
    A scene without a history.

  Raises:
    InputError: if label is a picture, or the maps' sizes differ.
  """
  if label.ndim != 2 or label.shape != instance.shape:
    raise InputError(
      f"label {list(label.shape)}, instance {list(instance.shape)}: a scene "
      "needs class ids and instance ids [H, W] of one size"
    )
  label, instance = as_int32(label), as_int32(instance)
  objects, pairs = dense_objects(label, instance)
  chosen: Sequence[Style | None] = styles or [None] * len(pairs)
  table = tuple(
    SceneObject(a, b, style)
    for (a, b), style in zip(pairs.tolist(), chosen, strict=True)
  )
  return Scene(objects, table, tuple(classes), name=name)


def objects_of(scene: Scene, name: str | int) -> tuple[str, ...]:
  """Keys of all objects of a class that have pixels."""
  label, rows = find_class(scene, name), scene.rows()
  keys = keys_of(scene)
  return tuple(keys[i] for i in rows if scene.table[i].label == label)


def keys_of(scene: Scene) -> list[str]:
  """The key of every row; rows without pixels have the key ''."""
  rows = scene.rows()
  keys = [""] * len(scene.table)
  found = style_file.keys_of(scene.pairs()[rows])
  for row, key in zip(rows, found, strict=True):
    keys[row] = key
  return keys


def find_class(scene: Scene, name: str | int) -> int:
  """Id of a class by name or number.

  Raises:
    InputError: if there is no such class.
  """
  label = style_file.class_id(name, scene.names)
  if label is None:
    hint = near_names(name, scene.names)
    raise InputError(f"class {name!r}: there is no such class; {hint}")
  return label


def find_rows(scene: Scene, keys: str | int | Sequence[str | int]) -> list[int]:
  """Rows of one object or several, by key.

  Raises:
    InputError: for an object that the scene does not have.
  """
  wanted = [keys] if isinstance(keys, str | int) else keys
  rows, result = scene.rows(), []
  pairs = scene.pairs()[rows]
  by_key = style_file.rows_by_key(pairs)
  for key in wanted:
    row = by_key.get(style_file.normal_key(str(key)))
    if row is None:
      raise InputError(style_file.missing(str(key), pairs, scene.where))
    result.append(int(rows[row]))
  return result


def follow(
  scene: Scene,
  objects: np.ndarray,
  table: Sequence[SceneObject],
  rows: Sequence[int],
) -> Scene:
  """The scene after an edit of some rows: [H, W] objects, and the table.

  The rows may be of objects that are gone; `touched` leaves these out.
  """
  after = dataclasses.replace(
    scene,
    objects=objects,
    table=tuple(table),
    before=scene,
    edited=scene.edited.union(rows),
  )
  # Named after the edit, which may have doubled an id or freed one.
  keys = keys_of(after)
  touched = tuple(keys[i] for i in dict.fromkeys(rows) if keys[i])
  return dataclasses.replace(after, touched=touched)


def fill_hole(scene: Scene, hole: np.ndarray) -> np.ndarray:
  """Gives each pixel of a hole to the nearest background region.

  Where no background is left, to the nearest object of any kind.

  Args:
    scene: its objects, classes and ids.
    hole: [H, W] bool.

  Returns:
    [H, W] int32 rows of the table.

  Raises:
    InputError: if the hole is all there is.
  """
  if hole.all():
    raise InputError("nothing else is in the picture to fill the hole with")
  background = np.array([may_fill(scene, o) for o in scene.table])
  source = scene.spread(background)
  source &= ~hole
  if not source.any():
    source = ~hole
  objects = scene.objects.copy()
  for box, part in _parts(hole):
    _fill_part(objects, source, box, part)
  return objects


_Box = tuple[slice, slice]


def _parts(hole: np.ndarray) -> Iterator[tuple[_Box, np.ndarray]]:
  """The connected parts of a hole [H, W]: where each is, and its pixels there.

  Very many parts are taken for one: a search for each would take longer.
  """
  numbers, count = ndimage.label(hole)
  if count > _PARTS:
    numbers = hole.astype(np.int32)
  for i, box in enumerate(ndimage.find_objects(numbers)):
    yield box, numbers[box] == i + 1


def _fill_part(
  objects: np.ndarray, source: np.ndarray, box: _Box, part: np.ndarray
) -> None:
  """Gives each pixel of a part of a hole the row of the nearest source.

  Only a window around the part is searched, made larger until nothing that
  lies outside could be as near.

  Args:
    objects: [H, W] rows, changed in place.
    source: [H, W] bool, not empty.
    box: of the part.
    part: [h, w] bool, its pixels.
  """
  own = np.argwhere(part)
  margin = _MARGIN
  while True:
    window, outside = _window(objects.shape, box, margin)
    if source[window].any():
      nearest = ndimage.distance_transform_edt(
        ~source[window], return_distances=False, return_indices=True
      )
      here = own + [b.start - w.start for b, w in zip(box, window, strict=True)]
      found = nearest[:, here[:, 0], here[:, 1]].T
      far = np.square(found - here).sum(axis=1)
      if (far < np.square(outside(here))).all():
        objects[window][tuple(here.T)] = objects[window][tuple(found.T)]
        return
    margin *= 4


def _window(
  shape: tuple[int, ...], box: _Box, margin: int
) -> tuple[_Box, Callable[[np.ndarray], np.ndarray]]:
  """A box with a margin, as far as the picture (H, W) goes.

  Returns:
    It, and how far pixels [n, 2] in it are from the nearest pixel of the
    picture that lies outside: [n], infinity where there is none.
  """
  window = tuple(
    slice(max(0, side.start - margin), min(size, side.stop + margin))
    for side, size in zip(box, shape, strict=True)
  )

  def outside(pixels: np.ndarray) -> np.ndarray:
    far = np.full(len(pixels), np.inf)
    for at, side, size in zip(pixels.T, window, shape, strict=True):
      if side.start > 0:
        far = np.minimum(far, at + 1)
      if side.stop < size:
        far = np.minimum(far, side.stop - side.start - at)
    return far

  return (window[0], window[1]), outside


def size_text(plane: np.ndarray) -> str:
  """The size of [H, W] as messages give it."""
  height, width = plane.shape
  return f"{height} x {width} pixels (height x width)"


def has_instances(scene: Scene, label: int) -> bool:
  """Whether a class has objects rather than one region."""
  return 0 <= label < len(scene.classes) and bool(
    scene.classes[label].get("has_instances")
  )


def is_background(scene: Scene, one: SceneObject) -> bool:
  """Whether an object is one region of a class without instances."""
  known = 0 <= one.label < len(scene.classes)
  # Ids cast to negative ones are large, and so are no regions.
  region = one.instance in range(FIRST_OBJECT_ID) or one.instance == one.label
  return known and region and not has_instances(scene, one.label)


def may_fill(scene: Scene, one: SceneObject) -> bool:
  """Whether an object may flow into a hole: as its class says, else regions."""
  known = 0 <= one.label < len(scene.classes)
  said = scene.classes[one.label].get("background") if known else None
  return is_background(scene, one) if said is None else said


def regions_of(scene: Scene) -> dict[int, int]:
  """Row of the largest background region of each class that has one.

  Also where its pixels are gone: painted again, it is the same region.
  """
  found: dict[int, int] = {}
  for i, one in enumerate(scene.table):
    other = found.get(one.label)
    if is_background(scene, one) and (
      other is None or scene.sizes[i] > scene.sizes[other]
    ):
      found[one.label] = i
  return found


def region_of(scene: Scene, label: int) -> int | None:
  """Row that new pixels of a class join; None where they are an object."""
  return regions_of(scene).get(label)


class FreshIds:
  """Gives instance ids that no row of a table has, each once."""

  def __init__(self, scene: Scene, table: Sequence[SceneObject]):
    self._scene, self._used = scene, {one.instance for one in table}
    self._next: dict[int, int] = {}

  def __call__(self, label: int) -> int:
    """An id for an object of a class."""
    used, id = self._used, label
    if has_instances(self._scene, label) or label in used:
      # Also for class 0 the ids below are of regions.
      id = self._next.get(label, max(label, 1) * FIRST_OBJECT_ID)
      while id in used:
        id += 1
      self._next[label] = id + 1
    used.add(id)
    return id


def fresh_id(scene: Scene, table: Sequence[SceneObject], label: int) -> int:
  """An instance id that no row of the table has."""
  return FreshIds(scene, table)(label)
