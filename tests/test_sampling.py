"""Sample grids: rows, columns, colours, held-out losses."""

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import tiny_config

from hdgan import config as config_lib
from hdgan import input_pipeline, sampling, sharding
from hdgan.model import build_model


@pytest.mark.parametrize(
  "count, rows, indices",
  [(1, 4, [0]), (3, 4, [0, 1, 2]), (8, 4, [0, 2, 4, 6]), (9, 2, [0, 4])],
)
def test_rows_are_spread(count, rows, indices):
  assert sampling.spread(count, rows) == indices


def test_class_colours():
  classes = [
    {"id": 1, "color": (9, 8, 7)},
    {"id": 7, "color": (1, 1, 1)},  # beyond num_classes
  ]
  colors = sampling.class_colors(classes, 3)
  assert colors.shape == (3, 3) and colors.dtype == np.uint8
  assert tuple(colors[1]) == (9, 8, 7)
  assert len({tuple(c) for c in colors}) == 3


def test_label_pictures():
  colors = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
  shown = sampling.label_picture(np.array([[[1, 0]]]), colors, (0.0, 255.0))
  np.testing.assert_array_equal(shown, [[[[40, 50, 60], [10, 20, 30]]]])
  label = np.array([0, 500, 1000], np.uint16).reshape(1, 1, 3, 1)
  shown = sampling.label_picture(label, colors, (0.0, 1000.0))
  assert shown.dtype == np.uint8
  assert shown[0, 0, 0].max() == 0 and shown[0, 0, 2].min() == 255
  assert set(shown[0, 0, 1]) <= {127, 128}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
  """The sampler of a tiny run with E, on 2 held-out and 2 training rows."""
  folder = tmp_path_factory.mktemp("copies")
  config = config_lib.validate(tiny_config(data__prepared_dir=str(folder)))
  data = input_pipeline.prepare(config)
  model = build_model(config, config.stages[0], data.max_instances)
  mesh = sharding.make_mesh(1)
  jit = jax.jit
  with pytest.MonkeyPatch.context() as patch:
    quick = {"xla_backend_optimization_level": 0}
    patch.setattr(jax, "jit", lambda f: jit(f, compiler_options=quick))
    sampler = sampling.Sampler(config, model, data, mesh)
  params = model.init((3,))
  return sampler, params, sampler.render(params, {}), data


def test_grid(rendered):
  sampler, params, (grid, _), data = rendered
  assert [title for title, _ in sampler.rows] == [
    "val 0", "val 1", "train 0", "train 1"
  ]  # fmt: skip
  assert grid.dtype == np.uint8 and grid.shape[2] == 3
  # 4 rows of 16 and 4 columns of 32 pixels are in it, and titles.
  assert grid.shape[0] >= 4 * 16 and grid.shape[1] >= 4 * 32
  again, _ = sampler.render(params, {})
  np.testing.assert_array_equal(grid, again)
  batch = input_pipeline.fixed_examples(
    data, "train", [1], stage_size=(16, 32), objects=True
  )
  for name, array in sampler.rows[3][1].items():
    np.testing.assert_array_equal(array, batch[name])


def test_held_out_losses_are_means_of_the_held_out_rows(rendered):
  sampler, params, (_, losses), _ = rendered
  each = [
    sampler._evaluate(params, batch, {}, None)[2]
    for title, batch in sampler.rows
    if title.startswith("val")
  ]
  assert losses.keys() == {"G_GAN", "G_GAN_Feat", "D_real", "D_fake"}
  for name, value in losses.items():
    mean = (float(each[0][name]) + float(each[1][name])) / 2
    assert value == pytest.approx(mean, rel=1e-6)


def test_saved_as_png(tmp_path):
  grid = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
  sampling.save(tmp_path, 12, grid)
  with Image.open(tmp_path / "samples/12.png") as picture:
    np.testing.assert_array_equal(np.array(picture), grid)
