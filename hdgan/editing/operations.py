"""Edits of a scene: classes, styles, objects added, removed and moved.

Pure functions from scene to scene, and `render`; an editor of any kind calls
them, there is no drawing here. Section 3.4 of the paper shows such edits.

  scene = open_scene(label, instance, renderer.classes)
  scene = change_class(scene, objects_of(scene, "tree"), "building")
  scene = restyle(scene, "5002", 3)
  picture = render(scene, renderer)
  scene = undo(scene)
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from hdgan.datasets.transforms import place_map, whole_placement
from hdgan.editing.scene import (
  FreshIds,
  Scene,
  SceneObject,
  fill_hole,
  find_class,
  find_rows,
  follow,
  fresh_id,
  has_instances,
  keys_of,
  region_of,
  size_text,
)
from hdgan.errors import InputError
from hdgan.rendering.renderer import Renderer, to_levels
from hdgan.styles import file as style_file
from hdgan.styles.choice import Chooser
from hdgan.styles.file import Style, StyleFile


def change_class(
  scene: Scene, keys: str | int | Sequence[str | int], name: str | int
) -> Scene:
  """Gives objects another class; their styles are drawn anew.

  In a class without instances they join its one region, if there is one.

  Args:
    scene: before.
    keys: of one object or several.
    name: of the class.

  Returns:
    The scene after.

  Raises:
    InputError: for an object or a class that is not there.
  """
  label, rows = find_class(scene, name), find_rows(scene, keys)
  table = list(scene.table)
  # Where the pixels of each row go.
  place = np.arange(len(table), dtype=np.int32)
  single = not has_instances(scene, label)
  region = region_of(scene, label)
  fresh, taken = FreshIds(scene, table), {(o.label, o.instance) for o in table}
  for row in rows:
    if table[row].label == label:
      continue
    if region is not None:
      place[row] = region
      continue
    # The id stays, unless that would merge two objects.
    id = table[row].instance
    if single or (label, id) in taken:
      id = fresh(label)
    taken.add((label, id))
    table[row] = SceneObject(label, id)
    # The first becomes the region that the others join.
    region = row if single else None
  touched = [*rows, *place[rows].tolist()]
  return follow(scene, scene.spread(place), table, touched)


def restyle(
  scene: Scene, keys: str | int | Sequence[str | int], style: Style | None
) -> Scene:
  """Gives objects a style.

  Args:
    scene: before.
    keys: of one object or several.
    style: number in the class, or features; None to have it drawn.

  Returns:
    The scene after.
  """
  rows, table = find_rows(scene, keys), list(scene.table)
  if style is not None and not isinstance(style, int):
    style = tuple(float(x) for x in style)
  for row in rows:
    table[row] = dataclasses.replace(table[row], style=style)
  return follow(scene, scene.objects, table, rows)


def add(
  scene: Scene, mask: np.ndarray, name: str | int, style: Style | None = None
) -> Scene:
  """Paints a new object over what is there.

  It gets an id that no other has; in a class without instances the mask joins
  its one region and takes its style, if there is one.

  Args:
    scene: before.
    mask: [H, W] bool.
    name: of the class.
    style: number or features; None to have it drawn.

  Returns:
    The scene after; `touched` names the object.

  Raises:
    InputError: for an unknown class, or a mask of another size or without
      pixels.
  """
  mask = _checked_mask(scene, mask, "add")
  row, table = _place_for(scene, find_class(scene, name), style)
  objects = np.where(mask, np.int32(row), scene.objects)
  return follow(scene, objects, table, [row])


def remove(
  scene: Scene,
  keys: str | int | Sequence[str | int],
  fill: str | int | None = None,
) -> Scene:
  """Takes objects out; the hole goes to the nearest background.

  Args:
    scene: before.
    keys: of one object or several.
    fill: class that fills the hole instead.

  Returns:
    The scene after.

  Raises:
    InputError: for an object that is not there, or if nothing would be left.
  """
  rows = find_rows(scene, keys)
  gone = np.zeros(len(scene.table), bool)
  gone[rows] = True
  return _take_out(scene, scene.spread(gone), fill, rows)


def erase(
  scene: Scene, mask: np.ndarray, fill: str | int | None = None
) -> Scene:
  """Takes a part out of whatever is there.

  Each of its pixels goes to the nearest background outside of it.

  Args:
    scene: before.
    mask: [H, W] bool.
    fill: class that the part goes to instead.

  Returns:
    The scene after.

  Raises:
    InputError: for a mask of another size or without pixels, an unknown class,
      or if nothing would be left.
  """
  mask = _checked_mask(scene, mask, "erase")
  return _take_out(scene, mask, fill, np.unique(scene.objects[mask]).tolist())


def _take_out(
  scene: Scene, hole: np.ndarray, fill: str | int | None, rows: Sequence[int]
) -> Scene:
  """Fills a hole [H, W] that is made in the objects of some rows."""
  if fill is None:
    return follow(scene, fill_hole(scene, hole), scene.table, rows)
  row, table = _place_for(scene, find_class(scene, fill), None)
  objects = np.where(hole, np.int32(row), scene.objects)
  return follow(scene, objects, table, [*rows, row])


def _place_for(
  scene: Scene, label: int, style: Style | None
) -> tuple[int, list[SceneObject]]:
  """The row that new pixels of a class get, and the table with it.

  Args:
    scene: before.
    label: the class.
    style: of a row that has no pixels yet.
  """
  table = list(scene.table)
  row = region_of(scene, label)
  if row is None:
    row = len(table)
    table.append(SceneObject(label, fresh_id(scene, table, label), style))
  elif not scene.sizes[row]:
    table[row] = dataclasses.replace(table[row], style=style)
  return row, table


def _checked_mask(scene: Scene, mask: np.ndarray, what: str) -> np.ndarray:
  """[H, W] bool of a mask that has the scene's size, and pixels."""
  mask = np.asarray(mask, bool)
  if mask.shape != scene.objects.shape:
    raise InputError(
      f"mask of {size_text(mask)} must have the size of {scene.where}, "
      f"{size_text(scene.objects)}"
    )
  if not mask.any():
    raise InputError(f"mask has no pixels that are not zero; nothing to {what}")
  return mask


def move(
  scene: Scene, keys: str | int | Sequence[str | int], dy: int, dx: int
) -> Scene:
  """Shifts objects together; what leaves the picture is cut off.

  Args:
    scene: before.
    keys: of one object or several.
    dy: rows down.
    dx: columns to the right.

  Returns:
    The scene after; the place they left goes to the nearest background.

  Raises:
    InputError: if one would leave the picture, or nothing else is in it.
  """
  rows = find_rows(scene, keys)
  chosen = np.zeros(len(scene.table), bool)
  chosen[rows] = True
  old = scene.spread(chosen)
  new = np.zeros_like(old)
  height, width = old.shape
  y, x = np.nonzero(old)
  values = scene.objects[y, x]
  y, x = y + dy, x + dx
  inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
  y, x, values = y[inside], x[inside], values[inside]
  for row in rows:
    if row not in values:
      raise InputError(
        f"object {keys_of(scene)[row]}: moved by {dy}, {dx} it would leave "
        f"{scene.where}, which has {size_text(scene.objects)}; remove it "
        "instead"
      )
  new[y, x] = True
  # Where nothing is uncovered, no background needs to be there.
  uncovered = (old & ~new).any()
  objects = fill_hole(scene, old) if uncovered else scene.objects.copy()
  objects[y, x] = values
  return follow(scene, objects, scene.table, rows)


def undo(scene: Scene) -> Scene:
  """The scene before the last edit; the same one where there was none."""
  return scene.before or scene


def styles_of(
  scene: Scene, renderer: Renderer, seed: int = 0, draw: str = "map"
) -> tuple[np.ndarray, np.ndarray, tuple[Style, ...]]:
  """Chooses the style of every object: its own, or the seeded draw.

  Args:
    scene: to be rendered.
    renderer: of a run with E.
    seed: of the draw.
    draw: "map" or "sequence", see `Chooser`.

  Returns:
    [N, C] float32 by row, [n, 2] pairs of the rows that have pixels, and
    their styles.

  Raises:
    InputError: for a style that the bank does not have.
  """
  chooser = Chooser(
    scene.names, renderer.channels, bank=renderer.bank, means=renderer.means,
    seed=seed, draw=draw,
  )  # fmt: skip
  rows = scene.rows()
  pairs = scene.pairs()[rows]
  given = {
    f"{label}:{id % 2**32}": scene.table[row].style
    for (label, id), row in zip(pairs.tolist(), rows, strict=True)
    if scene.table[row].style is not None
  }
  for key, style in given.items():
    rule = style_file.style_fault(style, renderer.channels)
    if rule:
      raise InputError(f"object {key}: {rule}")
  file = StyleFile(scene.where, objects=given, classes={}, about={})
  choice = dataclasses.replace(chooser, file=file).choose(pairs, scene.where)
  table = np.zeros((len(scene.table), renderer.channels), np.float32)
  table[rows] = choice.table
  return table, pairs, choice.styles


def at_size(scene: Scene, renderer: Renderer, size: str = "stage") -> Scene:
  """The scene as its picture is made, scaled as training scaled maps.

  Args:
    scene: at its map's own size.
    renderer: of the run.
    size: "stage", or "input" to keep the scene's own.

  Returns:
    A scene with the same rows; small objects may have lost their pixels.
  """
  height, width = scene.objects.shape
  scaled = renderer.scaled((height, width), size)
  if scaled == (height, width):
    return scene
  objects = place_map(scene.objects, whole_placement(scaled))
  return dataclasses.replace(scene, objects=objects)


def generate(
  scene: Scene,
  renderer: Renderer,
  seed: int = 0,
  size: str = "stage",
  draw: str = "map",
) -> np.ndarray:
  """As `render`, but [H, W, C] float32 in [-1, 1]."""
  scene = at_size(scene, renderer, size)
  maps = scene.label, scene.instance
  if not renderer.channels:
    return renderer(*maps)
  table, _, _ = styles_of(scene, renderer, seed, draw)
  return renderer(*maps, scene.objects, table)


def render(
  scene: Scene,
  renderer: Renderer,
  seed: int = 0,
  size: str = "stage",
  draw: str = "map",
) -> np.ndarray:
  """Makes the picture of a scene.

  Args:
    scene: maps and styles.
    renderer: of a trained run.
    seed: draws the styles that the scene leaves open.
    size: "stage" scales as training did, "input" keeps the scene's own size.
    draw: "map" or "sequence", see `Chooser`.

  Returns:
    [H, W, 1 or 3] uint8, or [H, W] uint16, as a PNG holds it.
  """
  fake = generate(scene, renderer, seed, size, draw)
  return to_levels(fake, renderer.model.pictures.image_range)
