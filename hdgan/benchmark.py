"""Seconds of one forward pass or training step, on made-up data."""

import json
import pathlib
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.networks import vgg
from hdgan.networks.model import Model, build_model
from hdgan.training import train_step
from hdgan.validation import validate

WORKS = ("forward", "step")


def run(
  config: ConfigDict,
  workdir: pathlib.Path | None,
  work: str,
  stage: int,
  repeats: int,
) -> None:
  """Runs `--mode=benchmark`, its flags by name; prints JSON.

  The workdir has had its say: the config may be that of its run.
  """
  del workdir
  print(json.dumps(benchmark(config, work, stage, repeats), indent=1))


def random_batch(
  model: Model, batch_size: int, seed: int = 0
) -> dict[str, np.ndarray]:
  """Makes up a batch: blocks of classes as objects, noise as the photo.

  Args:
    model: of the stage to be timed.
    batch_size: B, global.
    seed: of the values.

  Returns:
    `label`, `instance`, `objects` [B, H, W] int32 and `image` [B, H, W, C]
    uint8.
  """
  rng, (height, width) = np.random.default_rng(seed), model.size
  shape = (batch_size, -(-height // 16), -(-width // 16))
  spec = model.pictures
  # Classes serve as object numbers, which stay below the bound.
  kinds = min(spec.num_classes, max(model.max_instances, 1)) or 2
  blocks = rng.integers(0, kinds, shape).astype(np.int32)
  blocks = blocks.repeat(16, 1).repeat(16, 2)[:, :height, :width]
  pixels = (batch_size, height, width)
  channels = model.generator.channels
  label: np.ndarray = blocks
  if not spec.num_classes:
    label = rng.integers(0, 256, (*pixels, spec.label_channels), np.uint8)
  return {
    "label": label,
    "instance": blocks,
    "objects": blocks,
    "image": rng.integers(0, 256, (*pixels, channels), np.uint8),
  }


def random_vgg(
  seed: int = 0, form: str = "pix2pixhd"
) -> dict[str, dict[str, np.ndarray]]:
  """He-normal VGG19 weights [3, 3, C, D], to time the loss without a file."""
  rng, params = np.random.RandomState(seed), {}
  for name, leaves in vgg.shapes(form).items():
    shape = leaves["kernel"]
    scale = np.float32((2 / np.prod(shape[:3])) ** 0.5)
    kernel = rng.standard_normal(shape).astype(np.float32) * scale
    params[name] = {"kernel": kernel, "bias": np.zeros(shape[3], np.float32)}
  return params


def benchmark(
  config: ConfigDict, work: str, stage: int = 0, repeats: int = 10
) -> dict[str, Any]:
  """Times one stage's work, each repeat waited for.

  Args:
    config: of the experiment; data and VGG file are not needed.
    work: "forward", G alone, or "step", all of `train_step`.
    stage: index in `config.stages`.
    repeats: timed runs, after two that are not.

  Returns:
    What is printed as JSON; seconds under "median_s", "min_s", "max_s",
    "first_call_s" (with compilation).

  Raises:
    InputError: if a value is out of its range.
  """
  config = validate(config, files=False)
  if work not in WORKS:
    raise InputError(f"--work={work!r} must be one of {WORKS}")
  if not 0 <= stage < len(config.stages):
    raise InputError(f"--stage={stage} must be in 0..{len(config.stages) - 1}")
  if repeats < 1:
    raise InputError(f"--repeats={repeats} must be at least 1")
  chosen = config.stages[stage]
  mesh = meshes.mesh_of(config)
  model = build_model(config, chosen, config.max_instances or 64)
  run = prepare_work(config, chosen, model, mesh, work)
  start = time.perf_counter()
  run()
  first = time.perf_counter() - start
  run()
  times = []
  for _ in range(repeats):
    start = time.perf_counter()
    run()
    times.append(time.perf_counter() - start)
  median = statistics.median(times)
  return {
    "framework": "jax",
    "jax": jax.__version__,
    "work": work,
    "stage": chosen.name,
    "size": list(chosen.size),
    "batch_size": config.batch_size,
    "devices": mesh.size,
    "device_name": jax.devices()[0].device_kind,
    "precision": config.precision,
    "vgg": config.loss.vgg > 0,
    "repeats": repeats,
    "median_s": median,
    "min_s": min(times),
    "max_s": max(times),
    "first_call_s": first,
    "images_per_s": config.batch_size / median,
    "peak_memory_bytes": peak_memory(),
  }


def prepare_work(
  config: ConfigDict, stage: ConfigDict, model: Model, mesh: Any, work: str
) -> Callable[[], None]:
  """Puts all inputs in place and returns the function to time."""
  batch = meshes.put_batch(
    random_batch(model, config.batch_size, config.seed), mesh
  )
  where = meshes.replicated(mesh)
  params = jax.device_put(model.init((config.seed,)), where)
  if work == "forward":

    @jax.jit
    def forward(params: dict, batch: dict) -> jax.Array:
      """[B, H, W, C] pictures of the maps, without features of E."""
      features = model.no_features(batch)
      return model.generate(params, model.condition(batch), features)

    return lambda: jax.block_until_ready(forward(params, batch))
  weights = {}
  if config.loss.vgg:
    weights = random_vgg(form=config.loss.vgg_form)
  vgg_params = jax.device_put(weights, where)
  step = train_step.bind_step(
    model, stage, config, first_step=0, steps_per_epoch=1000
  )
  update = jax.jit(step, donate_argnums=0)
  initial = train_step.init_state(params, tuple(stage.trainable), config)
  # The step takes its state's memory: each call goes on from the last.
  state = [meshes.place(initial, where)]

  def once() -> None:
    state[0], _ = update(state[0], batch, vgg_params)
    jax.block_until_ready(state[0])

  return once


def peak_memory() -> int:
  """Most bytes in use: of the first device, or on CPUs of the process."""
  stats = jax.devices()[0].memory_stats() or {}
  if "peak_bytes_in_use" in stats:
    return int(stats["peak_bytes_in_use"])
  # Bytes on macOS, KiB on Linux.
  unit = 1 if sys.platform == "darwin" else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
