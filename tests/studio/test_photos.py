"""`render` and `previews`: what is answered, and in which order."""

import io

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import (
  CAR,
  GRASS,
  PERSON,
  paint,
  picture_stand_in,
  stand_in,
  street,
)

from hdgan.editing.operations import styles_of
from hdgan.editing.scene import open_scene
from hdgan.report import pictures
from hdgan.studio import generation, photos, picture_frame, scene_frame
from hdgan.studio.desk import Desk
from hdgan.studio.refusal import Refusal

RENDERER = stand_in((64, 128))
LABEL, INSTANCE = street((64, 128))
SCENE = open_scene(LABEL, INSTANCE, RENDERER.named_classes, name="street")
HEADER, RUNS = scene_frame.of_scene(SCENE)


@pytest.fixture
def desk():
  one = Desk(RENDERER, "stage")
  yield one
  one.device.close()


def decoded(data):
  return np.asarray(Image.open(io.BytesIO(data)))


def test_a_photo(desk):
  header, data = photos.render(desk, {**HEADER, "seed": 3, "seq": 9}, RUNS)
  table, _, styles = styles_of(SCENE, RENDERER, 3)
  want = pictures.to_uint8(paint(LABEL, INSTANCE, SCENE.objects, table))
  off = np.abs(decoded(data).astype(int) - want)
  # JPEG loses at edges; regions are flat.
  assert off.mean() < 4 and np.median(off) <= 2
  assert (header["seq"], header["scale"]) == (9, 1)
  assert header["type"] == "image/jpeg"
  assert [style for _, _, style in header["resolved"]] == list(styles)
  assert set(header["timing"]) == {"unpack", "wait", "model", "encode"}
  assert all(seconds >= 0 for seconds in header["timing"].values())


def test_a_draft(desk):
  header, data = photos.render(desk, {**HEADER, "scale": 4}, RUNS)
  assert decoded(data).shape == (16, 32, 3) and header["scale"] == 4
  # What is decided is told for the map, not for what a draft shows.
  assert len(header["resolved"]) == len(SCENE.table)


def test_new_rows_are_resolved_even_without_pixels(desk):
  new = [{"label": CAR}, {"label": GRASS, "style": None}]
  header = {**HEADER, "table": HEADER["table"] + new}
  resolved = photos.render(desk, header, RUNS)[0]["resolved"]
  rows = len(HEADER["table"])
  # The new grass is the grass that is there, and has its style.
  assert resolved[rows:] == [[rows, 4002, None], [rows + 1, 3, (0.125,) * 3]]


def test_pictures_are_rendered(desk):
  renderer = picture_stand_in((64, 128), styles=2)
  desk = Desk(renderer, "stage")
  label = np.full((64, 128, 1), 77, np.uint8)
  header, runs = picture_frame.of_picture(picture_frame.open_picture(label))
  answer, data = photos.render(desk, {**header, "style": 1}, runs)
  assert answer["resolved"] == [[0, 0, 1]] and len(runs) == 8
  want = pictures.to_uint8(
    paint(label, label[..., 0], label[..., 0], renderer.bank.styles.centers[1:])
  )
  assert np.abs(decoded(data).astype(int) - want).max() <= 3
  answer, data = photos.previews(desk, {**header, "row": 0}, runs)
  assert (answer["count"], answer["w"], answer["h"]) == (2, 128, 64)
  desk.device.close()


@pytest.mark.parametrize(
  ("change", "field"),
  [
    ({"scale": 2}, "scale"), ({"scale": True}, "scale"),
    ({"scale": 1.0}, "scale"), ({"scale": None}, "scale"),
    ({"scale": [4]}, "scale"), ({"seed": -1}, "seed"), ({"seq": "a"}, "seq"),
    ({"session": 3}, "session"), ({"session": "s" * 65}, "session"),
    ({"w": 0}, "w"),
  ],
)  # fmt: skip
def test_refusals(desk, change, field):
  with pytest.raises(Refusal) as error:
    photos.render(desk, {**HEADER, **change}, RUNS)
  assert error.value.field == field


def test_previews(desk):
  row = next(i for i, o in enumerate(SCENE.table) if o.label == CAR)
  header, data = photos.previews(desk, {**HEADER, "row": row}, RUNS)
  sheet = decoded(data)
  assert header["type"] == "image/webp" and header["count"] == 4
  assert sheet.shape == (header["h"], 4 * header["w"], 3)
  crops = list(generation.in_every_style(SCENE, row, RENDERER))
  np.testing.assert_array_equal(sheet, np.concatenate(crops, axis=1))


def test_previews_without_styles(desk):
  person = next(i for i, o in enumerate(SCENE.table) if o.label == PERSON)
  answer = photos.previews(desk, {**HEADER, "row": person}, RUNS)
  assert answer == ({"type": "", "count": 0, "w": 0, "h": 0}, b"")
  bare = Desk(stand_in((64, 128), styles=0), "stage")
  assert photos.previews(bare, {**HEADER, "row": 4}, RUNS)[0]["count"] == 0
  bare.device.close()


@pytest.mark.parametrize("row", [-1, 99, "1", None, 10])
def test_rows_that_cannot_be_previewed(desk, row):
  header = {**HEADER, "table": [*HEADER["table"], {"label": CAR}], "row": row}
  with pytest.raises(Refusal) as error:
    photos.previews(desk, header, RUNS)
  assert error.value.field == "row"
