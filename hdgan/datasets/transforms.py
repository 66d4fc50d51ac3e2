"""Brings maps and pictures to a stage's size, all of an example alike.

One `Placement` is drawn per example and used for image, label and instance:
labels and instances take the nearest source pixel on one sampling grid, photos
are resampled bicubically with antialiasing. Nothing is ever padded. The three
ways to a size are the released code's resize, scale_width and crop.
"""

import dataclasses

import numpy as np
from PIL import Image

Size = tuple[int, int]
_PIXELS = 2**22  # Of a map, that are numbered at a time.


@dataclasses.dataclass(frozen=True)
class Geometry:
  """How pictures of any size come to a stage's size.

  Attributes:
    transform: 'resize' (exact), 'scale_width' (then crop) or 'crop'.
    stage_size: (H, W) of what comes out.
    load_width: the width of scale_width; 0 means the stage's.
    flip: whether training mirrors half of the examples.
  """

  transform: str
  stage_size: Size
  load_width: int = 0
  flip: bool = False

  def scaled(self, size: Size) -> Size:
    """The (H, W) to which a picture of (H, W) is scaled before the crop."""
    if self.transform == "resize":
      return self.stage_size
    if self.transform == "crop":
      return size
    width = self.load_width or self.stage_size[1]
    # To the nearest, in integers, so that no float decides.
    return max(1, (2 * size[0] * width + size[1]) // (2 * size[1])), width


@dataclasses.dataclass(frozen=True)
class Placement:
  """One draw: the scaled size, the window cut from it, mirrored or not."""

  scaled: Size
  top: int
  left: int
  size: Size
  flip: bool


def random_placement(
  size: Size, geometry: Geometry, rng: np.random.Generator
) -> Placement:
  """Draws the window and the mirroring for a picture of (H, W)."""
  scaled = geometry.scaled(size)
  height, width = geometry.stage_size
  # Always three draws, so that one setting never shifts another's numbers.
  top = int(rng.integers(scaled[0] - height + 1))
  left = int(rng.integers(scaled[1] - width + 1))
  flip = bool(rng.integers(2)) and geometry.flip
  size = geometry.stage_size
  return Placement(scaled, top=top, left=left, size=size, flip=flip)


def centre_placement(size: Size, geometry: Geometry) -> Placement:
  """The window in the middle, not mirrored."""
  scaled = geometry.scaled(size)
  height, width = geometry.stage_size
  top, left = (scaled[0] - height) // 2, (scaled[1] - width) // 2
  size = geometry.stage_size
  return Placement(scaled, top=top, left=left, size=size, flip=False)


def whole_placement(scaled: Size) -> Placement:
  """Scales to (H, W) and cuts nothing."""
  return Placement(scaled, top=0, left=0, size=scaled, flip=False)


def place_map(ids: np.ndarray, placement: Placement) -> np.ndarray:
  """Takes the nearest pixel of an [H, W] map for each of the window's."""
  rows = _nearest(ids.shape[0], placement.scaled[0])
  columns = _nearest(ids.shape[1], placement.scaled[1])
  rows = rows[placement.top : placement.top + placement.size[0]]
  columns = columns[placement.left : placement.left + placement.size[1]]
  if placement.flip:
    columns = columns[::-1]
  return _taken(_taken(ids, rows, axis=0), columns, axis=1).copy()


def place_picture(picture: np.ndarray, placement: Placement) -> np.ndarray:
  """Resamples an [H, W, C] picture and cuts the window; keeps its dtype."""
  if picture.shape[:2] != placement.scaled:
    picture = _bicubic(picture, placement.scaled)
  window = picture[
    placement.top : placement.top + placement.size[0],
    placement.left : placement.left + placement.size[1],
  ]
  if placement.flip:
    return _mirrored(window)
  return np.ascontiguousarray(window)


def _nearest(source: int, target: int) -> np.ndarray:
  """[target] indices: for each pixel centre, the source pixel that holds it."""
  return (2 * np.arange(target) + 1) * source // (2 * target)


def _taken(array: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
  """Takes rows (axis 0) or columns (1) of [H, W]; a view where that will do."""
  steps = np.diff(indices)
  step = int(steps[0]) if steps.size else 1
  # As where nothing is scaled, or to a half: there no index is looked up.
  if step and (steps == step).all():
    last = int(indices[-1]) + step
    places = slice(int(indices[0]), last if last >= 0 else None, step)
    return array[places] if axis == 0 else array[:, places]
  return array.take(indices, axis=axis)


def _mirrored(picture: np.ndarray) -> np.ndarray:
  """An [H, W, C] picture with left and right exchanged."""
  mirrored = np.empty_like(picture, order="C")
  # Numpy copies one channel at a time five times as fast as pixels of several.
  for i in range(picture.shape[-1]):
    mirrored[..., i] = picture[:, ::-1, i]
  return mirrored


def _bicubic(picture: np.ndarray, size: Size) -> np.ndarray:
  """Scales [H, W, C] uint8, uint16 or float32; clips what overshoots."""
  shape = (size[1], size[0])
  method = Image.Resampling.BICUBIC
  # Two and four channels would be weighted with the last one, as an alpha.
  if picture.dtype == np.uint8 and picture.shape[-1] in (1, 3):
    whole = Image.fromarray(
      picture.squeeze(-1) if picture.shape[-1] == 1 else picture
    )
    return np.asarray(whole.resize(shape, method)).reshape(*size, -1)
  # Pillow scales several channels at once in 8 bits only.
  deep = picture if picture.dtype == np.uint8 else picture.astype(np.float32)
  planes = [
    np.asarray(Image.fromarray(plane).resize(shape, method))
    for plane in np.moveaxis(deep, -1, 0)
  ]
  scaled = np.stack(planes, -1)
  if picture.dtype == np.uint8:
    return scaled
  if picture.dtype == np.uint16:
    return np.clip(np.rint(scaled), 0, 65535).astype(np.uint16)
  return np.clip(scaled, picture.min(), picture.max())


def label_plane(label: np.ndarray, instance: np.ndarray) -> np.ndarray:
  """Class ids [H, W]; zeros where the label is a picture [H, W, C]."""
  return label if label.ndim == 2 else np.zeros_like(instance)


def dense_objects(
  label: np.ndarray, instance: np.ndarray, dtype: np.dtype | type = np.int32
) -> tuple[np.ndarray, np.ndarray]:
  """Numbers the objects, the distinct (label, instance) pairs, densely.

  Args:
    label: [H, W] integers, or a picture [H, W, C], which has no classes.
    instance: [H, W] integers that fit int32, see `files.as_int32`.
    dtype: of the numbers; it must hold N-1.

  Returns:
    [H, W] numbers 0..N-1 in the order of the pairs, and the pairs, [N, 2] int64
    of label and original instance id.
  """
  keys, starts = _runs(label, instance)
  found, numbers = np.unique(keys, return_inverse=True)
  lengths = np.diff(starts, append=instance.size)
  objects = np.repeat(numbers.astype(dtype), lengths)
  return objects.reshape(instance.shape), _pairs(found)


def object_pairs(label: np.ndarray, instance: np.ndarray) -> np.ndarray:
  """The pairs of `dense_objects`, without the memory for a number per pixel."""
  return _pairs(np.unique(_runs(label, instance)[0]))


def _pairs(keys: np.ndarray) -> np.ndarray:
  """[N, 2] int64 of label and instance id, of their keys [N]."""
  # Half a step up: a negative id has borrowed from its label.
  classes = (keys + 2**31) >> 32
  return np.stack([classes, keys - (classes << 32)], axis=-1)


def _runs(
  label: np.ndarray, instance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Keys of the objects by runs of pixels, and where these start.

  Maps are made of runs: keys of 64 bits are made and sorted for these alone.
  Pixels are compared a part at a time, or they would take the memory of
  further maps.
  """
  classes, ids = label_plane(label, instance).ravel(), instance.ravel()
  parts = []
  for at in range(0, max(1, ids.size), _PIXELS):
    part = slice(at, at + _PIXELS)
    new = np.ones(ids[part].size, bool)
    np.not_equal(ids[part][1:], ids[part][:-1], out=new[1:])
    new[1:] |= classes[part][1:] != classes[part][:-1]
    parts.append(np.flatnonzero(new) + at)
  starts = np.concatenate(parts)
  # Added, not or-ed: ids may be negative.
  keys = classes[starts].astype(np.int64) << 32
  return keys + ids[starts].astype(np.int64), starts
