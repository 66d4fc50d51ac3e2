"""Pictures that anybody made, found by the names of maps."""

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_config

from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.evaluation.picture_folder import PictureFolder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
  config = tiny_config()
  with config.unlocked():
    config.data.num_val = 2
    config.data.prepared_dir = str(tmp_path_factory.mktemp("copies"))
  return pipeline.synthesis_inputs(
    config, "val", stage_size=(16, 32), size="input"
  )


@pytest.fixture
def folder(inputs, tmp_path, monkeypatch):
  """A picture of each map at a half of its size, all of one grey."""
  monkeypatch.chdir(tmp_path)
  for i, one in enumerate(inputs):
    height, width = one["label"].shape
    made = np.full((height // 2, width // 2, 3), 10 + i, np.uint8)
    path = tmp_path / "made" / f"{one['name']}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(made).save(path)
  return (tmp_path / "made").relative_to(tmp_path)


def test_each_map_gets_its_picture(inputs, folder):
  made = PictureFolder(folder, inputs)
  height, width = inputs[0]["label"].shape
  small = height // 2, width // 2
  assert made.sizes() == {
    name: ((height, width), small) for name in inputs.names
  }
  pairs = list(made.pairs("image"))
  assert [pair.made[0, 0, 0] for pair in pairs] == [10, 11]
  assert pairs[0].label.shape == small and pairs[0].real.shape == (*small, 3)
  assert next(made.pairs("label")).label.shape == (height, width)


def test_pictures_that_do_not_fit(inputs, folder):
  first, second = inputs.names
  wide = folder / f"{first}.png"
  Image.fromarray(np.zeros((9, 80, 3), np.uint8)).save(wide)
  height, width = inputs[0]["label"].shape
  with pytest.raises(InputError) as error:
    list(PictureFolder(folder, inputs).pairs("image"))
  assert str(error.value) == (
    f"made/{first}.png: is 80x9, its map {width}x{height}; a picture must show "
    "the whole map"
  )
  (folder / f"{second}.png").unlink()
  (folder / f"{first}.jpg").write_bytes(wide.read_bytes())
  with pytest.raises(InputError) as error:
    PictureFolder(folder, inputs)
  assert str(error.value).split("\n") == [
    f"made: nothing is called {second}, as 1 of 2 maps are; each map needs a "
    "file of its name",
    f"made: {first}.jpg and {first}.png are both of the map {first}; keep one",
  ]
  with pytest.raises(InputError, match="--pictures=none: there is no such fo"):
    PictureFolder(folder.with_name("none"), inputs)
