"""What feeds the loop: checks, prepares, reads, transforms and batches.

Grain reads the prepared copies that `datasets/` makes. The stream is endless
and a pure function of (data, seed, step): shuffled first, cut over processes
afterwards, so that any process count sees the same global batches and a run
resumes by its step alone.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import grain
import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets.bending import bend_maps
from hdgan.datasets.distortion import squash_line
from hdgan.datasets.downloads.ade20k import Ade20k
from hdgan.datasets.downloads.ade20k_full import Ade20kFull
from hdgan.datasets.downloads.aligned_pairs import AlignedPairs
from hdgan.datasets.downloads.celebamask import Celebamask
from hdgan.datasets.downloads.cityscapes import Cityscapes
from hdgan.datasets.downloads.cmp_facades import CmpFacades
from hdgan.datasets.downloads.coco import CocoPanoptic, CocoStuff
from hdgan.datasets.downloads.edge_pairs import Edges
from hdgan.datasets.downloads.helen import Helen
from hdgan.datasets.downloads.mapillary import Mapillary
from hdgan.datasets.downloads.nyu import Nyu
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.files_builder import Preparing, preparing
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.datasets.prepared import Prepared, say
from hdgan.datasets.reading import Batch, Encoded, decode, place, reading_of
from hdgan.datasets.reduced import reduce
from hdgan.datasets.streets import builder as streets
from hdgan.datasets.synthesis_inputs import (
  SynthesisInputs,
  check_inputs,
  find_examples,
)
from hdgan.datasets.tools.coco_json import CocoJson
from hdgan.datasets.tools.label_studio import LabelStudio
from hdgan.datasets.tools.labelme import Labelme
from hdgan.datasets.tools.voc import Cvat, Voc
from hdgan.datasets.transforms import centre_placement, random_placement
from hdgan.errors import InputError, near_names


class DataSet(NamedTuple):
  """How a data set is opened.

  Attributes:
    prepare: checks all that a config names and prepares it, once.
    from_folders: splits are folders of one's own, also without photos.
  """

  prepare: Callable[[ConfigDict], Prepared]
  from_folders: bool = False


# The one table of data sets, by `data.name`.
DATA_SETS = {
  "synthetic_streets": DataSet(streets.prepare_config),
  "paired_folder": DataSet(preparing(PairedFolder), from_folders=True),
  "ade20k": DataSet(preparing(Ade20k)),
  "ade20k_full": DataSet(preparing(Ade20kFull)),
  "aligned_pairs": DataSet(preparing(AlignedPairs)),
  "celebamask": DataSet(preparing(Celebamask)),
  "cityscapes": DataSet(preparing(Cityscapes)),
  "cmp_facades": DataSet(preparing(CmpFacades)),
  "coco_panoptic": DataSet(preparing(CocoPanoptic)),
  "coco_stuff": DataSet(preparing(CocoStuff)),
  "edges": DataSet(preparing(Edges), from_folders=True),
  "helen": DataSet(preparing(Helen)),
  "mapillary": DataSet(preparing(Mapillary)),
  "nyu": DataSet(preparing(Nyu)),
  "coco_json": DataSet(preparing(CocoJson)),
  "cvat": DataSet(preparing(Cvat)),
  "label_studio": DataSet(preparing(LabelStudio)),
  "labelme": DataSet(preparing(Labelme)),
  "voc": DataSet(preparing(Voc)),
}


def find_data_set(config: ConfigDict) -> DataSet:
  """The data set that a config names.

  Raises:
    InputError: if there is none of that name.
  """
  name = config.data.name
  if name not in DATA_SETS:
    hint = near_names(name, list(DATA_SETS))
    raise InputError(f"config.data.name={name!r} is no data set; {hint}")
  return DATA_SETS[name]


def is_drawn(config: ConfigDict) -> bool:
  """Whether a config's data is drawn: there are no files to list."""
  return not isinstance(find_data_set(config).prepare, Preparing)


def find_files(config: ConfigDict) -> Found:
  """Lists the files that a config names; reads nothing of the pictures.

  Raises:
    InputError: if nothing can be listed, or the data set has no files.
  """
  how = find_data_set(config).prepare
  if not isinstance(how, Preparing):  # As `is_drawn` says.
    raise InputError(
      f"config.data.name={config.data.name!r} is drawn, not read: there are no "
      "files to look at; name yours by --config.data.name=paired_folder "
      "--config.data.root=FOLDER"
    )
  return reduce(how.make.find(config), config)


def prepare(config: ConfigDict) -> Prepared:
  """Checks all the data that a config names and prepares it, once.

  Args:
    config: a valid experiment config.

  Returns:
    What `batches` and `fixed_examples` read from.

  Raises:
    InputError: every fault of the data, one line each.
  """
  return find_data_set(config).prepare(config)


def say_distortion(config: ConfigDict, source: Prepared) -> None:
  """Tells, before a training, that pictures lose their shape, if they do."""
  line = squash_line(config, source.sizes)
  if line:
    say(line)


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
    Batches of label [B, H, W] (or a picture [B, H, W, C]), instance [B, H, W],
    image [B, H, W, C] in the photos' dtype and, if asked, objects [B, H, W] in
    0..N-1; with data.warp_labels also bent_label and so on, the maps that G
    sees. Ids have the types of `source.types`. At most B and one more example
    for each worker are read ahead.

  Raises:
    InputError: a batch that the processes do not divide.
  """
  if batch_size % process_count:
    raise InputError(
      f"batch_size = {batch_size} is not a multiple of the {process_count} "
      f"processes; say --config.batch_size="
      f"{-(-batch_size // process_count) * process_count}"
    )
  geometry, types = source.reading.geometry(stage_size), source.types

  def load(encoded: Encoded, rng: np.random.Generator) -> Batch:
    """One example in a window that is drawn: arrays [H, W] and [H, W, C]."""
    arrays = decode(encoded, source.reading, types)
    placement = random_placement(arrays["image"].shape[:2], geometry, rng)
    placed = place(arrays, placement, objects, types)
    # Drawn last: what is placed where is the same without it.
    if source.reading.warp_labels:
      placed |= bend_maps(placed, source.reading.warp_labels, rng)
    return placed

  # Shuffled and drawn before it is cut, or the draws would depend on the cut.
  stream = _shuffled(source.sources[split], seed).random_map(load)
  stream = stream[process_index::process_count]
  share, workers = batch_size // process_count, source.reading.workers
  # Examples are read ahead, not batches: their number bounds the memory.
  options = grain.ReadOptions(
    num_threads=workers, prefetch_buffer_size=share + workers
  )
  # Nothing is dropped: a stream without an end leaves no remainder.
  iterator = iter(
    stream.to_iter_dataset(options).batch(
      share, drop_remainder=True, batch_fn=_stacked
    )
  )
  # A batch follows from its number alone: nothing is read to get there.
  iterator.set_state({"next_index": start * share})
  return iterator


def _stacked(examples: Sequence[Batch]) -> Batch:
  """Arrays [B, ...] of B examples; of one they are not copied."""
  if len(examples) == 1:
    return {key: array[None] for key, array in examples[0].items()}
  return {key: np.stack([one[key] for one in examples]) for key in examples[0]}


def batch_names(
  source: Prepared,
  split: str,
  *,
  batch_size: int,
  seed: tuple[int, int],
  index: int,
) -> list[str]:
  """Names of the examples of one global batch; nothing is read for it.

  Args:
    source: the data.
    split: 'train' or the held-out split.
    batch_size: B, of all processes together.
    seed: as for `batches`.
    index: of the batch, from 0.

  Returns:
    B names.
  """
  stream = _shuffled(source.names[split], seed)
  first = index * batch_size
  return [str(stream[i]) for i in range(first, first + batch_size)]


def _shuffled(examples: Sequence[Any], seed: tuple[int, int]) -> Any:
  """The endless stream of a stage's examples in their random order."""
  # Grain takes a single number.
  state = int(np.random.SeedSequence(seed).generate_state(1)[0])
  # Repeated after the shuffle, each epoch has an order and draws of its own.
  return grain.MapDataset.source(examples).seed(state).shuffle().repeat(None)


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
    One batch as from `batches`, but ids are int32.
  """
  geometry = source.reading.geometry(stage_size)
  loaded = []
  for i in indices:
    arrays = decode(source.sources[split][i], source.reading)
    placement = centre_placement(arrays["image"].shape[:2], geometry)
    loaded.append(place(arrays, placement, objects))
  return _stacked(loaded)


def synthesis_inputs(
  config: ConfigDict,
  source: str,
  *,
  stage_size: Sequence[int],
  size: str = "stage",
  classes: Sequence[Mapping[str, Any]] = (),
  checked: bool = True,
) -> SynthesisInputs:
  """Finds and checks the maps that photos are to be made from.

  Args:
    config: the model's config.
    source: a split's name, or a folder that holds `<split>_label/` of one
      split, or `label/` (and `inst/`, `img/`), or the label maps themselves.
    stage_size: (H, W) of the stage whose weights are used.
    size: 'stage' scales as training did, without its random part; 'input'
      keeps each map's own size.
    classes: of the model: their names and which have instances, for maps that
      data.label_map and data.instances make.
    checked: False only lists the files of a folder, whoever reads one checks.

  Returns:
    The inputs in name order; each is read when it is asked for.

  Raises:
    InputError: nothing found, or every fault of the files, one line each.
  """
  if size not in ("stage", "input"):
    raise InputError(
      f"size = '{size}' is no size; say --size=stage or --size=input"
    )
  # Drawn data lies in no folder: a bare name is one of its splits.
  is_name = pathlib.Path(source).name == source
  if (
    is_name
    and not pathlib.Path(source).is_dir()
    and not find_data_set(config).from_folders
  ):
    whole = prepare(config)
    if source not in whole.sources:
      raise InputError(
        f"'{source}' is neither a folder nor a split; the splits are "
        f"{', '.join(whole.sources)}"
      )
    examples: Sequence[ExampleFiles | Encoded] = whole.sources[source]
    names = whole.names[source]
  else:
    found = find_examples(source, config, classes)
    if checked:
      check_inputs(source, found, config)
    examples = found
    names = tuple(one.stem for one in found)
  reading = reading_of(config)
  return SynthesisInputs(
    names,
    examples,
    reading=reading,
    geometry=reading.geometry(stage_size),
    own_size=size == "input",
  )
