"""COCO's JSON: polygons, both codings of run lengths, order, faults."""

import json
import re

import numpy as np
import pytest

from hdgan.datasets.examples import FilePart
from hdgan.datasets.tools import coco, drawing


def encoded(counts):
  """COCO's string of run lengths, from its published description."""
  text = ""
  for i, count in enumerate(counts):
    rest = count - counts[i - 2] if i > 2 else count
    while True:
      code, rest = rest & 31, rest >> 5
      more = rest != (-1 if code & 16 else 0)
      text += chr(48 + code + 32 * more)
      if not more:
        break
  return text


def test_a_polygon_holds_the_pixels_whose_centres_are_inside():
  window, mask = drawing.polygon([(1, 1), (3, 1), (3, 4), (1, 4)], 6, 8)
  assert window == (slice(1, 4), slice(1, 3))
  assert mask.all() and mask.shape == (3, 2)
  # x + y < 4 at the centres: rows of 3, 2, 1.
  window, mask = drawing.polygon([(0, 0), (4, 0), (0, 4)], 6, 8)
  want = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
  np.testing.assert_array_equal(mask, np.array(want, bool))


def test_neighbours_share_an_edge_and_no_pixel():
  ids = np.zeros((50, 60), int)
  corners = [(0, 0), (60, 0), (60, 50), (0, 50)]
  for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
    window, mask = drawing.polygon([a, b, (23.3, 31.7)], 50, 60)
    ids[window] += mask
  assert (ids == 1).all()


def test_a_polygon_may_reach_out_of_the_picture():
  window, mask = drawing.polygon([(-5, -5), (2, -5), (2, 99), (-5, 99)], 4, 6)
  assert window == (slice(0, 4), slice(0, 2)) and mask.all()


@pytest.mark.parametrize(
  ("text", "counts"),
  [
    # By hand: 5 bits a character from '0' on, 32 = more follow, 16 = sign.
    ("05", [0, 5]),
    ("P1", [32]),
    ("123N", [1, 2, 3, 0]),  # The fourth is 2 - 2, and -2 is '0' + 30.
  ],
)
def test_run_lengths_by_hand(text, counts):
  assert drawing.run_lengths(text) == counts
  assert encoded(counts) == text


def test_run_lengths_go_down_the_columns():
  mask = drawing.runs([1, 2, 3], 3, 2)
  np.testing.assert_array_equal(mask, np.array([[0, 0], [1, 0], [1, 0]], bool))


def test_strings_of_long_runs():
  rng = np.random.default_rng(0)
  mask = rng.random((40, 70)) < 0.02
  mask[5:30, 10:60] = True
  flat = np.concatenate([[False], mask.T.ravel()])
  ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), mask.size)
  counts = np.diff(ends, prepend=0).tolist()
  got = drawing.runs(drawing.run_lengths(encoded(counts)), 40, 70)
  np.testing.assert_array_equal(got, mask)


SQUARE = [[0, 0, 2, 0, 2, 2, 0, 2]]


def told(**more):
  """A JSON of one 3x4 picture, categories 3 and 7, one square."""
  return {
    "images": [{"id": 9, "file_name": "a.jpg", "height": 3, "width": 4}],
    "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
      {"id": 1, "image_id": 9, "category_id": 3, "segmentation": SQUARE}
    ],
    **more,
  }


def read(tmp_path, value):
  path = tmp_path / "instances.json"
  path.write_text(json.dumps(value))
  return coco.read_instances(FilePart(path))


def test_the_last_one_is_on_top_and_crowds_are_below(tmp_path):
  # A crowd in rows 1 and 2 of columns 1 and 2, as run lengths.
  crowd = {"size": [3, 4], "counts": [4, 2, 1, 2, 3]}
  two = [[1, 0, 4, 0, 4, 1, 1, 1], [3, 2, 4, 2, 4, 3, 3, 3]]
  annotations = [
    {"segmentation": SQUARE},
    {"segmentation": crowd, "iscrowd": 1},
    {"segmentation": two},
  ]
  want = [[1, 3, 3, 3], [1, 1, 2, 0], [0, 2, 2, 3]]
  np.testing.assert_array_equal(coco.paint(annotations, 3, 4), want)
  crowd["counts"] = encoded(crowd["counts"])
  np.testing.assert_array_equal(coco.paint(annotations, 3, 4), want)


def test_what_an_instances_json_lists(tmp_path):
  found = read(tmp_path, told())
  assert found.faults == ()
  assert list(found.categories) == [7, 3]
  assert found.images[9]["file_name"] == "a.jpg"
  assert [one["id"] for one in found.annotations[9]] == [1]


def annotation(**more):
  return {
    "annotations": [
      {"id": 5, "image_id": 9, "category_id": 3, "segmentation": SQUARE, **more}
    ]
  }


@pytest.mark.parametrize(
  ("more", "fault"),
  [
    (annotation(image_id=8), "annotation 5: image_id = 8 is not in"),
    (annotation(category_id=4), "annotation 5: category_id = 4 is not in"),
    (annotation(segmentation=[]), "has no segmentation, at most a box"),
    (annotation(segmentation=[[0, 0, 1, 1]]), "of 4 numbers .* than 3 points"),
    (annotation(segmentation=[[9, 9, 9, 8, 8, 8]]), "outside of the 3x4"),
    (annotation(segmentation=[[0, 0, "1", 0, 1, 1]]), "no list of numbers"),
    (annotation(segmentation={"size": [4, 3], "counts": [12]}), "4, 3"),
    (
      annotation(segmentation={"size": [3, 4], "counts": [4, 7]}),
      "add up to 11, not to 3 x 4 = 12",
    ),
    ({"images": []}, "image_id = 9 is not in"),
    ({"images": [{"id": 9, "file_name": "a.jpg"}]}, "no height and width"),
    (
      {"categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "cat"}]},
      "ids 3 and 4 are both called 'cat'",
    ),
    ({"categories": [{"id": 3}]}, "id 3 has no 'name'"),
    ({"categories": {}}, "has no list 'categories'"),
  ],
)
def test_wrong_twins(tmp_path, more, fault):
  found = read(tmp_path, told(**more))
  assert any(re.search(fault, line) for line in found.faults)
  assert all("\n" not in line and "; " in line for line in found.faults)
