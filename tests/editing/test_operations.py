"""Edits on maps that are small enough to be worked out by hand."""

import types

import numpy as np
import pytest
from scipy import ndimage

from hdgan.editing import operations, scene
from hdgan.errors import InputError
from hdgan.styles.choice import Chooser

CLASSES = (
  {"id": 0, "name": "sky", "has_instances": False},
  {"id": 1, "name": "road", "has_instances": False},
  {"id": 2, "name": "car", "has_instances": True},
  {"id": 3, "name": "tree", "has_instances": True},
  {"id": 4, "name": "grass", "has_instances": False},
)
LABEL = np.array([
  [0, 0, 0, 0, 0, 0],
  [0, 3, 0, 2, 2, 0],
  [1, 3, 1, 2, 2, 1],
  [1, 1, 1, 1, 1, 1],
])  # fmt: skip
INSTANCE = np.where(LABEL == 2, 2000, np.where(LABEL == 3, 3000, LABEL))


def street(**more):
  return scene.open_scene(LABEL, INSTANCE, CLASSES, **more)


def test_opening_changes_nothing():
  one = street(styles=[4, 3, (0.5, 0.5), 1])
  np.testing.assert_array_equal(one.label, LABEL)
  np.testing.assert_array_equal(one.instance, INSTANCE)
  assert scene.keys_of(one) == ["0", "1", "2000", "3000"]
  assert [o.style for o in one.table] == [4, 3, (0.5, 0.5), 1]
  assert operations.undo(one) is one


def test_remove_gives_each_pixel_to_the_nearest_region():
  after = operations.remove(street(), "2000")
  want = LABEL.copy()
  # Above the middle sky is nearer, below it road.
  want[1, 3:5], want[2, 3:5] = 0, 1
  np.testing.assert_array_equal(after.label, want)
  np.testing.assert_array_equal(after.instance, np.where(want == 3, 3000, want))
  assert scene.objects_of(after, "car") == () and after.touched == ()
  np.testing.assert_array_equal(operations.undo(after).label, LABEL)


def test_objects_do_not_flow_into_a_hole():
  label = np.array([[2, 2, 3, 3, 1]])
  one = scene.open_scene(
    label, np.array([[2000, 2000, 2001, 3000, 1]]), CLASSES
  )
  after = operations.remove(one, "2000")
  np.testing.assert_array_equal(after.label, [[1, 1, 3, 3, 1]])


def test_a_class_says_whether_it_fills_holes():
  """Houses have ids but flow; a lamp has none and does not."""
  classes = [dict(entry) for entry in CLASSES]
  classes[2]["background"], classes[1]["background"] = True, False
  label = np.array([[0, 2, 3, 3, 1]])
  one = scene.open_scene(label, np.array([[0, 2000, 3000, 3000, 1]]), classes)
  after = operations.remove(one, "3000")
  np.testing.assert_array_equal(after.label, [[0, 2, 2, 2, 1]])
  np.testing.assert_array_equal(after.instance, [[0, 2000, 2000, 2000, 1]])


def test_without_background_the_nearest_object_fills():
  one = scene.open_scene(
    np.array([[2, 2, 3]]), np.array([[2000, 2000, 3000]]), CLASSES
  )
  after = operations.remove(one, "2000")
  np.testing.assert_array_equal(after.instance, [[3000, 3000, 3000]])
  with pytest.raises(InputError, match="nothing else is in the picture"):
    operations.remove(after, "3000")


def test_remove_with_a_chosen_class():
  after = operations.remove(street(), ["2000", "3000"], fill="grass")
  hole = (LABEL == 2) | (LABEL == 3)
  np.testing.assert_array_equal(after.label, np.where(hole, 4, LABEL))
  assert after.touched == ("4",)


def test_fill_against_a_slow_search():
  rng = np.random.default_rng(0)
  label = rng.integers(0, 2, (12, 15))
  hole = rng.random((12, 15)) < 0.7
  label[hole] = 2
  one = scene.open_scene(label, np.where(hole, 2000, label), CLASSES)
  got = operations.remove(one, "2000").label
  ys, xs = np.nonzero(~hole)
  for y, x in zip(*np.nonzero(hole), strict=True):
    far = (ys - y) ** 2 + (xs - x) ** 2
    near = far == far.min()
    assert got[y, x] in label[ys[near], xs[near]]
  np.testing.assert_array_equal(got[~hole], label[~hole])


def test_trees_become_road_and_join_it():
  after = operations.change_class(
    street(), scene.objects_of(street(), "tree"), "road"
  )
  np.testing.assert_array_equal(after.label, np.where(LABEL == 3, 1, LABEL))
  assert scene.keys_of(after)[:3] == ["0", "1", "2000"]
  assert after.touched == ("1",)


def test_trees_become_cars_and_stay_objects():
  after = operations.change_class(street(styles=[0, 1, 2, 3]), 3000, "car")
  np.testing.assert_array_equal(after.instance, INSTANCE)
  np.testing.assert_array_equal(after.label, np.where(LABEL == 3, 2, LABEL))
  assert scene.objects_of(after, "car") == ("2000", "3000")
  # A style's number means another look in another class.
  assert [o.style for o in after.table] == [0, 1, 2, None]


def test_a_new_region_takes_all_of_one_edit():
  after = operations.change_class(street(), ["2000", "3000"], "grass")
  assert len(after.rows()) == 3 and scene.objects_of(after, "grass") == ("4",)
  assert (after.label == 4).sum() == (LABEL >= 2).sum()


def test_the_same_id_in_two_classes_never_merges():
  label, instance = np.array([[2, 3, 1]]), np.array([[7, 7, 1]])
  one = scene.open_scene(label, instance, CLASSES)
  assert scene.keys_of(one)[1:] == ["2:7", "3:7"]
  after = operations.change_class(one, "3:7", "car")
  np.testing.assert_array_equal(after.instance, [[7, 2000, 1]])
  with pytest.raises(InputError, match="'7' is ambiguous"):
    operations.remove(one, "7")


def test_two_added_cars_are_two_objects():
  mask = np.zeros(LABEL.shape, bool)
  mask[3, :2] = True
  one = operations.add(street(), mask, "car", 1)
  two = operations.add(one, np.roll(mask, 2, 1), "car")
  assert one.touched == ("2001",) and two.touched == ("2002",)
  np.testing.assert_array_equal(two.instance[3], [2001, 2001, 2002, 2002, 1, 1])
  assert two.table[-2].style == 1 and two.table[-1].style is None
  # An id is not used again, even after its object is gone.
  again = operations.add(operations.remove(two, "2002"), mask, "car")
  assert again.touched == ("2003",)


def test_painting_a_region_extends_it():
  after = operations.add(street(), LABEL == 2, "road")
  assert after.touched == ("1",) and len(after.table) == 4
  np.testing.assert_array_equal(after.label, np.where(LABEL == 2, 1, LABEL))


def test_move_by_hand():
  after = operations.move(street(), "2000", 1, -2)
  want = [
    [0, 0, 0, 0, 0, 0],
    [0, 3, 0, 0, 0, 0],
    [1, 2, 2, 1, 1, 1],
    [1, 2, 2, 1, 1, 1],
  ]
  np.testing.assert_array_equal(after.label, want)
  # The upper pixel of the tree is still there; nothing was lost by undoing.
  assert scene.objects_of(after, "tree") == ("3000",)
  np.testing.assert_array_equal(operations.undo(after).label, LABEL)


def test_what_moves_together_covers_nothing_of_itself():
  label = np.array([[0, 0, 0, 0, 0, 0, 0, 0], [0, 2, 2, 3, 3, 0, 0, 0]])
  one = scene.open_scene(label, label * 1000, CLASSES)
  after = operations.move(one, ["2000", "3000"], 0, 2)
  want = [[0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 2, 2, 3, 3, 0]]
  np.testing.assert_array_equal(after.label, want)
  assert after.touched == ("2000", "3000")
  with pytest.raises(InputError, match="3000: moved by 0, 5 it would leave"):
    operations.move(one, ["2000", "3000"], 0, 5)


def test_what_leaves_the_picture_is_cut_off():
  after = operations.move(street(), "2000", 0, 2)
  assert (after.label == 2).sum() == 2 and (after.label[:, 5] == 2).sum() == 2
  with pytest.raises(InputError, match="moved by 0, 9 it would leave"):
    operations.move(street(), "2000", 0, 9)


def test_restyle_touches_no_pixel():
  before = street()
  after = operations.restyle(before, ["2000", "3000"], 4)
  assert after.objects is before.objects and before.table[2].style is None
  assert [o.style for o in after.table] == [None, None, 4, 4]
  assert operations.restyle(after, 2000, [1, 2]).table[2].style == (1.0, 2.0)


def test_undo_walks_back_step_by_step():
  steps = [street()]
  for style in range(5):
    steps.append(operations.restyle(steps[-1], "2000", style))
  one = steps[-1]
  for before in reversed(steps[:-1]):
    one = operations.undo(one)
    assert one is before


def test_what_the_edits_concerned_is_kept_by_row():
  """Rows 0..3 are sky, road, car and tree; of what is gone too."""
  one = street(name="a")
  assert one.edited == frozenset()
  removed = operations.remove(one, "2000")
  assert removed.edited == {2} and removed.touched == ()
  both = operations.change_class(removed, "3000", "road")
  assert both.edited == {1, 2, 3} and both.touched == ("1",)
  assert operations.undo(both).edited == {2}
  assert both.name == operations.undo(both).name == "a"


def test_a_draw_is_given_the_map_s_name(monkeypatch):
  seen = []
  choose = Chooser.choose

  def spy(self, pairs, where):
    seen.append(where)
    return choose(self, pairs, where)

  monkeypatch.setattr(Chooser, "choose", spy)
  renderer = types.SimpleNamespace(channels=1, bank=None, means=None)
  for name in ("a", ""):
    operations.styles_of(street(name=name), renderer)
  assert seen == ["a", "the scene"]


def test_errors_name_the_map():
  for name, said in (("a", "a has no object '9'"), ("", "the scene has no")):
    with pytest.raises(InputError, match=f"^{said}"):
      operations.remove(street(name=name), "9")


@pytest.mark.parametrize("kind", [np.int64, np.uint32])
def test_ids_beyond_31_bits_keep_their_name(kind):
  """As a file of 32 bits holds them, and as numbers."""
  instance = np.where(INSTANCE == 2000, 2**32 - 5, INSTANCE).astype(kind)
  one = scene.open_scene(LABEL, instance, CLASSES)
  assert scene.objects_of(one, "car") == ("4294967291",)
  assert operations.remove(one, "-5").label[1, 3] == 0


@pytest.mark.parametrize(
  ("call", "line"),
  [
    (
      lambda s: operations.remove(s, "9"),
      "has no object '9'; it has 0, 1, 2000",
    ),
    (lambda s: operations.restyle(s, "x y", 1), "has no object 'x y'"),
    (
      lambda s: operations.change_class(s, "2000", "tre"),
      "did you mean 'tree'?",
    ),
    (
      lambda s: operations.change_class(s, "2000", 5),
      "class 5: there is no such",
    ),
    (
      lambda s: operations.add(s, np.ones((2, 2)), "car"),
      "2 x 2 pixels (height x width) must have the size of the scene",
    ),
    (lambda s: operations.add(s, LABEL > 9, "car"), "no pixels"),
    (lambda s: scene.open_scene(LABEL, INSTANCE[:2], CLASSES), "of one size"),
    (
      lambda s: scene.open_scene(LABEL[..., None], INSTANCE, CLASSES),
      "needs class ids",
    ),
  ],
)
def test_faults(call, line):
  with pytest.raises(InputError) as error:
    call(street())
  assert line in str(error.value)


def test_fresh_ids():
  table = [scene.SceneObject(1, 1), scene.SceneObject(2, 2000)]
  assert scene.fresh_id(street(), table, 2) == 2001
  assert scene.fresh_id(street(), table, 4) == 4
  assert scene.fresh_id(street(), table, 1) == 1000  # A second road.


def test_erase_by_hand():
  """A part of the tree, and of the sky and road around it."""
  mask = np.zeros(LABEL.shape, bool)
  mask[1:3, :2] = True
  after = operations.erase(street(), mask)
  want = LABEL.copy()
  want[1, :2], want[2, :2] = 0, 1
  np.testing.assert_array_equal(after.label, want)
  # Sky, road and tree have lost pixels; of the tree nothing is left.
  assert after.edited == {0, 1, 3} and after.touched == ("0", "1")
  np.testing.assert_array_equal(operations.undo(after).label, LABEL)


def test_erase_with_a_chosen_class():
  mask = np.zeros(LABEL.shape, bool)
  mask[0] = True
  after = operations.erase(street(), mask, "car")
  # A new car, apart from the one that is there.
  np.testing.assert_array_equal(after.instance[0], [2001] * 6)
  np.testing.assert_array_equal(after.label[1:], LABEL[1:])
  road = operations.erase(street(), mask, fill="road")
  np.testing.assert_array_equal(road.instance[0], [1] * 6)
  with pytest.raises(InputError, match="nothing to erase"):
    operations.erase(street(), LABEL > 9)
  with pytest.raises(InputError, match="nothing else is in the picture"):
    operations.erase(street(), LABEL >= 0)


def test_a_region_that_is_gone_comes_back_as_itself():
  """The same row and id, and the style that is asked for."""
  one = street(styles=[4, 3, 2, 1])
  bare = operations.erase(one, LABEL == 0, "road")
  assert not bare.sizes[0]
  again = operations.add(bare, LABEL == 0, "sky", 5)
  np.testing.assert_array_equal(again.instance, INSTANCE)
  assert [o.style for o in again.table] == [5, 3, 2, 1]
  trees = operations.change_class(bare, "3000", "sky")
  np.testing.assert_array_equal(trees.instance[1:3, 1], [0, 0])


@pytest.mark.parametrize("parts", [0, 200])
def test_holes_are_filled_as_if_the_whole_picture_was_searched(
  parts, monkeypatch
):
  """Against the transform of all pixels, ties included."""
  monkeypatch.setattr(scene, "_PARTS", parts)
  monkeypatch.setattr(scene, "_MARGIN", 5)
  rng = np.random.default_rng(1)
  for _ in range(60):
    size = tuple(rng.integers(1, 200, 2))
    label = rng.integers(0, 2, size)
    # Few sources, so that the nearest is often far away.
    label[rng.random(size) < rng.choice([0.0, 0.9, 0.99, 1.0])] = 3
    hole = np.zeros(size, bool)
    top, left = (int(rng.integers(n)) for n in size)
    hole[top : top + rng.integers(1, 40), left : left + rng.integers(1, 90)] = 1
    hole &= rng.random(size) < rng.choice([0.3, 1.0])
    instance = np.where(label == 3, 3000, label)
    one = scene.open_scene(label, instance, CLASSES)
    flows = (label < 3) & ~hole
    flows = flows if flows.any() else ~hole
    if not flows.any():
      continue
    y, x = ndimage.distance_transform_edt(
      ~flows, return_distances=False, return_indices=True
    )
    want = np.where(hole, one.objects[y, x], one.objects)
    np.testing.assert_array_equal(scene.fill_hole(one, hole), want)


def test_ids_of_many_objects_take_one_look_each():
  ids = scene.FreshIds(street(), [scene.SceneObject(2, 2001)])
  assert [ids(2) for _ in range(3)] == [2000, 2002, 2003]
  assert [ids(4), ids(4), ids(2), ids(0)] == [4, 4000, 2004, 0]
