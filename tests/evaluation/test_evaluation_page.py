"""The page of an evaluation: whole, by itself, and safe with any name."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from studio.browser import chromium

from hdgan.evaluation.evaluation_page import make_page
from hdgan.evaluation.evaluation_text import summary
from hdgan.evaluation.measure import Pair
from hdgan.evaluation.page_parts import heat_table, picture
from hdgan.evaluation.segmentation import Segmentation, Segmenter

COLORS = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [9, 9, 9]], np.uint8)


class Rater(Segmenter):
  """Sees photos rightly and class 1 in all made pictures' left columns."""

  name, settings = "rater", {"kind": "rater"}
  about = {"unmatched": ["cat"], "never_answered": ["<sea>"]}

  def __init__(self, labels, left=2):
    self.labels, self.left = labels, left

  def __call__(self, name, picture, real):
    label = self.labels[name].copy()
    if not real:
      label[:, : self.left] = 1
    return label


def judged(names=("road", "car", "<sea>", "void"), count=3, photos=True):
  """Result and measure of maps whose columns are 0, 1, 2, void in turn."""
  labels = {
    f"map{i}": np.roll(np.tile(np.arange(8) // 2, (6, 1)), i, 1).astype("int32")
    for i in range(count)
  }
  rater = Rater(labels)
  measure = Segmentation([rater], names, void=[3])
  rng = np.random.default_rng(0)
  for name, label in labels.items():
    made, real = rng.integers(0, 256, (2, 6, 8, 3), np.uint8)
    measure.add(Pair(name, label, made=made, real=real if photos else None))
  result = {
    "protocol": {
      "name": "custom", "version": 1, "score_at": "image",
      "measures": [
        {"key": "segmentation", **measure.settings},
        {"key": "distances", "features": {"name": "net"}},
      ],
    },
    "data": {"split": "val", "n": count, "sha256": "12ab"},
    "source": {"run": "a<b", "step": 7, "weights_sha256": "77ff"},
    "segmentation": [measure.result()],
    "distances": [{
      "kid": {"value": 0.012, "spread": 0.003, "how": "all once"},
      "fid": {"value": 34.5, "note": "rank-deficient (n < 64)"},
      "n_real": count, "n_made": count, "reference": "val",
    }],
    "lpips": [{"mean": 0.25, "spread": 0.5, "n": count}],
  }  # fmt: skip
  return json.loads(json.dumps(result)), measure


class Tags(HTMLParser):
  """Counts elements, and checks that each is closed."""

  def __init__(self, page):
    super().__init__()
    self.open, self.seen = [], []
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.seen.append(tag)
    if tag not in ("meta", "img"):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def test_the_page_holds_what_was_measured():
  result, measure = judged()
  page = make_page(result, [measure], COLORS)
  tags = Tags(page)
  assert not tags.open
  # Three pictures: map, made, photo, and what is seen in both.
  assert tags.seen.count("img") == 15
  score = result["segmentation"][0]
  for part in ("result", "oracle"):
    assert f">{score[part]['miou']:.3f}<" in page
  share = 100 * score["share_of_oracle"]["miou"]
  assert f">{share:.1f} %<" in page
  # Bars in the classes' colours; void has none.
  assert "width:" in page and page.count("background:#c80000") == 2
  assert "background:#090909" not in page
  # KID stands before FID.
  assert 0 < page.index("0.01200") < page.index("34.50")
  assert "a&lt;b, step 7, on val" in page and "a<b" not in page
  assert "&lt;sea&gt;" in page and "<sea>" not in page
  assert not re.search(r"(?:src|href)=\"?(?!data:)[a-z]|https?:|url\(", page)
  assert make_page(result, [measure], COLORS) == page


def test_without_photos_there_is_no_oracle():
  result, measure = judged(photos=False)
  result["distances"] = [{"kid": None, "fid": None}]
  page = make_page(result, [measure], COLORS)
  assert not Tags(page).open and "The same of the photos" not in page
  assert "no distances: there are no real photos" in page
  assert "ranks nothing: " in page


def test_nothing_but_distances():
  result, _ = judged()
  del result["segmentation"]
  page = make_page(result, [], COLORS)
  assert not Tags(page).open and "Distances" in page and "Seen by" not in page


def test_a_heat_table_by_hand():
  matrix = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 1]])
  table = heat_table(matrix, ["a", "b"], "void")
  # Row b has no pixel; of void nothing is right or wrong.
  assert re.findall(r"<th><span>(.*?)</span>", table) == ["a", "b", "no class"]
  cells = re.findall(r"--a:([\d.]+)\"( class=right| class=void)?>(\d*)<", table)
  assert cells == [
    ("0.750", " class=right", "75"), ("0.250", "", "25"), ("0.000", "", ""),
    ("0.500", " class=void", "50"), ("0.000", " class=void", ""),
    ("0.500", " class=void", "50"),
  ]  # fmt: skip


def test_maps_stay_sharp_and_photos_small():
  rng = np.random.default_rng(0)
  photo = rng.integers(0, 256, (40, 1000, 3), np.uint8)
  shown = picture(photo, "x")
  assert "image/jpeg" in shown and 'width="360" height="14"' in shown
  label = np.zeros((4, 6, 3), np.uint8)
  label[:2] = 200
  shown = picture(label, "x")
  assert "image/png" in shown and 'width="6" height="4"' in shown


def test_the_terminal_s_lines():
  result, _ = judged()
  lines = summary(result)
  score = result["segmentation"][0]
  made, oracle = score["result"], score["oracle"]
  head, *cells = lines
  assert head == "a<b, step 7: 3 pictures of val, protocol custom, version 1"
  told = (
    f"rater mIoU {made['miou']:.3f} of {oracle['miou']:.3f} "
    f"({100 * score['share_of_oracle']['miou']:.1f} %) pixel accuracy "
    f"{made['accuracy']:.3f} of {oracle['accuracy']:.3f} "
    f"({100 * score['share_of_oracle']['accuracy']:.1f} %)"
  )
  assert " ".join(cells[0].split()) == told
  told = "distances KID 0.01200 ± 0.00300 FID 34.50"
  assert " ".join(cells[1].split()) == told
  assert cells[0].index("mIoU") == cells[1].index("KID")
  assert cells[3:] == [
    "note: rater also answers what is no class of the data, which counts as "
    "wrong: cat",
    "note: rater never answers these classes of the data: <sea>",
    "note: FID of 3 real and 3 made pictures says little (below 2,048, "
    "rank-deficient (n < 64)): read KID",
  ]


@pytest.mark.slow
def test_it_opens_in_a_browser(tmp_path):
  """Without errors, requests, or a page that is wider than a telephone."""
  names = [f"a class with a long name {i}" for i in range(35)]
  result, measure = judged(names=names)
  colors = np.random.default_rng(0).integers(0, 256, (35, 3), np.uint8)
  (tmp_path / "p.html").write_text(make_page(result, [measure], colors))
  with chromium() as browser:
    for scheme in ("light", "dark"):
      context = browser.new_context(
        color_scheme=scheme, viewport={"width": 390, "height": 800}
      )
      page, said = context.new_page(), []
      page.on("console", lambda message, said=said: said.append(message.text))
      page.on("request", lambda one, said=said: said.append(one.url))
      page.goto((tmp_path / "p.html").as_uri())
      asked = [one for one in said if not one.startswith("data:")]
      assert asked == [(tmp_path / "p.html").as_uri()]
      wide = "document.documentElement.scrollWidth - innerWidth"
      assert page.evaluate(wide) <= 0
      context.close()
