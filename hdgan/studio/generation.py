"""From a scene to its photo, and one object in every style.

What is shown and what is exported are made by the one function here, which
takes the path of `--mode=synthesize`.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from hdgan.datasets.transforms import (
  place_map,
  place_picture,
  whole_placement,
)
from hdgan.editing.operations import styles_of
from hdgan.editing.scene import Scene
from hdgan.rendering.renderer import Renderer
from hdgan.report import pictures
from hdgan.studio.picture_frame import PictureScene
from hdgan.styles.file import Style

DRAFT = 4  # A draft has a side of 1 / DRAFT.
# Photos with a side from here on are previewed by drafts; those of smaller ones
# would show nothing.
DRAFTED = 1024
_LEAST = 24  # Pixels of a photo that a crop shows at least.
_MARGIN = 4  # A crop has 1 / _MARGIN of the object around it.

Window = tuple[slice, slice]


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
  """A photo, and all that it was made of.

  Attributes:
    fake: [H, W, C] float32 in [-1, 1].
    label: [H, W] int32, or [H, W, C] uint8 where the label is a picture.
    instance: [H, W] int32.
    pairs: [n, 2] label and instance id of the objects that it shows.
    styles: [n]; () for a model without styles.
  """

  fake: np.ndarray
  label: np.ndarray
  instance: np.ndarray
  pairs: np.ndarray
  styles: tuple[Style, ...]


def make(
  scene: Scene | PictureScene,
  renderer: Renderer,
  seed: int = 0,
  size: str = "stage",
  scale: int = 1,
) -> Made:
  """Makes the photo of a scene.

  Args:
    scene: at its map's own size.
    renderer: of the run.
    seed: draws the styles that the scene leaves open.
    size: "stage" scales as training did, "input" keeps the scene's own size.
    scale: the photo's sides are divided by it.

  Raises:
    InputError: for styles that the bank does not have.
  """
  label, shown = _placed(scene, renderer, size, scale)
  instance = shown.instance
  if not renderer.channels:
    pairs = shown.pairs()[shown.rows()]
    fake = renderer(label, instance)
    return Made(fake, label, instance=instance, pairs=pairs, styles=())
  table, pairs, styles = styles_of(shown, renderer, seed)
  fake = renderer(label, instance, shown.objects, table)
  return Made(fake, label, instance=instance, pairs=pairs, styles=styles)


def _placed(
  scene: Scene | PictureScene, renderer: Renderer, size: str, scale: int
) -> tuple[np.ndarray, Scene]:
  """The label at a photo's size, and the scene of its objects."""
  picture = scene if isinstance(scene, PictureScene) else None
  plain = scene.scene if isinstance(scene, PictureScene) else scene
  height, width = plain.objects.shape
  scaled = renderer.scaled((height, width), size)
  scaled = max(1, scaled[0] // scale), max(1, scaled[1] // scale)
  if scaled != (height, width):
    objects = place_map(plain.objects, whole_placement(scaled))
    plain = dataclasses.replace(plain, objects=objects)
  if picture is None:
    return plain.label, plain
  return place_picture(picture.label, whole_placement(scaled)), plain


def in_every_style(
  scene: Scene | PictureScene,
  row: int,
  renderer: Renderer,
  seed: int = 0,
  size: str = "stage",
) -> Iterator[np.ndarray]:
  """Shows an object in every style of its class, cut out of photos or drafts.

  Args:
    scene: at its map's own size.
    row: of an object that has pixels.
    renderer: of a run with a style bank.
    seed: draws the styles that the scene leaves open.
    size: see `make`.

  Yields:
    [h, w, 1 or 3] uint8 for each style, all of one size.
  """
  plain = scene.scene if isinstance(scene, PictureScene) else scene
  large = max(renderer.scaled(plain.objects.shape, size)) >= DRAFTED
  label, shown = _placed(scene, renderer, size, DRAFT if large else 1)
  table, _, _ = styles_of(shown, renderer, seed)
  window = window_of(plain.objects == row, shown.objects.shape)
  centers = renderer.bank.styles.of_class(plain.table[row].label)  # type: ignore[union-attr]
  for center in centers:
    table[row] = center
    fake = renderer(label, shown.instance, shown.objects, table)
    yield pictures.to_uint8(fake[window])


def window_of(mask: np.ndarray, size: tuple[int, ...]) -> Window:
  """What to cut out of a photo to show an object, with some of what is around.

  Args:
    mask: [H, W] bool of the object in its map, not empty.
    size: (h, w) of the photo or draft.
  """
  window = []
  for axis, target in enumerate(size[:2]):
    source = mask.shape[axis]
    first, last = np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]]
    low, high = first * target / source, (last + 1) * target / source
    length = max((high - low) * (1 + 2 / _MARGIN), _LEAST)
    length = min(target, int(np.ceil(length)))
    start = int(np.floor((low + high - length) / 2))
    start = min(max(0, start), target - length)
    window.append(slice(start, start + length))
  return window[0], window[1]
