import json

import numpy as np
import pytest
from evaluation.study.folders import make_folders
from PIL import Image

from hdgan.errors import InputError
from hdgan.evaluation.study import regions
from hdgan.evaluation.study.methods import find_methods

SIZES = {"a": (20, 30), "b": (20, 30)}


def boxes(tmp_path, data):
  path = tmp_path / "boxes.json"
  path.write_text(json.dumps(data))
  return regions.read_boxes(path, SIZES)


def test_boxes_are_read(tmp_path):
  assert boxes(tmp_path, {"b": [10, 0, 20, 20]}) == {"b": (10, 0, 20, 20)}


@pytest.mark.parametrize(
  ("data", "said"),
  [
    ({"c": [0, 0, 1, 1]}, "'c': there is no picture of that name; there are"),
    ({"a": [0, 0, 1]}, "'a': [0, 0, 1] must be [left, top, width, height]"),
    ({"a": [0, 0, 1, 0]}, "must be [left, top, width, height]"),
    ({"a": [0, -1, 1, 1]}, "must be [left, top, width, height]"),
    ({"a": [0, 0, 1.5, 1]}, "must be [left, top, width, height]"),
    ({"a": [11, 0, 20, 20]}, "reaches beyond the picture of 30x20"),
    ({}, "holds no box"),
  ],
)
def test_wrong_boxes_are_refused(tmp_path, data, said):
  with pytest.raises(InputError) as raised:
    boxes(tmp_path, data)
  assert str(raised.value).startswith("--crop=") and said in str(raised.value)
  assert "\n" not in str(raised.value)


def save(path, array):
  path.parent.mkdir(exist_ok=True)
  Image.fromarray(array).save(path)


@pytest.fixture
def maps(tmp_path):
  """Two maps with cars (class 1): two that touch, a tiny one; and none."""
  label, inst = np.zeros((2, 40, 60), np.uint8)
  label[10:20, 5:25] = 1
  inst[10:20, 5:15], inst[10:20, 15:25] = 7, 9
  label[30, 50] = inst[30, 50] = 1  # Below 1/1000 of the 2,400 pixels.
  save(tmp_path / "val_label" / "a.png", label)
  save(tmp_path / "val_inst" / "a.png", inst)
  save(tmp_path / "val_label" / "b.png", np.zeros((40, 60), np.uint8))
  save(tmp_path / "val_inst" / "b.png", np.zeros((40, 60), np.uint8))
  names = [{"id": 0, "name": "road"}, {"id": 1, "name": "car"}]
  (tmp_path / "classes.json").write_text(json.dumps(names))
  return tmp_path / "val_label"


@pytest.mark.parametrize("klass", ["car", "1"])
def test_objects_of_a_class_are_found(maps, klass):
  found = regions.open_outlines(klass, maps, ["a", "b"])
  numbers = found.objects("a", (40, 60))
  want = np.zeros((40, 60), int)
  want[10:20, 5:15], want[10:20, 15:25] = 1, 2
  np.testing.assert_array_equal(numbers, want)
  assert not found.objects("b", (40, 60)).any()
  # A picture of half the size has every second pixel of the map.
  np.testing.assert_array_equal(found.objects("a", (20, 30)), want[1::2, 1::2])
  with pytest.raises(InputError, match="a: the picture is 60x20, its map 60x4"):
    found.objects("a", (20, 60))


def test_without_an_instance_map_the_class_is_one_object(maps):
  for path in (maps.parent / "val_inst").iterdir():
    path.unlink()
  (maps.parent / "val_inst").rmdir()
  numbers = regions.open_outlines("car", maps, ["a"]).objects("a", (40, 60))
  assert numbers[15, 6] == numbers[15, 24] == 1


def test_wrong_outlines_are_refused(maps, tmp_path):
  for klass, source, stems, said in (
    ("cra", maps, ["a"], "--outline=cra: there is no such class; did you mean"),
    ("car", tmp_path / "none", ["a"], "is no folder"),
    ("car", maps, ["a", "c"], "has no map of c (1 of 2 pictures have none)"),
  ):
    with pytest.raises(InputError) as raised:
      regions.open_outlines(klass, source, stems)
    assert said in str(raised.value)
  (tmp_path / "classes.json").unlink()
  with pytest.raises(InputError, match="no classes.json beside --input; say"):
    regions.open_outlines("car", maps, ["a"])


def test_lines_lie_outside_of_objects_and_between_them():
  picture = np.full((40, 60, 3), 99, np.uint8)
  objects = np.zeros((40, 60), np.int32)
  objects[10:20, 5:15], objects[10:20, 15:25] = 1, 2
  drawn = regions.draw_outlines(picture, objects)
  yellow = (drawn == regions._BRIGHT).all(-1)
  # One pixel around both, and the first one's edge to the second.
  want = np.zeros((40, 60), bool)
  want[9:21, 4:26] = True
  want[10:20, 5:25] = False
  want[10:20, 14] = True
  np.testing.assert_array_equal(yellow, want)
  black = (drawn == 0).all(-1)
  assert black.sum() == 14 * 24 - 12 * 22 and black[8, 3]
  assert (drawn[~yellow & ~black] == 99).all()


def test_the_flags_choose_pictures_with_a_region(maps, tmp_path):
  entries = make_folders(tmp_path / "m", ("x", "y"), ("a", "b"), (20, 30))
  found = find_methods(entries)
  kept, region = regions.find_region(found, None, "car", str(maps))
  assert list(kept.sizes) == ["a"] and region.boxes == {}
  path = tmp_path / "boxes.json"
  path.write_text('{"b": [0, 0, 5, 5]}')
  kept, region = regions.find_region(found, path, "", "")
  assert list(kept.sizes) == ["b"] and region.outlines is None
  path.write_text('{"a": [0, 0, 4, 4], "b": [0, 0, 5, 5]}')
  with pytest.raises(InputError, match="no map has an object of that class"):
    regions.find_region(found, path, "car", str(maps))
  for outline, source in (("car", ""), ("", str(maps))):
    with pytest.raises(InputError, match="go together"):
      regions.find_region(found, None, outline, source)
