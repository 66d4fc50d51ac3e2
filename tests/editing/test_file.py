"""Edits as JSON: what each needs, and what it does."""

import types

import numpy as np
import pytest

from hdgan.editing import file, scene
from hdgan.errors import InputError

CLASSES = (
  {"id": 0, "name": "sky", "has_instances": False},
  {"id": 1, "name": "car", "has_instances": True},
)
RENDERER = types.SimpleNamespace(channels=0)


def two_cars():
  label = np.array([[0, 0, 0, 0], [1, 1, 0, 1]])
  return scene.open_scene(label, label * [[1000, 1000, 0, 1001]], CLASSES)


@pytest.mark.parametrize(
  ("entry", "fault"),
  [
    ({"op": "erase", "box": [0, 0, 1, 1]}, ""),
    ({"op": "erase", "mask": "a.png", "fill": "car"}, ""),
    ({"op": "erase"}, "erase needs either 'box' or 'mask'"),
    ({"op": "erase", "box": [0, 0, 1, 1], "mask": "a"}, "erase needs either"),
    ({"op": "erase", "object": "1"}, "erase has no field 'object'"),
    ({"op": "erase", "box": [1, 0, 1, 1]}, "box = [1, 0, 1, 1] must be"),
    ({"op": "erase", "box": [0, 0, 1, 1], "fill": 0.5}, "fill = 0.5 must be"),
    ({"op": "remove"}, "remove needs either 'object' or 'every'"),
    ({"op": "add", "class": "car"}, "add needs either 'box' or 'mask'"),
    ([], "[] must be an object with 'op'"),
  ],
)
def test_faults_of_one_edit(entry, fault):
  said = file.edit_fault(entry)
  assert said.startswith(fault) and bool(said) == bool(fault)


def test_erase_a_box():
  entry = {"op": "erase", "box": [1, 1, 2, 9]}
  after = file.apply(two_cars(), entry, None, RENDERER)
  np.testing.assert_array_equal(after.label, [[0, 0, 0, 0], [1, 0, 0, 0]])
  filled = file.apply(two_cars(), {**entry, "fill": "car"}, None, RENDERER)
  np.testing.assert_array_equal(filled.instance[1], [1000, 1002, 1002, 1002])


def test_erase_a_mask():
  entry = {"op": "erase", "mask": "a.png"}
  asked = []

  def read(name):
    asked.append(name)
    return np.array([[0, 0, 0, 0], [255, 0, 0, 0]])

  after = file.apply(two_cars(), entry, read, RENDERER)
  np.testing.assert_array_equal(after.label[1], [0, 1, 0, 1])
  assert asked == ["a.png"]
  with pytest.raises(InputError, match="no files can be named here"):
    file.apply(two_cars(), entry, None, RENDERER)
