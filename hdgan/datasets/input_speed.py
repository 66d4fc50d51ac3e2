"""How fast examples are read, decoded and brought to a stage's size.

Of a config without data the same is told of pictures made up for it. CPU
seconds of an example carry over to other machines and other counts of cores;
examples a second are this machine's.
"""

import contextlib
import dataclasses
import io
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from hdgan.datasets import files, pipeline
from hdgan.datasets.prepared import Prepared, say
from hdgan.datasets.reading import Batch, decode_maps, place
from hdgan.datasets.streets.builder import CLASSES
from hdgan.datasets.streets.scene import draw_street
from hdgan.datasets.transforms import (
  place_map,
  random_placement,
  whole_placement,
)

_MADE_UP = 8  # Examples of data that is made up.
_DRAWN_SIZE = (128, 256)  # Of streets, before they are enlarged.
# Standard deviation of the noise, of 255: PNGs of photos then take a byte a
# pixel, as Cityscapes' do.
_NOISE = 1.3


@contextlib.contextmanager
def opened(config: ConfigDict, stage: int = 0) -> Iterator[Prepared]:
  """Opens a config's data, or where it names none data made up for a stage.

  Args:
    config: valid; nothing of it is changed.
    stage: index in `config.stages`.

  Yields:
    The data; what is made up is removed afterwards.

  Raises:
    InputError: every fault of the data.
  """
  if config.data.root or pipeline.is_drawn(config):
    yield pipeline.prepare(config)
    return
  height, width = config.stages[stage].size
  say(f"no data.root: {_MADE_UP} pictures of {width}x{height} are made up")
  with tempfile.TemporaryDirectory(prefix="hdgan_input_") as name:
    made = _make_up(pathlib.Path(name), config, stage)
    # What else is told of them is of no use.
    with contextlib.redirect_stderr(io.StringIO()):
      data = pipeline.prepare(made)
    yield data


def measure(
  config: ConfigDict, stage: int = 0, examples: int = 32
) -> dict[str, Any]:
  """Times the input of a stage's training, without devices.

  Args:
    config: valid; of `data.workers` threads.
    stage: index in `config.stages`.
    examples: that are timed, of a stream without an end; rounded up to whole
      batches.

  Returns:
    "examples_per_s" by the clock, with the config's threads;
    "cpu_ms_per_example" of one thread that does all, and from it
    "examples_per_s_per_core" and "cores_for_10_per_s"; "bytes_per_example" on
    their way to the devices, and their "types"; "ms" of CPU of the parts:
    "read" the record, "photo" and "maps" decoded, "place" at the stage's size,
    "objects" numbered for E; and of what: "data", "photos", "store",
    "size", "batch_size", "workers", "examples".

  Raises:
    InputError: every fault of the data.
  """
  size, batch_size = tuple(config.stages[stage].size), config.batch_size
  count = -(-examples // batch_size)
  with opened(config, stage) as data:

    def seconds(clock: Callable[[], float], workers: int) -> float:
      """Of an example, by a clock, with so many threads."""
      reading = dataclasses.replace(data.reading, workers=workers)
      stream = pipeline.batches(
        dataclasses.replace(data, reading=reading), "train",
        stage_size=size, batch_size=batch_size, seed=(config.seed, stage),
        objects=config.encoder.enabled,
      )  # fmt: skip
      # Threads are started, and the first examples are read ahead.
      seen.update(next(stream))
      start = clock()
      for _ in range(count):
        next(stream)
      return (clock() - start) / (count * batch_size)

    seen: Batch = {}
    wall = seconds(time.perf_counter, config.data.workers)
    cpu = seconds(time.thread_time, 0)
    ms = _parts(data, size, examples, config.encoder.enabled)
    photo = files.facts(data.sources["train"][0]["image"], "").format
  name = config.data.name if pipeline.is_drawn(config) else "made up"
  return {
    "examples_per_s": 1 / wall,
    "cpu_ms_per_example": 1000 * cpu,
    "examples_per_s_per_core": 1 / cpu,
    "cores_for_10_per_s": 10 * cpu,
    "bytes_per_example": sum(x[0].nbytes for x in seen.values()),
    "types": {name: str(x.dtype) for name, x in seen.items()},
    "ms": ms,
    "data": config.data.root or name,
    "photos": photo,
    "store": config.data.store,
    "size": list(size),
    "batch_size": batch_size,
    "workers": config.data.workers,
    "examples": count * batch_size,
  }


def _parts(
  data: Prepared, size: Sequence[int], examples: int, objects: bool
) -> dict[str, float]:
  """CPU milliseconds of an example by what they are spent on, in one thread."""
  reading, types, source = data.reading, data.types, data.sources["train"]
  geometry, rng = reading.geometry(size), np.random.default_rng(0)
  spent = dict.fromkeys(("read", "photo", "maps", "place", "objects"), 0.0)

  @contextlib.contextmanager
  def clock(part: str) -> Iterator[None]:
    start = time.thread_time()
    yield
    spent[part] += time.thread_time() - start

  def once(i: int) -> None:
    with clock("read"):
      encoded = source[i]
    with clock("photo"):
      channels = reading.pictures.image_channels
      arrays: Batch = {"image": files.read_picture(encoded["image"], channels)}
    with clock("maps"):
      arrays |= decode_maps(encoded, reading, "", types)
    placement = random_placement(arrays["image"].shape[:2], geometry, rng)
    with clock("place"):
      place(arrays, placement, objects=False, types=types)
    if objects:
      with clock("objects"):
        place(arrays, placement, objects=True, types=types)

  once(0)  # Not counted: memory is taken, modules are found.
  spent = dict.fromkeys(spent, 0.0)
  for i in range(examples):
    once(i % len(source))
  if objects:  # With them the maps were placed twice.
    spent["objects"] -= spent["place"]
  return {part: 1000 * s / examples for part, s in spent.items()}


def _make_up(root: pathlib.Path, config: ConfigDict, stage: int) -> ConfigDict:
  """Writes examples of a stage's size; returns a config that names them."""
  mine = config.copy_and_resolve_references()
  with mine.unlocked():
    mine.data.update(
      name="paired_folder", root=str(root / "data"), variant="", split="",
      label_map="", instances="folder", store_size=0,
      prepared_dir=str(root / "copies"),
      suffixes={"label": "", "instance": "", "image": ""},
    )  # fmt: skip
    mine.max_instances = 0
  size, data = tuple(config.stages[stage].size), config.data
  for i in range(_MADE_UP):
    street, rng = draw_street(0, i, *_DRAWN_SIZE), np.random.default_rng(i)
    label, instance = (
      place_map(ids, whole_placement(size))
      for ids in (street.label, street.instance)
    )
    if config.num_classes:
      label = label * config.num_classes // len(CLASSES)
    else:
      label = _photo(street.image, size, data.label_channels,
                     data.label_range, rng)  # fmt: skip
    image = _photo(street.image, size, data.image_channels,
                   data.image_range, rng)  # fmt: skip
    for role, array in (("label", label), ("inst", instance), ("img", image)):
      folder = root / "data" / f"train_{role}"
      folder.mkdir(parents=True, exist_ok=True)
      _write(folder / str(i), array)
  return mine


def _photo(
  drawn: np.ndarray,
  size: Sequence[int],
  channels: int,
  limits: Sequence[float],
  rng: np.random.Generator,
) -> np.ndarray:
  """A drawing [h, w, 3] as a photo [H, W, C] with noise, in its limits."""
  height, width = size
  large = Image.fromarray(drawn).resize((width, height))
  image: np.ndarray = np.asarray(large, np.float32)
  image = image[..., np.arange(channels) % 3]
  image = image + _NOISE * rng.standard_normal(image.shape, np.float32)
  low, high = limits
  image = image.clip(0, 255) * ((high - low) / 255) + low
  kinds = ((np.uint8, 255), (np.uint16, 65535))
  fitting = (kind for kind, most in kinds if low >= 0 and high <= most)
  return image.astype(next(fitting, np.float32))


def _write(path: pathlib.Path, array: np.ndarray) -> None:
  """Saves ids or a photo: PNG where that holds it, else .npy."""
  path = path.with_suffix(".png")
  if array.ndim == 2:
    path.write_bytes(files.encode_png(array))
  elif array.dtype == np.uint8 and array.shape[-1] == 3:
    # Higher levels take ten times as long for a few parts in a hundred.
    Image.fromarray(array).save(path, compress_level=1)
  else:
    np.save(path.with_suffix(".npy"), array)
