"""Curves of numbers over training steps, drawn as SVG.

Colours and fonts come from the page: its style sheet gives the classes `train`,
`held_out`, `rule`, `stage`, `name`, `end` and `mid`.
"""

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence

Points = Sequence[tuple[float, float]]

_SPLITS = {"train": "training", "held_out": "held out"}
_MOST_POINTS = 300
# A chart in SVG units: the plot lies between these edges.
_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 548, 26, 208


def chart(
  name: str,
  series: Mapping[str, Points],
  boundaries: Sequence[tuple[int, str]] = (),
) -> str:
  """One number over the steps, as an SVG element.

  Args:
    name: heading of the chart.
    series: per split (step, value) pairs, ascending steps, finite values; at
      least one pair in all.
    boundaries: first step and name of each stage.

  Returns:
    An `<svg>` with a polyline per split, or a dot where it has one point only.
  """
  series = {split: thin(points) for split, points in series.items() if points}
  values = [y for points in series.values() for _, y in points]
  # From zero, unless that would press the curve into the upper half.
  zero = min(values) >= 0 and min(values) <= 0.5 * max(values)
  rows = ticks(0.0 if zero else min(values), max(values))
  last = max(1.0, *(points[-1][0] for points in series.values()))
  plot = _Plot(last, rows[0], rows[-1])
  ends = ", ".join(
    f"{_SPLITS.get(split, split)} {points[-1][1]:.4g}"
    for split, points in series.items()
  )
  spoken = html.escape(f"{name} up to step {last:g}: {ends}")
  return "".join(
    [
      f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" ',
      f'aria-label="{spoken}"><title>{spoken}</title>',
      f'<text class="name" x="{_LEFT}" y="14">{html.escape(name)}</text>',
      *_axes(plot, rows),
      *_stages(plot, boundaries),
      *(_curve(plot, split, points) for split, points in series.items()),
      "</svg>",
    ]
  )


def ticks(low: float, high: float, most: int = 5) -> list[float]:
  """Round numbers from at or below `low` to at or above `high`.

  Args:
    low: smallest value to show.
    high: largest one; it may equal `low`.
    most: the most steps that high - low is cut into.

  Returns:
    Multiples of 1, 2 or 5 times a power of ten, ascending, two at least.
  """
  span = (high - low) or abs(high) or 1.0
  power = 10.0 ** math.floor(math.log10(span / most))
  size = next(
    f * power for f in (1, 2, 5, 10) if span <= most * f * power * (1 + 1e-9)
  )
  # A value that lies on a tick must not, by rounding, ask for one more.
  first = math.floor(low / size + 1e-9)
  last = max(math.ceil(high / size - 1e-9), first + 1)
  return [float(f"{i * size:.10g}") for i in range(first, last + 1)]


def thin(points: Points, most: int = _MOST_POINTS) -> list[tuple[float, float]]:
  """Means of equally many neighbours, so that at most `most` points are left.

  Args:
    points: (step, value), ascending steps.
    most: the largest number of points to give back.

  Returns:
    (mean step, mean value) of each group.
  """
  size = max(1, math.ceil(len(points) / most))
  groups = [points[i : i + size] for i in range(0, len(points), size)]
  return [
    (sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g))
    for g in groups
  ]


@dataclasses.dataclass(frozen=True)
class _Plot:
  """Steps 0..last and values low..high, on the rectangle between the edges."""

  last: float
  low: float
  high: float

  def x(self, step: float) -> float:
    return round(_LEFT + step / self.last * (_RIGHT - _LEFT), 1)

  def y(self, value: float) -> float:
    up = (value - self.low) / (self.high - self.low)
    return round(_BOTTOM - up * (_BOTTOM - _TOP), 1)


def _axes(plot: _Plot, rows: Sequence[float]) -> list[str]:
  """A line and a number for each row, a number for each round step."""
  across = [
    f'<path class="rule" d="M{_LEFT} {plot.y(value):g}H{_RIGHT}"/>'
    f'<text class="end" x="{_LEFT - 6}" y="{plot.y(value) + 4:g}">'
    f"{value:g}</text>"
    for value in rows
  ]
  below = [
    f'<text class="mid" x="{plot.x(step):g}" y="{_BOTTOM + 18}">'
    f"{_short(step)}</text>"
    for step in ticks(0.0, plot.last)
    if step <= plot.last
  ]
  return across + below


def _stages(plot: _Plot, boundaries: Sequence[tuple[int, str]]) -> list[str]:
  """A dashed line where a later stage begins."""
  return [
    f'<path class="stage" d="M{plot.x(step):g} {_TOP}V{_BOTTOM}"/>'
    f'<text x="{plot.x(step) + 4:g}" y="{_TOP + 10}">'
    f"{html.escape(stage)}</text>"
    for step, stage in boundaries
    if 0 < step < plot.last
  ]


def _curve(plot: _Plot, split: str, points: Points) -> str:
  """One split; a single point would not show as a line."""
  split = html.escape(split)
  places = [(plot.x(step), plot.y(value)) for step, value in points]
  if len(places) == 1:
    x, y = places[0]
    return f'<circle class="{split}" cx="{x:g}" cy="{y:g}" r="3"/>'
  line = " ".join(f"{x:g},{y:g}" for x, y in places)
  return f'<polyline class="{split}" points="{line}"/>'


def _short(step: float) -> str:
  """12000 as 12k, so that the numbers of an axis do not touch."""
  for size, letter in ((1e6, "M"), (1e3, "k")):
    if step >= size:
      return f"{step / size:g}{letter}"
  return f"{step:g}"
