"""What a plan says of memory, against what steps in a new process take."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parents[1]
CLEAR = pathlib.Path("/proc/self/clear_refs")
# Three steps, and by how many bytes the process grew from where their inputs
# lay to its peak; beside it what the plan says that they need besides these.
STEPS = """
import ctypes, json, pathlib, sys
import jax
from tiny import validated
from hdgan.devices import mesh as meshes
from hdgan.devices.targets import find_machine, parse_target
from hdgan.training import schedule, stage_costs, timed_work

def resident(name):
  text = pathlib.Path("/proc/self/status").read_text()
  return 1024 * int(text.split(name + ":")[1].split()[0])

config = validated(**json.loads(sys.argv[1]))
plan = schedule.plan_stages(config, 10, 64)[0]
cost = stage_costs.stage_cost(config, plan, find_machine(parse_target("here")))
work = timed_work.step(config, plan, meshes.mesh_of(config))
# What compilers have given back is not to serve the steps.
ctypes.CDLL(None).malloc_trim(0)
pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew.
before = resident("VmRSS")
for _ in range(3):
  jax.block_until_ready(work.run())
planned = cost["bytes"]["temporaries"] + cost["bytes"]["outputs"]
print(json.dumps([planned, resident("VmHWM") - before]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not CLEAR.exists(), reason="Linux alone tells a peak anew")
@pytest.mark.parametrize("batch_size", [1, 3])
def test_steps_take_what_was_planned(batch_size):
  changes = {
    "batch_size": batch_size, "num_classes": 35, "boundary": True,
    "encoder.enabled": False, "ema": 0.0,
    "stages[0].trainable": ["G1"], "stages[0].size": [256, 512],
    "generator.width": 32, "generator.blocks": 1, "generator.downsamples": 3,
    "discriminator.width": 16, "discriminator.layers": 2,
  }  # fmt: skip
  env = {
    **os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "",
    "PYTHONPATH": f"{TESTS}:{TESTS.parent}",
  }  # fmt: skip
  done = subprocess.run(
    [sys.executable, "-c", STEPS, json.dumps(changes)],
    stdout=subprocess.PIPE, text=True, env=env, timeout=900, check=True,
  )  # fmt: skip
  planned, grown = json.loads(done.stdout)
  assert grown == pytest.approx(planned, rel=0.25)
