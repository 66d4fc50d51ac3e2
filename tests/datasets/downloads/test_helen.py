"""Helen: soft masks to classes, and its lists."""

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write

from hdgan.datasets import pipeline
from hdgan.datasets.downloads.helen import Helen
from hdgan.errors import InputError

TOP = "SmithCVPR2013_dataset_resized/"
IDS = {"exemplars": "10_1", "tuning": "20_1", "testing": "30_2"}


def masks():
  """Eleven masks of 2x3; by hand, what is highest where."""
  array = np.zeros((11, 2, 3), np.uint8)
  array[0, 0, 0] = 255  # background alone
  array[1, 0, 1], array[10, 0, 1] = 100, 155  # hair over skin
  array[0, 0, 2], array[6, 0, 2] = 128, 128  # equal: background, the first
  array[2, 1, 0], array[1, 1, 0], array[3, 1, 0] = 90, 80, 85  # left brow
  array[8, 1, 1] = 1  # hardly the inner mouth
  return array  # nothing at all at (1, 2)


LABEL = [[0, 10, 0], [2, 8, 0]]


def download():
  tree = {}
  for i, (name, id) in enumerate(IDS.items()):
    tree[f"{TOP}images/{id}.jpg"] = jpeg(2, 3)
    tree[f"{TOP}{name}.txt"] = f"{i + 1:04d} , {id}\r\n\r\n".encode()
    for k, mask in enumerate(masks()):
      tree[f"{TOP}labels/{id}/{id}_lbl{k:02d}.png"] = png(mask)
  return tree


def helen(tmp_path, **changes):
  return config_of("helen", tmp_path, num_classes=11, **changes)


@pytest.mark.parametrize("packed", ["", "SmithCVPR2013_dataset_resized.zip"])
def test_arrays_and_lists(tmp_path, packed):
  write(tmp_path / "data", download(), packed)
  config = helen(tmp_path)
  prepared = pipeline.prepare(config)
  assert prepared.names == {"train": ("10_1",), "val": ("20_1",)}
  found = Helen.find(config)
  for some in found.splits.values():
    got = maps(some[0])
    np.testing.assert_array_equal(got["label"], LABEL)
    assert "instance" not in got and got["image"].shape == (2, 3, 3)
  assert [c["name"] for c in found.classes][8:] == [
    "inner mouth", "lower lip", "hair",
  ]  # fmt: skip
  config.data.split = "testing"
  held_out = Helen.find(config).splits["test"]
  assert [one.stem for one in held_out] == ["30_2"]


def test_what_is_missing(tmp_path):
  tree = download()
  del tree[f"{TOP}labels/10_1/10_1_lbl05.png"]
  del tree[f"{TOP}images/20_1.jpg"]
  tree[f"{TOP}tuning.txt"] = b"0001 , 20_1\n20_1\n"
  write(tmp_path / "data", tree)
  root = tmp_path / "data"
  assert Helen.find(helen(tmp_path)).faults == (
    f"{root}: exemplars.txt names 1 photos and masks that are not there: "
    "10_1_lbl05; unpack or download the archive anew",
    "SmithCVPR2013_dataset_resized/tuning.txt: line '20_1' is not of the form "
    "'NUMBER , ID'; take the file as it was downloaded",
    f"{root}: tuning.txt names 1 photos and masks that are not there: 20_1; "
    "unpack or download the archive anew",
  )
  (root / TOP / "exemplars.txt").unlink()
  assert Helen.find(helen(tmp_path)).faults[0] == (
    f"{root}: no exemplars.txt; take SmithCVPR2013_dataset_resized.zip from "
    "http://pages.cs.wisc.edu/~lizhang/projects/face-parsing/"
  )


@pytest.mark.parametrize(
  "wrong, told",
  [
    (png(np.zeros((3, 3), np.uint8)), "have different sizes (2x3, 3x3); take"),
    (png(np.zeros((2, 3, 3), np.uint8)), "is coloured"),
  ],
)
def test_masks_that_do_not_fit(tmp_path, wrong, told):
  tree = download()
  tree[f"{TOP}labels/10_1/10_1_lbl05.png"] = wrong
  write(tmp_path / "data", tree)
  with pytest.raises(InputError) as error:
    pipeline.prepare(helen(tmp_path))
  assert told in str(error.value)
  assert "10_1/10_1_lbl0" in str(error.value)
