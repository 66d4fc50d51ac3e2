"""A renderer without networks: what the studio's tests put in its place.

`stand_in()` and `picture_stand_in()` are Renderers in all but the generator,
which is a few lines of numpy: a pixel's colour is worked out of its label, its
instance id and its style alone, so that tests can say what a photo shows.
"""

import dataclasses
import pathlib
import threading
import time
from typing import Any

import numpy as np

from hdgan import config as config_file
from hdgan.datasets import files
from hdgan.datasets.reading import reading_of
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.networks.model import build_model
from hdgan.rendering.renderer import Renderer
from hdgan.styles.bank import FORMAT, Objects, StyleBank
from hdgan.styles.clusters import Styles

_NAMES = ("sky", "road", "building", "grass", "car", "person", "tree")
_COLORS = (
  (70, 130, 180), (128, 64, 128), (70, 70, 70), (152, 251, 152), (0, 0, 142),
  (220, 20, 60), (107, 142, 35),
)  # fmt: skip
CLASSES = tuple(
  {"id": i, "name": name, "color": list(color), "has_instances": i >= 4}
  for i, (name, color) in enumerate(zip(_NAMES, _COLORS, strict=True))
)
SKY, ROAD, BUILDING, GRASS, CAR, PERSON, TREE = range(7)
STYLED = (SKY, ROAD, CAR, TREE)  # The other classes have no styles.


@dataclasses.dataclass(frozen=True, eq=False)
class StandIn(Renderer):
  """A renderer of numpy.

  Attributes:
    seconds: that a picture takes.
    gate: pictures wait until it is set; set from the start.
    shapes: (H, W) of every picture so far, and the rows of its table.
    fault: raised instead of a picture, when there is one in the list.
  """

  seconds: float = 0.0
  gate: threading.Event = dataclasses.field(default_factory=threading.Event)
  shapes: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)
  fault: list[BaseException] = dataclasses.field(default_factory=list)

  def __call__(
    self,
    label: np.ndarray,
    instance: np.ndarray,
    objects: np.ndarray | None = None,
    table: np.ndarray | None = None,
  ) -> np.ndarray:
    self.shapes.append((*instance.shape, 0 if table is None else len(table)))
    assert self.gate.wait(60)
    if self.fault:
      raise self.fault.pop(0)
    if self.seconds:
      time.sleep(self.seconds)
    return paint(label, instance, objects, table)


def paint(
  label: np.ndarray,
  instance: np.ndarray,
  objects: np.ndarray | None = None,
  table: np.ndarray | None = None,
) -> np.ndarray:
  """[H, W, 3] float32 in [-1, 1]: by label, instance id and style."""
  if label.ndim == 3:
    mean = label.astype(np.float32).mean(-1) / 127.5 - 1
    shift = 0.0 if table is None else np.tanh(table.sum()) / 4
    return np.stack([mean, -mean, mean * 0 + np.float32(shift)], -1)
  # In 8 bits, where sums and products are modulo 256.
  picture = np.zeros((*label.shape, 3), np.uint8)
  picture[..., 0] = label.astype(np.uint8) * np.uint8(37) + np.uint8(11)
  picture[..., 1] = instance.astype(np.uint8) * np.uint8(53) + np.uint8(7)
  if objects is not None and table is not None:
    weights = np.arange(1, table.shape[1] + 1)
    blue = np.rint(127.5 + 40 * (table @ weights)) % 256
    picture[..., 2] = blue.astype(np.uint8)[objects]
  levels = np.arange(256, dtype=np.float32) / np.float32(127.5) - 1
  return levels[picture]


def stand_in(
  size: tuple[int, int] = (64, 128),
  *,
  styles: int = 4,
  seconds: float = 0.0,
  workdir: pathlib.Path = pathlib.Path("run"),
) -> StandIn:
  """A renderer of class maps.

  Args:
    size: (H, W) of the stage, multiples of 16.
    styles: K of each class of STYLED; 0 for a model without E.
    seconds: that a picture takes.
    workdir: need not exist.
  """
  config = _config(size, len(CLASSES), styles)
  bank = make_bank(styles) if styles else None
  return _make(config, CLASSES, bank, seconds, workdir)


def picture_stand_in(
  size: tuple[int, int] = (64, 128),
  *,
  channels: int = 1,
  styles: int = 0,
  seconds: float = 0.0,
  workdir: pathlib.Path = pathlib.Path("run"),
) -> StandIn:
  """A renderer whose labels are pictures of 8 bits; see `stand_in`."""
  config = _config(size, 0, styles)
  config.data.label_channels = channels
  bank = make_bank(styles, ("picture",), (0,)) if styles else None
  return _make(config, (), bank, seconds, workdir)


def _make(
  config: Any, classes: Any, bank: Any, seconds: float, workdir: pathlib.Path
) -> StandIn:
  made = StandIn(
    workdir=workdir, config=config, step=7, stage=0,
    model=build_model(config, config.stages[0]), params={}, classes=classes,
    bank=bank, seconds=seconds,
  )  # fmt: skip
  made.gate.set()
  return made


def _config(size: tuple[int, int], classes: int, styles: int) -> Any:
  config = config_file.defaults()
  config.num_classes = classes
  config.encoder.enabled = bool(styles)
  config_file.append_stages(config, [0])
  config.stages[0].size = size
  return config


def make_bank(
  count: int, names: tuple[str, ...] = _NAMES, styled: Any = STYLED
) -> StyleBank:
  """`count` styles of 3 numbers for each class of `styled`.

  Style k of class c is (k, c, -k) / 4, made of a single object.
  """
  labels = np.repeat(np.array(styled, np.int32), count)
  numbers = np.tile(np.arange(count, dtype=np.int32), len(styled))
  centers = np.stack([numbers, labels, -numbers], -1).astype(np.float32) / 4
  classes = len(names)
  counts = np.bincount(labels, minlength=classes).astype(np.int32)
  found = Styles(
    centers=centers,
    labels=labels,
    counts=np.ones(len(labels), np.int32),
    spread=np.zeros(len(labels), np.float32),
    class_means=np.zeros((classes, 3), np.float32),
    class_counts=counts,
    global_mean=np.full(3, 0.125, np.float32),
    members=numbers,
  )
  objects = Objects(
    features=centers,
    labels=labels,
    instances=1000 * labels.astype(np.int64) + numbers,
    picture_ids=np.zeros(len(labels), np.int32),
    areas=np.full(len(labels), 0.1, np.float32),
  )
  return StyleBank(found, objects, {
    "format": FORMAT, "encoder": "", "classes": list(names),
    "num_styles": count, "min_area": 0.0, "seed": 0, "step": 7,
    "names": ["street"],
  })  # fmt: skip


def street(
  size: tuple[int, int] = (64, 128), things: int = 6, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
  """A street: label and instance [H, W] int32, regions and objects.

  Four bands of sky, building, grass and road; before them cars, persons and
  trees of ids 1000 * class + number, boxes and discs in turn.
  """
  height, width = size
  rng = np.random.default_rng(seed)
  bands = np.array([SKY, BUILDING, GRASS, ROAD], np.int32)
  label = np.repeat(bands[np.arange(height) * 4 // height], width)
  label = label.reshape(size)
  instance = label.copy()
  y, x = np.mgrid[:height, :width]
  for i in range(things):
    kind, number = (CAR, PERSON, TREE)[i % 3], i // 3
    radius = int(rng.integers(height // 16, height // 6))
    top = int(rng.integers(radius, height - radius))
    left = int(rng.integers(radius, width - radius))
    inside = (abs(y - top) <= radius // 2) & (abs(x - left) <= radius)
    if i % 2:
      inside = (y - top) ** 2 + (x - left) ** 2 <= radius**2
    label[inside] = kind
    instance[inside] = 1000 * kind + number
  return label, instance


def street_inputs(
  renderer: Renderer, count: int = 2, size: tuple[int, int] = (64, 128)
) -> SynthesisInputs:
  """Streets, or their pictures, as `pipeline.synthesis_inputs` gives them."""
  examples = []
  for i in range(count):
    label, instance = street(size, seed=i)
    if not renderer.config.num_classes:
      grey = (label * 36).astype(np.uint8)
      channels = renderer.config.data.label_channels
      label = np.repeat(grey[..., None], channels, -1).squeeze()
      instance = np.zeros_like(instance)
    examples.append({
      "name": f"street_{i}",
      "label": files.encode_map(label),
      "instance": files.encode_map(instance),
      "image": b"",
    })  # fmt: skip
  reading = reading_of(renderer.config)
  return SynthesisInputs(
    tuple(one["name"] for one in examples), examples, reading=reading,
    geometry=reading.geometry(renderer.size), own_size=True,
  )  # fmt: skip
