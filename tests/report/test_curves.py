"""Curves: the points lie where a scale worked out by hand puts them."""

import xml.etree.ElementTree as ET

import pytest

from hdgan.report import curves


@pytest.mark.parametrize(
  ("low", "high", "expected"),
  [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    (0, 4000, [0, 1000, 2000, 3000, 4000]),
    (0.13, 0.31, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
    (-3, 7, [-4, -2, 0, 2, 4, 6, 8]),
    (5, 5, [5, 6]),
    (0, 0, [0, 0.2]),
  ],
)
def test_ticks(low, high, expected):
  assert curves.ticks(low, high) == pytest.approx(expected)


def test_thin_takes_means_of_neighbours():
  points = [(1, 10.0), (2, 20.0), (3, 60.0), (4, 0.0), (5, 7.0)]
  assert curves.thin(points, 5) == points
  assert curves.thin(points, 3) == [(1.5, 15.0), (3.5, 30.0), (5.0, 7.0)]
  assert len(curves.thin([(i, 0.0) for i in range(1001)])) <= 300


def test_points_are_on_the_hand_worked_scale():
  svg = curves.chart(
    "G_GAN <x>",
    {"train": [(0, 0.0), (50, 5.0), (100, 10.0)], "held_out": [(100, 2.5)]},
    [(0, "global"), (25, "enhancer"), (100, "joint")],
  )
  root = ET.fromstring(svg)
  # x: 52 + step / 100 * 496.  y: 208 - value / 10 * 182.
  (line,) = root.findall("polyline")
  assert line.get("points") == "52,208 300,117 548,26"
  assert line.get("class") == "train"
  (dot,) = root.findall("circle")
  assert (dot.get("cx"), dot.get("cy")) == ("548", "162.5")
  marks = [p for p in root.findall("path") if p.get("class") == "stage"]
  assert [mark.get("d") for mark in marks] == ["M176 26V208"]
  texts = [text.text for text in root.findall("text")]
  assert texts[0] == "G_GAN <x>"
  assert texts[1:7] == ["0", "2", "4", "6", "8", "10"]
  assert "enhancer" in texts and "global" not in texts
  spoken = "G_GAN <x> up to step 100: training 10, held out 2.5"
  assert root.get("aria-label") == root.find("title").text == spoken


def test_a_flat_high_curve_does_not_start_at_zero():
  root = ET.fromstring(curves.chart("x", {"train": [(0, 8.0), (10, 10.0)]}))
  # Ticks 8, 8.5 .. 10: the first point lies on the lower edge.
  assert root.find("polyline").get("points") == "52,208 548,26"


def test_one_number_at_step_zero_is_drawn():
  root = ET.fromstring(curves.chart("x", {"train": [(0, 0.0)]}))
  assert root.find("circle").get("cx") == "52"


def test_long_runs_have_short_numbers_on_the_axis():
  svg = curves.chart("x", {"train": [(0, 1.0), (595000, 2.0)]})
  assert ">200k</text>" in svg
