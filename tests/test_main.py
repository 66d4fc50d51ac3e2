"""The command line: one line and status 2 for whatever is wrong with it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import jax
import pytest
from tiny import command, save_run, tiny_config

from hdgan import config as config_lib
from hdgan import main, train
from hdgan.errors import InputError
from hdgan.runs import directory
from hdgan.validation import validate

ROOT = pathlib.Path(__file__).parents[1]
SMOKE = f"--config={ROOT / 'configs/smoke.py'}"


@pytest.fixture(autouse=True)
def compilation_cache():
  """`main` sets it for its process; here it is put back."""
  before = jax.config.jax_compilation_cache_dir
  yield
  jax.config.update("jax_compilation_cache_dir", before)


def fault(*words):
  """The only line that a bad command line prints."""
  status, out, err = command(*words)
  assert (status, out) == (2, ""), err
  (line,) = err.splitlines()
  print(line)
  assert line.startswith("error: ")
  return line.removeprefix("error: ")


@pytest.mark.parametrize(
  "words, said",
  [
    (["--mode=paint"], "--mode=paint: must be one of train, synthesize, "),
    (["--size=input"], "--size has no effect with --mode=train; it belongs"),
    (["--mode=benchmark", "--output=x"], "--output has no effect with --mode="),
    (["--mode=synthesize", "--input=x"], "--mode=synthesize needs --output"),
    (["--mode=synthesize", "--size=big"], "flag --size=big: value should be"),
    (["--step=four"], "flag --step=four: "),
    (["--workdir=s3://bucket/run"], "s3://bucket/run: s3:// is not read or "),
    (["--mode=synthesize", "--output=gs://b/o"], "only --workdir (and "),
    (["--config=no.py"], "--config=no.py: there is no such file"),
    (["--sead=1"], "Unknown command line flag 'sead'"),
    (["stray"], "'stray' is not a flag; flags start with --"),
    (["--config.sede=1"], "there is no field 'sede'; did you mean 'seed'?"),
    (["--config.zzz=1"], "there is no field 'zzz'; all fields are in"),
    (["--config.data.rood=x"], "no field 'rood'; did you mean 'root'?"),
    (["--config.stages[0].constan=1"], "'constan'; did you mean 'constant'?"),
    (["--config.stages[0].epochs=1"], "--config: there is no field 'epochs'; "),
    (["--config.stages[7].decay=1"], "--config.stages[7]: there is no such "),
    (["--config.seed=one"], "flag --config.seed=one: "),
    (["--config.stages[0].size=30,64"],
     "config.stages[0].size=(30, 64) must be multiples of 4, at least 8 (2 "
     "down-samplings); nearest is --config.stages[0].size=32,64"),
  ],
)  # fmt: skip
def test_bad_command_lines(words, said, tmp_path):
  workdir = tmp_path / "run"
  config = [] if "--config=no.py" in words else [SMOKE]
  assert said in fault(f"--workdir={workdir}", *config, *words)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  "mode, first, others",
  [
    ("study", "analyse=a.csv",
     ("methods=a=b", "trials=5", "times=1", "pages=2", "study_seed=1",
      "width=100", "crop=c.json", "outline=car", "input=val")),
    ("evaluate", "compare=a.json,b.json",
     ("workdir=run", "input=val", "pictures=p", "segmenter=own", "step=4",
      "weights=live", "size=input", "styles=s", "style_seed=1", "draws=2",
      "style_draw=map", "score_at=label", "protocol=own-v1", "features=f",
      "lpips=l", "config=" + str(ROOT / "configs/smoke.py"))),
    ("evaluate", "pictures=p",
     ("step=4", "weights=live", "size=input", "styles=s", "style_seed=1",
      "style_draw=map", "draws=2")),
  ],
)  # fmt: skip
def test_flags_that_say_nothing_beside_another(mode, first, others):
  flag = first.partition("=")[0]
  for one in others:
    words = f"--mode={mode}", f"--{first}", f"--{one}", "--output=o"
    assert fault(*words) == (
      f"--{one.partition('=')[0]} has no effect with --{flag}; leave one of "
      "both out"
    )


def test_missing_flags(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert fault(SMOKE) == "--mode=train needs --workdir"
  assert fault(SMOKE, "--workdir=") == "--mode=train needs --workdir"
  assert fault("--workdir=run") == "--mode=train needs --config"
  assert fault("--mode=benchmark") == "--mode=benchmark needs --config"
  line = fault("--workdir=run", "--config.seed=1")
  assert line.startswith("--config.field=value needs --config=FILE")
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  "text, said",
  [
    ("def get_config(:", "SyntaxError"),
    ("import no_such_module_here", "No module named 'no_such_module_here'"),
    ("x = 1", "get_config"),
    ("def get_config():\n  return 1 / 0", "ZeroDivisionError"),
    ("def get_config():\n  raise ValueError('six')", "ValueError: six"),
  ],
)
def test_bad_config_files(tmp_path, text, said):
  file = tmp_path / "mine.py"
  file.write_text(text)
  line = fault(f"--config={file}", f"--workdir={tmp_path / 'run'}")
  assert str(file) in line and said in line and "Traceback" not in line
  assert not (tmp_path / "run").exists()


def test_config_comes_from_the_workdir(tmp_path, monkeypatch):
  """Also with overrides; an own --config wins."""
  save_run(tmp_path / "run", tiny_config(seed=3))
  seen = []
  monkeypatch.setattr(train, "run", lambda config, **_: seen.append(config))
  workdir = f"--workdir={tmp_path / 'run'}"
  assert command(workdir)[0] == 0
  assert command("--workdir", str(tmp_path / "run"), "--config.seed=4")[0] == 0
  assert command(workdir, SMOKE)[0] == 0
  override = "--config.stages[1].constant=7"
  assert command(workdir, override, "--config.stages[0].size=32,48")[0] == 0
  assert [config.seed for config in seen] == [3, 4, 0, 3]
  assert [config.generator.width for config in seen] == [4, 4, 8, 4]
  assert seen[3].stages[1].constant == 7
  assert seen[3].stages[0].size == (32, 48)


def test_a_damaged_config_of_a_run(tmp_path):
  (tmp_path / "config.json").write_text('{"seed": ')
  line = fault(f"--workdir={tmp_path}")
  assert line.startswith(f"{tmp_path / 'config.json'}: not JSON (")


def config_of(monkeypatch, *words):
  """The config that a command line gives to training."""
  seen = []
  monkeypatch.setattr(train, "run", lambda config, **_: seen.append(config))
  status, _, err = command(*words)
  assert status == 0, err
  return seen[0]


@pytest.mark.parametrize("field", ["stages[0].trainable", "data.image_range"])
@pytest.mark.parametrize(
  "text, value",
  [
    ("G1", ("G1",)),
    ("G1,E", ("G1", "E")),
    ("(G1, E)", ("G1", "E")),
    ('("G1","E")', ("G1", "E")),
    ("('G1',)", ("G1",)),
    ("", ()),
    ("64,64", (64, 64)),
    ("(64, 64)", (64, 64)),
    ("[64, 64]", (64, 64)),
    ("64", (64,)),
    ("-1,1.5", (-1, 1.5)),
    ("(0.0, 65535.0)", (0.0, 65535.0)),
  ],
)
def test_every_form_of_a_tuple(field, text, value, tmp_path, monkeypatch):
  """Validation, which comes later, says what does not belong there."""
  words = [SMOKE, f"--workdir={tmp_path}", f"--config.{field}=1,2,3"]
  config = config_of(monkeypatch, *words, f"--config.{field}={text}")
  # And the last one counts, whatever stood before it.
  assert config_lib.flatten(config)[field] == value


def test_what_a_file_leaves_out_can_be_typed(tmp_path, monkeypatch):
  file = tmp_path / "mine.py"
  file.write_text(
    "from ml_collections import ConfigDict as D\n\n\ndef get_config():\n"
    "  return D({'seed': 3, 'stages': (D({'size': (64, 64)}),)})\n"
  )
  words = [f"--config={file}", f"--workdir={tmp_path / 'run'}"]
  config = config_of(
    monkeypatch, *words, "--config.data.suffixes.label=_mask",
    "--config.max_instances=64", "--config.stages[0].constant=7",
  )  # fmt: skip
  got = config_lib.flatten(config)
  assert (got["data.suffixes.label"], got["max_instances"]) == ("_mask", 64)
  assert (got["seed"], got["stages[0].constant"]) == (3, 7)


def test_a_run_s_config_as_a_config(tmp_path, monkeypatch):
  """Beside another workdir, in two words, with overrides before it."""
  run, new = tmp_path / "run_12:30", f"--workdir={tmp_path / 'new'}"
  save_run(run, tiny_config(seed=3))
  file = str(run / "config.json")
  own = config_of(monkeypatch, f"--workdir={run}")
  assert config_of(monkeypatch, f"--config={file}", new) == own
  assert config_of(monkeypatch, new, "--config", file) == own
  changed = config_of(
    monkeypatch, "--config.seed=4", "--config.stages[0].size=32,48",
    f"--config={file}", new,
  )  # fmt: skip
  assert config_lib.differences(own, changed) == [
    ("seed", 3, 4), ("stages[0].size", (16, 32), (32, 48)),
  ]  # fmt: skip


def test_stages_are_appended_by_their_number(tmp_path, monkeypatch):
  """However the config is named; the three of smoke.py stay as they are."""
  save_run(tmp_path / "run", tiny_config())
  workdir = f"--workdir={tmp_path / 'run'}"
  more = [
    "--config.stages[4].name=last", "--config.stages[3].name=more",
    "--config.stages[3].constant=7", "--config.stages[4].size=32,32",
  ]  # fmt: skip
  file = f"--config={tmp_path / 'run/config.json'}"
  for words in ([SMOKE, workdir], [file, workdir], [workdir]):
    before = config_of(monkeypatch, *words)
    config = config_of(monkeypatch, *words, *more)
    assert config.stages[:3] == before.stages
    old = before.stages[2].to_dict()
    new = [stage.to_dict() for stage in config.stages[3:]]
    assert new[0] == {**old, "name": "more", "constant": 7}
    assert new[1] == {**old, "name": "last", "size": (32, 32)}
  assert fault(SMOKE, workdir, "--config.stages[5].name=x") == (
    "--config.stages[5]: there is no such stage, they count from 0; the next "
    "one to add is --config.stages[3].name=NAME"
  )
  config = config_of(monkeypatch, SMOKE, workdir, "--config.stages[3].decay=1")
  with pytest.raises(
    InputError, match=r"say --config.stages\[3\].name=joint_3"
  ):
    validate(config)


def test_networks_come_from_the_run_to_start_from(tmp_path, monkeypatch):
  """But for what is typed; once the run is there, from its own config."""
  save_run(tmp_path / "old", tiny_config(**{"generator.width": 4}))
  new, old = f"--workdir={tmp_path / 'new'}", tmp_path / "old"
  words = [SMOKE, new, f"--config.init_from={old}"]
  alone = config_of(monkeypatch, SMOKE, new)
  config = config_of(monkeypatch, *words)
  taken = {
    "generator.width": 4, "generator.downsamples": 1,
    "discriminator.layers": 1, "encoder.width": 2, "encoder.downsamples": 1,
  }  # fmt: skip
  found = {k: b for k, _, b in config_lib.differences(alone, config)}
  assert found == {**taken, "init_from": str(old)}
  _, _, err = command(*words)
  listed = ", ".join(f"{name} {value}" for name, value in taken.items())
  assert err == f"taken from {old}: {listed}\n"
  typed = config_of(monkeypatch, *words, "--config.generator.width=16")
  assert typed.generator.width == 16 and typed.encoder.width == 2
  directory.begin(tmp_path / "new", validate(config), ())
  (tmp_path / "new/checkpoints/3/info").mkdir(parents=True)
  shutil.rmtree(old)
  assert config_of(monkeypatch, *words) == config


def test_every_flag_belongs_to_a_mode():
  """And every mode's line is its own function."""
  for name, mode in main.MODES.items():
    for flag in (*mode.needs, *mode.may):
      assert flag in main.FLAGS, (name, flag)
  defined = {f.name for f in main.FLAGS.get_key_flags_for_module(main)}
  assert defined == main._mode_flags() | set(main.COMMON)


def run_python(*words, **options):
  return subprocess.run(
    [sys.executable, *words], capture_output=True, text=True, timeout=300,
    cwd=ROOT, **options,
  )  # fmt: skip


def test_hdgan_is_a_command():
  """It and `python -m hdgan` are what `python -m hdgan.main` is."""
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())
  module, _, name = project["project"]["scripts"]["hdgan"].partition(":")
  script = f"import sys; sys.argv[0] = 'hdgan'; from {module} import {name}"
  starts = (
    ["-m", "hdgan.main"], ["-m", "hdgan"], ["-c", f"{script}; {name}()"],
  )  # fmt: skip
  for words in (["--help"], ["--mode=paint"], ["--mode=benchmark"]):
    told = [
      (done.returncode, done.stdout, done.stderr)
      for start in starts
      for done in [run_python(*start, *words)]
    ]
    assert told[0] == told[1] == told[2]
    assert told[0][0] == (1 if words == ["--help"] else 2)
    assert words != ["--help"] or "--workdir: The run directory." in told[0][1]


@pytest.mark.parametrize(
  "words",
  [
    ["--mode=paint"],
    [SMOKE, "--config.stages[0].constan=1"],
    [SMOKE, "--config.mesh.data=3", "--config.batch_size=4"],
  ],
)
def test_bad_command_lines_of_a_real_process(tmp_path, words):
  done = run_python("-m", "hdgan.main", *words, f"--workdir={tmp_path / 'run'}")
  assert done.returncode == 2
  assert done.stdout == ""
  assert re.fullmatch(r"error: .+\n", done.stderr), done.stderr
  assert list(tmp_path.iterdir()) == []


def test_import_has_no_side_effects():
  """No device is touched; neither TensorFlow nor PyTorch is loaded."""
  names = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts)
    for p in (ROOT / "hdgan").rglob("*.py")
    if p.name != "__init__.py"
  )
  code = (
    "import importlib, sys\n"
    f"for name in {names}: importlib.import_module(name)\n"
    "from jax._src import xla_bridge\n"
    "assert not xla_bridge.backends_are_initialized()\n"
    "print([m for m in ('tensorflow', 'torch') if m in sys.modules])\n"
  )
  done = run_python("-c", code)
  assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.slow
def test_the_smoke_command(tmp_path):
  """Trains, says that it is finished, makes pictures, times a step."""
  env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
  workdir = f"--workdir={tmp_path / 'run'}"
  done = run_python("-m", "hdgan.main", SMOKE, workdir, env=env)
  assert done.returncode == 0, done.stderr
  assert "Finished after 16 steps" in done.stdout
  assert "Traceback" not in done.stderr
  done = run_python("-m", "hdgan.main", workdir, env=env)
  assert done.returncode == 0, done.stderr
  assert "This run is finished (step 16)" in done.stdout
  done = run_python(
    "-m", "hdgan.main", workdir, "--mode=synthesize", "--input=val",
    f"--output={tmp_path / 'out'}", env=env,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  names = {p.name for p in (tmp_path / "out").iterdir()}
  assert {"street_00004.png", "street_00005.png", "grid.png"} <= names
  done = run_python(
    "-m", "hdgan.main", workdir, "--mode=benchmark", "--work=forward",
    "--repeats=2", env=env,
  )  # fmt: skip
  assert json.loads(done.stdout)["repeats"] == 2


@pytest.mark.parametrize("mode", ["synthesize", "styles", "edit"])
def test_modes_of_a_run_refuse_another_config(mode, tmp_path):
  workdir = tmp_path / "run"
  save_run(workdir, tiny_config(seed=3))
  words = [f"--mode={mode}", f"--workdir={workdir}", "--config.seed=4"]
  if mode != "styles":
    words += ["--input=val", f"--output={tmp_path / 'out'}"]
  if mode == "edit":
    words += ["--edits=none.json"]
  assert fault(*words) == (
    f"--config.seed=4 has no effect with --mode={mode}, which uses the run's "
    "own config (3); leave it out"
  )
