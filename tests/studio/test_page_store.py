"""What a page keeps: through reloads, restarts, two windows, no disk."""

import numpy as np
import pytest
from studio.browser import Site
from studio.stand_in import SKY, stand_in, street_inputs

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


def test_each_scene_keeps_its_own(browse):
  visit = browse()
  paint(visit, LINE)
  first = visit.doc()
  visit.app("app.emit('wanted', 1)")
  visit.page.wait_for_timeout(500)
