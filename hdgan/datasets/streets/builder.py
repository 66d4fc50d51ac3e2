"""Streets that are drawn rather than photographed: data for demos and tests.

Deterministic from a seed. The colour of each car and the material of each
house are kept as the feature `styles`, which is never fed to a network.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from hdgan.datasets import classes, files, pixels, prepared
from hdgan.datasets.check import rules_of, size_faults
from hdgan.datasets.classes import class_entry
from hdgan.datasets.reading import reading_of
from hdgan.datasets.streets.scene import draw_street
from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError, raise_faults
from hdgan.whole_files import write_text

# Id, name, colour and whether single objects have instance ids.
CLASSES = tuple(
  class_entry(*facts)
  for facts in (
    (0, "sky", (92, 155, 213), False),
    (1, "road", (108, 84, 120), False),
    (2, "pavement", (222, 160, 190), False),
    (3, "building", (104, 104, 108), True, False, True),
    (4, "tree", (98, 148, 54), True),
    (5, "car", (28, 60, 168), True),
    (6, "person", (214, 48, 64), True),
    (7, "lamp", (240, 178, 50), False, False, False),
  )
)


@dataclasses.dataclass(eq=False)
class SyntheticStreetsConfig(tfds.core.BuilderConfig):
  """How many streets of which size are drawn.

  Attributes:
    size: (H, W) of the maps and photos.
    num_train: streets of the split 'train'.
    num_val: streets of the split 'val'; none of them is in 'train'.
    seed: of all streets.
    encode: from an array to what is kept of it.
    progress: called with examples done and their total.
  """

  size: tuple[int, int] = (128, 256)
  num_train: int = 64
  num_val: int = 8
  seed: int = 0
  encode: Callable[[np.ndarray], bytes] = files.encode_png
  progress: Callable[[int, int], None] = lambda done, total: None


class SyntheticStreets(tfds.core.GeneratorBasedBuilder):
  """TFDS builder that draws its examples."""

  VERSION = tfds.core.Version(prepared.VERSION)
  builder_config: SyntheticStreetsConfig

  def _info(self) -> tfds.core.DatasetInfo:
    styles = tfds.features.Sequence({"object": np.int32, "style": np.int32})
    return tfds.core.DatasetInfo(
      builder=self,
      features=prepared.example_features(styles=styles),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    del dl_manager
    config = self.builder_config
    return {
      split: self._generate_examples(indices)
      for split, indices in _indices(config.num_train, config.num_val).items()
    }

  def _generate_examples(
    self, indices: range
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    config = self.builder_config
    for i in indices:
      street = draw_street(config.seed, i, *config.size)
      yield (
        i,
        {
          "name": street_name(i),
          "label": config.encode(street.label),
          "instance": config.encode(street.instance),
          "image": config.encode(street.image),
          "styles": [{"object": o, "style": s} for o, s in street.styles],
        },
      )
      config.progress(i + 1, config.num_train + config.num_val)


def street_name(index: int) -> str:
  """What a street is called: by its index over all splits."""
  return f"street_{index:05d}"


def _indices(num_train: int, num_val: int) -> dict[str, range]:
  """The streets of each split; no street is in two."""
  splits = {"train": range(num_train)}
  if num_val:
    splits["val"] = range(num_train, num_train + num_val)
  return splits


def prepare_config(config: ConfigDict) -> prepared.Prepared:
  """Draws the streets that a config asks for.

  Raises:
    InputError: if the fields of the data set are wrong.
  """
  data, count = config.data, len(CLASSES)
  faults = []
  if data.num_train < 1:
    faults.append(
      f"config.data.num_train={data.num_train} (synthetic_streets) must be at "
      "least 1; say --config.data.num_train=100"
    )
  if len(data.size) != 2 or min(data.size) < 32:
    faults.append(
      f"config.data.size={data.size} must be (height, width) of at least 32; "
      "say --config.data.size=64,128"
    )
  else:
    faults += size_faults(tuple(data.size), rules_of(config), "data.size")
  if config.num_classes != count:
    faults.append(
      f"config.num_classes={config.num_classes}: synthetic_streets has {count} "
      f"classes; say --config.num_classes={count}"
    )
  raise_faults(faults)
  sources, most = prepare(
    size=tuple(data.size),
    num_train=data.num_train,
    num_val=data.num_val,
    seed=config.seed,
    folder=prepared.copies_folder(data.prepared_dir),
    as_pixels=data.store == "pixels",
  )
  bound = prepared.bound_instances(most)
  if 0 < config.max_instances < most:
    raise InputError(
      f"max_instances = {config.max_instances}, but a street has {most} "
      f"objects; say --config.max_instances={bound}, or "
      "--config.max_instances=0 to have them counted"
    )
  return prepared.Prepared(
    sources=sources,
    names={
      split: tuple(map(street_name, indices))
      for split, indices in _indices(data.num_train, data.num_val).items()
    },
    held_out="val" if "val" in sources else "",
    max_instances=config.max_instances or bound,
    classes=CLASSES,
    reading=reading_of(config),
    ids=(0, 2**16 - 1),  # They are kept in 16 bits.
  )


def prepare(
  *,
  size: tuple[int, int],
  num_train: int,
  num_val: int,
  seed: int,
  folder: pathlib.Path,
  as_pixels: bool = False,
) -> tuple[dict[str, Sequence[dict[str, Any]]], int]:
  """Draws and stores the streets, or finds them drawn.

  Args:
    size: (H, W).
    num_train: streets of the split 'train'.
    num_val: streets of the split 'val'; 0 leaves the split out.
    seed: of all streets.
    folder: where prepared copies are kept.
    as_pixels: whether these hold arrays in the place of PNGs.

  Returns:
    Per split a random-access sequence of encoded examples, and the most
    objects in one street.

  Raises:
    InputError: a folder that cannot be written.
  """
  name = f"{size[0]}x{size[1]}_{num_train}_{num_val}_seed{seed}"
  name += "_pixels" * as_pixels
  config = SyntheticStreetsConfig(
    name=name,
    size=size,
    num_train=num_train,
    num_val=num_val,
    seed=seed,
    encode=_encode_pixels if as_pixels else files.encode_png,
    progress=prepared.progress_line("drawing streets"),
  )
  sources = prepared.prepare(
    lambda: SyntheticStreets(
      data_dir=folder, config=config, file_format="array_record"
    ),
    _indices(num_train, num_val),
    folder / "synthetic_streets" / name,
  )
  record_file = folder / "synthetic_streets" / name / "check.json"
  most = prepared.load_record(record_file).get("max_objects")
  if type(most) is not int:
    most = max(
      _count_objects(example)
      for source in sources.values()
      for example in source
    )
    prepared.save_record(record_file, {"max_objects": most})
  return sources, most


def _encode_pixels(array: np.ndarray) -> bytes:
  """Ids or a photo as a .npy, ids in the type that they would have in a PNG."""
  return pixels.encode(array.astype(np.min_scalar_type(array.max())))


def write_folder(
  root: pathlib.Path | str,
  *,
  num_train: int,
  num_val: int = 0,
  num_test: int = 0,
  size: tuple[int, int] = (128, 256),
  seed: int = 0,
  instances: bool = True,
) -> None:
  """Writes streets as a folder of one's own data would be.

  Args:
    root: made if it is not there; gets `<split>_label/` and its siblings and
      classes.json.
    num_train: streets of the split 'train'.
    num_val: streets of the split 'val'.
    num_test: streets of the split 'test'; these have no photos.
    size: (H, W).
    seed: of all streets.
    instances: whether there are instance maps.
  """
  # One count over all splits, so that no street is in two.
  root, indices = pathlib.Path(root), itertools.count()
  counts = {"train": num_train, "val": num_val, "test": num_test}
  for split, count in counts.items():
    for index in itertools.islice(indices, count):
      street = draw_street(seed, index, *size)
      arrays = {"label": street.label}
      if instances:
        arrays["inst"] = street.instance
      if split != "test":
        arrays["img"] = street.image
      for role, array in arrays.items():
        path = root / f"{split}_{role}" / f"{street_name(index)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.encode_png(array))
  write_text(root / classes.FILE, classes.to_json(CLASSES))


def _count_objects(example: dict[str, Any]) -> int:
  """Counts the objects of an encoded example."""
  label, instance = (
    files.read_map(example[key]) for key in ("label", "instance")
  )
  return len(dense_objects(label, instance)[1])
