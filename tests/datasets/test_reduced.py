"""Pictures that are kept no larger than training needs them."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import pipeline
from hdgan.datasets.reduced import stored_size
from hdgan.datasets.streets import builder as streets
from hdgan.errors import InputError


def test_sizes_keep_their_shape():
  assert stored_size((1024, 2048), 1024) == (512, 1024)
  assert stored_size((333, 100), 111) == (111, 33)
  assert stored_size((64, 32), 64) == (64, 32)
  assert stored_size((1, 3000), 100) == (1, 100)


@pytest.mark.parametrize("photo", ["jpg", "png"])
def test_a_stage_of_that_size_gets_the_same_bits(photo, tmp_path):
  root = tmp_path / "data"
  streets.write_folder(root, num_train=3, num_val=1, size=(64, 128))
  if photo == "jpg":
    for path in root.glob("*_img/*.png"):
      Image.open(path).save(path.with_suffix(".jpg"), quality=97)
      path.unlink()
  read = {}
  for size in (0, 32):
    config = data_config(tmp_path, **{"data.store_size": size})
    source = pipeline.prepare(config)
    read[size] = pipeline.fixed_examples(
      source, "train", range(3), stage_size=(16, 32), objects=True
    )
  for key in read[0]:
    np.testing.assert_array_equal(read[0][key], read[32][key])
  assert source.sizes == {"16x32": 4}
  with Image.open(tmp_path / "data/train_label/street_00000.png") as label:
    hand = np.array(label)[2::4, 2::4]  # The pixel that holds each centre.
  np.testing.assert_array_equal(read[32]["label"][0], hand)


def test_what_would_be_blurred_or_hidden_is_refused(tmp_path):
  root = tmp_path / "data"
  streets.write_folder(root, num_train=2, size=(64, 128))
  with pytest.raises(InputError) as error:
    pipeline.prepare(data_config(tmp_path, **{"data.store_size": 31}))
  assert str(error.value) == (
    "config.data.store_size=31: training scales to 32, which would only be "
    "blurred; say --config.data.store_size=32, or 0"
  )
  path = root / "train_img/street_00001.png"
  Image.open(path).resize((64, 32)).save(path)  # Half of its label's.
  with pytest.raises(InputError) as error:
    pipeline.prepare(data_config(tmp_path, **{"data.store_size": 32}))
  assert str(error.value) == (
    "train_img/street_00001.png: the photo is 32x64 (height x width) but "
    "train_label/street_00001.png is 64x128; bring both to one size"
  )


def write_folder(root, labels) -> None:
  for i, label in enumerate(labels):
    for name in ("train_label", "train_img"):
      (root / name).mkdir(parents=True, exist_ok=True)
      grey = np.random.default_rng(i).integers(0, 256, (64, 128), np.uint8)
      picture = label if name == "train_label" else Image.fromarray(grey)
      picture.save(root / f"{name}/{i}.png")


@pytest.mark.parametrize("how", ["reduced", "numbered"])
def test_palettes_that_differ_in_what_is_made_of_files(how, tmp_path):
  """Indices 1 and 2, and their colours, are exchanged in the second map."""
  labels = []
  for order in ((0, 1, 2), (0, 2, 1)):
    ids = np.array(order, np.uint8)[np.arange(64 * 128) % 3].reshape(64, 128)
    labels.append(Image.fromarray(ids))
    colors = np.array([(9, 9, 9), (255, 0, 0), (0, 255, 0)])[list(order)]
    labels[-1].putpalette(colors.ravel().tolist())
  write_folder(tmp_path / "data", labels)
  table = tmp_path / "table.json"
  table.write_text(json.dumps({"0": 0, "1": 3, "2": 2}))
  changes: dict[str, object] = {"data.store_size": 32}
  if how == "numbered":
    changes = {"data.label_map": str(table)}
  with pytest.raises(InputError) as error:
    pipeline.prepare(data_config(tmp_path, **changes))
  told = "index 1 has the colour (0, 255, 0), which is index 2"
  if how == "numbered":  # Of the classes, as they are compared.
    told = "index 2 has the colour (255, 0, 0), which is index 3"
  assert f"train_label/1.png: {told} in train_label/0" in str(error.value)


def test_class_ids_that_are_taken_as_pictures_are_told_when_reduced(tmp_path):
  ids = np.arange(64, dtype=np.uint8)[:, None].repeat(128, 1) // 24
  write_folder(tmp_path / "data", [Image.fromarray(ids)] * 2)
  config = data_config(
    tmp_path, **{"data.store_size": 32, "num_classes": 0, "boundary": False}
  )
  with pytest.raises(InputError, match="say --config.num_classes=3 if they"):
    pipeline.prepare(config)
