"""What a page keeps: through reloads, restarts, two windows, no disk."""

import numpy as np
import pytest
from studio.browser import Site
from studio.stand_in import CAR, SKY, stand_in, street_inputs

from hdgan.studio.studio import Studio

pytestmark = pytest.mark.slow
LINE = [(20.5, 20.5), (60.5, 20.5)]
OTHER = [(20.5, 50.5), (60.5, 50.5)]


@pytest.fixture
def site():
  renderer = stand_in()
  site = Site(Studio(renderer, street_inputs(renderer), "input"))
  yield site
  site.stop()


def window(visit):
  """Another window of the same browser on the same site."""
  page = visit.page.context.new_page()
  other = type(visit)(visit.site, page)
  other.watch()
  return other.open()


def paint(visit, line, label=SKY):
  visit.press("b")
  visit.choose(label)
  visit.stroke(line)
  return visit.ready()


def stored(visit):
  """Waits until all is on disk."""
  visit.app("app.store.flush()")
  assert visit.app("app.store.saved")
  return visit


def state(visit):
  return visit.app(
    "{titles: app.doc.history.titles(), position: app.doc.history.position,"
    " tool: app.ui.tool, size: app.ui.size, label: app.ui.label,"
    " dirty: app.doc.dirty}"
  )


def test_a_reload_and_a_restart_keep_everything(browse, site):
  visit = browse(site)
  opened = visit.doc()
  paint(visit, LINE)
  once = visit.doc()
  visit.app("app.set({size: 23})")
  paint(visit, OTHER, label=1)
  visit.press("Control+z")
  stored(visit.ready())
  told = state(visit)
  assert told["position"] == 1
  assert len(told["titles"]) == 2
  visit.page.reload()
  visit.ready()
  assert state(visit) == told
  np.testing.assert_array_equal(visit.doc().plane, once.plane)
  assert visit.doc().table == once.table
  site.stop()
  site.start()
  visit.page.reload()
  visit.ready()
  assert state(visit) == told
  visit.press("Control+z")
  np.testing.assert_array_equal(visit.ready().doc().plane, opened.plane)
  visit.press("Control+Shift+z")
  np.testing.assert_array_equal(visit.ready().doc().plane, once.plane)


def test_a_reload_right_after_a_stroke_loses_nothing(browse):
  visit = browse()
  before = visit.doc()
  stored(visit)
  visit.app("app.set({label: 0, tool: 'brush'})")
  visit.stroke(LINE)
  painted = visit.doc()
  assert (painted.plane != before.plane).any()
  visit.page.reload()
  np.testing.assert_array_equal(visit.ready().doc().plane, painted.plane)


def want(visit, id):
  """Opens a scene on offer."""
  visit.app("app.emit('wanted', x)", id)
  visit.page.wait_for_function(
    "(id) => document.querySelector('.hdgan-studio').studio.doc.id === id",
    arg=id,
  )
  return visit.ready()


def test_each_scene_keeps_its_own(browse):
  visit = browse()
  first = paint(visit, LINE).doc()
  assert not (want(visit, 1).doc().plane == first.plane).all()
  second = paint(visit, OTHER).doc()
  np.testing.assert_array_equal(want(visit, 0).doc().plane, first.plane)
  np.testing.assert_array_equal(want(visit, 1).doc().plane, second.plane)
  kept = visit.app("app.store.kept()")
  assert [(one["id"], one["copy"]) for one in kept] == [(1, False), (0, False)]
  visit.app("app.store.forget(app.scenes[0])")
  assert want(visit, 0).app("app.doc.version") == 0
  assert [one["id"] for one in visit.app("app.store.kept()")] == [1]


def test_of_two_windows_each_keeps_its_own(browse, site):
  one = browse(site)
  stored(paint(one, LINE))
  two = window(one)
  np.testing.assert_array_equal(two.doc().plane, one.doc().plane)
  stored(paint(two, OTHER))
  told = one.page.evaluate_handle("[]")
  one.app("app.on('announce', (text) => x.push(text))", told)
  stored(paint(one, OTHER, label=CAR))
  assert [text for text in told.json_value() if "copy" in text]
  mine, theirs = one.doc(), two.doc()
  assert (mine.plane != theirs.plane).any()
  one.page.reload()
  two.page.reload()
  np.testing.assert_array_equal(one.ready().doc().plane, mine.plane)
  np.testing.assert_array_equal(two.ready().doc().plane, theirs.plane)
  assert state(one)["position"] == state(two)["position"] == 2
  kept = one.app("app.store.kept()")
  assert sorted(each["copy"] for each in kept) == [False, True]
  two.check()


@pytest.mark.parametrize(
  "fault",
  [
    "throw new DOMException('The operation is insecure.', 'SecurityError')",
    "return {}",  # Never answers.
  ],
)
def test_without_a_disk_work_is_held_and_it_is_said(browse, fault):
  visit = browse(opened=False)
  visit.page.add_init_script(
    f"IDBFactory.prototype.open = function () {{ {fault}; }}"
  )
  visit.open()
  paint(visit, LINE)
  visit.app("app.store.flush()")
  assert not visit.app("app.store.saved")
  assert "export it before you leave" in visit.app("app.store.broken")
  first = visit.doc()
  want(visit, 1)
  np.testing.assert_array_equal(want(visit, 0).doc().plane, first.plane)
  visit.app(
    "app.store.addStamp({name: 'mine', label: 4, style: null,"
    " mask: {x: 0, y: 0, w: 2, h: 1, bits: Uint8Array.of(1, 0)}})"
  )
  assert [one["name"] for one in visit.app("app.store.stamps()")] == ["mine"]
  visit.app("app.doc.exported()")
  assert visit.app("app.store.saved")


def test_the_persons_own_stamps_stay(browse):
  visit = browse()
  row = visit.doc().table.index(
    next(one for one in visit.doc().table if one["label"] == CAR)
  )
  visit.app("app.set({selection: new Set([x])})", row)
  visit.press("Shift+s")
  stored(visit)
  covered = int((visit.doc().plane == row).sum())
  visit.page.reload()
  visit.ready()
  assert visit.app("app.ui.stamp.mask.bits.reduce((a, b) => a + b)") == covered
  visit.page.get_by_role("tab", name="Stamps").click()
  own = visit.page.get_by_role("group", name="Your stamps")
  tile = own.get_by_role("button")
  tile.wait_for()
  assert tile.get_attribute("aria-pressed") == "true"
  visit.button("Forget this stamp").click()
  tile.wait_for(state="detached")
  assert visit.app("app.store.stamps()") == []
  assert visit.app("app.ui.stamp") is None


def test_styles_of_another_bank_are_drawn_anew(browse):
  visit = browse()
  paint(visit, LINE)
  visit.app(
    "(app.doc.begin('Style'), app.doc.setRow(0, {style: 1}),"
    " app.doc.commit(), app.changed(null))"
  )
  visit.ready()
  before = visit.doc()
  stored(visit)
  visit.app("app.meta.step++")
  key = visit.app("app.doc.kept.key")
  visit.app("app.open(await app.store.open(x))", key)
  after = visit.ready().doc()
  np.testing.assert_array_equal(after.plane, before.plane)
  assert state(visit)["titles"][-1] == "Styles of the model as it is now"
  visit.press("Control+z")
  assert visit.ready().doc().table == before.table


def test_a_full_disk_keeps_the_scene_without_its_history(browse):
  visit = browse(opened=False)
  session = visit.page.context.new_cdp_session(visit.page)
  # Before the page writes: Chromium remembers for seconds how much room it saw.
  session.send(
    "Storage.overrideQuotaForOrigin",
    {"origin": visit.site.origin, "quotaSize": 400_000},
  )
  stored(paint(visit.open(), LINE))
  visit.app(
    """(() => {
      const { doc } = app, { w, h } = doc, bits = new Uint8Array(w * h).fill(1);
      for (let i = 0; i < 99; i++) {
        doc.begin("Fill");
        doc.write({ x: i, y: 0, w, h, bits }, i % 2);
        doc.commit();
      }
      app.changed(doc.whole);
    })()"""
  )
  stored(visit.ready())
  painted = visit.doc()
  assert visit.app("app.store.lean")
  assert not visit.app("app.store.broken")
  visit.page.reload()
  np.testing.assert_array_equal(visit.ready().doc().plane, painted.plane)
  assert state(visit)["titles"] == []
