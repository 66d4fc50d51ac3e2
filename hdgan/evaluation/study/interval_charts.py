"""Rates and strengths with their intervals, drawn as SVG.

Colours and fonts come from the page: its style sheet gives the classes `rule`,
`even`, `range`, `rate`, `line`, `end` and `mid`.
"""

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

from hdgan.evaluation.study.statistics import Interval
from hdgan.report.curves import ticks


class Mark(NamedTuple):
  """A value with its interval.

  Attributes:
    value: within the chart's range.
    interval: None where it has none.
  """

  value: float
  interval: Interval | None


# A bar in SVG units.
_BAR_WIDTH, _BAR_HEIGHT = 220, 22
# A chart over time: the plot lies between these edges.
_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 444, 26, 204


def bar(mark: Mark, low: float, high: float, even: float) -> str:
  """One value on a line of its own.

  Args:
    mark: to be shown.
    low: the value at the left end.
    high: the value at the right end.
    even: where nothing is preferred, marked by a line.

  Returns:
    An `<svg>` that says nothing to a screen reader: the numbers stand beside.
  """

  def x(value: float) -> float:
    return round(4 + (value - low) / (high - low) * (_BAR_WIDTH - 8), 1)

  middle = _BAR_HEIGHT / 2
  parts = [
    f'<svg viewBox="0 0 {_BAR_WIDTH} {_BAR_HEIGHT}" aria-hidden="true">',
    f'<path class="rule" d="M4 {middle:g}H{_BAR_WIDTH - 4}"/>',
    f'<path class="even" d="M{x(even):g} 2V{_BAR_HEIGHT - 2}"/>',
  ]
  if mark.interval:
    left, right = x(mark.interval.low), x(mark.interval.high)
    parts.append(f'<path class="range" d="M{left:g} {middle:g}H{right:g}"/>')
  parts.append(
    f'<circle class="rate" cx="{x(mark.value):g}" cy="{middle:g}" r="4"/></svg>'
  )
  return "".join(parts)


def over_time(name: str, marks: Sequence[tuple[float, Mark]]) -> str:
  """How a rate changes with the time that pictures are shown for.

  Args:
    name: heading of the chart.
    marks: seconds, ascending and above 0, each with a rate in [0, 1].

  Returns:
    An `<svg>`; time doubles from mark to mark of its axis.
  """
  logs = [math.log2(seconds) for seconds, _ in marks]
  first, last = min(logs), max(logs)

  def x(log: float) -> float:
    share = (log - first) / (last - first) if last > first else 0.5
    return round(_LEFT + 16 + share * (_RIGHT - _LEFT - 32), 1)

  def y(rate: float) -> float:
    return round(_BOTTOM - rate * (_BOTTOM - _TOP), 1)

  spoken = html.escape(
    f"{name}: "
    + ", ".join(
      f"{100 * mark.value:.1f} % at {time_text(seconds)}"
      for seconds, mark in marks
    )
  )
  rows = [
    f'<path class="{"even" if percent == 50 else "rule"}" '
    f'd="M{_LEFT} {y(percent / 100):g}H{_RIGHT}"/>'
    f'<text class="end" x="{_LEFT - 6}" y="{y(percent / 100) + 4:g}">'
    f"{percent} %</text>"
    for percent in (0, 25, 50, 75, 100)
  ]
  below = [
    f'<text class="mid" x="{x(log):g}" y="{_BOTTOM + 18}">'
    f"{time_text(seconds)}</text>"
    for log, (seconds, _) in zip(logs, marks, strict=True)
  ]
  ranges = [
    f'<path class="range" d="M{x(log):g} {y(mark.interval.low):g}'
    f'V{y(mark.interval.high):g}"/>'
    for log, (_, mark) in zip(logs, marks, strict=True)
    if mark.interval
  ]
  places = [
    (x(log), y(mark.value)) for log, (_, mark) in zip(logs, marks, strict=True)
  ]
  line = " ".join(f"{a:g},{b:g}" for a, b in places)
  return "".join(
    [
      f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" ',
      f'aria-label="{spoken}"><title>{spoken}</title>',
      f'<text class="name" x="{_LEFT}" y="14">{html.escape(name)}</text>',
      *rows,
      *below,
      f'<polyline class="line" points="{line}"/>',
      *ranges,
      *(f'<circle class="rate" cx="{a:g}" cy="{b:g}" r="4"/>'
        for a, b in places),
      "</svg>",
    ]
  )  # fmt: skip


def bounds(marks: Sequence[Mark]) -> tuple[float, float]:
  """Round ends of an axis that has room for all marks and for 0."""
  values = [0.0]
  for mark in marks:
    values += [mark.value, *(mark.interval or ())]
  found = ticks(min(values), max(values))
  return found[0], found[-1]


def time_text(seconds: float) -> str:
  """A time as people write it: 1/8 s, 0.3 s, 2 s; no limit for 0."""
  if not seconds:
    return "no limit"
  if seconds < 1 and (1 / seconds).is_integer():
    return f"1/{1 / seconds:g} s"
  return f"{seconds:g} s"
