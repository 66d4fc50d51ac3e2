"""The progress line: its words, its rates, and what a terminal gets."""

import io

import jax.numpy as jnp
import pytest

from hdgan.report import progress
from hdgan.report.progress import Progress


@pytest.mark.parametrize(
  ("seconds", "text"),
  [
    (-1, "0 s"),
    (59.4, "59 s"),
    (60, "1 min"),
    (200, "3 min 20 s"),
    (3600, "1 h"),
    (7500, "2 h 5 min"),
    (97200, "1 d 3 h"),
  ],
)
def test_format_seconds(seconds, text):
  assert progress.format_seconds(seconds) == text


LINE = "step 30/90 | joint epoch 2/8 | 4 images/s | 1 min left | G_GAN 0.523"


def test_format_progress():
  line = progress.format_progress(
    30,
    90,
    epoch=2,
    epochs=8,
    stage="joint",
    images_per_s=4.0,
    seconds_left=60.0,
    losses={"G_GAN": jnp.float32(0.52345)},
  )
  assert line == LINE


class Clock:
  now = 100.0

  def __call__(self):
    return self.now


class Terminal(io.StringIO):
  def isatty(self):
    return True


def update(progress, step, stage="joint"):
  return progress.update(
    step, epoch=2, epochs=8, stage=stage, losses={"G_GAN": 0.523}
  )


def test_rates_leave_pauses_out_and_plain_lines_elsewhere():
  clock, stream = Clock(), io.StringIO()
  with Progress(90, 4, start=20, stream=stream, clock=clock) as progress:
    with progress.paused():
      clock.now += 1000.0
    clock.now += 10.0
    # 10 steps of 4 images in 10 s, and 60 steps at 1 s are left.
    assert update(progress, 30) == pytest.approx(4.0)
    progress.note("saved")
    clock.now += 20.0
    assert update(progress, 40) == pytest.approx(2.0)
    clock.now += 50.0
    assert update(progress, 50, "next") == pytest.approx(0.8)
  lines = stream.getvalue().splitlines()
  assert lines[:2] == [LINE, "saved"]
  # 0.8 * 1 s + 0.2 * 2 s = 1.2 s a step, 50 steps left.
  assert "2 images/s | 1 min left" in lines[2]
  # A new stage forgets the old pace: 40 steps at 5 s.
  assert "3 min 20 s left" in lines[3]
  assert len(lines) == 4


def test_a_terminal_gets_one_line_that_fits(monkeypatch):
  monkeypatch.setenv("COLUMNS", "40")
  clock, stream = Clock(), Terminal()
  with Progress(90, 4, start=20, stream=stream, clock=clock) as progress:
    clock.now += 10.0
    update(progress, 30)
    progress.note("saved")
  parts = stream.getvalue().split("\r\033[K")
  assert parts == ["", LINE[:39], "saved\n", LINE[:39] + "\n"]
