"""One's own data: a folder of maps and photos in the released code's layout.

The prepared copy is named by a hash over the files' relative names, sizes and
times, so that a changed folder is prepared again and an unchanged one never.
What the check found is kept beside the copy.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from hdgan.datasets import folder as folders
from hdgan.datasets import prepared
from hdgan.datasets.check import Rules, Summary, check, rules_of
from hdgan.datasets.classes import load_classes
from hdgan.datasets.folder import ExampleFiles
from hdgan.datasets.reading import reading_of
from hdgan.errors import InputError
from hdgan.validation import size_unit


@dataclasses.dataclass(eq=False)
class PairedFolderConfig(tfds.core.BuilderConfig):
  """Which files a prepared copy is made of.

  Attributes:
    splits: the examples of each split; needed to prepare, not to read.
    progress: called with examples done and their total.
  """

  splits: Mapping[str, Sequence[ExampleFiles]] = dataclasses.field(
    default_factory=dict
  )
  progress: Callable[[int, int], None] = lambda done, total: None


class PairedFolder(tfds.core.GeneratorBasedBuilder):
  """TFDS builder over the files of a checked folder."""

  VERSION = tfds.core.Version(prepared.VERSION)
  builder_config: PairedFolderConfig

  def _info(self) -> tfds.core.DatasetInfo:
    # Written in the order of names: example i is the i-th file.
    return tfds.core.DatasetInfo(
      builder=self,
      features=prepared.example_features(),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    del dl_manager
    splits = self.builder_config.splits
    total, done = sum(map(len, splits.values())), 0
    generators = {}
    for split, examples in splits.items():
      generators[split] = self._generate_examples(examples, done, total)
      done += len(examples)
    return generators

  def _generate_examples(
    self, examples: Sequence[ExampleFiles], done: int, total: int
  ) -> Iterator[tuple[int, dict[str, str | bytes]]]:
    for i, example in enumerate(examples):
      yield (
        i,
        {
          "name": example.stem,
          "label": example.label.read_bytes(),
          "instance": _bytes(example.instance),
          "image": _bytes(example.image),
        },
      )
      self.builder_config.progress(done + i + 1, total)


def fingerprint(
  root: pathlib.Path, splits: Mapping[str, Sequence[ExampleFiles]]
) -> str:
  """Hashes how the files are named and paired, their sizes and their times."""
  digest = hashlib.sha256()
  for split, examples in splits.items():
    for example in examples:
      line = [split, example.stem]
      for path in (example.label, example.instance, example.image):
        if path is not None:
          line.append(path.relative_to(root).as_posix())
          # Of a link to nowhere the check says more.
          with contextlib.suppress(OSError):
            facts = path.stat()
            line += [str(facts.st_size), str(facts.st_mtime_ns)]
      # No name holds a NUL, so no two lists of files give one text.
      told = "\0".join([*line, "\n"])
      digest.update(told.encode("utf-8", "surrogateescape"))
  return digest.hexdigest()[:20]


def prepare(
  root: pathlib.Path | str,
  splits: Mapping[str, Sequence[ExampleFiles]],
  rules: Rules,
  *,
  folder: pathlib.Path,
  faults: Sequence[str] = (),
  workers: int = 2,
) -> tuple[dict[str, Sequence[dict[str, Any]]], Summary]:
  """Checks the files and prepares a copy, each only if it has not been done.

  Args:
    root: the folder that holds the splits' folders.
    splits: the examples of each split that will be used.
    rules: what they must keep to.
    folder: where prepared copies are kept.
    faults: what is known to be wrong already.
    workers: threads that read for the check.

  Returns:
    Per split a random-access sequence of encoded examples, and the Summary.

  Raises:
    InputError: all faults of the files, or a folder that cannot be written.
  """
  root = pathlib.Path(root)
  name = fingerprint(root, splits)
  record_file = folder / "paired_folder" / name / "check.json"
  record = prepared.load_record(record_file)
  # The copy depends on the files alone, the check on the rules as well, and on
  # what it looks at: damaged PNGs are found since the second edition.
  told = f"edition 2: {rules!r}"
  # With faults in any case, so that all are told at once.
  summary = _summary_of(record) if record.get("rules") == told else None
  if faults or summary is None:
    summary = check(
      splits,
      rules,
      faults=faults,
      workers=workers,
      progress=prepared.progress_line(f"checking {root}"),
    )
    facts = dataclasses.asdict(summary)
    facts["classes"] = {str(k): n for k, n in summary.classes.items()}
    try:
      prepared.save_record(record_file, {"rules": told, "summary": facts})
    except InputError:
      # Beside a copy that is only read, the check is made at every start.
      if not any(record_file.parent.glob("*/dataset_info.json")):
        raise
  config = PairedFolderConfig(
    name=name,
    splits=splits,
    progress=prepared.progress_line(f"preparing {root}"),
  )
  sources = prepared.prepare(
    lambda: PairedFolder(
      data_dir=folder, config=config, file_format="array_record"
    ),
    splits,
    record_file.parent,
  )
  return sources, summary


def _summary_of(record: Mapping[str, Any]) -> Summary | None:
  """What an earlier check found; None where the record is damaged."""
  try:
    facts = dict(record["summary"])
    facts["classes"] = {int(k): n for k, n in facts["classes"].items()}
    found = Summary(**facts)
    sizes = [_size_of(size) for size in found.sizes]
    known = sizes and type(found.max_objects) is int and found.contents["train"]
    return found if known else None
  except (AttributeError, KeyError, TypeError, ValueError):
    return None


def _bytes(path: pathlib.Path | None) -> bytes:
  """A file's bytes; empty where the split has no such file."""
  return path.read_bytes() if path else b""


def prepare_config(config: ConfigDict) -> prepared.Prepared:
  """Scans, checks and prepares the folder that a config names.

  Raises:
    InputError: every fault of the folder and its files, one line each.
  """
  if not config.data.root:
    raise InputError(
      "config.data.root='' must name a folder with <split>_label/ and "
      "<split>_img/; say --config.data.root=DIR"
    )
  root = pathlib.Path(os.path.expanduser(config.data.root)).absolute()
  held_out = folders.held_out_split(root)
  faults: list[str] = []
  splits, instances = {}, {}
  for split in ["train", *([held_out] if held_out else [])]:
    found = folders.split_folders(root, split, faults)
    if "label" in found and "image" not in found:
      faults.append(
        f"{root}: split '{split}' has no photos to train on; add {split}_img/ "
        f"(or {split}_B/)"
      )
    splits[split] = folders.pair(found, config.data.suffixes, faults)
    instances[split] = "instance" in found
  if len(set(instances.values())) > 1:
    without = min(instances, key=lambda split: instances[split])
    faults.append(
      f"{root}: {without}_inst/ is missing, the other split has instance maps; "
      "give both splits instance maps or none"
    )
  classes = load_classes(root, config.num_classes)
  sources, summary = prepare(
    root,
    splits,
    rules_of(config),
    folder=prepared.copies_folder(config.data.prepared_dir),
    faults=faults,
    workers=config.data.workers,
  )
  _say_what_is_missing(root, held_out, summary.has_instances, config)
  return prepared.Prepared(
    sources=sources,
    names={
      split: tuple(example.stem for example in examples)
      for split, examples in splits.items()
    },
    held_out=held_out,
    max_instances=config.max_instances
    or prepared.bound_instances(summary.max_objects),
    classes=classes,
    reading=reading_of(config),
    sizes=summary.sizes,
    contents=summary.contents["train"],
  )


def squash_line(config: ConfigDict, sizes: Mapping[str, int]) -> str:
  """Says that training distorts pictures, and what to type against it.

  Args:
    config: of the experiment, validated.
    sizes: pictures of each (height)x(width).

  Returns:
    One line, or '' where height / width changes by a quarter at most.
  """
  if config.data.transform != "resize":
    return ""
  squashed = {
    i: {n: c for n, c in sizes.items() if not _keeps(n, stage.size)}
    for i, stage in enumerate(config.stages)
  }
  first = next((i for i, odd in squashed.items() if odd), None)
  if first is None:
    return ""
  odd, became = squashed[first], config.stages[first].size
  name = max(odd, key=lambda size: odd[size])
  flags = []
  for i, names in squashed.items():
    size = fitting_size(
      _size_of(name), config.stages[i].size, size_unit(config, i)
    )
    after = [c for n, c in sizes.items() if not _keeps(n, size)]
    # The size of a few must not squash the many.
    if name in names and sum(after) < sum(names.values()):
      flags.append(f"--config.stages[{i}].size={size[0]},{size[1]}")
  ways = ["say " + " ".join(flags)] if flags else []
  largest = [max(stage.size[k] for stage in config.stages) for k in (0, 1)]
  if all(np.all(np.array(_size_of(size)) >= largest) for size in sizes):
    ways.append("cut instead: --config.data.transform=crop")
  way = ", or ".join(ways or ["cut these to the shape of the others"])
  return (
    f"{sum(odd.values())} of {sum(sizes.values())} pictures change their shape "
    f"by more than a quarter: {name} pictures become {became[0]}x{became[1]} "
    f"(height x width); {way}"
  )


def _size_of(name: str) -> tuple[int, int]:
  height, width = name.split("x")
  return int(height), int(width)


def _keeps(name: str, target: Sequence[int]) -> bool:
  """Whether height / width of a size changes by a quarter at most."""
  height, width = _size_of(name)
  one, two = height * target[1], width * target[0]
  return 4 * max(one, two) <= 5 * min(one, two)


def fitting_size(
  size: tuple[int, int], target: Sequence[int], unit: int
) -> tuple[int, int]:
  """The size of a picture's shape whose area is nearest to a stage's.

  Args:
    size: (height, width) of the picture.
    target: (height, width) of the stage.
    unit: what both sides must be multiples of, twice at least.

  Returns:
    (height, width) that changes the shape by a quarter at most.
  """
  # Along the shorter side in units; the longer follows.
  short = range(2, 2 + max(target) // unit)
  turned = size[0] > size[1]
  low, high = sorted(size)
  sizes = [(n * unit, max(2, round(n * high / low)) * unit) for n in short]
  sizes = [pair[::-1] if turned else pair for pair in sizes]
  area = target[0] * target[1]
  fits = [pair for pair in sizes if _keeps(f"{size[0]}x{size[1]}", pair)]
  return min(fits, key=lambda pair: abs(pair[0] * pair[1] - area))


def _say_what_is_missing(
  root: pathlib.Path,
  held_out: str,
  has_instances: bool,
  config: ConfigDict,
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
