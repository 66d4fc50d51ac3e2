"""The door of `--mode=study`: its flags, and the whole command."""

import json
import subprocess
import sys

import numpy as np
import pytest
from evaluation.study.folders import METHODS, STEMS, make_folders
from raters import answers_of, as_csv, make_plan

from hdgan import study
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


STRENGTHS = {"ours": 2.0, "crn": 1.0, "real": 4.0}


@pytest.fixture
def answered(tmp_path):
  """A folder with plan.json and the answers of three participants."""
  plan = make_plan(pages=3, trials=12, stems=6)
  (tmp_path / "plan.json").write_text(json.dumps(plan))
  (tmp_path / "answers").mkdir()
  for k in range(3):
    rows = answers_of(np.random.default_rng(k), plan, k, f"r{k}", STRENGTHS)
    (tmp_path / "answers" / f"{k}.csv").write_text(as_csv(rows))
  return tmp_path


def run(**flags):
  unset = dict(
    methods=[], times=["unlimited"], trials=None, sentinels=None, pages=50,
    study_seed=0, crop=None, outline="", input="", width=400, analyse=[],
    plan=None, overwrite=False,
  )  # fmt: skip
  study.run(**unset | flags)


def test_answers_become_a_json_a_page_and_a_few_lines(answered, capsys):
  flags = {
    "analyse": [f"{answered}/answers/*.csv"], "plan": answered / "plan.json",
    "output": answered / "out",
  }  # fmt: skip
  run(**flags)
  said = capsys.readouterr().out.splitlines()
  assert said[0].startswith("36 judgements by 3 participants; 0 of 3 left out")
  assert [line.split(":")[0] for line in said[1:4]] == [
    "ours over crn", "ours over real", "crn over real"
  ]  # fmt: skip
  assert said[-1] == f"page: {answered / 'out/analysis.html'}"
  assert len(said) == 6
  text = (answered / "out/analysis.json").read_text()
  assert json.loads(text)["kept"]["judgements"] == 36
  assert "Study 00" in (answered / "out/analysis.html").read_text()
  # The same files say the same, in a folder that is there only if asked to.
  with pytest.raises(InputError, match="add --overwrite"):
    run(**flags)
  run(**flags, overwrite=True)
  assert (answered / "out/analysis.json").read_text() == text


def test_where_a_file_is_wrong_nothing_is_written(answered):
  with pytest.raises(InputError, match="is in .* too; leave it out"):
    copy = answered / "answers" / "copy.csv"
    copy.write_text((answered / "answers" / "0.csv").read_text())
    run(analyse=[f"{answered}/answers"], plan=answered / "plan.json",
        output=answered / "out")  # fmt: skip
  assert not (answered / "out").exists()


@pytest.mark.parametrize(
  ("flags", "said"),
  [
    ({}, "--mode=study needs --methods="),
    ({"analyse": ["a.csv"]}, "--analyse needs --plan=plan.json"),
    (
      {"methods": ["a=b"], "overwrite": True},
      "--overwrite has no effect without --analyse",
    ),
  ],
)
def test_flags_that_do_not_go_together(tmp_path, flags, said):
  with pytest.raises(InputError) as error:
    run(output=tmp_path / "out", **flags)
  assert str(error.value).startswith(said)
  assert not list(tmp_path.iterdir())
