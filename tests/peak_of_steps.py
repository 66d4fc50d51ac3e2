"""A process of its own: what three steps need, and what was planned for them.

Prints both numbers of bytes. `python tests/peak_of_steps.py FIELD=VALUE ...`
"""

import ast
import ctypes
import gc
import json
import pathlib
import re
import sys

import jax
import jax.numpy as jnp

from configs import smoke
from hdgan import config as config_lib
from hdgan.devices.targets import find_machine, parse_target
from hdgan.training import made_up, stage_costs
from hdgan.training.schedule import plan_stages
from hdgan.training.stage_program import StageProgram
from hdgan.validation import validate


def memory(name: str) -> int:
  """Bytes of this process, by their name in Linux's list."""
  text = pathlib.Path("/proc/self/status").read_text()
  return int(re.search(rf"{name}:\s*(\d+) kB", text)[1]) * 1024


def main() -> None:
  config = smoke.get_config().unlock()
  for word in sys.argv[1:]:
    if word=='-v': continue
    name, _, value = word.partition("=")
    config_lib.set_field(config, name, ast.literal_eval(value))
  config.stages = config.stages[:1]
  config.stages[0].trainable, config.stages[0].size = ("G1",), (256, 512)
  config = validate(config, files=False)
  plan, machine = (
    plan_stages(config, 10, 8)[0],
    find_machine(parse_target("cpu:1")),
  )
  compiled, compile_ = [], jax.stages.Lowered.compile

  def keep(lowered, *args):
    compiled.append(compile_(lowered, *args))
    return compiled[-1]

  jax.stages.Lowered.compile = keep
  planned = stage_costs.stage_cost(config, plan, machine)["bytes"]
  program = StageProgram(config, plan, stage_costs.meshes.mesh_of(config))
  host = made_up.random_batch(plan.model, config.batch_size)

  def placed():
    """The step's arguments on the device."""
    state = jax.tree.map(
      lambda x: jnp.full(x.shape, 0.01, x.dtype, device=x.sharding),
      program.state(),
    )
    batch = {
      name: jax.device_put(host[name].astype(x.dtype), x.sharding)
      for name, x in program.batch().items()
    }
    return state, batch, jnp.zeros(1, jnp.int32)

  jax.block_until_ready(placed())  # Whose own programs are small.
  # What the compiler leaves goes back to the system, so that it is not taken
  # for the steps without being seen.
  gc.collect()
  ctypes.CDLL(None).malloc_trim(0)
  before = memory("VmRSS")
  pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
  state, batch, flag = placed()
  for _ in range(3):
    state, losses, _ = compiled[0](state, batch, flag, program.vgg())
    if "-v" in sys.argv: jax.block_until_ready(state); print(memory("VmRSS")-before, memory("VmHWM")-before)
  jax.block_until_ready((state, losses))
  grown = memory("VmHWM") - before
  print(json.dumps({"planned": planned, "grown": grown}))


main()
