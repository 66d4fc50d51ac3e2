"""Curves: the points lie where a scale worked out by hand puts them."""

import xml.etree.ElementTree as ET

import pytest
from PIL import ImageFont

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


def boxes(svg):
  """Names of stages: shown text, full name and (left, top, right, bottom)."""
  # Another font than the page's: the widths are not the module's own.
  font, found = ImageFont.load_default(12), []
  for text in ET.fromstring(svg).findall("text"):
    kind = (text.get("class") or "").split()
    if "label" in kind:
      x, y, width = (
        *(float(text.get(k)) for k in "xy"),
        font.getlength(text.text),
      )
      left = x - width if "end" in kind else x
      box = (left, y - 10, left + width, y + 3)
      found.append((text.text, text.find("title").text, box))
  return found


def meet(a, b) -> bool:
  return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("last", [1, 95])
@pytest.mark.parametrize("count", range(2, 7))
@pytest.mark.parametrize("length", [1, 20, 120])
def test_names_of_close_stages_do_not_meet(count, length, last):
  names = [f"{'Wg' * length}_{i}" for i in range(count)]
  # 1 % apart, from 1 % or from 95 % on, where there is no room to the right.
  stages = [
    (last + i * 1, name) for i, name in enumerate(names) if last + i < 100
  ]
  found = boxes(curves.chart("x", {"train": [(0, 1.0), (100, 2.0)]}, stages))
  assert [full for _, full, _ in found] == [name for _, name in stages]
  for i, (_, _, box) in enumerate(found):
    assert box[0] >= 52 and box[2] <= 548 and box[1] >= 26 and box[3] <= 208
    assert not any(meet(box, other) for _, _, other in found[:i])


def test_where_names_of_stages_lie():
  # Widths: g, l, o, b, a and _ 7.8, m 12.5. Marks at 100 and 110; "global" is
  # 46.8 wide and would end at 150.8, so "mm" (25) has to take the next row;
  # at 200 the first is free again. 8 units from the right edge "late" (31.2)
  # ends before its mark.
  marks = [(100, "global"), (110, "mm"), (200, "m"), (540, "late")]
  assert curves.lay_out(marks) == [
    curves.Label("global", 104, pytest.approx(150.8), row=0, before=False),
    curves.Label("mm", 114, 139, row=1, before=False),
    curves.Label("m", 204, 216.5, row=0, before=False),
    curves.Label("late", pytest.approx(504.8), 536, row=0, before=True),
  ]
  # In the middle a name has 244 units on either side: 19 of 12.5 and dots of
  # 12.5 are 250, one less fits; 6 are of the beginning.
  (label,) = curves.lay_out([(300, "m" * 40)])
  assert label.text == "m" * 6 + "…" + "m" * 12


def test_more_stages_than_rows_keep_their_marks():
  stages = [(50, "x" * 60)] * 40
  svg = curves.chart("x", {"train": [(0, 1.0), (100, 2.0)]}, stages)
  marks = ET.fromstring(svg).findall("path[@class='stage']")
  assert [mark.find("title").text for mark in marks] == ["x" * 60] * 40
  assert 0 < len(boxes(svg)) < 40
  assert max(box[3] for _, _, box in boxes(svg)) <= 208


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
