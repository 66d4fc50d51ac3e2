"""data.instances: object ids out of components, codings and colours."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import files, instances
from hdgan.datasets.check import check, rules_of
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.errors import InputError
from hdgan.picture_spec import PictureSpec


def test_components_by_hand():
  label = np.array([
    [2, 2, 0, 1, 255],
    [0, 0, 2, 1, 1],  # The third 2 touches the first two at a corner.
    [2, 0, 0, 0, 2],
    [2, 0, 1, 1, 1],
  ])  # fmt: skip
  found = instances.components(label, (2,), PictureSpec(3, ignore_label=255))
  np.testing.assert_array_equal(found, [
    [2001, 2001, 0, 1, 255],
    [0, 0, 2001, 1, 1],
    [2002, 0, 0, 0, 2003],
    [2002, 0, 1, 1, 1],
  ])  # fmt: skip


def test_components_of_class_0_and_of_very_many():
  """No id of an object is that of a region or of another class's object."""
  label = np.zeros((60, 80), np.uint8)
  label[::2, ::2] = 1  # 1200 single pixels.
  found = instances.components(label, (0, 1), PictureSpec(2))
  assert found[1, 1] == 2 * 1201 + 1
  ones = found[::2, ::2].ravel()
  np.testing.assert_array_equal(ones, 1201 + 1 + np.arange(1200))
  found = instances.components(label, (1,), PictureSpec(2))
  assert set(found[label == 0]) == {0}


def save(path, array):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(array).save(path)


LABEL = np.repeat([[0, 1, 2, 2]], 4, 0).astype(np.uint8)


@pytest.fixture
def root(tmp_path):
  save(tmp_path / "data/train_label/a.png", LABEL)
  save(tmp_path / "data/train_img/a.png", np.zeros((4, 4, 3), np.uint8))
  return tmp_path / "data"


def found_in(tmp_path, **changes):
  changes = {"num_classes": 3, "stages[0].size": (4, 4)} | changes
  stage = changes.pop("stages[0].size")
  config = data_config(tmp_path, **changes)
  config.stages[0].size = stage
  return PairedFolder.find(config), rules_of(config)


def instance_of(tmp_path, **changes) -> np.ndarray:
  found, rules = found_in(tmp_path, **changes)
  assert not found.faults
  check(found.splits, rules)
  return files.read_map(found.splits["train"][0].instance.read())


def fault_of(tmp_path, **changes) -> str:
  found, rules = found_in(tmp_path, **changes)
  with pytest.raises(InputError) as error:
    check(found.splits, rules, faults=found.faults)
  (line,) = str(error.value).splitlines()
  return line


def test_components_of_a_folder(root, tmp_path):
  coding = {"data.instances": "components"}
  said = fault_of(tmp_path, **coding)
  assert '"has_instances": true' in said and "classes.json has none" in said
  classes = [{"id": 2, "name": "car", "has_instances": True}]
  (root / "classes.json").write_text(json.dumps(classes))
  made = instance_of(tmp_path, **coding)
  np.testing.assert_array_equal(
    made, np.where(LABEL == 2, 2001, LABEL.astype(int))
  )
  # Instance maps that lie there are left aside, and it is said.
  save(root / "train_inst/a.png", LABEL + 7)
  np.testing.assert_array_equal(instance_of(tmp_path, **coding), made)
  assert any(
    "left aside (data.instances = 'components')" in note
    for note in found_in(tmp_path, **coding)[0].notes
  )


def test_components_follow_the_table(root, tmp_path):
  """Of the classes that the maps get: 2 becomes class 0, with instances."""
  rows = [{"from": 2, "id": 0, "name": "car", "has_instances": True}]
  rows += [{"from": 0, "id": 1}, {"from": 1, "id": 2}]
  (tmp_path / "table.json").write_text(json.dumps(rows))
  table = {"data.label_map": str(tmp_path / "table.json")}
  made = instance_of(tmp_path, **{"data.instances": "components"}, **table)
  np.testing.assert_array_equal(made, np.repeat([[1, 2, 3001, 3001]], 4, 0))


def test_none(root, tmp_path):
  save(root / "train_inst/a.png", LABEL[:2])  # Its size is not asked for.
  found, rules = found_in(tmp_path, **{"data.instances": "none"})
  assert check(found.splits, rules).has_instances is False


def test_label_1000_and_id(root, tmp_path):
  coding = {"data.instances": "label*1000+id"}
  assert "needs train_inst/" in fault_of(tmp_path, **coding)
  ids = np.where(LABEL == 2, 2007, LABEL.astype(int)).astype(np.uint16)
  save(root / "train_inst/a.png", ids)
  np.testing.assert_array_equal(instance_of(tmp_path, **coding), ids)
  # Numbered anew, the ids still hold the numbers of the files.
  (tmp_path / "table.json").write_text('{"2": 0, "0": 1, "1": 2}')
  table = {"data.label_map": str(tmp_path / "table.json")}
  np.testing.assert_array_equal(instance_of(tmp_path, **coding, **table), ids)
  ids[0, 2:] = 1003
  save(root / "train_inst/a.png", ids)
  assert fault_of(tmp_path, **coding) == (
    "train_inst/a.png: object 1003 (class 1) lies on class 2 of train_label/"
    "a.png at row 0, column 2; 2 pixels are not label * 1000 + id; say "
    "--config.data.instances=folder if ids are numbered in another way"
  )


@pytest.mark.parametrize("coding", ["coco_panoptic", "rgb24"])
def test_colours(root, tmp_path, coding):
  """0, 5 + 256 * 1, 5 + 65536 * 2: three objects, of which 0 is void."""
  colors = np.array([(0, 0, 0), (5, 1, 0), (5, 0, 2)], np.uint8)
  save(root / "train_inst/a.png", colors[LABEL])
  made = instance_of(tmp_path, **{"data.instances": coding})
  np.testing.assert_array_equal(made, np.array([0, 1001, 1002])[LABEL])
  said = fault_of(tmp_path)
  assert "--config.data.instances=coco_panoptic" in said
  assert "class id" not in said


def test_one_channel_is_no_panoptic_map(root, tmp_path):
  save(root / "train_inst/a.png", LABEL)
  said = fault_of(tmp_path, **{"data.instances": "coco_panoptic"})
  assert "has one channel" in said
  made = instance_of(tmp_path, **{"data.instances": "rgb24"})
  np.testing.assert_array_equal(made, np.array([0, 1001, 1002])[LABEL])


def test_lossy_colours(root, tmp_path):
  path = root / "train_inst/a.jpg"
  path.parent.mkdir()
  Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
  for coding in ("folder", "rgb24", "coco_panoptic"):
    assert "lossy" in fault_of(tmp_path, **{"data.instances": coding})
