"""What a stage takes over from the one before, or from another run.

Section 3.2: G1 is trained first, then an enhancer is put on it, alone at first.
"""

import dataclasses
from typing import Any

import flax.traverse_util
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.networks.model import Params
from hdgan.runs import directory
from hdgan.training.train_step import TrainState, generators


def hand_over(fresh: TrainState, old: TrainState) -> TrainState:
  """Starts a stage from the end of the one before.

  Networks that both stages have keep their weights, see `start_from`. Adam of
  G and E starts anew; D's goes on unless its networks change.

  Args:
    fresh: the new stage's initial state.
    old: the last state of the stage before.

  Returns:
    A state with the structure of `fresh`.
  """
  same_d = fresh.params["D"].keys() == old.params["D"].keys()
  state = start_from(fresh, old.params)
  return dataclasses.replace(
    state,
    step=old.step,
    # Moments only fit the networks that they were gathered for.
    d_optimizer=old.d_optimizer if same_d else fresh.d_optimizer,
    # A new network's average starts at that network's weights.
    ema=_overlay(fresh.ema, old.ema),
  )


def start_from(fresh: TrainState, params: Params) -> TrainState:
  """Puts trained weights in the place of random ones.

  An output layer that is no longer the last one leaves the tree. With one more
  scale D_k becomes D_(k+1), so that each keeps serving its resolution, and the
  finest is fresh.

  Args:
    fresh: a stage's initial state.
    params: {"G1", ..., "D", "E"}, any subset.

  Returns:
    A state with the structure of `fresh`.
  """
  merged = _overlay(fresh.params, _align_scales(fresh.params, params))
  return dataclasses.replace(
    fresh, params=merged, ema=generators(merged) if fresh.ema else {}
  )


def _align_scales(shapes: Params, params: Params) -> Params:
  """Renumbers the discriminators so that the coarsest ones meet."""
  if "D" not in params:
    return params
  shift = len(shapes["D"]) - len(params["D"])
  moved = {f"D{int(k[1:]) + shift}": v for k, v in params["D"].items()}
  return {**params, "D": moved}


def check_initial(
  shapes: Params, params: Params, trainable: tuple[str, ...], config: ConfigDict
) -> None:
  """Checks that weights fit a stage's networks before they are used.

  Args:
    shapes: the stage's parameters, only their shapes count.
    params: weights to start from.
    trainable: networks that may start at random.
    config: whose `init_from` names the run of the weights.

  Raises:
    InputError: naming the fields that differ from that run's, and where none
      does the first arrays that do not fit, with both shapes.
  """
  found = flax.traverse_util.flatten_dict(
    _align_scales(shapes, params), sep="/"
  )
  there = {_network(name) for name in found}
  faults = []
  for name, leaf in flax.traverse_util.flatten_dict(shapes, sep="/").items():
    unit = name.split("/")[0]
    if name not in found:
      # The encoder, D and new enhancers may start at random if they train, but
      # not a part of them: that would be a network of another kind.
      half = _network(name) in there and "conv_out" not in name
      if half or unit not in (*trainable, "D"):
        faults.append(f"{name} is missing")
    elif found[name].shape != leaf.shape:
      faults.append(f"{name} is {found[name].shape}, needs {leaf.shape}")
  if not faults:
    return
  source = config.init_from
  what = f"config.init_from={source!r} does not fit the first stage: "
  differ = []
  if (whole_files.path(source) / directory.CONFIG).is_file():
    other = directory.read_config(whole_files.path(source))
    differ = config_lib.network_differences(other, config)
  if differ:
    told = [f"{field}: {old} there, {new} here" for field, old, new in differ]
    ways = [f"--config.{field}={old}" for field, old, _ in differ]
    raise InputError(f"{what}{'; '.join(told)}; say {' '.join(ways)}")
  raise InputError(
    what
    + "; ".join(faults[:10])
    + (f"; {len(faults)} in all" if len(faults) > 10 else "")
    + "; name another run, or leave --config.init_from out"
  )


def _network(name: str) -> str:
  """Which network an array is of: "G1", "D/D1", "E"."""
  return "/".join(name.split("/")[: 2 if name.startswith("D/") else 1])


def _overlay(tree: Any, other: Any) -> Any:
  """Takes from `other` every leaf that `tree` has too."""
  if not isinstance(tree, dict):
    return other
  return {
    name: _overlay(leaf, other[name]) if name in other else leaf
    for name, leaf in tree.items()
  }
