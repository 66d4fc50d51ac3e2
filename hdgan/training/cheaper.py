"""Changes of a config that make a stage's step need less memory."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.devices.targets import Machine
from hdgan.errors import InputError
from hdgan.training import schedule
from hdgan.training.schedule import StagePlan
from hdgan.validation import validate

Fields = dict[str, Any]


def candidates(config: ConfigDict, devices: int) -> list[Fields]:
  """Changes that may help, the cheapest in time first.

  Args:
    config: of the experiment, validated.
    devices: of the machine.

  Returns:
    Fields and their new values; not all need be possible.
  """
  batch, space = config.batch_size, config.mesh.space
  found: list[Fields] = []
  if config.precision == "float32":
    found.append({"precision": "bf16"})
  groups = first = _divisor(batch, devices // space)
  if batch // config.accumulate > groups:
    found.append({"accumulate": batch // groups})
  while space * 2 <= devices:
    space *= 2
    groups = _divisor(batch, devices // space)
    fields: Fields = {"mesh.space": space, "accumulate": batch // groups}
    if config.mesh.data:
      fields["mesh.data"] = groups
    found.append(fields)
  found += [{"remat": value} for value in _other_values(config, "remat")]
  if first > 1:  # There is somebody to share them with.
    values = _other_values(config, "shard_optimizer")
    found += [{"shard_optimizer": value} for value in values]
  if len(found) > 1:
    found.append({k: v for one in found for k, v in one.items()})
  return found


def _other_values(config: ConfigDict, name: str) -> list[Any]:
  """What a field may be besides its default and what it is."""
  field = next((f for f in config_lib.FIELDS if f.name == name), None)
  if field is None:
    return []
  values = field.choices or (False, True)
  return [v for v in values if v not in (field.default, config[name])]


def _divisor(number: int, most: int) -> int:
  """The largest divisor of a number that is not above another."""
  return max(n for n in range(1, max(most, 1) + 1) if number % n == 0)


def changes_of(
  config: ConfigDict,
  plan: StagePlan,
  machine: Machine,
  cost_of: Callable[[ConfigDict, StagePlan, str], dict[str, Any]],
) -> list[dict[str, Any]]:
  """Finds out what a stage needs with each of the candidates.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    machine: that it is compiled for.
    cost_of: a stage's costs, from a config, its plan and what to call it.

  Returns:
    "flags", as they are typed, and "bytes" and "fits" of each that is possible.
  """
  found = []
  for fields in candidates(config, len(machine.devices)):
    copy = config_lib.from_json(config_lib.to_json(config)).unlock()
    for name, value in fields.items():
      config_lib.set_field(copy, name, value)
    flags = [f"--config.{name}={value}" for name, value in fields.items()]
    try:
      changed = validate(copy, files=False)
      one = schedule.plan_stages(
        changed, plan.steps_per_epoch * config.batch_size,
        plan.model.max_instances,
      )[plan.index]  # fmt: skip
      cost = cost_of(changed, one, f"{plan.stage.name} with {' '.join(flags)}")
    except InputError:
      continue  # The networks or the devices do not allow it.
    found.append({"flags": flags, "bytes": cost["bytes"], "fits": cost["fits"]})
  return found
