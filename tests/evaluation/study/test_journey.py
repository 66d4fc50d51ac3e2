"""A study from its pictures to its analysis, answered in Chromium.

Raters of known strength see the published folder as anybody would, and press
keys or buttons; the analysis of what they send finds their strengths.
"""

import contextlib
import json
import math

import numpy as np
import pytest
from evaluation.study.folders import make_folders
from raters import preferred
from studio.browser import PATIENCE, chromium

from hdgan.evaluation.study import plan as plans
from hdgan.evaluation.study.analysis import analyse
from hdgan.evaluation.study.analysis_page import make_page
from hdgan.evaluation.study.answers import read_sheets
from hdgan.study import build_study

pytestmark = pytest.mark.slow

STRENGTHS = {"plain": 0.1, "ours": 0.3, "real": 0.6}
# A screen that shows its next frame as soon as it is asked to, so that half
# seconds before each trial take a moment; 60 of them are a second by its clock.
QUICK = """
  let now = 1000;
  window.requestAnimationFrame = (call) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { now += 1000 / 60; call(now); };
    port2.postMessage(0);
  };
  Object.defineProperty(Event.prototype, "timeStamp", { get: () => now + 700 });
"""
READY = "() => !document.querySelector('#choose-left').disabled"
AT = "() => Number(document.querySelector('#count').textContent.split(' ')[0])"


@pytest.fixture(scope="module")
def browser():
  with chromium() as one:
    yield one


def build(folder, times, **sizes):
  """A study of three methods on twelve maps; its plan, as JSON."""
  methods = make_folders(folder, tuple(STRENGTHS))
  build_study(folder / "study", methods, times, seed=0, width=100, **sizes)
  return json.loads((folder / "study" / plans.FILE).read_text())


@contextlib.contextmanager
def visit(browser, folder, query):
  """The page in a browser of its own, before consent."""
  context = browser.new_context(viewport={"width": 900, "height": 700})
  context.set_default_timeout(PATIENCE)
  context.add_init_script(QUICK)
  page, faults = context.new_page(), []
  page.on("pageerror", lambda error: faults.append(str(error)))
  page.on("console", lambda line: line.type == "error"
          and faults.append(line.text))  # fmt: skip
  page.goto(f"{(folder / 'study/public/index.html').as_uri()}?{query}")
  yield page
  context.close()
  assert not faults


def answer(page, plan, number, rng, slow_ms=0, until=10**6):
  """Presses keys, and a button now and then, as the rater prefers."""
  page.check("#agree")
  page.click("#start")
  trials = plan["pages"][number]
  at = page.evaluate(AT) - 1
  while at < min(len(trials), until):
    page.wait_for_function(READY, polling=5)
    assert page.evaluate(AT) == at + 1
    side = preferred(rng, plan, trials[at], STRENGTHS, slow_ms)
    if at % 10 == 3:
      page.click(f"#choose-{side}")
    else:
      page.keyboard.press({"left": "f", "right": "j"}[side])
    at += 1


def send(page, folder, name):
  """What the participant downloads at the end, and the code that is shown."""
  page.wait_for_selector("#end:not([hidden])")
  with page.expect_download() as download:
    page.click("#download")
  (folder / "answers").mkdir(exist_ok=True)
  download.value.save_as(folder / "answers" / f"{name}.csv")
  return page.text_content("#code")


def analysed(folder):
  plan = plans.read_plan(folder / "study" / plans.FILE)
  return analyse(plan, read_sheets([f"{folder}/answers/*.csv"], plan))


def test_raters_of_known_strength_are_recovered(browser, tmp_path):
  plan = build(tmp_path, ["unlimited"], trials=36, sentinels=3, pages=8)
  codes = {}
  for number in range(8):
    rng = np.random.default_rng(number)
    with visit(
      browser, tmp_path, f"page={number}&participant=r{number}"
    ) as page:
      answer(page, plan, number, rng)
      codes[f"r{number}"] = send(page, tmp_path, number)
  found = analysed(tmp_path)
  assert {p["participant"]: p["code"] for p in found["participants"]} == codes
  kept = found["kept"]
  assert kept["judgements"] == 8 * 36
  assert kept["sentinels"]["rate"] == 1.0
  for pair in kept["pairs"]:
    first, second = STRENGTHS[pair["first"]], STRENGTHS[pair["second"]]
    low, high = pair["interval"]
    assert low <= first / (first + second) <= high, pair
    assert pair["judgements"] == 96
  mean = np.mean([math.log(strength) for strength in STRENGTHS.values()])
  for method in kept["strengths"]["methods"]:
    low, high = method["interval"]
    assert low <= math.log(STRENGTHS[method["method"]]) - mean <= high, method
  order = sorted(kept["strengths"]["methods"], key=lambda m: m["log"])
  assert [method["method"] for method in order] == list(STRENGTHS)


def test_with_limited_times_and_a_reload(browser, tmp_path):
  """Somebody closes the page half-way, comes back, and goes on."""
  plan = build(tmp_path, ["1/8", "4"], trials=24, sentinels=2, pages=1)
  rng = np.random.default_rng(0)
  with visit(browser, tmp_path, "page=0&PROLIFIC_PID=abc&cc=C1") as page:
    answer(page, plan, 0, rng, until=10)
    page.wait_for_function(READY, polling=5)
    page.reload()
    assert page.text_content("#start").startswith("Continue at 11 of ")
    answer(page, plan, 0, rng)
    send(page, tmp_path, "abc")
    page.reload()  # Nobody can answer again.
    assert page.is_visible("#end")
  found = analysed(tmp_path)
  assert found["participants"][0]["participant"] == "abc"
  assert found["timing"] == {"trials": 27, "left_out": 0}
  for pair in found["kept"]["pairs"]:
    assert [at["ms"] for at in pair["times"]] == [125, 4000]
    assert pair["interval"] is None  # Of one participant.
  assert "too few asked or shown" in make_page(found)


def test_a_tab_that_was_left_behind_writes_nothing_over(browser, tmp_path):
  """The page is open twice; who goes on in the older tab is told so."""
  plan = build(tmp_path, ["unlimited"], trials=6, sentinels=1, pages=1)
  rng = np.random.default_rng(0)
  with visit(browser, tmp_path, "page=0&participant=p") as page:
    older = page.context.new_page()
    older.goto(page.url)
    older.check("#agree")
    older.click("#start")
    older.wait_for_function(READY, polling=5)
    answer(page, plan, 0, rng)
    send(page, tmp_path, "p")
    older.keyboard.press("f")
    older.get_by_text("You went on in another tab").wait_for()
    page.reload()
    assert page.is_visible("#end")
  assert analysed(tmp_path)["kept"]["judgements"] == 6
