"""Copies that hold pixels: read the same to the bit, without a decoder."""

import pathlib

import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import image_file, pipeline, tiff
from hdgan.datasets.streets import builder as streets

PIXELS = {"data.store": "pixels"}


def read_all(source, **options):
  """Seven batches, some of whose examples are mirrored."""
  stream = pipeline.batches(
    source, "train", stage_size=(24, 40), batch_size=2, seed=(0, 0), **options
  )
  return [next(stream) for _ in range(7)]


def assert_same(one, two):
  for first, second in zip(one, two, strict=True):
    assert first.keys() == second.keys()
    for name, array in first.items():
      assert array.dtype == second[name].dtype
      np.testing.assert_array_equal(array, second[name])


def palette(path):
  image = Image.open(path)
  image.putpalette([255 - i // 3 for i in range(768)])
  image.save(path)


def jpeg(path):
  Image.open(path).save(path.with_suffix(".jpg"), quality=90)
  path.unlink()


def grey(path):
  Image.open(path).convert("L").save(path)


def deep(path):
  array = np.array(Image.open(path)).astype(np.uint16) * 257
  np.save(path.with_suffix(".npy"), array)
  path.unlink()


@pytest.mark.parametrize(
  ("bend", "changes"),
  [
    ({}, {}),
    ({"label": palette, "img": jpeg}, {}),
    ({"img": grey}, {}),
    ({"img": deep}, {"data.image_range": (0.0, 65535.0)}),
    ({"inst": None}, {"data.store_size": 40}),
    (
      {"label": grey},
      {
        "num_classes": 0,
        "boundary": False,
        "data.label_channels": 1,
        "data.label_range": (0.0, 7.0),
      },
    ),
  ],
)
def test_the_same_bits_as_of_files(bend, changes, tmp_path, monkeypatch):
  root = tmp_path / "data"
  streets.write_folder(root, num_train=3, num_val=1, size=(32, 64))
  for role, change in bend.items():
    for path in root.glob(f"*_{role}/*"):
      change(path) if change else path.unlink()
    if change is None:
      for folder in root.glob(f"*_{role}"):
        folder.rmdir()
  config = data_config(tmp_path, **changes)
  config.stages[0].size = (24, 40)
  of_files = pipeline.prepare(config)
  config.update_from_flattened_dict(PIXELS)
  of_pixels = pipeline.prepare(config)
  want = read_all(of_files, objects=True)
  # What a resumed run compares is the same, so that it may change this field.
  assert of_pixels.contents == of_files.contents
  assert of_pixels.types == of_files.types
  copies = list((tmp_path / "copies/paired_folder").glob("*/1.0.0"))
  assert len(copies) == 2
  for module, name in ((image_file, "open_image"), (tiff, "read_page")):
    monkeypatch.setattr(module, name, None)
  assert_same(read_all(of_pixels, objects=True), want)


def test_both_copies_are_found_again(tmp_path, capsys):
  streets.write_folder(tmp_path / "data", num_train=2, size=(32, 64))
  for store in ("files", "pixels", "files", "pixels"):
    pipeline.prepare(data_config(tmp_path, **{"data.store": store}))
  assert capsys.readouterr().err.count("prepared copy in ") == 2


def test_what_pixels_mean_is_another_copy(tmp_path):
  """A map of ids and a picture are decoded in two ways, files are the same."""
  streets.write_folder(tmp_path / "data", num_train=2, size=(32, 64))
  as_picture = {
    "num_classes": 0, "boundary": False, "data.label_channels": 1,
    "data.label_range": (0.0, 7.0),
  }  # fmt: skip
  for changes in ({}, as_picture):
    source = pipeline.prepare(data_config(tmp_path, **PIXELS, **changes))
    label = next(iter(read_all(source)))["label"]
    assert label.ndim == (4 if changes else 3)
  copies = tmp_path / "copies/paired_folder"
  assert len(list(copies.glob("*/1.0.0"))) == 2


def test_drawn_streets(tmp_path, monkeypatch):
  config = data_config(tmp_path)
  config.update_from_flattened_dict(
    {"data.name": "synthetic_streets", "data.num_train": 3}
  )
  want = read_all(pipeline.prepare(config))
  config.update_from_flattened_dict(PIXELS)
  source = pipeline.prepare(config)
  assert source.max_instances == 64
  monkeypatch.setattr(image_file, "open_image", None)
  assert_same(read_all(source), want)
  assert len(list(pathlib.Path(tmp_path, "copies").glob("*/*/1.0.0"))) == 2
