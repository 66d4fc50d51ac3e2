"""What the answers of a study say: preference, strengths, and how careful.

Preference between two methods with unlimited time and over the time that
pictures are shown for, as in the paper's two studies (section 4.2, Fig. 6).
"""

import dataclasses
import math
import statistics as medians
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from hdgan.errors import counted
from hdgan.evaluation.study.answers import Answer, Sheet
from hdgan.evaluation.study.bradley_terry import parts, strengths, wins_of
from hdgan.evaluation.study.plan import TEST, Plan, Rule
from hdgan.evaluation.study.statistics import (
  DRAWS,
  LEVEL,
  Choices,
  Rate,
  rates,
  sign_test,
  wilson,
)

SEED = 0  # Of the bootstrap.

# The two methods that are compared, in the order of the study's methods.
Pair = tuple[str, str]


def analyse(plan: Plan, sheets: Sequence[Sheet]) -> dict[str, Any]:
  """All that is told of a study, as its JSON has it.

  Args:
    plan: of the study, with the rule that was fixed beforehand.
    sheets: of all participants.

  Returns:
    `kept` and `all` hold the same numbers, without and with those whom the
    rule leaves out. Rates and their intervals are within [0, 1]; what there
    is nothing to tell of is None.
  """
  answers = [answer for sheet in sheets for answer in sheet.answers]
  out = excluded(answers, plan.rule)
  sound = [answer for answer in answers if not answer.mistimed(plan.rule)]
  kept = [answer for answer in sound if answer.participant not in out]
  return {
    "kind": "hdgan study analysis",
    "version": 1,
    "study": plan.study,
    "methods": list(plan.methods),
    "rule": dataclasses.asdict(plan.rule),
    "bootstrap": {"draws": DRAWS, "seed": SEED, "level": LEVEL},
    "participants": [
      {
        "participant": sheet.participant,
        "page": sheet.page,
        "code": sheet.code,
        "left_out": out.get(sheet.participant),
      }
      for sheet in sheets
    ],
    "pages": {
      "planned": len(plan.pages),
      "answered": len({sheet.page for sheet in sheets}),
    },
    "timing": {
      "trials": sum(answer.time_ms > 0 for answer in answers),
      "left_out": len(answers) - len(sound),
    },
    "kept": _numbers(plan.methods, kept),
    "all": _numbers(plan.methods, sound),
  }


def excluded(answers: Iterable[Answer], rule: Rule) -> dict[str, str]:
  """Who is left out, by the rule that was fixed beforehand.

  Args:
    answers: of all participants.
    rule: of the plan.

  Returns:
    Why, by participant.
  """
  by_participant: defaultdict[str, list[Answer]] = defaultdict(list)
  for answer in answers:
    by_participant[answer.participant].append(answer)
  out = {}
  for participant, own in by_participant.items():
    wrong = sum(a.correct is False for a in own if not a.mistimed(rule))
    median = medians.median(answer.seen_ms for answer in own)
    whys = []
    if wrong > rule.most_sentinels_wrong:
      whys.append(f"{counted(wrong, 'sentinel')} wrong")
    if median < rule.least_median_rt_ms:
      whys.append(f"median answer {median:.0f} ms after the pictures")
    if whys:
      out[participant] = ", ".join(whys)
  return out


def consistent(answers: Iterable[Answer]) -> list[bool]:
  """Whether each pair that came twice was decided as the first time.

  Args:
    answers: any; where one of the two is not among them, neither counts.
  """
  before = {(a.participant, a.trial): a for a in answers}
  twice = [
    (before.get((a.participant, a.repeats)), a)
    for a in before.values()
    if a.repeats is not None
  ]
  return [a.chosen == b.chosen for a, b in twice if a is not None]


def choices_of(
  tests: Sequence[Answer], pairs: Sequence[Pair], times: Sequence[float] = ()
) -> Choices:
  """Answers as arrays of numbers.

  Args:
    tests: of these pairs, and times if any are given.
    pairs: of methods.
    times: milliseconds, for columns of their own.

  Returns:
    A column per pair, or per pair and time, all times of a pair in a row.
  """
  columns = {
    (*pair, time): k
    for k, (pair, time) in enumerate(
      (p, t) for p in pairs for t in times or [0]
    )
  }
  people: dict[str, int] = {}
  stems: dict[str, int] = {}
  rows = []
  for test in tests:
    pair = next(p for p in pairs if set(p) == {test.left, test.right})
    rows.append(
      [
        people.setdefault(test.participant, len(people)),
        stems.setdefault(test.stem, len(stems)),
        columns[*pair, test.time_ms if times else 0],
        test.chosen == pair[0],
      ]
    )
  table = np.array(rows, np.int64).reshape(-1, 4)
  return Choices(
    participant=table[:, 0],
    stem=table[:, 1],
    column=table[:, 2],
    first=table[:, 3] > 0,
    columns=len(columns),
  )


def _numbers(
  methods: Sequence[str], answers: Sequence[Answer]
) -> dict[str, Any]:
  """Everything about some of the participants."""
  tests = [answer for answer in answers if answer.kind == TEST]
  met = {frozenset((answer.left, answer.right)) for answer in tests}
  pairs = [pair for pair in combinations(methods, 2) if set(pair) in met]
  compared = [name for name in methods if any(name in pair for pair in pairs)]
  left = [answer.choice == "left" for answer in tests]
  return {
    "participants": len({answer.participant for answer in answers}),
    "judgements": len(tests),
    "pairs": _preferences(pairs, tests),
    "strengths": _strengths(compared, pairs, tests),
    "sentinels": _share([a.correct for a in answers if a.correct is not None]),
    "repeats": _share(consistent(answers)),
    "left": _share(left) | {"p": sign_test(sum(left), len(left))},
  }


def _preferences(
  pairs: Sequence[Pair], tests: Sequence[Answer]
) -> list[dict[str, Any]]:
  """Rates per pair, in all and, where times are limited, for each time."""
  if not tests:
    return []
  times = sorted({answer.time_ms for answer in tests})
  overall = rates(choices_of(tests, pairs), SEED)
  timed = rates(choices_of(tests, pairs, times), SEED)
  found = []
  for k, (first, second) in enumerate(pairs):
    of_pair = timed[k * len(times) : (k + 1) * len(times)]
    each = [
      {"ms": time, **_as_json(rate)}
      for time, rate in zip(times, of_pair, strict=True)
      if rate.judgements
    ]
    found.append(
      {
        "first": first,
        "second": second,
        **_as_json(overall[k]),
        "times": each if any(times) else [],
      }
    )
  return found


def _strengths(
  methods: Sequence[str], pairs: Sequence[Pair], tests: Sequence[Answer]
) -> dict[str, Any] | None:
  """Of three or more methods; of two the rate says all."""
  if len(methods) < 3:
    return None
  numbers = [(methods.index(a), methods.index(b)) for a, b in pairs]
  choices = choices_of(tests, pairs)
  found = strengths(choices, numbers, SEED)
  values = [
    {"method": name, "log": strength.log, "interval": strength.interval}
    for name, strength in zip(methods, found or [], strict=False)
  ]
  why = "" if found else _why_parted(methods, wins_of(choices.tally(), numbers))
  return {"methods": values, "why_none": why}


def _why_parted(methods: Sequence[str], wins: np.ndarray) -> str:
  """Why there are no strengths: who never met or never lost to the others."""
  for group in parts(wins):
    rest = [k for k in range(len(methods)) if k not in group]
    own = " and ".join(methods[k] for k in group)
    others = " and ".join(methods[k] for k in rest)
    lost, won = wins[np.ix_(rest, group)], wins[np.ix_(group, rest)]
    if not lost.any() and not won.any():
      return f"{own} never met {others}: there is no scale that holds both"
    if not lost.any():
      return f"{own} never lost to {others}: no strength is large enough"
  raise ValueError("all methods are of one part")


def _share(right: Sequence[bool]) -> dict[str, Any]:
  """How many of some yes and no, with Wilson's interval."""
  yes, count = sum(right), len(right)
  return {
    "yes": yes,
    "count": count,
    "rate": yes / count if count else None,
    "wilson": wilson(yes, count) if count else None,
  }


def _as_json(rate: Rate) -> dict[str, Any]:
  return {
    name: None if isinstance(value, float) and math.isnan(value) else value
    for name, value in rate._asdict().items()
  }
