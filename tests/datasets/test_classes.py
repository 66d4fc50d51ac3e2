"""classes.json: read, checked, completed."""

import json

import numpy as np
import pytest

from hdgan.datasets.classes import load_classes, palette
from hdgan.errors import InputError


def test_without_a_file_names_are_ids_and_colours_differ(tmp_path):
  classes = load_classes(tmp_path, 183)
  assert [entry["name"] for entry in classes] == [str(i) for i in range(183)]
  assert len({entry["color"] for entry in classes}) == 183
  np.testing.assert_array_equal(classes[7]["color"], palette(8)[7])
  assert classes == load_classes(tmp_path, 183)


def test_a_file_is_read_and_completed(tmp_path):
  entries = [
    {"id": 2, "name": "car", "color": [1, 2, 3], "has_instances": True},
    {"id": 0, "name": "road"},
    {"id": 255, "name": "void", "ignore": True},
  ]
  (tmp_path / "classes.json").write_text(json.dumps(entries))
  classes = load_classes(tmp_path, 3)
  assert [entry["name"] for entry in classes] == ["road", "1", "car"]
  assert classes[2] == {
    "id": 2,
    "name": "car",
    "color": (1, 2, 3),
    "has_instances": True,
    "ignore": False,
  }


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("[", "not JSON"),
    ("{}", "must be a list"),
    ("[3]", "entry 0: must be an object"),
    ('[{"id": -1, "name": "a"}]', "id = -1 must be"),
    ('[{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]', "id = 0 is there"),
    ('[{"id": 4294967296, "name": "a"}]', "id = 4294967296 must be"),
    ('[{"id": 0}]', "name = None must be a text"),
    ('[{"id": 0, "name": "a", "color": [1, 2]}]', "color = [1, 2] must be"),
    ('[{"id": 0, "name": "a", "color": [1, 2, 300]}]', "0..255"),
    ('[{"id": 0, "name": "a", "hasInstances": true}]',
     "entry 0: there is no key 'hasInstances'; did you mean 'has_instances'?"),
    ('[{"id": 0, "name": "a", "colour": [1, 2, 3]}]', "did you mean 'color'?"),
    ('[{"id": 0, "name": "a"}, {"id": 1, "name": "a"}]',
     "entry 1: name = 'a' is that of entry 0 too; names must differ"),
    ('[{"id": 0, "name": "a", "ignore": 1}]', "ignore = 1 must be true"),
  ],
)  # fmt: skip
def test_bad_files(tmp_path, text, words):
  (tmp_path / "classes.json").write_text(text)
  with pytest.raises(InputError) as error:
    load_classes(tmp_path, 3)
  assert "classes.json" in str(error.value)
  assert words in str(error.value)


def test_a_large_id_costs_no_memory(tmp_path):
  """A colour is made of its id alone, not of a table up to it."""
  text = '[{"id": 4294967295, "name": "void"}, {"id": 0, "name": "a"}]'
  (tmp_path / "classes.json").write_text(text)
  (one,) = load_classes(tmp_path, 1)
  assert one["color"] == tuple(palette(1)[0].tolist())
