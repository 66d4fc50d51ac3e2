"""The studio's looks: contrast, icons, sizes, the ways of the keyboard."""

import re
from typing import Any

import pytest
from studio.browser import Site, Visit
from studio.scripts import run_script
from studio.stand_in import stand_in, street_inputs

from hdgan.studio.page import files
from hdgan.studio.studio import Studio

CSS = (files.FOLDER / "editor.css").read_text("utf-8")
# What stands on what, in the sheet's variables: a text and its ground.
TEXTS = [
  (text, ground)
  for text in ("ink", "soft")
  for ground in ("paper", "raised", "hover")
] + [
  ("ink", "press"), ("on-accent", "accent"), ("on-accent-soft", "accent-soft"),
  ("good", "paper"), ("warn", "paper"), ("bad", "paper"),
]  # fmt: skip
# Signs and edges that say something without a text: 3:1 will do.
SIGNS = [
  ("accent", ground) for ground in ("paper", "raised", "accent-soft", "stage")
] + [("edge", "paper"), ("edge", "raised")]


def variables(scheme: str) -> dict[str, tuple[float, ...]]:
  """The sheet's colours as numbers 0..1."""
  blocks = re.findall(r"\.hdgan-studio \{\n\s+--paper(.*?)\}", CSS, re.DOTALL)
  assert len(blocks) == 2
  found = re.findall(
    r"--([a-z-]+): #([0-9a-f]{6});", "--paper" + blocks[scheme == "dark"]
  )
  return {
    name: tuple(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    for name, code in found
  }


def luminance(color: tuple[float, ...]) -> float:
  """Relative luminance, as the WCAG define it."""
  linear = [
    c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color
  ]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
  light, dark = sorted((luminance(one), luminance(other)), reverse=True)
  return (light + 0.05) / (dark + 0.05)


def test_the_measure_of_contrast():
  assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
  # #767676 is the lightest grey of 4.5:1 on white.
  assert contrast((0x76 / 255,) * 3, (1, 1, 1)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme):
  colors = variables(scheme)
  low = {
    pair: round(contrast(colors[pair[0]], colors[pair[1]]), 2)
    for pairs, least in ((TEXTS, 4.5), (SIGNS, 3))
    for pair in pairs
    if contrast(colors[pair[0]], colors[pair[1]]) < least
  }
  assert not low


def test_dark_has_each_colour_of_light():
  assert variables("light").keys() == variables("dark").keys()


def test_nothing_outside_the_studio_is_styled():
  """A notebook's page has this sheet too."""
  sheet = re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)
  sheet = re.sub(r"@keyframes [\w-]+ \{.*?\} \}", "", sheet)
  # Selectors stand before a brace that opens declarations.
  heads = re.findall(r"([^{};]+)\{", sheet)
  selectors = [
    head.strip() for head in heads if not head.strip().startswith("@")
  ]
  assert len(selectors) > 100
  depth = [re.sub(r"\([^()]*\)", "", one) for one in selectors]
  strange = [
    part.strip()
    for one in depth
    for part in one.split(",")
    if not re.match(r"(body > )?\.hdgan-studio\b", part.strip())
  ]
  assert not strange


def test_each_command_has_an_icon():
  modules = files.MODULES[: files.MODULES.index("keys")]
  missing, none = run_script(
    modules,
    "return [COMMANDS.map((one) => one.icon).filter((one) => !hasIcon(one)),"
    " hasIcon(data)];",
    "no such icon",
  )
  assert missing == [] and none is False


# Buttons and fields that cannot be reached: outside the window or cut by
# what they are in, where that does not scroll. Texts that are cut off.
FAULTS = """
(() => {
  const root = document.querySelector(".hdgan-studio"), faults = [];
  const shown = [...root.querySelectorAll("*")].filter(
    (e) => e.checkVisibility() && !e.closest(".unseen"));
  const name = (e) => `${e.className} ${e.title || e.textContent}`.trim();
  const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowY);
  const around = (e) => {
    const all = [];
    for (let p = e.parentElement; p !== root; p = p.parentElement) all.push(p);
    return all.filter((p) => getComputedStyle(p).overflowX !== "visible");
  };
  for (const e of shown) {
    if (!e.matches("button, input, select, summary")) continue;
    let box = e.getBoundingClientRect(), cut = false;
    for (const p of around(e)) {
      const b = p.getBoundingClientRect();
      cut ||= box.left < b.left - 1 || box.right > b.right + 1;
      if (scrolls(p)) box = b;
      cut ||= box.bottom > b.bottom + 1 || box.top < b.top - 1;
    }
    cut ||= box.left < -1 || box.right > innerWidth + 1;
    if (cut) faults.push(`reach: ${name(e)}`);
  }
  for (const e of shown) {
    if (!e.matches("button, h2, h3, p, span") || !e.clientWidth) continue;
    // These end in dots; their title has it all, or a card below.
    if (e.matches(".name, .status, .status *, .said, .advice")) continue;
    if (e.querySelector(".name")) continue;
    if (e.scrollWidth > e.clientWidth + 1) faults.push(`text: ${name(e)}`);
  }
  if (root.scrollWidth > root.clientWidth) faults.push("scrolls sideways");
  const stage = root.querySelector("canvas.stage").getBoundingClientRect();
  if (stage.width < 200 || stage.height < 120) faults.push("a small stage");
  return faults;
})()
"""
SIZES = [
  (1280, 720), (2560, 1440), (1024, 768), (768, 1024),
  (640, 360),  # 1280 x 720 at 200 %.
]  # fmt: skip
TABS = ["Classes", "Objects", "Stamps", "History"]


def select(visit: Visit) -> None:
  """Selects an object, which fills the panel of what is selected."""
  visit.app("app.set({selection: new Set([app.doc.rowsOf(4)[0]])})")


def faults_of(visit: Visit) -> dict[str, list[str]]:
  """What cannot be reached or read, with each tool and each tab."""
  found = {}
  for tool in ("select", "brush", "erase", "fill", "pick", "stamp"):
    visit.app("app.set({tool: x})", tool)
    found[tool] = visit.page.evaluate(FAULTS)
  for tab in TABS:
    visit.page.get_by_role("tab", name=tab).click()
    found[tab] = visit.page.evaluate(FAULTS)
  return {where: faults for where, faults in found.items() if faults}


@pytest.mark.slow
def test_pages_follow_the_tools(browse):
  visit = browse()
  shown = "[...app.root.querySelectorAll('[role=tab]')].find("
  shown += "(one) => one.ariaSelected === 'true').textContent"
  seen = []
  for tool in ("stamp", "select", "brush", "select"):
    visit.app("app.set({tool: x})", tool)
    seen.append(visit.app(shown))
  assert seen == ["Stamps", "Stamps", "Classes", "Classes"]


@pytest.mark.slow
def test_what_was_said_goes_with_the_next_step(browse):
  visit = browse()
  said = visit.page.locator(".said")
  visit.app("app.announce('Picked car')")
  assert said.inner_text() == "Picked car"
  visit.page.locator("canvas.stage").press("d")
  said.filter(has_text="looks drawn by seed").wait_for()
  visit.page.locator("canvas.stage").press("Control+z")
  visit.page.locator(".said:empty").wait_for(state="attached")
  # But not that work is lost when the page goes.
  visit.app("[app.store.broken = 'not kept', app.emit('history')]")
  said.filter(has_text="not kept").wait_for()


@pytest.mark.slow
def test_nothing_is_cut_off(browse):
  visit = browse()
  select(visit)
  found = {}
  for width, height in SIZES:
    visit.page.set_viewport_size({"width": width, "height": height})
    found[width, height] = faults_of(visit)
  # A notebook's cell: not all of the window, and of a given height.
  visit.page.set_viewport_size({"width": 1280, "height": 720})
  visit.page.evaluate(
    "Object.assign(document.querySelector('.hdgan-studio').style,"
    " {position: 'relative', width: '900px', height: '600px'})"
  )
  found["notebook"] = faults_of(visit)
  assert not {size: faults for size, faults in found.items() if faults}


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [(1024, 768), (768, 1024)])
def test_a_tablet_has_targets_for_fingers(browse, viewport):
  visit = browse(viewport=viewport, has_touch=True, is_mobile=True)
  select(visit)
  assert not faults_of(visit)
  visit.app("app.set({tool: 'erase'})")
  small = visit.page.evaluate(
    """[...document.querySelectorAll(
      ".hdgan-studio :is(button, input, select, summary)")]
      .filter((e) => e.checkVisibility())
      .map((e) => [e.title || e.getAttribute("aria-label") || e.textContent,
        e.getBoundingClientRect()])
      .filter(([, box]) => box.width < 40 || box.height < 40)
      .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
  )
  assert not small


def states() -> list[tuple[Any, ...]]:
  """Each state with a short and a long text."""
  long = "What is said here is long, and its hint is as long as that. " * 3
  return [
    (state, text, {"hint": hint, "seconds": seconds, "actions": actions})
    for state in (
      "loading", "warming", "ready", "draft", "rendering", "waiting",
      "offline", "token", "error",
    )
    for text, hint, seconds, actions in (
      ("Short", "", 0, []), (long, long, 1234, ["render", "stop"]),
    )
  ]  # fmt: skip


@pytest.mark.slow
def test_the_stage_stays_where_it_is(browse):
  visit = browse()
  box = (
    "document.querySelector('canvas.stage').getBoundingClientRect().toJSON()"
  )
  before = visit.page.evaluate(box)
  for state, text, more in states():
    visit.app(
      "(app.say(x[0], x[1], x[2]), app.announce(x[1]))", [state, text, more]
    )
    assert visit.page.evaluate(box) == before
  for tool in ("select", "brush", "erase", "fill", "pick", "stamp"):
    visit.app("app.set({tool: x})", tool)
    assert visit.page.evaluate(box) == before
  select(visit)
  assert visit.page.evaluate(box) == before


def focused(visit: Visit) -> str:
  """What has the focus, in words."""
  return visit.page.evaluate(
    "(({ ariaLabel, textContent }) => ariaLabel || textContent)"
    "(document.activeElement)"
  )


@pytest.mark.slow
def test_the_order_of_tabs(browse):
  """A group has one stop: what is chosen in it."""
  visit = browse()
  select(visit)
  visit.app("app.set({tool: 'brush', label: 4})")
  visit.page.get_by_role("button", name="Scenes: street_0").focus()
  order = []
  while not order or focused(visit) != order[0]:
    order.append(focused(visit))
    visit.page.keyboard.press("Tab")
    assert len(order) < 60
  # After the last one comes the browser itself; a real photo comes later.
  assert [one for one in order[1:-1] if one != "Real photo"] == [
    "New blank scene", "Open files", "Random looks", "Seed of the random looks",
    "Keys", "Export",
    "Size", "Size, px", "New object", "Map",
    "Outlines", "Side by side", "Before and after", "First photo",
    "Zoom out", "Fit", "Pixel by pixel", "Zoom in",
    "Brush", "Map and photo. Arrow keys move the pointer,"
    " Enter presses and lets go.",
    "Classes", "car", "Class of what is selected",
    "Make stamp", "Duplicate", "Remove", "Try all on it", "Style 2",
    "As numbers",
  ]  # fmt: skip


@pytest.mark.slow
def test_arrows_go_about_in_groups(browse):
  visit = browse()
  page = visit.page
  visit.app("app.set({label: 0})")
  page.get_by_role("radio", name="sky").focus()
  page.keyboard.press("ArrowDown")
  assert visit.app("app.ui.label") == 1 and focused(visit) == "road"
  page.keyboard.press("End")
  assert visit.app("app.ui.label") == 6
  page.keyboard.press("ArrowDown")
  assert visit.app("app.ui.label") == 0
  checked = page.get_by_role("radio", checked=True)
  assert (
    page.get_by_role("radiogroup", name="Classes")
    .get_by_role("radio", checked=True)
    .all_inner_texts()[0]
    .startswith("sky")
  )
  assert checked.count() == 2  # A class and a style.
  select(visit)
  first = page.get_by_role("radio", name="Style 1", exact=True)
  first.focus()
  page.keyboard.press("ArrowRight")
  assert focused(visit) == "Style 2"
  page.keyboard.press("Enter")
  row = visit.app("app.doc.rowsOf(4)[0]")
  visit.ready()
  assert visit.doc().table[row]["style"] == 1
  assert page.get_by_role("radio", name="Style 2", exact=True).is_checked()


@pytest.mark.slow
def test_objects_by_keyboard(browse):
  visit = browse()
  page = visit.page
  page.get_by_role("tab", name="Objects").click()
  options = page.get_by_role("listbox", name="Objects").get_by_role("option")
  areas = visit.app("Array.from(app.doc.areas()).filter(Boolean).length")
  assert options.count() == areas > 5
  options.first.focus()
  page.keyboard.press("End")
  row = int(options.last.get_attribute("data-row"))
  assert visit.app("app.ui.hover") == row
  page.keyboard.press("Enter")
  assert visit.app("[...app.ui.selection]") == [row]
  assert options.last.get_attribute("aria-selected") == "true"
  before = visit.doc()
  page.keyboard.press("Delete")
  page.get_by_role("tab", name="History").click()
  now = page.get_by_role("button").and_(page.locator("[aria-current=step]"))
  now.filter(has_text="Remove").wait_for()
  assert not (visit.doc().plane == row).any() and (before.plane == row).any()
  page.get_by_role("button", name="Opened").click()
  assert (visit.doc().plane == before.plane).all()


@pytest.mark.slow
def test_many_classes_have_a_field_to_find_one(browse):
  renderer = stand_in()
  studio = Studio(renderer, street_inputs(renderer), "input")
  visit = browse(Site(studio))
  page = visit.page
  find = page.get_by_role("searchbox", name="Find a class")
  assert not find.is_visible()
  visit.app(
    "(app.meta = {...app.meta, classes: [...app.meta.classes,"
    " ...Array.from({length: 30}, (_, i) => ({id: 7 + i, name: `kind ${i}`,"
    " color: [i, 9, 9], has_instances: true, styles: 0}))]}, app.emit('meta'))"
  )
  find.fill("kind 2")
  classes = page.get_by_role("radiogroup", name="Classes").get_by_role("radio")
  assert classes.count() == 11  # 2 and 20 to 29.
  find.fill("zebra")
  assert classes.count() == 0
  assert page.get_by_text("No class is called that.").is_visible()


# What a page around a notebook's cell may do to bare elements.
HOST = """
* { box-sizing: content-box; }
button, input, select { margin: 9px; padding: 20px; font: 30px serif;
  border: 7px dotted; text-transform: uppercase; min-height: 80px;
  max-width: 40px; box-shadow: 0 0 9px; }
h2, h3, p, ol, li, label, span, div, section, header { margin: 11px;
  padding: 13px; font: 40px serif; border: 3px solid; text-align: right; }
canvas, svg { max-width: 10px; margin: 5px; border: 2px solid; }
"""
PLACES = """
[...document.querySelectorAll(".hdgan-studio .frame *")]
  .filter((e) => e.checkVisibility() && !e.closest(".foot"))
  .map((e) => [`${e.tagName} ${e.className.baseVal ?? e.className}`,
    ...Object.values(e.getBoundingClientRect().toJSON()).map(Math.round)])
"""


@pytest.mark.slow
def test_styles_of_the_page_around_do_not_come_in(browse):
  visit = browse()
  select(visit)
  visit.page.evaluate("document.activeElement.blur()")
  before = visit.page.evaluate(PLACES)
  visit.page.evaluate(
    "(text) => { const style = document.createElement('style');"
    " style.textContent = text; document.head.prepend(style); }",
    HOST,
  )
  after = visit.page.evaluate(PLACES)
  moved = [
    pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]
  ]
  assert len(before) > 150
  assert not moved[:5]
