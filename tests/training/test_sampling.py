"""Sample grids: rows, columns, colours, held-out losses."""

import copy
import dataclasses

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_config

from hdgan.datasets import pipeline
from hdgan.devices import mesh as meshes
from hdgan.networks.model import build_model
from hdgan.training import sampling
from hdgan.validation import validate


@pytest.mark.parametrize(
  "count, rows, indices",
  [(1, 4, [0]), (3, 4, [0, 1, 2]), (8, 4, [0, 2, 4, 6]), (9, 2, [0, 4])],
)
def test_rows_are_spread(count, rows, indices):
  assert sampling.spread(count, rows) == indices


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
  """The sampler of a tiny run with E, on 2 held-out and 2 training rows."""
  folder = tmp_path_factory.mktemp("copies")
  config = validate(tiny_config(data__prepared_dir=str(folder)))
  data = pipeline.prepare(config)
  model = build_model(config, config.stages[0], data.max_instances)
  mesh = meshes.make_mesh(1)
  sampler = sampling.Sampler(config, model, data, mesh)
  params = model.init((3,))
  return sampler, params, sampler.render(params, {}), data


def test_grid(rendered):
  sampler, params, (grid, _), data = rendered
  # Streets 0 to 2 are trained on, 3 and on held out; rows 0 and 1 of each.
  assert [row.title for row, _ in sampler.rows] == [
    "val: street_00003", "val: street_00004",
    "train: street_00000", "train: street_00001",
  ]  # fmt: skip
  assert grid.dtype == np.uint8 and grid.shape[2] == 3
  # 4 rows of 16 and 4 columns of 32 pixels are in it, and titles.
  assert grid.shape[0] >= 4 * 16 and grid.shape[1] >= 4 * 32
  again, _ = sampler.render(params, {})
  np.testing.assert_array_equal(grid, again)
  batch = pipeline.fixed_examples(
    data, "train", [1], stage_size=(16, 32), objects=True
  )
  for name, array in sampler.rows[3][1].items():
    np.testing.assert_array_equal(array, batch[name])


def test_held_out_losses_are_means_of_the_held_out_rows(rendered):
  sampler, params, (_, losses), _ = rendered
  each = [
    sampler._evaluate(params, batch, {}, None)[2]
    for row, batch in sampler.rows
    if row.split == "val"
  ]
  assert losses.keys() == {"G_GAN", "G_GAN_Feat", "D_real", "D_fake"}
  for name, value in losses.items():
    mean = (float(each[0][name]) + float(each[1][name])) / 2
    assert value == pytest.approx(mean, rel=1e-6)


def test_what_is_held_out_is_no_matter_of_its_name(rendered):
  sampler, params, (_, losses), data = rendered
  other = copy.copy(sampler)
  other.data = dataclasses.replace(data, held_out="train_2")
  other.rows = [
    (dataclasses.replace(row, split="train_2", name="train"), batch)
    if row.split == "val" else (row, batch)
    for row, batch in sampler.rows
  ]  # fmt: skip
  assert other.render(params, {})[1] == losses
  other.data = dataclasses.replace(data, held_out="")
  assert other.render(params, {})[1] == {}


def test_saved_as_png(tmp_path):
  grid = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
  sampling.save(tmp_path, 12, grid)
  with Image.open(tmp_path / "samples/12.png") as picture:
    np.testing.assert_array_equal(np.array(picture), grid)
