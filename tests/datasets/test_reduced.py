"""Pictures that are kept no larger than training needs them."""

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
