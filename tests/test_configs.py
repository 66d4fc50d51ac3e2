"""Every file in configs/: loads, is valid, fits together, runs in small."""

import functools
import importlib
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import leaves, tiny_batch

from hdgan import config as config_lib
from hdgan.networks.model import build_model
from hdgan.training import hand_over, train_step, variants
from hdgan.validation import validate

FILES = sorted((pathlib.Path(__file__).parents[1] / "configs").glob("*.py"))
NAMES = [path.stem for path in FILES if path.stem != "__init__"]


def load(name):
  return importlib.import_module(f"configs.{name}").get_config()


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", NAMES)
def test_loads_locked_and_valid(name):
  config = load(name)
  assert config.is_locked
  # A second call gives a config of its own.
  other = load(name)
  with other.unlocked():
    other.stages[0].size = (1, 1)
    other.seed = 99
  assert load(name) == config
  valid = validate(config, files=False)
  assert all(stage.is_locked for stage in valid.stages)
  assert config_lib.from_json(config_lib.to_json(valid)) == valid


@pytest.mark.parametrize("name", NAMES)
def test_docstring_has_the_command(name):
  module = importlib.import_module(f"configs.{name}")
  text = " ".join(module.__doc__.replace("\\\n", " ").split())
  mode = "--mode=ablate " if hasattr(module, "get_variants") else ""
  assert f"python -m hdgan.main {mode}--config=configs/{name}.py" in text


ABLATIONS = [name for name in NAMES if name.startswith("ablation_")]


@pytest.mark.parametrize("name", ABLATIONS)
def test_variants_are_valid(name, tmp_path):
  """And differ from one another."""
  module = importlib.import_module(f"configs.{name}")
  config, found = module.get_config(), module.get_variants()
  with config.unlocked():
    config.loss.vgg_file = "vgg19.safetensors"
  trials = variants.plan_trials(config, found, tmp_path, 1)
  texts = {config_lib.to_json(trial.config) for trial in trials}
  assert len(texts) == len(trials) == len(found) > 1


def abstract_batch(model, batch_size):
  def shape(*more, dtype=jnp.int32):
    return jax.ShapeDtypeStruct((batch_size, *model.size, *more), dtype)

  photo = shape(model.generator.channels, dtype=jnp.uint8)
  batch = {"label": shape(), "instance": shape(), "image": photo}
  if not model.pictures.num_classes:
    batch["label"] = shape(model.pictures.label_channels, dtype=jnp.uint8)
  return batch | ({"objects": shape()} if model.encoder else {})


@functools.cache
def step_shapes(model, trainable, text):
  """State before and after a step, and its metrics; configs share stages."""
  config = config_lib.from_json(text)
  stage = config.stages[0]
  state = jax.eval_shape(
    lambda p: train_step.init_state(p, trainable, config), model.shapes()
  )
  step = train_step.bind_step(
    model, stage, config, first_step=0, steps_per_epoch=1
  )
  batch = abstract_batch(model, config.batch_size)
  after, metrics = jax.eval_shape(step, state, batch, vgg_shapes(config))
  return state, after, metrics


def vgg_shapes(config):
  from hdgan.networks import vgg

  if not config.loss.vgg:
    return {}
  return jax.tree.map(
    lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
    vgg.shapes(config.loss.vgg_form),
    is_leaf=lambda x: isinstance(x, tuple),
  )


def of_stage(config, index):
  """The config with one stage, as JSON: the part that a step depends on."""
  plain = config_lib.plain(config)
  stage = {**plain["stages"][index], "name": "any"}
  more = {"data": plain["data"] | {"root": ""}, "log_every": 1}
  more |= {"sample_every": 1, "checkpoint_every": 1, "keep": 1}
  return json.dumps({**plain, **more, "stages": [stage]})


# Traced for most of a minute.
LARGE = {"cityscapes_1024", "cityscapes_1024_styles", "cityscapes_2048"}


def of_new_networks():
  """Names of configs, one for each that differs in more than its data."""
  first = {}
  # Cityscapes' share their stages, which are traced once.
  for name in sorted(NAMES, key=lambda x: not x.startswith("cityscapes")):
    config = config_lib.plain(load(name))
    config["num_classes"] = min(config["num_classes"], 1)
    data = config.pop("data")
    channels = data["label_channels"], data["image_channels"]
    for field in ("ignore_label", "log_every", "sample_every"):
      del config[field]
    for stage in config["stages"]:
      del stage["size"], stage["constant"], stage["decay"]
    first.setdefault(json.dumps([config, channels]), name)
  return sorted(first.values())


@pytest.mark.parametrize(
  "name",
  [
    pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE))
    for name in of_new_networks()
  ],
)
def test_shapes_through_all_stages(name):
  config = validate(load(name), files=False)
  before = None
  for index, stage in enumerate(config.stages):
    model = build_model(config, stage, 64)
    state, after, metrics = step_shapes(
      model, tuple(stage.trainable), of_stage(config, index)
    )
    for one, two in zip(
      jax.tree.leaves(state), jax.tree.leaves(after), strict=True
    ):
      assert (one.shape, one.dtype) == (two.shape, two.dtype)
    assert all(m.shape == () and m.dtype == jnp.float32 for m in
               metrics.values())  # fmt: skip
    if before is not None:
      handed = hand_over.hand_over(state, before)
      assert {k: v.shape for k, v in flat(handed).items()} == {
        k: v.shape for k, v in flat(state).items()
      }
    before = after


def flat(tree):
  return {
    jax.tree_util.keystr(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def test_published_parameter_counts():
  """As the original's own networks have them."""
  config = load("cityscapes_1024")
  sizes = [build_model(config, s).shapes() for s in config.stages]
  assert count(sizes[0]["G1"]) == 182_546_755
  for both in sizes[1:]:
    assert count(both["G1"]) + count(both["G2"]) == 182_857_059
  assert [count(s["D"]) for s in sizes] == [5_603_202, 8_404_803, 8_404_803]
  styled = load("cityscapes_512")
  with styled.unlocked():
    styled.encoder.enabled = True
  assert count(build_model(styled, styled.stages[0], 64).shapes()["E"]) == (
    788_803
  )


def test_published_schedule():
  config = load("cityscapes_1024")
  assert [
    (s.size, s.enhancers, s.scales, s.trainable, s.constant, s.decay)
    for s in config.stages
  ] == [
    ((512, 1024), 0, 2, ("G1",), 100, 100),
    ((1024, 2048), 1, 3, ("G2",), 10, 0),
    ((1024, 2048), 1, 3, ("G1", "G2"), 40, 50),
  ]
  assert config.optimizer.learning_rate == 2e-4
  assert (config.optimizer.beta1, config.optimizer.beta2) == (0.5, 0.999)
  assert (config.loss.feature_matching, config.loss.vgg) == (10.0, 10.0)
  assert config.batch_size == 1 and config.ema == 0.0


def shrink(config):
  """The same stages and options with the smallest networks and pictures."""
  with config.unlocked():
    config.generator.width, config.generator.downsamples = 4, 1
    if config.generator.kind == "global":
      config.generator.blocks = config.generator.enhancer_blocks = 1
    config.discriminator.width, config.discriminator.layers = 4, 1
    config.encoder.width, config.encoder.downsamples = 2, 1
    config.loss.vgg = 0.0
    if config.generator.kind == "crn":
      config.generator.width, config.generator.pictures = 32, 1
    if config.loss.gan == "none":
      config.loss.l1 = 1.0  # In the place of VGG19's.
    for stage in config.stages:
      side = 16 * 2**stage.enhancers
      stage.size = (side, 2 * side)
  return validate(config, files=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_in_small(name):
  """One step per stage, handed over from one to the next."""
  config, before = shrink(load(name)), None
  for index, stage in enumerate(config.stages):
    model = build_model(config, stage, 64)
    params = model.init((config.seed, index))
    state = train_step.init_state(params, tuple(stage.trainable), config)
    if before is not None:
      state = hand_over.hand_over(state, before)
    step = train_step.bind_step(
      model, stage, config, first_step=index, steps_per_epoch=1
    )
    quick = {"xla_backend_optimization_level": 0}
    batch = tiny_batch(model, config.batch_size)
    if not model.pictures.num_classes:
      batch["label"] = batch["image"][..., : model.pictures.label_channels]
    before, metrics = jax.jit(step, compiler_options=quick)(state, batch, {})
    assert int(before.step) == index + 1
    assert all(np.isfinite(v) for v in metrics.values())
    moved = leaves(before.params[stage.trainable[-1]])
    start = leaves(state.params[stage.trainable[-1]])
    assert any((moved[k] != start[k]).any() for k in moved)
