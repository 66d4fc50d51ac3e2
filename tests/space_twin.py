"""Steps in float64 on a mesh: `space_twin.py OUT DATAxSPACE STEPS`.

A process of its own: it makes float32 mean float64 before hdgan is imported.
"""

import os
import sys
from typing import Any

os.environ["XLA_FLAGS"] = (
  "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
  " --xla_llvm_disable_expensive_passes=true"
)

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
jnp.float32 = jnp.float64  # type: ignore[misc,assignment]

BATCH, SIZE = 8, (96, 32)  # D's heights are odd: 49, 26, 27.


def program(data: int, space: int) -> Any:
  """The step of G1, G2, E, three scales of D, with feature matching."""
  from tiny import tiny_config

  from hdgan.devices import mesh as meshes
  from hdgan.training import schedule
  from hdgan.training.stage_program import StageProgram
  from hdgan.validation import validate

  config = tiny_config(
    **{
      "batch_size": BATCH, "mesh.space": space, "mesh.data": data, "ema": 0.9,
      "discriminator.layers": 2, "max_instances": 64,
    }
  )  # fmt: skip
  with config.unlocked():
    first, _, last = config.stages
    first.size, last.size, last.scales = (48, 16), SIZE, 3
    last.trainable = ("G1", "G2", "E")
    config.stages = (first, last)
  config = validate(config, files=False)
  plan = schedule.plan_stages(config, 10, 64)[-1]
  mesh = meshes.mesh_of(config, jax.devices()[: data * space])
  return StageProgram(config, plan, mesh)


def main(out: str, shape: str, steps: str) -> None:
  """Writes all losses, the first step's gradients and the last parameters."""
  from hdgan.devices import mesh as meshes
  from hdgan.training import train_step
  from hdgan.training.made_up import random_batch

  made = program(*map(int, shape.split("x")))
  batch = random_batch(made.plan.model, BATCH)
  update = made.lower(batch).compile()
  params = jax.tree.map(np.float64, made.plan.model.init((0,)))
  state = train_step.init_state(
    params, tuple(made.plan.stage.trainable), made.config
  )
  where = jax.tree.map(lambda x: x.sharding, made.state())
  state = meshes.place(state, where)
  flag = meshes.put_flag(False, made.mesh)
  found = {}
  for step in range(int(steps)):
    state, metrics, _ = update(
      state, meshes.put_batch(batch, made.mesh), flag, {}
    )
    found |= {f"{step}/loss/{k}": np.asarray(v) for k, v in metrics.items()}
    if not step:
      # Adam's first moment after one step is (1 - beta1) times the gradient.
      leaves = jax.tree_util.tree_leaves_with_path(
        (state.g_optimizer.mu, state.d_optimizer.mu)
      )
      found |= {
        f"gradient/{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for path, leaf in leaves
      }
  leaves = jax.tree_util.tree_leaves_with_path(state.params)
  found |= {
    f"params/{jax.tree_util.keystr(path)}": np.asarray(leaf)
    for path, leaf in leaves
  }
  np.savez(out, **found)


if __name__ == "__main__":
  main(*sys.argv[1:])
