"""The numbers of a study in words: for the terminal, and for its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from hdgan.errors import counted

_TRUSTED = 0.001  # Below it p is not told.


def percent(rate: float | None) -> str:
  """0.7661 as 76.6 %; a dash for None."""
  return "-" if rate is None else f"{100 * rate:.1f} %"


def percent_range(interval: Sequence[float] | None) -> str:
  """An interval of rates as 72.1 to 80.5 %; a dash for None."""
  if interval is None:
    return "-"
  low, high = interval
  return f"{100 * low:.1f} to {100 * high:.1f} %"


def probability(p: float) -> str:
  """The result of a test: p = 0.034, or p < 0.001."""
  return f"p < {_TRUSTED:g}" if p < _TRUSTED else f"p = {p:.2g}"


def verdict(pair: Mapping[str, Any]) -> str:
  """What an interval of a pair's rate allows to be said.

  Args:
    pair: one of the analysis.

  Returns:
    Which of the two is preferred, if that can be told.
  """
  if pair["interval"] is None:
    return "too few asked or shown"
  low, high = pair["interval"]
  if low > 0.5:
    return f"{pair['first']} preferred"
  return f"{pair['second']} preferred" if high < 0.5 else "undecided"


def as_lines(analysis: Mapping[str, Any]) -> list[str]:
  """A few lines for the terminal.

  Args:
    analysis: as `analyse` gives it.

  Returns:
    Who answered, a line per pair, and the order of strengths.
  """
  kept = analysis["kept"]
  lines = [who(analysis)]
  late = analysis["timing"]["left_out"]
  if late:
    lines[0] += f"; {counted(late, 'trial')} shown for another time left out"
  lines += [pair_line(pair) for pair in kept["pairs"]]
  strengths = kept["strengths"]
  if strengths and strengths["methods"]:
    ranked = sorted(strengths["methods"], key=lambda method: -method["log"])
    told = ", ".join(f"{m['method']} {m['log']:+.2f}" for m in ranked)
    lines.append(f"strengths (Bradley-Terry, log): {told}")
  elif strengths:
    lines.append(f"no strengths (Bradley-Terry): {strengths['why_none']}")
  return lines


def who(analysis: Mapping[str, Any]) -> str:
  """How many judgements of how many participants are counted."""
  kept, asked = analysis["kept"], analysis["participants"]
  out = sum(one["left_out"] is not None for one in asked)
  return (
    f"{kept['judgements']:,} judgements by "
    f"{counted(kept['participants'], 'participant')}; {out} of {len(asked)} "
    "left out by the rule of the plan"
  )


def pair_line(pair: Mapping[str, Any]) -> str:
  """One pair in one line: rate, interval, number, test, what it allows."""
  interval = percent_range(pair["interval"])
  return (
    f"{pair['first']} over {pair['second']}: {percent(pair['rate'])} "
    f"({interval}) of {pair['judgements']:,}, {probability(pair['p'])}: "
    f"{verdict(pair)}"
  )
