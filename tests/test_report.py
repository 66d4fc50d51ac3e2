"""What a run says: lines, event files, progress."""

import io
import json
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from hdgan import report
from hdgan.report import MetricsLog, Progress


def write_steps(workdir, steps, start=0):
  with MetricsLog(workdir, start) as log:
    for step in steps:
      log.write(step, {"G_GAN": step / 10}, epoch=1 + step // 4, stage="global")


def test_lines_as_written(tmp_path):
  with MetricsLog(tmp_path) as log:
    log.write(
      3,
      {"G_GAN": jnp.float32(0.1), "D_real": np.float64("nan"), "rate": 2},
      epoch=1,
      stage="joint",
      split="held_out",
    )
    text = (tmp_path / report.METRICS).read_text()
    assert text == (
      '{"step": 3, "epoch": 1, "stage": "joint", "split": "held_out", '
      '"G_GAN": 0.1, "D_real": null, "rate": 2.0}\n'
    )
    log.image(3, "samples", np.zeros((4, 6, 3), np.uint8))
    log.flush()
  assert report.read_metrics(tmp_path) == [json.loads(text)]
  (events,) = (tmp_path / "tensorboard").iterdir()
  content = events.read_bytes()
  assert b"held_out/G_GAN" in content and b"\x89PNG" in content
  assert b"D_real" not in content


def test_resuming_drops_what_the_checkpoint_does_not_know(tmp_path):
  write_steps(tmp_path, range(1, 9))
  path = tmp_path / report.METRICS
  path.write_text(path.read_text()[:-5], encoding="utf-8")
  assert [line["step"] for line in report.read_metrics(tmp_path)] == [
    1, 2, 3, 4, 5, 6, 7,
  ]  # fmt: skip
  write_steps(tmp_path, range(6, 8), start=5)
  lines = report.read_metrics(tmp_path)
  assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
  assert [line["G_GAN"] for line in lines] == [i / 10 for i in range(1, 8)]
  write_steps(tmp_path, [1])
  assert [line["step"] for line in report.read_metrics(tmp_path)] == [1]
  assert not list(tmp_path.glob("*.tmp"))


def test_no_file_no_lines(tmp_path):
  assert report.read_metrics(tmp_path) == []


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
  assert report.format_seconds(seconds) == text


LINE = "step 30/90 | joint epoch 2/8 | 4 images/s | 1 min left | G_GAN 0.523"


def test_format_progress():
  line = report.format_progress(
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


def test_no_tensorflow_and_no_pytorch(tmp_path):
  code = (
    "import sys; from hdgan import report, index_page, pictures\n"
    "assert 'tensorboardX' not in sys.modules\n"
    "report.MetricsLog(sys.argv[1]).close()\n"
    "found = {m.split('.')[0] for m in sys.modules}\n"
    "assert not found & {'tensorflow', 'torch'}, found\n"
  )
  subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
