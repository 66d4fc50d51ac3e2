"""The stage in a browser: where pointers land, what tools paint, what is seen.

Places on the screen are worked out here from the size of the canvas alone, and
what tools cover by the numpy discs of browser.py.
"""

import contextlib
import dataclasses

import numpy as np
import pytest
from studio.browser import disc, straight
from studio.stand_in import (
  CAR,
  CLASSES,
  GRASS,
  PERSON,
  ROAD,
  SKY,
  picture_stand_in,
  stand_in,
  street_inputs,
)

from hdgan.studio import frame
from hdgan.studio.studio import Studio

pytestmark = pytest.mark.slow

SHAPE = (64, 128)
GAP, MARGIN = 12, 8  # Between and around panes, in CSS pixels.
TWO_FRAMES = (
  "new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))"
)


@dataclasses.dataclass
class Twin:
  """The view of two panes, one above the other, as it must be."""

  left: float
  top: float
  width: float
  height: float  # Of a pane.
  scale: float
  cx: float
  cy: float

  @classmethod
  def of(cls, visit) -> "Twin":
    box = visit.page.locator("canvas.stage").bounding_box()
    ratio = visit.app("devicePixelRatio")
    height = np.floor((box["height"] - GAP) / 2 * ratio) / ratio
    scale = min(
      (box["width"] - 2 * MARGIN) / SHAPE[1], (height - 2 * MARGIN) / SHAPE[0]
    )
    return cls(
      left=box["x"], top=box["y"], width=box["width"], height=height,
      scale=scale, cx=SHAPE[1] / 2, cy=SHAPE[0] / 2,
    )  # fmt: skip

  def page(self, x: float, y: float) -> tuple[float, float]:
    return (
      self.left + self.width / 2 + (x - self.cx) * self.scale,
      self.top + self.height / 2 + (y - self.cy) * self.scale,
    )

  def zoom(self, place: tuple[float, float], factor: float) -> None:
    """At a place of the window, under which the map stays where it is."""
    x = (place[0] - self.left - self.width / 2) / self.scale
    y = (place[1] - self.top - self.height / 2) / self.scale
    self.cx += x * (1 - 1 / factor)
    self.cy += y * (1 - 1 / factor)
    self.scale *= factor


def settled(visit):
  visit.app(TWO_FRAMES)


def until(visit, condition):
  """Waits for what takes its time."""
  visit.app(
    f"""new Promise((done, fail) => {{
      const end = performance.now() + 10000;
      const look = () => {{
        if ({condition}) done();
        else if (performance.now() > end) fail(new Error("it never came"));
        else requestAnimationFrame(look);
      }};
      look();
    }})"""
  )


def wheel(visit, place, pixels):
  """Turns the wheel; Playwright's own goes by the pixels of the screen."""
  visit.app(
    "app.stage.canvas.dispatchEvent(new WheelEvent('wheel', {clientX: x[0], "
    "clientY: x[1], deltaY: x[2], bubbles: true, cancelable: true}))",
    [*place, pixels],
  )


def pan(visit, dx, dy, button="middle"):
  mouse, box = (
    visit.page.mouse,
    visit.page.locator("canvas.stage").bounding_box(),
  )
  x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
  mouse.move(x, y)
  mouse.down(button=button)
  mouse.move(x + dx, y + dy, steps=3)
  mouse.up(button=button)


def middle_of(doc, row):
  """A pixel's middle inside an object."""
  ys, xs = np.nonzero(doc.plane == row)
  i = len(ys) // 2
  return xs[i] + 0.5, ys[i] + 0.5


def rows_of(doc, label):
  return [
    i
    for i, row in enumerate(doc.table)
    if row["label"] == label and (doc.plane == i).any()
  ]


# A page zoom of 110 % is a pixel ratio of 1.1 and a window of 1 / 1.1.
SCREENS = {
  "ratio 1": (1.0, (1280, 720)),
  "ratio 2": (2.0, (1280, 720)),
  "page zoom 110 %": (1.1, (1164, 655)),
}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda name: name)
def test_strokes_land_where_the_pointer_is(browse, screen):
  dpr, viewport = SCREENS[screen]
  visit = browse(dpr=dpr, viewport=viewport)
  twin = Twin.of(visit)
  visit.app("app.set({tool: 'brush', size: 7})")
  want = visit.doc().plane.copy()
  regions = visit.doc().regions

  def draw(label, points):
    visit.choose(label)
    mouse = visit.page.mouse
    mouse.move(*twin.page(*points[0]))
    mouse.down()
    for point in points[1:]:
      mouse.move(*twin.page(*point), steps=12)
    mouse.up()
    want[straight(SHAPE, points, 7)] = regions[str(label)]
    np.testing.assert_array_equal(visit.doc().plane, want)

  draw(SKY, [(30.5, 40.5), (70.5, 40.5), (70.5, 50.5)])
  # The wheel zooms at the pointer: 240 pixels double.
  # Browsers tell whole pixels of a wheel's place.
  place = tuple(np.round(twin.page(20.5, 10.5)).tolist())
  wheel(visit, place, -480)
  twin.zoom(place, 4)
  np.testing.assert_allclose(
    visit.place((3.0, 5.0)), twin.page(3.0, 5.0), atol=0.01
  )
  draw(ROAD, [(15.5, 14.5), (27.5, 14.5)])
  pan(visit, -48, 30)
  twin.cx, twin.cy = twin.cx + 48 / twin.scale, twin.cy - 30 / twin.scale
  draw(GRASS, [(20.5, 12.5), (20.5, 16.5)])
  # What is seen is what is there: a pixel's colour at its place.
  visit.app("app.set({outlines: false, tool: 'select'})")
  visit.page.mouse.move(*twin.page(20.5, 13.5))
  settled(visit)
  for x, label in [(16.5, ROAD), (17.5, GRASS), (23.5, GRASS), (24.5, ROAD)]:
    seen = colour_at(visit, twin.page(x, 13.5))
    assert seen == list(CLASSES[label]["color"])


def colour_at(visit, place):
  """What the stage shows at a place of the window: R, G, B."""
  return visit.app(
    """(() => {
      const { canvas } = app.stage, box = canvas.getBoundingClientRect();
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(canvas, 0, 0);
      const u = ((x[0] - box.left) * canvas.width) / box.width;
      const v = ((x[1] - box.top) * canvas.height) / box.height;
      return [...context.getImageData(u, v, 1, 1).data].slice(0, 3);
    })()""",
    list(place),
  )


def test_a_fast_stroke_has_no_gaps(browse):
  visit = browse()
  visit.app("app.set({tool: 'brush', size: 3})")
  visit.choose(SKY)
  before = visit.doc()
  points = [(5.5, 60.5), (120.5, 60.5)]
  a, b = (visit.place(p) for p in points)
  visit.page.mouse.move(*a)
  visit.page.mouse.down()
  visit.page.mouse.move(*b)
  visit.page.mouse.up()
  want = np.where(
    straight(SHAPE, points, 3), before.regions[str(SKY)], before.plane
  )
  np.testing.assert_array_equal(visit.doc().plane, want)


def test_shift_click_draws_a_straight_line(browse):
  visit = browse()
  visit.app("app.set({tool: 'brush', size: 5})")
  visit.choose(SKY)
  before = visit.doc()
  visit.click((20.5, 58.5))
  visit.ready()
  visit.page.keyboard.down("Shift")
  visit.click((90.5, 58.5))
  visit.page.keyboard.up("Shift")
  covered = straight(SHAPE, [(20.5, 58.5), (90.5, 58.5)], 5)
  want = np.where(covered, before.regions[str(SKY)], before.plane)
  np.testing.assert_array_equal(visit.doc().plane, want)
  assert visit.app("app.doc.history.position") == 2


def test_a_thing_is_extended_or_made_anew(browse):
  visit = browse()
  before = visit.doc()
  car = rows_of(before, CAR)[0]
  visit.app("app.set({tool: 'brush', size: 3})")
  visit.choose(CAR)
  x, y = middle_of(before, car)
  visit.stroke([(x, y), (x, y - 12)], steps=12)
  doc = visit.doc()
  assert len(doc.table) == len(before.table)
  covered = straight(SHAPE, [(x, y), (x, y - 12)], 3)
  assert (doc.plane[covered] == car).all()
  # On the road it is a new car, which is selected then.
  visit.click((4.5, 60.5))
  doc = visit.doc()
  assert len(doc.table) == len(before.table) + 1
  assert doc.table[-1]["label"] == CAR
  assert (doc.plane == len(before.table)).sum() == disc(
    SHAPE, 4.5, 60.5, 3
  ).sum()
  assert visit.app("[...app.ui.selection]") == [len(before.table)]
  # Asked for a fresh object, the same place begins another.
  visit.app("app.set({fresh: true})")
  visit.click((4.5, 60.5))
  assert len(visit.doc().table) == len(before.table) + 2


def test_hovering_and_selecting_ask_for_no_photo(browse):
  visit = browse()
  doc = visit.doc()
  visit.press("v")
  asked = len(visit.calls)
  car = rows_of(doc, CAR)[0]
  person = rows_of(doc, PERSON)[0]
  place = middle_of(doc, car)
  visit.page.mouse.move(*visit.place(place), steps=10)
  assert visit.app("app.ui.hover") == car
  assert len(visit.calls) == asked
  visit.click(place)
  assert visit.app("[...app.ui.selection]") == [car]
  visit.page.keyboard.down("Shift")
  visit.click(middle_of(doc, person))
  assert sorted(visit.app("[...app.ui.selection]")) == sorted([car, person])
  visit.click(place)
  assert visit.app("[...app.ui.selection]") == [person]
  visit.page.keyboard.up("Shift")
  visit.page.mouse.dblclick(*visit.place(place))
  assert sorted(visit.app("[...app.ui.selection]")) == rows_of(doc, CAR)
  # What the panel shows of a class it asks for once.
  assert {name for name, *_ in visit.calls[asked:]} <= {"sprite"}
  assert visit.app("app.doc.history.steps.length") == 0


def test_marks_lie_where_neighbours_have_other_rows(browse):
  """At 1:1 a pixel of the screen is one of the map."""
  visit = browse()
  visit.app("app.emit('view', 'actual')")
  visit.app("app.set({tool: 'brush'})")
  visit.page.mouse.move(2, 2)
  settled(visit)
  got = visit.app(
    """(() => {
      const { painter: { marks }, panes: [pane], view } = app.stage;
      const first = (middle, at) => Math.ceil(middle - at - 0.5);
      const x = first(pane.w / 2, view.cx), y = first(pane.h / 2, view.cy);
      const rows = [];
      for (let j = 0; j < app.doc.h; j++) {
        const from = (y + j) * marks.canvas.width + x;
        rows.push([...marks.out.subarray(from, from + app.doc.w)]);
      }
      return rows;
    })()"""
  )
  plane = visit.doc().plane
  want = np.zeros(SHAPE, bool)
  want[:, :-1] |= plane[:, :-1] != plane[:, 1:]
  want[:-1] |= plane[:-1] != plane[1:]
  np.testing.assert_array_equal(np.array(got) != 0, want)


def test_fill_pick_and_stamp(browse):
  visit = browse()
  before = visit.doc()
  grass = before.regions[str(GRASS)]
  visit.app("app.set({tool: 'fill'})")
  visit.choose(ROAD)
  place = middle_of(before, grass)
  visit.click(place)
  # The whole band of grass is one piece but for what stands before it.
  filled = visit.doc().plane
  changed = filled != before.plane
  assert (before.plane[changed] == grass).all()
  assert (filled[changed] == before.regions[str(ROAD)]).all()
  assert changed[int(place[1]), int(place[0])]
  visit.ready()
  person = rows_of(before, PERSON)[0]
  visit.app("app.set({tool: 'pick'})")
  visit.click(middle_of(visit.doc(), person))
  assert visit.app("[app.ui.label, app.ui.tool]") == [PERSON, "brush"]
  visit.app(
    "app.set({tool: 'stamp', stampScale: 2, stampMirror: true, stamp: {mask: "
    "{x: 0, y: 0, w: 2, h: 1, bits: new Uint8Array([1, 0])}, label: x, "
    "style: 2, name: 'half'}})",
    CAR,
  )
  visit.click((40.0, 5.0))
  after = visit.doc()
  row = len(before.table)
  assert after.table[row]["label"] == CAR
  assert after.table[row]["style"] == 2
  # 2 x 1 at twice the size is 4 x 2 about (40, 5), mirrored: its right half.
  want = np.zeros(SHAPE, bool)
  want[4:6, 40:42] = True
  np.testing.assert_array_equal(after.plane == row, want)
  visit.press("Escape")
  assert visit.app("app.ui.tool") == "select"


def test_space_pans_and_alt_picks(browse):
  visit = browse()
  before = visit.doc()
  visit.app("(app.set({tool: 'brush'}), app.stage.canvas.focus())")
  visit.choose(SKY)
  at = visit.place((30.0, 30.0))
  visit.page.keyboard.down(" ")
  pan(visit, 25, -10, button="left")
  visit.page.keyboard.up(" ")
  moved = visit.place((30.0, 30.0))
  np.testing.assert_allclose(moved, (at[0] + 25, at[1] - 10), atol=0.01)
  person = rows_of(before, PERSON)[0]
  visit.page.keyboard.down("Alt")
  visit.click(middle_of(before, person))
  visit.page.keyboard.up("Alt")
  assert visit.app("[app.ui.label, app.ui.tool]") == [PERSON, "brush"]
  np.testing.assert_array_equal(visit.doc().plane, before.plane)


def test_escape_and_a_lost_pointer_take_a_stroke_back(browse):
  visit = browse()
  before = visit.doc()
  visit.app("app.set({tool: 'brush', size: 9})")
  visit.choose(CAR)
  mouse = visit.page.mouse
  for end in ("escape", "cancel"):
    mouse.move(*visit.place((20.5, 60.5)))
    mouse.down()
    mouse.move(*visit.place((40.5, 60.5)), steps=4)
    assert visit.app("app.doc.at(30, 60)") == len(before.table)
    if end == "escape":
      visit.page.keyboard.press("Escape")
    else:
      visit.app(
        "app.stage.canvas.dispatchEvent(new PointerEvent('pointercancel', "
        "{pointerId: 1, bubbles: true}))"
      )
    doc = visit.doc()
    np.testing.assert_array_equal(doc.plane, before.plane)
    assert len(doc.table) == len(before.table)
    mouse.up()
  np.testing.assert_array_equal(visit.doc().plane, before.plane)
  assert visit.app("app.doc.history.steps.length") == 0


def test_escape_leaves_the_stamp_and_not_what_is_selected(browse):
  visit = browse()
  row = rows_of(visit.doc(), CAR)[0]
  visit.app(f"app.set({{tool: 'stamp', selection: new Set([{row}])}})")
  for left in (["select", 1], ["select", 0]):
    visit.page.locator("canvas.stage").press("Escape")
    assert visit.app("[app.ui.tool, app.ui.selection.size]") == left


def test_the_eraser_asks_for_what_it_covered(browse):
  visit = browse()
  visit.app("app.set({tool: 'erase', size: 9})")
  before = visit.doc()
  car = rows_of(before, CAR)[0]
  x, y = middle_of(before, car)
  line = [(x, y), (x, y - 10)]
  visit.stroke(line, steps=12)
  until(visit, "!app.busy && app.doc.history.position === 1")
  (call,) = [one for one in visit.calls if one[0] == "edit"]
  _, header, payload = call
  assert header["edits"] == [{"op": "erase"}]
  mask = frame.unpack_runs(payload[-header["mask_bytes"] :], SHAPE, 1)
  covered = straight(SHAPE, line, 9)
  np.testing.assert_array_equal(mask == 1, covered)
  doc = visit.doc()
  np.testing.assert_array_equal(doc.plane[~covered], before.plane[~covered])
  # No object stands where it was.
  assert not np.isin(doc.label[covered], [CAR, PERSON]).any()
  assert visit.app("app.stage.erased") is None


def test_what_removing_leaves_is_shown_before(browse):
  visit = browse()
  before = visit.doc()
  person = rows_of(before, PERSON)[0]
  visit.app("app.set({selection: new Set([x])})", person)
  button = visit.page.locator(".object [data-command=remove]")
  button.hover()
  until(visit, "app.stage.hole.length === 1")
  place = "[app.stage.hole[0].x, app.stage.hole[0].y]"
  pixels = "Array.from(app.stage.hole[0].image.getContext('2d')"
  pixels += ".getImageData(0, 0, ...x).data)"
  y, x = (axis.min() for axis in np.nonzero(before.plane == person))
  h, w = (np.ptp(axis) + 1 for axis in np.nonzero(before.plane == person))
  assert visit.app(place) == [x, y]
  shown = np.array(visit.app(pixels, [int(w), int(h)])).reshape(h, w, 4)
  np.testing.assert_array_equal(visit.doc().plane, before.plane)
  visit.page.mouse.move(5, 5)
  until(visit, "app.stage.hole.length === 0")
  button.click()
  until(visit, "!app.busy && app.doc.history.position === 1")
  assert visit.app("app.stage.hole.length") == 0
  after = visit.doc().label[y : y + h, x : x + w]
  colours = np.array(visit.app("app.meta.classes.map((one) => one.color)"))
  hole = before.plane[y : y + h, x : x + w] == person
  np.testing.assert_array_equal(shown[hole][:, :3], colours[after[hole]])
  assert (shown[hole][:, 3] == 255).all() and not shown[~hole].any()


def test_what_is_selected_is_moved(browse):
  visit = browse()
  visit.press("v")
  before = visit.doc()
  car = rows_of(before, CAR)[0]
  x, y = middle_of(before, car)
  visit.click((x, y))
  visit.stroke([(x, y), (x - 14, y - 9)], steps=5)
  until(visit, "!app.busy && app.doc.history.position === 1")
  (call,) = [one for one in visit.calls if one[0] == "edit"]
  assert call[1]["edits"] == [
    {"op": "move", "rows": [car], "dy": -9, "dx": -14}
  ]
  moved = np.roll(before.plane == car, (-9, -14), (0, 1))
  np.testing.assert_array_equal(visit.doc().plane == car, moved)
  # Several move together, also where one takes the place of the other.
  before = visit.doc()
  others = [car, *rows_of(before, PERSON)]
  visit.app("app.set({selection: new Set(x)})", others)
  x, y = middle_of(before, car)
  visit.stroke([(x, y), (x + 6, y + 3)], steps=5)
  until(visit, "!app.busy && app.doc.history.position === 2")
  plane = visit.doc().plane
  for row in others:
    want = np.argwhere(before.plane == row) + (3, 6)
    want = want[(want < SHAPE).all(1)]
    np.testing.assert_array_equal(np.argwhere(plane == row), want)
  # The background stays.
  road = before.regions[str(ROAD)]
  visit.click(middle_of(before, road))
  visit.stroke([middle_of(before, road), (40.5, 20.5)], steps=5)
  assert visit.app("app.doc.history.position") == 2


@contextlib.contextmanager
def fingers(visit):
  """Touches by the browser's own protocol: `touch(kind, places)`."""
  session = visit.page.context.new_cdp_session(visit.page)

  def touch(kind, *places):
    points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
    session.send(
      "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
    )

  yield touch
  session.detach()


def test_one_finger_draws_two_pinch(browse):
  visit = browse(has_touch=True)
  visit.app("app.set({tool: 'brush', size: 5})")
  visit.choose(SKY)
  before = visit.doc()
  line = [(30.5, 58.5), (50.5, 58.5)]
  with fingers(visit) as touch:
    a, b = visit.place(line[0]), visit.place(line[1])
    touch("touchStart", a)
    touch("touchMove", b)
    touch("touchEnd")
    want = np.where(
      straight(SHAPE, line, 5), before.regions[str(SKY)], before.plane
    )
    np.testing.assert_array_equal(visit.doc().plane, want)
    visit.ready()
    # A second finger takes back what the first one began.
    scale = visit.app("app.stage.view.scale")
    x, y = visit.place((64.0, 20.0))
    touch("touchStart", (x - 40, y))
    touch("touchMove", (x - 40, y + 12))
    touch("touchStart", (x - 40, y + 12), (x + 40, y + 12))
    touch("touchMove", (x - 80, y + 32), (x + 80, y + 32))
    settled(visit)
    # One finger goes, then the other.
    touch("touchMove", (x - 80, y + 32))
    touch("touchEnd")
    settled(visit)
    np.testing.assert_array_equal(visit.doc().plane, want)
    assert visit.app("[app.stage.ghosts.length, app.doc.history.position]") == [
      0,
      1,
    ]
    touch("touchStart", visit.place((60.5, 20.5)))
    touch("touchEnd")
    want[disc(SHAPE, 60.5, 20.5, 5)] = before.regions[str(SKY)]
    np.testing.assert_array_equal(visit.doc().plane, want)
  assert visit.app("app.stage.view.scale") == pytest.approx(2 * scale)
  # What lay between the fingers still does: at (64, 20) plus 12, moved by 20.
  at = visit.place((64.0, 20.0 + 12 / scale))
  np.testing.assert_allclose(at, (x, y + 32), atol=0.01)


def test_the_keyboard_draws(browse):
  visit = browse()
  visit.app("app.set({tool: 'brush', size: 3})")
  visit.choose(SKY)
  before = visit.doc()
  visit.app("app.stage.canvas.focus()")
  # What has the focus stays below what follows the pointer.
  assert visit.app("getComputedStyle(app.stage.canvas).zIndex") == "auto"
  # The pointer of the keys begins in the middle of the map, (64, 32).
  visit.press("Shift+ArrowDown", "Shift+ArrowDown", "ArrowDown", "ArrowLeft")
  visit.press("Enter", *["ArrowRight"] * 4, "Shift+ArrowRight", "Enter")
  covered = straight(SHAPE, [(63.5, 53.5), (77.5, 53.5)], 3)
  want = np.where(covered, before.regions[str(SKY)], before.plane)
  np.testing.assert_array_equal(visit.doc().plane, want)
  assert visit.app("app.doc.history.position") == 1
  visit.ready()
  # It selects, too, and says what is there.
  said = "app.said = [], app.on('announce', (text) => app.said.push(text))"
  visit.app(f"void ({said})")
  visit.press("v", "ArrowUp", "Enter")
  assert visit.app("[...app.ui.selection]") == [before.regions[str(SKY)]]
  assert any(
    t.startswith("sky") and "77, 52" in t for t in visit.app("app.said")
  )


def test_before_and_after_and_the_original(browse):
  visit = browse()
  visit.app("app.set({tool: 'brush', size: 40})")
  visit.choose(CAR)
  visit.click((64.5, 8.5))
  visit.ready()
  visit.app("app.set({compare: true, outlines: false, tool: 'select'})")
  settled(visit)
  divider = visit.page.get_by_role("slider", name="Before and after")
  at = divider.bounding_box()
  middle = at["x"] + at["width"] / 2
  assert middle == pytest.approx(visit.place((64.0, 0.0))[0], abs=1)
  box = visit.page.locator("canvas.stage").bounding_box()
  left, top = visit.place((60.5, 4.5))
  below = box["height"] - Twin.of(visit).height  # From one pane to the other.
  right = visit.place((68.5, 4.5))[0]
  before, after = (colour_at(visit, (x, top + below)) for x in (left, right))
  assert before != after
  divider.focus()
  divider.press("End")
  settled(visit)
  assert colour_at(visit, (right, top + below)) == before
  visit.app("app.set({compare: false})")
  visit.app("app.stage.canvas.focus()")
  visit.page.keyboard.down("\\")
  settled(visit)
  assert colour_at(visit, (right, top + below)) == before
  visit.page.keyboard.up("\\")
  settled(visit)
  assert colour_at(visit, (right, top + below)) == after


def test_the_map_stays_in_view(browse):
  visit = browse()
  for _ in range(6):
    pan(visit, 900, 500)
  at = visit.place((0.0, 0.0))
  twin = Twin.of(visit)
  middle = twin.left + twin.width / 2, twin.top + twin.height / 2
  np.testing.assert_allclose(at, middle, atol=0.01)
  visit.press("f")
  settled(visit)
  np.testing.assert_allclose(
    visit.place((0.0, 0.0)), twin.page(0.0, 0.0), atol=0.01
  )


def test_a_lost_context_is_drawn_anew(browse):
  visit = browse()
  look = (
    "app.stage.canvas.getContext('2d').getImageData(0, 0, 600, 300).data"
    ".reduce((sum, v) => (sum * 31 + v) % 1000003, 7)"
  )
  visit.app("app.set({tool: 'select'})")
  settled(visit)
  before = visit.app(look)
  blank = visit.app(
    "new Array(600 * 300 * 4).fill(0).reduce("
    "(sum, v) => (sum * 31 + v) % 1000003, 7)"
  )
  visit.allowed.append("willReadFrequently")
  visit.app(
    "(app.stage.canvas.width += 0, app.stage.map.width += 0, "
    "app.stage.canvas.dispatchEvent(new Event('contextrestored')))"
  )
  settled(visit)
  assert visit.app(look) == before
  assert before != blank


def test_brush_and_eraser_of_pictures(browse):
  renderer = picture_stand_in(channels=3)
  visit = browse(Studio(renderer, street_inputs(renderer), "input"))
  visit.app(
    "app.set({tool: 'brush', size: 5, level: 0x2040ff, outlines: true})"
  )
  before = visit.doc().plane
  line = [(20.5, 30.5), (60.5, 30.5)]
  visit.stroke(line, steps=20)
  want = before.copy()
  want[straight(SHAPE, line, 5)] = 0x2040FF
  np.testing.assert_array_equal(visit.doc().plane, want)
  settled(visit)
  # The first channel lies in the lowest bits.
  assert colour_at(visit, visit.place((30.5, 30.5))) == [0xFF, 0x40, 0x20]
  visit.app("app.set({tool: 'erase', size: 3, paper: 0xffffff})")
  visit.click((40.5, 30.5))
  want[disc(SHAPE, 40.5, 30.5, 3)] = 0xFFFFFF
  np.testing.assert_array_equal(visit.doc().plane, want)


def test_tall_maps_lie_side_by_side(browse):
  renderer = stand_in((128, 64))
  inputs = street_inputs(renderer, 1, (128, 64))
  visit = browse(Studio(renderer, inputs, "input"))
  first, second = visit.app("app.stage.panes")
  assert (first["show"], second["show"]) == ("map", "photo")
  assert first["y"] == second["y"] == 0
  assert second["x"] >= first["x"] + first["w"] + GAP - 1
  # Both panes can be painted in.
  visit.app("app.set({tool: 'brush', size: 5})")
  visit.choose(SKY)
  before = visit.doc()
  x, y = visit.place((30.5, 110.5))
  visit.page.mouse.click(x + second["x"], y)
  want = before.plane.copy()
  want[disc((128, 64), 30.5, 110.5, 5)] = before.regions[str(SKY)]
  np.testing.assert_array_equal(visit.doc().plane, want)
