"""The smallest type that holds the ids of all the data."""

import numpy as np
import pytest

from hdgan.datasets.id_types import id_types
from hdgan.picture_spec import PictureSpec


@pytest.mark.parametrize(
  ("classes", "ignore", "want"),
  [
    (35, -1, "uint8"), (256, -1, "uint8"), (257, -1, "uint16"),
    (8, 255, "uint8"), (8, 256, "uint16"), (2**16, -1, "uint16"),
    (2**16 + 1, -1, "int32"), (8, 2**16, "int32"),
  ],
)  # fmt: skip
def test_classes_and_the_ignored_one(classes, ignore, want):
  assert id_types(PictureSpec(classes, ignore)).label == want


@pytest.mark.parametrize(
  ("ids", "want"),
  [
    ((0, 255), "uint8"), ((0, 256), "uint16"), ((33008, 65535), "uint16"),
    ((0, 65536), "int32"), ((-1, 3), "int32"), ((-(2**31), 2**31 - 1), "int32"),
    (None, "int32"),
  ],
)  # fmt: skip
def test_object_ids_as_the_data_has_them(ids, want):
  assert id_types(PictureSpec(8), 64, ids).instance == want


@pytest.mark.parametrize(
  ("most", "want"),
  [(0, "int32"), (64, "uint8"), (256, "uint8"), (257, "uint16"),
   (2**16, "uint16"), (2**16 + 1, "int32")],
)  # fmt: skip
def test_numbers_of_objects_end_below_their_bound(most, want):
  types = id_types(PictureSpec(8), most)
  assert types.objects == want
  assert not most or np.iinfo(types.objects).max >= most - 1
