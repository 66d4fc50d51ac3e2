"""What is said of a study in the terminal."""

import pytest

from hdgan.evaluation.study.analysis_text import (
  as_lines,
  pair_line,
  percent_range,
  probability,
  verdict,
)

PAIR = {
  "first": "ours", "second": "crn", "rate": 0.766, "judgements": 1500,
  "interval": (0.721, 0.8049), "p": 1e-20, "times": [],
}  # fmt: skip


@pytest.mark.parametrize(
  ("interval", "said"),
  [
    ((0.51, 0.6), "ours preferred"),
    ((0.3, 0.49), "crn preferred"),
    ((0.5, 0.6), "undecided"),
    (None, "too few asked or shown"),
  ],
)
def test_only_an_interval_off_one_half_decides(interval, said):
  assert verdict(PAIR | {"interval": interval}) == said


def test_a_pair_is_one_line():
  assert pair_line(PAIR) == (
    "ours over crn: 76.6 % (72.1 to 80.5 %) of 1,500, p < 0.001: ours preferred"
  )
  assert probability(0.0341) == "p = 0.034"
  assert percent_range(None) == "-"


def test_the_summary_is_a_few_lines():
  strengths = [{"method": "crn", "log": -1.5}, {"method": "ours", "log": 1.5}]
  analysis = {
    "participants": [{"left_out": None}] * 11
    + [{"left_out": "2 sentinels wrong"}],
    "timing": {"trials": 9, "left_out": 1},
    "kept": {
      "judgements": 1500, "participants": 11, "pairs": [PAIR],
      "strengths": {"methods": strengths, "why_none": ""},
    },
  }  # fmt: skip
  assert as_lines(analysis) == [
    "1,500 judgements by 11 participants; 1 of 12 left out by the rule of the "
    "plan; 1 trial shown for another time left out",
    pair_line(PAIR),
    "strengths (Bradley-Terry, log): ours +1.50, crn -1.50",
  ]
  analysis["kept"]["strengths"] = {"methods": [], "why_none": "a never met b"}
  last = as_lines(analysis)[-1]
  assert last == "no strengths (Bradley-Terry): a never met b"
