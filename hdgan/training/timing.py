"""Seconds of work that devices do: compiled apart, run after run, in a row."""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

# Runs before those that are timed: the first fills caches and pools.
WARM_UP = 2
# JAX's names of what it measures itself.
_COMPILED = "/jax/core/compile/backend_compile_duration"
_KEPT = "/jax/compilation_cache/cache_hits"


@dataclasses.dataclass
class Compilations:
  """What was compiled while somebody looked.

  Attributes:
    seconds: that XLA took, or the reading of what it had kept.
    programs: how many there were.
    kept: how many of them the compile cache gave.
  """

  seconds: float = 0.0
  programs: int = 0
  kept: int = 0

  def facts(self) -> dict[str, Any]:
    """For the JSON of a measurement."""
    return {
      "compile_s": self.seconds,
      "compile_kept": 0 < self.kept == self.programs,
    }


@contextlib.contextmanager
def watch_compilations() -> Iterator[Compilations]:
  """Counts what XLA compiles inside the block."""
  seen = Compilations()

  def took(event: str, duration_secs: float, **_: Any) -> None:
    if event == _COMPILED:
      seen.seconds += duration_secs
      seen.programs += 1

  def came(event: str, **_: Any) -> None:
    seen.kept += event == _KEPT

  jax.monitoring.register_event_duration_secs_listener(took)
  jax.monitoring.register_event_listener(came)
  try:
    yield seen
  finally:
    jax.monitoring.unregister_event_duration_listener(took)
    jax.monitoring.unregister_event_listener(came)


def seconds_of(run: Callable[[], Any]) -> float:
  """Seconds of one run, which is waited for."""
  start = time.perf_counter()
  jax.block_until_ready(run())
  return time.perf_counter() - start


def time_runs(run: Callable[[], Any], repeats: int) -> dict[str, Any]:
  """Times runs, each waited for, after `WARM_UP` that do not count.

  Args:
    run: sends the work; what it returns is waited for.
    repeats: runs that count.

  Returns:
    `summary` of them, and "first_call_s". Where runs are sent to a device of
    its own also "queued_s", the mean of as many runs that are waited for at
    their end: how training runs them.
  """
  first = seconds_of(run)
  for _ in range(WARM_UP - 1):
    seconds_of(run)
  facts = summary([seconds_of(run) for _ in range(repeats)])
  facts["first_call_s"] = first
  if jax.default_backend() != "cpu":
    facts["queued_s"] = seconds_of(lambda: [run() for _ in range(repeats)][-1])
    facts["queued_s"] /= repeats
  return facts


def pace(facts: dict[str, Any]) -> float:
  """Seconds of a run by what `time_runs` gives: queued where that is told."""
  return facts.get("queued_s", facts["median_s"])


def summary(times: Sequence[float]) -> dict[str, float]:
  """Median, 10th and 90th percentile (between runs where they fall), ends.

  Args:
    times: seconds.
  """
  p10, p90 = np.percentile(times, (10, 90)).tolist()
  return {
    "median_s": statistics.median(times),
    "p10_s": p10,
    "p90_s": p90,
    "min_s": min(times),
    "max_s": max(times),
  }
