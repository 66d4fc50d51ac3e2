"""The stages of a run laid out over its steps (section 3.2's schedule)."""

import dataclasses

from ml_collections import ConfigDict

from hdgan.config import learning_rate, units
from hdgan.networks.model import Model, build_model


@dataclasses.dataclass(frozen=True)
class StagePlan:
  """A stage with its place in the run.

  Attributes:
    index: in `config.stages`.
    stage: its config.
    model: its networks.
    first: steps of all stages before.
    steps_per_epoch: max(1, images // batch size).
  """

  index: int
  stage: ConfigDict
  model: Model
  first: int
  steps_per_epoch: int

  @property
  def epochs(self) -> int:
    """Epochs of this stage."""
    return self.stage.constant + self.stage.decay

  @property
  def end(self) -> int:
    """Steps of the run once this stage is over."""
    return self.first + self.epochs * self.steps_per_epoch

  def epoch(self, step: int) -> int:
    """Epoch of this stage, from 1, that the step after `step` is part of."""
    return min((step - self.first) // self.steps_per_epoch + 1, self.epochs)


def plan_stages(
  config: ConfigDict, images: int, max_instances: int
) -> list[StagePlan]:
  """Lays the stages out over the steps of a run.

  Args:
    config: validated.
    images: of the training split.
    max_instances: static bound on object ids.

  Returns:
    One plan per stage, in order.
  """
  # The stream has no end: a batch may be larger than the data.
  steps_per_epoch = max(1, images // config.batch_size)
  plans, first = [], 0
  for index, stage in enumerate(config.stages):
    model = build_model(config, stage, max_instances)
    plan = StagePlan(
      index, stage, model, first=first, steps_per_epoch=steps_per_epoch
    )
    plans.append(plan)
    first = plan.end
  return plans


def describe(plan: StagePlan, config: ConfigDict) -> dict[str, str]:
  """One row of the table of stages."""
  stage, rate = plan.stage, config.optimizer.learning_rate
  names = units(stage.enhancers, config.encoder.enabled)
  frozen = [unit for unit in names if unit not in stage.trainable]
  last = learning_rate(rate, stage.constant, stage.decay, plan.epochs)
  networks = list(stage.trainable)
  if plan.model.discriminator:
    networks.append("D1" if stage.scales == 1 else f"D1..D{stage.scales}")
  return {
    "stage": stage.name,
    "size": f"{stage.size[1]} x {stage.size[0]}",
    "trains": ", ".join(networks),
    "frozen": ", ".join(frozen) or "-",
    "epochs": f"{stage.constant} + {stage.decay}",
    "rate": f"{rate:g} to {last:.3g}",
    "steps": f"{plan.first} to {plan.end}",
  }
