"""Disks that fill up at any byte, folders that go away, signals."""

import contextlib
import io
import json
import shutil

import jax
import pytest
from style_run import make_run
from tiny import assert_bits, command, file_limit, tiny_config

from hdgan import config as config_lib
from hdgan import convert
from hdgan.report.log import read_metrics
from hdgan.runs import directory
from hdgan.validation import validate


@pytest.fixture(scope="module", autouse=True)
def keep_all_that_is_compiled():
  """Most commands here run twice; and entries of a cache get cut too."""
  names = (
    "jax_persistent_cache_min_compile_time_secs", "jax_compilation_cache_dir",
  )  # fmt: skip
  before = {name: getattr(jax.config, name) for name in names}
  jax.config.update(names[0], 0)
  yield
  for name, value in before.items():
    jax.config.update(name, value)


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
SLOW = [0, 150, 350, 900, 2200, 6000, 12_000, 20_000, 33_000, 100_000, 200_000]


@pytest.mark.parametrize(
  "size",
  [1000, 40_000, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)],
)
def test_a_full_disk_while_training(size, trained, tmp_path):
  workdir = tmp_path / "W"
  with file_limit(size):
    status, _, err = command(f"--config={trained[0]}", f"--workdir={workdir}")
  one_error(status, err)
  assert drafts(workdir) == []
  goes_on(trained, workdir)
