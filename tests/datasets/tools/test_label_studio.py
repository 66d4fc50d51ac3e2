"""Label Studio's JSON: brushes bit by bit, shapes in percent, photos."""

import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets.tools import label_studio
from hdgan.datasets.tools.label_studio import LabelStudio
from hdgan.errors import InputError


def brush_bytes(mask):
  """A mask [H, W] as the tool packs it: runs of 8 bits over four channels."""
  samples = np.repeat(np.array(mask, np.uint8).ravel() * 255, 4)
  bits = (
    f"{len(samples):032b}"
    + f"{7:05b}"
    + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
  )
  edges = np.flatnonzero(np.diff(samples)) + 1
  for run in np.split(samples, edges):
    if len(run) <= 8 and run[0]:  # Written out one by one.
      bits += f"0{0:02b}{len(run) - 1:03b}" + f"{run[0]:08b}" * len(run)
    else:
      bits += f"1{2:02b}{len(run) - 1:08b}{run[0]:08b}"
  bits += "0" * (-len(bits) % 8)
  return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def region(label, type="brushlabels", size=(3, 4), **value):
  return {
    "id": "x", "type": type, "from_name": "tag", "to_name": "image",
    "original_height": size[0], "original_width": size[1],
    "image_rotation": 0, "value": {type: [label], **value},
  }  # fmt: skip


LEFT = [[1, 1, 0, 0]] * 3
DOT = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def brush(label, mask):
  return region(label, format="rle", rle=brush_bytes(mask))


def task(id, results, image, **more):
  return {
    "id": id, "data": {"image": image}, "annotations": [
      {"id": 1, "completed_by": 1, "result": results, "was_cancelled": False,
       "created_at": "2026-01-02T00:00:00Z"},
    ], **more,
  }  # fmt: skip


def export_of(*tasks):
  return json.dumps(tasks).encode()


def test_a_brush_by_hand():
  """Two pixels, the second set: runs of four samples."""
  bits = f"{8:032b}{7:05b}" + "0010001101111111"
  bits += "10001100000000"  # 4 x 0.
  bits += "000011" + "11111111" * 4  # 255, four times written out.
  bits += "0" * (-len(bits) % 8)
  data = int(bits, 2).to_bytes(len(bits) // 8, "big")
  np.testing.assert_array_equal(label_studio.brush(data, (1, 2)), [[0, 1]])
  with pytest.raises(InputError, match="end too early; export it again"):
    label_studio.brush(data[:10], (1, 2))


@pytest.mark.parametrize("packed", ["", "project-1-at-2026-01-02.zip"])
def test_brushes(tmp_path, packed):
  old = {"id": 0, "result": [brush("dog", DOT)], "created_at": "2025"}
  first = task(7, [brush("cat", LEFT), brush("dog", DOT)],
               "/data/upload/1/0a1b2c3d-a%20b.jpg")  # fmt: skip
  first["annotations"].append(old)
  second = task(8, [brush("cat", DOT), brush("cat", LEFT)],
                "/data/local-files/?d=street/c.png")  # fmt: skip
  third = task(9, [], "s3://bucket/d.jpg")
  files = {
    "project-1-at-2026.json": export_of(first, second, third),
    "task-7-annotation-1-by-1-tag-cat-0.png": png(np.zeros((3, 4), np.uint8)),
    "photos/a b.jpg": jpeg(3, 4), "street/c.png": jpeg(3, 4),
  }  # fmt: skip
  write(tmp_path / "data", files, packed)
  found = LabelStudio.find(config_of("label_studio", tmp_path, num_classes=3))
  assert found.faults == ()
  one, two = found.splits["train"]
  assert (one.stem, two.stem) == ("a b", "c")
  arrays = maps(one)
  label = [[1, 1, 0, 0], [1, 2, 2, 0], [1, 1, 0, 0]]
  np.testing.assert_array_equal(arrays["label"], label)
  np.testing.assert_array_equal(arrays["instance"], label)
  arrays = maps(two)
  np.testing.assert_array_equal(arrays["label"][1], [1, 1, 1, 0])
  np.testing.assert_array_equal(arrays["instance"][1], [2, 2, 1, 0])
  assert [c["name"] for c in found.classes] == ["background", "cat", "dog"]
  told = "\n".join(found.notes)
  assert "no labels.txt: classes are numbered in the order" in told
  assert "1 of 3 tasks have several annotations: the newest" in told
  assert "1 of 3 tasks are not annotated and left out" in told


def draw(*results, size):
  some = [label_studio._region(one) for one in results]
  told = [(kind, shape, i) for i, (kind, shape, *_) in enumerate(some, 1)]
  return label_studio.draw(told, size, 0)


def test_shapes_in_percent_by_hand():
  size = (10, 20)
  box = {"x": 10, "y": 20, "width": 20, "height": 50}
  ids = draw(region("a", "rectanglelabels", size, **box), size=size)
  want = np.zeros(size, int)
  want[2:7, 2:6] = 1
  np.testing.assert_array_equal(ids, want)
  # A quarter turn, clockwise about (2, 2): 4 wide and 5 high become 5 and 4.
  box |= {"x": 40, "rotation": 90}
  ids = draw(region("a", "rectanglelabels", size, **box), size=size)
  want = np.zeros(size, int)
  want[2:6, 3:8] = 1
  np.testing.assert_array_equal(ids, want)
  points = [[0, 0], [50, 0], [50, 100], [0, 100]]
  ids = draw(region("a", "polygonlabels", size, points=points), size=size)
  assert ids[:, :10].all() and not ids[:, 10:].any()
  ellipse = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 40}
  ids = draw(region("a", "ellipselabels", size, **ellipse), size=size)
  assert abs(ids.sum() - np.pi * 5 * 4) < 3
  assert ids[5, 6] and not ids[5, 4] and ids[1, 9] and not ids[0, 9]


def test_json_min(tmp_path):
  rle = {"format": "rle", "rle": brush_bytes(DOT), "brushlabels": ["cat"],
         "original_width": 4, "original_height": 3}  # fmt: skip
  value = [{"image": "/data/upload/1/0a1b2c3d-a.jpg", "id": 3, "tag": [rle],
            "annotator": 1, "annotation_id": 4, "lead_time": 1.5}]  # fmt: skip
  files = {"min.json": json.dumps(value).encode()}
  write(tmp_path / "data", {**files, "0a1b2c3d-a.jpg": jpeg(3, 4)})
  found = LabelStudio.find(config_of("label_studio", tmp_path, num_classes=2))
  assert found.faults == ()
  (one,) = found.splits["train"]
  assert one.stem == "a"
  np.testing.assert_array_equal(maps(one)["label"], DOT)


CAT = brush("cat", DOT)


@pytest.mark.parametrize(
  ("results", "fault"),
  [
    ([CAT], "task 7: photo a.jpg is missing; put it into"),
    ([{**CAT, "original_width": 5}], "holds 48 samples, not 4 x 3 x 5;"),
    ([{**CAT, "value": {**CAT["value"], "brushlabels": []}}],
     "region 0: has the labels []; give it one"),
    ([{**CAT, "value": {**CAT["value"], "brushlabels": ["a", "b"]}}],
     "has the labels ['a', 'b']; give it one"),
    ([{**CAT, "image_rotation": 90}], "is drawn on a turned picture"),
    ([{**CAT, "original_height": None}], "has no original_width and"),
    ([region("a", "polygonlabels", points=[[1, 1], [2, 2]])],
     "a polygon of 2 points"),
    ([region("a", "polygonlabels", points=[[1, "x"]])], "has no numbers where"),
    ([region("a", "rectanglelabels", x=None, y=0, width=5, height=5)],
     "its rectangle has no numbers where they should be"),
    ([region("a", "rectanglelabels", x=101, y=0, width=5, height=5)],
     "lies outside of the 3x4 picture"),
    ([CAT, region("a", "rectanglelabels", (6, 8), x=0, y=0, width=5,
                  height=5)], "its regions are of pictures of 2 sizes"),
  ],
)  # fmt: skip
def test_wrong_twins(tmp_path, results, fault):
  data = export_of(task(7, results, "/data/upload/1/0a1b2c3d-a.jpg"))
  write(tmp_path / "data", {"project.json": data})
  found = LabelStudio.find(config_of("label_studio", tmp_path, num_classes=2))
  assert any(fault in line for line in found.faults)


def test_masks_without_the_json(tmp_path):
  name = "task-7-annotation-1-by-1-tag-cat-0.png"
  write(tmp_path / "data", {name: png(np.zeros((3, 4), np.uint8))})
  with pytest.raises(
    InputError,
    match="1 brush masks and no JSON of Label .* export the project as JSON",
  ):
    LabelStudio.find(config_of("label_studio", tmp_path))
