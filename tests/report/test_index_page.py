"""The page of a run: well formed, without a network, true to its folder."""

import html.parser
import json
import re

import numpy as np
import pytest

from hdgan.report import pictures
from hdgan.report.index_page import write_index
from hdgan.report.log import MetricsLog

VOID = {"meta", "img", "input", "link", "br"}


class Tags(html.parser.HTMLParser):
  """Collects tags and their attributes; fails where they do not nest."""

  def __init__(self):
    super().__init__()
    self.open, self.seen, self.text = [], [], []

  def handle_starttag(self, tag, attrs):
    self.seen.append((tag, dict(attrs)))
    if tag not in VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.seen.append((tag, dict(attrs)))

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text.append(data)


def render(workdir, **changes):
  fields = dict(
    title="a <b> run",
    status="running, step 20 of 90",
    running=True,
    stages=[
      {"stage": "global", "size": "64 x 128", "epochs": "1 + 1"},
      {"stage": "joint", "size": "128 x 256"},
    ],
    boundaries=[(0, "global"), (15, "joint")],
    config={"seed": 0, "data": {"root": "/a & b"}},
    parameters=[{"network": "G1", "parameters": 182546755}],
    data={"Source": "my & own", "Held out": "nothing"},
    rows=["val: a<b>", "train: ü"],
    legend=[("#0a141e", "0 <script>x</script>"), ("#ffffff", "1 Straße")],
    gan="lsgan",
  )
  write_index(workdir, **(fields | changes))
  page = (workdir / "index.html").read_text()
  tags = Tags()
  tags.feed(page)
  assert tags.open == []
  return page, tags


@pytest.fixture
def run(tmp_path):
  with MetricsLog(tmp_path) as log:
    for step in (10, 20):
      values = {"G_GAN": step, "D_real": float("nan")}
      log.write(step, values, epoch=1, stage="global")
    log.write(20, {"G_GAN": 5.0}, epoch=1, stage="global", split="held_out")
  for name in ("9.png", "10.png", "100.png", "draft.png"):
    pictures.save_png(tmp_path / "samples" / name, np.zeros((4, 8), np.uint8))
  return tmp_path


def test_samples_in_order_of_steps_with_the_newest_big(run):
  _, tags = render(run)
  images = [attrs for tag, attrs in tags.seen if tag == "img"]
  sources = [f"samples/{step}.png" for step in (100, 100, 10, 9)]
  assert [image["src"] for image in images] == sources
  assert all(image["alt"] for image in images)
  (slider,) = (attrs for tag, attrs in tags.seen if tag == "input")
  assert slider["max"] == slider["value"] == "2"


def test_one_chart_per_finite_number_with_both_splits(run):
  _, tags = render(run)
  charts = [attrs for tag, attrs in tags.seen if tag == "svg"]
  assert [c["aria-label"] for c in charts] == [
    "G_GAN up to step 20: training 20, held out 5"
  ]
  assert [a["class"] for tag, a in tags.seen if tag == "polyline"] == ["train"]
  # Step 15 of 20: 52 + 0.75 * 496.
  stages = [a["d"] for _, a in tags.seen if a.get("class") == "stage"]
  assert stages == ["M424 26V208"]


def test_nothing_comes_from_a_network_and_text_is_escaped(run):
  page, tags = render(run)
  assert "<b> run" not in page and "a &lt;b&gt; run" in page
  for _, attrs in tags.seen:
    for name in ("src", "href"):
      assert re.match(r"samples/\d+\.png$", attrs.get(name, "samples/1.png"))
  assert not re.search(r"https?:|url\(|@import", page)
  assert json.loads(tags.text[tags.text.index("Config") + 2]) == {
    "seed": 0,
    "data": {"root": "/a & b"},
  }
  assert "182,546,755" in tags.text


def test_classes_data_and_rows_are_told(run):
  page, tags = render(run)
  assert "<script>x" not in page and "0 <script>x</script>" in tags.text
  chips = [attrs["style"] for tag, attrs in tags.seen if tag == "i"]
  assert chips == ["background:#0a141e", "background:#ffffff"]
  for text in ("1 Straße", "my & own", "nothing", "val: a<b>", "train: ü"):
    assert text in tags.text
  page, tags = render(run, legend=[], rows=[])
  assert 'chips"' not in page and "<ol" not in page


@pytest.mark.parametrize("count, opened", [(40, True), (41, False)])
def test_very_many_classes_are_folded_away(run, count, opened):
  legend = [("#000000", str(i)) for i in range(count)]
  _, tags = render(run, legend=legend)
  folded = [attrs for tag, attrs in tags.seen if tag == "details"]
  assert [("open" in attrs) for attrs in folded] == [opened, False]


def test_a_curve_says_what_it_should_do(run):
  _, tags = render(run)
  (said,) = (text for text in tags.text if "for photos" in text)
  assert "Near 0.25 for each discriminator" in said
  _, tags = render(run, gan="bce")
  (said,) = (text for text in tags.text if "for photos" in text)
  assert "Near 0.693 (ln 2) for each discriminator" in said


def test_reloads_itself_only_while_running(run):
  page, _ = render(run)
  assert 'http-equiv="refresh"' in page and 'class="status running"' in page
  page, _ = render(run, running=False, status="finished")
  assert 'http-equiv="refresh"' not in page and "status running" not in page
  assert not list(run.glob(".*.tmp"))


def test_a_style_bank_is_linked_once_it_is_there(run):
  for there in (False, True):
    if there:
      (run / "style_bank.html").write_text("")
    links = [dict(a).get("href") for tag, a in render(run)[1].seen]
    assert ("style_bank.html" in links) == there


def test_an_empty_run_has_a_page(tmp_path):
  page, _ = render(tmp_path, stages=[], parameters=[], config="seed: 0")
  assert "No samples yet." in page and "No numbers yet." in page
  assert "<pre>seed: 0</pre>" in page
