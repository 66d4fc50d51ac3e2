"""Rates of a study, with intervals and tests.

Judgements of one study are not independent: one participant judges many pairs,
and a stem (one label map) is judged by many. Resampling participants tells how
much a number varies with who was asked, resampling stems how much with what was
shown. Both of these variances hold that of the single judgements, so it is
taken off their sum once. (Resampling both at the same time would count it three
times.)
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

LEVEL = 0.95
DRAWS = 2000


class Interval(NamedTuple):
  """The ends of an interval that holds the true value in 95 of 100 studies."""

  low: float
  high: float


def wilson(wins: float, count: float, z: float = 0.0) -> Interval:
  """Wilson's interval of a rate, by independent judgements.

  Args:
    wins: 0..count.
    count: of judgements; also a fraction, where it is an effective number.
    z: half width in standard errors; 0 for the normal quantile of 95 %.

  Returns:
    Within [0, 1]; all of it for a count of 0.
  """
  if count <= 0:
    return Interval(0.0, 1.0)
  z = z or float(special.ndtri((1 + LEVEL) / 2))
  rate, share = wins / count, z * z / count
  middle = (rate + share / 2) / (1 + share)
  half = math.sqrt(rate * (1 - rate) * share + share * share / 4) / (1 + share)
  # At the ends middle and half are equal but for rounding.
  low = 0.0 if wins <= 0 else max(0.0, middle - half)
  return Interval(low, 1.0 if wins >= count else min(1.0, middle + half))


def sign_test(wins: int, count: int) -> float:
  """The exact two-sided binomial test of a rate against one half.

  Args:
    wins: 0..count.
    count: of independent judgements.

  Returns:
    How likely a count at least as uneven is where nobody prefers anything; 1
    for a count of 0.
  """
  fewer = min(wins, count - wins)
  return min(1.0, 2 * float(special.bdtr(fewer, count, 0.5)))


@dataclasses.dataclass(frozen=True)
class Choices:
  """Decisions between two, each counted in one column.

  Attributes:
    participant: [n] integers from 0.
    stem: [n] integers from 0.
    column: [n] integers from 0: which pair, or pair and time.
    first: [n] bool: whether the first of the pair was preferred.
    columns: how many columns there are.
  """

  participant: np.ndarray
  stem: np.ndarray
  column: np.ndarray
  first: np.ndarray
  columns: int

  def tally(self, group: np.ndarray | None = None) -> np.ndarray:
    """Counts per column: of all, or within each group.

    Args:
      group: [n] integers from 0, such as `participant`.

    Returns:
      [columns, 2] or [groups, columns, 2] int64: second and first preferred.
    """
    groups = np.zeros(len(self.column), int) if group is None else group
    rows = 1 if group is None else int(group.max(initial=-1)) + 1
    counts = np.zeros((rows, self.columns, 2), np.int64)
    np.add.at(counts, (groups, self.column, self.first.astype(int)), 1)
    return counts[0] if group is None else counts


def resample(tallies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Draws as many groups as there are, with replacement, `DRAWS` times.

  Args:
    tallies: [groups, columns, 2], one group at least.
    rng: of the draws.

  Returns:
    [DRAWS, columns, 2] float64: the sums over the groups that were drawn.
  """
  groups = len(tallies)
  times = rng.multinomial(groups, np.full(groups, 1 / groups), size=DRAWS)
  return np.tensordot(times.astype(np.float64), tallies, axes=1)


class Rate(NamedTuple):
  """How often the first of a pair was preferred.

  Attributes:
    wins: how often.
    judgements: how many there are.
    rate: wins / judgements; nan for none.
    wilson: its interval if judgements were independent.
    interval: that of the two-way bootstrap; None for fewer than two
      participants or stems, between which nothing can vary.
    effective: the number of independent judgements that tell as much; nan
      without an interval.
    p: of the exact test against one half.
  """

  wins: int
  judgements: int
  rate: float
  wilson: Interval
  interval: Interval | None
  effective: float
  p: float


def rates(choices: Choices, seed: int = 0) -> list[Rate]:
  """Rates with their intervals, one per column.

  The bootstrap's interval is Wilson's at the effective number of judgements,
  with Student's quantile for one degree of freedom fewer than there are
  participants or stems, whichever are fewer.

  Args:
    choices: all decisions, one at least.
    seed: of the bootstrap.

  Returns:
    As many as there are columns.
  """
  sides = resampled(choices, _rate, seed)
  spread = np.sum([variance(*side) for side in sides], 0).tolist()
  fewest = np.minimum(*(groups for _, groups in sides)).tolist()
  found = []
  for k, (lost, wins) in enumerate(choices.tally().tolist()):
    count = wins + lost
    interval, effective = None, math.nan
    if fewest[k] >= 2:
      alone = wins * lost / count**3
      excess = (spread[k] - alone) / alone if alone else 1.0
      effective = count / max(1.0, excess)
      quantile = student(fewest[k])
      interval = wilson(wins * effective / count, effective, quantile)
    found.append(
      Rate(
        wins=wins,
        judgements=count,
        rate=wins / count if count else math.nan,
        wilson=wilson(wins, count),
        interval=interval,
        effective=effective,
        p=sign_test(wins, count),
      )
    )
  return found


def resampled(
  choices: Choices, statistic: Callable[[np.ndarray], np.ndarray], seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """A statistic of resampled participants, and of resampled stems.

  Args:
    choices: all decisions.
    statistic: of tallies [DRAWS, columns, 2] as [DRAWS, k] values; nan where
      it has none.
    seed: of the draws.

  Returns:
    Of participants, then of stems: the values, and [columns] how many of them
    have a judgement in each column.
  """
  rng, sides = np.random.default_rng(seed), []
  for group in (choices.participant, choices.stem):
    tallies = choices.tally(group)
    groups = (tallies.sum(-1) > 0).sum(0)
    sides.append((statistic(resample(tallies, rng)), groups))
  return sides


def variance(values: np.ndarray, groups: np.ndarray | np.integer) -> np.ndarray:
  """How much a statistic varies between samples, by its resamples.

  Args:
    values: [DRAWS, k]; those that are not finite are left out.
    groups: [k] or one number: how many groups each is of.

  Returns:
    [k]; 0 where fewer than two values are finite.
  """
  kept = np.ma.masked_invalid(values)
  # Resamples of few groups vary less than samples do, by this factor.
  return np.ma.filled(kept.var(0), 0.0) * groups / np.maximum(groups - 1, 1)


def student(groups: int) -> float:
  """The quantile of 95 % where the fewer of two kinds of groups are so many."""
  return float(special.stdtrit(groups - 1, (1 + LEVEL) / 2))


def _rate(tallies: np.ndarray) -> np.ndarray:
  """Shares of the first, [..., columns]; nan where nothing was drawn."""
  count = tallies.sum(-1)
  return np.divide(
    tallies[..., 1], count, out=np.full(count.shape, np.nan), where=count > 0
  )
