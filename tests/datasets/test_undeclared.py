"""What is found from the files where nothing was typed."""

import numpy as np
import pytest
from tiny import data_config, scan

from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.datasets.undeclared import OPEN, count_classes, find_fields


def entries(*ids, ignored=()):
  return {id: {"id": id, "ignore": id in ignored} for id in ids}


@pytest.mark.parametrize(
  "values, classes, found",
  [
    ({0, 1, 2}, {}, (3, -1)),
    ({0, 1, 2, 255}, {}, (3, 255)),
    ({0, 2, 150}, entries(*range(151)), (151, -1)),
    # A void class beside the others is a class; one far off is none.
    ({0, 1, 11}, entries(*range(12), ignored=(11,)), (12, -1)),
    ({3, 181, 255}, entries(*range(182), 255, ignored=(255,)), (182, 255)),
    # Not all classes need occur, but 4 of 201 are no numbering.
    ({0, 7, 23, 33}, {}, (34, -1)),
    ({0, 50, 100, 200}, {}, (4, -1)),
    # A mask has two classes; the check says how to number them.
    ({0, 255}, {}, (2, -1)),
    ({-1, 0, 1}, {}, (2, -1)),
    # 256 classes and none to ignore.
    (set(range(256)), {}, (256, -1)),
  ],
)
def test_the_number_of_classes(values, classes, found):
  assert count_classes(values, classes) == found


def test_fields_of_files(tmp_path):
  """Eight classes and 12 bits in 16; only what is open."""
  root = tmp_path / "data"
  synthetic_streets.write_folder(root, num_train=2, size=(32, 64))
  for path in (root / "train_img").iterdir():
    photo = np.full((32, 64, 3), 4000, np.uint16)
    photo[0] = 0
    np.save(path.with_suffix(".npy"), photo)
    path.unlink()
  config = data_config(tmp_path, num_classes=35)
  splits = {"train": scan(root, "train")}
  # Of what cannot be read the check tells.
  (root / "train_label/street_00001.png").write_bytes(b"no picture")

  def found(*fields):
    return find_fields(config, splits, open_fields=fields, classes={})

  twelve = {"data.image_range": (0.0, 4095.0)}
  assert found(*OPEN) == {"num_classes": 8, **twelve}
  assert found("data.image_range") == twelve
  config.num_classes = 8
  assert found("num_classes") == found() == {}
