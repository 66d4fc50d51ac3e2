"""A run directory in a bucket: as on a disk, but for what buckets cannot do."""

import numpy as np
import pytest
from tiny import assert_bits, save_run, tiny_config

from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.report import log as report
from hdgan.report.log import MetricsLog
from hdgan.runs import directory, lock, manifest
from hdgan.runs.checkpoint import Checkpoints
from hdgan.validation import validate


@pytest.fixture
def run(bucket):
  return whole_files.path(f"{bucket}/run")


def names_in(folder):
  return sorted(path.name for path in folder.iterdir())


def fill(checkpoints, *steps):
  for step in steps:
    state = {"x": np.full(3, step, np.float32)}
    checkpoints.save(step, state, {"step": step, "stage": 0, "epoch": 1})


def test_checkpoints(run):
  with Checkpoints(run, keep=2) as checkpoints:
    fill(checkpoints, 1, 2, 3)
  assert names_in(run) == ["2", "3"]
  for step in (2, 3):
    read = checkpoints.restore_subtree(step, ["x"])["x"]
    np.testing.assert_array_equal(read, np.full(3, step, np.float32))
    assert checkpoints.info(step)["step"] == step
  # Killed before the manifest, and after it but before orbax's mark.
  for step, lost in ((2, manifest.NAME), (3, "commit_success.txt")):
    (run / f"{step}.unfinished").touch()
    (run / str(step) / "commit_success.txt").unlink()
    (run / str(step) / lost).unlink(missing_ok=True)
  assert checkpoints.steps() == [3] and checkpoints.unsealed() == []
  checkpoints.restore_subtree(3, ["x"])
  with Checkpoints(run, keep=2) as checkpoints:
    fill(checkpoints, 4)
  assert names_in(run) == ["3", "4"]
  # Its manifest lost: moved, not removed.
  (run / "4" / manifest.NAME).unlink()
  with Checkpoints(run, keep=2) as checkpoints:
    fill(checkpoints, 5)
  assert names_in(run) == ["3", "4.without-manifest", "5"]
  assert (run / "4.without-manifest/info/metadata").is_file()


def test_a_damaged_checkpoint_is_set_aside(run):
  config = validate(tiny_config())
  directory.begin(run, config, ())
  with directory.checkpoints_of(run) as checkpoints:
    fill(checkpoints, 3, 6)
  path = run / "checkpoints/6/state/_METADATA"
  path.write_bytes(path.read_bytes().replace(b"3", b"2", 1))
  info = directory.resume_point(run, config)
  assert info["step"] == 3
  (line,) = directory.take_up(run, info)
  assert line.startswith(f"{path}: differs from 6/manifest.sha256")
  assert names_in(run / "checkpoints") == ["3", "6.damaged", "begun.txt"]


def test_a_copy_from_a_disk_is_a_run(run, tmp_path):
  """Also one of which orbax did not mark the parts, as older ones did not."""
  params = save_run(tmp_path / "run", tiny_config())
  for path in (tmp_path / "run").rglob("commit_success.txt"):
    path.unlink()
  (tmp_path / "run/checkpoints/3" / manifest.NAME).unlink()
  manifest.write(tmp_path / "run/checkpoints/3", ("info", "state"))
  for name in whole_files.files_below(tmp_path / "run"):
    whole_files.put(run / name, (tmp_path / "run" / name).read_bytes())
  assert directory.read_config(run) == validate(tiny_config())
  assert directory.read_classes(run, 8)[1]["name"] == "road"
  assert_bits(directory.load_params(run), params)


def test_the_lock_is_none_there(run):
  lock.check_free(run)
  with lock.hold(run), lock.hold(run):
    assert not run.exists()


def test_the_log_is_put_whole(run, monkeypatch):
  """At boundaries, from the beginning of a run on; nothing is appended."""
  write = dict(epoch=1, stage="global")
  with MetricsLog(run) as log:
    log.write(1, {"G_GAN": 0.5}, **write)
    log.write(2, {"G_GAN": 0.25}, **write)
    assert report.read_metrics(run) == []  # Not at each line.
    log.put()
    assert [x["step"] for x in report.read_metrics(run)] == [1, 2]
    log.write(3, {"G_GAN": 0.125}, **write)
    monkeypatch.setattr(report, "_EVERY", -1)  # So long after the last time.
    log.write(4, {"G_GAN": 0.5}, **write)
    assert [x["step"] for x in report.read_metrics(run)] == [1, 2, 3, 4]
  # Goes on from step 3.
  with MetricsLog(run, 3) as log:
    log.write(4, {"G_GAN": 0.75}, **write)
  lines = report.read_metrics(run)
  assert [(x["step"], x["G_GAN"]) for x in lines] == [
    (1, 0.5), (2, 0.25), (3, 0.125), (4, 0.75),
  ]  # fmt: skip
  assert len(names_in(run / "tensorboard")) == 2


def test_large_files_of_events_are_put_once(run, monkeypatch):
  monkeypatch.setattr(report, "_LARGE", 2000)
  put, sizes = whole_files.put, []

  def note(path, data):
    if "tfevents" in path.name:
      sizes.append(len(data))
    put(path, data)

  monkeypatch.setattr(whole_files, "put", note)
  noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
  with MetricsLog(run) as log:
    for step in range(4):
      log.image(step, "samples", noise)  # 2.8 kB each
      log.put()
  assert [size // 2700 for size in sizes] == [1, 1, 1, 1, 0]
  assert len(names_in(run / "tensorboard")) == 5


def test_what_is_no_bucket_of_ours(bucket):
  config = validate(tiny_config())
  with pytest.raises(InputError) as caught:
    directory.resume_point(whole_files.path("gs://none-such/run"), config)
  (line,) = str(caught.value).splitlines()
  assert "gs://none-such/run cannot be written (FileNotFoundError" in line
  assert directory.resume_point(whole_files.path(bucket), config) is None
