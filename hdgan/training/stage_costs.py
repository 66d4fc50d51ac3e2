"""What a stage's step costs on a machine: bytes, FLOPs, messages.

The step is compiled, never run: the machine need not be here.
"""

import math
import re
import time
from typing import Any

import jax
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.devices import mesh as meshes
from hdgan.devices.collectives import find_collectives, totals
from hdgan.devices.targets import Machine
from hdgan.training.schedule import StagePlan
from hdgan.training.stage_program import StageProgram

# What compilers for TPUs say of a program that is too large.
_TOO_LARGE = re.compile(r"HLO temporaries \(([\d.]+)([KMGT])\)")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def step_flops(config: ConfigDict, plan: StagePlan) -> float:
  """Counts the floating-point operations of a stage's step.

  They are counted before compilation, of the forms that accelerators get:
  those for CPUs multiply by zeros of their own making. What `config.remat`
  computes twice counts twice.

  Args:
    config: of the experiment, validated.
    plan: of the stage.

  Returns:
    FLOPs of one step of the whole batch, all devices together.
  """
  whole = config_lib.from_json(config_lib.to_json(config)).unlock()
  # XLA counts a loop's body once, however often it runs; and one device
  # sends nothing.
  whole.accumulate, whole.mesh.data, whole.mesh.space = 1, 1, 1
  mesh = meshes.mesh_of(whole, one_device())
  program = StageProgram(whole, plan, mesh)
  with jax.set_mesh(mesh):
    lowered = program.trace().lower(lowering_platforms=("cuda",))
  costs: Any = lowered.cost_analysis()
  return float(costs["flops"])


def one_device() -> list[Any]:
  """A CPU to count on; any device where JAX_PLATFORMS leaves CPUs out."""
  try:
    return jax.devices("cpu")[:1]
  except RuntimeError:
    return jax.devices()[:1]


def stage_cost(
  config: ConfigDict, plan: StagePlan, machine: Machine
) -> dict[str, Any]:
  """Compiles a stage's step for a machine and reads what it costs.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    machine: to compile for.

  Returns:
    As JSON has it: "mesh" {"data", "space"}; "devices", those that the mesh
    has; "parameters" by network; "flops" as from `step_flops`; "bytes" of one
    device: "state" (parameters, moments, average), "frozen" (VGG19), "batch",
    "temporaries", "outputs" (losses), and "total" of these; "refused", whether
    the compiler found it too large; "collectives" {kind: {"count", "bytes"}}
    of one device, None where it was refused; "compile_s".

  Raises:
    InputError: if the devices cannot be laid out as the config asks.
  """
  mesh = meshes.mesh_of(config, machine.devices)
  program = StageProgram(config, plan, mesh)
  sizes = {
    "state": _held(program.state()),
    "frozen": _held(program.vgg()),
    "batch": _held(program.batch()),
  }
  start, refused, sent = time.monotonic(), False, None
  try:
    compiled = program.lower().compile(dict(machine.options) or None)
  except jax.errors.JaxRuntimeError as error:
    sizes["temporaries"] = _wanted(str(error))
    if not sizes["temporaries"]:
      raise
    sizes["outputs"], refused = 0, True
  else:
    memory: Any = compiled.memory_analysis()
    sizes["temporaries"] = memory.temp_size_in_bytes
    sizes["outputs"] = max(
      0, memory.output_size_in_bytes - memory.alias_size_in_bytes
    )
    found = totals(find_collectives(compiled.as_text() or ""))
    sent = {
      kind: {"count": one.count, "bytes": one.bytes}
      for kind, one in found.items()
    }
  took = time.monotonic() - start
  return {
    "mesh": dict(mesh.shape),
    "devices": mesh.size,
    "parameters": {
      name: sum(leaf.size for leaf in jax.tree.leaves(part))
      for name, part in plan.model.shapes().items()
    },
    "flops": step_flops(config, plan),
    "bytes": {**sizes, "total": sum(sizes.values())},
    "refused": refused,
    "collectives": sent,
    "compile_s": round(took, 1),
  }


def _held(tree: Any) -> int:
  """Bytes of arrays on one device, from shapes that know where they live."""
  return sum(
    math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(tree)
  )


def _wanted(error: str) -> int:
  """Bytes of temporaries that a compiler says it would need, else 0."""
  found = _TOO_LARGE.search(error)
  return int(float(found[1]) * _UNITS[found[2]]) if found else 0
