"""ADE20K, both releases: fixtures in their layouts and codings."""

import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets import files, pipeline
from hdgan.datasets.downloads import ade20k, ade20k_census, ade20k_full
from hdgan.datasets.downloads.ade20k import Ade20k
from hdgan.datasets.downloads.ade20k_full import Ade20kFull
from hdgan.errors import InputError

TOP = "ADEChallengeData2016/"
# None, wall, person, person, door, flag: 0 and 1..150 as in the files.
LABEL = np.array([[0, 1, 13], [13, 15, 150]], np.uint8)
FROM_ZERO = [[255, 0, 12], [12, 14, 149]]
# Class of the 100 in red, object in green.
OBJECTS = [[0, 0, 1], [2, 200, 255]]
RED = [[0, 0, 4], [4, 5, 100]]


def scene_parsing():
  tree = {}
  for split, name in (("training", "ADE_train_00000001"),
                      ("validation", "ADE_val_00000001")):  # fmt: skip
    tree[f"{TOP}annotations/{split}/{name}.png"] = png(LABEL)
    # Some photos of the set are grey.
    mode = "L" if split == "validation" else "RGB"
    tree[f"{TOP}images/{split}/{name}.jpg"] = jpeg(2, 3, mode)
  tree[f"{TOP}objectInfo150.txt"] = tree[f"{TOP}sceneCategories.txt"] = b"Idx"
  return tree


def instances():
  rgb = np.stack([RED, OBJECTS, np.zeros((2, 3))], -1).astype(np.uint8)
  return {
    "annotations_instance/training/ADE_train_00000001.png": png(rgb),
    "annotations_instance/validation/ADE_val_00000001.png": png(rgb),
  }


def config_150(name, tmp_path):
  return config_of(name, tmp_path, num_classes=150, ignore_label=255)


@pytest.mark.parametrize(
  "packed, tar", [("", ""), ("ADEChallengeData2016.zip",
                             "annotations_instance.tar")]
)  # fmt: skip
def test_scene_parsing(tmp_path, packed, tar):
  root = tmp_path / "data"
  write(root, scene_parsing(), packed)
  write(root, instances(), tar)
  found = Ade20k.find(config_150("ade20k", tmp_path))
  assert not found.faults and not found.notes
  assert [e.stem for e in found.splits["train"]] == ["ADE_train_00000001"]
  assert [e.stem for e in found.splits["val"]] == ["ADE_val_00000001"]
  for some in found.splits.values():
    got = maps(some[0])
    np.testing.assert_array_equal(got["label"], FROM_ZERO)
    np.testing.assert_array_equal(got["instance"], OBJECTS)
    assert got["image"].shape == (2, 3, 3)
  facts = {repr(e.parts()["instance"].facts) for e in found.splits["train"]}
  write(root, instances() | {"more.txt": b"x"}, tar or "")
  again = Ade20k.find(config_150("ade20k", tmp_path))
  assert {repr(e.parts()["instance"].facts) for e in again.splits["train"]} != (
    facts
  )


def test_classes(tmp_path):
  """Names and order of objectInfo150.txt, the 100 of placeschallenge."""
  write(tmp_path / "data", scene_parsing())
  found = Ade20k.find(config_150("ade20k", tmp_path))
  names = [c["name"] for c in found.classes]
  assert names[:3] == ["wall", "building", "sky"] and names[149] == "flag"
  assert names[12] == "person" and len(set(names)) == 150
  assert sum(c["has_instances"] for c in found.classes) == 100
  things = {c["name"] for c in found.classes if c["has_instances"]}
  assert {"bed", "windowpane", "person", "flag"} <= things
  assert not {"wall", "sky", "tree", "mountain"} & things
  assert found.classes[2]["color"] == (6, 230, 230)
  (note,) = found.notes
  assert note.endswith(
    "objects are in http://sceneparsing.csail.mit.edu/data/ChallengeData2017/"
    "annotations_instance.tar"
  )
  assert found.splits["train"][0].instance is None


@pytest.mark.parametrize("instance", [True, False])
def test_it_is_prepared(tmp_path, instance):
  write(tmp_path / "data", scene_parsing())
  if instance:
    write(tmp_path / "data", instances(), "annotations_instance.tar")
  prepared = pipeline.prepare(config_150("ade20k", tmp_path))
  assert prepared.held_out == "val" and prepared.sizes == {"2x3": 2}
  assert bool(prepared.sources["train"][0]["instance"]) is instance


def test_what_does_not_fit_or_is_packed(tmp_path):
  root = tmp_path / "data"
  write(root, scene_parsing())
  (root / "annotations_instance.tar.gz").write_bytes(b"x")
  config = config_of("ade20k", tmp_path)
  assert Ade20k.find(config).faults == (
    "config.data.name=ade20k has 150 classes, and 255 where there is none; "
    "num_classes = 35, ignore_label = -1 does not fit: say "
    "--config.num_classes=150 --config.ignore_label=255",
  )
  some = instances()
  del some["annotations_instance/validation/ADE_val_00000001.png"]
  write(root, some)
  (fault,) = Ade20k.find(config_150("ade20k", tmp_path)).faults
  assert fault == (
    f"{root}: no annotations_instance/validation/ADE_*.png; take "
    "http://sceneparsing.csail.mit.edu/data/ChallengeData2017/"
    "annotations_instance.tar; annotations_instance.tar.gz cannot be read while"
    " it is packed: unpack it"
  )


@pytest.mark.parametrize(
  "wrong, told",
  [
    (png(np.full((2, 3), 151, np.uint8)), "value 151 is above 150, the last"),
    # What TFDS and others take for the labels: the instances' colours.
    (png(np.zeros((2, 3, 3), np.uint8)), "ADE_train_00000001.png: a map needs"),
  ],
)
def test_labels_of_another_coding(tmp_path, wrong, told):
  tree = scene_parsing()
  tree[f"{TOP}annotations/training/ADE_train_00000001.png"] = wrong
  write(tmp_path / "data", tree)
  with pytest.raises(InputError, match=told):
    pipeline.prepare(config_150("ade20k", tmp_path))


def test_a_tar_that_is_cut_short(tmp_path):
  root = tmp_path / "data"
  write(root, scene_parsing())
  write(root, instances(), "annotations_instance.tar")
  path = root / "annotations_instance.tar"
  found = Ade20k.find(config_150("ade20k", tmp_path))
  found.splits["train"][0].read()
  path.write_bytes(path.read_bytes()[:520])
  with pytest.raises(InputError, match="cut short; download the archive anew"):
    found.splits["train"][0].read()
  path.write_bytes(b"none")
  with pytest.raises(InputError, match="tar: cannot be read as a tar"):
    Ade20k.find(config_150("ade20k", tmp_path))


# Full ids of classes, as in the pictures that the authors show.
IDS = {"sky": 2420, "van": 2928, "door": 774, "double door": 783, "rare": 3113}
FULL = np.array([[2420, 2928, 774], [783, 3113, 0]])
BLUE = np.array([[5, 11, 255], [21, 32, 0]])


def full(tmp_path):
  seg = np.stack([FULL // 256 * 10, FULL % 256, BLUE], -1).astype(np.uint8)
  objects = [{"name_ndx": i, "name": f"{name}, so"} for name, i in IDS.items()]
  text = json.dumps({"annotation": {"object": objects}})
  tree = {}
  for split, name in (("training", "ADE_train_00016869"),
                      ("validation", "ADE_val_00000001")):  # fmt: skip
    start = f"ADE20K_2021_17_01/images/ADE/{split}/urban/street/{name}"
    other = png(np.zeros((2, 3, 3), np.uint8))
    tree |= {
      f"{start}.jpg": jpeg(2, 3),
      f"{start}_seg.png": png(seg),
      f"{start}_parts_1.png": other,
      f"{start}/instance_000_{name}.png": other,
      f"{start}.json": text.encode(),
    }
  return tree


def test_pictures_of_another_coding():
  """Grey maps, and objects of another set: never misread."""
  grey = png(np.array([[3, 20]], np.uint8))
  with pytest.raises(InputError, match="x: red values that are not of tens"):
    ade20k_full.index_classes("x", grey, kinds=[[1]])
  with pytest.raises(InputError, match="x: red value 101 is above 100, the"):
    ade20k.object_numbers("x", png(np.full((1, 2, 3), 101, np.uint8)))


@pytest.mark.parametrize("packed", ["", "ADE20K_2021_17_01.zip"])
def test_full_by_name(tmp_path, packed):
  write(tmp_path / "data", full(tmp_path), packed)
  found = Ade20kFull.find(config_150("ade20k_full", tmp_path))
  assert not found.faults and [*map(len, found.splits.values())] == [1, 1]
  got = maps(found.splits["train"][0])
  names = [c["name"] for c in found.classes]
  sky, van, door = (names.index(n) for n in ("sky", "van", "door"))
  want = [[sky, van, door], [door, 255, 255]]
  np.testing.assert_array_equal(got["label"], want)
  np.testing.assert_array_equal(got["instance"], BLUE)
  assert found.splits["val"][0].stem == "ADE_val_00000001"


def test_full_by_pixels(tmp_path, monkeypatch):
  """Most pixels in training first, equals by id; counted once."""
  tree = full(tmp_path)
  more = np.full((2, 3), 3113)
  more[0, 0] = 2928
  seg = np.stack([more // 256 * 10, more % 256, 0 * more], -1)
  place = "ADE20K_2021_17_01/images/ADE/training/x/ADE_train_00000002"
  tree[f"{place}_seg.png"] = png(seg.astype(np.uint8))
  tree[f"{place}.jpg"] = jpeg(2, 3)  # Without a JSON file.
  write(tmp_path / "data", tree)
  config = config_150("ade20k_full", tmp_path)
  config.data.variant, config.num_classes = "top3", 3
  found = Ade20kFull.find(config)
  assert [c["name"] for c in found.classes] == ["rare", "van", "door"]
  assert [c["has_instances"] for c in found.classes] == [True] * 3
  got = maps(found.splits["train"][1])
  np.testing.assert_array_equal(got["label"], [[255, 1, 2], [255, 0, 255]])

  def forbidden(job):
    raise AssertionError("read again")

  monkeypatch.setattr(ade20k_census, "_look", forbidden)
  config.data.variant, config.num_classes = "top5", 5
  classes = Ade20kFull.find(config).classes
  assert [c["name"] for c in classes[2:]] == ["door", "double door", "sky"]
  assert [c["has_instances"] for c in classes[2:]] == [True, True, False]
  config.data.variant, config.num_classes = "top6", 6
  with pytest.raises(InputError) as error:
    Ade20kFull.find(config)
  assert str(error.value).endswith(
    "data: 5 classes occur, not 6; say --config.data.variant=top5 "
    "--config.num_classes=5 --config.ignore_label=255"
  )
  config.data.variant = "best"
  with pytest.raises(InputError, match="--config.data.variant=top500 for the"):
    Ade20kFull.find(config)


def test_full_names_are_short_where_they_stay_different(tmp_path):
  tree = full(tmp_path)
  (name,) = [n for n in tree if n.endswith("16869.json")]
  tree[name] = tree[name].replace(b'"double door, so"', b'"door, double"')
  write(tmp_path / "data", tree)
  config = config_150("ade20k_full", tmp_path)
  config.data.variant, config.num_classes = "top5", 5
  names = [c["name"] for c in Ade20kFull.find(config).classes]
  assert names == ["door, so", "door, double", "sky", "van", "rare"]


def test_full_with_more_classes_than_bytes_hold():
  """255 is a class there, so that pixels without one need another id."""
  assert ade20k_full.ignored_of(255) == 255
  assert ade20k_full.ignored_of(256) == 65535
  seg = np.stack([FULL // 256 * 10, FULL % 256, BLUE], -1).astype(np.uint8)
  kinds = [[i] for i in range(1, 3001)]
  data = ade20k_full.index_classes("x", png(seg), kinds=kinds)
  want = [[2419, 2927, 773], [782, 65535, 65535]]
  np.testing.assert_array_equal(files.read_map(data), want)


def test_full_without_the_archive(tmp_path):
  write(tmp_path / "data", {"readme.txt": b"x"})
  config = config_150("ade20k_full", tmp_path)
  faults = Ade20kFull.find(config).faults
  assert faults == (
    f"{tmp_path}/data: no images/ADE/training/**/ADE_*_seg.png, images/ADE/"
    "training/**/ADE_*.jpg, ...; take ADE20K_2021_17_01.zip, which http://groups.csail.mit.edu/vision/datasets/"
    "ADE20K/request_data/ gives on request",
  )
  config.data.variant, config.num_classes = "top9", 9
  with pytest.raises(InputError, match="...; take ADE20K_2021_17_01.zip"):
    Ade20kFull.find(config)
