"""Numbers of a study, counted by hand and for raters of known strength."""

import itertools
import json
import math

import numpy as np
import pytest
from raters import answers_of, as_csv, make_plan

from hdgan.evaluation.study.analysis import analyse, consistent, excluded
from hdgan.evaluation.study.answers import Answer, Sheet, read_sheets
from hdgan.evaluation.study.plan import Plan, Rule, read_plan

RULE = Rule(1, 300, most_frames_off=1.5)
METHODS = ("ours", "crn", "real")
STRENGTHS = {"ours": 0.3, "crn": 0.1, "real": 0.6}


def answer(**facts) -> Answer:
  """A decision for the left picture, but for some facts."""
  plain = dict(
    participant="ann", trial=0, kind="test", stem="s", left="ours",
    right="crn", choice="left", correct=None, repeats=None, time_ms=0.0,
    shown_ms=0.0, frame_ms=16.0, hidden=False, rt_ms=900.0,
  )  # fmt: skip
  return Answer(**plain | facts)


def asked(lines: str, **facts) -> list[Answer]:
  """`ann s1 ours>crn` per line: who, of what, which was preferred.

  The preferred one stands left and right in turn.
  """
  found = []
  for k, line in enumerate(lines.split("\n")):
    who, stem, pair = line.split()
    won, lost = pair.split(">")
    left, right = (won, lost) if k % 2 else (lost, won)
    found.append(
      answer(participant=who, stem=stem, trial=k, left=left, right=right,
             choice="left" if k % 2 else "right", **facts)
    )  # fmt: skip
  return found


def analysed(answers, methods=METHODS):
  """Of answers of some participants, whose trials are any."""
  plan = Plan(
    study="5d1e0c", seed=0, methods=methods, real=None, times=(0,), width=400,
    rule=RULE, pictures={}, pages=((), ()),
  )  # fmt: skip
  by_name = sorted(answers, key=lambda answer: answer.participant)
  groups = itertools.groupby(by_name, lambda answer: answer.participant)
  return analyse(
    plan, [Sheet(who, 0, code="", answers=tuple(own)) for who, own in groups]
  )


def left_out(found):
  return [p["participant"] for p in found["participants"] if p["left_out"]]


def test_a_small_study_by_hand():
  answers = asked(
    "ann s1 ours>crn\nann s2 ours>crn\nbob s1 crn>ours\nbob s2 ours>crn\n"
    "ann s1 real>ours\nbob s2 real>ours\nbob s1 ours>real"
  )
  found = analysed(answers)
  first, second = found["kept"]["pairs"]
  assert (first["first"], first["second"]) == ("ours", "crn")
  assert (first["wins"], first["judgements"], first["rate"]) == (3, 4, 0.75)
  # 4 of 16 outcomes are 1 or 3, 2 are 0 or 4: 10 of 16 with both sides.
  assert first["p"] == pytest.approx(10 / 16)
  assert (second["first"], second["second"]) == ("ours", "real")
  assert (second["wins"], second["judgements"]) == (1, 3)
  assert second["interval"] is not None and second["times"] == []
  assert found["kept"]["left"]["yes"] == 3
  assert found["kept"]["judgements"] == 7
  assert len(found["participants"]) == found["kept"]["participants"] == 2
  # Log strengths of a chain follow from its odds, 3 and 1/2.
  logs = {m["method"]: m["log"] for m in found["kept"]["strengths"]["methods"]}
  assert logs["ours"] - logs["crn"] == pytest.approx(math.log(3))
  assert logs["ours"] - logs["real"] == pytest.approx(math.log(1 / 2))
  json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
  ("wrong", "rt", "why"),
  [
    (1, 300, None),
    (2, 900, "2 sentinels wrong"),
    (0, 299, "median answer 299 ms after the pictures"),
    (3, 100, "3 sentinels wrong, median answer 100 ms after the pictures"),
  ],
)
def test_the_rule_of_the_plan(wrong, rt, why):
  answers = [
    answer(trial=k, kind="sentinel", correct=k >= wrong, rt_ms=float(rt))
    for k in range(5)
  ]
  # One slow answer moves no median.
  answers.append(answer(trial=5, rt_ms=9e4))
  others = asked("bob s1 ours>crn\ncai s2 crn>ours")
  assert excluded([*answers, *others], RULE) == ({"ann": why} if why else {})
  found = analysed([*answers, *others])
  assert found["kept"]["participants"] == (2 if why else 3)
  assert found["all"]["participants"] == 3
  assert found["all"]["judgements"] == 3
  assert found["kept"]["judgements"] == (2 if why else 3)


def test_who_waits_for_pictures_to_go_is_not_too_fast():
  """An answer 50 ms after they were gone is 1050 ms after they came."""
  facts = {"time_ms": 1000.0, "shown_ms": 1000.0, "rt_ms": 50.0}
  assert excluded([answer(**facts)], RULE) == {}
  facts = {"time_ms": 125.0, "shown_ms": 133.0, "rt_ms": 50.0}
  assert "183 ms" in excluded([answer(**facts)], RULE)["ann"]


def test_repeats_are_held_against_the_first_time():
  answers = [
    answer(trial=0),  # ours
    answer(trial=1, choice="right"),  # crn
    answer(trial=2, left="crn", right="ours", choice="right", repeats=0),
    answer(trial=3, left="crn", right="ours", choice="right", repeats=1),
    answer(trial=0, participant="bob", choice="right"),
    answer(trial=9, repeats=7),  # What it repeats was left out.
  ]
  assert consistent(answers) == [True, False]


def test_trials_that_were_shown_for_another_time_are_left_out():
  timed = {"time_ms": 125.0, "shown_ms": 125.0}
  answers = asked("ann s1 ours>crn\nbob s2 ours>crn\nbob s3 crn>ours", **timed)
  late = answer(trial=7, time_ms=125.0, shown_ms=200.0)
  hidden = answer(trial=8, hidden=True, **timed)
  blamed = [answer(trial=9 + k, kind="sentinel", correct=False, hidden=True,
                   **timed) for k in range(3)]  # fmt: skip
  found = analysed([*answers, late, hidden, *blamed])
  assert found["timing"] == {"trials": 8, "left_out": 5}
  assert not left_out(found)
  assert found["kept"]["judgements"] == 3
  (pair,) = found["kept"]["pairs"]
  assert [(at["ms"], at["judgements"]) for at in pair["times"]] == [(125.0, 3)]


def test_times_are_columns_of_their_own():
  quick = asked("ann s1 ours>crn\nann s2 crn>ours\nbob s1 crn>ours",
                time_ms=125.0, shown_ms=125.0)  # fmt: skip
  slow = asked("bob s2 ours>crn\nann s3 ours>crn", time_ms=8000.0,
               shown_ms=8000.0)  # fmt: skip
  (pair,) = analysed([*quick, *slow])["kept"]["pairs"]
  assert (pair["wins"], pair["judgements"]) == (3, 5)
  at = [(t["ms"], t["wins"], t["judgements"]) for t in pair["times"]]
  assert at == [(125.0, 1, 3), (8000.0, 2, 2)]


@pytest.mark.parametrize(
  ("lines", "why"),
  [
    (
      "ann s1 ours>crn\nann s1 ours>real\nann s1 crn>real\nbob s1 real>crn",
      "ours never lost to crn and real",
    ),
    (
      "ann s1 ours>crn\nbob s1 crn>ours\nann s1 real>other\nbob s1 other>real",
      "ours and crn never met real and other",
    ),
  ],
)
def test_why_there_are_no_strengths(lines, why):
  found = analysed(asked(lines), (*METHODS, "other"))
  strengths = found["kept"]["strengths"]
  assert strengths["methods"] == [] and why in strengths["why_none"]


def test_of_two_methods_the_rate_says_all():
  answers = asked("ann s1 ours>crn\nbob s2 crn>ours")
  assert analysed(answers)["kept"]["strengths"] is None


def test_nobody_is_left():
  answers = asked("ann s1 ours>crn", rt_ms=10.0)
  kept = analysed(answers)["kept"]
  assert kept["pairs"] == [] and kept["judgements"] == 0
  assert kept["strengths"] is None and kept["left"]["rate"] is None


def study(tmp_path, seed, times=(0,), slow_ms=0):
  """Files of 12 raters, of whom one clicks at random, read and analysed."""
  made = make_plan(pages=4, trials=84, stems=40, times=times, sentinels=6)
  (tmp_path / "plan.json").write_text(json.dumps(made))
  for k in range(12):
    rng = np.random.default_rng([seed, k])
    rows = answers_of(rng, made, k % 4, f"r{k}", STRENGTHS, slow_ms)
    if k == 5:
      for row in rows:
        row["choice"] = ("left", "right")[rng.integers(2)]
        row["rt_ms"] = 200
    (tmp_path / f"r{k}.csv").write_text(as_csv(rows))
  plan = read_plan(tmp_path / "plan.json")
  return analyse(plan, read_sheets([f"{tmp_path}/*.csv"], plan))


def test_raters_of_known_strengths_are_recovered_from_their_files(tmp_path):
  held = []
  for seed in range(4):
    found = study(tmp_path, seed)
    assert left_out(found) == ["r5"]
    assert found["pages"] == {"planned": 4, "answered": 4}
    for pair in found["kept"]["pairs"]:
      first, second = STRENGTHS[pair["first"]], STRENGTHS[pair["second"]]
      low, high = pair["interval"]
      held.append(low <= first / (first + second) <= high)
    mean = np.mean([math.log(s) for s in STRENGTHS.values()])
    for method in found["kept"]["strengths"]["methods"]:
      low, high = method["interval"]
      held.append(low <= math.log(STRENGTHS[method["method"]]) - mean <= high)
  assert len(held) == 24 and sum(held) >= 20  # 23 expected; 20 with p < 0.03.


def test_preference_grows_with_the_time_that_pictures_are_shown(tmp_path):
  """As in Fig. 6: from chance towards what unlimited time gives."""
  found = study(tmp_path, 0, times=(125, 1000, 8000), slow_ms=1000)
  pair = found["kept"]["pairs"][2]
  assert (pair["first"], pair["second"]) == ("crn", "real")
  rates = [at["rate"] for at in pair["times"]]
  odds = [-math.log(6) * (1 - math.exp(-t)) for t in (0.125, 1, 8)]
  for at, expected in zip(pair["times"], odds, strict=True):
    low, high = at["interval"]
    assert low <= 1 / (1 + math.exp(-expected)) <= high
  assert rates == sorted(rates, reverse=True)
