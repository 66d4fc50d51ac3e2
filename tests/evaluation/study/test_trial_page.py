"""The participant's page: its rules in Node, and a whole page in Chromium."""

import csv
import functools
import hashlib
import http.server
import io
import pathlib
import threading
import urllib.parse

import pytest
from evaluation.study.folders import make_folders
from studio.browser import PATIENCE, chromium
from studio.scripts import run_script

from hdgan.evaluation.study import bundle, trial_page
from hdgan.evaluation.study.methods import find_methods
from hdgan.evaluation.study.plan import CSV_COLUMNS, Picture, Plan, Rule, Trial
from hdgan.evaluation.study.regions import Region

ANSWERS = pathlib.Path(trial_page.__file__).with_name("answers.js")


def rules(body, data=None):
  """What the body of a function gives that sees answers.js."""
  return run_script([], f"{ANSWERS.read_text()}\n{body}", data)


def test_a_link_says_who_comes_and_what_for():
  links = {
    "plain": "?page=2",
    "named": "?page=1&participant=p.7-x",
    "none": "",
    "turk": "?page=0&assignmentId=A1&hitId=H&workerId=W1"
    "&turkSubmitTo=https%3A%2F%2Fworkersandbox.mturk.com",
    "preview": "?page=0&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE",
    "prolific": "?page=0&PROLIFIC_PID=5f&STUDY_ID=s&SESSION_ID=t&cc=C1DE",
    "beyond": "?page=3",
    "word": "?page=two",
    "empty": "?page=",
    "odd": '?page=0&participant=a,"%0A=b',
    "thief": "?page=0&assignmentId=A1&turkSubmitTo=https://mturk.com.evil.org",
    "code": "?page=0&cc=x%26y",
  }
  got = rules(
    "return Object.fromEntries(Object.entries(data)"
    ".map(([name, text]) => [name, readLink(text, 3, () => 'drawn')]))",
    links,
  )
  assert got["plain"] == {
    "page": 2, "participant": "drawn", "preview": False, "assignment": "",
    "submitTo": "", "done": "", "fault": "",
  }  # fmt: skip
  assert got["named"]["participant"] == "p.7-x"
  digest = hashlib.sha256(b"drawn").hexdigest()
  assert got["none"]["page"] == int(digest[:8], 16) % 3
  turk = got["turk"]
  assert turk["participant"] == "W1" and turk["assignment"] == "A1"
  assert turk["submitTo"] == (
    "https://workersandbox.mturk.com/mturk/externalSubmit"
  )
  assert got["preview"]["preview"] and not turk["preview"]
  assert got["prolific"]["participant"] == "5f"
  assert got["prolific"]["done"] == (
    "https://app.prolific.com/submissions/complete?cc=C1DE"
  )
  for name in ("beyond", "word", "empty"):
    assert "pages 0 to 2" in got[name]["fault"]
  assert got["odd"]["participant"] == "ab"
  assert got["thief"]["submitTo"] == "" and got["code"]["done"] == ""


def test_the_csv_has_the_columns_that_are_read():
  rows = [{name: name for name in CSV_COLUMNS} | {"rt_ms": 12.345, "page": 3}]
  rows[0]["browser"] = 'a,b"\nc'
  text = rules("return csvOf(data)", rows)
  (row,) = csv.DictReader(io.StringIO(text))
  assert tuple(row) == CSV_COLUMNS
  assert row["rt_ms"] == "12.3" and row["page"] == "3"
  assert row["browser"] == "a b  c" and text.endswith("utc\n")


def test_the_code_is_the_beginning_of_sha_256():
  # Lengths around one and two blocks, and more than one byte a letter.
  texts = ["", "abc", *("x" * n for n in (55, 56, 63, 64, 119, 120)), "é∑" * 99]
  got = rules("return data.map((x) => [sha256(x), completionCode(x)])", texts)
  want = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
  assert [one[0] for one in got] == want
  assert [one[1] for one in got] == [digest[:8].upper() for digest in want]


def test_pictures_go_in_the_nearest_frame():
  """Among all frames the first that counts as over is the nearest one."""
  for rate in (50, 60, 75, 120, 144):
    frame, nominals = 1000 / rate, [125, 250, 1000, 8000]
    times = [n * frame for n in range(1, round(8100 / frame))]
    got = rules(
      "return data.nominals.map((d) => data.times.find("
      "(t) => isOver(t, d, data.frame)))",
      {"nominals": nominals, "times": times, "frame": frame},
    )
    for nominal, shown in zip(nominals, got, strict=True):
      nearest = min(abs(t - nominal) for t in times)
      assert abs(shown - nominal) == pytest.approx(nearest)


def test_small_rules():
  agents = {
    "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36":
      "Chrome/143",
    "Mozilla/5.0 AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.1":
      "Edg/143",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Version/19.1 Safari/605.1":
      "Safari/19",
    "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox/140",
    "curl": "other",
  }  # fmt: skip
  got = rules("return data.map(browserName)", list(agents))
  assert got == list(agents.values())
  assert rules("return data.map(median)", [[], [3], [9, 1, 2], [4, 1]]) == [
    0, 3, 2, 2.5,
  ]  # fmt: skip
  # 5 s a pair of unlimited time, and 11 s of eight seconds.
  assert rules("return data.map(minutesOf)", [[0] * 60, [8000] * 60]) == [5, 11]


def make_plan(times):
  pictures = {"aa": Picture("x", "s"), "bb": Picture("y", "s")}
  trials = tuple(Trial("test", "aa", right="bb", ms=ms) for ms in times)
  return Plan(
    "0" * 16, 0, methods=("x", "y"), real=None, times=times, width=300,
    rule=Rule(), pictures=pictures, pages=(trials,),
  )  # fmt: skip


def test_instructions_say_what_will_happen():
  short, long, both = (
    trial_page.make_page(make_plan(times))
    for times in ((125, 250), (0,), (0, 125))
  )
  assert "and vanish" in short and "Take the time" not in short
  assert "vanish" not in long and "Take the time that you need" in long
  assert "Some vanish after a moment" in both
  assert "inside the yellow lines?" not in short
  marked = trial_page.make_page(make_plan((0,)), outlined=True)
  assert "Which picture looks more natural inside the yellow lines?" in marked


# In Chromium.


@pytest.fixture(scope="module")
def browser():
  with chromium() as one:
    yield one


@pytest.fixture(scope="module")
def study(tmp_path_factory):
  """Two pages of six trials for limited and unlimited time."""
  root = tmp_path_factory.mktemp("study")
  methods = find_methods(make_folders(root))
  design = bundle.design_of(
    methods, (0, 125, 250), trials=4, sentinels=2, pages=2, seed=0
  )  # fmt: skip
  plan = bundle.write_study(root / "out", methods, design, Region(), 200)
  return plan, (root / "out" / "public" / "index.html").as_uri()


class Guest:
  """A participant's browser, whose complaints fail the test."""

  def __init__(self, browser, **options):
    self.context = browser.new_context(
      viewport={"width": 900, "height": 700}, **options
    )
    self.context.set_default_timeout(PATIENCE)
    self.page = self.context.new_page()
    self.errors, self.asked = [], []
    self.page.on("pageerror", lambda error: self.errors.append(str(error)))
    self.page.on("console", lambda line: self.errors.append(line.text))
    self.page.on("request", lambda request: self.asked.append(request.url))

  def begin(self, url):
    self.page.goto(url)
    self.page.get_by_label("I am at least 18").check()
    self.page.locator("#start").click()

  def answer(self, key):
    """Waits until an answer is possible, and gives it by a key."""
    self.page.locator("#choose-left:enabled").wait_for()
    self.page.keyboard.press(key)
    self.page.locator("#choose-left:disabled").wait_for(state="attached")

  def csv(self):
    self.page.locator("#end").wait_for()
    return self.page.input_value("#csv")


@pytest.fixture
def guests(browser):
  made = []

  def visit(**options):
    made.append(Guest(browser, **options))
    return made[-1]

  yield visit
  for one in made:
    one.context.close()
    assert not one.errors
    own = "file:", "blob:", "http://127.0.0.1:"
    assert all(url.startswith(own) for url in one.asked)


@pytest.mark.slow
def test_a_page_is_answered_by_keys_and_goes_on_after_a_break(guests, study):
  plan, url = study
  guest, trials = guests(), plan.pages[1]
  guest.begin(f"{url}?page=1&participant=anna")
  keys = "fjjffj"
  for key in keys[:2]:
    guest.answer(key)
  guest.page.locator('#stage[data-state="cross"]').wait_for()
  guest.page.reload()
  assert guest.page.locator("#start").inner_text() == "Continue at 3 of 6"
  guest.begin(f"{url}?page=1&participant=anna")
  for key in keys[2:]:
    guest.answer(key)
  text = guest.csv()
  rows = list(csv.DictReader(io.StringIO(text)))
  assert [(r["left"], r["right"]) for r in rows] == [
    (t.left, t.right) for t in trials
  ]
  sides = {"f": "left", "j": "right"}
  assert [row["choice"] for row in rows] == [sides[key] for key in keys]
  for row, trial in zip(rows, trials, strict=True):
    assert row["study"] == plan.study and row["participant"] == "anna"
    assert row["page"] == "1" and row["nominal_ms"] == str(trial.ms)
    assert row["hidden_tab"] == "0" and row["browser"].startswith("Chrome/")
    frame, shown = float(row["frame_ms"]), float(row["shown_ms"])
    assert 0 < frame < 100 and float(row["rt_ms"]) >= 0
    assert shown >= trial.ms - 0.5 * frame - 0.2
    if trial.ms == 0:
      assert shown == float(row["rt_ms"])
  code = hashlib.sha256(text.encode()).hexdigest()[:8].upper()
  assert guest.page.locator("#code").inner_text() == code
  with guest.page.expect_download() as download:
    guest.page.get_by_text("Download the answers").click()
  assert pathlib.Path(download.value.path()).read_bytes() == text.encode()
  assert download.value.suggested_filename == (
    f"study-{plan.study}-page-1-anna.csv"
  )
  # Who is done stays done; another participant begins.
  guest.page.reload()
  assert guest.csv() == text
  assert not guest.page.locator("#another").is_visible()


@pytest.mark.slow
def test_what_is_seen_when(guests, study):
  """The cross, both pictures for their time, noise, and nothing."""
  plan, url = study
  guest = guests(device_scale_factor=2)
  guest.page.add_init_script("""addEventListener("DOMContentLoaded", () => {
    const stage = document.getElementById("stage");
    window.seen = [];
    new MutationObserver(() => seen.push(stage.dataset.state))
      .observe(stage, {attributes: true});
  })""")
  guest.begin(f"{url}?page=0&participant=ben")
  guest.answer("f")
  # Another tab covers the page during the second trial.
  guest.page.locator("#choose-left:enabled").wait_for()
  guest.page.evaluate("""() => {
    const covered = (value) => {
      Object.defineProperty(document, "hidden", {value, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    };
    covered(true);
    covered(false);
  }""")
  for _ in plan.pages[0][1:]:
    guest.answer("f")
  rows = list(csv.DictReader(io.StringIO(guest.csv())))
  assert [row["hidden_tab"] for row in rows] == list("010000")
  want = [
    state
    for trial in plan.pages[0]
    for state in ("cross", "shown", *(("mask",) if trial.ms else ()), "asked")
  ]
  assert guest.page.evaluate("seen") == want
  # At two pixels per CSS pixel a picture of 200 CSS pixels has 400.
  assert (
    guest.page.evaluate(
      "[...document.querySelectorAll('canvas')].map((c) => [c.width, c.height])"
    )
    == [[400, 300]] * 4
  )


@pytest.mark.slow
def test_a_worker_of_mturk_submits_and_a_preview_only_looks(guests, study):
  plan, url = study
  base = "https%3A%2F%2Fworkersandbox.mturk.com"
  guest = guests()
  guest.page.goto(f"{url}?page=0&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE")
  guest.page.get_by_label("I am at least 18").check()
  assert guest.page.locator("#start").is_disabled()
  assert "preview" in guest.page.locator("#preview").inner_text()
  worker = guests()
  sent = []

  def take(route):
    sent.append(route.request.post_data)
    route.fulfill(body="thanks")

  worker.page.route("https://workersandbox.mturk.com/**", take)
  worker.begin(f"{url}?page=0&assignmentId=A7&workerId=W9&turkSubmitTo={base}")
  for _ in plan.pages[0]:
    worker.answer("j")
  text = worker.csv()
  assert not worker.page.locator("#by-hand").is_visible()
  worker.page.get_by_role("button", name="Submit your answers").click()
  worker.page.get_by_text("thanks").wait_for()
  fields = urllib.parse.parse_qs(sent[0])
  assert fields["assignmentId"] == ["A7"]
  assert fields["csv"] == [text.replace("\n", "\r\n")]
  assert len(fields["code"][0]) == 8
  worker.asked = [u for u in worker.asked if "mturk" not in u]


class Silent(http.server.SimpleHTTPRequestHandler):
  """A host of files that keeps no log."""

  def log_message(self, *_):
    pass


@pytest.fixture
def host(study):
  """The address of the page on a host of files."""
  path = pathlib.Path(study[1].removeprefix("file://"))
  serve = functools.partial(Silent, directory=path.parent)
  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{path.name}"
    server.shutdown()
    thread.join()


@pytest.mark.slow
def test_two_people_at_one_computer_and_a_way_back_to_prolific(
  guests, study, host
):
  (plan, _), url = study, host
  guest = guests()
  guest.begin(f"{url}?page=0")
  for _ in plan.pages[0]:
    guest.answer("j")
  guest.csv()
  guest.page.get_by_role("button", name="Another person").click()
  guest.page.locator("#intro").wait_for()
  assert guest.page.locator("#start").inner_text() == "Begin"
  guest.begin(f"{url}?page=1&PROLIFIC_PID=60b&cc=C0FFEE")
  for _ in plan.pages[1]:
    guest.answer("f")
  guest.csv()
  link = guest.page.get_by_role("link", name="Back to Prolific")
  assert link.get_attribute("href").endswith("complete?cc=C0FFEE")


@pytest.mark.slow
def test_bad_links_narrow_windows_and_lost_pictures_are_told(
  guests, study, tmp_path
):
  plan, url = study
  guest = guests()
  guest.page.goto(f"{url}?page=2")
  fault = guest.page.locator("#fault-text")
  assert fault.inner_text() == (
    "This link asks for page 2; there are pages 0 to 1."
  )
  guest.page.set_viewport_size({"width": 400, "height": 700})
  guest.page.goto(f"{url}?page=0")
  guest.page.get_by_label("I am at least 18").check()
  assert guest.page.locator("#start").is_disabled()
  assert "The pictures need 480" in guest.page.locator("#narrow").inner_text()
  guest.page.set_viewport_size({"width": 480, "height": 700})
  guest.page.locator("#start:enabled").wait_for()
  # The page alone, as after a copy that was stopped.
  alone = tmp_path / "index.html"
  alone.write_bytes(pathlib.Path(url.removeprefix("file://")).read_bytes())
  guest.begin(f"{alone.as_uri()}?page=0")
  guest.page.get_by_text("A picture could not be loaded").wait_for()
  guest.errors = [one for one in guest.errors if "NOT_FOUND" not in one]
