"""A run with random weights, for tests of what comes after training."""

import pathlib

import jax
from tiny import tiny_config

from hdgan import checkpoint, input_pipeline, run_directory, train_step
from hdgan import config as config_lib
from hdgan.model import build_model


def make_run(workdir: pathlib.Path, stage: int = 0, **changes: object):
  """Saves one checkpoint of a tiny config; gives the validated config."""
  config = config_lib.validate(tiny_config(**changes))
  model = build_model(config, config.stages[stage], 64)
  params = model.init((config.seed, stage))
  # Random weights leave E's features near zero; here they shall differ.
  if "E" in params:
    params["E"] = jax.tree.map(lambda x: x * 20, params["E"])
  trainable = tuple(config.stages[stage].trainable)
  state = train_step.init_state(params, trainable, config)
  classes = input_pipeline.prepare(config).classes
  run_directory.begin(workdir, config, classes)
  info = {
    "step": 1, "stage": stage, "stage_name": config.stages[stage].name,
    "epoch": 1, "images": 3, "max_instances": 64,
    "config": config_lib.plain(config),
  }  # fmt: skip
  with checkpoint.Checkpoints(workdir / "checkpoints") as checkpoints:
    checkpoints.save(1, state, info)
  return config
