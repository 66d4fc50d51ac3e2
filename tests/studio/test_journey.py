"""What a person does in the studio, from its first photo to the export.

Every number comes from a twin in numpy: which pixels a brush covers, which id
a new object gets, which colour the stand-in gives a pixel.
"""

import errno
import os

import numpy as np
import pytest
from studio.browser import APP, PATIENCE, Site, read_export, straight
from studio.stand_in import (
  CAR,
  CLASSES,
  GRASS,
  PERSON,
  ROAD,
  SKY,
  STYLED,
  picture_stand_in,
  stand_in,
  street,
  street_inputs,
)

from hdgan.studio import frame
from hdgan.studio.studio import CALLS, Studio

pytestmark = pytest.mark.slow

# Class, size of the brush, and its way.
STROKES = (
  (SKY, 9, [(20.5, 40.5), (90.5, 40.5)]),
  (ROAD, 16, [(30.2, 20.2), (30.2, 50.2), (80.2, 50.2)]),
  (CAR, 7, [(92.5, 6.5), (120.5, 6.5)]),
  # Begins on the car before, and goes on with it.
  (CAR, 5, [(110.5, 6.5), (110.5, 25.5)]),
  (PERSON, 1, [(5.5, 60.5), (40.5, 60.5)]),
  # Leaves the map.
  (GRASS, 12, [(100.2, 58.2), (127.8, 58.2)]),
)


class Twin:
  """A map in numpy, painted by the rules of the studio."""

  def __init__(self, label, instance):
    self.label, self.instance = label.copy(), instance.copy()
    self.ids = set(np.unique(instance).tolist())

  def paint(self, label, size, points):
    covered = straight(self.label.shape, points, size)
    x, y = (int(v) for v in points[0])
    if not CLASSES[label]["has_instances"]:
      id = label
    elif self.label[y, x] == label:
      id = self.instance[y, x]
    else:
      id = next(i for i in range(1000 * label, 10**6) if i not in self.ids)
    self.ids.add(id)
    self.label[covered], self.instance[covered] = label, id

  def check(self, files):
    np.testing.assert_array_equal(files["label"], self.label)
    np.testing.assert_array_equal(files["inst"], self.instance)


def colours(label, instance, styles):
  """[H, W, 3] what the stand-in paints; styles by instance id."""
  blue = np.full(label.shape, 158)
  for kind in STYLED:
    for id in np.unique(instance[label == kind]):
      blue[instance == id] = (128 + 20 * (kind - styles[str(id)])) % 256
  return np.stack([(label * 37 + 11) % 256, (instance * 53 + 7) % 256, blue], 2)


def studio(**options):
  renderer = stand_in(**options)
  return Studio(renderer, street_inputs(renderer), "input")


def renders(visit):
  return [call for call in visit.calls if call[0] == "render"]


def paint(visit, label, size, points):
  visit.press("b")
  visit.choose(label)
  visit.app("app.set({size: x})", size)
  visit.stroke(points)


# A browser's zoom of 110 % makes its pixels 1.1 of the screen's, and the window
# 1 / 1.1 of them: what it tells the page is what is given here.
@pytest.mark.parametrize(
  "viewport, dpr",
  [((1280, 720), 1), ((1280, 720), 2), ((1164, 655), 1.1)],
  ids=["one", "two", "zoomed"],
)
def test_paint_export_undo_restyle(browse, viewport, dpr):
  visit = browse(viewport=viewport, dpr=dpr)
  opened = visit.doc()
  twin = Twin(*street())
  np.testing.assert_array_equal(opened.label, twin.label)

  for stroke in STROKES:
    paint(visit, *stroke)
    twin.paint(*stroke)
  visit.ready()
  painted = visit.doc()
  np.testing.assert_array_equal(painted.label, twin.label)
  files = visit.export()
  twin.check(files)
  styles = files["styles"]["objects"]
  np.testing.assert_array_equal(
    files["photo"], colours(twin.label, twin.instance, styles)
  )

  visit.press(*["Control+z"] * len(STROKES))
  visit.ready()
  back = visit.doc()
  assert back.plane.tobytes() == opened.plane.tobytes()
  assert back.table == opened.table
  Twin(*street()).check(visit.export())
  visit.press(*["Control+Shift+z"] * len(STROKES))
  visit.ready()
  np.testing.assert_array_equal(visit.doc().plane, painted.plane)

  # A style of one object: no pixel changes, nor another row.
  before = renders(visit)[-1]
  visit.press("v")
  visit.click((118.5, 6.5))
  new = int(twin.instance[6, 118])
  kept = styles[str(new)]
  wanted = (kept + 1) % 4
  visit.press(str(wanted + 1))
  visit.ready()
  name, header, payload = renders(visit)[-1]
  assert payload == before[2]
  changed = [
    (a, b)
    for a, b in zip(before[1]["table"], header["table"], strict=True)
    if a != b
  ]
  ((old, now),) = changed
  assert old["instance"] == new and now == {**old, "style": wanted}
  again = visit.export()
  twin.check(again)
  assert again["styles"]["objects"] == {**styles, str(new): wanted}
  np.testing.assert_array_equal(
    again["photo"],
    colours(twin.label, twin.instance, {**styles, str(new): wanted}),
  )

  # Another look for all cars.
  visit.press("Shift+3")
  visit.ready()
  last = visit.export()["styles"]["objects"]
  cars = {str(id) for id in np.unique(twin.instance[twin.label == CAR])}
  assert {id for id in last if last[id] == 2} >= cars
  assert {k: v for k, v in last.items() if k not in cars} == {
    k: v for k, v in styles.items() if k not in cars
  }


def test_photos_come_in_order_and_the_last_is_shown(browse):
  visit = browse(studio(seconds=0.03))
  visit.app("window.photos = []")
  visit.app("app.on('photo', () => window.photos.push(app.photo.version))")
  twin, start = Twin(*street()), visit.doc().version
  for i in range(20):
    stroke = (ROAD, 5, [(4.5 + 6 * i, 5.5), (4.5 + 6 * i, 15.5)])
    paint(visit, *stroke)
    twin.paint(*stroke)
  visit.ready()
  shown = visit.page.evaluate("window.photos")
  assert shown == sorted(set(shown)) and shown[-1] == start + 20
  asked = [header["seq"] for _, header, _ in renders(visit)]
  assert asked == sorted(set(asked))
  _, header, payload = renders(visit)[-1]
  plane = frame.unpack_runs(payload, (64, 128), len(header["table"]) - 1)
  label = np.array([row["label"] for row in header["table"]])[plane]
  np.testing.assert_array_equal(label, twin.label)


def test_a_reload_and_a_new_server_find_the_session_again(browse):
  visit = browse()
  paint(visit, *STROKES[0])
  visit.ready()
  visit.app("app.store.flush()")
  painted = visit.doc()
  visit.page.reload()
  visit.ready()
  np.testing.assert_array_equal(visit.doc().plane, painted.plane)

  # The server goes; what is painted meanwhile stays.
  visit.allowed.append("Failed to load resource")
  visit.site.stop()
  twin = Twin(*street())
  for stroke in STROKES[:2]:
    twin.paint(*stroke)
  paint(visit, *STROKES[1])
  visit.page.get_by_role("status").filter(has_text="not answer").wait_for()
  np.testing.assert_array_equal(visit.doc().label, twin.label)
  visit.site.start()
  visit.ready()
  twin.check(visit.export())
  visit.app("app.store.flush()")
  visit.page.reload()
  visit.ready()
  np.testing.assert_array_equal(visit.doc().label, twin.label)


def test_offline_edits_go_on(browse):
  visit = browse()
  visit.allowed.append("Failed to load resource")
  visit.page.context.set_offline(True)
  twin = Twin(*street())
  for stroke in STROKES[:3]:
    paint(visit, *stroke)
    twin.paint(*stroke)
  visit.page.get_by_role("status").filter(has_text="not answer").wait_for()
  visit.press("Control+z", "Control+Shift+z")
  visit.page.context.set_offline(False)
  visit.ready()
  twin.check(visit.export())


def test_two_tabs_do_not_disturb_each_other(browse):
  one = browse()
  two = browse(one.site)
  for visit, strokes in ((one, STROKES[:2]), (two, STROKES[2:4])):
    for stroke in strokes:
      paint(visit, *stroke)
  for visit, strokes in ((two, STROKES[2:4]), (one, STROKES[:2])):
    twin = Twin(*street())
    for stroke in strokes:
      twin.paint(*stroke)
    visit.ready()
    twin.check(visit.export())


@pytest.mark.parametrize(
  "status, body",
  [
    (200, b"no frame"),
    (200, frame.pack({"type": "image/jpeg"})),
    (502, b"<p>"),
  ],
  ids=["noise", "no picture", "proxy"],
)
def test_a_broken_answer_is_told_and_nothing_is_lost(browse, status, body):
  visit = browse()
  visit.allowed.append("Failed to load resource")
  visit.page.route(
    "**/api/render", lambda route: route.fulfill(status=status, body=body)
  )
  twin = Twin(*street())
  paint(visit, *STROKES[0])
  twin.paint(*STROKES[0])
  visit.page.evaluate(
    f"""async (end) => {{
      while (!["error", "offline"].includes({APP}.status.state)) {{
        if (performance.now() > end) throw new Error({APP}.status.text);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }}
    }}""",
    PATIENCE,
  )
  assert visit.app("app.status.text")
  visit.page.unroute("**/api/render")
  visit.press("r")
  visit.ready()
  twin.check(visit.export())


def test_a_fault_of_the_model_is_told(browse):
  renderer = stand_in()
  visit = browse(Studio(renderer, street_inputs(renderer), "input"))
  visit.allowed.append("Failed to load resource")
  renderer.fault.append(MemoryError("of the test"))
  paint(visit, *STROKES[0])
  visit.page.get_by_role("status").filter(has_text="memory").wait_for()
  visit.press("r")
  visit.ready()


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_drawn(browse, channels):
  """Grey and colour: the brush writes a level, the eraser paper."""
  renderer = picture_stand_in(channels=channels)
  inputs = street_inputs(renderer)
  visit = browse(Studio(renderer, inputs, "input"))
  want = inputs[0]["label"].reshape(64, 128, channels).copy()
  level = [200, 30, 90][:channels]
  value = sum(v << 8 * i for i, v in enumerate(level))
  visit.press("b")
  visit.app("app.set({level: x, size: 9})", value)
  line = [(20.5, 40.5), (90.5, 40.5)]
  visit.stroke(line)
  want[straight((64, 128), line, 9)] = level
  visit.press("e")
  line = [(50.5, 36.5), (50.5, 50.5)]
  visit.app("app.set({size: 5})")
  visit.stroke(line)
  paper = visit.app("app.ui.paper")
  want[straight((64, 128), line, 5)] = [
    paper >> 8 * i & 255 for i in range(channels)
  ]
  visit.ready()
  files = visit.export()
  got = files["label"].reshape(64, 128, -1)
  np.testing.assert_array_equal(got, want)
  grey = want.astype(np.float64).mean(-1)
  assert abs(files["photo"][..., 0] - grey).max() < 1
  visit.press("Control+z", "Control+z")
  visit.ready()
  np.testing.assert_array_equal(
    visit.export()["label"].reshape(64, 128, -1),
    inputs[0]["label"].reshape(64, 128, channels),
  )


def test_a_start_from_nothing(browse):
  """A blank scene of a chosen class, and one brush stroke on it."""
  visit = browse()
  visit.app("app.emit('dialog', 'new')")
  dialog = visit.page.get_by_role("dialog")
  dialog.get_by_label("Size").select_option(label="Another size")
  dialog.get_by_label("Width").fill("96")
  dialog.get_by_label("Height").fill("32")
  dialog.get_by_label("Filled with").select_option(label="grass")
  dialog.get_by_role("button", name="Create").click()
  dialog.wait_for(state="detached")
  visit.ready()
  twin = Twin(*np.full((2, 32, 96), GRASS))
  stroke = (CAR, 9, [(20.5, 20.5), (40.5, 20.5)])
  paint(visit, *stroke)
  twin.paint(*stroke)
  visit.ready()
  twin.check(visit.export())


def test_maps_of_ones_own_and_an_export_are_opened(browse, tmp_path):
  visit = browse()
  from hdgan.datasets import files as map_files

  label, instance = street((32, 64), seed=5)
  (tmp_path / "a.png").write_bytes(map_files.encode_map(label))
  (tmp_path / "inst.png").write_bytes(map_files.encode_map(instance))

  def open_files(**paths):
    visit.app("app.emit('dialog', 'open')")
    dialog = visit.page.get_by_role("dialog")
    for name, path in paths.items():
      dialog.get_by_label(name.replace("_", " ")).set_input_files(path)
    dialog.get_by_role("button", name="Open").click()
    dialog.wait_for(state="detached")
    visit.ready()

  open_files(Map_of_classes=tmp_path / "a.png",
             Map_of_objects=tmp_path / "inst.png")  # fmt: skip
  twin = Twin(label, instance)
  stroke = (SKY, 5, [(10.5, 20.5), (50.5, 20.5)])
  paint(visit, *stroke)
  twin.paint(*stroke)
  visit.ready()
  files = visit.export()
  twin.check(files)
  (tmp_path / "scene.zip").write_bytes(files[""])
  open_files(Or_an_export=tmp_path / "scene.zip")
  again = visit.export()
  twin.check(again)
  assert again["styles"] == files["styles"]
  np.testing.assert_array_equal(again["photo"], files["photo"])


def test_objects_are_changed_moved_and_removed(browse):
  visit = browse()
  twin = Twin(*street())
  y, x = (int(v[0]) for v in np.nonzero(twin.instance == 4001))
  visit.press("v")
  visit.click((x + 0.5, y + 0.5))
  assert visit.app("app.doc.table[[...app.ui.selection][0]].instance") == 4001

  # It becomes a person: the id stays, no pixel moves.
  visit.choose(PERSON)
  visit.press("c")
  visit.ready()
  files = visit.export()
  twin.label[twin.instance == 4001] = PERSON
  twin.check(files)

  # Two pixels to the right, by the mouse; what it leaves is filled.
  visit.click((x + 0.5, y + 0.5))
  visit.stroke([(x + 0.5, y + 0.5), (x + 12.5, y + 0.5)], steps=8)
  visit.ready()
  files = visit.export()
  old = twin.instance == 4001
  new = np.zeros_like(old)
  new[:, 12:] = old[:, :-12]
  np.testing.assert_array_equal(files["inst"] == 4001, new)
  same = ~old & ~new
  np.testing.assert_array_equal(files["inst"][same], twin.instance[same])
  check_filled(twin, old & ~new, files)

  # Gone, and back.
  visit.press("Delete")
  visit.ready()
  gone = visit.export()
  assert not (gone["inst"] == 4001).any()
  visit.press("Control+z", "Control+z", "Control+z")
  visit.ready()
  Twin(*street()).check(visit.export())


def check_filled(twin, hole, files):
  """A pixel of a hole belongs to a background region as near as any."""
  background = np.isin(twin.label, [SKY, ROAD, GRASS, 2]) & ~hole
  places = np.argwhere(background)
  for y, x in np.argwhere(hole):
    far = ((places - (y, x)) ** 2).sum(1)
    nearest = {twin.label[tuple(p)] for p in places[far == far.min()]}
    assert files["label"][y, x] in nearest


def test_erase_leaves_what_is_near(browse):
  visit = browse()
  twin = Twin(*street())
  line = [(60.5, 36.5), (80.5, 36.5)]
  visit.press("e")
  visit.app("app.set({size: 9})")
  visit.stroke(line)
  visit.ready()
  files = visit.export()
  hole = straight((64, 128), line, 9)
  np.testing.assert_array_equal(files["label"][~hole], twin.label[~hole])
  check_filled(twin, hole, files)


def test_a_stamp_keeps_its_shape_and_style(browse):
  visit = browse()
  label, instance = street()
  mask = instance == 6000
  y, x = np.nonzero(mask)
  visit.press("v")
  visit.click((x[0] + 0.5, y[0] + 0.5))
  visit.press("Shift+s")
  assert visit.app("app.ui.tool") == "stamp"
  visit.click((30.5, 50.5))
  visit.ready()
  files = visit.export()
  new = files["inst"] == 6002
  # The same shape elsewhere.
  v, u = np.nonzero(new)
  np.testing.assert_array_equal(v - v.min(), y - y.min())
  np.testing.assert_array_equal(u - u.min(), x - x.min())
  assert (files["label"][new] == 6).all()
  np.testing.assert_array_equal(files["label"][~new], label[~new])
  styles = files["styles"]["objects"]
  assert styles["6002"] == styles["6000"]


def test_by_keys_alone(browse):
  """From the address to the export without a pointer."""
  visit = browse()
  keyboard, page = visit.page.keyboard, visit.page

  def focus(selector):
    """Tab until it has the focus."""
    for _ in range(60):
      if page.evaluate("(s) => document.activeElement.matches(s)", selector):
        return
      keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")

  focus("[role=radio][aria-checked=true], .classes [role=radio]")
  for _ in range(20):
    if visit.app("app.ui.label") == ROAD:
      break
    keyboard.press("ArrowDown")
  assert visit.app("app.ui.label") == ROAD
  page.keyboard.press("Shift+Tab")
  for _ in range(60):
    if page.evaluate("document.activeElement.matches('canvas.stage')"):
      break
    keyboard.press("Shift+Tab")
  keyboard.press("b")
  for key in ["["] * 7:
    keyboard.press(key)
  assert visit.app("app.ui.size") == 9
  # The cross begins in the middle of the map.
  for key in ["Shift+ArrowUp", "ArrowLeft", "Enter", *["ArrowRight"] * 5,
              "Shift+ArrowRight", "Enter"]:  # fmt: skip
    keyboard.press(key)
  visit.ready()
  twin = Twin(*street())
  x, y = 64.5 - 1, 32.5 - 10
  twin.paint(ROAD, 9, [(x, y), (x + 15, y)])
  np.testing.assert_array_equal(visit.doc().label, twin.label)
  with page.expect_download() as download:
    keyboard.press("Control+s")
    keyboard.press("Enter")
  with open(download.value.path(), "rb") as file:
    twin.check(read_export(file.read()))


def test_the_token_of_a_new_start(browse, monkeypatch):
  """The old page takes the new address and goes on."""
  visit = browse()
  paint(visit, *STROKES[0])
  visit.ready()
  visit.allowed.append("Failed to load resource")
  painted = visit.doc()
  site: Site = visit.site
  site.stop()
  site.start("another-token-of-the-tests")
  paint(visit, *STROKES[1])
  dialog = visit.page.get_by_role("dialog")
  dialog.wait_for()
  dialog.get_by_role("textbox").fill(site.url)
  dialog.get_by_role("textbox").press("Enter")
  visit.ready()
  assert visit.doc().version == painted.version + 1


def test_a_full_disk_at_export_is_told_where_it_was_asked(browse, monkeypatch):
  def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "scene.zip")

  visit = browse()
  visit.allowed.append("Failed to load resource")
  twin = Twin(*street())
  paint(visit, *STROKES[0])
  twin.paint(*STROKES[0])
  with monkeypatch.context() as patch:
    patch.setitem(CALLS, "export", full)
    visit.press("Control+s")
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Download").click()
    dialog.get_by_role("alert").filter(has_text="scene.zip").wait_for()
  dialog.press("Escape")
  dialog.wait_for(state="detached")
  twin.check(visit.export())
