"""What a run may find in its folder, and what it leaves there."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from tiny import assert_bits, leaves, save_run, tiny_config

from hdgan.datasets.classes import class_entry, palette
from hdgan.devices import processes
from hdgan.errors import InputError
from hdgan.report.log import MetricsLog
from hdgan.runs import directory, lock, manifest
from hdgan.validation import validate


def files_of(folder):
  return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def point(workdir, **changes):
  return directory.resume_point(workdir, validate(tiny_config(**changes)))


def test_nothing_to_resume(tmp_path):
  assert point(tmp_path) is None
  assert point(tmp_path / "a/b/c") is None
  assert list(tmp_path.iterdir()) == []
  # A run that was killed before its first checkpoint starts again.
  config = validate(tiny_config())
  directory.begin(tmp_path / "run", config, ())
  assert point(tmp_path / "run") is None


def test_the_newest_checkpoint_is_where_a_run_goes_on(tmp_path):
  save_run(tmp_path / "run", tiny_config(), stage=1, step=5)
  before = files_of(tmp_path)
  info = point(tmp_path / "run", log_every=7)
  assert (info["step"], info["stage"], info["epoch"]) == (5, 1, 1)
  assert (info["images"], info["max_instances"]) == (3, 64)
  with pytest.raises(InputError, match="seed: was 0, now 2"):
    point(tmp_path / "run", seed=2)
  assert files_of(tmp_path) == before


def test_folders_that_cannot_be_used(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match="file is a file; name a folder"):
    point(tmp_path / "file")
  with pytest.raises(InputError, match="file is not writable"):
    point(tmp_path / "file/run")
  (tmp_path / "run/checkpoints").mkdir(parents=True)
  assert point(tmp_path / "run") is None  # It may lie on another disk.
  (tmp_path / "run/checkpoints/3").mkdir()
  with pytest.raises(InputError, match="holds checkpoints but no config.json"):
    point(tmp_path / "run")


@pytest.mark.parametrize(
  "name", ["classes.json", "index.html", "samples/mine.png", "metrics.jsonl"]
)
def test_a_folder_with_files_of_ones_own(tmp_path, name):
  path = tmp_path / name
  path.parent.mkdir(exist_ok=True)
  path.write_text("mine")
  with pytest.raises(InputError, match=f"holds {name.split('/')[0]} but no"):
    point(tmp_path)
  assert files_of(tmp_path) == {path: b"mine"}


def test_a_config_of_another_program_is_not_written_over(tmp_path):
  (tmp_path / "config.json").write_text('{"name": "my site"}')
  with pytest.raises(InputError, match="config.name: there is no such field"):
    point(tmp_path)


def test_a_fault_while_the_lock_is_held_is_its_own(tmp_path):
  with pytest.raises(BlockingIOError, match="stdout"), lock.hold(tmp_path):
    raise BlockingIOError("stdout")


def test_a_folder_without_permission(tmp_path, monkeypatch):
  # Root may write anywhere, so the answer of the system is put in.
  monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
  with pytest.raises(InputError) as error:
    point(tmp_path / "a/b")
  assert str(error.value) == (
    f"--workdir={tmp_path / 'a/b'} cannot be written ({tmp_path} is not "
    "writable); name another folder"
  )


def test_a_folder_that_the_system_refuses_later(tmp_path):
  (tmp_path / "file").write_text("")
  config = validate(tiny_config())
  with pytest.raises(InputError, match="cannot be written .*; name another"):
    directory.begin(tmp_path / "file/run", config, ())


def test_imported_weights_are_no_run(tmp_path):
  config = validate(tiny_config())
  directory.begin(tmp_path, config, ())
  with directory.checkpoints_of(tmp_path) as checkpoints:
    checkpoints.save(0, {"x": config.ema}, {"stage": 0, "imported": "G1"})
  with pytest.raises(InputError, match="--config.init_from="):
    point(tmp_path)


def test_config_and_classes_as_they_were_written(tmp_path):
  config = validate(tiny_config())
  classes = (class_entry(0, "sky", (1, 2, 3)), class_entry(1, "road"))
  directory.begin(tmp_path, config, classes)
  assert directory.read_config(tmp_path) == config
  assert directory.read_classes(tmp_path, 2) == classes
  assert {p.name for p in tmp_path.iterdir()} == {
    "config.json", "classes.json", "checkpoints",
  }  # fmt: skip


def test_classes_are_found_by_their_ids(tmp_path):
  """In any order, with gaps, and with the mark that Windows writes."""
  text = (
    '[{"id": 3, "name": "Bäume", "color": [9, 8, 7]},'
    ' {"id": 0, "name": "sky", "color": [1, 2, 3], "has_instances": true}]'
  )
  (tmp_path / "classes.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
  found = directory.read_classes(tmp_path, 4)
  assert [entry["id"] for entry in found] == [0, 1, 2, 3]
  assert [entry["name"] for entry in found] == ["sky", "1", "2", "Bäume"]
  assert found[3]["color"] == (9, 8, 7) and found[0]["has_instances"]
  assert found[1]["color"] == tuple(palette(4)[1])


@pytest.mark.parametrize(
  ("data", "said"),
  [
    (b"", "not JSON"),
    (b"\xff\xfe[\x00]\x00", "UTF-8"),
    (b"{}", "must be a list"),
    (b'[{"name": "sky"}]', "entry 0: id"),
    (b'[{"id": 0}]', "entry 0: name"),
    (b"[" * 100000, "more than 50 lists"),
  ],
)
def test_classes_that_break_the_schema(tmp_path, data, said):
  (tmp_path / "classes.json").write_bytes(data)
  with pytest.raises(InputError, match=said):
    directory.read_classes(tmp_path, 4)


@pytest.mark.parametrize("text", ["{", "[1]", "3", '{"stages": 3}', "{}"])
def test_a_damaged_config(tmp_path, text):
  (tmp_path / "config.json").write_text(text)
  with pytest.raises(InputError):
    directory.read_config(tmp_path)


def test_folders_without_a_run(tmp_path):
  with pytest.raises(InputError, match="holds no run .there is no config.jso"):
    directory.read_config(tmp_path)
  with pytest.raises(InputError, match="no finished checkpoint"):
    directory.load_params(tmp_path)
  assert directory.read_classes(tmp_path, 4) == ()


def save_two(workdir, **changes):
  """A run with checkpoints of steps 3 and 6, and its log."""
  config = validate(tiny_config(**changes))
  directory.begin(workdir, config, ())
  info = {"stage": 0, "epoch": 1}
  with directory.checkpoints_of(workdir) as checkpoints:
    for step in (3, 6):
      checkpoints.save(step, {"x": np.ones(2)}, {**info, "step": step})
  with MetricsLog(workdir) as log:
    for step in range(1, 7):
      log.write(step, {"G_GAN": 1.0}, epoch=1, stage="global")
  return config


def test_checkpoints_without_manifests_are_no_fresh_start(tmp_path):
  config = save_two(tmp_path)
  checkpoints = tmp_path / "checkpoints"
  (checkpoints / "6" / manifest.NAME).unlink()
  assert directory.resume_point(tmp_path, config)["step"] == 3
  (checkpoints / "3" / manifest.NAME).unlink()
  for refused in (
    lambda: directory.resume_point(tmp_path, config),
    lambda: directory.load_params(tmp_path),
  ):
    with pytest.raises(InputError) as caught:
      refused()
    assert "steps 3, 6 have no manifest.sha256" in str(caught.value)
  assert (checkpoints / "3/state").is_dir() and (checkpoints / "6").is_dir()
  # What it advises, in a shell.
  command = str(caught.value).split("make one: ")[1]
  subprocess.run(command, shell=True, check=True)
  assert directory.resume_point(tmp_path, config)["step"] == 6
  kept = directory.checkpoints_of(tmp_path).restore_subtree(6, ["x"])
  np.testing.assert_array_equal(kept["x"], np.ones(2))


def largest(folder):
  files = (path for path in folder.rglob("*") if path.is_file())
  return max(files, key=lambda path: path.stat().st_size)


def flip(path):
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(data)


def cut(path):
  path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {
  "bit": lambda step: flip(largest(step / "state")),
  "metadata": lambda step: flip(step / "state/_METADATA"),
  "info": lambda step: flip(step / "info/metadata"),
  "cut": lambda step: cut(largest(step / "state")),
  "missing": lambda step: largest(step / "state").unlink(),
  "no state": lambda step: shutil.rmtree(step / "state"),
  "manifest": lambda step: flip(step / manifest.NAME),
  "no sums": lambda step: (step / manifest.NAME).write_text(""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside(tmp_path, damage, capsys):
  config = save_two(tmp_path)
  checkpoints = tmp_path / "checkpoints"
  DAMAGES[damage](checkpoints / "6")
  before = files_of(tmp_path)
  # To look changes nothing, whoever does.
  info = directory.resume_point(tmp_path, config)
  opened = directory.checkpoints_of(tmp_path)
  assert info["step"] == directory.find_step(tmp_path, opened) == 3
  assert files_of(tmp_path) == before
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f"{checkpoints / '6'}/")
  assert line.endswith("of step 6 is damaged: step 3 is used")
  with pytest.raises(InputError, match="step 6 is damaged; delete the folder"):
    directory.find_step(tmp_path, opened, 6)
  # To go on moves it, every byte.
  (line,) = directory.take_up(tmp_path, info)
  assert line.endswith("damaged: moved to 6.damaged, goes on from step 3")
  after = files_of(tmp_path)
  moved = checkpoints / "6.damaged"
  assert after == {
    moved / path.relative_to(checkpoints / "6")
    if path.is_relative_to(checkpoints / "6")
    else path: data
    for path, data in before.items()
  }
  assert directory.resume_point(tmp_path, config) == info
  assert directory.take_up(tmp_path, info) == []


def test_no_checkpoint_that_is_whole_is_no_fresh_start(tmp_path):
  config = save_two(tmp_path)
  for step in (3, 6):
    cut(largest(tmp_path / f"checkpoints/{step}/state"))
  before = files_of(tmp_path)
  for refused in (
    lambda: directory.resume_point(tmp_path, config),
    lambda: directory.load_params(tmp_path),
  ):
    with pytest.raises(InputError) as caught:
      refused()
    (line,) = str(caught.value).splitlines()
    assert "step 6 is damaged, and no other in" in line
    assert "is whole (steps 3, 6); copy one again" in line
  assert files_of(tmp_path) == before


def test_all_processes_wait_at_the_same_places(tmp_path, monkeypatch):
  config = save_two(tmp_path)
  cut(largest(tmp_path / "checkpoints/6/state"))
  info = directory.resume_point(tmp_path, config)
  places = {True: [], False: []}
  for first in (False, True):
    monkeypatch.setattr(processes, "first", lambda first=first: first)
    monkeypatch.setattr(processes, "wait", places[first].append)
    directory.take_up(tmp_path, info)
  assert places[True] == places[False] != []


def test_another_training_since_it_looked(tmp_path):
  config = save_two(tmp_path)
  info = directory.resume_point(tmp_path, config)
  with directory.checkpoints_of(tmp_path) as checkpoints:
    checkpoints.save(7, {"x": np.ones(2)}, {**info, "step": 7})
  with pytest.raises(InputError, match="another training has been at work"):
    directory.take_up(tmp_path, info)


def test_processes_without_a_shared_folder(tmp_path, monkeypatch):
  """The second of two takes what the first found, and looks for it."""
  config = save_two(tmp_path / "first")
  info = directory.resume_point(tmp_path / "first", config)
  said = json.dumps(info)
  monkeypatch.setattr(processes, "first", lambda: False)
  monkeypatch.setattr(processes, "count", lambda: 2)
  monkeypatch.setattr(processes, "agreed", lambda name, text: said)
  monkeypatch.setattr(directory.time, "sleep", lambda seconds: None)
  flip(largest(tmp_path / "first/checkpoints/6/state"))  # Not looked at.
  assert directory.resume_point(tmp_path / "first", config) == info
  directory.require_shared(tmp_path / "first")
  for ask in (
    lambda workdir: directory.resume_point(workdir, config),
    directory.require_shared,
  ):
    with pytest.raises(InputError, match="second is not .* all hosts share"):
      ask(tmp_path / "second")
  assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("away", ["folder", "mount", "link"])
def test_checkpoints_that_are_away_are_no_fresh_start(tmp_path, away):
  config = save_two(tmp_path)
  checkpoints = tmp_path / "checkpoints"
  checkpoints.rename(tmp_path / "elsewhere")
  if away == "mount":
    checkpoints.mkdir()
  elif away == "link":
    checkpoints.symlink_to(tmp_path / "not_mounted")
  with pytest.raises(InputError) as caught:
    directory.resume_point(tmp_path, config)
  assert "metrics.jsonl goes up to step 6, but" in str(caught.value)
  # The ways out that it names.
  if away != "folder":
    checkpoints.rmdir() if away == "mount" else checkpoints.unlink()
  (tmp_path / "elsewhere").rename(checkpoints)
  assert directory.resume_point(tmp_path, config)["step"] == 6
  checkpoints.rename(tmp_path / "elsewhere")
  (tmp_path / "metrics.jsonl").unlink()
  assert directory.resume_point(tmp_path, config) is None


def test_a_run_without_a_checkpoint_may_begin_with_another_config(tmp_path):
  """Killed before its first save, with or without lines in its log."""
  config = save_two(tmp_path)
  for step in (3, 6):
    shutil.rmtree(tmp_path / "checkpoints" / str(step))
  assert directory.resume_point(tmp_path, config) is None
  other = validate(tiny_config(optimizer__learning_rate=1e-5))
  assert directory.resume_point(tmp_path, other) is None


HOLDER = """
  import pathlib, sys, time
  from hdgan.runs import lock
  with lock.hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_one_training_in_a_folder(tmp_path):
  config = save_two(tmp_path)
  with subprocess.Popen(
    [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    cwd=pathlib.Path(directory.__file__).parents[2],
  ) as holder:  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    for ask in (lock.check_free, lambda w: lock.hold(w).__enter__()):
      with pytest.raises(InputError) as caught:
        ask(tmp_path)
      (line,) = str(caught.value).splitlines()
      assert f"--workdir={tmp_path}: another training is at work" in line
      assert f"process {holder.pid} on " in line
    # Whoever holds it may be killed: nobody has to tidy up.
    holder.kill()
    holder.wait()
    lock.check_free(tmp_path)
    with lock.hold(tmp_path):
      assert directory.resume_point(tmp_path, config)["step"] == 6


def test_asking_for_the_lock_leaves_nothing(tmp_path):
  lock.check_free(tmp_path / "none")
  assert not list(tmp_path.iterdir())


def test_networks_of_a_run(tmp_path):
  params = save_run(tmp_path, tiny_config(), stage=1, step=5)
  assert (
    json.loads((tmp_path / "classes.json").read_text())[1]["name"] == "road"
  )
  # G as its average, the rest as it is.
  assert_bits(directory.load_params(tmp_path), params)
  some = directory.load_params(tmp_path, 5, ("G1", "G2"))
  assert_bits(some, {k: params[k] for k in ("G1", "G2")})
  with pytest.raises(InputError, match="--step=4: .* checkpoints of steps 5"):
    directory.load_params(tmp_path, 4)


def check(old, new, stage=0, epochs=1):
  directory.check_resume(
    validate(tiny_config(**old)),
    validate(tiny_config(**new)),
    stage,
    epochs,
  )


@pytest.mark.parametrize(
  "changes",
  [
    {"log_every": 5, "sample_every": 5, "checkpoint_every": 5, "keep": 1},
    {"remat": "norms", "mesh.data": 1, "data.workers": 4},
    {"data.root": "x", "data.prepared_dir": "y"},
    {"stages[1].constant": 5, "stages[2].decay": 5},  # later stages
    {"stages[0].constant": 2},  # an epoch that has not begun
  ],
)
def test_what_a_resumed_run_may_change(changes):
  check({}, changes)


@pytest.mark.parametrize(
  "changes, said",
  [
    ({"seed": 1}, "(seed: was 0, now 1)"),
    ({"generator.width": 8}, "(generator.width: was 4, now 8)"),
    ({"stages[2].scales": 2}, "(stages[2].scales: was 3, now 2)"),
    ({"stages[1].name": "x"}, "(stages[1].name: was 'enhancer', now 'x')"),
    ({"seed": 1, "batch_size": 2}, "(batch_size: was 1, now 2; seed: was 0, "),
    ({"init_from": "W"}, "(init_from: was '', now 'W')"),
  ],
)
def test_what_a_resumed_run_may_not_change(changes, said):
  with pytest.raises(InputError) as error:
    check({}, changes)
  line = str(error.value)
  assert said in line and "another --workdir, or undo the change" in line


def test_epochs_that_have_passed_may_not_change():
  long = {"stages[0].constant": 4, "stages[0].decay": 4}
  # In epoch 3: 3 or 4 more constant epochs do not change the rates so far.
  check(long, {"stages[0].constant": 3, "stages[0].decay": 9}, 0, 3)
  # In epoch 6 the rate has begun to fall, by a quarter per epoch.
  with pytest.raises(InputError, match=r"stages\[0\].decay: was 4, now 5"):
    check(long, {**long, "stages[0].decay": 5}, 0, 6)
  # A stage that is over cannot be shortened or extended.
  with pytest.raises(InputError, match=r"stages\[0\].constant: was 4, now 5"):
    check(long, {**long, "stages[0].constant": 5}, 1, 1)
  # Nor may the present one end before the epoch that it is in.
  with pytest.raises(InputError, match=r"stages\[0\].decay"):
    check(long, {"stages[0].constant": 4, "stages[0].decay": 1}, 0, 6)


def test_a_stage_may_be_added_at_the_end_only():
  old, new = tiny_config(), tiny_config()
  with old.unlocked():
    old.stages = old.stages[:2]
  old, new = validate(old), validate(new)
  directory.check_resume(old, new, 1, 1)
  with pytest.raises(InputError, match=r"stages\[2\].constant: was 1, now 'n"):
    directory.check_resume(new, old, 1, 1)


def test_a_runs_data_may_lie_elsewhere(tmp_path):
  """Also for the modes that use its own config; '' names no place."""
  config = validate(tiny_config(data__root="old", data__prepared_dir="copies"))
  directory.begin(tmp_path, config, ())
  typed = tiny_config(data__root="new", data__prepared_dir="")
  own = directory.own_config(tmp_path, typed, "styles")
  assert (own.data.root, own.data.prepared_dir) == ("new", "copies")
  assert own.is_locked and directory.own_config(tmp_path, None, "x") == config
  with pytest.raises(InputError, match="--config.seed=7 has no effect with"):
    directory.own_config(tmp_path, tiny_config(seed=7), "styles")


def write_field(workdir, field, value):
  path = workdir / "config.json"
  data = json.loads(path.read_text())
  *parts, last = field.split(".")
  node = data
  for part in parts:
    node = node[int(part) if part.isdecimal() else part]
  node[last], old = value, node[last]
  path.write_text(json.dumps(data))
  return old


@pytest.mark.parametrize(
  ("field", "value", "said"),
  [
    ("seed", 1, "seed is 1, but step 5 was saved with 0; put that back there"),
    ("data.image_range", [0.0, 127.0], "saved with [0.0, 255.0]; put that"),
    ("stages.0.size", [32, 32], "stages[0].size is [32, 32], but step 5 was"),
    ("stages.0.name", "a\x1b", r'stages[0].name is "a\u001b", but step 5 was'),
  ],
)
def test_a_config_that_somebody_changed_is_told(tmp_path, field, value, said):
  """A flipped bit, or an editor: the checkpoint knows what it was."""
  workdir = tmp_path / "run"
  save_run(workdir, tiny_config(), stage=1, step=5)
  old = write_field(workdir, field, value)
  config = directory.read_config(workdir)
  info = directory.checkpoints_of(workdir).info(5)
  for act in (
    lambda: directory.check_config(workdir, config, info),
    lambda: directory.resume_point(workdir, config),
  ):
    with pytest.raises(InputError) as error:
      act()
    assert str(error.value).startswith(f"{workdir / 'config.json'}: ")
    assert said in str(error.value)
  write_field(workdir, field, old)
  assert point(workdir)["step"] == 5


@pytest.mark.parametrize(
  ("field", "value"),
  [("log_every", 7), ("data.root", "elsewhere"), ("stages.2.constant", 4)],
)
def test_a_config_that_may_have_changed(tmp_path, field, value):
  save_run(tmp_path, tiny_config(), stage=1, step=5)
  write_field(tmp_path, field, value)
  info = directory.checkpoints_of(tmp_path).info(5)
  directory.check_config(tmp_path, directory.read_config(tmp_path), info)


def test_a_config_that_breaks_a_rule_is_named(tmp_path):
  save_run(tmp_path, tiny_config())
  write_field(tmp_path, "keep", 0)
  with pytest.raises(InputError) as error:
    directory.read_config(tmp_path)
  assert str(error.value).startswith(
    f"{tmp_path / 'config.json'}: config.keep=0 must be at least 1"
  )


def test_live_weights_and_their_average(tmp_path):
  """save_run's average is half of G; nothing else has one."""
  mean = save_run(tmp_path / "run", tiny_config())
  live = directory.load_params(tmp_path / "run", weights="live")
  assert_bits(directory.load_params(tmp_path / "run"), mean)
  assert_bits(directory.load_params(tmp_path / "run", weights="ema"), mean)
  assert_bits(live["D"], mean["D"])
  half = {
    name: leaf * np.float32(0.5) for name, leaf in leaves(live["G1"]).items()
  }
  assert_bits(half, leaves(mean["G1"]))
  save_run(tmp_path / "without", tiny_config(ema=0.0))
  with pytest.raises(InputError, match="--weights=ema: .* has no moving aver"):
    directory.load_params(tmp_path / "without", weights="ema")
