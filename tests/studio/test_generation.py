"""Photos of scenes: the path of `--mode=synthesize`, drafts, crops."""

import dataclasses

import numpy as np
import pytest
from studio.stand_in import (
  CAR,
  paint,
  picture_stand_in,
  stand_in,
  street,
  street_inputs,
)

from hdgan.datasets import files
from hdgan.editing.scene import open_scene
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.studio import generation, picture_frame, scene_frame
from hdgan.studio.generation import make, window_of
from hdgan.styles import file as style_file
from hdgan.synthesize import generate_all


def open_street(renderer, size=(96, 200), styles=()):
  label, instance = street(size, things=9)
  classes = renderer.named_classes
  return open_scene(label, instance, classes, styles, name="street")


def synthesized(renderer, label, instance, made, size, folder):
  """What the command makes of maps and a style file."""
  encoded = {
    "name": "street", "image": b"", "label": files.encode_map(label),
    "instance": files.encode_map(instance),
  }  # fmt: skip
  inputs = dataclasses.replace(
    street_inputs(renderer), names=("street",), examples=[encoded],
    own_size=size == "input",
  )  # fmt: skip
  options = StyleOptions()
  if renderer.channels:
    path = folder / "a.styles.json"
    path.write_text(style_file.to_text(made.pairs, made.styles, {}))
    options = StyleOptions(styles=str(path))
  styles = StyleSource(renderer, options, ["street"], size)
  ((_, fake, _),) = generate_all(renderer, inputs, styles)
  return fake


@pytest.mark.parametrize("size", ["stage", "input"])
@pytest.mark.parametrize("styles", [0, 4])
def test_a_photo_is_what_synthesize_makes(size, styles, tmp_path):
  renderer = stand_in((48, 96), styles=styles)
  one = open_street(renderer)
  # A row that has no pixels, a style that was picked, features.
  table = [*one.table, scene_frame.SceneObject(CAR, 9999, None)]
  if styles:
    table[4] = dataclasses.replace(table[4], style=3)
    table[0] = dataclasses.replace(table[0], style=(0.1, 1e-9, -2.0))
  one = dataclasses.replace(one, table=tuple(table))
  made = make(one, renderer, seed=7, size=size)
  fake = synthesized(renderer, one.label, one.instance, made, size, tmp_path)
  np.testing.assert_array_equal(made.fake, fake)
  assert made.fake.shape == (*((48, 96), (96, 200))[size == "input"], 3)


@pytest.mark.parametrize("size", ["stage", "input"])
@pytest.mark.parametrize(("channels", "styles"), [(1, 0), (3, 2)])
def test_of_pictures_too(size, channels, styles, tmp_path):
  renderer = picture_stand_in((48, 96), channels=channels, styles=styles)
  rng = np.random.default_rng(0)
  label = rng.integers(0, 256, (96, 200, channels)).astype(np.uint8)
  one = picture_frame.open_picture(label, "street")
  made = make(one, renderer, seed=7, size=size)
  zeros = np.zeros((96, 200), np.int32)
  flat = label[..., 0] if channels == 1 else label
  fake = synthesized(renderer, flat, zeros, made, size, tmp_path)
  np.testing.assert_array_equal(made.fake, fake)
  assert len(made.styles) == bool(styles) and made.pairs.tolist() == [[0, 0]]


def test_a_draft_is_a_quarter_of_the_side():
  renderer = stand_in((48, 96))
  one = open_street(renderer)
  made = make(one, renderer, size="stage", scale=generation.DRAFT)
  assert made.fake.shape == (12, 24, 3)
  tiny = make(open_street(renderer, (32, 32)), renderer, size="input", scale=4)
  assert tiny.fake.shape == (8, 8, 3)
  # The middle of each 4 x 4 pixels of the map, worked out apart.
  rows = [(2 * i + 1) * 32 // 16 for i in range(8)]
  want = street((32, 32), things=9)[0][np.ix_(rows, rows)]
  np.testing.assert_array_equal(tiny.label, want)


def test_seeds_draw_what_is_open():
  renderer = stand_in((48, 96))
  one = open_street(renderer)
  first, again, other = (make(one, renderer, seed=s) for s in (1, 1, 2))
  assert first.styles == again.styles != other.styles
  np.testing.assert_array_equal(first.fake, again.fake)


@pytest.mark.parametrize("drafted, scale", [(200, 4), (201, 1)])
def test_an_object_in_every_style(monkeypatch, drafted, scale):
  """Only its own colour changes; worked out of the bank."""
  monkeypatch.setattr(generation, "DRAFTED", drafted)
  renderer = stand_in((96, 200))
  one = open_street(renderer)
  row = next(i for i, o in enumerate(one.table) if o.label == CAR)
  crops = list(generation.in_every_style(one, row, renderer, seed=3))
  assert len(crops) == 4 and len({crop.shape for crop in crops}) == 1
  draft = make(one, renderer, seed=3, scale=scale)
  rows = [(2 * i + 1) * scale // 2 for i in range(96 // scale)]
  columns = [(2 * i + 1) * scale // 2 for i in range(200 // scale)]
  shown = one.objects[np.ix_(rows, columns)]
  window = window_of(one.objects == row, shown.shape)
  own = shown[window] == row
  plain = pictures.to_uint8(draft.fake)[window]
  for k, crop in enumerate(crops):
    np.testing.assert_array_equal(crop[~own], plain[~own])
    table = renderer.bank.styles.of_class(CAR)[k : k + 1]
    want = paint(np.array([[CAR]]), np.array([[one.table[row].instance]]),
                 np.array([[0]]), table)  # fmt: skip
    assert own.any() and (crop[own] == pictures.to_uint8(want)[0, 0]).all()


def test_windows_show_what_is_around():
  mask = np.zeros((400, 800), bool)
  mask[200:360, 400:640] = True
  # Of the draft rows 50..89 and columns 100..159, half as much around them.
  assert window_of(mask, (100, 200)) == (slice(40, 100), slice(85, 175))
  mask[:] = False
  mask[0, 799] = True
  assert window_of(mask, (100, 200)) == (slice(0, 24), slice(176, 200))
  assert window_of(mask, (5, 10)) == (slice(0, 5), slice(0, 10))
