"""The line that says how far a run is.

with Progress(total, batch_size) as progress:
  rate = progress.update(step, epoch=1, epochs=8, stage="global", losses=l)
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO


def format_seconds(seconds: float) -> str:
  """A duration as people say it: 9 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
  whole = max(0, round(seconds))
  for unit, size, below, smaller in (
    ("d", 86400, "h", 3600),
    ("h", 3600, "min", 60),
    ("min", 60, "s", 1),
  ):
    if whole >= size:
      rest = whole % size // smaller
      return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
  return f"{whole} s"


def format_progress(
  step: int,
  total: int,
  *,
  epoch: int,
  epochs: int,
  stage: str,
  images_per_s: float,
  seconds_left: float,
  losses: Mapping[str, float],
) -> str:
  """The progress line.

  Args:
    step: training steps done, of all stages.
    total: training steps of the whole run.
    epoch: the epoch of the stage, from 1.
    epochs: epochs of the stage.
    stage: name of the stage.
    images_per_s: training images per second, all devices together.
    seconds_left: to the end of the run.
    losses: by name.

  Returns:
    One line without a line break.
  """
  parts = [
    f"step {step}/{total}",
    f"{stage} epoch {epoch}/{epochs}",
    f"{images_per_s:.3g} images/s",
    f"{format_seconds(seconds_left)} left",
    " ".join(f"{name} {float(value):.3g}" for name, value in losses.items()),
  ]
  return " | ".join(part for part in parts if part)


class Progress:
  """One line that is rewritten on a terminal, plain lines elsewhere."""

  def __init__(
    self,
    total: int,
    batch_size: int,
    start: int = 0,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts the clock.

    Args:
      total: training steps of the whole run.
      batch_size: images per step, all devices together.
      start: training steps done before.
      stream: where to print, standard output by default.
      clock: gives seconds.
    """
    self._total, self._batch_size, self._step = total, batch_size, start
    self._stream = sys.stdout if stream is None else stream
    self._clock = clock
    self._since = clock()
    self._stage = ""
    self._seconds_per_step = 0.0
    self._line = ""

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def update(
    self,
    step: int,
    *,
    epoch: int,
    epochs: int,
    stage: str,
    losses: Mapping[str, float],
  ) -> float:
    """Prints the state of the run.

    Args:
      step: training steps done, more than at the call before.
      epoch: the epoch of the stage, from 1.
      epochs: epochs of the stage.
      stage: name of the stage.
      losses: by name; the device has finished them.

    Returns:
      Images per second since the call before, pauses left out.
    """
    now = self._clock()
    pace = max(now - self._since, 1e-9) / max(step - self._step, 1)
    # The rate of another stage, at another size, says nothing of this one.
    fresh = stage != self._stage
    old = pace if fresh else self._seconds_per_step
    self._seconds_per_step = 0.8 * old + 0.2 * pace
    self._since, self._step, self._stage = now, step, stage
    rate = self._batch_size / pace
    self._line = format_progress(
      step,
      self._total,
      epoch=epoch,
      epochs=epochs,
      stage=stage,
      images_per_s=rate,
      seconds_left=(self._total - step) * self._seconds_per_step,
      losses=losses,
    )
    self._print("")
    return rate

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Leaves the time inside out of the rate: compiling, samples, saves."""
    begin = self._clock()
    try:
      yield
    finally:
      self._since += self._clock() - begin

  def note(self, text: str) -> None:
    """Prints a line of its own; the progress line stays below it."""
    if self._stream.isatty():
      self._print(f"{text}\n")
    else:
      print(text, file=self._stream, flush=True)

  def close(self) -> None:
    """Ends the progress line, so that what follows starts a new one."""
    if self._line and self._stream.isatty():
      print(file=self._stream, flush=True)
    self._line = ""

  def _print(self, above: str) -> None:
    if not self._stream.isatty():
      print(self._line, file=self._stream, flush=True)
      return
    width = shutil.get_terminal_size().columns - 1
    # \r to the line's start, ESC [K clears what is left of it.
    above = f"\r\033[K{above}" if above else ""
    self._stream.write(f"{above}\r\033[K{self._line[:width]}")
    self._stream.flush()
