"""The scenes on offer, against maps that the tests write themselves."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import (
  CAR,
  ROAD,
  picture_stand_in,
  stand_in,
  street,
  street_inputs,
)

from hdgan.datasets import files
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.studio import frame, limits, scenes
from hdgan.studio.first_scene import draw_scene, street_classes
from hdgan.studio.refusal import Refusal
from hdgan.studio.scenes import Shelf
from hdgan.studio.studio import Studio


def plane_of(head, runs):
  """[H, W] rows of an answer."""
  size = head["h"], head["w"]
  return frame.unpack_runs(runs, size, len(head["table"]) - 1)


def maps_of(head, runs):
  """Label and instance [H, W] of an answer."""
  plane = plane_of(head, runs)
  return tuple(
    np.array([row[key] for row in head["table"]])[plane]
    for key in ("label", "instance")
  )


@pytest.fixture
def folder(tmp_path):
  """Two streets as files, one with a photo."""
  for role in ("label", "inst", "img"):
    (tmp_path / role).mkdir()
  for i in range(2):
    label, instance = street(seed=i)
    (tmp_path / "label" / f"s{i}.png").write_bytes(files.encode_png(label))
    (tmp_path / "inst" / f"s{i}.png").write_bytes(files.encode_png(instance))
  photo = np.full((64, 128, 3), 200, np.uint8)
  (tmp_path / "img" / "s1.png").write_bytes(files.encode_png(photo))
  return tmp_path


def open_folder(folder, **options):
  renderer = stand_in(**options)
  return Studio(renderer, scenes.find(renderer, str(folder)), "stage")


def test_a_folder_is_listed_without_reading_its_maps(folder):
  (folder / "label" / "s0.png").write_bytes(b"no picture")
  head, _ = open_folder(folder).call("scenes", {}, b"")
  assert head["scenes"] == [
    {"id": 0, "name": "s0", "photo": False, "template": False},
    {"id": 1, "name": "s1", "photo": True, "template": False},
  ]
  assert str(folder) not in str(head)


def test_a_scene_is_its_maps(folder):
  head, runs = open_folder(folder).call("scene", {"id": 1}, b"")
  assert (head["name"], head["id"]) == ("s1", 1)
  for got, want in zip(maps_of(head, runs), street(seed=1), strict=True):
    np.testing.assert_array_equal(got, want)


def test_styles_are_those_that_synthesize_draws(folder):
  studio = open_folder(folder)
  head, _ = studio.call("scene", {"id": 1}, b"")
  pairs = np.array([[r["label"], r["instance"]] for r in head["table"]])
  source = StyleSource(studio.renderer, StyleOptions(), ["s1"])
  drawn = source.choose("s1", pairs).styles
  assert head["resolved"] == [
    [i, pairs[i, 1], style] for i, style in enumerate(drawn)
  ]
  assert {row["style"] for row in head["table"]} == {None}


def test_without_a_bank_nothing_is_resolved(folder):
  head, _ = open_folder(folder, styles=0).call("scene", {"id": 0}, b"")
  assert head["resolved"] == []


def test_the_photo_is_shown_where_there_is_one(folder):
  studio = open_folder(folder)
  _, data = studio.call("photo", {"id": 1}, b"")
  image = np.asarray(Image.open(io.BytesIO(data)))
  assert image.shape == (64, 128, 3) and (abs(image - 200.0) < 3).all()
  with pytest.raises(Refusal, match="has no photo") as told:
    studio.call("photo", {"id": 0}, b"")
  assert told.value.code == "none"


def test_a_thumbnail_has_the_colours_of_the_map(folder):
  studio = open_folder(folder)
  head, data = studio.call("thumb", {"id": 0}, b"")
  image = Image.open(io.BytesIO(data))
  assert head["type"] == "image/jpeg" and image.size == (128, 64)
  sky = studio.renderer.classes[0]["color"]
  assert abs(np.asarray(image)[2, 2] - np.array(sky, float)).max() < 12


@pytest.mark.parametrize("id", [2, -1, True, None, "0", "../s0", 0.0])
@pytest.mark.parametrize("call", ["scene", "thumb", "photo"])
def test_other_ids_are_refused(folder, call, id):
  with pytest.raises(Refusal) as told:
    open_folder(folder).call(call, {"id": id}, b"")
  assert (told.value.code, told.value.field) == ("scene", "id")


def test_a_bad_map_is_refused_by_its_name(folder):
  label, _ = street()
  label[:8] = 9
  (folder / "label" / "s0.png").write_bytes(files.encode_png(label))
  (folder / "inst" / "s1.png").write_bytes(b"cut")
  studio = open_folder(folder)
  with pytest.raises(Refusal) as told:
    studio.call("scene", {"id": 0}, b"")
  assert "label/s0.png" in told.value.message
  assert "9 (1,024 pixels)" in told.value.message or "9" in told.value.message
  assert told.value.hint == "correct the map"
  with pytest.raises(Refusal, match="inst/s1.png"):
    studio.call("scene", {"id": 1}, b"")


def test_a_map_that_is_too_large_is_refused(folder, monkeypatch):
  monkeypatch.setattr(limits, "PIXELS", 64 * 128 - 1)
  with pytest.raises(Refusal) as told:
    open_folder(folder).call("scene", {"id": 0}, b"")
  assert told.value.code == "size" and "s0" in told.value.message


def test_templates_come_last_and_are_bounded(monkeypatch):
  monkeypatch.setattr(limits, "TEMPLATES", 3)
  monkeypatch.setattr(limits, "LISTED", 2)
  renderer = stand_in()
  shelf = Shelf(
    renderer, street_inputs(renderer, 4), street_inputs(renderer, 5)
  )
  studio = Studio(renderer, shelf, "stage")
  head, _ = studio.call("scenes", {}, b"")
  assert [one["template"] for one in head["scenes"]] == [False] * 2 + [True] * 3
  assert [one["name"][-1] for one in head["scenes"]] == list("01012")
  assert head["note"] == "2 more maps are not listed"
  scene, runs = studio.call("scene", {"id": 4}, b"")
  np.testing.assert_array_equal(maps_of(scene, runs)[0], street(seed=2)[0])


class Records:
  """Examples in a prepared copy, which counts how often one is read."""

  def __init__(self, examples):
    self.examples, self.reads = examples, 0

  def __len__(self):
    return len(self.examples)

  def __getitem__(self, i):
    self.reads += 1
    return self.examples[i]


def test_a_prepared_copy_is_listed_without_reading_it():
  renderer = stand_in()
  inputs = street_inputs(renderer, 4)
  records = Records(inputs.examples)
  inputs = dataclasses.replace(inputs, examples=records)
  studio = Studio(renderer, inputs, "stage")
  assert len(studio.call("scenes", {}, b"")[0]["scenes"]) == 4
  assert records.reads == 0
  studio.call("scene", {"id": 2}, b"")
  assert records.reads == 1


def test_without_data_there_is_a_scene_all_the_same(tmp_path, capsys):
  renderer = stand_in(workdir=tmp_path)
  renderer.config.data.root = str(tmp_path / "gone")
  studio = Studio(renderer, scenes.find(renderer, ""), "stage")
  (one,) = studio.call("scenes", {}, b"")[0]["scenes"]
  assert "is not here" in capsys.readouterr().err
  head, runs = studio.call("scene", {"id": one["id"]}, b"")
  assert (head["h"], head["w"]) == (64, 128)
  label, instance = maps_of(head, runs)
  assert {0, ROAD, CAR} <= set(label.ravel().tolist())
  # A region has its class's id, each object one of its own.
  cars = np.unique(instance[label == CAR])
  assert (cars // 1000 == CAR).all() and (instance[label == ROAD] == ROAD).all()


def test_the_drawn_scene_of_other_classes_is_blank():
  renderer = stand_in()
  assert street_classes(["cat", "dog"]) == {}
  found = street_classes(["house", "sky", "Street-side road", "parked car"])
  assert found["road"] == 2 and found["car"] == 3
  assert found["pavement"] == 2 and found["tree"] == found["building"] == 0
  object.__setattr__(renderer, "classes", [])
  blank = draw_scene(renderer)
  assert blank["name"] == "blank" and not blank["label"].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_scenes_too(channels):
  """A pixel holds the levels of its channels, the first in the lowest bits."""
  renderer = picture_stand_in(channels=channels)
  studio = Studio(renderer, street_inputs(renderer), "stage")
  head, runs = studio.call("scene", {"id": 1}, b"")
  assert (head["kind"], head["seed"]) == ("picture", 0)
  levels = frame.unpack_runs(runs, (64, 128), 256**channels - 1)
  grey = street(seed=1)[0].astype(np.uint32) * 36
  want = sum(grey << 8 * c for c in range(channels))
  np.testing.assert_array_equal(levels, want)
  _, thumb = studio.call("thumb", {"id": 1}, b"")
  assert Image.open(io.BytesIO(thumb)).size == (128, 64)
  unit = renderer.unit
  head, runs = studio.call("blank", {"w": 2 * unit, "h": 2 * unit}, b"")
  white = frame.unpack_runs(runs, (2 * unit, 2 * unit), 256**channels - 1)
  assert (white == 256**channels - 1).all()


def test_a_picture_with_styles_has_its_style_at_once():
  renderer = picture_stand_in(styles=4)
  studio = Studio(renderer, None, "stage")
  head, _ = studio.call("scene", {"id": 0}, b"")
  ((row, instance, style),) = head["resolved"]
  assert (row, instance) == (0, 0) and style in range(4)
  assert head["style"] is None and head["name"] == "blank"


def test_a_blank_scene_is_one_region():
  studio = Studio(stand_in(), None, "stage")
  unit = studio.renderer.unit
  header = {"w": 4 * unit, "h": 2 * unit, "label": ROAD}
  head, runs = studio.call("blank", header, b"")
  assert (head["w"], head["h"]) == (4 * unit, 2 * unit)
  assert head["regions"] == {str(ROAD): 0}
  assert head["table"] == [{"label": ROAD, "instance": ROAD, "style": None}]
  assert not plane_of(head, runs).any()


@pytest.mark.parametrize(
  ("changes", "field", "hint"),
  [
    ({"w": 0}, "w", ""),
    ({"w": "wide"}, "w", ""),
    ({"h": 2**15}, "h", ""),
    ({"w": 2**14, "h": 2**14}, "w", "make the map smaller"),
    ({"label": 7}, "label", ""),
    ({"label": -1}, "label", ""),
    ({"label": True}, "label", ""),
  ],
)
def test_blank_scenes_that_cannot_be(changes, field, hint):
  studio = Studio(stand_in(), None, "stage")
  unit = studio.renderer.unit
  with pytest.raises(Refusal) as told:
    studio.call("blank", {"w": 4 * unit, "h": 2 * unit, **changes}, b"")
  assert (told.value.field, told.value.hint) == (field, hint)


def test_the_sides_of_a_blank_scene_are_multiples():
  studio = Studio(stand_in(), None, "stage")
  unit = studio.renderer.unit
  assert unit > 1
  with pytest.raises(Refusal, match=f"multiple of {unit}") as told:
    studio.call("blank", {"w": 4 * unit + 1, "h": 2 * unit}, b"")
  assert told.value.hint == f"take {4 * unit}"


def test_shelves_take_what_tests_and_notebooks_give():
  renderer = stand_in()
  inputs = street_inputs(renderer)
  assert isinstance(inputs, SynthesisInputs)
  assert len(Studio(renderer, inputs, "stage").shelf.entries()) == 2
