"""Cityscapes: its layout, real frames, and what must not be taken."""

import numpy as np
import pytest
from archives import config_of, maps, png, write

from hdgan.datasets import pipeline
from hdgan.datasets.downloads.cityscapes import Cityscapes
from hdgan.errors import InputError

AACHEN, FRANKFURT = "aachen_000000_000019", "frankfurt_000001_000576"
# Road, two cars, a group of cars, unlabelled, parking, bicycle, pole.
LABEL = np.array([[7, 26, 26, 26], [0, 9, 33, 17]], np.uint8)
INSTANCE = np.array([[7, 26000, 26001, 26], [0, 9, 33012, 17]], np.uint16)
TRAIN_IDS = [[0, 13, 13, 13], [255, 255, 18, 5]]


def truth(split, city, frame):
  start = f"gtFine/{split}/{city}/{frame}_gtFine"
  wrong = np.full((2, 4), 9, np.uint8)
  return {
    f"{start}_labelIds.png": png(LABEL),
    f"{start}_instanceIds.png": png(INSTANCE),
    f"{start}_labelTrainIds.png": png(wrong),
    f"{start}_instanceTrainIds.png": png(wrong),
    f"{start}_color.png": png(np.zeros((2, 4, 4), np.uint8)),
    f"{start}_polygons.json": b"{}",
  }


def photo(split, city, frame, folder="leftImg8bit"):
  picture = np.full((2, 4, 3), 70, np.uint8)
  return {f"{folder}/{split}/{city}/{frame}_{folder}.png": png(picture)}


def download():
  tree = truth("train", "aachen", AACHEN)
  tree |= truth("val", "frankfurt", FRANKFURT)
  tree |= truth("test", "berlin", "berlin_000000_000019")
  return tree


def photos(folder="leftImg8bit"):
  return photo("train", "aachen", AACHEN, folder) | photo(
    "val", "frankfurt", FRANKFURT, folder
  )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("variant", ["", "fine19"])
def test_arrays(tmp_path, packed, variant):
  root = tmp_path / "data"
  write(root, download(), "gtFine_trainvaltest.zip" if packed else "")
  write(root, photos(), "leftImg8bit_trainvaltest.zip" if packed else "")
  config = config_of("cityscapes", tmp_path)
  if variant:
    config.data.variant = "fine19"
    config.num_classes, config.ignore_label = 19, 255
  found = Cityscapes.find(config)
  assert not found.faults
  assert {s: [e.stem for e in some] for s, some in found.splits.items()} == {
    "train": [AACHEN],
    "val": [FRANKFURT],
  }
  got = maps(found.splits["train"][0])
  np.testing.assert_array_equal(got["label"], TRAIN_IDS if variant else LABEL)
  np.testing.assert_array_equal(got["instance"], INSTANCE)
  assert got["image"].shape == (2, 4, 3) and (got["image"] == 70).all()
  if not variant:  # The files' own bytes.
    name = f"gtFine/train/aachen/{AACHEN}_gtFine_labelIds.png"
    assert found.splits["train"][0].read()["label"] == download()[name]
  assert len(found.classes) == config.num_classes


def test_classes(tmp_path):
  """Numbers of cityscapesScripts' README: 19 scored, 8 of them with objects."""
  root = tmp_path / "data"
  write(root, download() | photos())
  config = config_of("cityscapes", tmp_path)
  classes = Cityscapes.find(config).classes
  scored = [c["name"] for c in classes if not c["ignore"]]
  assert scored == [
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light",
    "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car",
    "truck", "bus", "train", "motorcycle", "bicycle",
  ]  # fmt: skip
  objects = [c["name"] for c in classes if c["has_instances"]]
  assert objects == [*scored[11:16], "caravan", "trailer", *scored[16:]]
  assert classes[26]["color"] == (0, 0, 142)
  assert classes[34]["name"] == "license plate"
  config.data.variant, config.num_classes = "fine19", 19
  config.ignore_label = 255
  assert [c["name"] for c in Cityscapes.find(config).classes] == scored


def test_real_frames_as_downloaded(tmp_path, test_data):
  """The arrays of the same frames in a paired folder."""
  mini = test_data / "data/cityscapes_mini"
  for split, most in (("train", 1), ("val", 3)):
    for folder, kind in (
      ("gtFine", "label"), ("gtFine", "inst"), ("leftImg8bit", "img")
    ):  # fmt: skip
      for path in sorted((mini / f"{split}_{kind}").iterdir())[:most]:
        city = path.name.partition("_")[0]
        for link in (
          tmp_path / "data" / folder / split / city / path.name,
          tmp_path / "paired" / f"{split}_{kind}" / path.name,
        ):
          link.parent.mkdir(parents=True, exist_ok=True)
          link.symlink_to(path)
  (tmp_path / "paired/classes.json").symlink_to(mini / "classes.json")
  config = config_of("cityscapes", tmp_path)
  paired = config.copy_and_resolve_references()
  paired.data.name = "paired_folder"
  paired.data.root = str(tmp_path / "paired")
  ours, theirs = pipeline.prepare(config), pipeline.prepare(paired)
  assert ours.names == theirs.names and ours.held_out == "val"
  assert ours.sizes == {"512x1024": 3, "1024x2048": 1}
  assert ours.contents == theirs.contents
  assert ours.classes == theirs.classes
  for split, i in (("train", 0), ("val", 0), ("val", 2)):
    one, two = ours.sources[split][i], theirs.sources[split][i]
    for role in ("label", "instance", "image"):
      assert one[role] == two[role]


@pytest.mark.parametrize(
  "change, told",
  [
    (
      {"split": "test"},
      "config.data.split='test': the label maps of Cityscapes' test split are "
      "dummies, nothing can be made from them; say --config.data.split=''",
    ),
    (
      {"variant": "fine"},
      "config.data.variant='fine': the data set cityscapes has no such "
      "variant; say --config.data.variant='' or --config.data.variant=fine19",
    ),
    (
      {"instances": "rgb24"},
      "config.data.instances='rgb24': the data set cityscapes has no such "
      "instances; say --config.data.instances=folder or "
      "--config.data.instances=none",
    ),
    (
      {"label_map": "x.json"},
      "config.data.label_map=x.json: the data set cityscapes knows its own "
      "classes; say --config.data.label_map=''",
    ),
    (
      {"root": ""},
      "config.data.root='' must name a folder with gtFine/ and leftImg8bit/; "
      "say --config.data.root=DIR",
    ),
  ],
)
def test_fields_that_it_has_not(tmp_path, change, told):
  write(tmp_path / "data", download() | photos())
  config = config_of("cityscapes", tmp_path)
  config.data.update(change)
  with pytest.raises(InputError) as error:
    Cityscapes.find(config)
  assert str(error.value) == told


def test_classes_that_do_not_fit(tmp_path):
  write(tmp_path / "data", download() | photos())
  config = config_of("cityscapes", tmp_path, num_classes=20)
  assert Cityscapes.find(config).faults == (
    "config.data.name=cityscapes has 35 classes; num_classes = 20 does not "
    "fit: say --config.num_classes=35",
  )
  config.data.variant = "fine19"
  assert Cityscapes.find(config).faults == (
    "config.data.name=cityscapes (fine19) has 19 classes, and 255 where there "
    "is none; num_classes = 20, ignore_label = -1 does not fit: say "
    "--config.num_classes=19 --config.ignore_label=255",
  )


def test_blurred_photos_are_not_taken(tmp_path):
  root = tmp_path / "data"
  write(root, download() | photos("leftImg8bit_blurred"))
  faults = Cityscapes.find(config_of("cityscapes", tmp_path)).faults
  assert faults[0] == (
    f"{root}: no leftImg8bit/train/CITY/*_leftImg8bit.png, leftImg8bit/val/CITY"
    "/*_leftImg8bit.png; take leftImg8bit_trainvaltest.zip from "
    "https://www.cityscapes-dataset.com/downloads/ (the blurred photos are for "
    "figures only and not taken)"
  )
  assert len(faults) == 1


def test_pairs_that_lack_a_partner(tmp_path):
  tree = download() | photos()
  tree |= truth("train", "bochum", "bochum_000000_000600")
  tree |= photo("val", "lindau", "lindau_000000_000019")
  write(tmp_path / "data", tree)
  faults = Cityscapes.find(config_of("cityscapes", tmp_path)).faults
  assert faults == (
    f"{tmp_path}/data: train: 1 of 2 have no photo: bochum_000000_000600; "
    "unpack or download the archive anew",
    f"{tmp_path}/data: val: 1 of 2 have no label map: lindau_000000_000019; "
    "unpack or download the archive anew",
  )


def test_a_second_copy(tmp_path):
  """The archive beside a folder of its name, into which it was unpacked."""
  write(tmp_path / "data", photos(), "leftImg8bit_trainvaltest.zip")
  write(tmp_path / "data/leftImg8bit_trainvaltest", photos())
  write(tmp_path / "data", download())
  (fault,) = Cityscapes.find(config_of("cityscapes", tmp_path)).faults
  assert "2 photos are there twice, such as leftImg8bit_trainvaltest/" in fault


def test_instances_left_out(tmp_path):
  write(tmp_path / "data", download() | photos())
  config = config_of("cityscapes", tmp_path)
  config.data.instances = "none"
  found = Cityscapes.find(config)
  assert not found.faults and found.splits["train"][0].instance is None


@pytest.mark.parametrize(
  "wrong",
  [
    INSTANCE % 256,  # saved in 8 bits: 26000 becomes 144
    np.array([[0, 13000, 13001, 13], [255, 255, 18012, 5]]),  # TrainIds
  ],
)
def test_instances_that_are_not_the_label_map_s(tmp_path, wrong):
  tree = download() | photos()
  name = f"gtFine/train/aachen/{AACHEN}_gtFine_instanceIds.png"
  tree[name] = png(wrong.astype(np.uint8 if wrong.max() < 256 else np.uint16))
  write(tmp_path / "data", tree)
  with pytest.raises(InputError) as error:
    pipeline.prepare(config_of("cityscapes", tmp_path))
  count = np.count_nonzero(wrong != INSTANCE)
  assert str(error.value).startswith(
    f"aachen/{AACHEN}_gtFine_instanceIds.png: {count} pixels are of another "
    "class than in the label map (id // 1000), as after saving in 8 bits; take "
    "gtFine_trainvaltest.zip from https"
  )
