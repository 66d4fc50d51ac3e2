"""The layout of a folder: splits, pairs, suffixes, missing partners."""

import pathlib

import pytest
from tiny import scan

from hdgan.datasets import folder
from hdgan.errors import InputError


def touch(root: pathlib.Path, *names: str) -> None:
  for name in names:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_pairs_by_name_in_name_order(tmp_path):
  touch(
    tmp_path,
    "train_label/b.png",
    "train_label/a.png",
    "train_img/a.jpg",
    "train_img/b.JPG",
    "train_inst/b.npy",
    "train_inst/a.tiff",
    "train_img/.DS_Store",
    "train_label/notes.txt",
  )
  examples = scan(tmp_path, "train")
  assert [example.stem for example in examples] == ["a", "b"]
  assert examples[0].instance.path.name == "a.tiff"
  assert examples[1].image.path.name == "b.JPG"


def test_the_folders_a_and_b(tmp_path):
  touch(tmp_path, "train_A/x.png", "train_B/x.png")
  (example,) = scan(tmp_path, "train")
  assert example.label.path.parent.name == "train_A"
  assert example.image.path.parent.name == "train_B"
  assert example.instance is None


def test_known_suffixes_of_cityscapes(tmp_path):
  touch(
    tmp_path,
    "val_label/u_1_gtFine_labelIds.png",
    "val_inst/u_1_gtFine_instanceIds.png",
    "val_img/u_1_leftImg8bit.png",
  )
  (example,) = scan(tmp_path, "val")
  assert example.stem == "u_1"
  assert example.image.path.name == "u_1_leftImg8bit.png"


def test_given_suffixes(tmp_path):
  touch(tmp_path, "train_label/u_mask.png", "train_img/u.png")
  (example,) = scan(tmp_path, "train", {"label": "_mask"})
  assert example.stem == "u"
  with pytest.raises(InputError, match="data.suffixes.image = '_photo'"):
    scan(tmp_path, "train", {"label": "_mask", "image": "_photo"})


def test_a_split_without_photos(tmp_path):
  touch(tmp_path, "test_label/a.png")
  assert scan(tmp_path, "test")[0].image is None


def test_held_out_split(tmp_path):
  touch(tmp_path, "train_label/a.png")
  assert folder.held_out_split(tmp_path) == ""
  touch(tmp_path, "test_label/a.png")
  assert folder.held_out_split(tmp_path) == ""  # No photos.
  touch(tmp_path, "test_img/a.png")
  assert folder.held_out_split(tmp_path) == "test"
  touch(tmp_path, "val_label/a.png", "val_img/a.png")
  assert folder.held_out_split(tmp_path) == "val"
  assert folder.splits(tmp_path) == ["test", "train", "val"]


def test_missing_partners_are_named_and_counted_both_ways(tmp_path):
  labels = [f"train_label/l{i}.png" for i in range(7)]
  touch(
    tmp_path, *labels, "train_label/x.png", "train_img/x.png", "train_img/y.png"
  )
  with pytest.raises(InputError) as error:
    scan(tmp_path, "train")
  one, other = str(error.value).split("\n")
  assert "train_label/: 7 of 8 files have no photo in train_img/" in one
  assert "l0.png, l1.png, l2.png, l3.png, l4.png, ..." in one
  assert "train_img/: 1 of 2 files have no label map in train_label/" in other
  assert "y.png" in other


@pytest.mark.parametrize(
  ("names", "words"),
  [
    ([], "no such folder"),
    (["images/a.png"], "no train_label/ (or train_A/); found images/"),
    (["train_label/a.psd"], "no label map found (PNG, JPEG, TIFF, WebP, BMP"),
    (["train_label/a.png", "train_A/a.png"], "both train_label/ and train_A/"),
    (["train_label/a.png", "train_label/a.npy"], "same name as a.npy"),
  ],
)
def test_bad_layouts(tmp_path, names, words):
  touch(tmp_path / "data", *names)
  with pytest.raises(InputError) as error:
    scan(tmp_path / "data", "train")
  assert words in str(error.value)
  assert "\n" not in str(error.value)
