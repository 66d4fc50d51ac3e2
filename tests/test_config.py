"""The table of fields, and a config's text forms."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import tiny_config

from configs import cityscapes_512, cityscapes_1024, smoke
from hdgan import config as config_lib
from hdgan.networks.model import build_model
from hdgan.validation import validate

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize("module", [smoke, cityscapes_1024])
def test_json_round_trip(module):
  config = validate(module.get_config(), files=False)
  text = config_lib.to_json(config)
  again = config_lib.from_json(text)
  assert again == config
  assert config_lib.to_json(again) == text
  assert again.is_locked and all(stage.is_locked for stage in again.stages)
  assert isinstance(again.stages, tuple)
  assert isinstance(again.stages[0].size, tuple)


def test_get_config_reads_a_run_s_file(tmp_path):
  config = validate(tiny_config())
  (tmp_path / "config.json").write_text(config_lib.to_json(config))
  assert config_lib.get_config(str(tmp_path / "config.json")) == config


def test_every_field_of_the_table_is_sound():
  """A default keeps to its own type, choices and bounds."""
  names = [f.name for f in config_lib.FIELDS]
  assert len(set(names)) == len(names)
  for field in (*config_lib.FIELDS, *config_lib.STAGE_FIELDS):
    assert field.meaning, field.name
    value = field.default
    kind = field.kind
    if isinstance(kind, tuple):
      assert isinstance(value, tuple) and len(kind) == 1, field.name
      assert all(type(item) is kind[0] for item in value), field.name
    else:
      assert type(value) is kind, field.name
    assert not field.choices or value in field.choices, field.name
    assert field.least is None or value >= field.least, field.name
    assert field.below is None or value < field.below, field.name


def test_the_base_config_has_the_table_s_fields_and_defaults():
  """configs/ imports nothing of hdgan, so that its values stand there too."""
  base = cityscapes_512.get_config()
  assert config_lib.flatten(base) == config_lib.flatten(config_lib.defaults())


def test_the_readme_of_configs_has_the_table():
  text = (ROOT / "configs" / "README.md").read_text()
  assert config_lib.describe_fields() in text


def test_what_a_resumed_run_may_change():
  assert {f.name for f in config_lib.FIELDS if f.free} == {
    "data.root", "data.label_map", "data.prepared_dir", "data.store",
    "data.workers", "mesh.data", "mesh.space", "remat", "shard_optimizer",
    "accumulate", "max_skipped",
    "log_every", "sample_every", "checkpoint_every", "keep",
    "evaluate_every", "evaluate_features", "keep_best",
  }  # fmt: skip


def test_what_is_published_names_no_place():
  config = tiny_config(**{"data.root": "/home/me/photos", "init_from": "/x/y"})
  bare = config_lib.public(config, keep_names=False)
  assert bare["data"]["root"] == bare["init_from"] == ""
  named = config_lib.public(config, keep_names=True)
  assert named["data"]["root"] == "photos" and named["init_from"] == "y"
  assert bare["seed"] == config.seed and config.init_from == "/x/y"


@pytest.mark.parametrize(
  "value, now",
  [(True, "norms"), (False, "none"), ("True", "norms"), ("networks",) * 2],
)
def test_what_remat_was_called_once(value, now):
  """In a run's config.json, in a file of one's own, on a command line."""
  plain = config_lib.plain(cityscapes_512.get_config())
  old = config_lib.from_json(json.dumps({**plain, "remat": value}))
  assert old.remat == now
  typed = cityscapes_512.get_config().unlock()
  del typed.remat
  typed.remat = value
  assert validate(typed, files=False).remat == now


def test_differences_by_hand():
  one, two = tiny_config(), tiny_config(**{"stages[1].scales": 1, "seed": 4})
  scales = ("stages[1].scales", 2, 1)
  assert config_lib.differences(one, two) == [("seed", 0, 4), scales]
  assert config_lib.differences(one, one) == []


def test_networks_are_taken_over_but_for_what_is_typed():
  """Old runs, imports and new fields: what is absent has its default."""
  there = config_lib.from_json('{"num_classes": 13, "generator": {"width": 8}}')
  config = tiny_config(**{"num_classes": 20, "encoder.enabled": False})
  with config.unlocked():
    del config.boundary
    config.discriminator.width = 64  # The default, as there.
  config.lock()
  before = config_lib.flatten(config)
  told = config_lib.take_networks(config, there, typed=["num_classes", "seed"])
  # By hand, from tiny_config (4, 1, 1, 1; 1; 2, 1) and the table's defaults.
  assert told == [
    "generator.width 8", "generator.downsamples 4", "generator.blocks 9",
    "generator.enhancer_blocks 3", "discriminator.layers 3",
    "encoder.width 16", "encoder.downsamples 4",
  ]  # fmt: skip
  after = config_lib.flatten(config)
  changed = {line.split()[0] for line in told}
  assert {k for k in after if after[k] != before[k]} == changed
  assert config_lib.network_differences(there, config) == [
    ("num_classes", 13, 20)
  ]


@pytest.mark.parametrize(
  "kind, there, here, differ",
  [
    ("crn", 255, -1, True), ("crn", -1, 0, True), ("crn", 255, 7, False),
    ("global", 255, -1, False),
  ],
)  # fmt: skip
def test_crn_has_a_channel_for_pixels_of_no_class(kind, there, here, differ):
  configs = []
  for ignored in (there, here):
    config = config_lib.defaults()
    config.generator.kind, config.ignore_label = kind, ignored
    configs.append(config)
  found = config_lib.network_differences(*configs)
  assert found == ([("ignore_label", there, here)] if differ else [])


# Networks of another kind, with what goes with them.
KINDS = {
  "generator.kind": {
    "generator.kind": "unet", "generator.blocks": 9,
    "generator.enhancer_blocks": 3,
    "stages[1].enhancers": 0, "stages[1].trainable": ("G1", "E"),
    "stages[2].enhancers": 0, "stages[2].trainable": ("G1", "E"),
  },
  "discriminator.kind": {
    "discriminator.kind": "pix2pix",
    **{f"stages[{i}].scales": 1 for i in range(3)},
  },
}  # fmt: skip


def test_fields_that_shape_networks():
  """A change of one changes the arrays of G, D or E; of any other, none."""
  stage = {"stages[1].trainable": ("G1", "G2", "E")}
  changes = {
    "num_classes": 9, "boundary": False, "data.image_channels": 1,
    "generator.width": 8, "generator.downsamples": 2, "generator.blocks": 2,
    "generator.enhancer_blocks": 2, "discriminator.width": 8,
    "discriminator.layers": 2, "encoder.enabled": False,
    "encoder.channels": 2, "encoder.width": 4, "encoder.downsamples": 2,
    "data.label_channels": 1,
  }  # fmt: skip

  def arrays(index=1, **fields):
    config = validate(tiny_config(**{**stage, **fields}), files=False)
    shapes = leaves_of(build_model(config, config.stages[index], 64).shapes())
    return shapes

  picture = {"num_classes": 0, "boundary": False}
  plain, of_pictures = arrays(), arrays(**picture)
  for field, value in changes.items():
    if field == "data.label_channels":
      assert arrays(**picture, **{field: value}) != of_pictures
    elif field == "encoder.enabled":
      off = {field: value, "stages[0].trainable": ("G1",)}
      assert arrays(**off, **{"stages[1].trainable": ("G1", "G2")}) != plain
    else:
      assert arrays(**{field: value}) != plain, field
  for field, values in KINDS.items():
    assert arrays(**values) != plain, field
  crn = {
    "generator.kind": "crn", "generator.width": 8, "generator.blocks": 9,
    "generator.enhancer_blocks": 3, "loss.gan": "none", "loss.vgg": 1.0,
    "loss.feature_matching": 0.0, "loss.vgg_form": "crn",
  }  # fmt: skip
  assert arrays(0, **crn) != arrays(0, **crn, **{"generator.pictures": 2})
  shaping = {field.name for field in config_lib.FIELDS if field.shapes}
  assert shaping == changes.keys() | KINDS.keys() | {"generator.pictures"}
  others = {
    "seed": 1, "batch_size": 2, "ignore_label": 255, "max_instances": 64,
    "data.transform": "crop", "data.label_range": (0.0, 1.0),
    "data.image_range": (0.0, 1.0), "loss.gan": "bce",
    "loss.feature_matching": 0.0, "loss.l1": 1.0, "loss.vgg_form": "crn",
    "optimizer.beta1": 0.0,
    "ema": 0.0, "precision": "bf16", "remat": "norms", "data.warp_labels": 0.1,
  }  # fmt: skip
  for field, value in others.items():
    assert arrays(**{field: value}) == plain, field


def leaves_of(tree):
  return {
    jax.tree_util.keystr(path): (leaf.shape, leaf.dtype)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def test_flatten_names_leaves():
  flat = config_lib.flatten(tiny_config())
  assert flat["data.suffixes.label"] == ""
  assert flat["stages[2].size"] == (32, 64)
  assert "stages" not in flat and "data" not in flat


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
  "constant, decay, epoch, factor",
  [
    (100, 100, 1, 1.0),
    (100, 100, 100, 1.0),
    (100, 100, 101, 1.0),
    (100, 100, 102, 0.99),
    (100, 100, 151, 0.5),
    (100, 100, 200, 0.01),
    (10, 0, 1, 1.0),
    (10, 0, 10, 1.0),
    (40, 50, 1, 1.0),
    (40, 50, 41, 1.0),
    (40, 50, 66, 0.5),
    (40, 50, 90, 0.02),
    (0, 4, 2, 0.75),
    (0, 4, 4, 0.25),
  ],
)
def test_rates_worked_by_hand(traced, constant, decay, epoch, factor):
  epoch = jnp.int32(epoch) if traced else epoch
  rate = config_lib.learning_rate(2e-4, constant, decay, epoch)
  # In float32, 1 - 99/100 keeps five digits.
  rtol = 1e-5 if traced else 1e-12
  np.testing.assert_allclose(rate, 2e-4 * factor, rtol=rtol)
