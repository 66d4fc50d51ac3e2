"""What feeds the loop: checks, prepares, reads, transforms and batches.

Grain reads the prepared copies that `datasets/` makes. The stream is endless
and a pure function of (data, seed, step): shuffled first, cut over processes
afterwards, so that any process count sees the same global batches and a run
resumes by its step alone.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import grain
import ml_collections
import numpy as np

from hdgan.config import InputError
from hdgan.datasets import (
  check,
  folder,
  paired_folder,
  prepared,
  synthetic_streets,
)
from hdgan.datasets.classes import load_classes
from hdgan.datasets.reading import (
  Batch,
  Encoded,
  Reading,
  decode,
  place,
  reading_of,
)
from hdgan.datasets.synthesis_inputs import (
  SynthesisInputs,
  check_inputs,
  find_examples,
)
from hdgan.datasets.transforms import centre_placement, random_placement


@dataclasses.dataclass(frozen=True)
class Prepared:
  """Data that has been checked and prepared.

  Attributes:
    sources: per split, random access to encoded examples in name order.
    held_out: the split that is not trained on; '' where there is none.
    num_train: examples of the split 'train'.
    max_instances: N, the static bound on the objects of a picture.
    classes: id, name, color, has_instances and ignore per class; () where the
      label is a picture.
    has_instances: False where instance := label.
    data: how examples are read.
  """

  sources: dict[str, Sequence[Encoded]]
  held_out: str
  num_train: int
  max_instances: int
  classes: tuple[dict[str, Any], ...]
  has_instances: bool
  data: Reading


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """Checks all the data that a config names and prepares it, once.

  Args:
    config: a valid experiment config.

  Returns:
    What `batches` and `fixed_examples` read from.

  Raises:
    InputError: every fault of the data, one line each.
  """
  if config.data.name == "synthetic_streets":
    return _prepare_streets(config)
  if config.data.name == "paired_folder":
    return _prepare_folder(config)
  raise InputError(
    f"data.name = '{config.data.name}' is no data set; say "
    "'synthetic_streets' or 'paired_folder'"
  )


def batches(
  source: Prepared,
  split: str,
  *,
  stage_size: Sequence[int],
  batch_size: int,
  seed: tuple[int, int],
  start: int = 0,
  process_index: int = 0,
  process_count: int = 1,
  objects: bool = False,
) -> Iterator[Batch]:
  """Streams this process's part of each global batch, without an end.

  Args:
    source: the data.
    split: 'train' or the held-out split.
    stage_size: (H, W) of the stage.
    batch_size: B, of all processes together.
    seed: the config's seed and the stage's index.
    start: batches of this stage that have been used.
    process_index: which process this is.
    process_count: of how many.
    objects: whether to number the objects for the encoder.

  Returns:
    Batches of label [B, H, W] int32 (or a picture [B, H, W, C]), instance
    [B, H, W] int32, image [B, H, W, C] in the photos' dtype and, if asked,
    objects [B, H, W] int32 in 0..N-1.

  Raises:
    InputError: a batch that the processes do not divide.
  """
  if batch_size % process_count:
    raise InputError(
      f"batch_size = {batch_size} is not a multiple of the {process_count} "
      f"processes; say batch_size="
      f"{-(-batch_size // process_count) * process_count}"
    )
  geometry = source.data.geometry(stage_size)

  def load(encoded: Encoded, rng: np.random.Generator) -> Batch:
    arrays = decode(encoded, source.data)
    size = arrays["image"].shape[:2]
    return place(arrays, random_placement(size, geometry, rng), objects)

  state = int(np.random.SeedSequence(seed).generate_state(1)[0])
  stream = grain.MapDataset.source(source.sources[split]).seed(state)
  # Shuffled and drawn before it is cut, or the draws would depend on the cut.
  stream = stream.shuffle().repeat(None).random_map(load)
  stream = stream[process_index::process_count]
  stream = stream.batch(batch_size // process_count, drop_remainder=True)
  workers = source.data.workers
  options = grain.ReadOptions(
    num_threads=workers, prefetch_buffer_size=2 * workers
  )
  iterator = iter(stream.to_iter_dataset(options))
  iterator.set_state({"next_index": start})
  return iterator


def fixed_examples(
  source: Prepared,
  split: str,
  indices: Sequence[int],
  *,
  stage_size: Sequence[int],
  objects: bool = False,
) -> Batch:
  """Loads the same examples in the same way each time, for sample pictures.

  Args:
    source: the data.
    split: 'train' or the held-out split.
    indices: which examples, in name order.
    stage_size: (H, W) of the stage; the middle is cut out, not mirrored.
    objects: whether to number the objects for the encoder.

  Returns:
    One batch as from `batches`.
  """
  geometry = source.data.geometry(stage_size)
  loaded = []
  for i in indices:
    arrays = decode(source.sources[split][i], source.data)
    placement = centre_placement(arrays["image"].shape[:2], geometry)
    loaded.append(place(arrays, placement, objects))
  return {key: np.stack([one[key] for one in loaded]) for key in loaded[0]}


def synthesis_inputs(
  config: ml_collections.ConfigDict,
  source: str,
  *,
  stage_size: Sequence[int],
  size: str = "stage",
) -> SynthesisInputs:
  """Finds and checks the maps that photos are to be made from.

  Args:
    config: the model's config.
    source: a split's name, or a folder that holds `<split>_label/` of one
      split, or `label/` (and `inst/`, `img/`), or the label maps themselves.
    stage_size: (H, W) of the stage whose weights are used.
    size: 'stage' scales as training did, without its random part; 'input'
      keeps each map's own size.

  Returns:
    The inputs in name order; each is read when it is asked for.

  Raises:
    InputError: nothing found, or every fault of the files, one line each.
  """
  if size not in ("stage", "input"):
    raise InputError(f"size = '{size}' is no size; say 'stage' or 'input'")
  if (
    config.data.name == "synthetic_streets"
    and pathlib.Path(source).name == source
    and not pathlib.Path(source).is_dir()
  ):
    drawn = prepare(config)
    if source not in drawn.sources:
      raise InputError(
        f"'{source}' is neither a folder nor a split; the splits are "
        f"{', '.join(drawn.sources)}"
      )
    examples: Sequence[Encoded] = drawn.sources[source]
    names = tuple(example["name"].decode() for example in examples)
  else:
    rules = dataclasses.replace(rules_of(config), geometries=())
    found = find_examples(source, config.data.root, config.data.suffixes)
    check_inputs(source, found, rules, config.data.workers)
    examples = [dataclasses.asdict(one) for one in found]
    names = tuple(one.stem for one in found)
  reading = reading_of(config, True)
  geometry = reading.geometry(stage_size)
  return SynthesisInputs(names, examples, reading, geometry, size == "input")


def rules_of(config: ml_collections.ConfigDict) -> check.Rules:
  """What the files must keep to, from a config."""
  data = config.data
  return check.Rules(
    num_classes=config.num_classes,
    ignore_label=config.ignore_label,
    max_instances=config.max_instances,
    label_channels=data.label_channels,
    label_range=tuple(float(v) for v in data.label_range),
    image_channels=data.image_channels,
    image_range=tuple(float(v) for v in data.image_range),
    geometries=tuple(
      reading_of(config, True).geometry(stage.size) for stage in config.stages
    ),
  )


def _prepare_streets(config: ml_collections.ConfigDict) -> Prepared:
  """Draws the synthetic streets."""
  count, rules = len(synthetic_streets.CLASSES), rules_of(config)
  faults = check.size_faults(tuple(config.data.size), rules, "data.size")
  if config.num_classes != count:
    faults.append(
      f"num_classes = {config.num_classes}, but synthetic_streets has {count} "
      f"classes; say num_classes={count}"
    )
  if config.data.num_train < 1:
    faults.append(
      f"data.num_train = {config.data.num_train} streets; say 1 or more"
    )
  folder.raise_faults(faults)
  sources, most = synthetic_streets.prepare(
    size=(int(config.data.size[0]), int(config.data.size[1])),
    num_train=config.data.num_train,
    num_val=config.data.num_val,
    seed=config.seed,
    folder=prepared.copies_folder(config.data.prepared_dir),
  )
  if 0 < config.max_instances < most:
    raise InputError(
      f"max_instances = {config.max_instances}, but a street has {most} "
      f"objects; say max_instances={_round_up(most)}, or 0 to have them counted"
    )
  return Prepared(
    sources=sources,
    held_out="val" if "val" in sources else "",
    num_train=len(sources["train"]),
    max_instances=config.max_instances or _round_up(most),
    classes=synthetic_streets.CLASSES,
    has_instances=True,
    data=reading_of(config, True),
  )


def _prepare_folder(config: ml_collections.ConfigDict) -> Prepared:
  """Scans, checks and prepares a folder of one's own data."""
  if not config.data.root:
    raise InputError("data.root is empty; say data.root=FOLDER with your data")
  root = pathlib.Path(config.data.root).expanduser().absolute()
  held_out = folder.held_out_split(root)
  faults: list[str] = []
  splits, instances = {}, {}
  for split in ["train", *([held_out] if held_out else [])]:
    folders = folder.split_folders(root, split, faults)
    if "label" in folders and "image" not in folders:
      faults.append(
        f"{root}: split '{split}' has no photos to train on; add {split}_img/ "
        f"(or {split}_B/)"
      )
    splits[split] = folder.pair(folders, config.data.suffixes, faults)
    instances[split] = "instance" in folders
  if len(set(instances.values())) > 1:
    without = min(instances, key=lambda split: instances[split])
    faults.append(
      f"{root}: {without}_inst/ is missing, the other split has instance maps; "
      "give both splits instance maps or none"
    )
  classes = load_classes(root, config.num_classes)
  sources, summary = paired_folder.prepare(
    root,
    splits,
    rules_of(config),
    folder=prepared.copies_folder(config.data.prepared_dir),
    faults=faults,
    workers=config.data.workers,
  )
  _say_what_is_missing(root, held_out, summary.has_instances, config)
  return Prepared(
    sources=sources,
    held_out=held_out,
    num_train=summary.counts["train"],
    max_instances=config.max_instances or _round_up(summary.max_objects),
    classes=classes,
    has_instances=summary.has_instances,
    data=reading_of(config, summary.has_instances),
  )


def _say_what_is_missing(
  root: pathlib.Path,
  held_out: str,
  has_instances: bool,
  config: ml_collections.ConfigDict,
) -> None:
  """Tells, once, what is done without."""
  if not held_out:
    prepared.say(
      f"{root}: no val or test split with photos: nothing is held out"
    )
  if not has_instances and config.num_classes:
    prepared.say(
      f"{root}: no instance maps: boundaries are taken from the labels"
    )
  elif not has_instances:
    prepared.say(
      f"{root}: no instance maps and the labels are pictures: no boundaries"
    )


def _round_up(most: int) -> int:
  """Rounds a number of objects up to a multiple of 64, at least 64."""
  return max(64, -(-most // 64) * 64)
