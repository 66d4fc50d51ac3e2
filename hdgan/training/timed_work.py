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
from hdgan.training import made_up, stage_costs, timing, train_step
from hdgan.training.schedule import StagePlan
from hdgan.training.stage_program import StageProgram

Batch = Mapping[str, np.ndarray]
# What a picture is made of.
_MAPS = ("label", "instance")
# Fields by which a program computes the same in other ways.
_WAYS = ("remat", "accumulate", "mesh.data", "mesh.space")


@dataclasses.dataclass(frozen=True)
class Work:
  """A compiled program with its inputs in place.

  Attributes:
    run: sends it once; what it returns is to be waited for.
    compiled: the program.
    flops: of one run, on all devices together.
    facts: what its making took, for the JSON of a measurement.
    feed: the same on a batch of numpy arrays, this process's part; None for
      what is not fed.
  """

  run: Callable[[], Any]
  compiled: jax.stages.Compiled
  flops: float
  facts: dict[str, Any]
  feed: Callable[[Batch], Any] | None = None


def forward(config: ConfigDict, plan: StagePlan, mesh: Mesh) -> Work:
  """G alone, on made-up maps, without features of E.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    mesh: of the run.
  """
  program = StageProgram(config, plan, mesh)
  compiled, facts = _build(lambda: _trace_forward(program), mesh)
  batch = _made_up_batch(program)
  maps = meshes.put_batch({name: batch[name] for name in _MAPS}, mesh)
  levels = train_step.generators(plan.model.init((config.seed,)))
  params = meshes.put(levels, meshes.replicated(mesh))
  alone = _alone(config)
  one = meshes.mesh_of(alone, stage_costs.one_device())
  with jax.set_mesh(one):
    traced = _trace_forward(StageProgram(alone, plan, one))
    # The forms of accelerators, as `step_flops` counts them.
    costs: Any = traced.lower(lowering_platforms=("cuda",)).cost_analysis()
  return Work(
    lambda: compiled(params, maps), compiled, flops=float(costs["flops"]),
    facts=facts,
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
  there = meshes.put_batch(batch or _made_up_batch(program), mesh)
  compiled, facts = _build(lambda: program.trace(there), mesh)
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
    """Sends a step; its metrics, of which the next step leaves the memory."""
    state[0], metrics, _ = compiled(state[0], batch, flag, vgg)
    return metrics

  return Work(
    lambda: run(there), compiled,
    flops=stage_costs.step_flops(_alone(config), plan), facts=facts,
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


def _trace_forward(program: StageProgram) -> jax.stages.Traced:
  """G of the maps [B, H, W] of a program's batch."""
  model, shapes = program.plan.model, program.batch()

  def generate(params: dict, batch: dict) -> jax.Array:
    """[B, H, W, C] pictures."""
    features = model.no_features(batch)
    return model.generate(params, model.condition(batch), features)

  params = train_step.generators(program.state().params)
  with jax.set_mesh(program.mesh):
    return jax.jit(generate).trace(params, {k: shapes[k] for k in _MAPS})


def _made_up_batch(program: StageProgram) -> dict[str, np.ndarray]:
  """This process's part of a made-up batch, as the data would give it."""
  _, parts = meshes.reading_share(program.mesh)
  config, model = program.config, program.plan.model
  drawn = made_up.random_batch(model, config.batch_size // parts, config.seed)
  return {k: drawn[k].astype(v.dtype) for k, v in program.batch().items()}


def _build(
  trace: Callable[[], jax.stages.Traced], mesh: Mesh
) -> tuple[jax.stages.Compiled, dict[str, Any]]:
  """Traces and lowers a program, then compiles it, each timed."""
  start = time.perf_counter()
  with jax.set_mesh(mesh):
    lowered = trace().lower()
  facts: dict[str, Any] = {"lower_s": time.perf_counter() - start}
  with timing.watch_compilations() as seen:
    compiled = lowered.compile()
  return compiled, facts | seen.facts()


def _alone(config: ConfigDict) -> ConfigDict:
  """The same mathematics on one device, nothing computed twice."""
  plain = config_lib.defaults()
  alone = config_lib.from_json(config_lib.to_json(config)).unlock()
  for name in _WAYS:
    config_lib.set_field(alone, name, config_lib.get(plain, name))
  alone.mesh.data = 1
  return alone
