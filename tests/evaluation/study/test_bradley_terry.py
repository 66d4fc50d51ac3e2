"""Strengths against closed forms, a direct maximiser and known raters."""

import math

import numpy as np
import pytest
from raters import choose, pairs_of
from scipy import optimize

from hdgan.evaluation.study.bradley_terry import (
  fit,
  parts,
  strengths,
  wins_of,
)
from hdgan.evaluation.study.statistics import Choices, rates


def test_two_methods_differ_by_the_log_odds():
  first, second = fit(np.array([[0.0, 30.0], [10.0, 0.0]]))
  assert first - second == pytest.approx(math.log(3))
  assert first + second == pytest.approx(0)


def test_wins_that_fit_the_model_give_its_strengths():
  """Strengths 1, 2, 4: 30 meetings of 1 and 2 end 10 to 20, and so on."""
  wins = np.array([[0.0, 10, 10], [20, 0, 10], [40, 20, 0]])
  logs = fit(wins)
  np.testing.assert_allclose(np.exp(logs - logs[0]), [1, 2, 4], rtol=1e-8)


def random_wins(rng, methods):
  wins = rng.integers(1, 40, (methods, methods)).astype(float)
  return wins * (1 - np.eye(methods))


@pytest.mark.parametrize("methods", [3, 5])
def test_fit_maximises_the_likelihood(methods):
  wins = random_wins(np.random.default_rng(methods), methods)

  def loss(free):
    logs = np.append(free, -free.sum())
    differences = logs[:, None] - logs[None, :]
    return (wins * np.log1p(np.exp(-differences))).sum()

  best = optimize.minimize(loss, np.zeros(methods - 1), tol=1e-12)
  expected = np.append(best.x, -best.x.sum())
  np.testing.assert_allclose(fit(wins), expected, atol=1e-5)


def test_fits_of_many_at_once_are_those_of_each():
  rng = np.random.default_rng(0)
  wins = np.stack([random_wins(rng, 3) for _ in range(4)])
  wins[2, 0] = 0  # Lost all.
  found = fit(wins)
  assert np.isnan(found[2]).all()
  for k in (0, 1, 3):
    np.testing.assert_allclose(found[k], fit(wins[k]), atol=1e-8)


@pytest.mark.parametrize(
  ("wins", "expected"),
  [
    ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[0, 1, 2]]),  # In a circle.
    ([[0, 3, 2], [0, 0, 1], [0, 2, 0]], [[0], [1, 2]]),  # 0 never lost.
    ([[0, 3, 0], [2, 0, 0], [0, 0, 0]], [[0, 1], [2]]),  # 2 met nobody.
  ],
)
def test_parts_beat_each_other(wins, expected):
  assert parts(np.array(wins)) == expected


def test_wins_of_a_pair_are_both_ways():
  tallies = np.array([[4, 1], [0, 2], [3, 5]])  # Second, first preferred.
  wins = wins_of(tallies, [(0, 1), (0, 2), (1, 2)])
  np.testing.assert_array_equal(wins, [[0, 1, 2], [4, 0, 5], [0, 3, 0]])


def choices_of(tallies):
  """Judgements with these counts, each of one participant and stem."""
  column = np.repeat(np.arange(len(tallies)), np.sum(tallies, 1))
  first = np.concatenate([[False] * lost + [True] * won
                          for lost, won in tallies])  # fmt: skip
  one = np.arange(len(column))
  return Choices(one, one, column=column, first=first, columns=len(tallies))


def test_no_strengths_where_a_method_never_lost():
  assert not strengths(choices_of([(0, 9), (0, 9), (4, 5)]), pairs_of(3))


def test_no_interval_where_resamples_have_no_strengths():
  """One loss of 27 is drawn in two of three resamples only."""
  found = strengths(choices_of([(0, 9), (1, 8), (4, 5)]), pairs_of(3))
  assert len(found) == 3
  assert all(strength.interval is None for strength in found)


def test_the_interval_of_two_is_that_of_their_log_odds():
  """Half of it: log strengths are half of the log-odds apart from 0."""
  choices = choices_of([(40, 60)])
  first, _ = strengths(choices, [(0, 1)])
  half = 1.984 * math.sqrt(1 / 40 + 1 / 60) / 2  # Student's for 99.
  middle = math.log(1.5) / 2
  assert first.interval == pytest.approx(
    (middle - half, middle + half), abs=0.02
  )


def test_raters_of_known_strengths_are_recovered():
  """Over 10 studies of four methods: 95 of 100 intervals hold the truth."""
  true = np.array([0.5, 0.3, 0.15, 0.05])
  logs = np.log(true) - np.log(true).mean()
  held, recovered = 0, 0
  for seed in range(10):
    rng = np.random.default_rng(seed)
    choices = choose(rng, participants=15, stems=60, each=60, strengths=true,
                     of_participants=0.3, of_stems=0.3)  # fmt: skip
    found = strengths(choices, pairs_of(4), seed)
    held += sum(
      strength.interval.low <= log <= strength.interval.high
      for strength, log in zip(found, logs, strict=True)
    )
    recovered += sum(
      rate.interval.low <= true[a] / (true[a] + true[b]) <= rate.interval.high
      for rate, (a, b) in zip(rates(choices, seed), pairs_of(4), strict=True)
    )
  assert 34 <= held <= 40  # Of 40; 34 are three standard errors below 38.
  assert 52 <= recovered <= 60  # Of 60, likewise.
