"""Strengths of three or more methods by the model of Bradley and Terry.

A method of strength s is preferred over one of strength t with probability
s / (s + t). The likeliest strengths are found by minorisation and maximisation:
every strength becomes the method's wins over what it met.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hdgan.evaluation.study.statistics import (
  Choices,
  Interval,
  resampled,
  student,
  variance,
)

_STEPS, _CLOSE = 10_000, 1e-10  # The most, and when it has arrived.
# No interval where a larger share of the resamples has no finite strengths.
_MOST_OPEN = 0.01


class Strength(NamedTuple):
  """How a method stands among the others.

  Attributes:
    log: logarithm of the strength; the mean of all is 0, so that the
      difference of two is the log-odds that one is preferred.
    interval: of `log` by the two-way bootstrap; None where fewer than two
      participants or stems met a pair, or where in more than one of 100
      resamples a method wins or loses all.
  """

  log: float
  interval: Interval | None


def strengths(
  choices: Choices, pairs: Sequence[tuple[int, int]], seed: int = 0
) -> list[Strength]:
  """Strengths with their intervals.

  Args:
    choices: all decisions, a column per pair.
    pairs: the first and the second method of each column; all from 0 on.
    seed: of the bootstrap.

  Returns:
    One per method; none where `parts` says why.
  """

  def of_tallies(tallies: np.ndarray) -> np.ndarray:
    return fit(wins_of(tallies, pairs))

  wins = wins_of(choices.tally(), pairs)
  if len(parts(wins)) > 1:
    return []
  logs = fit(wins)
  sides = resampled(choices, of_tallies, seed)
  fewest = min(int(groups.min()) for _, groups in sides)
  closed = all(np.isnan(values).mean() <= _MOST_OPEN for values, _ in sides)
  if fewest < 2 or not closed:
    return [Strength(float(log), None) for log in logs]
  alone = _independent(wins, logs)
  both = sum(variance(values, groups.min()) for values, groups in sides)
  half = student(fewest) * np.sqrt(np.maximum(both - alone, alone))
  return [
    Strength(float(log), Interval(float(log - h), float(log + h)))
    for log, h in zip(logs, half, strict=True)
  ]


def wins_of(
  tallies: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> np.ndarray:
  """Sorts counts per pair into a table of methods.

  Args:
    tallies: [..., pairs, 2]: how often the second, the first was preferred.
    pairs: the first and the second method of each.

  Returns:
    [..., M, M] float64: how often the row's method beat the column's.
  """
  methods = 1 + max(max(pair) for pair in pairs)
  wins = np.zeros((*tallies.shape[:-2], methods, methods))
  for k, (first, second) in enumerate(pairs):
    wins[..., first, second] += tallies[..., k, 1]
    wins[..., second, first] += tallies[..., k, 0]
  return wins


def fit(wins: np.ndarray) -> np.ndarray:
  """The likeliest logarithms of the strengths.

  Args:
    wins: [..., M, M] how often the row's method beat the column's.

  Returns:
    [..., M] float64 of mean 0; nan where there are none that are finite: a
    group of methods that never lost to the others, or never met them.
  """
  finite = np.asarray(_reach(wins).all((-2, -1)))
  wins = np.where(finite[..., None, None], wins, 1.0)
  met, won = wins + np.swapaxes(wins, -2, -1), wins.sum(-1)
  # Nobody meets himself; where `wins` was replaced it does not matter.
  logs = np.zeros(won.shape)
  for _ in range(_STEPS):
    strength = np.exp(logs)
    shared = met / (strength[..., :, None] + strength[..., None, :])
    moved = np.log(won / shared.sum(-1))
    moved -= moved.mean(-1, keepdims=True)
    change, logs = np.abs(moved - logs).max(initial=0.0), moved
    if change < _CLOSE:
      break
  return np.where(finite[..., None], logs, np.nan)


def parts(wins: np.ndarray) -> list[list[int]]:
  """Groups of methods within which strengths can be compared.

  Two are of one group where each beat the other, if only through others. The
  strengths of all are finite where there is one group.

  Args:
    wins: [M, M] how often the row's method beat the column's.

  Returns:
    Methods of each group, ascending.
  """
  reach = _reach(wins)
  groups = {tuple(np.flatnonzero(row)) for row in reach & reach.T}
  return sorted([int(method) for method in group] for group in groups)


def _reach(wins: np.ndarray) -> np.ndarray:
  """[..., M, M] bool: whether the row's beat the column's, or itself, or one
  that did."""
  methods = wins.shape[-1]
  reach = (wins > 0) | np.eye(methods, dtype=bool)
  for _ in range(methods.bit_length()):
    reach = reach @ reach
  return reach


def _independent(wins: np.ndarray, logs: np.ndarray) -> np.ndarray:
  """[M] variances of `logs` if judgements were independent: Fisher's."""
  odds = np.exp(logs[:, None] - logs[None, :])
  weight = (wins + wins.T) * odds / (1 + odds) ** 2
  information = np.diag(weight.sum(1)) - weight
  return np.diag(np.linalg.pinv(information))
