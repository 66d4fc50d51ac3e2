"""COCO's JSON as CVAT, Roboflow and others export it."""

import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets.tools.coco_json import CocoJson
from hdgan.errors import InputError

LEFT = [[0, 0, 2, 0, 2, 3, 0, 3]]
CATEGORIES = [
  {"id": 40, "name": "dog", "supercategory": ""},
  {"id": 7, "name": "cat", "supercategory": ""},
]


def instances(names, categories=CATEGORIES, **more):
  """Pictures of 3x4: the left half a cat, over it one pixel of dog."""
  images, annotations = [], []
  for i, name in enumerate(names, 1):
    images.append({"id": i, "file_name": name, "height": 3, "width": 4})
    for category, segmentation in (
      (7, LEFT),
      (40, {"size": [3, 4], "counts": [4, 1, 7]}),
    ):
      annotations.append({
        "id": len(annotations) + 1, "image_id": i, "category_id": category,
        "segmentation": segmentation, "iscrowd": 0, "area": 1,
        "bbox": [0, 0, 1, 1],
      })  # fmt: skip
  value = {
    "licenses": [], "info": {}, "categories": categories, "images": images,
    "annotations": annotations,
  }  # fmt: skip
  return json.dumps({**value, **more}).encode()


def cvat():
  return {
    "annotations/instances_default.json": instances(["a.jpg", "n/b.jpg"]),
    "images/a.jpg": jpeg(3, 4), "images/n/b.jpg": jpeg(3, 4),
  }  # fmt: skip


@pytest.mark.parametrize("packed", ["", "coco.zip"])
def test_cvat(tmp_path, packed):
  write(tmp_path / "data", cvat(), packed)
  found = CocoJson.find(config_of("coco_json", tmp_path, num_classes=3))
  assert found.faults == ()
  first, second = found.splits["train"]
  assert (first.stem, second.stem) == ("a", "n_b")
  # The file's order: 1 dog, 2 cat; the dog in row 1 of column 1.
  label = [[2, 2, 0, 0], [2, 1, 0, 0], [2, 2, 0, 0]]
  instance = [[1, 1, 0, 0], [1, 2, 0, 0], [1, 1, 0, 0]]
  for one in (first, second):
    arrays = maps(one)
    np.testing.assert_array_equal(arrays["label"], label)
    np.testing.assert_array_equal(arrays["instance"], instance)
  assert [(c["name"], c["has_instances"]) for c in found.classes] == [
    ("background", False), ("dog", True), ("cat", True),
  ]  # fmt: skip
  assert "nothing is held out" in found.notes[0]


def test_roboflow(tmp_path):
  """A folder a split, the same names in each, a category that is a group."""
  group = {"id": 0, "name": "pets", "supercategory": "none"}
  categories = [group, *({**c, "supercategory": "pets"} for c in CATEGORIES)]
  files = {}
  for split in ("train", "valid", "test"):
    files[f"{split}/_annotations.coco.json"] = instances(["a.jpg"], categories)
    files[f"{split}/a.jpg"] = jpeg(3, 4)
  write(tmp_path / "data", files, "pets.coco.zip")
  config = config_of("coco_json", tmp_path, num_classes=3)
  found = CocoJson.find(config)
  assert found.faults == ()
  assert list(found.splits) == ["train", "val"]
  for split, folder in (("train", "train"), ("val", "valid")):
    (one,) = found.splits[split]
    assert one.image.member == f"{folder}/a.jpg"
  assert "'pets' is a group of others" in found.notes[0]
  assert "pictures of 'test' are not used" in found.notes[1]
  config.data.split = "test"
  assert list(CocoJson.find(config).splits) == ["train", "test"]
  config.data.split = "dev"
  with pytest.raises(InputError, match="say --config.data.split=val"):
    CocoJson.find(config)


def test_splits_by_the_name_of_the_file(tmp_path):
  files = {}
  for split in ("train2017", "val2017"):
    files[f"annotations/instances_{split}.json"] = instances(["1.jpg"])
    files[f"{split}/1.jpg"] = jpeg(3, 4)
  files["annotations/captions_val2017.json"] = b"{}"
  files["settings.json"] = b"[]"
  write(tmp_path / "data", files)
  found = CocoJson.find(config_of("coco_json", tmp_path, num_classes=3))
  assert found.faults == ()
  for split, folder in (("train", "train2017"), ("val", "val2017")):
    (one,) = found.splits[split]
    assert one.image.path.parent.name == folder


def panoptic(**more):
  value = {
    "images": [{"id": 1, "file_name": "a.jpg", "height": 2, "width": 3}],
    "categories": [
      {"id": 5, "name": "sky", "isthing": 0, "color": [1, 2, 3]},
      {"id": 2, "name": "car", "isthing": 1},
    ],
    "annotations": [{
      "image_id": 1, "file_name": "a.png", "segments_info": [
        {"id": 300, "category_id": 2}, {"id": 7, "category_id": 5},
        {"id": 65536, "category_id": 2},
      ],
    }],
  }  # fmt: skip
  # 300 = 44 + 256, 65536 = one of blue.
  rgb = [[[7, 0, 0], [44, 1, 0], [0, 0, 1]], [[0, 0, 0]] * 3]
  return {
    "annotations/panoptic_train.json": json.dumps({**value, **more}).encode(),
    "annotations/panoptic_train/a.png": png(np.array(rgb, np.uint8)),
    "images/a.jpg": jpeg(2, 3),
  }


def test_panoptic(tmp_path):
  # A folder above may be called anything.
  write(tmp_path / "data/panoptic_1", panoptic())
  config = config_of("coco_json", tmp_path, num_classes=2, ignore_label=255)
  found = CocoJson.find(config)
  assert found.faults == ()
  arrays = maps(found.splits["train"][0])
  np.testing.assert_array_equal(arrays["label"], [[0, 1, 1], [255] * 3])
  np.testing.assert_array_equal(arrays["instance"], [[1, 2, 3], [0] * 3])
  assert found.classes[0]["color"] == (1, 2, 3)
  assert [c["has_instances"] for c in found.classes] == [False, True]


INSTANCES = "annotations/instances_default.json"


@pytest.mark.parametrize(
  ("files", "fault"),
  [
    ({**cvat(), "images/a.jpg": None}, "photo a.jpg is missing; put it"),
    (
      {**cvat(), "images/a.png": png(np.zeros((3, 4), np.uint8)),
       INSTANCES: instances(["images/a", "n/b.jpg"])},
      "photo images/a is there 2 times (images/a.jpg, images/a.png); keep one",
    ),
    (
      {**cvat(), "annotations/instances_train.json":
       instances(["a.jpg"], [{"id": 7, "name": "dog"},
                             {"id": 40, "name": "cat"}])},
      "its categories are not those of ",
    ),
    (
      {**cvat(), INSTANCES: instances(["a.jpg", "n/b.jpg"], CATEGORIES[:1])},
      "category_id = 7 is not in the file's list",
    ),
    (
      {**cvat(), "panoptic/panoptic_x.json":
       panoptic()["annotations/panoptic_train.json"]},
      "has instances and panoptic; say --config.data.variant=instances or",
    ),
    (
      {**cvat(), INSTANCES: instances(["b.jpg", "n/b.jpg"])},
      "n/b.jpg: is the only photo that b and n_b fit; add the other one",
    ),
    ({"a.jpg": jpeg(3, 4)}, "has no JSON of COCO's kinds; say"),
    ({**cvat(), INSTANCES: b'{"images": '}, "not JSON"),
  ],
)  # fmt: skip
def test_wrong_twins(tmp_path, files, fault):
  there = {name: data for name, data in files.items() if data is not None}
  write(tmp_path / "data", there)
  with pytest.raises(InputError) as error:
    found = CocoJson.find(config_of("coco_json", tmp_path, num_classes=3))
    raise InputError("\n".join(found.faults))
  assert fault in str(error.value)


@pytest.mark.parametrize(
  ("more", "fault"),
  [
    (
      {"annotations": [{"image_id": 2, "segments_info": []}]},
      "image_id = 2 is not in the file's",
    ),
    (
      {"annotations": [{"image_id": 1, "file_name": "b.png",
                        "segments_info": []}]},
      "b.png is missing; unpack the folder",
    ),
    (
      {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info":
                        [{"id": 7, "category_id": 9}]}]},
      "category_id = 9 is not in",
    ),
    (
      {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info":
                        [{"id": 7, "category_id": 5}]}]},
      "segments 300, 65536 are not in the JSON's segments_info",
    ),
  ],
)  # fmt: skip
def test_wrong_twins_of_panoptic(tmp_path, more, fault):
  write(tmp_path / "data", panoptic(**more))
  config = config_of("coco_json", tmp_path, num_classes=2, ignore_label=255)
  config.data.variant = "panoptic"
  with pytest.raises(InputError) as error:
    found = CocoJson.find(config)
    if found.faults:
      raise InputError("\n".join(found.faults))
    found.splits["train"][0].read()
  assert fault in str(error.value)
