"""What a run will need before it runs: memory, time, money, on any machine."""

import dataclasses
import json
import math
import os
import pathlib
import shutil
from typing import Any

import jax
from ml_collections import ConfigDict

import hdgan
from hdgan.datasets import pipeline
from hdgan.devices import compile_cache
from hdgan.devices import mesh as meshes
from hdgan.devices.chips import find_chip, peak_flops
from hdgan.devices.targets import (
  CPU,
  GPU,
  HERE,
  TPU,
  Machine,
  Target,
  find_machine,
  parse_target,
)
from hdgan.errors import InputError
from hdgan.outside import parse_json, read_text
from hdgan.rendering.output_folder import OutputFolder
from hdgan.report import waiting
from hdgan.report.plan_page import plan_page
from hdgan.report.plan_text import plan_text
from hdgan.training import memory_estimate, schedule, stage_costs
from hdgan.training.cheaper import changes_of
from hdgan.training.forecast import Rate, forecast
from hdgan.training.kept_costs import kept_cost
from hdgan.training.schedule import StagePlan
from hdgan.validation import validate

FILES = ("plan.json", "plan.html")
# How long compilers take, on a few cores, for the published stages.
_USUAL = {
  HERE: "seconds to minutes",
  CPU: "seconds to minutes",
  GPU: "half a minute to 5 minutes",
  TPU: "5 minutes to an hour",
}
_WORKSPACES = (
  "cuDNN's workspaces are not counted: which convolution is fastest, and what "
  "it needs, is tried on a card."
)


@dataclasses.dataclass(frozen=True)
class Wishes:
  """What to plan, as flags say it.

  Attributes:
    target: name of the machine.
    stage: index in `config.stages`; None for all.
    flops_per_s: FLOP/s of a device, or a file that the benchmark printed; "".
    efficiency: the part of the chip's peak that is reached, or None.
    price_per_hour: of all devices together, or None.
    images: training images, or None for those of the data.
    search: compile changes that save memory, too.
    fresh: compile what was kept, too.
  """

  target: str = HERE
  stage: int | None = None
  flops_per_s: str = ""
  efficiency: float | None = None
  price_per_hour: float | None = None
  images: int | None = None
  search: bool = False
  fresh: bool = False


def run(
  config: ConfigDict,
  workdir: pathlib.Path | None,
  output: pathlib.Path | None,
  overwrite: bool,
  json: bool,
  **wishes: Any,
) -> None:
  """Runs `--mode=plan`, its flags by name; see `plan`.

  The workdir has had its say: the config may be that of its run.
  """
  del workdir
  folder = OutputFolder(output, FILES, overwrite) if output else None
  # What was compiled before would come without its sizes.
  compile_cache.use(compile_cache.OFF)
  found = plan(config, Wishes(**wishes))
  text = _as_json(found)
  if folder:
    folder.text("plan.json", text)
    folder.text("plan.html", plan_page(found))
  if json:
    print(text, end="")
    return
  print(plan_text(found, shutil.get_terminal_size((80, 24)).columns))
  if folder:
    print(f"\nPage: {folder.path / 'plan.html'}")


def _as_json(found: dict[str, Any]) -> str:
  return json.dumps(found, indent=1) + "\n"


def plan(config: ConfigDict, wishes: Wishes) -> dict[str, Any]:
  """Compiles stages for a machine and tells what they need.

  Args:
    config: of the experiment; data and VGG file need not be there.
    wishes: what to plan.

  Returns:
    What `plan.json` holds: the machine, "rate", "notes", and "stages" with all
    that `stage_costs.stage_cost` finds, "fits" (None where the memory is not
    known), "forecast" where there is a rate, "changes", what would need less
    memory where that was searched for, and "advice" {"flag", "saving"}, by
    estimate, of a stage that does not fit.

  Raises:
    InputError: if a wish cannot be met.
  """
  config = validate(config, files=False)
  _check(config, wishes)
  target = parse_target(wishes.target)
  images = wishes.images or _images(config)
  plans = schedule.plan_stages(config, images or 1, config.max_instances or 64)
  machine = find_machine(target)
  meshes.mesh_of(config, machine.devices)  # Whether there is one at all.
  rate = find_rate(config, wishes, machine)
  stages = []
  for one in plans:
    if wishes.stage in (None, one.index):
      told = _stage(config, one, wishes, target=target, machine=machine)
      if rate:
        told["forecast"] = forecast(
          one, told, rate, images=images, price_per_hour=wishes.price_per_hour
        )
      stages.append(told)
  chip = find_chip(machine.kind)
  return {
    "target": target.name,
    "device_kind": machine.kind,
    "devices": len(machine.devices),
    "memory_bytes": machine.memory,
    "compiler": machine.compiler,
    "jax": jax.__version__,
    "hdgan": hdgan.__version__,
    "precision": config.precision,
    "batch_size": config.batch_size,
    "images": images,
    "rate": rate._asdict() if rate else None,
    "peak_flops": peak_flops(machine.kind, config.precision),
    "peak_source": chip.source if chip else None,
    "price_per_hour": wishes.price_per_hour,
    "stages": stages,
    "notes": _notes(wishes, target, machine, images=images, rate=rate),
  }


def _check(config: ConfigDict, wishes: Wishes) -> None:
  """Refuses numbers that mean nothing.

  Raises:
    InputError: naming the flag.
  """
  last = len(config.stages) - 1
  if wishes.stage is not None and not 0 <= wishes.stage <= last:
    raise InputError(
      f"--stage={wishes.stage} must be in 0..{last}; leave it out for all"
    )
  if wishes.images is not None and wishes.images < 1:
    raise InputError(f"--images={wishes.images} must be at least 1")
  price = wishes.price_per_hour
  if price is not None and not (price > 0 and math.isfinite(price)):
    raise InputError(
      f"--price_per_hour={price:g} must be above 0, of all devices together"
    )
  if wishes.efficiency is not None and not 0 < wishes.efficiency <= 1:
    raise InputError(
      f"--efficiency={wishes.efficiency:g} is a share of the chip's peak, "
      "above 0 and at most 1; say --efficiency=0.4"
    )
  rated = wishes.flops_per_s or wishes.efficiency is not None
  if price is not None and not rated:
    raise InputError(
      f"--price_per_hour={price:g} needs a rate to say how long it takes: "
      "--flops_per_s=1e14, of one device, or --efficiency=0.4, of its peak"
    )


def find_rate(
  config: ConfigDict, wishes: Wishes, machine: Machine
) -> Rate | None:
  """What one device does in a second, as the wishes say.

  Raises:
    InputError: if it is no rate, or of a chip whose peak is not known.
  """
  if wishes.flops_per_s and wishes.efficiency is not None:
    raise InputError(
      f"--efficiency={wishes.efficiency:g} has no effect with --flops_per_s; "
      "leave one of both out"
    )
  if wishes.flops_per_s:
    return _given_rate(wishes.flops_per_s)
  if wishes.efficiency is None:
    return None
  peak = peak_flops(machine.kind, config.precision)
  if peak is None:
    raise InputError(
      f"--efficiency={wishes.efficiency:g}: the peak of {machine.kind} is not "
      "known; say --flops_per_s=1e11, or name a file that --mode=benchmark "
      "--work=step printed"
    )
  return Rate(
    wishes.efficiency * peak,
    f"--efficiency={wishes.efficiency:g} of the {peak / 1e12:g} TFLOP/s that "
    f"it can do in {config.precision}",
  )


def _given_rate(text: str) -> Rate:
  """A number, or what a benchmark measured."""
  try:
    number = float(text)
  except ValueError:
    return _measured_rate(text)
  if not (number > 0 and math.isfinite(number)):
    raise InputError(
      f"--flops_per_s={text} must be above 0, of one device; say "
      "--flops_per_s=1e14"
    )
  return Rate(number, "--flops_per_s")


def _measured_rate(text: str) -> Rate:
  """The rate in a file that the benchmark printed."""
  path = pathlib.Path(text).expanduser()
  if not path.is_file():
    raise InputError(
      f"--flops_per_s={text}: neither a number nor a file that "
      "--mode=benchmark --work=step printed; say --flops_per_s=1e14"
    )
  told = parse_json(read_text(path), dict, str(path))
  rate, devices = (told.get(name) for name in ("flops_per_s", "devices"))
  if not (isinstance(rate, float) and isinstance(devices, int)):
    raise InputError(
      f"--flops_per_s={text}: has no flops_per_s and devices; make it by "
      f"--mode=benchmark --work=step > {path.name}"
    )
  return Rate(rate / devices, f"measured, {text}")


def _images(config: ConfigDict) -> int | None:
  """Training images of the config's data, where it is there."""
  if pipeline.is_drawn(config):
    return config.data.num_train or None
  if not os.path.exists(os.path.expanduser(config.data.root or "")):
    return None
  try:
    return len(pipeline.find_files(config).splits["train"]) or None
  except InputError:
    return None  # What is wrong with it is not for a plan to say.


def _stage(
  config: ConfigDict,
  one: StagePlan,
  wishes: Wishes,
  *,
  target: Target,
  machine: Machine,
) -> dict[str, Any]:
  """All that is told of a stage, but for its forecast."""

  def cost_of(config: ConfigDict, one: StagePlan, what: str) -> dict[str, Any]:
    """What the stage costs with a config."""

    def make() -> dict[str, Any]:
      """Compiles it."""
      return waiting.wait_for(
        lambda: stage_costs.stage_cost(config, one, machine),
        f"compiling {what} for {target.name}", _USUAL[target.platform],
      )  # fmt: skip

    cost, kept = kept_cost(config, one, machine, make, fresh=wishes.fresh)
    return {**cost, "kept": kept, "fits": _fits(cost, machine)}

  stage = one.stage
  told = {
    "index": one.index,
    "stage": stage.name,
    "size": list(stage.size),
    "trains": list(stage.trainable),
    "epochs": one.epochs,
    **cost_of(config, one, f"stage {stage.name}"),
    "changes": [],
    "advice": [],
  }
  if wishes.search:
    told["changes"] = changes_of(config, one, machine, cost_of)
  elif told["fits"] is False:
    found = memory_estimate.cheapest_changes(
      config, one, **told["mesh"], devices=len(machine.devices)
    )
    told["advice"] = [dataclasses.asdict(change) for change in found]
  return told


def _fits(cost: dict[str, Any], machine: Machine) -> bool | None:
  """Whether a stage fits; None where the memory is not known."""
  if cost["refused"]:
    return False
  if machine.memory is None:
    return None
  return bool(cost["bytes"]["total"] <= machine.memory)


def _notes(
  wishes: Wishes,
  target: Target,
  machine: Machine,
  *,
  images: int | None,
  rate: Rate | None,
) -> list[str]:
  """What has to be known to read the numbers."""
  notes = []
  if target.platform == GPU:
    notes += [
      _WORKSPACES,
      "JAX takes three quarters of a GPU's memory, which is what a step may "
      "use here; XLA_PYTHON_CLIENT_MEM_FRACTION=0.9 gives it more.",
    ]
  if machine.kind == "cpu":
    notes.append(
      "CPU devices share this machine's memory; what the process needs besides "
      "the step is not counted, nor what CPU convolutions take for a moment: "
      "5 to 9 % more than the temporaries was seen."
    )
  if rate is None:
    notes.append(
      "No forecast of time: name a rate, --flops_per_s=1e14 of one device or a "
      "file of --mode=benchmark --work=step, or --efficiency=0.4 of its peak."
    )
  else:
    notes.append(
      f"The rate is {rate.source}; time in which devices wait for each other "
      "or for data has to be in it."
    )
  if rate and images is None:
    notes.append("The data is not there: --images=N gives epochs and hours.")
  if not wishes.search:
    notes.append("--search compiles what would need less memory, too.")
  return notes
