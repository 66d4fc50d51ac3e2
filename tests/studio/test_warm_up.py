"""The start of a studio: its states, and what it remembers of the last one."""

import types

import pytest

from hdgan import whole_files
from hdgan.studio import warm_up
from hdgan.studio.warm_up import WarmUp

RENDERER = types.SimpleNamespace(
  workdir=types.SimpleNamespace(absolute=lambda: "/run"), step=7
)


class Clock:
  """A world in which a photo takes as long as it is told."""

  def __init__(self, monkeypatch, draft, full):
    self.now, self.cost, self.made = 100.0, {4: draft, 1: full}, []
    self.warm = WarmUp(RENDERER, "stage")
    monkeypatch.setattr(warm_up.time, "monotonic", lambda: self.now)

  def make(self, scale):
    self.made.append(scale)
    # The first of a shape is compiled: ten times as long.
    first = self.made.count(scale) == 1
    seconds = self.cost[scale] * (10 if first else 1)
    self.now += seconds
    self.warm.measured(scale, seconds, (scale,))

  def start(self):
    self.warm.begin()
    return self.warm.steps(self.make)


def test_states_and_seconds(monkeypatch):
  clock = Clock(monkeypatch, draft=0.01, full=0.25)
  warm = clock.warm
  assert warm.state == "ready" and warm.times == {"elapsed": 0.0, "eta": None}
  steps = clock.start()
  assert warm.state == "warming" and warm.seconds == dict(full=None, draft=None)
  next(steps)
  assert warm.state == "warming" and warm.times["elapsed"] == pytest.approx(0.1)
  next(steps)
  assert warm.state == "warming"
  next(steps)
  assert warm.state == "ready" and clock.made == [4, 1, 4]
  # Nobody has waited for a photo yet: 16 drafts.
  assert warm.seconds == {"full": pytest.approx(0.16), "draft": 0.01}
  assert list(steps) == [] and warm.seconds["full"] == 0.25
  assert warm.times == {"elapsed": pytest.approx(2.6), "eta": None}


def test_a_slow_device_makes_no_photo_to_measure_it(monkeypatch):
  clock = Clock(monkeypatch, draft=1.0, full=12.0)
  assert len(list(clock.start())) == 3 and clock.made == [4, 1, 4]
  assert clock.warm.seconds == {"full": 16.0, "draft": 1.0}
  clock.make(1)
  assert clock.warm.seconds["full"] == 12.0


def test_what_is_left_is_told_by_the_last_start(monkeypatch):
  list(Clock(monkeypatch, draft=0.1, full=2.9).start())
  clock = Clock(monkeypatch, draft=0.1, full=2.9)
  steps = clock.start()
  assert clock.warm.times == {"elapsed": 0.0, "eta": 30.0}
  next(steps)
  assert clock.warm.times == {
    "elapsed": pytest.approx(1), "eta": pytest.approx(29)
  }  # fmt: skip
  clock.now += 100
  assert clock.warm.times["eta"] == 0.0
  other = WarmUp(RENDERER, "input")
  other.begin()
  assert other.times["eta"] is None


@pytest.mark.parametrize("text", ["", "[]", '{"a": "x"}', "\0", '{"a": 1e99}'])
def test_a_damaged_file_is_no_fault(text, monkeypatch):
  path = whole_files.user_cache() / "studio_starts.json"
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  clock = Clock(monkeypatch, draft=0.1, full=1.0)
  list(clock.start())
  again = Clock(monkeypatch, draft=0.1, full=1.0)
  again.start()
  assert again.warm.times["eta"] == 11.0
  path.unlink()


def test_a_cache_that_cannot_be_written_is_no_fault(monkeypatch, tmp_path):
  (tmp_path / "file").write_text("")
  for cache in (tmp_path / "file", "~nobody"):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    clock = Clock(monkeypatch, draft=0.1, full=1.0)
    list(clock.start())
    assert clock.warm.state == "ready"
  assert (tmp_path / "file").read_text() == ""


def test_failed_until_a_photo_is_made(monkeypatch):
  clock = Clock(monkeypatch, draft=0.1, full=1.0)
  clock.start()
  clock.warm.failed("there is not enough memory")
  assert clock.warm.state == "failed" and clock.warm.fault
  clock.make(4)
  assert clock.warm.state == "failed"
  clock.make(1)
  assert (clock.warm.state, clock.warm.fault) == ("ready", "")


def test_only_some_starts_are_kept(monkeypatch):
  monkeypatch.setattr(warm_up, "_KEPT", 3)
  for i in range(6):
    warm_up._keep_start(str(i), i)
  assert warm_up._starts() == {"3": 3.0, "4": 4.0, "5": 5.0}
  (whole_files.user_cache() / "studio_starts.json").unlink()
