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


def notes_of(root: pathlib.Path) -> tuple[list[str], list[str], list[str]]:
  """Names of the examples, faults and notes of `train`."""
  faults: list[str] = []
  notes: list[str] = []
  folders = folder.split_folders(root, "train", faults)
  found = folder.pair(folders, {}, faults, notes=notes)
  return [one.stem for one in found], faults, notes


def test_sub_folders_pair_across(tmp_path):
  """3 pairs and 2 in a sub-folder of one role alone are 5 pairs."""
  touch(
    tmp_path,
    *[f"train_label/{name}.png" for name in "abcde"],
    *[f"train_img/{name}.png" for name in ("a", "b", "c", "more/d", "more/e")],
  )
  assert notes_of(tmp_path) == (["a", "b", "c", "d", "e"], [], [])


def test_a_name_in_two_sub_folders_has_that_of_the_folder(tmp_path):
  cities = ("aachen/1_gtFine_labelIds.png", "bonn/1_gtFine_labelIds.png")
  touch(tmp_path, *[f"train_label/{name}" for name in cities])
  touch(tmp_path, "train_img/aachen/1_leftImg8bit.png", "train_img/bonn/1.jpg")
  assert notes_of(tmp_path) == (["aachen_1", "bonn_1"], [], [])
  (one, other) = scan(tmp_path, "train")
  assert one.image.path.name == "1_leftImg8bit.png"
  assert other.image.path.parent.name == "bonn"


def test_what_is_left_out_is_told(tmp_path):
  touch(tmp_path, "train_label/a.png", "train_img/a.png")
  touch(tmp_path, "train_label/notes.txt", "train_label/b/c.json")
  touch(tmp_path, "train_label/x/y/z.png", "train_img/s1.HEIC")
  touch(tmp_path, "train_img/.DS_Store", "train_img/b/Thumbs.db")
  _, faults, notes = notes_of(tmp_path)
  assert notes == [
    "train_label/: 2 other files left aside: b/c.json, notes.txt"
  ]
  assert faults == [
    "train_label/: 1 file lies deeper than one sub-folder: x/y/z.png; move "
    "them up",
    "train_img/: 1 file is of a kind that is not read: s1.HEIC; convert to "
    "PNG, or move away",
  ]


@pytest.mark.parametrize(
  "names",
  [
    ("train_labels", "train_images", "train_instance"),
    ("train_label", "train_image", "train_instances"),
  ],
)
def test_other_names_of_folders(tmp_path, names):
  touch(tmp_path, *[f"{name}/a.png" for name in names])
  (one,) = scan(tmp_path, "train")
  assert one.instance and one.image
  assert folder.splits(tmp_path) == ["train"]


def test_accents_in_two_codings(tmp_path):
  touch(tmp_path, "train_label/caf\u00e9.png", "train_img/cafe\u0301.png")
  (one,) = scan(tmp_path, "train")
  assert one.stem == "caf\u00e9" and one.image
  touch(tmp_path, "train_label/cafe\u0301.png")
  with pytest.raises(InputError, match="how an accent is coded"):
    scan(tmp_path, "train")


def test_names_that_differ_in_case(tmp_path):
  touch(tmp_path, "train_label/S0.png", "train_img/s0.png")
  with pytest.raises(InputError, match="'S0' and 's0' differ in case"):
    scan(tmp_path, "train")


def test_a_link_back_does_not_hang(tmp_path):
  touch(tmp_path, "train_label/a.png", "train_img/a.png")
  (tmp_path / "train_img/again").symlink_to(tmp_path / "train_img")
  (tmp_path / "train_label/up").symlink_to(tmp_path)
  assert notes_of(tmp_path) == (["a"], [], [])
