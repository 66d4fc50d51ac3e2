"""What a run may find in its folder, and what it leaves there."""

import json
import os

import pytest
from tiny import assert_bits, save_run, tiny_config

from hdgan.errors import InputError
from hdgan.runs import directory
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
  with pytest.raises(InputError, match="holds checkpoints but no config.json"):
    point(tmp_path / "run")


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
  classes = ({"id": 0, "name": "sky", "color": [1, 2, 3]},)
  directory.begin(tmp_path, config, classes)
  assert directory.read_config(tmp_path) == config
  assert directory.read_classes(tmp_path) == classes
  assert {p.name for p in tmp_path.iterdir()} == {"config.json", "classes.json"}


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
  assert directory.read_classes(tmp_path) == ()


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
    {"remat": True, "mesh.data": 1, "data.workers": 4},
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
