"""Prepares data sets that are files, whichever data set it is.

Each of them is a builder that says where its files lie; the check, the copy and
what is told are the same for all. A copy is named by what the files hold, so
that no two data sets ever share one. What the check found is kept beside it.

An index tells, for each place that data came from, which copy was made of it
and how its files were named, sized and dated then: while none of that changes,
the copy is found without reading a picture. Where it changes the files are
read; if they hold the same, so does the copy.
"""

import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from hdgan.datasets import pixels, prepared, reduced
from hdgan.datasets.check import Rules, Summary, check, rules_of
from hdgan.datasets.distortion import size_of
from hdgan.datasets.examples import ExampleFiles, FilePart, Found, Part
from hdgan.datasets.prepared import Prepared
from hdgan.datasets.reading import reading_of
from hdgan.datasets.shards import Shard, Shards, split_info
from hdgan.errors import InputError
from hdgan.picture_spec import picture_spec


@dataclasses.dataclass(eq=False)
class FilesConfig(tfds.core.BuilderConfig):
  """What a prepared copy is made of.

  Attributes:
    fill: gives the shards of each split; needed to prepare, not to read.
  """

  fill: Callable[[], Mapping[str, Sequence[Shard]]] = dict


class FilesBuilder(tfds.core.dataset_builder.FileReaderBuilder):
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

  def _download_and_prepare(
    self, dl_manager: Any, download_config: Any = None
  ) -> None:
    """Takes over shards that are filled already; nothing is downloaded."""
    del dl_manager, download_config
    shards = self.builder_config.fill()
    self.info.set_splits(
      tfds.core.splits.SplitDict(
        [
          split_info(split, some, self._get_filename_template(split))
          for split, some in shards.items()
        ]
      )
    )


def _facts(part: Part) -> tuple[Any, ...]:
  return part.facts


def fingerprint(
  splits: Mapping[str, Sequence[ExampleFiles]],
  facts: Callable[[Part], tuple[Any, ...]] = _facts,
) -> str:
  """Hashes how the files are named and paired, their sizes and their times."""
  digest = hashlib.sha256()
  for split, examples in splits.items():
    for example in examples:
      line = [split, example.stem]
      for part in example.parts().values():
        line.append(part.name)
        # Of a link to nowhere the check says more.
        with contextlib.suppress(OSError):
          line += map(str, facts(part))
      # No name holds a NUL, so no two lists of files give one text.
      told = "\0".join([*line, "\n"])
      digest.update(told.encode("utf-8", "surrogateescape"))
  return digest.hexdigest()[:20]


class _Place:
  """Where data comes from, and what the index tells of it.

  Attributes:
    home: the folder of all copies of a data set.
    root: where its files lie.
    unfinished: where shards are filled.
  """

  def __init__(self, home: pathlib.Path, root: pathlib.Path, settings: str):
    self.home, self.root = home, root
    told = f"{root}\0{settings}".encode("utf-8", "surrogateescape")
    name = hashlib.sha256(told).hexdigest()[:20]
    self._entry = home / "index" / f"{name}.json"
    self._lock = self._entry.with_suffix(".lock")
    self.unfinished = home / f"incomplete.{name}"

  @contextlib.contextmanager
  def locked(self) -> Iterator[None]:
    """Holds the lock on all that is made of this place."""
    while True:
      with prepared.locked(self._lock) as held:
        # Who held it before may have removed it, where data was bad.
        if not held or os.path.exists(self._lock):
          yield
          return

  def entry(self) -> dict[str, Any]:
    """Listing and copy of the last time; {} where there is none."""
    return prepared.load_record(self._entry)

  def copy_of(self, listing: str) -> str:
    """Name of the copy that was made of just these files, or ''."""
    entry = self.entry()
    return str(entry.get("copy", "")) if entry.get("listing") == listing else ""

  def record(self, listing: str, copy: str) -> None:
    """Keeps which copy was made, and removes those before it."""
    entry = self.entry()
    used = {copy} | {
      prepared.load_record(path).get("copy")
      for path in self._entry.parent.glob("*.json")
      if path != self._entry
    }
    before = [entry.get("copy"), *entry.get("before", [])]
    left = [
      one
      for one in dict.fromkeys(map(str, before))
      if one not in used
      and (self.home / one / prepared.VERSION).exists()
      # What is read now goes after a later change.
      and not prepared.remove_stale(self.home / one, f"of {self.root} before")
    ]
    record = {"root": str(self.root), "listing": listing, "copy": copy}
    prepared.save_record(self._entry, {**record, "before": left})

  def leave_nothing(self) -> None:
    """Removes what was begun, after faults of the data."""
    shutil.rmtree(self.unfinished, ignore_errors=True)
    with contextlib.suppress(OSError):
      if not self._entry.exists():
        self._lock.unlink(missing_ok=True)
      for folder in (self._entry.parent, self.home, self.home.parent):
        folder.rmdir()


def prepare(
  make: type[FilesBuilder],
  root: pathlib.Path | str,
  found: Found,
  rules: Rules,
  *,
  folder: pathlib.Path,
  settings: str = "",
  as_pixels: bool = False,
) -> tuple[dict[str, Sequence[dict[str, Any]]], Summary]:
  """Checks the files and prepares a copy, each only if it has not been done.

  Args:
    make: the data set.
    root: where its files lie.
    found: what `make.find` gave.
    rules: what the files must keep to.
    folder: where prepared copies are kept.
    settings: tell what else of one root is another place for data.
    as_pixels: whether the copy holds pixels in the place of files.

  Returns:
    Per split a random-access sequence of encoded examples, and the Summary.

  Raises:
    InputError: all faults of the files, or a folder that cannot be written.
  """
  place = _Place(folder / make.name, _absolute(root), settings)
  work = _Work(make, place, found, rules, as_pixels)
  done = work.found_again()
  if done is not None:
    return done
  with contextlib.ExitStack() as stack:
    may_write = not prepared.opens_only()
    if may_write:
      try:
        stack.enter_context(place.locked())
      except OSError as error:
        # A copy that is whole serves, also in a folder that is only read.
        may_write = False
        if not any(place.home.glob(f"*/{prepared.VERSION}")):
          raise InputError(
            f"{folder}: cannot be written ({error.strerror}); say "
            "--config.data.prepared_dir=FOLDER"
          ) from error
      else:
        # Another process may have been first while this one waited.
        done = work.found_again()
    with prepared.writing(folder):
      return done or work.run(may_write)


class _Work:
  """The way from files to a copy of them."""

  def __init__(
    self,
    make: type[FilesBuilder],
    place: _Place,
    found: Found,
    rules: Rules,
    as_pixels: bool,
  ):
    self._make, self._place, self._found = make, place, found
    self._as_pixels = as_pixels
    self._rules, self._splits = rules, found.splits
    # The copy depends on the files alone, the check on the rules as well, and
    # on what it looks at: damaged PNGs are found since the second edition,
    # ranges that are hardly used since the third, palettes since the fourth.
    self._told = f"edition 4: {rules!r}"
    self._listing = fingerprint(found.splits)
    self._shards: dict[str, list[Shard]] | None = None
    self._contents: Mapping[str, str] = {}

  def found_again(
    self,
  ) -> tuple[dict[str, Sequence[dict[str, Any]]], Summary] | None:
    """What the index tells of, if all of it is still so; reads no picture."""
    name = self._place.copy_of(self._listing)
    # With faults in any case, so that all are told at once.
    if not name or self._found.faults:
      return None
    summary = self._known_summary(name)
    if summary is None:
      return None
    folder = self._place.home / name
    sources = prepared.open_whole(self._builder(name), self._splits, folder)
    return None if sources is None else (sources, summary)

  def run(
    self, may_write: bool
  ) -> tuple[dict[str, Sequence[dict[str, Any]]], Summary]:
    """Checks the files, and makes a copy unless what they hold has one."""
    home, place = self._place.home, self._place
    last = str(place.entry().get("copy", ""))
    older = fingerprint(self._splits, _old_facts)
    # Where there is a copy the files most likely hold the same as it does:
    # then nothing need be written.
    there = [one for one in (last, older) if one and (home / one).exists()]
    fill = may_write and not there and not self._found.faults
    summary = self._check(fill)
    self._contents = summary.contents
    kept = pixels.depends_on(self._rules.pictures) if self._as_pixels else ""
    name = _content_name(self._splits, summary, kept)
    folder, known = home / name, home / name / prepared.VERSION
    if may_write and not kept and not folder.exists():
      _take_over(home / older, folder, summary)
    made = not known.exists()
    if made and name == last:
      prepared.say(f"{known}: gone; it is prepared again")
    sources = prepared.prepare(self._builder(name), self._splits, folder)
    if may_write:
      if made:
        size = prepared.size_text(folder)
        prepared.say(f"prepared copy in {folder} ({size})")
      facts = dataclasses.asdict(summary)
      facts["classes"] = {str(k): n for k, n in summary.classes.items()}
      record = {"rules": self._told, "summary": facts}
      prepared.save_record(folder / "check.json", record)
      place.record(self._listing, name)
      shutil.rmtree(place.unfinished, ignore_errors=True)
    return sources, summary

  def _known_summary(self, name: str) -> Summary | None:
    """What the check found in a copy by the same rules, if it looked."""
    record = prepared.load_record(self._place.home / name / "check.json")
    return _summary_of(record) if record.get("rules") == self._told else None

  def _builder(self, name: str) -> Callable[[], FilesBuilder]:
    """Makes the builder of a copy; what it is made of is there by then."""
    config = FilesConfig(name=name, fill=self._fill)
    return lambda: self._make(
      data_dir=self._place.home.parent,
      config=config,
      file_format="array_record",
    )

  def _fill(self) -> Mapping[str, Sequence[Shard]]:
    """The shards that the check filled; if it did not, it does now."""
    if self._shards is None and (
      self._check(fill=True).contents != self._contents
    ):
      # The copy has its name by what was read first.
      raise InputError(
        f"{self._place.root}: files changed while they were read; run the same "
        "command again when nothing writes there"
      )
    return self._shards or {}

  def _check(self, fill: bool) -> Summary:
    """Reads all files; raises every fault of them."""
    workers, shards, copy = prepared.cores(), None, None
    if fill:
      unfinished = self._place.unfinished
      # What was filled of other files serves nobody.
      for path in unfinished.glob("*"):
        if path.name != self._listing:
          shutil.rmtree(path, ignore_errors=True)
      keep = functools.partial(pixels.decoded, spec=self._rules.pictures)
      shards = Shards(
        unfinished / self._listing, self._told, workers,
        keep=keep if self._as_pixels else dict,
      )  # fmt: skip
      copy = shards.look
    what = "preparing" if fill else "checking"
    try:
      summary = check(
        self._splits,
        self._rules,
        faults=self._found.faults,
        workers=workers,
        progress=prepared.progress_line(f"{what} {self._place.root}"),
        copy=copy,
      )
    except InputError:
      self._place.leave_nothing()
      raise
    self._shards = shards.done if shards else None
    return summary


def _absolute(root: pathlib.Path | str) -> pathlib.Path:
  return pathlib.Path(os.path.expanduser(root)).absolute()


def _old_facts(part: Part) -> tuple[Any, ...]:
  """What copies were named by up to version 1.0."""
  return part.facts[:2] if isinstance(part, FilePart) else part.facts


def _take_over(old: pathlib.Path, new: pathlib.Path, summary: Summary) -> None:
  """Gives a copy of an older version its new name, if it holds the same."""
  record = prepared.load_record(old / "check.json").get("summary")
  if isinstance(record, dict) and record.get("contents") == summary.contents:
    with contextlib.suppress(OSError):
      old.rename(new)


def _content_name(
  splits: Mapping[str, Sequence[ExampleFiles]], summary: Summary, kept: str
) -> str:
  """Hashes how examples are named, which files they have, what these hold.

  Args:
    splits: the examples.
    summary: of the check.
    kept: what else the copy depends on.

  Returns:
    20 letters and digits.
  """
  digest = hashlib.sha256(kept.encode())
  for split, examples in splits.items():
    digest.update(f"{split}\0{summary.contents[split]}\0".encode())
    for example in examples:
      told = "\0".join([example.stem, *example.parts(), "\n"])
      digest.update(told.encode("utf-8", "surrogateescape"))
  return digest.hexdigest()[:20]


def _summary_of(record: Mapping[str, Any]) -> Summary | None:
  """What an earlier check found; None where the record is damaged."""
  try:
    facts = dict(record["summary"])
    facts["classes"] = {int(k): n for k, n in facts["classes"].items()}
    found = Summary(**facts)
    sizes = [size_of(size) for size in found.sizes]
    low, high = found.ids or (0, 0)  # Older records tell of none.
    whole = {type(x) for x in (found.max_objects, low, high)} == {int}
    return found if sizes and whole and found.contents["train"] else None
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


def _settings(config: ConfigDict) -> str:
  """The fields by which one folder is read as several data sets."""
  data = config.data
  fields: tuple[Any, ...] = (
    data.variant, data.split, data.label_map, data.instances, data.store_size,
    dict(data.suffixes),
  )  # fmt: skip
  if data.store == "pixels":
    fields += (pixels.depends_on(picture_spec(config)),)
  return repr(fields)


def _prepare_config(make: type[FilesBuilder], config: ConfigDict) -> Prepared:
  found = reduced.reduce(make.find(config), config)
  sources, summary = prepare(
    make,
    config.data.root,
    found,
    rules_of(config),
    folder=prepared.copies_folder(config.data.prepared_dir),
    settings=_settings(config),
    as_pixels=config.data.store == "pixels",
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
    ids=(summary.ids[0], summary.ids[1]) if summary.ids else None,
  )
