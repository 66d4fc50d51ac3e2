"""From a stage to the next, and from weights to a first stage."""

import functools

import jax
import numpy as np
import pytest
from tiny import assert_bits, tiny_config, validated

from hdgan import config as config_lib
from hdgan.errors import InputError
from hdgan.networks.model import build_model
from hdgan.training import hand_over, train_step

OBJECTS = 64


@functools.cache
def start_of(stage, changes):
  settings = validated(**dict(changes))
  stage_config = settings.stages[stage]
  model = build_model(settings, stage_config, OBJECTS)
  params = model.init((settings.seed, stage))
  trainable = tuple(stage_config.trainable)
  return train_step.init_state(params, trainable, settings)


def fresh(stage, **changes):
  return start_of(stage, tuple(changes.items()))


def trained(stage, seed=7, **changes):
  """The state at the end of a stage: random numbers everywhere."""
  rng = np.random.default_rng(seed)

  def draw(x):
    if np.ndim(x) == 0:
      return np.int32(12)
    return rng.standard_normal(x.shape, np.float32)

  return jax.tree.map(draw, fresh(stage, **changes))


# CRN as published, without D, in small.
CRN = {
  "generator.kind": "crn", "generator.width": 32, "generator.blocks": 9,
  "generator.enhancer_blocks": 3, "generator.pictures": 9, "loss.gan": "none",
  "loss.feature_matching": 0.0, "loss.vgg": 1.0, "loss.vgg_form": "crn",
  "loss.vgg_file": "x", "stages[1].trainable": ("G1", "G2"),
}  # fmt: skip


def test_crn_goes_from_nine_pictures_to_one():
  old, new = trained(0, **CRN), fresh(1, **CRN)
  state = hand_over.hand_over(new, old)
  assert old.params["G1"]["conv_out"]["bias"].shape == (27,)
  assert state.params["G2"]["conv_out"]["bias"].shape == (3,)
  without = {k: v for k, v in old.params["G1"].items() if k != "conv_out"}
  assert without.keys() == {"module_1", "module_2"}
  assert_bits(state.params["G1"], without)
  assert_bits(state.params["G2"], new.params["G2"])
  assert state.params["D"] == {} and int(state.step) == 12


def test_hand_over_to_the_enhancer():
  old, new = trained(0), fresh(1)
  state = hand_over.hand_over(new, old)
  assert jax.tree.structure(state) == jax.tree.structure(new)
  # G1's output layer leaves the tree, all else of G1, E and D is kept.
  assert "conv_out" in old.params["G1"]
  assert "conv_out" not in state.params["G1"]
  without = {k: v for k, v in old.params["G1"].items() if k != "conv_out"}
  assert_bits(state.params["G1"], without)
  assert_bits(state.params["E"], old.params["E"])
  assert_bits(state.params["D"], old.params["D"])
  assert_bits(state.params["G2"], new.params["G2"])
  # Two scales as before: D's Adam goes on; G's starts anew.
  assert_bits(state.d_optimizer, old.d_optimizer)
  assert int(state.g_optimizer.count) == 0
  assert state.g_optimizer.mu.keys() == {"G2"}
  assert not any(m.any() for m in jax.tree.leaves(state.g_optimizer.mu))
  # The average is carried; a new network's starts from its weights.
  without = {k: v for k, v in old.ema["G1"].items() if k != "conv_out"}
  assert_bits(state.ema["G1"], without)
  assert_bits(state.ema["G2"], new.params["G2"])
  assert int(state.step) == 12


def test_hand_over_with_one_more_scale():
  old, new = trained(1), fresh(2)
  state = hand_over.hand_over(new, old)
  assert sorted(state.params["D"]) == ["D1", "D2", "D3"]
  assert_bits(state.params["D"]["D3"], old.params["D"]["D2"])
  assert_bits(state.params["D"]["D2"], old.params["D"]["D1"])
  assert_bits(state.params["D"]["D1"], new.params["D"]["D1"])
  # D's networks change, so does its Adam.
  assert int(state.d_optimizer.count) == 0
  assert not any(m.any() for m in jax.tree.leaves(state.d_optimizer.mu))
  for unit in ("G1", "G2", "E"):
    assert_bits(state.params[unit], old.params[unit])
  assert_bits(state.ema, old.ema)


def test_hand_over_to_a_third_enhancer():
  stages = {
    "generator.width": 8,
    "stages[1].enhancers": 2, "stages[1].trainable": ("G1", "G2", "G3"),
    "stages[2].enhancers": 3, "stages[2].trainable": ("G4",),
  }  # fmt: skip
  old, new = trained(1, **stages), fresh(2, **stages)
  state = hand_over.hand_over(new, old)
  assert state.params.keys() == {"G1", "G2", "G3", "G4", "D", "E"}
  for unit in ("G1", "G2", "E"):
    assert_bits(state.params[unit], old.params[unit])
  without = {k: v for k, v in old.params["G3"].items() if k != "conv_out"}
  assert len(without) == len(old.params["G3"]) - 1
  assert_bits(state.params["G3"], without)
  assert_bits(state.params["G4"], new.params["G4"])
  assert_bits(state.ema["G3"], {k: old.ema["G3"][k] for k in without})


def test_hand_over_with_one_scale_less_drops_the_finest():
  old = trained(2)
  new = fresh(2, **{"stages[2].scales": 2})
  state = hand_over.hand_over(new, old)
  assert_bits(state.params["D"]["D1"], old.params["D"]["D2"])
  assert_bits(state.params["D"]["D2"], old.params["D"]["D3"])


def test_hand_over_is_a_pure_function():
  old = trained(1)
  before = jax.tree.map(np.copy, old)
  one = hand_over.hand_over(fresh(2), old)
  two = hand_over.hand_over(fresh(2), old)
  assert_bits(one, two)
  assert_bits(old, before)
  other = hand_over.hand_over(fresh(2, seed=1), old)
  kernel = [x.params["D"]["D1"]["conv_1"]["kernel"] for x in (one, other)]
  assert (kernel[0] != kernel[1]).any()


def test_weights_to_start_from():
  old, new = trained(0), fresh(0)
  state = hand_over.start_from(new, old.params)
  assert_bits(state.params, old.params)
  assert_bits(state.ema, train_step.generators(old.params))
  assert int(state.g_optimizer.count) == 0
  # G alone is enough where E and D may learn.
  state = hand_over.start_from(new, {"G1": old.params["G1"]})
  assert_bits(state.params["G1"], old.params["G1"])
  assert_bits(state.params["D"], new.params["D"])


def test_weights_that_do_not_fit(tmp_path):
  """Fields are named where W's config tells them, else arrays."""
  config = tiny_config(init_from=str(tmp_path))
  shapes = fresh(1).params
  params = trained(1).params
  hand_over.check_initial(shapes, params, ("G2",), config)
  with pytest.raises(
    InputError, match="init_from='.* E/conv_in/bias is missing"
  ) as error:
    partial = {k: v for k, v in params.items() if k != "E"}
    hand_over.check_initial(shapes, partial, ("G2",), config)
  assert len(str(error.value).splitlines()) == 1
  wide = trained(1, **{"generator.width": 8}).params
  with pytest.raises(InputError, match=r"G1/conv_in/bias is \(8,\), needs \(4"):
    hand_over.check_initial(shapes, wide, ("G2",), config)
  old = validated(**{"generator.width": 8, "num_classes": 13})
  (tmp_path / "config.json").write_text(config_lib.to_json(old))
  with pytest.raises(InputError) as error:
    hand_over.check_initial(shapes, wide, ("G2",), config)
  assert str(error.value) == (
    f"config.init_from={str(tmp_path)!r} does not fit the first stage: "
    "num_classes: 13 there, 8 here; generator.width: 8 there, 4 here; say "
    "--config.num_classes=13 --config.generator.width=8"
  )


def test_a_generator_of_another_kind_is_not_drawn_anew():
  """Its arrays have other names: none of them would have been taken."""
  kernel = np.zeros((1, 1, 2, 2))
  shapes = {"G1": {"down_1": {"kernel": kernel}, "conv_out": {"bias": kernel}}}
  other = {"G1": {"up_7": {"kernel": kernel}}}
  config = tiny_config(init_from="no_such_run")
  with pytest.raises(InputError) as error:
    hand_over.check_initial(shapes, other, ("G1",), config)
  said = str(error.value)
  assert "G1/down_1/kernel is missing" in said and "conv_out" not in said
  hand_over.check_initial(shapes, {}, ("G1",), config)
