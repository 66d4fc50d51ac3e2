"""A run with random weights, for tests of what comes after training."""

import pathlib

import jax
from tiny import tiny_config

from hdgan import config as config_lib
from hdgan.datasets import pipeline
from hdgan.networks.model import build_model
from hdgan.runs import checkpoint, directory
from hdgan.training import train_step
from hdgan.validation import validate


def make_run(workdir: pathlib.Path, stage: int = 0, **changes: object):
  """Saves one checkpoint of a tiny config; gives the validated config."""
  config = validate(tiny_config(**changes))
  model = build_model(config, config.stages[stage], 64)
  params = model.init((config.seed, stage))
  # Random weights leave E's features near zero; here they shall differ.
  if "E" in params:
    params["E"] = jax.tree.map(lambda x: x * 20, params["E"])
  trainable = tuple(config.stages[stage].trainable)
  state = train_step.init_state(params, trainable, config)
  classes = pipeline.prepare(config).classes
  directory.begin(workdir, config, classes)
  info = {
    "step": 1, "stage": stage, "stage_name": config.stages[stage].name,
    "epoch": 1, "images": 3, "max_instances": 64,
    "config": config_lib.plain(config),
  }  # fmt: skip
  with checkpoint.Checkpoints(workdir / "checkpoints") as checkpoints:
    checkpoints.save(1, state, info)
  return config
