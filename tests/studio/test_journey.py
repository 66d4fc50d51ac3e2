"""What a person does in the studio, from its first photo to the export."""

import numpy as np
import pytest
from studio.browser import straight
from studio.stand_in import SKY

pytestmark = pytest.mark.slow


def test_paint_and_undo(browse):
  visit = browse()
  before = visit.doc()
  visit.press("b")
  visit.choose(SKY)
  visit.app("app.set({size: 9})")
  line = [(40.5, 40.5), (80.5, 40.5)]
  visit.stroke(line, steps=40)
  visit.ready()
  covered = straight(before.plane.shape, line, 9)
  want = np.where(covered, before.regions[str(SKY)], before.plane)
  np.testing.assert_array_equal(visit.doc().plane, want)
  visit.press("Control+z")
  visit.ready()
  after = visit.doc()
  np.testing.assert_array_equal(after.plane, before.plane)
  assert after.table == before.table
