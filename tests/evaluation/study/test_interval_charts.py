"""Where marks, intervals and words of the drawings stand."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from hdgan.evaluation.study.interval_charts import (
  Mark,
  bar,
  bounds,
  over_time,
  time_text,
)
from hdgan.evaluation.study.statistics import Interval


def test_a_bar_spans_its_range():
  """220 units wide with 4 at each end: 0.25 lies at 57, 0.5 in the middle."""
  drawn = bar(Mark(0.25, Interval(0.0, 0.5)), 0.0, 1.0, even=0.5)
  assert 'cx="57"' in drawn
  assert 'class="range" d="M4 11H110"' in drawn
  assert 'class="even" d="M110 2V20"' in drawn
  assert 'class="range"' not in bar(Mark(0.25, None), 0.0, 1.0, even=0.5)


def test_a_curve_doubles_its_time_from_step_to_step():
  marks = [
    (0.125, Mark(0.5, Interval(0.4, 0.6))),
    (0.25, Mark(0.75, None)),
    (0.5, Mark(1.0, Interval(0.9, 1.0))),
  ]
  drawn = over_time("a <b>", marks)
  root = ElementTree.fromstring(drawn)
  assert root.attrib["aria-label"] == (
    "a <b>: 50.0 % at 1/8 s, 75.0 % at 1/4 s, 100.0 % at 1/2 s"
  )
  points = re.search(r'points="([^"]+)"', drawn)[1].split()
  (x0, y0), (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in points)
  assert x1 - x0 == pytest.approx(x2 - x1)
  # 0 to 100 % are 204 down to 26.
  assert (y0, y1, y2) == (115.0, 70.5, 26.0)
  assert drawn.count('class="range"') == 2


def test_one_time_is_a_point_in_the_middle():
  drawn = over_time("a", [(1.0, Mark(0.5, None))])
  assert 'cx="245"' in drawn


def test_bounds_hold_all_intervals_and_zero():
  low, high = bounds([Mark(1.0, Interval(0.4, 1.7)), Mark(2.0, None)])
  assert low == 0 and high >= 2
  low, high = bounds([Mark(-0.3, Interval(-1.2, 0.6))])
  assert low <= -1.2 and high >= 0.6


@pytest.mark.parametrize(
  ("seconds", "text"),
  [(0, "no limit"), (0.125, "1/8 s"), (0.3, "0.3 s"), (2.0, "2 s")],
)
def test_times_as_people_write_them(seconds, text):
  assert time_text(seconds) == text
