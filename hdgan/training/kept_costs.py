"""What steps were found to cost, kept: a compilation takes minutes.

An entry is found again where all that the compiler was given is the same, and
hdgan's own files and the compiler are. One that cannot be read is made anew.
"""

import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jaxlib
from ml_collections import ConfigDict

import hdgan
from hdgan import config as config_lib
from hdgan.devices import machine as this_machine
from hdgan.devices.targets import Machine
from hdgan.training.schedule import StagePlan
from hdgan.whole_files import user_cache, write_text

# Fields that no compiled step knows of.
_IDLE = (
  "checkpoint_every", "data.flip", "data.load_width", "data.num_train",
  "data.num_val", "data.size", "data.transform", "data.warp_labels",
  "data.workers", "evaluate_every", "keep", "keep_best", "log_every",
  "max_skipped", "sample_every",
)  # fmt: skip
_IDLE_OF_STAGES = ("name", "constant", "decay")


def kept_cost(
  config: ConfigDict,
  plan: StagePlan,
  machine: Machine,
  make: Callable[[], dict[str, Any]],
  fresh: bool = False,
) -> tuple[dict[str, Any], bool]:
  """Looks up what a stage's step costs, or finds it out.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    machine: that it is compiled for.
    make: finds it out, as `stage_costs.stage_cost` does.
    fresh: whether to find it out in any case.

  Returns:
    The costs, and whether they were kept.
  """
  cache = user_cache()
  if cache is None:  # As in some containers: there is no place to keep it.
    return make(), False
  path = cache / "plans" / f"{_key(config, plan, machine)}.json"
  if not fresh:
    try:
      kept = json.loads(path.read_text(encoding="utf-8"))
      if isinstance(kept, dict) and "bytes" in kept:
        return kept, True
    except (OSError, ValueError):
      pass
  cost = make()
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(cost))
  except OSError:
    pass  # It is found out again.
  return cost, False


def _key(config: ConfigDict, plan: StagePlan, machine: Machine) -> str:
  """A name for all that decides what is compiled."""
  fields = config_lib.public(config, keep_names=False)
  stage = dict(fields["stages"][plan.index])
  # E works at the first stage's size.
  first = fields["stages"][0]["size"]
  for name in _IDLE_OF_STAGES:
    stage.pop(name, None)
  told = {
    "config": {
      name: value
      for name, value in config_lib.flatten(fields).items()
      if name not in _IDLE and not name.startswith("stages")
    },
    "stage": stage,
    "first_size": first,
    "max_instances": plan.model.max_instances,
    "kind": machine.kind,
    "devices": len(machine.devices),
    "options": dict(machine.options),
    "compiler": machine.compiler or list(this_machine.cpu()),
    "jax": [jax.__version__, jaxlib.__version__],
    "flags": os.environ.get("XLA_FLAGS", ""),
    "hdgan": _sources(),
  }
  text = json.dumps(told, sort_keys=True, default=str)
  return hashlib.sha256(text.encode()).hexdigest()[:32]


@functools.cache
def _sources() -> str:
  """A sum of hdgan's own files."""
  root, found = pathlib.Path(hdgan.__file__).parent, hashlib.sha256()
  for path in sorted(root.rglob("*.py")):
    found.update(str(path.relative_to(root)).encode())
    found.update(path.read_bytes())
  return found.hexdigest()
