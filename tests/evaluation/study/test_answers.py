"""Answers are read as they were given; every fault is one line."""

import csv
import hashlib
import io
import json
import pathlib

import numpy as np
import pytest
from raters import answers_of, as_csv, make_plan

from hdgan.errors import InputError
from hdgan.evaluation.study.answers import find_files, read_sheets
from hdgan.evaluation.study.plan import Rule, read_plan

STRENGTHS = {"ours": 2.0, "crn": 1.0, "real": 4.0}


@pytest.fixture
def made() -> dict:
  return make_plan(pages=2, trials=6, stems=4, times=(0, 125))


@pytest.fixture
def plan(made, tmp_path):
  path = tmp_path / "plan.json"
  path.write_text(json.dumps(made))
  return read_plan(path)


def rows_of(made, page=0, participant="ann"):
  return answers_of(np.random.default_rng(page), made, page, participant,
                    STRENGTHS)  # fmt: skip


def write(folder: pathlib.Path, name: str, text: str) -> str:
  path = folder / name
  path.write_text(text, newline="")
  return str(path)


def test_answers_are_in_the_words_of_the_plan(made, plan, tmp_path):
  rows = rows_of(made)
  text = as_csv(rows)
  (sheet,) = read_sheets([write(tmp_path, "a.csv", text)], plan)
  assert (sheet.participant, sheet.page) == ("ann", 0)
  whole = hashlib.sha256(text.encode()).hexdigest()
  assert sheet.code == whole[:8].upper()
  pasted = write(tmp_path, "b.csv", text.strip().replace("\n", "\r\n"))
  assert read_sheets([pasted], plan) == [sheet]
  found = sheet.answers
  assert len(found) == len(rows) == 10
  for row, trial, answer in zip(rows, made["pages"][0], found, strict=True):
    left = made["pictures"][trial["left"]]
    assert (answer.left, answer.stem) == (left["method"], left["stem"])
    chosen = made["pictures"][trial[row["choice"]]]["method"]
    assert answer.chosen == chosen
    assert answer.time_ms == trial["ms"]
    assert answer.rt_ms == row["rt_ms"]
  assert [a.kind for a in found[6:]] == ["sentinel"] * 2 + ["repeat"] * 2
  assert [a.correct for a in found] == [None] * 6 + [True] * 2 + [None] * 2
  assert [a.repeats for a in found[8:]] == [0, 1]


def test_the_order_of_files_and_lines_does_not_matter(made, plan, tmp_path):
  ann, bob = rows_of(made, 0, "ann"), rows_of(made, 1, "bob")
  files = [
    write(tmp_path, "1.csv", as_csv(bob[::-1])),
    write(tmp_path, "2.csv", as_csv(ann)),
  ]
  found = read_sheets(files, plan)
  assert [sheet.participant for sheet in found] == ["ann", "bob"]
  assert [answer.trial for answer in found[1].answers] == list(range(10))
  for names in (files[::-1], [str(tmp_path)], [f"{tmp_path}/?.csv", files[1]]):
    assert read_sheets(names, plan) == found


def test_a_table_of_mturk_holds_what_was_sent(made, plan, tmp_path):
  files = [as_csv(rows_of(made, k, f"w{k}")) for k in (0, 1)]
  text = io.StringIO()
  writer = csv.writer(text)
  writer.writerow(["HITId", "WorkerId", "Answer.csv", "Approve"])
  for k, file in enumerate(files):
    writer.writerow(["h", f"w{k}", file, ""])
  batch = write(tmp_path, "batch.csv", text.getvalue())
  (tmp_path / "own").mkdir()
  for k, file in enumerate(files):
    write(tmp_path, f"own/{k}.csv", file)
  assert read_sheets([batch], plan) == read_sheets([f"{tmp_path}/own"], plan)


@pytest.mark.parametrize(
  ("shown", "hidden", "mistimed"),
  [(150, 0, False), (151, 0, True), (99, 0, True), (125, 1, True)],
)
def test_a_limited_time_may_be_off_by_some_frames(
  made, plan, tmp_path, shown, hidden, mistimed
):
  """125 ms and 1.5 frames of 16.7 ms: 99.95 to 150.05."""
  rows = rows_of(made)
  for row in rows:
    row |= {"shown_ms": shown, "hidden_tab": hidden}
  (sheet,) = read_sheets([write(tmp_path, "a.csv", as_csv(rows))], plan)
  rule, found = Rule(1, 300, most_frames_off=1.5), sheet.answers
  assert {a.mistimed(rule) for a in found if a.time_ms} == {mistimed}
  assert not any(a.mistimed(rule) for a in found if not a.time_ms)


FAULTS = {
  "trial": ({"trial": 10}, "trial='10' is none of the plan's 0 to 9"),
  "picture": ({"left": "abcdef"}, "left='abcdef' is no picture of the plan"),
  "other picture": ({"left": f"{1:016x}"}, "trial 3 is planned with"),
  "another time": ({"nominal_ms": 0}, "trial 3 is planned with 125"),
  "choice": ({"choice": "both"}, "choice='both' must be left or right"),
  "time": ({"rt_ms": "soon"}, "rt_ms='soon' is no number of milliseconds"),
  "time nan": ({"rt_ms": "nan"}, "rt_ms='nan' is no number"),
  "time below 0": ({"rt_ms": "-1"}, "rt_ms='-1' is no number"),
  "not shown": ({"shown_ms": ""}, "shown_ms='' is no number"),
  "another page": ({"page": 1}, "page='1', the first line has '0'"),
  "two participants": ({"participant": "bob"}, "participant='bob', the first"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_line_that_is_not_as_planned(made, plan, tmp_path, name):
  """The fourth trial, in line 5, is of a limited time."""
  change, said = FAULTS[name]
  rows = rows_of(made)
  assert made["pages"][0][3]["ms"]
  rows[3] |= change
  path = write(tmp_path, "a.csv", as_csv(rows))
  line = fault_of([path], plan)
  assert line.startswith(f"{path}: line 5: ") and said in line
  assert line.endswith(("; leave it out", "; give a file for each participant"))


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"study": "ffff"}, "is of study 'ffff', the plan is of '00"),
    ({"page": 2}, "page='2' is none of the plan's 0 to 1"),
    ({"page": "one"}, "page='one' is none of the plan's"),
  ],
)
def test_a_file_of_another_plan_is_one_line(made, plan, tmp_path, change, said):
  rows = [row | change for row in rows_of(made)]
  path = write(tmp_path, "a.csv", as_csv(rows))
  line = fault_of([path], plan)
  assert line.startswith(f"{path}: {said}")


def test_many_wrong_lines_of_a_file_are_one(made, plan, tmp_path):
  rows = rows_of(made)
  for row in rows[2:5]:
    row["choice"] = ""
  line = fault_of([write(tmp_path, "a.csv", as_csv(rows))], plan)
  assert "line 4: choice=''" in line and line.endswith(
    "(2 more lines are wrong)"
  )


def test_nobody_s_answers(made, plan, tmp_path):
  rows = [row | {"participant": " "} for row in rows_of(made)]
  with pytest.raises(InputError, match="names no participant"):
    read_sheets([write(tmp_path, "a.csv", as_csv(rows))], plan)


def fault_of(paths, plan):
  with pytest.raises(InputError) as error:
    read_sheets(paths, plan)
  (line,) = str(error.value).split("\n")
  return line


def test_a_participant_twice(made, plan, tmp_path):
  first = write(tmp_path, "a.csv", as_csv(rows_of(made, 0)))
  second = write(tmp_path, "b.csv", as_csv(rows_of(made, 1)))
  line = fault_of([first, second], plan)
  assert line.startswith(f"{second}: participant 'ann' is in {first} too; ")


def test_a_trial_twice(made, plan, tmp_path):
  rows = rows_of(made)
  path = write(tmp_path, "a.csv", as_csv([*rows, rows[2]]))
  line = fault_of([path], plan)
  assert line.startswith(f"{path}: line 12: has trial 2 again; ")


def test_half_of_a_page(made, plan, tmp_path):
  path = write(tmp_path, "a.csv", as_csv(rows_of(made)[:4]))
  assert ": has 4 of the 10 trials of page 0; " in fault_of([path], plan)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (lambda text: "", "holds no answers"),
    (lambda text: text.split("\n")[0], "holds no answers"),
    (lambda text: text.replace("rt_ms", "time"), "has no column rt_ms"),
    (lambda text: text.replace(",", ";"), "has no column study"),
    (lambda text: text[:-60], "line 11: has"),
    (lambda text: text.replace("left", '"le"ft'), "not CSV"),
    (lambda text: "\x00" + text, ""),
  ],
)
def test_what_is_no_file_of_answers(made, plan, tmp_path, change, said):
  path = write(tmp_path, "a.csv", change(as_csv(rows_of(made))))
  line = fault_of([path], plan)
  assert line.startswith(path) and said in line and "; " in line


def test_every_file_tells_its_faults(made, plan, tmp_path):
  for name in "ab":
    write(tmp_path, f"{name}.csv", "")
  with pytest.raises(InputError) as error:
    read_sheets([str(tmp_path)], plan)
  assert len(str(error.value).split("\n")) == 2


def test_in_a_table_of_mturk_a_fault_names_the_line(made, plan, tmp_path):
  text = io.StringIO()
  writer = csv.writer(text)
  writer.writerows([["Answer.csv"], [as_csv(rows_of(made))], [""]])
  path = write(tmp_path, "batch.csv", text.getvalue())
  with pytest.raises(InputError, match=r"line \d+: Answer.csv: holds no"):
    read_sheets([path], plan)


def test_files_that_are_not_there(tmp_path):
  with pytest.raises(InputError, match=r"--analyse=.*: there is no such file"):
    find_files([f"{tmp_path}/*.csv"])
