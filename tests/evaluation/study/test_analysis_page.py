"""The page of an analysis: whole, by itself, and safe with any name."""

import re
from html.parser import HTMLParser

import numpy as np

from hdgan.evaluation.study.analysis import analyse
from hdgan.evaluation.study.analysis_page import make_page
from hdgan.evaluation.study.answers import Answer, Sheet
from hdgan.evaluation.study.plan import Plan, Rule


def analysis(methods, *, times=(0.0,), hasty=0, seed=0):
  """Of six participants; the first `hasty` answer too soon."""
  rng = np.random.default_rng(seed)
  plan = Plan(
    study="5d1e0c", seed=0, methods=methods, real=None, times=times, width=400,
    rule=Rule(), pictures={}, pages=((),),
  )  # fmt: skip
  sheets = []
  for who in range(6):
    answers = tuple(
      Answer(
        participant=f"<{who}>", trial=k, kind="test", stem=f"s{k % 9}",
        left=methods[k % len(methods)], right=methods[(k + 1) % len(methods)],
        choice=("left", "right")[rng.integers(2)], correct=None, repeats=None,
        time_ms=times[k % len(times)], shown_ms=times[k % len(times)],
        frame_ms=16.0, hidden=False, rt_ms=100.0 if who < hasty else 900.0,
      )
      for k in range(36)
    )  # fmt: skip
    sheets.append(Sheet(f"<{who}>", 0, code=f"C0DE{who}", answers=answers))
  return analyse(plan, sheets)


class Tags(HTMLParser):
  """Counts elements, and checks that each is closed."""

  def __init__(self, page):
    super().__init__()
    self.open, self.seen = [], []
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.seen.append(tag)
    if tag not in ("meta", "path", "circle", "polyline"):
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.seen.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def test_a_study_of_three_with_limited_times():
  found = analysis(("ours", "crn", "real"), times=(50.0, 100.0, 150.0),
                   hasty=1)  # fmt: skip
  page = make_page(found)
  tags = Tags(page)
  assert not tags.open
  assert page.count('role="img"') == 3  # A curve for each pair.
  assert "median answer 200 ms after the pictures" in page and "C0DE5" in page
  assert "With everybody" in page and "Bradley-Terry" in page
  assert "&lt;0&gt;" in page and "<0>" not in page
  assert not re.search(r"(?:src|href)=|https?:|url\(", page)
  assert make_page(found) == page
  for pair in found["kept"]["pairs"]:
    assert f"<b>{100 * pair['rate']:.1f} %</b>" in page


def test_a_study_of_two_has_no_more_than_it_needs():
  page = make_page(analysis(("a<b", "c&d")))
  assert not Tags(page).open
  assert "a&lt;b over c&amp;d" in page
  for absent in ("Bradley-Terry", "With everybody", "role="):
    assert absent not in page, absent


def test_nobody_is_left():
  page = make_page(analysis(("ours", "crn"), hasty=6))
  assert not Tags(page).open
  assert "No judgement is left" in page
