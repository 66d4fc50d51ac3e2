"""What a run writes of its numbers: lines and event files."""

import json
import struct
import subprocess
import sys

import jax.numpy as jnp
import numpy as np

from hdgan.report.log import METRICS, MetricsLog, read_metrics


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
    text = (tmp_path / METRICS).read_text()
    assert text == (
      '{"step": 3, "epoch": 1, "stage": "joint", "split": "held_out", '
      '"G_GAN": 0.1, "D_real": null, "rate": 2.0}\n'
    )
    log.image(3, "samples", np.zeros((4, 6, 3), np.uint8))
    # All of it lies in the file already, for a kill can come at any time.
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
  assert read_metrics(tmp_path) == [json.loads(text)]
  assert b"held_out/G_GAN" in content and b"\x89PNG" in content
  assert b"D_real" not in content
  read = list(read_events(events))
  assert [(e.step, v.tag) for e in read for v in e.summary.value] == [
    (3, "held_out/G_GAN"), (3, "held_out/rate"), (3, "samples"),
  ]  # fmt: skip
  assert read[1].summary.value[0].simple_value == np.float32(0.1)


def read_events(path):
  """The events of a file, which the format frames by their lengths."""
  from tensorboardX.proto import event_pb2

  data, at = path.read_bytes(), 0
  while at < len(data):
    (size,) = struct.unpack_from("<Q", data, at)
    yield event_pb2.Event.FromString(data[at + 12 : at + 12 + size])
    at += 16 + size


def test_tensorboard_hides_what_is_written_again(tmp_path):
  write_steps(tmp_path, [1, 2, 3])
  write_steps(tmp_path, [2], start=1)
  found = [
    event.step
    for path in (tmp_path / "tensorboard").iterdir()
    for event in read_events(path)
    if event.HasField("session_log")
  ]
  assert found == [2]


def test_tensorboard_has_each_point_once_after_kills(tmp_path):
  """What was written after the checkpoint goes, and so does a torn end."""
  write_steps(tmp_path, [1, 2, 3, 4])
  (first,) = (tmp_path / "tensorboard").iterdir()
  with first.open("ab") as file:
    file.write(b"\x20\0\0\0\0\0\0\0half an event")
  write_steps(tmp_path, [3, 4, 5], start=2)
  write_steps(tmp_path, [5, 6], start=4)
  points = [
    (e.step, v.simple_value)
    for path in sorted((tmp_path / "tensorboard").iterdir())
    for e in read_events(path)
    for v in e.summary.value
  ]
  want = [(step, np.float32(step / 10)) for step in range(1, 7)]
  assert sorted(points) == want
  before = {p: p.read_bytes() for p in (tmp_path / "tensorboard").iterdir()}
  write_steps(tmp_path, [], start=6)  # Nothing to drop.
  assert all(path.read_bytes() == data for path, data in before.items())
  write_steps(tmp_path, [1])  # Begun anew.
  assert sum(
    len(e.summary.value)
    for path in (tmp_path / "tensorboard").iterdir()
    for e in read_events(path)
  ) == 1  # fmt: skip


def test_resuming_drops_what_the_checkpoint_does_not_know(tmp_path):
  write_steps(tmp_path, range(1, 9))
  path = tmp_path / METRICS
  path.write_text(path.read_text()[:-5], encoding="utf-8")
  assert [line["step"] for line in read_metrics(tmp_path)] == [
    1, 2, 3, 4, 5, 6, 7,
  ]  # fmt: skip
  file = path.stat().st_ino
  write_steps(tmp_path, range(6, 8), start=5)
  # The same one: on a mounted bucket, one that was just renamed loses lines.
  assert path.stat().st_ino == file
  lines = read_metrics(tmp_path)
  assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
  assert [line["G_GAN"] for line in lines] == [i / 10 for i in range(1, 8)]
  write_steps(tmp_path, [1])
  assert [line["step"] for line in read_metrics(tmp_path)] == [1]
  assert not list(tmp_path.glob("*.tmp"))


def test_resuming_keeps_no_lines_that_are_none(tmp_path):
  write_steps(tmp_path, [1, 2, 3])
  path = tmp_path / METRICS
  one, two, three = path.read_text().splitlines(keepends=True)
  path.write_text(f"{one}half a line\n{two}{three}")
  write_steps(tmp_path, [], start=2)
  assert path.read_text() == one + two


def test_no_file_no_lines(tmp_path):
  assert read_metrics(tmp_path) == []


def test_no_tensorflow_and_no_pytorch(tmp_path):
  code = (
    "import sys; from hdgan.report import index_page, log, pictures\n"
    "assert 'tensorboardX' not in sys.modules\n"
    "log.MetricsLog(sys.argv[1]).close()\n"
    "found = {m.split('.')[0] for m in sys.modules}\n"
    "assert not found & {'tensorflow', 'torch'}, found\n"
  )
  subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
