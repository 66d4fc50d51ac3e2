"""Any segmentation network in an ONNX file: `--segmenter=onnx:FILE`.

Its classes are those of its own data set. They are matched with the data's by
name, never by number: the same number means another class nearly everywhere.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hdgan.errors import InputError, near_names, shortened, shown
from hdgan.evaluation import onnx_input
from hdgan.evaluation.onnx_input import Fields, Size, is_text
from hdgan.evaluation.resize import torch_bilinear
from hdgan.evaluation.segmentation import Segmenter
from hdgan.networks.onnx_session import OnnxSession


class OnnxSegmenter(Segmenter):
  """Runs a network; see `segmentation.Segmenter`."""

  def __init__(self, path: str, names: Sequence[str], void: Sequence[int] = ()):
    """Opens it and matches its classes.

    Args:
      path: of FILE; FILE.json says what it is fed and what its classes are.
      names: of the data's classes, by id.
      void: ids that it must not answer.

    Raises:
      InputError: in one line, for files that are missing or break their
        rules, or a network none of whose classes the data has.
    """
    spec, self._file = f"--segmenter=onnx:{path}", f"{path}.json"
    entry, sums = onnx_input.read_description(path, spec)
    fields = Fields(
      self._file, entry, ["name", "classes", "map", "input", "output"]
    )
    name = fields.take("name", is_text, "must be a text")
    self._classes = _class_names(fields)
    inside = fields.take(
      "input", lambda x: isinstance(x, dict), "must be an object", {}
    )
    keys = (*onnx_input.KEYS, "tile", "stride")
    feeding = Fields(self._file, inside, keys, at="input.")
    self._feeding = onnx_input.read_feeding(feeding, own_size=True)
    self._logits = fields.take(
      "output", lambda x: x in ("logits", "labels"),
      'must be "logits" or "labels"', "logits",
    ) == "logits"  # fmt: skip
    self._read_tiles(feeding)
    pairs = fields.take("map", lambda x: isinstance(x, dict), "must be an "
                        "object: a class of the network, a class of the data",
                        {})  # fmt: skip
    matched = match(self._classes, names, pairs, self._file)
    if all(one is None for one in matched):
      raise InputError(
        f"{spec}: none of its classes ({shortened(self._classes)}) is one of "
        f"the data's ({shortened(names)}); say which is which in {self._file}: "
        f'"map": {{"{self._classes[0]}": "{names[0]}"}}'
      )
    self._session = OnnxSession(
      path, spec, "evaluate", layout=self._feeding.layout
    )
    if self._tile is None:
      onnx_input.check_size(self._feeding, self._session.size, self._file)
    none = len(names)
    self._ids = np.array([none if i is None else i for i in matched], np.int32)
    self._barred = np.isin(self._ids, void)
    self.name = f"onnx: {name}"
    self.settings = {"kind": "onnx", "name": name, **sums}
    lost = [c for c, i in zip(self._classes, matched, strict=True) if i is None]
    told = {i for i in matched if i is not None} | set(void)
    self.about = {
      "file": pathlib.Path(path).name,
      "unmatched": lost,
      "never_answered": [n for i, n in enumerate(names) if i not in told],
    }

  def _read_tiles(self, fields: Fields) -> None:
    rule = "must be [height, width]"
    tile = fields.take("tile", onnx_input.is_size, rule, False)
    stride = fields.take("stride", onnx_input.is_size, rule, tile)
    if stride and (not tile or stride[0] > tile[0] or stride[1] > tile[1]):
      raise InputError(
        f"{self._file}: input.stride = {stride} must be at most input.tile = "
        f"{tile or 'none'}, side by side; correct it"
      )
    if tile and not self._logits:
      raise InputError(
        f'{self._file}: input.tile = {tile} needs "output": "logits": labels '
        "have no mean; leave tile out"
      )
    self._tile: Size | None = (tile[0], tile[1]) if tile else None
    self._stride: Size = (stride[0], stride[1]) if tile else (1, 1)

  def __call__(self, name: str, picture: np.ndarray, real: bool) -> np.ndarray:
    """Labels [H, W, 1 or 3] uint8; see `segmentation.Segmenter`."""
    del name, real
    x = self._feeding(picture)
    if not self._logits:
      return self._ids[self._labels(x)]
    logits = self._run(x) if self._tile is None else self._run_tiles(x)
    logits = torch_bilinear(logits, picture.shape[:2])
    logits[..., self._barred] = -np.inf
    return self._ids[logits.argmax(axis=-1)]

  def _output(self, x: np.ndarray) -> np.ndarray:
    way = f'say another "size" or "tile" in {self._file}'
    return self._session.run(x, way, self._session.outputs[0])[0]

  def _run(self, x: np.ndarray) -> np.ndarray:
    """[h, w, C] float32 of [H, W, 3], C last whatever the network's order."""
    found, count = self._output(x), len(self._classes)
    axis = 1 if self._session.channels_first else 3
    if found.ndim != 4 or len(found) != 1 or found.shape[axis] != count:
      raise InputError(
        f"{self._file}: classes has {count} names, but the network gives "
        f"{shown(found.shape)} for a picture; name each channel, in order"
      )
    return np.moveaxis(found[0], axis - 1, -1).astype(np.float32)

  def _labels(self, x: np.ndarray) -> np.ndarray:
    """[h, w] channel numbers of [H, W, 3]."""
    found = self._output(x)
    sides = [side for side in found.shape if side != 1] or [1]
    if found.ndim not in (2, 3, 4) or len(sides) > 2:
      raise InputError(
        f'{self._file}: output is "labels", but the network gives '
        f'{shown(found.shape)} for a picture; say "output": "logits" if it has '
        "a channel per class"
      )
    labels = found.reshape(_plane(found.shape)).astype(np.int64)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(self._classes):
      raise InputError(
        f"{self._file}: the network answers {low if low < 0 else high}, "
        f"classes has names for 0..{len(self._classes) - 1}; name them all, in "
        "order"
      )
    return labels

  def _run_tiles(self, x: np.ndarray) -> np.ndarray:
    """The mean of the logits of all windows over [H, W, 3]."""
    tile = self._tile or x.shape[:2]
    height, width = x.shape[:2]
    # What a window has beyond the picture is the mean colour.
    over = [max(0, t - s) for t, s in zip(tile, (height, width), strict=True)]
    x = np.pad(x, ((0, over[0]), (0, over[1]), (0, 0)))
    total = np.zeros((*x.shape[:2], len(self._classes)), np.float32)
    count = np.zeros((*x.shape[:2], 1), np.float32)
    for top in starts(x.shape[0], tile[0], self._stride[0]):
      for left in starts(x.shape[1], tile[1], self._stride[1]):
        window = np.s_[top : top + tile[0], left : left + tile[1]]
        total[window] += torch_bilinear(self._run(x[window]), tile)
        count[window] += 1
    return (total / count)[:height, :width]


def starts(side: int, tile: int, stride: int) -> list[int]:
  """Where windows begin along a side; the last one ends with the side."""
  last = max(0, side - tile)
  return [*range(0, last, stride), last]


def _plane(shape: Sequence[int]) -> tuple[int, int]:
  """H and W of [1, H, W], [1, 1, H, W], [1, H, W, 1] or [H, W]."""
  if len(shape) == 4:
    return (shape[2], shape[3]) if shape[1] == 1 else (shape[1], shape[2])
  return shape[-2], shape[-1]


def _class_names(fields: Fields) -> list[str]:
  names = fields.take(
    "classes",
    lambda x: isinstance(x, list) and x != [] and all(map(is_text, x)),
    "must be a list of names, in the order of the network's channels",
  )
  twice = [name for name in names if names.count(name) > 1]
  if twice:
    raise InputError(
      f"{fields.file}: classes has {shown(twice[0], 40)} twice; names must "
      "differ"
    )
  return names


def plain(name: str) -> str:
  """A class's name without what people write in different ways."""
  return "".join(c for c in name.casefold() if c not in " _-")


def match(
  classes: Sequence[str],
  names: Sequence[str],
  pairs: dict[str, Any],
  file: str,
) -> list[int | None]:
  """Finds a network's classes among the data's by name.

  Case, spaces, underscores and hyphens make no difference.

  Args:
    classes: of the network.
    names: of the data, by id.
    pairs: names of both that mean the same; null for a class to leave out.
    file: that says so, for errors.

  Returns:
    The id of each class, None where the data has none.

  Raises:
    InputError: for a pair that names no class, or a name that fits two.
  """
  for key, value in pairs.items():
    if key not in classes:
      raise InputError(
        f"{file}: map has {shown(key, 40)}, which is none of its classes; "
        f"{near_names(key, classes)}"
      )
    if value is not None and value not in names:
      raise InputError(
        f"{file}: map.{key} = {shown(value, 40)} is no class of the data; "
        f"{near_names(value, names)}"
      )
  return [_match_one(pairs.get(c, c), names, file) for c in classes]


def _match_one(name: str | None, names: Sequence[str], file: str) -> int | None:
  if name is None:
    return None
  if name in names:
    return list(names).index(name)
  alike = [i for i, one in enumerate(names) if plain(one) == plain(name)]
  if len(alike) > 1:
    both = " and ".join(shown(names[i], 40) for i in alike[:2])
    raise InputError(
      f"{file}: class {shown(name, 40)} may be {both}; say which in "
      f'"map": {{"{name}": "{names[alike[0]]}"}}'
    )
  return alike[0] if alike else None
