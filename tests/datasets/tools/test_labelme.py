"""labelme's JSON files: shapes, groups, photos beside and inside, faults."""

import base64
import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets.tools.labelme import Labelme, draw
from hdgan.errors import InputError


def shape(label, points, shape_type="polygon", **more):
  return {
    "label": label, "points": points, "group_id": None, "flags": {},
    "shape_type": shape_type, **more,
  }  # fmt: skip


def told(shapes, path="a.jpg", **more):
  value = {
    "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": path,
    "imageData": None, "imageHeight": 3, "imageWidth": 4, **more,
  }  # fmt: skip
  return json.dumps(value).encode()


def box(label, left, right, **more):
  """Columns left to right, all rows."""
  return shape(label, [[left, 0], [right, 3]], "rectangle", **more)


SHAPES = [
  box("dog", 0, 3),
  box("cat", 0, 1, group_id=1),
  box("cat", 2, 3, group_id=1),
  shape("__ignore__", [[0, 2], [4, 2], [4, 3], [0, 3]]),
]
LABELS = b"__ignore__\n_background_\ndog\ncat\nhorse\n"
LABEL = [[2, 1, 2, 0], [2, 1, 2, 0], [255] * 4]
OBJECT = [[2, 1, 2, 0], [2, 1, 2, 0], [0] * 4]


@pytest.mark.parametrize("packed", ["", "mine.zip"])
def test_a_folder(tmp_path, packed):
  files = {
    "labels.txt": LABELS, "a.json": told(SHAPES), "a.jpg": jpeg(3, 4),
    "b/c.json": told([], "..\\photos\\c.JPG"), "photos/c.JPG": jpeg(3, 4),
    "settings.json": b"[1]",
  }  # fmt: skip
  write(tmp_path / "data", files, packed)
  if packed:  # The list may lie beside the zip as well.
    write(tmp_path / "data", {"labels.txt": LABELS})
  config = config_of("labelme", tmp_path, num_classes=4, ignore_label=255)
  found = Labelme.find(config)
  assert found.faults == ()
  first, second = found.splits["train"]
  assert (first.stem, second.stem) == ("a", "b_c")
  arrays = maps(first)
  np.testing.assert_array_equal(arrays["label"], LABEL)
  # The two boxes of group 1 are one cat.
  np.testing.assert_array_equal(arrays["instance"], OBJECT)
  assert second.image.name.endswith("photos/c.JPG")
  assert not maps(second)["label"].any()
  assert [(c["name"], c["has_instances"]) for c in found.classes] == [
    ("_background_", False), ("dog", True), ("cat", True), ("horse", True),
  ]  # fmt: skip


def test_without_a_list_of_labels(tmp_path):
  files = {"z.json": told([box("cat", 0, 1)], "z.jpg"), "z.jpg": jpeg(3, 4)}
  files |= {"a.json": told([box("dog", 0, 1)]), "a.jpg": jpeg(3, 4)}
  write(tmp_path / "data", files)
  found = Labelme.find(config_of("labelme", tmp_path, num_classes=3))
  names = [c["name"] for c in found.classes]
  assert names == ["background", "cat", "dog"]
  assert "no labels.txt: classes are numbered in the order" in found.notes[0]


def test_a_photo_inside(tmp_path):
  photo = png(np.arange(36, dtype=np.uint8).reshape(3, 4, 3))
  inside = base64.b64encode(photo).decode()
  files = {"a.json": told([box("cat", 0, 1)], imageData=inside)}
  write(tmp_path / "data", files)
  found = Labelme.find(config_of("labelme", tmp_path, num_classes=2))
  assert found.faults == ()
  image = maps(found.splits["train"][0])["image"]
  np.testing.assert_array_equal(image.ravel(), np.arange(36))


def test_folders_that_are_splits(tmp_path):
  files = {}
  for split in ("train", "val"):
    files[f"{split}/a.json"] = told([box("cat", 0, 1)])
    files[f"{split}/a.jpg"] = jpeg(3, 4)
  write(tmp_path / "data", files)
  found = Labelme.find(config_of("labelme", tmp_path, num_classes=2))
  assert list(found.splits) == ["train", "val"]
  for split, (one,) in found.splits.items():
    assert one.image.path.parent.name == split


def test_labels_that_version_3_numbered(tmp_path):
  old = [box("cat-1", 0, 1), box("cat-2", 1, 2), box("cat-1", 3, 4)]
  for one in old:
    del one["group_id"]
  files = {"labels.txt": b"cat\n", "a.json": told(old), "a.jpg": jpeg(3, 4)}
  write(tmp_path / "data", files)
  found = Labelme.find(config_of("labelme", tmp_path, num_classes=2))
  assert found.faults == ()
  arrays = maps(found.splits["train"][0])
  np.testing.assert_array_equal(arrays["label"][0], [1, 1, 0, 1])
  np.testing.assert_array_equal(arrays["instance"][0], [1, 2, 0, 1])


def encoded(mask):
  return base64.b64encode(png(np.array(mask, np.uint8) * 255)).decode()


@pytest.mark.parametrize(
  ("kind", "points", "mask", "want"),
  [
    # Pixels with their centres inside: x 1..3 and y 0..2.
    ("rectangle", [[3, 2], [1, 0]], None, {(y, x) for y in (0, 1) for x in
                                           (1, 2)}),
    ("mask", [[1, 1], [2, 2]], encoded([[0, 1], [1, 1]]),
     {(1, 2), (2, 1), (2, 2)}),
    ("mask", [[-1, -1], [0, 0]], encoded([[1, 1], [1, 1]]), {(0, 0)}),
    ("oriented_rectangle", [[0, 0], [1, 0], [1, 2], [0, 2]], None,
     {(0, 0), (1, 0)}),
  ],
)  # fmt: skip
def test_shapes_by_hand(kind, points, mask, want):
  ids = draw([(kind, points, mask, 7)], (4, 5), 0)
  assert {(int(y), int(x)) for y, x in np.argwhere(ids == 7)} == want


def test_strokes_have_labelme2vocs_sizes():
  """A point of radius 5, a line 10 wide, a circle through its second point."""
  for kind, points, area in (
    ("point", [[20, 20]], np.pi * 5.5**2),
    ("circle", [[20, 20], [20, 30]], np.pi * 10.5**2),
    ("line", [[10, 20], [30, 20]], 21 * 10),
    ("linestrip", [[10, 5], [10, 20], [30, 20]], 36 * 10),
  ):
    count = int((draw([(kind, points, None, 1)], (40, 40), 0) == 1).sum())
    assert abs(count - area) < 0.2 * area, kind


@pytest.mark.parametrize(
  ("files", "fault"),
  [
    ({"a.json": told(SHAPES)}, "photo a.jpg is missing; put it into"),
    ({"a.json": told([shape("cat", [[0, 0], [1, 1]])])},
     "shape 0 ('cat'): a polygon of 2 points; draw it anew"),
    ({"a.json": told([shape("cat", [[9, 9], [9, 8], [8, 8]])])},
     "lies outside of the 3x4 picture; draw it anew"),
    (
      {"a.json": told([shape("cat", [[1, 1]], [[]])])},
      "of type '[[]]', which is no area; draw a polygon",
    ),
    ({"a.json": told([shape("cat", [[1, 1]], "cuboid")])},
     "of type 'cuboid', which is no area; draw a polygon"),
    ({"a.json": told([shape("cat", [[1, 1], [2, 2]], "mask")])},
     "a mask without its pixels"),
    ({"a.json": told([], imageHeight=None)}, "as before labelme 4"),
    ({"a.json": told([box("catt", 0, 1)]), "labels.txt": LABELS},
     "labels.txt: lacks the label 'catt' (did you mean 'cat'?); add it"),
    ({"a.json": told(SHAPES), "a.jpg": jpeg(3, 4), "labels.txt": LABELS},
     "num_classes = 35, ignore_label = -1 does not fit: say "
     "--config.num_classes=4 --config.ignore_label=255"),
    ({"a.json": told(SHAPES)[:-1]}, "not JSON"),
    ({"b.json": b"{}"}, "no JSON of labelme's"),
  ],
)  # fmt: skip
def test_wrong_twins(tmp_path, files, fault):
  write(tmp_path / "data", files)
  with pytest.raises(InputError) as error:
    raise InputError(
      "\n".join(Labelme.find(config_of("labelme", tmp_path)).faults)
    )
  assert fault in str(error.value)


def test_what_cannot_be_decoded(tmp_path):
  broken = shape("cat", [[0, 0], [1, 1]], "mask", mask="?")
  write(tmp_path / "data", {"a.json": told([broken]), "a.jpg": jpeg(3, 4)})
  found = Labelme.find(config_of("labelme", tmp_path, num_classes=2))
  with pytest.raises(InputError, match=r"a.json: its picture is no base64"):
    found.splits["train"][0].label.read()
