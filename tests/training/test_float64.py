"""One step on any number of devices, in float64: equal to the last digits."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
_CODE = """
import json
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
jnp.float32 = jnp.float64  # Before hdgan is there: it names its dtype so.
import dataclasses, optax
from hdgan.devices import mesh as meshes
from hdgan.networks.model import build_model
from hdgan.training import train_step
from tests.tiny import leaves, null_bias, tiny_batch, tiny_config

config = tiny_config(batch_size=8)
stage = config.stages[2]  # G1, the enhancer, E and three discriminators.
model = build_model(config, stage, 64)
params = jax.tree.map(lambda x: np.asarray(x, np.float64), model.init((0, 2)))
batch = tiny_batch(model, 8, seed=3)
bind = lambda: train_step.bind_step(
  model, stage, config, first_step=0, steps_per_epoch=100)

def measure(devices):
  mesh = meshes.make_mesh(8, devices)
  copied, cut = meshes.replicated(mesh), meshes.split(mesh)
  state = train_step.init_state(params, tuple(stage.trainable), config)
  fed = meshes.put_batch(batch, mesh)
  shardings = dict(in_shardings=(copied, cut, copied), out_shardings=copied)
  # With the bare gradient as direction and a rate of 1 a step shows it.
  step = bind()
  bare = optax.identity()
  keywords = dict(step.keywords, optimizer=bare, rate=lambda s: jnp.float64(1))
  plain = train_step.TrainState(
    step=state.step, params=state.params,
    g_optimizer=bare.init(None), d_optimizer=bare.init(None), ema=state.ema)
  once = jax.jit(lambda s, b, v: step.func(s, b, v, **keywords), **shardings)
  moved, losses = once(meshes.place(plain, copied), fed, {})
  old, new = leaves(params), leaves(moved.params)
  gradients = {name: old[name] - new[name] for name in old}
  update = jax.jit(step, **shardings)
  now = meshes.place(state, copied)
  for _ in range(5):
    now, _ = update(now, fed, {})
  return jax.device_get(losses), gradients, leaves(now.params)

def worst(one, two):
  return max(
    float(np.abs(one[k] - two[k]).max() / max(np.abs(one[k]).max(), 1e-300))
    for k in one if not null_bias(k) and np.abs(one[k]).max() > 0)

losses, gradients, after = measure(1)
assert all(np.asarray(x).dtype == np.float64 for x in gradients.values())
assert sum(np.abs(x).max() > 0 for x in gradients.values()) > 20
for devices in (2, 4, 8):
  l, g, a = measure(devices)
  print(json.dumps({
    "devices": devices, "leaves": len(g),
    "losses": max(abs(l[k] - losses[k]) / abs(losses[k]) for k in losses),
    "gradients": worst(gradients, g), "parameters": worst(after, a)}))
"""


@pytest.mark.slow
def test_a_step_is_the_same_on_1_2_4_and_8_devices():
  """Losses, every gradient, parameters after 5 steps of Adam."""
  flags = "--xla_force_host_platform_device_count=8"
  done = subprocess.run(
    [sys.executable, "-c", _CODE], cwd=ROOT, text=True, capture_output=True,
    env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  print(done.stdout)
  found = [json.loads(line) for line in done.stdout.splitlines()]
  assert [one["devices"] for one in found] == [2, 4, 8]
  for one in found:
    # Measured: 8e-15.
    assert max(one[k] for k in ("losses", "gradients", "parameters")) <= 1e-10
