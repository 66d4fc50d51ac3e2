"""The door of `--mode=study`: its flags, and the whole command."""

import subprocess
import sys

import pytest
from evaluation.study.folders import METHODS, STEMS, make_folders

from hdgan.errors import InputError
from hdgan.evaluation.study.plan import read_plan
from hdgan.study import build_study, read_time


@pytest.mark.parametrize(
  ("text", "milliseconds"),
  [("unlimited", 0), ("0.125", 125), ("1/8", 125), ("8", 8000), (".5", 500)],
)
def test_times_are_read(text, milliseconds):
  assert read_time(text) == milliseconds


@pytest.mark.parametrize(
  "text",
  [
    "never",
    "0",
    "-1",
    "1/0",
    "61",
    "nan",
    "inf",
    "0.01",
    "",
    "1e9999",
    "1..2",
    "²",
  ],
)
def test_unknown_times_are_refused(text):
  with pytest.raises(InputError) as raised:
    read_time(text)
  assert str(raised.value) == (
    f"--times: {text!r} must be unlimited or 0.05 to 60 seconds, such as "
    "0.125 or 1/8"
  )


def build(output, entries, times=("unlimited",), **given):
  sizes = {"trials": 8, "sentinels": 1, "pages": 2, "seed": 0}
  return build_study(output, entries, list(times), **{**sizes, **given})


@pytest.mark.parametrize(
  ("given", "said"),
  [
    ({"times": ("1/8", "0.125")}, "--times=1/8,0.125: times must differ"),
    ({"times": ()}, "--times=: times must differ"),
    ({"width": 99}, "--width=99 must be 100 to 2000 CSS pixels"),
    ({"outline": "car"}, "--outline=CLASS and --input=FOLDER"),
    ({"trials": 37}, "--trials=37: 12 pictures of 3 methods make 36 diff"),
    ({"seed": -1}, "--study_seed=-1 must be at least 0"),
  ],
)
def test_wrong_flags_are_refused_and_nothing_is_written(tmp_path, given, said):
  entries = make_folders(tmp_path)
  with pytest.raises(InputError) as raised:
    build(tmp_path / "out", entries, **given)
  assert said in str(raised.value)
  assert not (tmp_path / "out").exists()


def test_crops_of_unknown_stems_are_refused(tmp_path):
  entries = make_folders(tmp_path)
  path = tmp_path / "boxes.json"
  path.write_text('{"strasse_99": [0, 0, 4, 4], "strasse_01": [0, 0, 4, 4]}')
  with pytest.raises(InputError) as raised:
    build(tmp_path / "out", entries, crop=path)
  assert str(raised.value) == (
    f"--crop={path}: 'strasse_99': there is no picture of that name; did you "
    "mean 'strasse_09'?"
  )


def test_the_command_builds_a_study_and_never_over_one(tmp_path):
  entries = make_folders(tmp_path, METHODS, STEMS)
  flags = (
    f"--output={tmp_path / 'out'}", f"--methods={','.join(entries)}",
    "--times=0.125,0.5", "--trials=12", "--sentinels=2", "--pages=3",
    "--study_seed=4", "--width=200",
  )  # fmt: skip
  done = subprocess.run(
    [sys.executable, "-m", "hdgan.main", "--mode=study", *flags],
    capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  plan = read_plan(tmp_path / "out" / "plan.json")
  assert plan.seed == 4 and plan.times == (125, 500) and plan.width == 200
  assert [len(page) for page in plan.pages] == [15] * 3
  assert "3 pages of 12 comparisons, 2 sentinels and 1 repeat" in done.stdout
  assert f"publish {tmp_path / 'out' / 'public'} (try file:///" in done.stdout
  with pytest.raises(InputError) as raised:
    build(tmp_path / "out", entries)
  assert str(raised.value) == (
    f"--output={tmp_path / 'out'} is there already; answers belong to one "
    "study, so none is written over: name a new folder"
  )
