"""Training by several processes: one run, whatever their number."""

import json

import pytest
from tiny import assert_bits, close, leaves, null_bias
from together import Together, main_code

from hdgan.report.log import read_metrics
from hdgan.runs import directory

pytestmark = pytest.mark.slow
STEPS = 8
# A stage of 8 steps with E and the moving average, in batches of 4.
CONFIG = """
from tests.tiny import tiny_config

def get_config():
  config = tiny_config(batch_size=4, data__num_train=5, log_every=1,
                       checkpoint_every=4, sample_every=4)
  with config.unlocked():
    config.stages = config.stages[:1]
    config.stages[0].constant = 8
  return config
"""
# Process 1 asks for a stop while step 1 is being made, process 0 does not.
ASK = """
import os, signal
from hdgan.devices import mesh, processes
put, calls = mesh.put_batch, []
def ask_once(*args):
  calls.append(1)
  if len(calls) == 2 and processes.index() == 1:
    os.kill(os.getpid(), signal.SIGTERM)
  return put(*args)
mesh.put_batch = ask_once
"""
# Process 1 fails of its own accord, after checkpoints were begun.
FAIL = """
from hdgan import train
from hdgan.devices import processes
from hdgan.errors import InputError
log = train.write_metrics
def fail(*args):
  if processes.index() == 1 and args[2] == 6:
    raise InputError("this host lost its disk")
  return log(*args)
train.write_metrics = fail
"""


class Runs:
  """Starts trainings of one configuration in folders of their own."""

  def __init__(self, folder):
    self.folder = folder
    (folder / "configs").mkdir()
    (folder / "configs" / "small.py").write_text(CONFIG)

  def start(self, name, count, before="", *more):
    arguments = [
      f"--config={self.folder / 'configs' / 'small.py'}",
      f"--workdir={self.folder / name}",
      f"--config.data.prepared_dir={self.folder / 'copies'}",
      *more,
    ]
    codes = [main_code(arguments, before)] * count
    return Together(self.folder / f"{name}.said", codes)

  def run(self, name, count, before="", *more):
    """Lets it end; what the processes told, and the run directory."""
    told = self.start(name, count, before, *more).ended()
    assert all(t.status == 0 for t in told), told
    assert not any("Traceback" in t.text for t in told), told
    return told, self.folder / name


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  return Runs(tmp_path_factory.mktemp("together"))


@pytest.fixture(scope="module")
def alone(runs):
  """The run that one process makes."""
  return runs.run("alone", 1)[1]


def numbers(workdir):
  """What was logged, without what depends on the clock; no point twice."""
  lines = read_metrics(workdir)
  raw = (workdir / "metrics.jsonl").read_text().splitlines()
  assert [json.loads(line) for line in raw] == lines
  assert len({(x["step"], x["split"]) for x in lines}) == len(lines)
  return {
    (x["step"], x["split"], k): v
    for x in lines
    for k, v in x.items()
    if isinstance(v, float) and k != "images_per_s"
  }


def assert_equal_up_to_rounding(one, two):
  a, b = numbers(one), numbers(two)
  assert a.keys() == b.keys() and a
  for key, value in a.items():
    assert abs(value - b[key]) <= 1e-5 * max(1.0, abs(value)), key
  a, b = (leaves(directory.load_params(w, STEPS)) for w in (one, two))
  assert a.keys() == b.keys()
  for name, array in a.items():
    # float32 rounds at 1e-7; 8 steps of Adam make 6e-6 of it.
    if not null_bias(name):
      close(array, b[name], 1e-4)


def test_two_that_share_every_picture(runs, alone):
  """Each process has one device and reads the same pictures for its rows."""
  _, workdir = runs.run("cut", 2, "", "--config.mesh.space=2")
  assert_equal_up_to_rounding(workdir, alone)


def test_stopped_by_one_of_two_and_gone_on_by_one(runs, alone):
  """SIGTERM to process 1 alone: both save and end after the same step."""
  told, workdir = runs.run("two", 2, ASK)
  assert "Stopped and saved at step 3; the same command goes on." in (
    told[0].text
  )
  assert "stopping after this step" in told[1].text
  assert "Stopped" not in told[1].text and "step 1/" not in told[1].text
  assert directory.checkpoints_of(workdir).steps() == [3]
  # One process made the files that are for one.
  assert len(list((workdir / "tensorboard").iterdir())) == 1
  assert [p.name for p in (workdir / "samples").iterdir()] == ["0.png"]
  told, workdir = runs.run("two", 1)
  assert "goes on from step 3" in told[0].text
  assert_equal_up_to_rounding(alone, workdir)
  pictures = {p.name for p in (workdir / "samples").iterdir()}
  assert pictures == {"0.png", "4.png", "8.png"}
  assert (workdir / "style_bank.safetensors").is_file()


def test_two_four_and_two_again(runs, alone):
  """Any number of processes goes on with the same batches."""
  _, four = runs.run("four", 4)
  assert_equal_up_to_rounding(alone, four)
  _, two = runs.run("back", 2)
  _, again = runs.run("again", 2)
  assert_bits(directory.load_params(two), directory.load_params(again))
  assert numbers(two) == numbers(again)
  runs.run("mixed", 2, ASK)
  _, mixed = runs.run("mixed", 4)
  assert_equal_up_to_rounding(alone, mixed)


def test_an_error_of_one_ends_all(runs):
  told = runs.start("fails", 2, FAIL).ended()
  assert [t.status for t in told] == [2, 2], told
  assert told[1].errors == ["error: this host lost its disk"]
  (line,) = told[0].errors
  assert line.startswith("error: ended because of process 1 of 2 on ")
  assert line.endswith(": this host lost its disk")
  # The same command goes on.
  _, workdir = runs.run("fails", 2)
  assert directory.checkpoints_of(workdir).latest() == STEPS


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_killed_ends_all(runs, alone, victim):
  code = f"""
import os, signal
from hdgan import train
from hdgan.devices import processes
log = train.write_metrics
def die(run, plan, step, window):
  if processes.index() == {victim} and step == 6:
    os.kill(os.getpid(), signal.SIGKILL)
  return log(run, plan, step, window)
train.write_metrics = die
"""
  name = f"killed_{victim}"
  told = runs.start(name, 2, code).ended()
  assert told[victim].status == -9, told
  other = told[1 - victim]
  assert other.status != 0
  if victim:
    assert "process 1 of 2 is gone (no sign of it for " in other.text
  else:
    assert "another task died" in other.text, other
  _, workdir = runs.run(name, 2)
  assert_equal_up_to_rounding(alone, workdir)


def test_flags_that_differ(runs):
  code = "sys.argv.append('--config.seed=' + __import__('os').environ[P])"
  told = runs.start("flags", 2, f"P = 'HDGAN_PROCESS'\n{code}").ended()
  assert [t.status for t in told] == [2, 2], told
  assert "sees another config than process 0" in told[1].errors[0]
  assert "start all with the same flags" in told[0].text


def test_folders_that_are_not_shared(runs, tmp_path):
  """Each process that sees other folders says which, and how they are said."""
  for flag, words in (
    ("workdir", "is not the folder that process 0 sees there"),
    ("config.data.prepared_dir", "is not to be seen here; name a folder that"),
  ):
    own = f"sys.argv.append('--{flag}={tmp_path}/' + os.environ[P])"
    code = f"import os\nP = 'HDGAN_PROCESS'\n{own}\n"
    told = runs.start(f"apart_{flag[-4:]}", 2, code).ended()
    assert [t.status for t in told] == [2, 2], told
    assert words in told[1].errors[0], told
    assert "ended because of process 1 of 2" in told[0].text
  runs.run("apart_each", 2, code, "--prepare=each")
