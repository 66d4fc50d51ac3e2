"""Runs are counted, waited for, and summed up."""

import time

import jax
import jax.numpy as jnp
import pytest

from hdgan.training import timing


def test_percentiles_by_hand():
  """Of 1 to 11 the 10th percentile is the second number, of three a part."""
  found = timing.summary([float(n) for n in range(11, 0, -1)])
  assert found == {
    "median_s": 6, "p10_s": 2, "p90_s": 10, "min_s": 1, "max_s": 11
  }  # fmt: skip
  found = timing.summary([1.0, 5.0, 2.0])
  assert (found["median_s"], found["p10_s"]) == (2, pytest.approx(1.2))
  assert found["p90_s"] == pytest.approx(4.4)


def clock(monkeypatch, *seconds):
  """A clock that moves by these seconds in one run after the other."""
  now, left = [0.0], list(seconds)
  monkeypatch.setattr(time, "perf_counter", lambda: now[0])

  def run():
    now[0] += left.pop(0)

  return run, left


def test_the_first_two_runs_do_not_count(monkeypatch):
  run, left = clock(monkeypatch, 70, 50, 1, 3, 2)
  found = timing.time_runs(run, 3)
  assert found["first_call_s"] == 70
  assert (found["min_s"], found["median_s"], found["max_s"]) == (1, 2, 3)
  assert timing.pace(found) == 2 and not left


def test_a_device_of_its_own_also_runs_without_waits(monkeypatch):
  run, left = clock(monkeypatch, 9, 9, 2, 2, 1, 1)
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  found = timing.time_runs(run, 2)
  assert found["median_s"] == 2 and not left
  assert found["queued_s"] == timing.pace(found) == 1


def test_compilations_are_counted():
  function = jax.jit(lambda x: x * 5 + 3)
  x = jnp.ones(7)
  with timing.watch_compilations() as seen:
    function(x)
    function(x)
  assert seen.programs == 1 and seen.seconds > 0
  assert seen.facts() == {"compile_s": seen.seconds, "compile_kept": False}
  function(jnp.ones(9))  # Nobody looks any more.
  assert seen.programs == 1
  assert timing.Compilations(0.1, programs=2, kept=2).facts()["compile_kept"]
  assert not timing.Compilations().facts()["compile_kept"]
