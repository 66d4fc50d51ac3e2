"""Intervals and tests against formulas worked by hand, sums and simulations."""

import fractions
import math

import numpy as np
import pytest
from raters import choose

from hdgan.evaluation.study import statistics
from hdgan.evaluation.study.statistics import Choices, rates, sign_test, wilson

Z = 1.959963984540054


@pytest.mark.parametrize(
  ("wins", "count", "low", "high"),
  [
    # With z^2 = 3.84146, at the ends n / (n + z^2) and z^2 / (n + z^2).
    (10, 10, 10 / 13.8414588, 1.0),
    (0, 10, 0.0, 3.8414588 / 13.8414588),
    # (1/2 -+ z sqrt(1/40 + z^2/400) / 1.384146) by hand.
    (5, 10, 0.5 - 0.263407, 0.5 + 0.263407),
    (0, 0, 0.0, 1.0),
  ],
)
def test_wilson_by_hand(wins, count, low, high):
  assert wilson(wins, count) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("wins", "count"), [(1, 3), (81, 263), (2500, 5000)])
def test_the_ends_of_wilson_are_z_standard_errors_away(wins, count):
  """What defines them: the error is that of the end, not of the rate."""
  for end in wilson(wins, count):
    away = abs(wins / count - end)
    assert away == pytest.approx(Z * math.sqrt(end * (1 - end) / count))


@pytest.mark.parametrize(("count", "points"), [(100, 9.8), (500, 4.4)])
def test_naive_half_widths_at_one_half(count, points):
  low, high = wilson(count / 2, count)
  assert 50 * (high - low) == pytest.approx(points, abs=0.2)


@pytest.mark.parametrize("count", [1, 2, 9, 20])
def test_the_sign_test_adds_up_what_is_as_uneven(count):
  for wins in range(count + 1):
    away = abs(2 * wins - count)
    total = sum(
      math.comb(count, k)
      for k in range(count + 1)
      if abs(2 * k - count) >= away
    )
    assert sign_test(wins, count) == pytest.approx(total / 2**count)


def test_the_sign_test_of_many_is_exact():
  tail = sum(math.comb(1500, k) for k in range(701))
  exact = float(fractions.Fraction(2 * tail, 2**1500))
  assert sign_test(800, 1500) == pytest.approx(exact, rel=1e-9)
  assert sign_test(0, 0) == 1


def sandwich(choices):
  """The variance by sums of residuals, slowly: what the bootstrap estimates."""
  rate, count = choices.first.mean(), len(choices.first)
  total = -rate * (1 - rate) / count
  for group in (choices.participant, choices.stem):
    members = sorted(set(group.tolist()))
    squares = 0.0
    for one in members:
      left = [
        float(first) - rate
        for first, where in zip(choices.first, group, strict=True)
        if where == one
      ]
      squares += sum(left) ** 2
    total += squares / count**2 * len(members) / (len(members) - 1)
  return total


def test_the_bootstrap_finds_the_variance_of_sums_of_residuals():
  choices = choose(np.random.default_rng(3), participants=15, stems=30,
                   of_participants=0.6, of_stems=0.9)  # fmt: skip
  (found,) = rates(choices)
  alone = found.rate * (1 - found.rate) / found.judgements
  assert found.effective == pytest.approx(
    found.judgements * alone / sandwich(choices), rel=0.1
  )
  assert found.effective < found.judgements / 2


def test_copies_of_a_judgement_add_nothing():
  """40 participants, each of whom says one thing ten times, are 40."""
  rng = np.random.default_rng(0)
  participant = np.repeat(np.arange(40), 10)
  choices = Choices(
    participant=participant,
    stem=np.arange(400),
    column=np.zeros(400, int),
    first=(rng.random(40) < 0.6)[participant],
    columns=1,
  )
  (found,) = rates(choices)
  assert found.effective == pytest.approx(40, rel=0.15)


def test_independent_judgements_count_in_full():
  rng = np.random.default_rng(1)
  choices = Choices(
    participant=np.arange(300),
    stem=rng.permutation(300),
    column=np.zeros(300, int),
    first=rng.random(300) < 0.7,
    columns=1,
  )
  (found,) = rates(choices)
  assert found.effective == pytest.approx(300, rel=0.1)
  assert found.interval == pytest.approx(found.wilson, abs=0.005)


def test_columns_are_counted_apart():
  choices = Choices(
    participant=np.array([0, 1, 0, 1, 0]),
    stem=np.array([0, 0, 1, 1, 2]),
    column=np.array([0, 0, 2, 2, 2]),
    first=np.array([True, True, True, False, False]),
    columns=3,
  )
  first, none, last = rates(choices)
  assert (first.wins, first.judgements, first.rate) == (2, 2, 1.0)
  assert first.interval is None  # One stem tells nothing of other stems.
  assert (none.judgements, none.interval, none.p) == (0, None, 1.0)
  assert math.isnan(none.rate)
  assert (last.wins, last.judgements) == (1, 3)
  # With one degree of freedom nearly nothing is known.
  assert last.interval.low < 0.05 and last.interval.high > 0.9


def test_the_seed_decides():
  choices = choose(np.random.default_rng(2), of_stems=1.0)
  assert rates(choices, 1) == rates(choices, 1)
  assert rates(choices, 1) != rates(choices, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
  ("of_participants", "of_stems"), [(0.0, 0.0), (0.5, 1.0)]
)
def test_the_interval_holds_the_truth_in_95_of_100(of_participants, of_stems):
  """Wilson's alone, by independent judgements, holds it in far fewer."""
  rng, studies = np.random.default_rng(0), 400
  spread = math.hypot(of_participants, of_stems)
  draws = np.log(0.7 / 0.3) + rng.normal(0, spread, 1_000_000)
  truth = (1 / (1 + np.exp(-draws))).mean()
  held = np.zeros(2)
  for _ in range(studies):
    choices = choose(
      rng, participants=20, stems=60, each=30, strengths=(0.7, 0.3),
      of_participants=of_participants, of_stems=of_stems,
    )  # fmt: skip
    (found,) = rates(choices)
    for k, (low, high) in enumerate((found.interval, found.wilson)):
      held[k] += low <= truth <= high
  # Three standard errors of a share of 0.95 are 0.033.
  assert 0.92 <= held[0] / studies <= 0.99
  assert (held[1] / studies < 0.8) == bool(spread)
  assert statistics.LEVEL == 0.95
