"""CelebAMask-HQ: parts by name, absent parts, sizes, and the lists."""

import json

import numpy as np
import pytest
from archives import config_of, maps, png, write
from PIL import Image

from hdgan.datasets import files, pipeline
from hdgan.datasets.downloads import celebamask
from hdgan.datasets.downloads.celebamask import Celebamask
from hdgan.errors import InputError

TOP = "CelebAMask-HQ/"
LIST = "list_eval_partition.txt"
MAPPING = TOP + "CelebA-HQ-to-CelebA-mapping.txt"


def mask(*columns, value=255):
  """A part that fills some columns, as the files have it."""
  picture = np.zeros((512, 512, 3), np.uint8)
  picture[:, slice(*columns)] = value
  return png(picture)


def photo(size=1024):
  picture = np.zeros((size, size, 3), np.uint8)
  picture[:, size // 2 :] = 200
  return png(picture)  # Photos are told by their bytes, not their names.


def download(*ids):
  tree = {}
  for id in ids:
    masks = f"{TOP}CelebAMask-HQ-mask-anno/{id // 2000}/{id:05d}"
    tree |= {
      f"{TOP}CelebA-HQ-img/{id}.jpg": photo(),
      f"{masks}_skin.png": mask(0, 100),
      f"{masks}_neck.png": mask(90, 120),
      f"{masks}_hair.png": mask(40, 50),
      f"{masks}_l_brow.png": mask(45, 60),
    }
  return tree


def config(tmp_path, **changes):
  return config_of("celebamask", tmp_path, num_classes=19, **changes)


# Skin 1, left brow 6, hair 13 over it, neck 17 over skin; columns of 512.
WANT = np.zeros(512, int)
WANT[0:100], WANT[45:60], WANT[40:50], WANT[90:120] = 1, 6, 13, 17


@pytest.mark.parametrize("packed", ["", "CelebAMask-HQ.zip"])
def test_arrays(tmp_path, packed):
  write(tmp_path / "data", download(7, 28001), packed)
  for variant, times in (("", 2), ("512", 1)):
    some = config(tmp_path, **{"data.variant": variant})
    found = Celebamask.find(some)
    assert not found.faults
    assert [e.stem for e in found.splits["train"]] == ["00007"]
    assert [e.stem for e in found.splits["val"]] == ["28001"]
    got = maps(found.splits["train"][0])
    size = 512 * times
    want = np.broadcast_to(WANT.repeat(times), (size, size))
    np.testing.assert_array_equal(got["label"], want)
    assert got["image"].shape == (size, size, 3) and "instance" not in got
  reduced = Image.fromarray(files.read_picture(photo(), 3)).resize(
    (512, 512), Image.Resampling.LANCZOS
  )
  np.testing.assert_array_equal(got["image"], np.asarray(reduced))
  assert "held out are the faces from 28000 on" in found.notes[1]
  names = [c["name"] for c in found.classes]
  assert names[13] == "hair" and names[15:] == [
    "earring", "necklace", "neck", "cloth",
  ]  # fmt: skip


def test_order_is_that_of_the_real_maps(test_data):
  """Classes of maps that the authors made."""
  path = test_data / "data/celebamask_mini/classes.json"
  told = json.loads(path.read_text())
  told = told["classes"] if isinstance(told, dict) else told
  assert [(c["name"], tuple(c["color"])) for c in told] == [
    (name, color) for _, name, color in celebamask.PARTS
  ]


def test_celeba_lists(tmp_path):
  """By the name of the file: the second column of the mapping counts from 0."""
  tree = download(0, 1, 2, 29999)
  tree[MAPPING] = b"""idx      orig_idx orig_file
0        119613   119614.jpg
1        162769   162770.jpg
2        162770   162771.jpg
29999    182637   182638.jpg
"""
  tree[LIST] = (
    b"119614.jpg 0\n162770.jpg 0\n162771.jpg 1\n182637.jpg 1\n182638.jpg 2\n"
  )
  write(tmp_path / "data", tree)
  found = Celebamask.find(config(tmp_path))
  assert not found.faults and len(found.notes) == 1
  assert {s: [e.stem for e in some] for s, some in found.splits.items()} == {
    "train": ["00000", "00001"],
    "val": ["00002"],
  }
  found = Celebamask.find(config(tmp_path, **{"data.split": "test"}))
  assert [e.stem for e in found.splits["test"]] == ["29999"]
  (tmp_path / "data" / LIST).write_bytes(b"119614 .jpg 0\n")
  (fault,) = Celebamask.find(config(tmp_path)).faults
  assert "line '119614 .jpg 0' has not 2 columns" in fault
  (tmp_path / "data" / MAPPING).unlink()
  (fault,) = Celebamask.find(config(tmp_path)).faults
  assert f"{LIST} is of no use without CelebA-HQ-to-CelebA-mapping" in fault


def test_what_is_missing_or_not_known(tmp_path):
  root = tmp_path / "data"
  write(root, {"readme.txt": b"x"})
  (fault,) = Celebamask.find(config(tmp_path)).faults
  assert fault == (
    f"{root}: no CelebA-HQ-img/ID.jpg, CelebAMask-HQ-mask-anno/*/ID_PART.png; "
    "take CelebAMask-HQ.zip from https://github.com/switchablenorms/"
    "CelebAMask-HQ"
  )
  tree = download(3, 4)
  del tree[f"{TOP}CelebA-HQ-img/4.jpg"]
  tree[f"{TOP}CelebA-HQ-img/5.jpg"] = photo()
  tree[f"{TOP}CelebAMask-HQ-mask-anno/0/00003_beard.png"] = mask(0, 1)
  write(root, tree)
  some = config_of("celebamask", tmp_path, **{"data.split": "test"})
  classes, unknown, masks, photos, test = Celebamask.find(some).faults
  assert classes.endswith("say --config.num_classes=19")
  assert "1 masks are of no part that is known (skin, nose, eye_g," in unknown
  assert unknown.endswith(": 00003_beard.png; take them away")
  assert "1 of 2 faces have no mask: 5; unpack" in masks
  assert "1 of 2 faces have no photo: 4; unpack" in photos
  assert "without CelebA's list_eval_partition.txt there is no test" in test


def test_photos_that_were_reduced_and_masks_that_were_doubled(tmp_path):
  tree = download(3)
  tree[f"{TOP}CelebA-HQ-img/3.jpg"] = photo(512)
  write(tmp_path / "data", tree)
  with pytest.raises(InputError) as error:
    pipeline.prepare(config(tmp_path))
  assert "CelebA-HQ-img/3.jpg: 512x512, the data set's photos" in str(
    error.value
  )
  assert "say --config.data.variant=512" in str(error.value)
  copy = pipeline.prepare(config(tmp_path, **{"data.variant": "512"}))
  assert copy.sizes == {"512x512": 1}
  big = np.zeros((1024, 1024, 3), np.uint8)
  tree = {f"{TOP}CelebAMask-HQ-mask-anno/0/00003_hair.png": png(big)}
  write(tmp_path / "data", tree)
  with pytest.raises(InputError, match="the mask of hair is 1024x1024, the"):
    pipeline.prepare(config(tmp_path))
