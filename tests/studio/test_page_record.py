"""How the page stores a document, and what comes back of it."""

import base64

import numpy as np
import pytest
from studio.scripts import run_script

from hdgan.studio import frame

MODULES = ("frame", "raster", "plane", "history", "doc", "record")
# Three strokes of things and a restyle, of which the last two are undone; then
# stored and read as a disk would.
DOCUMENT = """
const plain = (one) => structuredClone(one), titles = (doc) =>
  [doc.history.titles().join(""), doc.history.position];
const bytes = Uint8Array.from(atob(data.runs), (c) => c.charCodeAt(0));
const doc = new Doc(data, bytes), paint = (title) => {
  doc.begin(title);
  doc.write(disc(9 + 20 * title.charCodeAt(0) % 90, 30, 9),
    doc.rowFor(3, null, true));
  doc.commit();
};
for (const title of "abc") paint(title);
doc.begin("d");
doc.setRow(0, { style: 5 });
doc.commit();
doc.goto(2);
const record = plain(recordOf(doc));
const { steps, position } = stepsWithin(doc.history, 2 ** 20);
const stored = steps.map((step) => plain(plainStep(step)));
"""


@pytest.fixture
def run():
  """Runs what follows on `DOCUMENT`."""
  plane = np.zeros((60, 120), np.int64)
  data = {
    "kind": "classes", "name": "a", "w": 120, "h": 60, "seed": 7,
    "table": [{"label": 0, "instance": 0, "style": None}],
    "regions": {"0": 0},
    "runs": base64.b64encode(frame.pack_runs(plane)).decode(),
  }  # fmt: skip
  return lambda body: run_script(MODULES, DOCUMENT + body, data)


def test_all_comes_back(run):
  same, told, dirty, version, walked = run(
    """
    const again = revive(record, stored, position), same = [];
    for (const place of [2, 4, 0, 3]) {
      again.goto(place);
      doc.goto(place);
      same.push(again.plane.every((row, k) => row === doc.plane[k])
        && JSON.stringify([again.table, again.regions, again.areas()])
        === JSON.stringify([doc.table, doc.regions, doc.areas()]));
    }
    return [same, titles(revive(record, stored, position)), again.dirty,
      record.version, again.version - record.version];
    """
  )
  assert same == [True] * 4
  assert told == ["abcd", 2]
  assert dirty
  assert version == 6  # Four steps, two of them undone.
  assert walked == 0 + 2 + 4 + 3


def test_a_step_that_is_lost_cuts_off_what_is_beyond_it(run):
  told = run(
    """
    return [0, 1, 2, 3].map((lost) => titles(revive(plain(record),
      plain(stored).map((step, i) => (i === lost ? undefined : step)), 2)));
    """
  )
  assert told == [["bcd", 1], ["cd", 0], ["ab", 2], ["abc", 2]]


def test_steps_near_the_present_are_stored_first(run):
  told = run(
    """
    const sizes = doc.history.steps.map((step) => step.bytes);
    const [a, b, c] = sizes, within = (limit) => {
      const { steps, position } = stepsWithin(doc.history, limit);
      return [steps.map((step) => step.title).join(""), position];
    };
    return [within(0), within(b), within(a + b), within(a + b + c)];
    """
  )
  assert told == [["", 0], ["b", 1], ["ab", 2], ["abc", 2]]


def test_what_the_server_decides_holds_in_stored_states_too(run):
  told = run(
    """
    const again = revive(record, stored, position);
    again.resolve([[0, 0, 4], [1, 3001, 6]]);
    const rows = [];
    for (const place of [1, 2, 3, 4]) {
      again.goto(place);
      rows.push(again.table.slice(0, 2));
    }
    return rows;
    """
  )
  first = {"label": 0, "instance": 0, "style": 4}
  chosen = {**first, "style": 5}
  other = {"label": 3, "instance": 3001, "style": 6}
  assert told == [[first, other]] * 3 + [[chosen, other]]


def test_a_record_that_does_not_add_up_is_refused(run):
  told = run(
    """
    try {
      revive({ ...record, h: 61 }, stored, position);
    } catch (error) {
      return error.message;
    }
    """
  )
  assert told == "runs of 7200 pixels for a plane of 7320"
