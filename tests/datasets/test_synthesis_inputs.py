"""What a user may name as the input of synthesis."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import pipeline
from hdgan.datasets.classes import class_entry
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.errors import InputError


@pytest.fixture
def config(tmp_path):
  synthetic_streets.write_folder(
    tmp_path / "data", num_train=2, num_val=1, num_test=2, size=(32, 64)
  )
  return data_config(tmp_path)


def inputs_of(config, source, **options):
  options = {"stage_size": (16, 32)} | options
  return pipeline.synthesis_inputs(config, str(source), **options)


NAMES = ("street_00003", "street_00004")


def test_a_split_without_photos(config):
  inputs = inputs_of(config, "test")
  assert inputs.names == NAMES and len(inputs) == 2
  assert [one["name"] for one in inputs] == list(NAMES)
  assert inputs[1]["image"] is None
  assert inputs[1]["label"].shape == inputs[1]["instance"].shape == (16, 32)
  scene = synthetic_streets.draw_street(0, 4, 32, 64)
  np.testing.assert_array_equal(inputs[1]["label"], scene.label[1::2, 1::2])


def test_photos_of_some_maps(config, tmp_path, capsys):
  """Those that are there are read, whatever else lies there."""
  photos = tmp_path / "data/test_img"
  shutil.copytree(tmp_path / "data/val_img", photos)
  capsys.readouterr()
  assert [one["image"] for one in inputs_of(config, "test")] == [None, None]
  assert f"{photos}: no photo has the name of a map" in capsys.readouterr().err
  (photos / "street_00002.png").rename(photos / "street_00004.png")
  (photos / "notes.txt").write_text("")
  first, second = inputs_of(config, "test")
  assert first["image"] is None and second["image"].shape == (16, 32, 3)
  assert "photo" not in capsys.readouterr().err


def test_instance_maps_of_some_maps(config, tmp_path):
  (tmp_path / "data/test_inst/street_00003.png").unlink()
  with pytest.raises(InputError) as error:
    inputs_of(config, "test")
  assert str(error.value) == (
    "test_label/: 1 of 2 files have no instance map in test_inst/: "
    "street_00003.png; add or remove them (files pair by name; rename them "
    "where names differ)"
  )


def test_training_s_bound_and_sizes_do_not_count(config):
  """Here nothing is pooled at a static bound, and nothing is cut."""
  config.max_instances, config.data.transform = 1, "crop"
  config.stages[0].size = (64, 128)
  assert len(inputs_of(config, "test")) == 2


def test_all_the_ways_to_name_a_folder(config, tmp_path):
  data = tmp_path / "data"
  alone = tmp_path / "alone"
  shutil.copytree(data / "test_label", alone / "test_label")
  parts = tmp_path / "parts"
  shutil.copytree(data / "test_label", parts / "label")
  shutil.copytree(data / "test_inst", parts / "inst")
  maps = tmp_path / "maps"
  shutil.copytree(data / "test_label", maps)
  with_ids = {data / "test", data / "test_label", parts}
  for source in (data / "test", data / "test_label", alone, parts, maps):
    inputs = inputs_of(config, source)
    assert inputs.names == NAMES
    one = inputs[0]
    assert (one["instance"].max() > 1000) == (source in with_ids)
    if source not in with_ids:
      np.testing.assert_array_equal(one["instance"], one["label"])


@pytest.mark.parametrize(
  ("transform", "load_width", "size", "shape"),
  [
    ("resize", 0, "stage", (24, 24)),
    ("scale_width", 0, "stage", (12, 24)),
    ("scale_width", 48, "stage", (24, 48)),
    ("crop", 0, "stage", (32, 64)),
    ("resize", 0, "input", (32, 64)),
  ],
)
def test_scaled_as_in_training_without_its_random_part(
  config, transform, load_width, size, shape
):
  config.data.transform, config.data.load_width = transform, load_width
  (one,) = inputs_of(config, "val", stage_size=(24, 24), size=size)
  assert one["label"].shape == one["instance"].shape == shape
  assert one["image"].shape == (*shape, 3)


def test_drawn_streets(config):
  config.data.name, config.data.num_train = "synthetic_streets", 2
  config.data.num_val = 3
  inputs = inputs_of(config, "val", size="input")
  assert inputs.names == ("street_00002", "street_00003", "street_00004")
  scene = synthetic_streets.draw_street(0, 3, 32, 64)
  np.testing.assert_array_equal(inputs[1]["instance"], scene.instance)
  with pytest.raises(InputError, match="'test' is neither a folder nor"):
    inputs_of(config, "test")


def test_bad_inputs(config, tmp_path):
  with pytest.raises(InputError, match="nowhere: neither a folder nor a split"):
    inputs_of(config, "nowhere")
  with pytest.raises(InputError, match=r"holds 3 splits \(test, train, val\)"):
    inputs_of(config, tmp_path / "data")
  with pytest.raises(InputError, match="size = 'big' is no size"):
    inputs_of(config, "val", size="big")
  (tmp_path / "empty").mkdir()
  with pytest.raises(InputError, match="empty/: no label map found"):
    inputs_of(config, tmp_path / "empty")
  bad = np.full((32, 64), 77, np.uint8)
  Image.fromarray(bad).save(tmp_path / "data/test_label/street_00003.png")
  with pytest.raises(InputError, match="street_00003.png: label value 77"):
    inputs_of(config, "test")


def test_suffixes_of_the_training_are_not_asked_of_other_folders(
  config, tmp_path
):
  config.data.suffixes.label = "_mask"
  maps = shutil.copytree(tmp_path / "data/test_label", tmp_path / "maps")
  assert inputs_of(config, maps).names == NAMES


def test_maps_go_through_the_table_of_the_training(config, tmp_path, capsys):
  """And are class ids where the table is gone, as in a release."""
  table = tmp_path / "table.json"
  table.write_text(json.dumps({str(i): (i + 1) % 8 for i in range(8)}))
  plain = inputs_of(config, "test", size="input")[0]
  config.data.label_map, config.data.instances = str(table), "components"
  classes = [class_entry(4, "car", has_instances=True)]
  one = inputs_of(config, "test", size="input", classes=classes)[0]
  np.testing.assert_array_equal(one["label"], (plain["label"] + 1) % 8)
  cars = one["label"] == 4
  assert cars.any() and (one["instance"][cars] // 1000 == 4).all()
  np.testing.assert_array_equal(one["instance"][~cars], one["label"][~cars])
  table.unlink()
  capsys.readouterr()
  again = inputs_of(config, "test", size="input", classes=classes)[0]
  np.testing.assert_array_equal(again["label"], plain["label"])
  said = capsys.readouterr().err
  assert "table.json: the table of colours or numbers that this model" in said


@pytest.mark.parametrize(
  ("session", "exported"),
  [('{"maps": "ids"}', True), ('{"maps": "colours"}', False), ("[]", False)],
)
def test_what_a_studio_exported_holds_ids(config, tmp_path, session, exported):
  """Whatever data.label_map and data.instances say of the run's own files."""
  table = tmp_path / "table.json"
  table.write_text(json.dumps({str(i): (i + 1) % 8 for i in range(8)}))
  for role in ("label", "inst"):
    shutil.copytree(tmp_path / f"data/test_{role}", tmp_path / "zip" / role)
  (tmp_path / "zip/session.json").write_text(session)
  plain = inputs_of(config, tmp_path / "zip", size="input")[0]
  config.data.label_map, config.data.instances = str(table), "none"
  one = inputs_of(config, tmp_path / "zip", size="input")[0]
  same = [(one[k] == plain[k]).all() for k in ("label", "instance")]
  assert same == [exported] * 2
