"""Pascal VOC folders and CVAT's masks, in the layouts that the tools write."""

import io

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write
from PIL import Image

from hdgan.datasets.tools import voc
from hdgan.datasets.tools.voc import Cvat, Voc
from hdgan.errors import InputError

BORDER = (224, 224, 192)
ROAD, CAR = (128, 64, 128), (0, 0, 142)
LABELMAP = (
  b"# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
  b"road:128,64,128::\ncar: big:0,0,142::\n"
)


def colored(ids, colors):
  return png(np.array(colors, np.uint8)[np.array(ids)])


def palette_png(ids):
  image = Image.fromarray(np.array(ids, np.uint8), "P")
  image.putpalette(voc.palette().tobytes())
  buffer = io.BytesIO()
  image.save(buffer, "PNG")
  return buffer.getvalue()


LABEL = [[0, 1, 2, 2], [1, 1, 2, 0], [1, 1, 2, 2]]
OBJECT = [[0, 1, 2, 2], [1, 1, 2, 0], [1, 1, 3, 3]]


def cvat_files():
  """CVAT's zip: two pictures, one of them in a sub-folder."""
  files = {"labelmap.txt": LABELMAP, "JPEGImages/night/a.jpg": jpeg(3, 4)}
  files["ImageSets/Segmentation/default.txt"] = b"a\nnight/b.1\n"
  for name, ids, objects in (
    ("a", LABEL, OBJECT),
    ("night/b.1", LABEL[::-1], OBJECT[::-1]),
  ):
    files[f"JPEGImages/{name}.jpg"] = jpeg(3, 4)
    colors = [(0, 0, 0), ROAD, CAR]
    files[f"SegmentationClass/{name}.png"] = colored(ids, colors)
    colors = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    files[f"SegmentationObject/{name}.png"] = colored(objects, colors)
  return files


@pytest.mark.parametrize("packed", ["", "task_7.zip"])
def test_cvat(tmp_path, packed):
  write(tmp_path / "data", cvat_files(), packed)
  found = Cvat.find(config_of("cvat", tmp_path, num_classes=3))
  assert found.faults == ()
  assert list(found.splits) == ["train"]
  first, second = found.splits["train"]
  assert (first.stem, second.stem) == ("a", "night_b.1")
  arrays = maps(first)
  np.testing.assert_array_equal(arrays["label"], LABEL)
  # Numbered in the order R + 256 G: red, green, yellow.
  np.testing.assert_array_equal(arrays["instance"], OBJECT)
  np.testing.assert_array_equal(maps(second)["label"], LABEL[::-1])
  assert "night" not in first.image.name and "night" in second.image.name
  assert [(c["name"], c["color"]) for c in found.classes] == [
    ("background", (0, 0, 0)), ("road", ROAD), ("car: big", CAR),
  ]  # fmt: skip
  assert [c["has_instances"] for c in found.classes] == [False, True, True]
  (note,) = found.notes
  assert note.endswith(f"one a line, in {tmp_path}/data/val.txt")


def test_all_pictures_in_sub_folders(tmp_path):
  files = {n: data for n, data in cvat_files().items() if "/a." not in n}
  files["ImageSets/Segmentation/default.txt"] = b"night/b.1\n"
  write(tmp_path / "data", files)
  found = Cvat.find(config_of("cvat", tmp_path, num_classes=3))
  assert found.faults == ()
  assert [one.stem for one in found.splits["train"]] == ["night_b.1"]


def test_val_txt_holds_pictures_out(tmp_path):
  write(tmp_path / "data", cvat_files(), "task.zip")
  (tmp_path / "data/val.txt").write_text("night/b.1.jpg\n")
  found = Cvat.find(config_of("cvat", tmp_path, num_classes=3))
  assert {k: [one.stem for one in v] for k, v in found.splits.items()} == {
    "train": ["a"], "val": ["night_b.1"],
  }  # fmt: skip
  assert (found.faults, found.notes) == ((), ())
  (tmp_path / "data/val.txt").write_text("c\n")
  found = Cvat.find(config_of("cvat", tmp_path, num_classes=3))
  assert found.faults[0].endswith(
    "val.txt: 1 names are of no picture: c; correct them"
  )


def voc_files(top="VOCdevkit/VOC2012/"):
  """VOC's folder: person (15), a border, one picture of each split."""
  files = {}
  for name, split in (("2007_1", "train"), ("2007_2", "val")):
    files[f"{top}ImageSets/Segmentation/{split}.txt"] = f"{name}\n".encode()
    files[f"{top}JPEGImages/{name}.jpg"] = jpeg(2, 3)
    label = [[0, 255, 15], [0, 255, 20]]
    files[f"{top}SegmentationClass/{name}.png"] = palette_png(label)
    objects = [[0, 255, 1], [0, 255, 2]]
    files[f"{top}SegmentationObject/{name}.png"] = palette_png(objects)
  files[f"{top}ImageSets/Segmentation/trainval.txt"] = b"2007_1\n2007_2\n"
  files[f"{top}ImageSets/Segmentation/test.txt"] = b"2008_1\n"
  # Of these there is no mask.
  files[f"{top}JPEGImages/2007_3.jpg"] = jpeg(2, 3)
  return files


@pytest.mark.parametrize("packed", ["", "voc.zip", "VOCtrainval.tar"])
def test_voc(tmp_path, packed):
  write(tmp_path / "data", voc_files(), packed)
  config = config_of("voc", tmp_path, num_classes=21, ignore_label=255)
  found = Voc.find(config)
  assert (found.faults, found.notes) == ((), ())
  assert {k: [one.stem for one in v] for k, v in found.splits.items()} == {
    "train": ["2007_1"], "val": ["2007_2"],
  }  # fmt: skip
  arrays = maps(found.splits["val"][0])
  np.testing.assert_array_equal(arrays["label"], [[0, 255, 15], [0, 255, 20]])
  np.testing.assert_array_equal(arrays["instance"], [[0, 0, 1], [0, 0, 2]])
  # As the development kit tells them.
  assert found.classes[15]["name"] == "person"
  assert found.classes[15]["color"] == (192, 128, 128)
  config.data.instances = "none"
  found = Voc.find(config)
  assert found.splits["train"][0].instance is None
  assert not any(c["has_instances"] for c in found.classes)


def test_what_labelme2voc_writes(tmp_path):
  files = {
    "class_names.txt": b"_background_\ncat\n",
    "JPEGImages/a.jpg": jpeg(2, 2),
    "SegmentationClass/a.npy": b"not read",
    "SegmentationClassPNG/a.png": palette_png([[0, 1], [255, 1]]),
    "SegmentationClassVisualization/a.jpg": jpeg(2, 2),
  }
  write(tmp_path / "data", files)
  found = Voc.find(config_of("voc", tmp_path, num_classes=2, ignore_label=255))
  assert found.faults == ()
  arrays = maps(found.splits["train"][0])
  np.testing.assert_array_equal(arrays["label"], [[0, 1], [255, 1]])
  assert "instance" not in arrays
  assert "no SegmentationObject/" in found.notes[0]


def test_masks_of_numbers_are_read_as_they_are():
  ids = np.array([[0, 2], [1, 255]], np.uint8)
  data = voc.class_ids("a.png", png(ids), colors=voc.palette()[:3].tolist())
  np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data))), ids)


@pytest.mark.parametrize(
  ("change", "fault"),
  [
    (
      {"labelmap.txt": LABELMAP.replace(b"0,0,142", b"0,0,143")},
      "SegmentationClass/a.png: colour (0, 0, 142) (5 pixels) is no class's, "
      "the nearest is (0, 0, 143) of class 2; add it to labelmap.txt",
    ),
    ({"labelmap.txt": b"background:0,0::\n"}, "is not name:r,g,b:parts"),
    (
      {"labelmap.txt": LABELMAP + b"truck:0,0,142::\n"},
      "two classes have the color [0, 0, 142]",
    ),
    (
      {"labelmap.txt": LABELMAP + b"truck:0,0,70::\n"},
      "has 4 classes (0 background, 1 road, 2 car: big, 3 truck); num_classes "
      "= 3 does not fit: say --config.num_classes=4",
    ),
    (
      {"JPEGImages/a.jpg": None},
      "1 of 2 masks have no photo: a; export once more with 'Save images'",
    ),
    (
      {"SegmentationObject/a.png": None},
      "a.png: SegmentationObject/ has no such file",
    ),
    (
      {"ImageSets/Segmentation/default.txt": b"a\n"},
      "1 of 2 masks are in no list of ImageSets/Segmentation/: night/b.1;",
    ),
    (
      {"ImageSets/Segmentation/default.txt": b"a\nnight/b.1\nc\n"},
      "1 of 3 names have no mask in SegmentationClass/: c;",
    ),
    ({"JPEGImages/a.png": jpeg(3, 4)}, "photo JPEGImages/a is there 2 times"),
    (
      {"SegmentationClass/a.png": jpeg(3, 4)},
      "a map of ids cannot be a JPEG",
    ),
  ],
)  # fmt: skip
def test_wrong_twins(tmp_path, change, fault):
  files = {**cvat_files(), **change}
  files = {name: data for name, data in files.items() if data is not None}
  write(tmp_path / "data", files)
  with pytest.raises(InputError) as error:
    found = Cvat.find(config_of("cvat", tmp_path, num_classes=3))
    if found.faults:
      raise InputError("\n".join(found.faults))
    for one in found.splits["train"]:
      one.read()
  (line,) = str(error.value).split("\n")
  assert fault in line


def test_no_export_or_two(tmp_path):
  write(tmp_path / "data", {"a.jpg": jpeg(2, 2)})
  config = config_of("cvat", tmp_path)
  with pytest.raises(InputError, match="no SegmentationClass/; in CVAT export"):
    Cvat.find(config)
  for top in ("one/", "two/"):
    write(tmp_path / "data", voc_files(top))
  with pytest.raises(
    InputError,
    match="2 exports, in one, two; say --config.data.root=.*/data/one, or",
  ):
    Voc.find(config)
