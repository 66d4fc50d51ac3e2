"""Which edges: the methods, their settings, and one photo's edge map.

from hdgan.datasets.edges import methods
edges = methods.edges_of(photo, methods.method("canny", sigma=2.0))
edges = methods.clean_sketch(drawing, size=(512, 512))
"""

import dataclasses
import functools
import hashlib
import math
import threading
from typing import Any

import numpy as np

from hdgan.datasets.edges import lines
from hdgan.datasets.edges.canny import canny, grey_of
from hdgan.datasets.edges.landmarks import draw_faces
from hdgan.datasets.edges.onnx_model import Feeding, OnnxModel
from hdgan.datasets.edges.sketch import clean_sketch
from hdgan.errors import InputError, near_names, shown
from hdgan.networks import hed
from hdgan.outside import read_bytes

__all__ = ["Method", "clean_sketch", "edges_of", "method"]

# A network takes all cores and much memory: threads run it in turn.
_turn = threading.Lock()
SMALLEST = 16  # Pixels of a photo's side.
_POST = ("threshold", "min_pixels")
# The settings that each method has.
SETTINGS = {
  "canny": ("sigma", "low", "high"),
  "hed": _POST,
  "onnx": (*_POST, "mean", "std", "order", "logits"),
  "sketch": ("size",),
}


@dataclasses.dataclass(frozen=True)
class Method:
  """A method and its settings; `method` makes one and checks it.

  Attributes:
    name: canny, hed, onnx or sketch.
    file: of hed's or onnx's weights.
    sigma: canny's, pixels.
    low: canny's lower threshold.
    high: canny's upper threshold.
    threshold: hed's and onnx's: how likely an edge is at least.
    min_pixels: hed's and onnx's: a line's fewest pixels.
    mean: onnx's, see `Feeding`; red, green, blue in 0..255.
    std: likewise.
    order: likewise.
    logits: likewise.
    size: sketch's (H, W); (0, 0) for the drawing's own.
  """

  name: str
  file: str = ""
  sigma: float = 1.0
  low: float = 0.1
  high: float = 0.2
  threshold: float = lines.THRESHOLD
  min_pixels: int = lines.MIN_PIXELS
  mean: tuple[float, float, float] = Feeding.mean
  std: tuple[float, float, float] = Feeding.std
  order: str = Feeding.order
  logits: bool = Feeding.logits
  size: tuple[int, int] = (0, 0)

  def open(self) -> None:
    """Reads the weights, so that what is wrong with them is told once.

    Raises:
      InputError: if they, or the extra that they need, are not there.
    """
    if self.name == "hed":
      hed.load(self.file)
    elif self.name == "onnx":
      _onnx_model(self)

  def record(self) -> dict[str, Any]:
    """What its edges depend on, as JSON has it; reads the file's sum."""
    told: dict[str, Any] = {"method": self.name}
    if self.file:
      data = read_bytes(self.file, f"--method={self.name}:{self.file}")
      told["weights_sha256"] = hashlib.sha256(data).hexdigest()
    for setting in SETTINGS[self.name]:
      value = getattr(self, setting)
      told[setting] = list(value) if isinstance(value, tuple) else value
    return told


def method(text: str, **settings: Any) -> Method:
  """Makes a method.

  Args:
    text: `canny`, `hed:FILE`, `onnx:FILE` or `sketch`.
    **settings: fields of `Method`; of this method alone.

  Raises:
    InputError: for an unknown method, a setting of another one, or a value
      that it cannot have.
  """
  name, colon, file = text.partition(":")
  if name not in SETTINGS:
    hint = near_names(name, list(SETTINGS))
    raise InputError(
      f"--method={text}: must be canny, hed:FILE, onnx:FILE or sketch; {hint}"
    )
  if (name in ("hed", "onnx")) != bool(file):
    form = f"{name}:FILE" if name in ("hed", "onnx") else name
    raise InputError(f"--method={text}: is said as --method={form}")
  for setting in settings:
    if setting not in SETTINGS[name]:
      owners = [one for one, has in SETTINGS.items() if setting in has]
      raise InputError(
        f"--{setting} has no effect with --method={name}; it belongs to "
        f"{', '.join(owners) or 'no method'}"
      )
  made = Method(name, file, **settings)
  for setting, holds, rule in _rules(made):
    if not holds:
      value = shown(getattr(made, setting))
      raise InputError(f"--{setting}: is {value}, must be {rule}")
  return made


def _rules(made: Method) -> list[tuple[str, bool, str]]:
  """Settings, whether each is in its bounds, and these."""
  size = made.size
  fits = size == (0, 0) or all(SMALLEST <= n <= 2**15 for n in size)
  return [
    ("sigma", 0 <= made.sigma <= 100, "from 0 to 100 pixels"),
    ("low", 0 < made.low <= made.high, "above 0 and at most --high"),
    ("high", math.isfinite(made.high), "a finite number"),
    ("threshold", 0 <= made.threshold <= 1, "from 0 to 1"),
    ("min_pixels", made.min_pixels >= 0, "0 or more"),
    ("mean", all(map(math.isfinite, made.mean)), "three finite numbers"),
    ("std", all(0 < s < math.inf for s in made.std), "three numbers above 0"),
    ("order", made.order in ("rgb", "bgr"), "rgb or bgr"),
    ("size", fits, f"HEIGHT,WIDTH of at least {SMALLEST} each"),
  ]


def edges_of(
  photo: np.ndarray, how: Method, faces: list[np.ndarray] | None = None
) -> np.ndarray:
  """Makes one edge map.

  Args:
    photo: [H, W, 3] uint8; both sides at least 16.
    how: by which method.
    faces: [68, 2] landmarks, x and y, of each face in it; they are drawn as
      curves, and what is found inside a face is left out.

  Returns:
    [H, W] uint8, 0 on lines and 255 elsewhere.

  Raises:
    InputError: if the method's file or its extra is missing, or does not fit.
    ValueError: if the photo is another kind of array.
  """
  if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
    raise ValueError(
      f"a photo is [H, W, 3] uint8, this is {photo.dtype} {list(photo.shape)}"
    )
  if min(photo.shape[:2]) < SMALLEST:
    raise InputError(
      f"a photo has {photo.shape[0]}x{photo.shape[1]} pixels (height x width), "
      f"must have {SMALLEST} on each side; leave it out"
    )
  if how.name == "sketch":
    return clean_sketch(photo, how.size)
  if how.name == "canny":
    found = canny(grey_of(photo), how.sigma, how.low, how.high)
  elif how.name == "hed":
    with _turn:
      edge = hed.edge_map(hed.load(how.file), photo)
    found = lines.lines_of(edge, how.threshold, how.min_pixels)
  else:
    with _turn:
      edge = _onnx_model(how).edge_map(photo)
    found = lines.lines_of(edge, how.threshold, how.min_pixels)
  if faces:
    found = draw_faces(found, faces)
  return lines.picture_of(found)


@functools.lru_cache(maxsize=1)
def _onnx_model(how: Method) -> OnnxModel:
  feeding = Feeding(how.mean, how.std, order=how.order, logits=how.logits)
  return OnnxModel(how.file, feeding)
