"""Shards of a prepared copy, filled while its files are checked.

Each file is read once: what the check has seen goes into a shard. A shard takes
its name when it is whole, with what the check found beside it, so that a start
after a kill goes on behind the last one.
"""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module

from hdgan.datasets import prepared
from hdgan.datasets.check import in_order
from hdgan.datasets.examples import ExampleFiles, Part
from hdgan.datasets.files import FileFacts
from hdgan.datasets.survey import Look
from hdgan.errors import InputError
from hdgan.whole_files import write_text

# What a shard holds at most, and with it what a kill can cost.
MOST_EXAMPLES, MOST_BYTES = 1000, 2**28
# As TFDS writes them: every example by itself, compressed where that helps.
_OPTIONS = "group_size:1"
_CLASSES = {kind.__name__: kind for kind in (Look, FileFacts)}


class Shard(NamedTuple):
  """A finished file of examples."""

  path: pathlib.Path
  examples: int


class _Held:
  """A part whose bytes are read once and kept while the example is seen to."""

  def __init__(self, part: Part):
    self.path, self.name, self._part = part.path, part.name, part
    self._data: bytes | None = None

  @property
  def facts(self) -> tuple[Any, ...]:
    return self._part.facts

  def read(self) -> bytes:
    if self._data is None:
      self._data = self._part.read()
    return self._data


class Shards:
  """A folder of shards that a check fills.

  Attributes:
    folder: that they lie in.
    done: the finished ones of each split, in order.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    rules: str,
    workers: int,
    keep: Callable[[dict[str, Any]], dict[str, Any]] = dict,
  ):
    """Finds what an earlier start has left.

    Args:
      folder: made if it is not there; nobody else writes to it.
      rules: of the check; what was found by others is found anew.
      workers: threads that read.
      keep: from an example as it was read to what is kept of it.
    """
    self.folder, self._rules, self._workers = folder, rules, workers
    self._keep = keep
    self.done: dict[str, list[Shard]] = {}
    self._features = prepared.example_features()
    folder.mkdir(parents=True, exist_ok=True)

  def look(
    self,
    split: str,
    look: Callable[[ExampleFiles], Look],
    examples: Sequence[ExampleFiles],
  ) -> Generator[Look, None, None]:
    """What the check finds in each example, in order; fills the shards.

    Args:
      split: of the examples.
      look: the check of one.
      examples: all of the split.
    """
    self.done[split], first = [], 0
    while kept := self._taken_up(split):
      yield from kept
      first += len(kept)
    rest = examples if first == 0 else examples[first:]

    def read(example: ExampleFiles) -> tuple[Look, bytes]:
      parts: dict[str, Any] = {
        role: _Held(part) for role, part in example.parts().items()
      }
      held = dataclasses.replace(example, **parts)
      one = look(held)
      # Of what cannot be used nothing is copied.
      good = not one.faults and one.unknown is None
      if not good:
        return one, b""
      return one, self._features.serialize_example(self._keep(held.read()))

    found: list[Look] = []
    writer: _Writer | None = None
    try:
      with contextlib.closing(in_order(read, rest, self._workers)) as jobs:
        whole = True
        for one, data in jobs:
          whole = whole and bool(data)
          if not whole:  # The check goes on, and ends with faults.
            yield one
            continue
          writer = writer or _Writer(self._next(split, ".tmp"))
          writer.write(data)
          found.append(one)
          yield one
          if len(found) >= MOST_EXAMPLES or writer.size >= MOST_BYTES:
            self._finish(split, writer, found)
            found, writer = [], None
      if writer and whole:
        self._finish(split, writer, found)
        writer = None
    finally:
      if writer:
        writer.drop()

  def _next(self, split: str, ending: str) -> pathlib.Path:
    return self.folder / f"{split}-{len(self.done[split]):05d}{ending}"

  def _finish(self, split: str, writer: "_Writer", found: list[Look]) -> None:
    """Gives a shard its name, and keeps what was found in it."""
    writer.close()
    path = self._next(split, ".array_record")
    writer.path.rename(path)
    record = {
      "rules": self._rules,
      "bytes": path.stat().st_size,
      "found": [_plain(one) for one in found],
    }
    write_text(self._next(split, ".json"), json.dumps(record))
    self.done[split].append(Shard(path, len(found)))

  def _taken_up(self, split: str) -> list[Look]:
    """What was found in the next shard, if an earlier start finished it."""
    path, record = (self._next(split, x) for x in (".array_record", ".json"))
    try:
      kept = prepared.load_record(record)
      if kept["rules"] != self._rules or kept["bytes"] != path.stat().st_size:
        return []
      found = [_of_plain(one) for one in kept["found"]]
    except (KeyError, OSError, TypeError, ValueError, InputError):
      return []
    if found:
      self.done[split].append(Shard(path, len(found)))
    return found


class _Writer:
  """Writes one file of records."""

  def __init__(self, path: pathlib.Path):
    self.path, self.size = path, 0
    path.unlink(missing_ok=True)
    self._writer = array_record_module.ArrayRecordWriter(str(path), _OPTIONS)

  def write(self, data: bytes) -> None:
    self._writer.write(data)
    self.size += len(data)

  def close(self) -> None:
    self._writer.close()

  def drop(self) -> None:
    """Of what was not finished nothing stays."""
    with contextlib.suppress(Exception):
      self._writer.close()
    self.path.unlink(missing_ok=True)


def split_info(
  split: str, shards: Sequence[Shard], template: Any
) -> tfds.core.SplitInfo:
  """Moves the shards of a split to their last names.

  Args:
    split: its name.
    shards: in order.
    template: TFDS's of the names.

  Returns:
    What TFDS keeps of the split.
  """
  size = 0
  for i, shard in enumerate(shards):
    size += shard.path.stat().st_size
    final = template.sharded_filepath(shard_index=i, num_shards=len(shards))
    shard.path.rename(final)
  return tfds.core.SplitInfo(
    name=split,
    shard_lengths=[shard.examples for shard in shards],
    num_bytes=size,
    filename_template=template,
  )


def _plain(value: Any) -> Any:
  """What JSON can hold, from which `_of_plain` makes the same again."""
  if dataclasses.is_dataclass(value):
    facts = [
      _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
    ]
    return {"class": type(value).__name__, "facts": facts}
  if isinstance(value, dict):
    return {"dict": [[_plain(k), _plain(v)] for k, v in value.items()]}
  if isinstance(value, tuple):
    return {"tuple": [_plain(one) for one in value]}
  if isinstance(value, list):
    return [_plain(one) for one in value]
  if isinstance(value, np.ndarray):
    return {"array": value.tolist(), "dtype": str(value.dtype)}
  if isinstance(value, bytes):
    return {"bytes": value.hex()}
  return value.item() if isinstance(value, np.generic) else value


def _of_plain(value: Any) -> Any:
  if isinstance(value, list):
    return [_of_plain(one) for one in value]
  if not isinstance(value, dict):
    return value
  if "class" in value:
    return _CLASSES[value["class"]](*_of_plain(value["facts"]))
  if "array" in value:
    return np.array(value["array"], value["dtype"])
  if "bytes" in value:
    return bytes.fromhex(value["bytes"])
  if "tuple" in value:
    return tuple(_of_plain(value["tuple"]))
  return {_of_plain(k): _of_plain(v) for k, v in value["dict"]}
