"""`edit`: edits that name rows, masks in the request, refusals by edit."""

import numpy as np
import pytest
from studio.stand_in import (
  CAR,
  GRASS,
  ROAD,
  SKY,
  TREE,
  picture_stand_in,
  stand_in,
)

from hdgan.editing.operations import erase, move, remove
from hdgan.studio import edits, frame, limits, scene_frame
from hdgan.studio.desk import Desk
from hdgan.studio.refusal import Refusal

PLANE = np.array([
  [0, 0, 0, 0, 0, 0],
  [0, 3, 0, 2, 2, 0],
  [1, 3, 1, 2, 2, 1],
  [1, 1, 1, 1, 1, 1],
])  # fmt: skip
TABLE = (
  (SKY, 0, 0), (ROAD, 1, None), (CAR, 4000, 3), (TREE, 6000, None),
  (CAR, 4001, None),
)  # fmt: skip
HEADER = {
  "w": 6, "h": 4, "name": "a", "seed": 5,
  "table": [
    dict(zip(("label", "instance", "style"), row, strict=True))
    for row in TABLE
  ],
}  # fmt: skip


@pytest.fixture(scope="module")
def desk():
  one = Desk(stand_in((32, 64)), "input")
  yield one
  one.device.close()


def edited(desk, *entries, mask=None, **more):
  """The answer as a plane, and its table as (label, id, style)."""
  payload, header = frame.pack_runs(PLANE), {**HEADER, **more}
  if mask is not None:
    runs = frame.pack_runs(mask.astype(np.int32))
    header["mask_bytes"] = len(runs)
    payload += runs
  header["edits"] = list(entries)
  header, runs = edits.edit(desk, header, payload)
  table = [tuple(row.values()) for row in header["table"]]
  plane = frame.unpack_runs(runs, (4, 6), len(table) - 1)
  return plane, table, header


def refused(desk, *entries, **more):
  with pytest.raises(Refusal) as error:
    edited(desk, *entries, **more)
  return error.value


def scene():
  renderer = stand_in((32, 64))
  return scene_frame.to_scene(HEADER, frame.pack_runs(PLANE), renderer)


def test_no_edits_give_the_same_scene(desk):
  plane, table, header = edited(desk)
  np.testing.assert_array_equal(plane, PLANE)
  assert table == list(TABLE) and header["seed"] == 5
  assert header["regions"] == {"0": 0, "1": 1}


def test_rows_are_what_keys_are_in_a_file(desk):
  """And stay the rows that they were."""
  plane, table, _ = edited(desk, {"op": "remove", "rows": [2]})
  np.testing.assert_array_equal(plane, remove(scene(), "4000").objects)
  assert table == list(TABLE)
  plane, _, _ = edited(desk, {"op": "move", "rows": [3], "dy": 1, "dx": 2})
  np.testing.assert_array_equal(plane, move(scene(), "6000", 1, 2).objects)


def test_change_class_and_restyle(desk):
  plane, table, _ = edited(
    desk, {"op": "change_class", "rows": [2, 3], "to": "grass"},
    {"op": "restyle", "rows": [0], "style": 2},
  )  # fmt: skip
  want = PLANE.copy()
  want[want == 3] = 2
  np.testing.assert_array_equal(plane, want)
  # Row 2 is the new region of grass, row 3 is without pixels.
  assert table[2] == (GRASS, 3, None) and table[0] == (SKY, 0, 2)
  assert table[3] == TABLE[3]


def test_ids_of_new_rows_come_with_the_answer(desk):
  table = [*HEADER["table"], {"label": CAR, "instance": None, "style": 1}]
  _, rows, _ = edited(desk, table=table)
  assert rows[5] == (CAR, 4002, 1)


def test_a_mask_is_erased(desk):
  mask = np.zeros((4, 6), bool)
  mask[1:3, 3] = True
  plane, _, _ = edited(desk, {"op": "erase"}, mask=mask)
  np.testing.assert_array_equal(plane, erase(scene(), mask).objects)
  assert plane[1, 3] == 0 and plane[2, 3] == 1 and plane[1, 4] == 2
  plane, table, _ = edited(desk, {"op": "erase", "fill": "grass"}, mask=mask)
  assert (plane == 5).sum() == 2 and table[5] == (GRASS, 3, None)


def test_a_mask_is_added(desk):
  mask = np.zeros((4, 6), bool)
  mask[3, :2] = True
  plane, table, _ = edited(
    desk, {"op": "add", "class": "car", "style": 1}, mask=mask
  )
  assert plane[3].tolist() == [5, 5, 1, 1, 1, 1]
  assert table[5] == (CAR, 4002, 1)


def test_rows_without_pixels_are_passed_over(desk):
  plane, _, _ = edited(desk, {"op": "remove", "rows": [4, 2]})
  assert not (plane == 2).any()
  refusal = refused(desk, {"op": "remove", "rows": [4]})
  assert refusal.field == "edits[0].rows"
  again = refused(desk, *[{"op": "remove", "rows": [2]}] * 2)
  assert again.field == "edits[1].rows"


def test_a_row_that_joined_another_stands_for_it(desk):
  """Row 5 is new sky: there is sky, so both are row 0."""
  table = [*HEADER["table"], {"label": SKY, "instance": None}]
  _, rows, _ = edited(
    desk, {"op": "restyle", "rows": [5], "style": 1}, table=table
  )
  assert rows[0] == (SKY, 0, 1)


@pytest.mark.parametrize(
  ("entry", "field", "said"),
  [
    ({"op": "remove", "rows": [5]}, ".rows", "must be a list of rows 0..4"),
    ({"op": "remove", "rows": [-1]}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": [True]}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": [2.0]}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": []}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": [2] * 6}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": 2}, ".rows", "must be a list of rows"),
    ({"op": "remove", "rows": [2], "object": "1"}, ".rows", "either 'rows'"),
    ({"op": "move", "rows": [2], "dy": 9, "dx": 1}, "", "it would leave a"),
    ({"op": "erase"}, "", "no mask in the request"),
    ({"op": "erase", "box": [9, 9, 12, 12]}, "", "lies outside a"),
    ({"op": "add", "class": "cat", "box": [0, 0, 1, 1]}, "", "no such class"),
    ({"op": "restyle", "rows": [2], "style": 4}, "", "is not in the bank"),
    ({"op": "restyle", "rows": [2], "style": [1, 2]}, "", "a style has 3"),
    ({"op": "fly"}, "", "there is no operation 'fly'"),
    ({"rows": [2]}, "", "must be an object with 'op'"),
    ({"op": ["remove"], "rows": [2]}, "", "must be an object with 'op'"),
    (None, "", "must be an object with 'op'"),
  ],
)
def test_refusals_name_the_edit(desk, entry, field, said):
  good = {"op": "restyle", "rows": [2], "style": 1}
  refusal = refused(desk, good, entry)
  assert refusal.field == "edits[1]" + field and said in refusal.message
  assert refusal.status == 400


def test_the_list_of_edits(desk):
  for bad in (None, {}, [{"op": "undo"}] * (limits.EDITS + 1)):
    header = {**HEADER, "edits": bad}
    with pytest.raises(Refusal, match="edits must be a list of at most 1000"):
      edits.edit(desk, header, frame.pack_runs(PLANE))


def test_masks_that_are_none(desk):
  runs = frame.pack_runs(PLANE)
  small = frame.pack_runs(np.ones((2, 2), np.int32))
  two = frame.pack_runs(np.full((4, 6), 2))
  cases = (
    (-8, b""), (10**9, b""), (True, b""), ("8", b""), (3, b"abc"),
    (len(small), small), (len(two), two),
  )  # fmt: skip
  for size, more in cases:
    header = {**HEADER, "edits": [{"op": "erase"}], "mask_bytes": size}
    with pytest.raises(Refusal) as error:
      edits.edit(desk, header, runs + more)
    assert error.value.field in ("mask_bytes", "payload"), size


def test_more_objects_than_a_page_can_hold(desk, monkeypatch):
  monkeypatch.setattr(limits, "OBJECTS", 5)
  refusal = refused(desk, {"op": "add", "class": "car", "box": [0, 0, 1, 1]})
  assert refusal.code == "objects" and "6 objects" in refusal.message


def test_pictures_have_no_objects():
  desk = Desk(picture_stand_in((32, 64)), "input")
  with pytest.raises(Refusal, match="labels are pictures"):
    edits.edit(desk, {**HEADER, "edits": []}, frame.pack_runs(PLANE))
  desk.device.close()
