"""Disks that fill up at any byte, folders that go away, signals."""

import contextlib
import errno
import importlib
import io
import json
import os
import pathlib
import shutil
import signal

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache
from style_run import make_run
from tiny import assert_bits, command, file_limit, tiny_config

from hdgan import config as config_lib
from hdgan import convert, main, train
from hdgan.errors import Terminated
from hdgan.report.log import read_metrics
from hdgan.runs import directory
from hdgan.validation import validate


@pytest.fixture(scope="module", autouse=True)
def caches(tmp_path_factory):
  """Of this file alone, as entries of what is compiled get cut here."""
  field = "jax_compilation_cache_dir"
  before = getattr(jax.config, field)
  folder = str(tmp_path_factory.mktemp("compiled"))
  with pytest.MonkeyPatch.context() as patch:
    cache = tmp_path_factory.getbasetemp() / "cache"
    patch.setenv("XDG_CACHE_HOME", str(cache))
    patch.setenv(field.upper(), folder)
    jax.config.update(field, folder)
    reset_cache()
    yield
  jax.config.update(field, before)
  reset_cache()


def one_error(status, err):
  """The line of a machine that refuses, whatever was told before it."""
  assert "Traceback" not in err
  *told, last = err.splitlines()
  assert status == 2 and last.startswith("error: "), err
  assert not any(line.startswith("error: ") for line in told), err
  return last


def drafts(folder):
  """What is half-written, as far as its name says so."""
  parts = (".tmp", "tmp-", "incomplete", "crdownload")
  return [p for p in folder.rglob("*") if any(x in p.name for x in parts)]


def convert_command(*words):
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    status = convert.main(words)
  return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run") / "W"
  make_run(folder, **{"data.prepared_dir": str(folder.parent / "copies")})
  return folder


def words_of(mode, workdir, folder):
  """A command that writes to `folder`, and the files that it makes."""
  given = ["--input=val", f"--output={folder}", "--overwrite"]
  if mode == "synthesize":
    return [*given, "--show_objects"], "*.png"
  if mode == "edit":
    edits = workdir.parent / "edits.json"
    edit = {"op": "change_class", "every": "sky", "to": "road"}
    edits.write_text(json.dumps({"edits": [edit]}))
    return [*given, f"--edits={edits}", "--map=street_00003"], "*/*.png"
  return ["--min_area=0.001"], "style_bank.*"


# Their files have 70 to 400,000 bytes.
@pytest.mark.parametrize("size", [0, 300, 4000, 30_000])
@pytest.mark.parametrize("mode", ["synthesize", "edit", "styles"])
def test_a_full_disk_and_the_same_command(mode, size, run, tmp_path):
  workdir = tmp_path / "W"
  shutil.copytree(run, workdir)
  out = workdir if mode == "styles" else tmp_path / "out"
  words, made = words_of(mode, workdir, out)
  words = [f"--mode={mode}", f"--workdir={workdir}", *words]
  with file_limit(size):
    status, _, err = command(*words)
  line = one_error(status, err)
  assert "File too large" in line and str(out) in line
  assert drafts(tmp_path) == []
  status, _, err = command(*words)
  assert status == 0, err
  assert list(out.glob(made))


# The files of a release have 400 to 21,000 bytes.
@pytest.mark.parametrize("size", [0, 450, 5000, 15_000])
@pytest.mark.parametrize("what", ["export", "release", "import"])
def test_a_full_disk_while_weights_are_converted(what, size, run, tmp_path):
  if what == "export":
    pytest.importorskip("torch")
  target = tmp_path / "new"
  words = [what, f"--workdir={run}", f"--to={target}"]
  if what == "import":
    release = tmp_path / "release"
    convert_command("release", f"--workdir={run}", f"--to={release}")
    words = [what, f"--from={release}", f"--workdir={target}"]
  with file_limit(size):
    line = one_error(*convert_command(*words)[::2])
  assert f"={target}: not written, nothing of it stays (" in line
  assert not target.exists() and drafts(tmp_path) == []
  assert convert_command(*words)[0] == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Config and workdir of a run of one stage that nothing disturbed."""
  folder = tmp_path_factory.mktemp("trained")
  config = tiny_config(log_every=1, sample_every=2, checkpoint_every=2)
  config.data.prepared_dir = str(folder / "copies")
  with config.unlocked():
    config.stages = config.stages[:1]
  file = folder / "mine.json"
  file.write_text(config_lib.to_json(validate(config)))
  workdir = folder / "W"
  status, _, err = command(f"--config={file}", f"--workdir={workdir}")
  assert status == 0, err
  return file, workdir


def end_of(workdir):
  """What a finished run has: its state, its numbers, its pictures."""
  checkpoints = directory.checkpoints_of(workdir)
  step = checkpoints.latest()
  lines = [
    {k: v for k, v in line.items() if k != "images_per_s"}
    for line in read_metrics(workdir)
  ]
  shown = {p.name: p.read_bytes() for p in (workdir / "samples").iterdir()}
  state = checkpoints.restore_subtree(step, list(checkpoints.structure(step)))
  return state, lines, shown


def goes_on(trained, workdir):
  """The same command ends as if nothing had happened."""
  file, whole = trained
  status, _, err = command(f"--config={file}", f"--workdir={workdir}")
  assert status == 0, err
  assert drafts(workdir) == []
  (one, *facts), (other, *wanted) = end_of(workdir), end_of(whole)
  assert facts == wanted
  assert_bits(one, other)


# One below the size of each kind of file that a run writes.
SLOW = [0, 150, 350, 1000, 2200, 6000, 12_000, 20_000, 33_000, 100_000, 200_000]


# tensorboardX leaves its file open where its last flush fails.
@pytest.mark.filterwarnings("ignore:unclosed file.*tfevents:ResourceWarning")
@pytest.mark.parametrize(
  "size",
  [40_000, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)],
)
def test_a_full_disk_while_training(size, trained, tmp_path):
  workdir = tmp_path / "W"
  with file_limit(size):
    status, _, err = command(f"--config={trained[0]}", f"--workdir={workdir}")
  one_error(status, err)
  assert drafts(workdir) == []
  goes_on(trained, workdir)


@pytest.fixture
def at_step(monkeypatch):
  """Does something while a step is under way."""

  def at(step, act):
    put, calls = train.meshes.put_batch, []

    def put_and_act(*args):
      calls.append(1)
      if len(calls) == step:
        act()
      return put(*args)

    monkeypatch.setattr(train.meshes, "put_batch", put_and_act)

  return at


def test_a_workdir_that_is_removed_while_training(trained, tmp_path, at_step):
  """Nothing of it is made anew: the rest may be somewhere."""
  workdir = tmp_path / "W"
  at_step(2, lambda: shutil.rmtree(workdir))
  status, _, err = command(f"--config={trained[0]}", f"--workdir={workdir}")
  assert one_error(status, err) == (
    f"error: --workdir={workdir}: config.json is gone: the folder was removed "
    "or emptied, or is not mounted; bring it back, then run the same command "
    "again"
  )
  assert not (workdir / "samples").exists()


def test_ctrl_c_twice_while_training(trained, tmp_path, at_step):
  workdir = tmp_path / "W"

  def twice():
    for _ in range(2):
      os.kill(os.getpid(), signal.SIGINT)

  at_step(3, twice)
  status, _, err = command(f"--config={trained[0]}", f"--workdir={workdir}")
  assert status == 130
  assert err.splitlines()[-1] == (
    "stopped by Ctrl-C; files that are there are whole"
  )
  assert drafts(workdir) == []


def test_what_a_kill_left_is_gone_after_the_next_start(trained, tmp_path):
  """Also of a picture that the run does not write again."""
  workdir = tmp_path / "W"
  shutil.copytree(trained[1], workdir)
  shutil.rmtree(workdir / "checkpoints/3")
  for path in workdir.glob("style_bank.*"):
    path.unlink()
  for name in ("config.json", "index.html", "samples/3.png", "samples/77.png"):
    path = workdir / name
    path.with_name(f".{path.name}.tmp").write_text("half")
  goes_on(trained, workdir)


def test_data_that_are_damaged_after_they_were_prepared(trained, tmp_path):
  """Told by the first start, prepared again by the next."""
  file, _ = trained
  copies = pathlib.Path(json.loads(file.read_text())["data"]["prepared_dir"])
  (record,) = copies.rglob("*train*array_record*")
  data = bytearray(record.read_bytes())
  data[3000] ^= 1
  record.write_bytes(data)
  workdir = tmp_path / "W"
  status, _, err = command(f"--config={file}", f"--workdir={workdir}")
  assert one_error(status, err).startswith(
    f"error: {record.parent}: the prepared copy is damaged ("
  )
  goes_on(trained, workdir)


@pytest.mark.parametrize("mode", list(main.MODES))
def test_every_mode_ends_in_the_same_way(mode, tmp_path, monkeypatch):
  """A signal or a disk in one line; a fault of our own with its traceback."""
  workdir = tmp_path / "run"
  directory.begin(workdir, validate(tiny_config()), ())
  given = {
    "config": workdir / "config.json", "workdir": workdir, "input": "val",
    "output": tmp_path / "out", "edits": tmp_path / "edits.json",
  }  # fmt: skip
  entry = main.MODES[mode]
  words = [f"--mode={mode}", *(f"--{k}={given[k]}" for k in entry.needs)]
  door = importlib.import_module(f"hdgan.{entry.door}")
  where = given["output" if "output" in entry.flags else "workdir"]
  words += [
    f"--{k}={given[k]}" for k in ("workdir", "output") if k in entry.may
  ]
  told = f"error: {where}: the disk is full; make room, then run the same "
  for error, expected, line in (
    (KeyboardInterrupt(), 130, "stopped by Ctrl-C; files that are there"),
    (Terminated(), 143, "stopped by SIGTERM; files that are there"),
    (OSError(errno.ENOSPC, "No space left on device"), 2, told),
  ):
    monkeypatch.setattr(door, "run", raises(error))
    status, out, err = command(*words)
    assert (status, out) == (expected, "")
    assert err.startswith(line) and err.count("\n") == 1
  monkeypatch.setattr(door, "run", raises(KeyError("forgotten")))
  with pytest.raises(KeyError, match="forgotten"):
    command(*words)


def raises(error):
  def run(**flags):
    raise error

  return run
