"""What an ONNX file is fed, as the JSON file beside it says.

FILE.onnx.json is written by whoever exports a network: no network says itself
how pictures are scaled for it.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from hdgan.errors import InputError, near_names, shown
from hdgan.evaluation.resize import as_rgb, pil_f_bicubic, torch_bilinear
from hdgan.outside import parse_json, read_bytes

Size = tuple[int, int]
LARGEST = 2**31  # Bytes of a network.


def _pillow(picture: np.ndarray, size: Size, way: Image.Resampling) -> Any:
  """Pillow's filter on 8 bits, with antialias: what most exporters used."""
  scaled = Image.fromarray(picture).resize(size[::-1], way)
  return np.asarray(scaled).astype(np.float32)


# [H, W, 3] uint8 to [h, w, 3] float32 in 0..255.
RESIZES: Mapping[str, Callable[[np.ndarray, Size], np.ndarray]] = {
  "bilinear": lambda x, size: _pillow(x, size, Image.Resampling.BILINEAR),
  "bicubic": lambda x, size: _pillow(x, size, Image.Resampling.BICUBIC),
  "pil_f_bicubic": pil_f_bicubic,
  "torch_bilinear": torch_bilinear,
}


class Fields:
  """The keys of one object of a JSON file, each with its rule."""

  def __init__(
    self,
    file: str,
    entry: Mapping[str, Any],
    known: Sequence[str],
    at: str = "",
  ):
    """Refuses keys that are not known.

    Args:
      file: how errors call it.
      entry: the object.
      known: its keys.
      at: where in the file it is, such as "input.".

    Raises:
      InputError: naming the key.
    """
    self.file, self._entry, self._at = file, entry, at
    for key in entry:
      if key not in known:
        raise InputError(
          f"{file}: there is no key {shown(at + key, 40)}; "
          f"{near_names(key, known)}"
        )

  def take(
    self, key: str, fits: Callable[[Any], bool], rule: str, default: Any = None
  ) -> Any:
    """A value that is right, or the default where the key is missing.

    Args:
      key: of the object.
      fits: whether a value is right.
      rule: in words: "must be ...".
      default: None where the key must be there.

    Raises:
      InputError: with key, value and rule.
    """
    value = self._entry.get(key, default)
    if key not in self._entry and default is None:
      raise InputError(f"{self.file}: {self._at}{key} is missing; it {rule}")
    if not (key not in self._entry or fits(value)):
      raise InputError(
        f"{self.file}: {self._at}{key} = {shown(value, 60)} {rule}; correct it"
      )
    return value


def is_size(value: Any) -> bool:
  """Whether a value of JSON is [height, width]."""
  return (
    isinstance(value, list)
    and len(value) == 2
    and all(type(side) is int and 1 <= side <= 2**15 for side in value)
  )


def is_text(value: Any) -> bool:
  """Whether a value of JSON is a text that says something."""
  return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
  return type(value) in (int, float)


def _are_three(value: Any) -> bool:
  return isinstance(value, list) and len(value) == 3 and all(
    map(_is_number, value)
  )  # fmt: skip


KEYS = ("size", "resize", "scale", "mean", "std", "bgr", "layout")


@dataclasses.dataclass(frozen=True)
class Feeding:
  """How a picture becomes a network's input.

  Attributes:
    size: to which it is scaled; None for its own.
    resize: one of `RESIZES`.
    scale: of 0..255, before mean and std.
    mean: taken off, of red, green and blue.
    std: divided by, of red, green and blue.
    bgr: whether blue comes first.
    layout: 'nchw' or 'nhwc', of the network's input.
  """

  size: Size | None
  resize: str
  scale: float
  mean: tuple[float, float, float]
  std: tuple[float, float, float]
  bgr: bool
  layout: str

  def __call__(self, picture: np.ndarray) -> np.ndarray:
    """Feeds [H, W, 1 or 3] uint8 as [h, w, 3] float32."""
    x = as_rgb(picture)
    if self.size is None or self.size == x.shape[:2]:
      x = x.astype(np.float32)
    else:
      x = RESIZES[self.resize](np.ascontiguousarray(x), self.size)
    mean, std = (np.array(x, np.float32) for x in (self.mean, self.std))
    x = (x * np.float32(self.scale) - mean) / std
    return x[..., ::-1] if self.bgr else x


def read_feeding(fields: Fields, own_size: bool) -> Feeding:
  """Reads what a network is fed.

  Args:
    fields: with the keys `KEYS`; all but the size may be left out.
    own_size: whether "image" is a size too, and the default.

  Raises:
    InputError: with key, value and rule.
  """
  image = ' or "image", the picture\'s own' if own_size else ""
  size = fields.take(
    "size", lambda x: is_size(x) or (own_size and x == "image"),
    f"must be [height, width]{image}", "image" if own_size else None,
  )  # fmt: skip
  names = " or ".join(f'"{name}"' for name in RESIZES)
  std = fields.take(
    "std", lambda x: _are_three(x) and all(x),
    "must be three numbers, none of them 0", [1, 1, 1],
  )  # fmt: skip
  three = "must be three numbers: of red, green and blue"
  return Feeding(
    size=None if size == "image" else (size[0], size[1]),
    resize=fields.take(
      "resize", lambda x: x in RESIZES, f"must be {names}", "bilinear"
    ),
    scale=fields.take(
      "scale", lambda x: _is_number(x) and x != 0,
      "must be a number other than 0", 1 / 255,
    ),  # fmt: skip
    mean=tuple(fields.take("mean", _are_three, three, [0, 0, 0])),
    std=tuple(std),
    bgr=fields.take("bgr", lambda x: type(x) is bool, "must be true or false",
                    False),
    layout=fields.take(
      "layout", lambda x: x in ("nchw", "nhwc"), 'must be "nchw" or "nhwc"',
      "nchw",
    ),  # fmt: skip
  )  # fmt: skip


def read_description(
  path: str, name: str
) -> tuple[dict[str, Any], dict[str, str]]:
  """Reads FILE.json and the sums of both files.

  Args:
    path: of FILE, the network.
    name: how errors call it.

  Returns:
    What FILE.json says, and sha256 and json_sha256.

  Raises:
    InputError: for a file that is missing, or no JSON.
  """
  said = f"{path}.json"
  if pathlib.Path(path).is_file() and not pathlib.Path(said).is_file():
    raise InputError(
      f"{name}: there is no {said}, which says how pictures are fed to it; "
      "write one as hdgan/evaluation/README.md shows"
    )
  network = read_bytes(path, name, LARGEST)
  text = read_bytes(said, said, 2**26)
  sums = {
    "sha256": hashlib.sha256(network).hexdigest(),
    "json_sha256": hashlib.sha256(text).hexdigest(),
  }
  return parse_json(text, dict, said), sums


def check_size(feeding: Feeding, takes: Sequence[int], file: str) -> None:
  """Compares what is fed with the size that a network is fixed to.

  Raises:
    InputError: naming both.
  """
  if not any(takes):
    return
  fixed = f"[{takes[0]}, {takes[1]}]"
  if feeding.size is None:
    raise InputError(
      f'{file}: input.size = "image", but the network takes {fixed} only (0 '
      f'is any); say "size": {fixed}, or "tile": {fixed}'
    )
  if any(t and t != s for t, s in zip(takes, feeding.size, strict=True)):
    raise InputError(
      f"{file}: size = {list(feeding.size)}, but the network takes {fixed} (0 "
      "is any); give it that"
    )
