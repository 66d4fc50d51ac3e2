"""What readers of exports share: splits, photos, and the modes after them."""

import json

import numpy as np
import pytest
from archives import config_of, jpeg, write
from tiny import command, save_run, tiny_config

from hdgan.datasets import pipeline
from hdgan.datasets.tools import export
from hdgan.errors import InputError


@pytest.mark.parametrize(
  ("name", "split"),
  [
    ("train", "train"), ("Training", "train"), ("instances_train2017", "train"),
    ("valid", "val"), ("Validation", "val"), ("panoptic_val", "val"),
    ("testing", "test"), ("default", ""), ("trainval", ""), ("values", ""),
    ("contest", ""),
  ],
)  # fmt: skip
def test_names_of_splits(name, split):
  assert export.split_of(name) == split


def labelme(**more):
  """One box of class car in a picture of 32x64."""
  box = {
    "label": "car",
    "shape_type": "rectangle",
    "points": [[8, 4], [24, 20]],
  }
  value = {
    "shapes": [box], "imagePath": "a.jpg", "imageData": None,
    "imageHeight": 32, "imageWidth": 64, **more,
  }  # fmt: skip
  return json.dumps(value).encode()


def labelme_files():
  return {
    "train/a.json": labelme(), "train/a.jpg": jpeg(32, 64),
    "val/b.c.json": labelme(imagePath="b.c.jpg"), "val/b.c.jpg": jpeg(32, 64),
  }  # fmt: skip


def test_a_split_is_an_input_of_synthesis(tmp_path):
  write(tmp_path / "data", labelme_files(), "mine.zip")
  config = config_of("labelme", tmp_path, num_classes=2)
  whole = pipeline.prepare(config)
  assert whole.names == {"train": ("a",), "val": ("b.c",)}
  assert (whole.held_out, whole.max_instances) == ("val", 64)
  inputs = pipeline.synthesis_inputs(config, "val", stage_size=(16, 32))
  (one,) = inputs.only("b.c")
  want = np.zeros((16, 32), int)
  want[2:10, 4:12] = 1
  np.testing.assert_array_equal(one["label"], want)
  np.testing.assert_array_equal(one["instance"], want)
  assert one["image"].shape == (16, 32, 3)
  with pytest.raises(InputError, match="the splits are train, val"):
    pipeline.synthesis_inputs(config, "test", stage_size=(16, 32))


def test_a_photo_of_another_size_than_the_file_says(tmp_path):
  files = {**labelme_files(), "train/a.jpg": jpeg(64, 32)}
  write(tmp_path / "data", files)
  config = config_of("labelme", tmp_path, num_classes=2)
  with pytest.raises(InputError) as error:
    pipeline.prepare(config)
  assert (
    "train/a.jpg: the photo is 64x32 (height x width) but train/a.json is "
    "32x64" in str(error.value)
  )


def test_a_label_map_would_have_no_effect(tmp_path):
  write(tmp_path / "data", labelme_files())
  config = config_of("labelme", tmp_path, num_classes=2)
  config.data.label_map = "map.json"
  with pytest.raises(InputError, match="say --config.data.label_map=''"):
    pipeline.prepare(config)


@pytest.mark.parametrize("change", ["shape", "nothing"])
def test_a_copy_is_known_by_what_is_drawn(tmp_path, change):
  """Saving a JSON anew with the same shapes makes no other copy."""
  write(tmp_path / "data", labelme_files())
  config = config_of("labelme", tmp_path, num_classes=2)
  found = pipeline.find_data_set(config).prepare.make.find(config)
  before = [one.label.facts for one in found.splits["train"]]
  data = labelme(version="9")
  if change == "shape":
    data = data.replace(b"24, 20", b"24, 21")
  (tmp_path / "data/train/a.json").write_bytes(data)
  found = pipeline.find_data_set(config).prepare.make.find(config)
  after = [one.label.facts for one in found.splits["train"]]
  assert (after == before) == (change == "nothing")


@pytest.mark.slow
def test_the_modes_after_training(tmp_path):
  """`--input=val` of synthesize and edit, and a style of one of its photos."""
  write(tmp_path / "data", labelme_files())
  config = tiny_config(num_classes=2, data__name="labelme")
  config.data.root = str(tmp_path / "data")
  config.data.prepared_dir = str(tmp_path / "copies")
  save_run(tmp_path / "run", config)
  edits = tmp_path / "edits.json"
  edits.write_text('{"edits": [{"op": "remove", "object": "1"}]}')
  base = [f"--workdir={tmp_path}/run", "--input=val"]
  for i, words in enumerate(
    (
      ["--mode=synthesize"],
      ["--mode=synthesize", "--style_from=val/b.c"],
      ["--mode=edit", "--map=b.c", f"--edits={edits}"],
    )
  ):
    code, _, said = command(*base, *words, f"--output={tmp_path}/out{i}")
    assert code == 0, said
    assert (tmp_path / f"out{i}/b.c.png").is_file()
