"""Prepared copies of data sets: encoded examples in array_record files.

Every example is stored as the bytes of its files, decoded when it is read, so
that nothing is lost and neither TensorFlow nor a second format is needed. A
copy appears under its name only when it is whole: what a killed preparation
leaves behind is removed by the next one. A copy that is damaged later is
noticed when it is opened, by the sizes of its files, or when the damaged record
is read, by its sum; then it is prepared again by the next start.
"""

import contextlib
import contextvars
import dataclasses
import fcntl
import io
import json
import os
import pathlib
import shutil
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from hdgan.datasets.id_types import IdTypes, id_types
from hdgan.datasets.reading import Encoded, Reading
from hdgan.errors import InputError, machine_fault
from hdgan.outside import read_json
from hdgan.whole_files import locked, user_cache, write_text


@dataclasses.dataclass(frozen=True)
class Prepared:
  """Data that has been checked and prepared.

  Attributes:
    sources: per split, random access to encoded examples in name order.
    names: per split, the examples' names in that order; to know one by its
      name, nothing is read.
    held_out: the split that is not trained on; '' where there is none.
    max_instances: N, the static bound on the objects of a picture.
    classes: id, name, color, has_instances and ignore per class; () where the
      label is a picture.
    reading: how examples are read.
    sizes: examples of each (height)x(width); empty where all fit by design.
    contents: sum of what the files of the split 'train' hold; '' where they
      follow from the config.
    ids: lowest and highest object id of all splits; None where they are not
      known.
  """

  sources: Mapping[str, Sequence[Encoded]]
  names: Mapping[str, tuple[str, ...]]
  held_out: str
  max_instances: int
  classes: tuple[dict[str, Any], ...]
  reading: Reading
  sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
  contents: str = ""
  ids: tuple[int, int] | None = None

  @property
  def types(self) -> IdTypes:
    """The types of ids in all batches."""
    return id_types(self.reading.pictures, self.max_instances, self.ids)

  @property
  def num_train(self) -> int:
    """Examples of the split 'train'."""
    return len(self.sources["train"])


def bound_instances(most: int) -> int:
  """Rounds a number of objects up to a multiple of 64, at least 64."""
  return max(64, -(-most // 64) * 64)


def copies_folder(given: str) -> pathlib.Path:
  """Where prepared copies are kept: as given, else the user's cache folder.

  Raises:
    InputError: for a user without a home folder.
  """
  if given:
    return pathlib.Path(os.path.expanduser(given)).absolute()
  cache = user_cache()
  if cache is None:
    raise InputError(
      "there is no home folder to keep prepared copies in; say "
      "--config.data.prepared_dir=FOLDER"
    )
  return cache


def example_features(**more: Any) -> tfds.features.FeaturesDict:
  """The features of an example: a name and the bytes of up to three files.

  Args:
    **more: further features of one data set.

  Returns:
    name, label, instance and image; the last two may be empty.
  """
  # Text is TFDS's feature for bytes of any length, kept as they are.
  encoded = {
    key: tfds.features.Text() for key in ("label", "instance", "image")
  }
  return tfds.features.FeaturesDict(
    {"name": tfds.features.Text(), **encoded, **more}
  )


# Set where another process prepares and this one opens what it made.
_opens_only = contextvars.ContextVar("opens_only", default=False)


@contextlib.contextmanager
def opening_only() -> Iterator[None]:
  """Within it nothing is prepared, recorded or told: another process did."""
  token = _opens_only.set(True)
  try:
    yield
  finally:
    _opens_only.reset(token)


def opens_only() -> bool:
  """Whether this process is one that prepares nothing."""
  return _opens_only.get()


def cores() -> int:
  """How many threads preparation keeps busy.

  Each holds an example decoded and up to two encoded: at most 16, or a host of
  a hundred cores would have no memory left for large pictures.
  """
  return min(len(os.sched_getaffinity(0)), 16)


# What every copy is called below its folder; the builders' VERSION.
VERSION = "1.0.0"
# In a copy: the sizes of its files, and why it must be prepared again.
SIZES, DAMAGED = "sizes.json", "damaged.txt"


class _Damaged(Exception):
  """A prepared copy cannot be used; says why."""


def prepare(
  make_builder: Callable[[], tfds.core.DatasetBuilder],
  splits: Iterable[str],
  folder: pathlib.Path,
) -> dict[str, Sequence[dict[str, Any]]]:
  """Prepares a builder's copy unless it is there, one process at a time.

  Args:
    make_builder: makes the builder.
    splits: the splits to open.
    folder: that the builder's copy appears in.

  Returns:
    Per split a random-access sequence of encoded examples.

  Raises:
    InputError: the folder cannot be written or the disk is full.
  """
  final, splits, damage = folder / VERSION, list(splits), ""
  if _opens_only.get() and not final.exists():
    raise InputError(
      f"{final}: the copy of the data that process 0 prepared is not to be "
      "seen here; name a folder that all hosts share by "
      "--config.data.prepared_dir=FOLDER, or say --prepare=each"
    )
  with _quiet(), writing(folder, lambda: damage):
    # What is there is whole, and may be in a folder that is only read.
    if final.exists():
      try:
        return _open(make_builder, splits, final)
      except _Damaged as error:
        damage = f"the copy is damaged ({error}) and "
        if _opens_only.get():
          raise InputError(
            f"{final}: damaged ({error}); run the same command again"
          ) from error
    with locked(folder / ".lock"):
      _remove_unfinished(folder)
      if final.exists():
        # Another process may have been first while this one waited.
        try:
          return _open(make_builder, splits, final)
        except _Damaged as error:
          say(f"{final}: damaged ({error}); it is prepared again")
        _put_away(final)
        _remove_unfinished(folder)
      make_builder().download_and_prepare()
      write_text(final / SIZES, json.dumps(_sizes(final)))
      return _open(make_builder, splits, final)


@contextlib.contextmanager
def writing(
  folder: pathlib.Path, damage: Callable[[], str] = str
) -> Iterator[None]:
  """Tells what a folder of copies cannot take, in one line.

  Args:
    folder: that is written to.
    damage: gives half a sentence on what is there.

  Raises:
    InputError: the folder cannot be written or the disk is full.
  """
  try:
    yield
  except InputError:
    raise
  except Exception as error:
    fault = machine_fault(error)
    place = pathlib.Path(fault.path if fault else "")
    # Not of a file of the user's that cannot be read.
    ours = place.is_relative_to(folder) or folder.is_relative_to(place)
    if fault is None or (fault.path and not ours):
      raise
    raise InputError(
      f"{folder}: {damage()}cannot be written ({fault.why}); {fault.way}, or "
      "say --config.data.prepared_dir=FOLDER"
    ) from error


def open_whole(
  make_builder: Callable[[], tfds.core.DatasetBuilder],
  splits: Iterable[str],
  folder: pathlib.Path,
) -> dict[str, Sequence[dict[str, Any]]] | None:
  """Opens a copy; None where it is not there, or damaged."""
  try:
    with _quiet():
      return _open(make_builder, list(splits), folder / VERSION)
  except (_Damaged, OSError):
    return None


def _open(
  make_builder: Callable[[], tfds.core.DatasetBuilder],
  splits: Sequence[str],
  copy: pathlib.Path,
) -> dict[str, Sequence[dict[str, Any]]]:
  """Opens a copy.

  Raises:
    _Damaged: if anything of it is missing, or of another size than it was.
    OSError: if it may not be read.
  """
  used = _Use(copy.parent)
  if (copy / DAMAGED).exists():
    raise _Damaged((copy / DAMAGED).read_text(errors="replace"))
  now = _sizes(copy)
  for name, size in load_record(copy / SIZES).items():
    if now.get(name) != size:
      raise _Damaged(f"{name}: {now.get(name, 0)} of {size} bytes")
  try:
    # A builder reads what is there when it is made.
    builder = make_builder()
    opened = {split: builder.as_data_source(split) for split in splits}
  except Exception as error:  # Riegeli's and TFDS's have no kind in common.
    if machine_fault(error) is not None:
      raise
    raise _Damaged(_in_short(error)) from error
  return {
    split: _Records(source, copy, used) for split, source in opened.items()
  }


class _Use:
  """Keeps a copy from being removed for as long as this object lives."""

  def __init__(self, folder: pathlib.Path):
    number = os.open(folder, os.O_RDONLY)
    weakref.finalize(self, os.close, number)
    # Where the file system knows no locks nothing is removed either.
    with contextlib.suppress(OSError):
      fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)


class _Records(Sequence):
  """Encoded examples; a damaged one ends the command and marks the copy."""

  def __init__(
    self, source: Sequence[dict[str, Any]], copy: pathlib.Path, used: _Use
  ):
    self._source, self._copy, self._count = source, copy, len(source)
    self._used = used

  def __len__(self) -> int:
    return self._count

  def __getitem__(self, index: Any) -> Any:
    index = range(self._count)[index]
    try:
      return self._source[index]
    except Exception as error:
      if isinstance(error, MemoryError) or machine_fault(error) is not None:
        raise
      why, mark = _in_short(error), self._copy / DAMAGED
      way = "run the same command again, which prepares it again"
      try:
        mark.write_text(why)
      except OSError:
        way = "say --config.data.prepared_dir=FOLDER, it cannot be written"
      raise InputError(
        f"{self._copy}: the prepared copy is damaged ({why}); {way}"
      ) from error


def _in_short(error: Exception) -> str:
  return " ".join(str(error).split())[:200] or type(error).__name__


def _sizes(copy: pathlib.Path) -> dict[str, int]:
  """Bytes of the files of a copy, by name."""
  return {
    path.name: path.stat().st_size
    for path in copy.iterdir()
    if path.name not in (SIZES, DAMAGED)
  }


def _foreign(copy: pathlib.Path) -> bool:
  """Whether a copy's folder holds what is not hdgan's."""
  own = ("dataset_info.json", "features.json", SIZES, DAMAGED)
  return any(
    path.name not in own and ".array_record-" not in path.name
    for path in copy.iterdir()
  )


def remove_stale(folder: pathlib.Path, what: str) -> bool:
  """Removes a copy that nothing refers to, unless somebody reads it; tells it.

  Args:
    folder: of the copy.
    what: it was made of, for the line that is told.

  Returns:
    Whether it is gone.
  """
  copy = folder / VERSION
  try:
    number = os.open(folder, os.O_RDONLY)
  except OSError:
    return False
  try:
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if _foreign(copy):
      return False
    size = size_text(folder)
    # Whoever opens it from here on finds none.
    copy.rename(copy.with_name(f"incomplete.stale_{VERSION}"))
    shutil.rmtree(folder, ignore_errors=True)
    say(f"removed {folder}: the copy {what} ({size})")
    return True
  except OSError:
    return False  # In use, or in a folder that is only read.
  finally:
    os.close(number)


def size_text(folder: pathlib.Path) -> str:
  """How much room a folder takes, for people: 1.2 GB."""
  size = float(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()))
  for unit in ("bytes", "kB", "MB"):
    if size < 1000:
      return f"{size:.3g} {unit}"
    size /= 1000
  return f"{size:,.3g} GB" if size < 1000 else f"{size:,.0f} GB"


def _put_away(copy: pathlib.Path) -> None:
  """Frees the name of a copy; it is only removed if all of it is ours."""
  if _foreign(copy):
    copy.rename(f"{copy}.damaged{time.time_ns()}")
  else:
    copy.rename(copy.with_name(f"incomplete.damaged_{VERSION}"))


def _remove_unfinished(folder: pathlib.Path) -> None:
  """Under the lock nobody is at work: what is unfinished was killed."""
  for part in folder.glob(f"incomplete.*_{VERSION}"):
    shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps TFDS from announcing itself on stdout and in the log."""
  verbosity = logging.get_verbosity()
  tfds.disable_progress_bar()
  logging.set_verbosity(logging.ERROR)
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(verbosity)


def load_record(path: pathlib.Path) -> dict[str, Any]:
  """Reads a JSON object; {} where there is none or it is damaged."""
  try:
    return read_json(path, dict)
  except InputError:
    return {}


def save_record(path: pathlib.Path, record: Mapping[str, Any]) -> None:
  """Writes a JSON object, whole or not at all."""
  if _opens_only.get():
    return
  try:
    with locked(path.parent / ".lock"):
      write_text(path, json.dumps(record, indent=1))
  except OSError as error:
    raise InputError(
      f"{path}: cannot be written ({error.strerror}); say "
      "--config.data.prepared_dir=FOLDER"
    ) from error


def say(line: str) -> None:
  """Tells the user one line; stdout is left to results."""
  if _opens_only.get():
    return
  print(line, file=sys.stderr, flush=True)


def progress_line(what: str) -> Callable[[int, int], None]:
  """Makes a function that tells (done, total) and the time left on stderr.

  A terminal gets one line that is rewritten; a log gets a line every ten
  seconds, so that small folders stay silent until they are done.
  """
  last = time.monotonic()
  # A minute of times: what was done before a kill comes in a moment.
  marks: deque[tuple[float, int]] = deque([(last, 0)], maxlen=60)

  def tell(done: int, total: int) -> None:
    nonlocal last
    now, end = time.monotonic(), done == total
    if now - marks[-1][0] > 1:
      marks.append((now, done))
    if sys.stderr.isatty():
      if end or now - last > 0.1:
        tail = "\n" if end else _time_left(marks, done, total)
        # What a longer line left is cleared.
        sys.stderr.write(f"\r{what}: {done} of {total}{tail:20}")
        sys.stderr.flush()
        last = now
    elif end or now - last > 10:
      left = "" if end else _time_left(marks, done, total)
      say(f"{what}: {done} of {total}{left}")
      last = now

  return tell


def _time_left(
  marks: Sequence[tuple[float, int]], done: int, total: int
) -> str:
  """`, 5 min left`, or '' before there is anything to go by."""
  (start, before), (now, _) = marks[0], marks[-1]
  if done <= before or now - start < 1:
    return ""
  seconds = (now - start) * (total - done) / (done - before)
  for unit, size in (("h", 3600), ("min", 60)):
    if seconds >= 1.5 * size:
      return f", {seconds / size:.0f} {unit} left"
  return f", {seconds:.0f} s left"
