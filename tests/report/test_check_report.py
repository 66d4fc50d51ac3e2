"""The words of a check: sizes, medians, tables of a terminal's width."""

import shlex

import pytest

from hdgan.datasets.transforms import Geometry
from hdgan.report import check_report


@pytest.mark.parametrize(
  "size, geometry, text",
  [
    ((32, 64), Geometry("resize", (32, 64)), "as it is"),
    ((64, 128), Geometry("resize", (32, 64)), "scaled"),
    ((64, 64), Geometry("resize", (32, 64)), "scaled, shape changes by 100 %"),
    ((40, 64), Geometry("crop", (32, 64)), "32x64 cut out of it"),
    ((32, 64), Geometry("crop", (32, 64)), "as it is"),
    ((31, 64), Geometry("crop", (32, 64)), "too small"),
    (
      (80, 32),
      Geometry("scale_width", (32, 64)),
      "scaled to 160x64, 32x64 cut out of it",
    ),
  ],
)
def test_what_becomes_of_a_size(size, geometry, text):
  assert check_report.became(size, geometry) == text


def test_the_median_of_counts():
  assert check_report.median({1: 2, 5: 1}) == 1
  assert check_report.median({1: 2, 5: 3}) == 5
  assert check_report.median({4: 1, 9: 1}) == 4
  assert check_report.median({}) == 0


def test_a_command_is_what_a_shell_reads():
  """Brackets and blanks are quoted; a line ends where a word does."""
  words = ["python", "-m", "x", "--a=b c", "--config.stages[0].size=1,2"] * 3
  text = check_report.command_text(words, 40)
  assert shlex.split(text.replace("\\\n", " ")) == words
  assert max(map(len, text.split("\n"))) <= 40
