"""Bent maps: the field against a slow spline, what it moves, who sees it."""

import numpy as np
import pytest
from tiny import data_config

from hdgan.datasets import bending, pipeline
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.picture_spec import BENT


def basis(x: float) -> float:
  """The cubic B-spline centred at 0, from its definition by truncated cubes."""
  binomials = (1, -4, 6, -4, 1)
  return sum(c * max(x + 2 - k, 0.0) ** 3 / 6 for k, c in enumerate(binomials))


@pytest.mark.parametrize("size", [(12, 20), (21, 9)])
def test_a_field_is_a_spline_of_its_knots(size):
  field = bending.draw_field(size, 0.1, np.random.default_rng(7))
  assert field.shape == (2, *size) and field.dtype == np.float32
  short = min(size)
  # Knots begin one cell before the map; as many are drawn as have a say.
  counts = [int((n - 0.5) / (short / 4)) + 4 for n in size]
  knots = np.random.default_rng(7).uniform(-1, 1, (2, *counts)) * 0.1 * short
  for row in range(size[0]):
    for column in range(size[1]):
      at = (row + 0.5) / (short / 4), (column + 0.5) / (short / 4)
      want = sum(
        basis(at[0] + 1 - i) * basis(at[1] + 1 - j) * knots[:, i, j]
        for i in range(counts[0])
        for j in range(counts[1])
      )
      np.testing.assert_allclose(field[:, row, column], want, atol=1e-5)


def test_a_map_is_bent_by_its_field():
  ids = np.arange(12).reshape(3, 4)
  field = np.zeros((2, 3, 4), np.float32)
  field[0, 0, 0], field[1, 0, 1] = 2, -1  # From two rows below; from the left.
  field[0, 1, 1], field[1, 1, 2] = 0.49, 0.51  # Within the pixel; the next one.
  field[0, 2, 3], field[1, 2, 3] = 5, -9  # Beyond the border.
  assert bending.bend_map(ids, field).tolist() == [
    [8, 0, 2, 3], [4, 5, 7, 7], [8, 9, 10, 8]
  ]  # fmt: skip
  colours = np.stack([ids, ids + 100], -1)
  bent = bending.bend_map(colours, field)
  np.testing.assert_array_equal(bent[..., 1], bent[..., 0] + 100)


@pytest.mark.parametrize("strength", [0.02, 1 / 16, 0.2])
def test_no_pixel_is_moved_further_than_said(strength):
  rng = np.random.default_rng(0)
  fields = [bending.draw_field((64, 96), strength, rng) for _ in range(20)]
  most = max(np.abs(field).max() for field in fields)
  assert 0.5 * strength * 64 < most <= strength * 64
  if strength <= 1 / 16:
    # Never folded: what lies further right, or lower, stays so.
    for field in fields:
      assert (np.diff(field[0], axis=0) > -1).all()
      assert (np.diff(field[1], axis=1) > -1).all()


@pytest.fixture
def prepared(tmp_path):
  synthetic_streets.write_folder(
    tmp_path / "data", num_train=5, num_val=1, size=(32, 64)
  )

  def prepare(**changes):
    return pipeline.prepare(data_config(tmp_path, **changes))

  return prepare


def take(source, count, split="train", **options):
  options = {"stage_size": (16, 32), "batch_size": 4, "seed": (0, 0)} | options
  stream = pipeline.batches(source, split, objects=True, **options)
  return [next(stream) for _ in range(count)]


def test_only_g_s_maps_are_bent_and_all_alike(prepared):
  plain = take(prepared(), 3)
  batches = take(prepared(**{"data.warp_labels": 0.2}), 3)
  moved = 0
  for batch, before in zip(batches, plain, strict=True):
    # Photo and maps are those of a run without; nothing else was drawn.
    for name, array in before.items():
      np.testing.assert_array_equal(batch.pop(name), array)
    assert batch.keys() == {BENT + k for k in before if k != "image"}
    for row in range(4):
      kinds = ("label", "instance", "objects")
      was, now = (
        list(zip(*(maps[p + k][row].ravel() for k in kinds), strict=True))
        for maps, p in ((before, ""), (batch, BENT))
      )
      # Each pixel has the label, instance and object of one pixel.
      assert set(now) <= set(was)
      moved += np.mean([a != b for a, b in zip(was, now, strict=True)])
  assert 0.02 < moved / 12 < 0.5


def test_bent_maps_depend_on_seed_and_step_alone(prepared):
  source = prepared(**{"data.warp_labels": 0.1})
  whole = take(source, 6)
  later = take(source, 2, start=4)
  parts = [take(source, 6, process_index=i, process_count=2) for i in (0, 1)]
  for name in whole[0]:
    for one, two in zip(whole[4:], later, strict=True):
      np.testing.assert_array_equal(one[name], two[name])
    for one, *two in zip(whole, *parts, strict=True):
      merged = np.stack([part[name] for part in two], 1)
      np.testing.assert_array_equal(merged.reshape(one[name].shape), one[name])
  # Each pass over the data bends anew.
  first = take(source, 10, batch_size=5)
  bent = {np.sort(b[BENT + "label"].reshape(5, -1), 0).tobytes() for b in first}
  assert len(bent) == 10


def test_held_out_pictures_are_not_bent(prepared):
  fixed = pipeline.fixed_examples(
    prepared(**{"data.warp_labels": 0.1}), "val", [0], stage_size=(16, 32)
  )
  assert fixed.keys() == {"label", "instance", "image"}
