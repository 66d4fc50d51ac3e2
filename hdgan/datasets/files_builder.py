"""Prepares data sets that are files, whichever data set it is.

Each of them is a builder that says where its files lie; the check, the copy and
what is told are the same for all. The prepared copy is named by a hash over
the files' names, sizes and times, so that a changed folder is prepared again
and an unchanged one never. What the check found is kept beside the copy.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from hdgan.datasets import prepared
from hdgan.datasets.check import Rules, Summary, check, rules_of
from hdgan.datasets.distortion import size_of
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.prepared import Prepared
from hdgan.datasets.reading import reading_of
from hdgan.errors import InputError


@dataclasses.dataclass(eq=False)
class FilesConfig(tfds.core.BuilderConfig):
  """Which files a prepared copy is made of.

  Attributes:
    splits: the examples of each split; needed to prepare, not to read.
    progress: called with examples done and their total.
  """

  splits: Mapping[str, Sequence[ExampleFiles]] = dataclasses.field(
    default_factory=dict
  )
  progress: Callable[[int, int], None] = lambda done, total: None


class FilesBuilder(tfds.core.GeneratorBasedBuilder):
  """TFDS builder over the checked files of a data set; each is a subclass."""

  VERSION = tfds.core.Version(prepared.VERSION)
  builder_config: FilesConfig

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists the files that a config names; reads nothing of the pictures.

    Raises:
      InputError: if nothing can be listed; else faults are in what it returns.
    """
    raise NotImplementedError

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
      yield i, example.read()
      self.builder_config.progress(done + i + 1, total)


def fingerprint(splits: Mapping[str, Sequence[ExampleFiles]]) -> str:
  """Hashes how the files are named and paired, their sizes and their times."""
  digest = hashlib.sha256()
  for split, examples in splits.items():
    for example in examples:
      line = [split, example.stem]
      for part in example.parts().values():
        line.append(part.name)
        # Of a link to nowhere the check says more.
        with contextlib.suppress(OSError):
          line += map(str, part.facts)
      # No name holds a NUL, so no two lists of files give one text.
      told = "\0".join([*line, "\n"])
      digest.update(told.encode("utf-8", "surrogateescape"))
  return digest.hexdigest()[:20]


def prepare(
  make: type[FilesBuilder],
  root: pathlib.Path | str,
  found: Found,
  rules: Rules,
  *,
  folder: pathlib.Path,
  workers: int = 2,
) -> tuple[dict[str, Sequence[dict[str, Any]]], Summary]:
  """Checks the files and prepares a copy, each only if it has not been done.

  Args:
    make: the data set.
    root: where its files lie, for what is told.
    found: what `make.find` gave.
    rules: what the files must keep to.
    folder: where prepared copies are kept.
    workers: threads that read for the check.

  Returns:
    Per split a random-access sequence of encoded examples, and the Summary.

  Raises:
    InputError: all faults of the files, or a folder that cannot be written.
  """
  splits, name = found.splits, fingerprint(found.splits)
  record_file = folder / make.name / name / "check.json"
  record = prepared.load_record(record_file)
  # The copy depends on the files alone, the check on the rules as well, and on
  # what it looks at: damaged PNGs are found since the second edition, ranges
  # that are hardly used since the third.
  told = f"edition 3: {rules!r}"
  # With faults in any case, so that all are told at once.
  summary = _summary_of(record) if record.get("rules") == told else None
  if found.faults or summary is None:
    summary = check(
      splits,
      rules,
      faults=found.faults,
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
  config = FilesConfig(
    name=name,
    splits=splits,
    progress=prepared.progress_line(f"preparing {root}"),
  )
  sources = prepared.prepare(
    lambda: make(data_dir=folder, config=config, file_format="array_record"),
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
    sizes = [size_of(size) for size in found.sizes]
    known = sizes and type(found.max_objects) is int and found.contents["train"]
    return found if known else None
  except (AttributeError, KeyError, TypeError, ValueError):
    return None


@dataclasses.dataclass(frozen=True)
class Preparing:
  """How a data set of files is prepared, for the table of data sets.

  Attributes:
    make: the data set.
  """

  make: type[FilesBuilder]

  def __call__(self, config: ConfigDict) -> Prepared:
    """From a config to what is read of it.

    Raises:
      InputError: every fault of the files, one line each.
    """
    return _prepare_config(self.make, config)


preparing = Preparing  # As the rows of the table call it.


def _prepare_config(make: type[FilesBuilder], config: ConfigDict) -> Prepared:
  found = make.find(config)
  sources, summary = prepare(
    make,
    config.data.root,
    found,
    rules_of(config),
    folder=prepared.copies_folder(config.data.prepared_dir),
    workers=config.data.workers,
  )
  for note in [*found.notes, *summary.notes]:
    prepared.say(note)
  splits = list(found.splits)
  return Prepared(
    sources=sources,
    names={
      split: tuple(example.stem for example in examples)
      for split, examples in found.splits.items()
    },
    held_out=splits[1] if len(splits) > 1 else "",
    max_instances=config.max_instances
    or prepared.bound_instances(summary.max_objects),
    classes=found.classes,
    reading=reading_of(config),
    sizes=summary.sizes,
    contents=summary.contents["train"],
  )
