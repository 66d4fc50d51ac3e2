"""A stage's forward pass and training step, compiled and ready to be timed."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.devices import mesh as meshes
from hdgan.training import made_up, timing, train_step
from hdgan.training.schedule import StagePlan
from hdgan.training.stage_program import StageProgram

Batch = Mapping[str, np.ndarray]
# What a picture is made of.
_MAPS = ("label", "instance")
# Fields by which a program computes the same in other ways.
_REPEATS = ("remat", "accumulate", "mesh.data", "mesh.space")


@dataclasses.dataclass(frozen=True)
class Work:
  """A compiled program with its inputs in place.

  Attributes:
    run: sends it once; what it returns is to be waited for.
    compiled: the program.
    flops: of one run, on all devices together; None if nobody counts them.
    facts: what its making took, for the JSON of a measurement.
    feed: the same on a batch of numpy arrays, this process's part; None for
      what is not fed.
  """

  run: Callable[[], Any]
  compiled: jax.stages.Compiled
  flops: float | None
  facts: dict[str, Any]
  feed: Callable[[Batch], Any] | None = None


def forward(config: ConfigDict, plan: StagePlan, mesh: Mesh) -> Work:
  """G alone, on made-up maps, without features of E.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    mesh: of the run.
  """
  model = plan.model

  def lower(config: ConfigDict, mesh: Mesh) -> jax.stages.Lowered:
    """G of [B, H, W] maps, before its compilation."""
    program = StageProgram(config, plan, mesh)
    shapes = program.batch()

    def generate(params: dict, batch: dict) -> jax.Array:
      """[B, H, W, C] pictures."""
      features = model.no_features(batch)
      return model.generate(params, model.condition(batch), features)

    maps = {name: shapes[name] for name in _MAPS}
    with jax.set_mesh(mesh):
      return jax.jit(generate).lower(_levels(program.state().params), maps)

  lowered, compiled, facts = _build(lower, config, mesh)
  batch = _made_up_batch(StageProgram(config, plan, mesh))
  maps = meshes.put_batch({name: batch[name] for name in _MAPS}, mesh)
  drawn = model.init((config.seed,))
  params = meshes.put(_levels(drawn), meshes.replicated(mesh))
  return Work(
    lambda: compiled(params, maps), compiled,
    flops=_flops(lower, config, mesh, lowered), facts=facts,
  )  # fmt: skip


def step(
  config: ConfigDict,
  plan: StagePlan,
  mesh: Mesh,
  batch: Batch | None = None,
) -> Work:
  """The step, the very program that training compiles.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    mesh: of the run.
    batch: [b, H, ...], this process's part as the data gives it; None for a
      made-up one.
  """
  program = StageProgram(config, plan, mesh)
  own = batch or _made_up_batch(program)
  there = meshes.put_batch(own, mesh)

  def lower(config: ConfigDict, mesh: Mesh) -> jax.stages.Lowered:
    """The step before its compilation."""
    return StageProgram(config, plan, mesh).lower(there)

  lowered, compiled, facts = _build(lower, config, mesh)
  flag, weights = meshes.put_flag(False, mesh), {}
  if config.loss.vgg:
    weights = made_up.random_vgg(form=config.loss.vgg_form)
  vgg = meshes.put(weights, meshes.replicated(mesh))
  first = train_step.init_state(
    plan.model.init((config.seed,)), tuple(plan.stage.trainable), config
  )
  where = jax.tree.map(lambda x: x.sharding, program.state())
  # The step takes its state's memory: each call goes on from the last.
  state = [meshes.place(first, where)]
  del first

  def run(batch: Any) -> Any:
    """Sends a step; what tells that it is done."""
    state[0], metrics, _ = compiled(state[0], batch, flag, vgg)
    return metrics, state[0].step

  return Work(
    lambda: run(there), compiled,
    flops=_flops(lower, config, mesh, lowered), facts=facts,
    feed=lambda batch: run(meshes.put_batch(batch, mesh)),
  )  # fmt: skip


def fed_seconds(work: Work, stream: Iterator[Batch], steps: int) -> float:
  """Seconds of a step that the data's own stream feeds, as training's loop.

  Args:
    work: with `feed`.
    stream: of batches; what it has read ahead is better taken before.
    steps: that are timed.

  Returns:
    Their mean, with at most two steps in flight.
  """
  assert work.feed is not None  # Nobody feeds a forward pass.
  before = None
  batch, start = next(stream), time.perf_counter()
  for _ in range(steps):
    sent = work.feed(batch)
    batch = next(stream)  # Read while the devices work.
    jax.block_until_ready(before)
    before = sent
  jax.block_until_ready(before)
  return (time.perf_counter() - start) / steps


def memory_facts(compiled: jax.stages.Compiled) -> dict[str, int] | None:
  """Bytes that each device needs, as XLA planned them; None if it is silent.

  Args:
    compiled: the program.

  Returns:
    "arguments" (state, batch, VGG), "outputs", "aliased" (outputs that take
    the place of arguments), "temporaries" and "program".
  """
  found = compiled.memory_analysis()
  if found is None:
    return None
  return {
    "arguments": found.argument_size_in_bytes,
    "outputs": found.output_size_in_bytes,
    "aliased": found.alias_size_in_bytes,
    "temporaries": found.temp_size_in_bytes,
    "program": found.generated_code_size_in_bytes,
  }


def _levels(params: Any) -> Any:
  """The parameters that a forward pass takes."""
  return train_step.generators(params)


def _made_up_batch(program: StageProgram) -> dict[str, np.ndarray]:
  """This process's part of a made-up batch, as the data would give it."""
  _, parts = meshes.reading_share(program.mesh)
  config, model = program.config, program.plan.model
  drawn = made_up.random_batch(model, config.batch_size // parts, config.seed)
  return {k: drawn[k].astype(v.dtype) for k, v in program.batch().items()}


def _build(
  lower: Callable[[ConfigDict, Mesh], jax.stages.Lowered],
  config: ConfigDict,
  mesh: Mesh,
) -> tuple[jax.stages.Lowered, jax.stages.Compiled, dict[str, Any]]:
  """Lowers and compiles, each timed."""
  start = time.perf_counter()
  lowered = lower(config, mesh)
  facts: dict[str, Any] = {"lower_s": time.perf_counter() - start}
  with timing.watch_compilations() as seen:
    compiled = lowered.compile()
  return lowered, compiled, facts | seen.facts()


def _flops(
  lower: Callable[[ConfigDict, Mesh], jax.stages.Lowered],
  config: ConfigDict,
  mesh: Mesh,
  lowered: jax.stages.Lowered,
) -> float | None:
  """Operations of the mathematics alone, by XLA's cost analysis.

  What is computed twice to save memory does not count, nor does a loop's body
  only once, nor a device's share for all: then the program is lowered anew,
  for one device. Before XLA's optimisations, which hide convolutions in calls
  of libraries that nobody counts.
  """
  plain = config_lib.defaults()
  alone = config_lib.from_json(config_lib.to_json(config))
  with alone.unlocked():
    for name in _REPEATS:
      config_lib.set_field(alone, name, config_lib.get(plain, name))
  if mesh.size > 1 or config_lib.differences(config, alone):
    lowered = lower(alone, meshes.mesh_of(alone, [mesh.devices.flat[0]]))
  found = lowered.cost_analysis()
  flops = (found or {}).get("flops", 0.0)
  return flops if flops > 0 else None
