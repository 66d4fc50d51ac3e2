"""COCO's two codings: maps as they are, outlines, colours that are ids."""

import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets import pipeline
from hdgan.datasets.downloads import coco
from hdgan.datasets.downloads.coco import CocoPanoptic, CocoStuff
from hdgan.errors import InputError

# Person, the class before the last, nothing.
STUFF = np.array([[0, 0, 180, 180], [0, 0, 181, 255], [0, 0, 2, 2]], np.uint8)
NAMES = {"train2017": 9, "val2017": 25}


def box(left, top, right, bottom):
  return [left, top, right, top, right, bottom, left, bottom]


def photos():
  return {f"{s}/{n:012d}.jpg": jpeg(3, 4) for s, n in NAMES.items()}


def stuff():
  return {f"{s}/{n:012d}.png": png(STUFF) for s, n in NAMES.items()}


def instances(number):
  """Two people who overlap, a crowd, a speck, what lies outside, another."""
  outlines = [
    (number, [box(0, 0, 2, 2)]),
    (number, {"counts": [0, 12], "size": [3, 4]}),
    (number, [box(1, 1, 2, 3), [0, 0, 1, 1], box(9, 9, 11, 11)]),
    (number, [box(9, 0, 11, 2)]),
    (number + 1, [box(0, 0, 4, 3)]),
  ]
  told = [
    {"id": 7 + i, "image_id": image, "category_id": 1, "segmentation": where,
     "iscrowd": int(isinstance(where, dict)), "bbox": [0, 0, 1, 1]}
    for i, (image, where) in enumerate(outlines)
  ]  # fmt: skip
  whole = {"info": {"annotations": [1]}, "annotations": told, "images": []}
  return json.dumps(whole, indent=1).encode()


OBJECTS = [[1, 1, 0, 0], [1, 2, 0, 0], [0, 2, 0, 0]]


def stuff_config(tmp_path, **changes):
  return config_of(
    "coco_stuff", tmp_path, num_classes=182, ignore_label=255, **changes
  )


@pytest.mark.parametrize("packed", [True, False])
def test_stuff(tmp_path, packed):
  root = tmp_path / "data"
  for split in NAMES:
    some = {k: v for k, v in photos().items() if k.startswith(split)}
    write(root, some, f"{split}.zip" if packed else "")
  write(
    root if packed else root / "stuffthingmaps",
    stuff(), "stuffthingmaps_trainval2017.zip" if packed else "",
  )  # fmt: skip
  tables = {
    f"annotations/instances_{s}.json": instances(n) for s, n in NAMES.items()
  }
  write(root, tables, "annotations_trainval2017.zip" if packed else "")
  found = CocoStuff.find(stuff_config(tmp_path))
  assert not found.faults and not found.notes
  for split, name in (("train", "000000000009"), ("val", "000000000025")):
    (one,) = found.splits[split]
    assert one.stem == name
    got = maps(one)
    np.testing.assert_array_equal(got["label"], STUFF)
    np.testing.assert_array_equal(got["instance"], OBJECTS)
  assert one.label.read() == png(STUFF)
  copy = pipeline.prepare(stuff_config(tmp_path))
  assert copy.held_out == "val" and copy.sizes == {"3x4": 2}


def test_stuff_names(tmp_path):
  """labels.txt counts from 1."""
  write(tmp_path / "data", photos() | stuff())
  found = CocoStuff.find(stuff_config(tmp_path))
  names = dict(enumerate((c["name"] for c in found.classes), 1))
  told = {1: "person", 12: "street sign", 30: "eye glasses", 91: "hair brush",
          92: "banner", 127: "hill", 157: "sky-other", 182: "wood"}  # fmt: skip
  assert {i: names[i] for i in told} == told and len(set(names.values())) == 182
  assert [c["has_instances"] for c in found.classes] == [True] * 91 + [
    False
  ] * 91
  assert found.splits["train"][0].instance is None
  (note,) = found.notes
  assert "objects are in annotations_trainval2017.zip from https" in note


def test_a_crowd_of_another_size_hides_nothing_but_an_outline_is_refused():
  told = [{"id": 3, "segmentation": {"counts": [4], "size": [2, 2]}}]
  with pytest.raises(InputError, match="x.png: annotation 3: its run lengths"):
    coco.instances("x.png", png(STUFF), told)
  told[0]["iscrowd"] = 1
  coco.instances("x.png", png(STUFF), told)


def test_without_objects_the_map_is_empty():
  data = coco.instances("x.png", png(STUFF), [])
  assert not np.any(coco.files.read_map(data))


# Of 24 bits each: the low byte is red.
PERSON, OTHER, SKY, CROWD = 0x3C14DC, 0x3C14DD, 0xB48246, 70000
IDS = np.array([[PERSON, OTHER, SKY], [0, CROWD, SKY]])
CATEGORIES = [[0, 0, 119], [255, 0, 119]]
SEGMENTS = [[2, 3, 4], [0, 1, 4]]


def panoptic_maps():
  rgb = np.stack([IDS & 255, IDS >> 8 & 255, IDS >> 16], -1).astype(np.uint8)
  return {s: {f"panoptic_{s}/{n:012d}.png": png(rgb)} for s, n in NAMES.items()}


def panoptic_json(split, **changes):
  kinds = {PERSON: 1, OTHER: 1, SKY: 187, CROWD: 1} | changes.get("kinds", {})
  told = [{"id": i, "category_id": k, "iscrowd": int(i == CROWD)}
          for i, k in kinds.items() if k]  # fmt: skip
  number = NAMES[split]
  one = {"image_id": number, "file_name": f"{number:012d}.png",
         "segments_info": told}  # fmt: skip
  return {
    f"annotations/panoptic_{split}.json": json.dumps(
      {"annotations": [one], "categories": []}
    ).encode()
  }


def panoptic_config(tmp_path):
  return config_of("coco_panoptic", tmp_path, num_classes=133, ignore_label=255)


def panoptic(root, packed=False, **changes):
  write(root, {k: jpeg(2, 3) for k in photos()})
  for split, some in panoptic_maps().items():
    zipped = f"panoptic_{split}.zip" if packed else ""
    write(root / "annotations", some, zipped)
    write(root, panoptic_json(split, **changes))


@pytest.mark.parametrize("packed", [True, False])
def test_panoptic(tmp_path, packed):
  panoptic(tmp_path / "data", packed)
  found = CocoPanoptic.find(panoptic_config(tmp_path))
  assert not found.faults and [*map(len, found.splits.values())] == [1, 1]
  got = maps(found.splits["val"][0])
  np.testing.assert_array_equal(got["label"], CATEGORIES)
  np.testing.assert_array_equal(got["instance"], SEGMENTS)
  kinds = found.classes
  assert kinds[119]["name"] == "sky-other-merged"
  assert kinds[119]["color"] == (70, 130, 180)
  assert kinds[132]["name"] == "rug-merged" and len(kinds) == 133
  assert sum(c["has_instances"] for c in kinds) == 80
  copy = pipeline.prepare(panoptic_config(tmp_path))
  assert copy.sizes == {"2x3": 2}


@pytest.mark.parametrize(
  "kinds, told",
  [
    ({SKY: 0}, r"segments 11829830 \(2 pixels\) are not in the panoptic JSON"),
    ({SKY: 201}, "category 201 is none of COCO's 133"),
  ],
)
def test_json_of_another_set(tmp_path, kinds, told):
  panoptic(tmp_path / "data", kinds=kinds)
  with pytest.raises(InputError, match=told):
    pipeline.prepare(panoptic_config(tmp_path))


@pytest.mark.parametrize(
  "text",
  ["", "{", '{"images": []}', '{"annotations": [{"id": 1}]}', "[1, 2]",
   '{"annotations": [{"image_id": 9, "segments_info": 4}]}',
   '{"annotations": [{"image_id": 9'],
)  # fmt: skip
def test_a_damaged_json(tmp_path, text):
  root = tmp_path / "data"
  panoptic(root)
  (root / "annotations/panoptic_train2017.json").write_text(text)
  with pytest.raises(InputError) as error:
    pipeline.prepare(panoptic_config(tmp_path))
  # Of the label and of the instance map.
  (line,) = set(str(error.value).splitlines())
  assert line.startswith("annotations/panoptic_train2017.json: ")
  assert line.endswith("; download it anew")


def test_the_json_is_part_of_what_a_copy_is_made_of(tmp_path):
  root = tmp_path / "data"
  panoptic(root)
  before = CocoPanoptic.find(panoptic_config(tmp_path)).splits["train"][0]
  facts = before.label.facts
  before.read()
  panoptic(root, kinds={OTHER: 2})
  after = CocoPanoptic.find(panoptic_config(tmp_path)).splits["train"][0]
  assert after.label.facts != facts
  assert maps(after)["label"][0, 1] == 1


def test_what_is_missing(tmp_path):
  write(tmp_path / "data", {"a.txt": b"x"})
  faults = CocoPanoptic.find(config_of("coco_panoptic", tmp_path)).faults
  assert faults[0].endswith(
    "--config.num_classes=133 --config.ignore_label=255"
  )
  assert any("unpack it (the zips in it may stay packed)" in f for f in faults)
  faults = CocoStuff.find(stuff_config(tmp_path)).faults
  assert any("take stuffthingmaps_trainval2017.zip from" in f for f in faults)
  assert any("take train2017.zip and val2017.zip from" in f for f in faults)
