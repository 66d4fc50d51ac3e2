"""Scenes on the wire: rows, ids that the server gives, what is refused."""

import random

import numpy as np
import pytest
from studio.stand_in import (
  BUILDING,
  CAR,
  GRASS,
  PERSON,
  ROAD,
  SKY,
  TREE,
  stand_in,
  street,
)

from hdgan.editing.scene import open_scene
from hdgan.studio import frame, scene_frame
from hdgan.studio.refusal import Refusal

RENDERER = stand_in((32, 64))
CLASSES = RENDERER.named_classes


def sent(plane, table, **more):
  """Header and payload as a page sends them; rows as (label, id, style)."""
  plane = np.atleast_2d(np.array(plane))
  rows = [
    dict(zip(("label", "instance", "style"), row, strict=False))
    for row in table
  ]
  header = {"w": plane.shape[1], "h": plane.shape[0], "name": "a", **more}
  return {"table": rows, **header}, frame.pack_runs(plane)


def read(plane, table, **more):
  return scene_frame.to_scene(*sent(plane, table, **more), RENDERER)


def ids(scene):
  return [one.instance for one in scene.table]


def test_a_street_comes_back():
  label, instance = street(things=9)
  one = open_scene(label, instance, CLASSES, name="street")
  header, payload = scene_frame.of_scene(one)
  # Through the bytes of a frame, as the page has it.
  header, payload = frame.unpack(frame.pack(header, payload))
  back = scene_frame.to_scene(header, payload, RENDERER)
  np.testing.assert_array_equal(back.label, label)
  np.testing.assert_array_equal(back.instance, instance)
  assert back.table == one.table and back.name == "street"
  assert header["regions"] == {"0": 0, "1": 1, "2": 2, "3": 3}


def test_random_scenes_come_back():
  """Rows in any order, some without pixels, some with styles."""
  rng = np.random.default_rng(0)
  for _ in range(40):
    count = int(rng.integers(1, 12))
    plane = rng.integers(0, count, rng.integers(1, 20, 2))
    styles = [None, 2, [0.5, -1.0, 3.0]]
    table = [
      (CAR, int(id), styles[rng.integers(3)])
      for id in rng.permutation(1000)[:count]
    ]
    one = read(plane, table)
    header, payload = scene_frame.of_scene(one)
    head, runs = sent(plane, table)
    back, _ = frame.unpack(frame.pack(header))
    assert back["table"] == head["table"] and payload == runs


def test_new_objects_get_ids_that_none_has():
  one = read(
    [0, 1, 2, 3, 4],
    [(SKY, 0), (CAR, None), (CAR, 4000), (CAR, None), (TREE, None)],
  )
  assert ids(one) == [0, 4001, 4000, 4002, 6000]
  assert one.objects.tolist() == [[0, 1, 2, 3, 4]]


def test_ids_do_not_change_when_they_are_sent_again():
  table = [(SKY, 0), (CAR, None), (CAR, None)]
  first = ids(read([0, 1, 2], table))
  named = [(SKY, 0), (CAR, first[1]), (CAR, None)]
  assert ids(read([0, 1, 2], named)) == first


def test_a_new_region_joins_the_one_that_is_there():
  """Rows keep their numbers; the region has the pixels and its style."""
  one = read(
    [[0, 1, 2], [2, 3, 3]],
    [(SKY, 0, 1), (ROAD, 1, 2), (SKY, None, 3), (GRASS, None, None)],
  )
  assert one.objects.tolist() == [[0, 1, 0], [0, 3, 3]]
  assert ids(one) == [0, 1, 0, 3]
  assert [o.style for o in one.table] == [1, 2, 1, None]
  # Both rows are now said to be one object, and stay it.
  header, payload = scene_frame.of_scene(one)
  again = scene_frame.to_scene(header, payload, RENDERER)
  assert again.table == one.table and header["regions"]["0"] == 0


def test_two_new_regions_of_a_class_are_one():
  one = read([0, 1, 2], [(GRASS, None), (SKY, 0), (GRASS, None)])
  assert one.objects.tolist() == [[0, 1, 0]] and ids(one) == [3, 0, 3]


def test_a_region_without_pixels_comes_back_with_the_new_style():
  one = read([1, 1, 2], [(SKY, 0, 1), (ROAD, 1, 0), (SKY, None, 3)])
  assert one.objects.tolist() == [[1, 1, 0]] and ids(one) == [0, 1, 0]
  assert one.table[0].style == 3


def test_an_id_that_another_class_has_is_not_a_region_s():
  """Row 0 is a car of id 3: the new grass is no car."""
  one = read([0, 1], [(CAR, 3), (GRASS, None)])
  assert ids(one) == [3, 3000]


def test_rows_that_are_one_object_are_merged():
  one = read([0, 1, 2, 1], [(SKY, 0), (CAR, 7, 2), (CAR, 7, 1)])
  assert one.objects.tolist() == [[0, 1, 1, 1]]
  # Same id, other class: another object.
  two = read([0, 1, 2, 1], [(SKY, 0), (CAR, 7), (TREE, 7)])
  assert two.objects.tolist() == [[0, 1, 2, 1]]


def test_many_new_rows_are_numbered_in_one_pass():
  """Were each looked for anew, it would take minutes."""
  count = 20_000
  plane = np.arange(count).reshape(-1, 5)
  one = read(plane, [(CAR, None)] * count)
  assert sorted(ids(one)) == list(range(4000, 4000 + count))


def test_labels_outside_the_classes_are_kept():
  """An ignored 255 of a map that was opened."""
  one = read([0, 1], [(255, 255), (-1, -1)])
  assert one.label.tolist() == [[255, -1]]
  assert scene_frame.of_scene(one)[0]["regions"] == {}


def test_what_is_resolved():
  """Rows with pixels, and those that are asked for; the bank's draw."""
  one = read([0, 1, 1], [(CAR, 5, 3), (PERSON, None), (TREE, 9, [1, 2, 3])])
  assert scene_frame.resolved(one, RENDERER, 0, [2]) == [
    [0, 5, 3],
    # Persons have no styles: the mean of all.
    [1, 5000, (0.125, 0.125, 0.125)],
    [2, 9, (1, 2, 3)],
  ]
  two = read([0, 1], [(SKY, 0, None), (SKY, None, None)])
  draw = scene_frame.resolved(two, RENDERER, 0, [1])
  assert draw == [[0, 0, draw[0][2]], [1, 0, draw[0][2]]]
  bare = stand_in((32, 64), styles=0)
  assert scene_frame.resolved(one, bare, 0) == [[0, 5, None], [1, 5000, None]]


@pytest.mark.parametrize(
  ("change", "code", "field"),
  [
    ({"table": []}, "table", "table"),
    ({"table": None}, "table", "table"),
    ({"table": [3]}, "table", "table[0]"),
    ({"table": [{"label": 0}] * 65536}, "table", "table"),
    ({"table": [{}]}, "label", "table[0].label"),
    ({"table": [{"label": 1.0}]}, "label", "table[0].label"),
    ({"table": [{"label": True}]}, "label", "table[0].label"),
    ({"table": [{"label": 2**31, "instance": 0}]}, "label", "table[0].label"),
    ({"table": [{"label": 7}]}, "label", "table[0].label"),
    ({"table": [{"label": -1}]}, "label", "table[0].label"),
    (
      {"table": [{"label": 0, "instance": "1"}]},
      "instance", "table[0].instance",
    ),
    (
      {"table": [{"label": 0, "instance": 2**31}]},
      "instance", "table[0].instance",
    ),
    ({"table": [{"label": CAR, "style": 4}]}, "style", "table[0].style"),
    ({"table": [{"label": PERSON, "style": 0}]}, "style", "table[0].style"),
    (
      {"table": [{"label": 9, "instance": 9, "style": 0}]},
      "style", "table[0].style",
    ),
    ({"table": [{"label": CAR, "style": [1, 2]}]}, "style", "table[0].style"),
    ({"kind": "picture"}, "kind", "kind"),
    ({"w": 5}, "runs", "payload"),
    ({"h": 10**6}, "size", "h"),
    ({"name": "../x"}, "name", "name"),
  ],
)  # fmt: skip
def test_refusals(change, code, field):
  header, payload = sent([[0, 0, 0]] * 2, [(SKY, 0)])
  with pytest.raises(Refusal) as error:
    scene_frame.to_scene({**header, **change}, payload, RENDERER)
  assert (error.value.code, error.value.field) == (code, field)
  assert error.value.status == 400 and len(error.value.message) < 300


def test_a_value_beyond_the_table():
  with pytest.raises(Refusal, match="a pixel of value 2, the largest is 1"):
    read([0, 2], [(SKY, 0), (ROAD, 1)])


def test_a_style_of_a_row_without_pixels_is_nobody_s_business():
  """Its class may have changed, or its bank."""
  one = read([0, 0], [(BUILDING, 2), (CAR, 5, 99)])
  assert scene_frame.resolved(one, RENDERER, 0)[0][0] == 0


def test_corrupted_frames_end_in_a_refusal():
  """300 times some bytes of a good frame are others: no other error."""
  label, instance = street((32, 64))
  one = open_scene(label, instance, CLASSES, styles=[1] * 2 + [None] * 8)
  good, draw = frame.pack(*scene_frame.of_scene(one)), random.Random(0)
  refused = 0
  for _ in range(300):
    bad = bytearray(good)
    for _ in range(draw.choice([1, 2, 20])):
      at = draw.randrange(len(bad))
      way = draw.randrange(4)
      if way == 0:
        bad[at] = draw.randrange(256)
      elif way == 1:
        del bad[at : at + draw.choice([1, 8, 500])]
      elif way == 2:
        bad[at:at] = draw.choice([b"9", b"[" * 99, b"-", b'"', b"1e400"])
      else:
        bad[at] ^= 1 << draw.randrange(8)
      if not bad:
        break
    try:
      scene_frame.to_scene(*frame.unpack(bytes(bad)), RENDERER)
    except Refusal as refusal:
      refused += 1
      assert refusal.message and refusal.field
  # Some changes, as of a class's number, leave it a scene.
  assert 200 < refused < 300
