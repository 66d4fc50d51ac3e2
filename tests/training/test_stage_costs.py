"""Costs of a step, against counts by hand."""

import jax
import pytest
from tiny import validated

from hdgan.devices.targets import find_machine, parse_target
from hdgan.training import stage_costs
from hdgan.training.schedule import plan_stages
from hdgan.training.stage_program import batch_shapes

HEIGHT, WIDTH, CHANNELS, CLASSES, BLOCKS = 64, 128, 64, 9, 2
ALONE = {
  "encoder.enabled": False, "ema": 0.0, "boundary": False,
  "num_classes": CLASSES, "generator.width": CHANNELS,
  "generator.blocks": BLOCKS, "stages[0].trainable": ("G1",),
  "stages[0].size": (HEIGHT, WIDTH), "loss.gan": "none",
  "loss.feature_matching": 0.0, "loss.l1": 1.0,
}  # fmt: skip


def test_where_jax_has_no_cpus_another_device_counts(monkeypatch):
  def devices(platform=None):
    if platform:
      raise RuntimeError(f"Unknown backend {platform}")
    return ["gpu 0", "gpu 1"]

  monkeypatch.setattr(jax, "devices", devices)
  assert stage_costs.one_device() == ["gpu 0"]


def plan_of(config):
  return plan_stages(config, images=10, max_instances=8)[0]


def test_flops_by_hand():
  """G1 alone: a 7x7 convolution, one halving, blocks, one doubling, 7x7."""
  config = validated(**ALONE)
  first = 49 * CLASSES * CHANNELS
  smaller = 9 * CHANNELS * 2 * CHANNELS / 4
  # The transposed convolution is one of 2x2 to 4 x CHANNELS at half the size.
  larger = 4 * 2 * CHANNELS * 4 * CHANNELS / 4
  blocks = BLOCKS * 2 * 9 * (2 * CHANNELS) ** 2 / 4
  last = 49 * CHANNELS * 3
  forward = first + smaller + blocks + larger + last
  # Backward: gradients of all weights, and of all inputs but the map.
  products = 3 * forward - first
  by_hand = 2 * HEIGHT * WIDTH * products
  counted = stage_costs.step_flops(config, plan_of(config))
  # Norms, activations and Adam come on top.
  assert by_hand < counted < 1.02 * by_hand


def test_flops_of_all_parts_and_devices():
  one = validated(**ALONE, batch_size=1)
  four = validated(**ALONE, batch_size=4, accumulate=2, **{"mesh.data": 2})
  counts = [stage_costs.step_flops(c, plan_of(c)) for c in (one, four)]
  assert counts[1] == pytest.approx(4 * counts[0], rel=0.01)


def test_bytes_and_collectives_of_two_devices():
  jax.devices()
  config = validated(
    **{**ALONE, "generator.width": 4, "stages[0].size": (16, 32)},
    batch_size=2,
  )
  plan, machine = plan_of(config), find_machine(parse_target("cpu:2"))
  cost = stage_costs.stage_cost(config, plan, machine)
  assert cost["mesh"] == {"data": 2, "space": 1}
  assert cost["devices"] == 2
  # Kernels and biases of G1 by hand.
  count = 49 * 9 * 4 + 4 + 9 * 4 * 8 + 8 + 4 * (9 * 8 * 8 + 8)
  count += 9 * 8 * 4 + 4 + 49 * 4 * 3 + 3
  assert cost["parameters"] == {"G1": count, "D": 0}
  size = cost["bytes"]
  # Parameters, two moments, three counts of int32.
  assert size["state"] == 4 * 3 * count + 4 * 3
  # One of two pictures: label, instance and photo.
  ids = {x.dtype.itemsize for x in batch_shapes(plan.model, 2).values()}
  assert ids <= {1, 2, 4}
  assert size["batch"] in {16 * 32 * (i + j + 3) for i in ids for j in ids}
  assert size["frozen"] == 0
  assert size["total"] == sum(
    size[k] for k in ("state", "batch", "temporaries", "outputs")
  )
  assert not cost["refused"]
  # The gradient is summed over both.
  assert cost["collectives"]["all-reduce"]["bytes"] >= 4 * count
  assert list(cost["collectives"]) == ["all-reduce"]


def test_what_a_compiler_says_of_a_program_that_is_too_large():
  said = (
    "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, "
    "the total memory required for HLO temporaries (47.68G) exceeds available "
    "HBM (15.75G). HLO module: jit_f."
  )
  assert stage_costs._wanted(said) == int(47.68 * 2**30)
  assert stage_costs._wanted("INTERNAL: no") == 0
