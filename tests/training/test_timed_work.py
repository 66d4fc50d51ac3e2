"""The programs that the benchmark times, and the operations that they count."""

import jax
import numpy as np
import pytest
from tiny import validated

from hdgan.devices import mesh as meshes
from hdgan.training import schedule, timed_work


def prepared(**changes):
  config = validated(
    **{
      "encoder.enabled": False, "stages[0].trainable": ("G1",),
      "generator.blocks": 1, **changes,
    }
  )  # fmt: skip
  return config, schedule.plan_stages(config, 9, 4)[0]


@pytest.fixture
def nothing_compiles(monkeypatch):
  monkeypatch.setattr(jax.stages.Lowered, "compile", lambda self: None)


def convolutions(config, height, width):
  """Multiplications and additions of G1's convolutions, by hand."""
  blocks, w = config.generator.blocks, config.generator.width
  classes, low = config.num_classes + 1, height * width // 4
  taps = height * width * 49 * (classes * w + w * 3)
  taps += low * 9 * (w * 2 * w + blocks * 2 * (2 * w) ** 2)
  # The transposed one: each of the low pixels spreads over 3x3.
  return 2 * (taps + low * 9 * 2 * w * w)


def test_operations_of_a_forward_pass_by_hand(nothing_compiles):
  config, plan = prepared()
  work = timed_work.forward(config, plan, meshes.mesh_of(config))
  by_hand = convolutions(config, 16, 32)
  assert by_hand < work.flops < 1.4 * by_hand


@pytest.mark.slow
def test_operations_do_not_depend_on_how_they_are_done(nothing_compiles):
  changes = {"mesh.data": 2, "accumulate": 2, "remat": "norms"}
  found = []
  for more in ({"mesh.data": 1}, changes):
    config, plan = prepared(batch_size=4, **more)
    work = timed_work.step(config, plan, meshes.mesh_of(config))
    found.append(work.flops)
  assert found[0] == found[1] > 3 * 4 * convolutions(config, 16, 32)


def test_a_step_takes_what_the_data_gives():
  """Each batch once, in order; the state goes on from step to step."""
  seen, calls = [], []

  def feed(batch):
    seen.append(batch)
    calls.append(f"step {batch}")
    return np.float32(0)

  def stream():
    for i in range(99):
      calls.append(f"read {i}")
      yield i

  work = timed_work.Work(None, None, None, {}, feed)
  assert timed_work.fed_seconds(work, stream(), 3) > 0
  assert seen == [0, 1, 2]
  # The next one is read while the devices work.
  assert calls[:4] == ["read 0", "step 0", "read 1", "step 1"]


@pytest.mark.slow
def test_a_step_of_real_work_moves_on():
  config, plan = prepared(batch_size=2)
  mesh = meshes.mesh_of(config)
  work = timed_work.step(config, plan, mesh)
  made = [jax.device_get(work.run()) for _ in range(3)]
  losses = {float(sum(one.values())) for one in made}
  assert len(losses) == 3
  batch = {
    name: np.zeros(shape.shape, shape.dtype)
    for name, shape in timed_work.StageProgram(config, plan, mesh)
    .batch().items()
  }  # fmt: skip
  assert float(work.feed(batch)["skipped"]) == 0
  found = timed_work.memory_facts(work.compiled)
  # The new state takes the old one's memory.
  assert 0 < found["aliased"] <= found["outputs"] <= found["arguments"]
  assert work.facts["compile_s"] > 0 and work.facts["lower_s"] > 0
