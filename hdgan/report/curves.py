"""Curves of numbers over training steps, drawn as SVG.

Colours and fonts come from the page: its style sheet gives the classes `train`,
`held_out`, `rule`, `stage`, `label`, `name`, `end` and `mid`.
"""

import dataclasses
import html
import itertools
import math
import unicodedata
from collections.abc import Mapping, Sequence

from hdgan.report.pictures import shorten

Points = Sequence[tuple[float, float]]

_SPLITS = {"train": "training", "held_out": "held out"}
_MOST_POINTS = 300
# A chart in SVG units: the plot lies between these edges.
_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 548, 26, 208
# A stage's name: the height of its line, and how far it keeps from its mark and
# from names beside it.
_LINE, _GAP = 13, 4


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
  marks = [
    (plot.x(step), stage) for step, stage in boundaries if 0 < step < plot.last
  ]
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
      *_marks(marks),
      *(_curve(plot, split, points) for split, points in series.items()),
      *_names(marks),
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


@dataclasses.dataclass(frozen=True)
class Label:
  """A stage's name beside its mark.

  Attributes:
    text: the name, shortened to the room that there is.
    left: where it begins.
    right: where it ends, by a generous estimate of its width.
    row: line of text, from the top of the plot.
    before: whether it lies left of its mark.
  """

  text: str
  left: float
  right: float
  row: int
  before: bool


def lay_out(marks: Sequence[tuple[float, str]]) -> list[Label]:
  """Places the names of marks in the plot, so that no two of them meet.

  Args:
    marks: x and name of each mark, x inside the plot.

  Returns:
    A label per mark, each in the first row that has room for it.
  """
  labels: list[Label] = []
  for x, name in marks:
    after, before = _RIGHT - x - _GAP, x - _GAP - _LEFT
    turn = text_width(name) > after and before > after
    room = before if turn else after
    text = shorten(name, room, text_width, "…")
    width = text_width(text)
    left = x - _GAP - width if turn else x + _GAP
    taken = {
      label.row
      for label in labels
      if left < label.right + _GAP and label.left - _GAP < left + width
    }
    row = next(row for row in itertools.count() if row not in taken)
    labels.append(Label(text, left, left + width, row=row, before=turn))
  return labels


def text_width(text: str) -> float:
  """At most so many units wide is a text of the page's fonts at size 12."""
  return sum(
    12.5 if letter in "mwMW@%…" or unicodedata.east_asian_width(letter) in "WF"
    else 9.6 if letter.isupper()
    else 7.8
    for letter in text
  )  # fmt: skip


def _marks(marks: Sequence[tuple[float, str]]) -> list[str]:
  """A dashed line where a later stage begins."""
  return [
    f'<path class="stage" d="M{x:g} {_TOP}V{_BOTTOM}">'
    f"<title>{html.escape(name)}</title></path>"
    for x, name in marks
  ]


def _names(marks: Sequence[tuple[float, str]]) -> list[str]:
  """The stages' names; without one where the plot has no row left."""
  drawn = []
  for (_, name), label in zip(marks, lay_out(marks), strict=True):
    y = _TOP + 10 + label.row * _LINE
    turned, end = (" end", label.right) if label.before else ("", label.left)
    if y < _BOTTOM:
      drawn.append(
        f'<text class="label{turned}" x="{end:g}" y="{y}">'
        f"{html.escape(label.text)}<title>{html.escape(name)}</title></text>"
      )
  return drawn


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
