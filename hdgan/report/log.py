"""The numbers of a run: metrics.jsonl and TensorBoard's event files.

with MetricsLog(workdir, step) as log:
  log.write(step, {"G_GAN": 0.7}, epoch=1, stage="global")
"""

import contextlib
import json
import math
import os
import pathlib
import struct
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.outside import parse_json

METRICS = "metrics.jsonl"
# A bucket gets the log so many seconds after the last time, and a file of
# events of so many bytes is the last time that it grows.
_EVERY, _LARGE = 30, 2**23


class MetricsLog:
  """Appends to metrics.jsonl and to TensorBoard's event files of one run."""

  def __init__(self, workdir: str | os.PathLike, step: int = 0):
    """Opens the log of a run that starts, or goes on from a checkpoint.

    What an earlier process wrote after that checkpoint is dropped, so that no
    curve has two values at a step.

    Args:
      workdir: the run directory; it exists.
      step: training steps done so far, 0 for a new run.
    """
    self._workdir = self._local = whole_files.path(workdir)
    self._draft: tempfile.TemporaryDirectory | None = None
    if whole_files.is_remote(self._workdir):
      # Nothing can be appended to in a bucket: written here, and put there.
      self._draft = tempfile.TemporaryDirectory(prefix="hdgan")
      self._local = pathlib.Path(self._draft.name)
    self._there: dict[str, Any] = {}
    self._put_at = time.monotonic()
    path = self._local / METRICS
    if (self._workdir / METRICS).exists():
      lines = read_metrics(self._workdir) if step else []
      kept = [line for line in lines if line["step"] <= step]
      text = "".join(json.dumps(line) + "\n" for line in kept)
      # Mounted buckets may lose what is appended to a file just renamed.
      if path.exists() and path.read_bytes().startswith(text.encode()):
        os.truncate(path, len(text.encode()))
      else:
        whole_files.write_text(path, text)
    self._file = path.open("a")
    board = _tensorboardx()
    self._summary, self._proto = board.summary, board.proto.event_pb2
    # At step 0 a new run draws its samples, so that nothing of before is kept.
    self._cut_events(step or -1)
    self._writer = board.event_file_writer.EventsWriter
    self._open_events()
    if step:
      # A TensorBoard that is open hides what it had read from this step on.
      log = self._proto.SessionLog(status=self._proto.SessionLog.START)
      self._events.write_event(
        self._proto.Event(step=step + 1, session_log=log)
      )

  def _cut_events(self, step: int) -> None:
    """Drops events after a step, which are written again, and torn ends."""
    folder = self._workdir / "tensorboard"
    for path in sorted(folder.glob("events*")) if folder.is_dir() else ():
      data, end = path.read_bytes(), 0
      # Each is framed by its length and two sums; in a file steps ascend.
      while end + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, end)
        if end + 16 + size > len(data):
          break
        try:
          event = self._proto.Event.FromString(data[end + 12 : end + 12 + size])
        except Exception:  # Of protobuf; nobody could read on from here.
          break
        if event.step > step:
          break
        end += 16 + size
      if end == len(data):
        continue
      if whole_files.is_remote(path):
        whole_files.put(path, data[:end])
      else:
        os.truncate(path, end)

  def _open_events(self) -> None:
    """Begins a file of events."""
    folder = self._local / "tensorboard"
    folder.mkdir(exist_ok=True)
    # Not tensorboardX's SummaryWriter: its queue is lost with a kill, whatever
    # was flushed. Its file names differ by second and host alone.
    ending = f".{os.getpid()}.{time.time_ns()}"
    self._events = self._writer(str(folder / "events"), ending)

  def put(self) -> None:
    """Brings what was written so far to the bucket, if the run is in one."""
    if self._draft is None:
      return
    for name, now in whole_files.files_below(self._local).items():
      if self._there.get(name) != now:
        data = (self._local / name).read_bytes()
        whole_files.put(self._workdir / name, data)
        self._there[name] = now
        # Pictures make it large, and it is put whole each time.
        growing = name != METRICS and not self._file.closed
        if growing and len(data) > _LARGE:
          self._events.close()
          self._open_events()
    self._put_at = time.monotonic()

  def __enter__(self) -> "MetricsLog":
    return self

  def __exit__(
    self, kind: object, error: BaseException | None, trace: object
  ) -> None:
    # Where something has gone wrong already, that is what is told.
    quiet = () if error is None else (Exception,)
    with contextlib.suppress(*quiet):
      self.close()

  def write(
    self,
    step: int,
    values: Mapping[str, Any],
    *,
    epoch: int,
    stage: str,
    split: str = "train",
  ) -> None:
    """Writes one line; a kill right after this does not lose it.

    In a bucket it is there 30 seconds later, or with the next `put`.

    Args:
      step: training steps done.
      values: scalars by name, of Python, numpy or jax. What is not finite
        becomes null, for JSON has no such numbers.
      epoch: the epoch of the stage, from 1.
      stage: name of the stage.
      split: "train" or "held_out".
    """
    numbers = {name: _number(value) for name, value in values.items()}
    line = {"step": step, "epoch": epoch, "stage": stage, "split": split}
    self._file.write(json.dumps(line | numbers) + "\n")
    self._file.flush()
    for name, value in numbers.items():
      if value is not None:
        self._add(self._summary.scalar(f"{split}/{name}", value), step)
    self._events.flush()
    if time.monotonic() - self._put_at > _EVERY:
      self.put()

  def image(self, step: int, name: str, picture: np.ndarray) -> None:
    """Adds a picture, [H, W, 1] or [H, W, 3] uint8, to TensorBoard."""
    self._add(self._summary.image(name, picture, dataformats="HWC"), step)
    self._events.flush()

  def _add(self, summary: Any, step: int) -> None:
    self._events.write_event(
      self._proto.Event(summary=summary, step=step, wall_time=time.time())
    )

  def close(self) -> None:
    """Ends both files."""
    self._file.close()
    self._events.close()
    self.put()
    if self._draft is not None:
      self._draft.cleanup()
      self._draft = None


class NoLog:
  """Stands in for `MetricsLog` in processes that write nothing."""

  def __enter__(self) -> "NoLog":
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def write(self, *_: Any, **__: Any) -> None:
    """Writes nothing."""

  def image(self, *_: Any, **__: Any) -> None:
    """Writes nothing."""

  def put(self) -> None:
    """Has nothing to bring anywhere."""

  def close(self) -> None:
    """Has nothing to end."""


def _tensorboardx() -> types.ModuleType:
  """The writer, kept from importing a PyTorch that is installed."""
  hide = "torch" not in sys.modules
  if hide:
    # Makes `import torch` an ImportError.
    sys.modules["torch"] = None  # type: ignore[assignment]
  try:
    import tensorboardX
    import tensorboardX.event_file_writer
    import tensorboardX.proto.event_pb2
    import tensorboardX.summary
  finally:
    if hide:
      del sys.modules["torch"]
  return tensorboardX


def read_metrics(workdir: str | os.PathLike) -> list[dict[str, Any]]:
  """Reads metrics.jsonl.

  Args:
    workdir: the run directory.

  Returns:
    Its lines in order, without one that a kill cut short; [] without a file.
  """
  path = whole_files.path(workdir) / METRICS
  lines = []
  if path.exists():
    # Bytes that are no UTF-8 spoil their own line only.
    text = path.read_bytes().decode("utf-8", "replace")
    for one in text.splitlines():
      with contextlib.suppress(InputError):
        lines.append(parse_json(one, dict, METRICS))
  return [line for line in lines if _is_of_ours(line)]


def _is_of_ours(line: Mapping[str, Any]) -> bool:
  """Whether `MetricsLog.write` may have written it."""
  kinds = (str, int, float, type(None))
  return (
    type(line.get("step")) is int
    and isinstance(line.get("split", ""), str)
    and all(isinstance(value, kinds) for value in line.values())
  )


def _number(value: Any) -> float | None:
  """A finite float with the 7 digits that float32 has, else None."""
  value = float(value)
  return float(f"{value:.7g}") if math.isfinite(value) else None
