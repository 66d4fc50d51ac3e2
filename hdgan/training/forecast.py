"""How long a stage will take and what it will cost, from FLOPs and a rate."""

from typing import Any, NamedTuple

from hdgan.training.schedule import StagePlan


class Rate(NamedTuple):
  """What a device does.

  Attributes:
    flops_per_s: of one device, with all that it waits for.
    source: where the number is from, half a sentence.
  """

  flops_per_s: float
  source: str


def forecast(
  plan: StagePlan,
  cost: dict[str, Any],
  rate: Rate,
  *,
  images: int | None,
  price_per_hour: float | None,
) -> dict[str, Any]:
  """Forecasts a stage.

  Args:
    plan: of the stage.
    cost: as from `stage_costs.stage_cost`.
    rate: of one device.
    images: training images; None where that is not known.
    price_per_hour: of all devices together; None for no price.

  Returns:
    "step_s"; and where the images are known "steps", "epoch_s", "stage_s";
    with a price "price".
  """
  step = cost["flops"] / (rate.flops_per_s * cost["devices"])
  found: dict[str, Any] = {"step_s": step}
  if images is None:
    return found
  steps = plan.epochs * plan.steps_per_epoch
  found |= {
    "steps": steps,
    "epoch_s": step * plan.steps_per_epoch,
    "stage_s": step * steps,
  }
  if price_per_hour is not None:
    found["price"] = found["stage_s"] / 3600 * price_per_hour
  return found
