"""Seconds of a forward pass, a training step, its input, or a synthesis."""

import dataclasses
import json
import pathlib
import sys
from typing import Any

import jax
from ml_collections import ConfigDict

from hdgan.datasets import input_speed, pipeline
from hdgan.devices import chips, machine, trace
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.rendering import timed_synthesis
from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory
from hdgan.training import memory_estimate, schedule, timed_work, timing
from hdgan.training.schedule import StagePlan
from hdgan.validation import validate

WORKS = ("forward", "step", "input", "synthesize")
# Those that are one program, which a profile can be of.
PROGRAMS = ("forward", "step")
# A bound on objects and a count of pictures, where no data tells them.
OBJECTS, IMAGES = 64, 1000
# Timed runs, and timed examples of an input, where nobody says how many: what
# was read ahead must not count for much.
REPEATS, EXAMPLES = 10, 32
# Runs that a profile is of.
TRACED = 3


def run(
  config: ConfigDict,
  workdir: pathlib.Path | None,
  work: str,
  stage: int | None,
  repeats: int | None,
  trace: pathlib.Path | None,
) -> None:
  """Runs `--mode=benchmark`, its flags by name; prints JSON."""
  facts = benchmark(
    config, work, stage=stage, repeats=repeats, workdir=workdir, folder=trace
  )
  print(json.dumps(facts, indent=1))


def benchmark(
  config: ConfigDict,
  work: str,
  stage: int | None = None,
  repeats: int | None = None,
  workdir: pathlib.Path | None = None,
  folder: pathlib.Path | None = None,
) -> dict[str, Any]:
  """Times one stage's work, each repeat waited for.

  What disturbs the times, and a profile's dearest operations, are said on
  stderr.

  Args:
    config: of the experiment; neither data nor VGG's file is needed.
    work: "forward", G alone; "step", all of `train_step`, and how long it
      waits for data; "input", that data alone; "synthesize", from the bytes of
      one map to the file of its picture.
    stage: index in `config.stages`; None for the first, or the one that the
      workdir's newest checkpoint is of.
    repeats: timed runs, after two that are not, or timed examples; None for
      `REPEATS` or `EXAMPLES`.
    workdir: of a run whose weights "synthesize" takes; random ones without.
    folder: for a profile, or None.

  Returns:
    What is printed as JSON: seconds under "median_s" and its neighbours, what
    was timed, and on what.

  Raises:
    InputError: if a value is out of its range, or a folder is not as it must
      be.
  """
  config = validate(config, files=False)
  if repeats is None:
    repeats = EXAMPLES if work == "input" else REPEATS
  check_flags(config, work, stage, repeats)
  if folder is not None:
    check_trace(work, folder)
  before = machine.load()
  busy = machine.busy_line(before)
  if busy:
    print(busy, file=sys.stderr)
  if work == "synthesize":
    facts = time_synthesis(config, stage, repeats, workdir)
  elif work == "input":
    chosen = config.stages[stage or 0].name
    measured = input_speed.measure(config, stage or 0, examples=repeats)
    facts = {"stage": chosen, **measured}
  elif work == "step":
    facts = time_step(config, stage or 0, repeats, folder)
  else:
    plan, mesh = plan_of(config, stage), meshes.mesh_of(config)
    forward = timed_work.forward(config, plan, mesh)
    facts = time_program(config, plan, forward, repeats, folder)
  peak = machine.peak_memory()
  return {
    "framework": "jax",
    "work": work,
    **facts,
    "precision": config.precision,
    "repeats": repeats,
    "peak_memory_bytes": peak.bytes,
    "peak_memory_kind": peak.kind,
    **machine.describe(),
    "load_before": before,
    "load_after": machine.load(),
  }


def check_flags(
  config: ConfigDict, work: str, stage: int | None, repeats: int
) -> None:
  """Refuses values that are out of their range.

  Raises:
    InputError: naming the flag and its bounds.
  """
  if work not in WORKS:
    raise InputError(f"--work={work}: must be one of {', '.join(WORKS)}")
  last = len(config.stages) - 1
  if stage is not None and not 0 <= stage <= last:
    raise InputError(
      f"--stage={stage}: the config has the stages 0 to {last}; say "
      f"--stage={last}"
    )
  if repeats < 1:
    raise InputError(f"--repeats={repeats} must be at least 1; say --repeats=1")


def check_trace(work: str, folder: pathlib.Path) -> None:
  """Refuses a profile of what is no program, or a folder that is in use.

  Raises:
    InputError: naming what is wrong.
  """
  if work not in PROGRAMS:
    raise InputError(
      f"--trace has no effect with --work={work}; it belongs to "
      f"--work={' or --work='.join(PROGRAMS)}"
    )
  trace.check_folder(folder)


def plan_of(config: ConfigDict, stage: int | None) -> StagePlan:
  """A stage with its networks, as if data were there."""
  bound = config.max_instances or OBJECTS
  return schedule.plan_stages(config, IMAGES, bound)[stage or 0]


def time_step(
  config: ConfigDict, index: int, repeats: int, folder: pathlib.Path | None
) -> dict[str, Any]:
  """Times a step on one batch, and fed by the data's own stream.

  Args:
    config: validated.
    index: of the stage.
    repeats: timed steps of both kinds.
    folder: for a profile, or None.

  Returns:
    Its part of the JSON: that of `time_program`, "fed_s", the mean seconds of
    a step that is fed, and "wait_share", the part of it by which it is longer.

  Raises:
    InputError: every fault of the data, or where memory is not enough.
  """
  mesh = meshes.mesh_of(config)
  with input_speed.opened(config, index) as data:
    plans = schedule.plan_stages(config, data.num_train, data.max_instances)
    plan, (process, count) = plans[index], meshes.reading_share(mesh)
    stream = pipeline.batches(
      data, "train", stage_size=plan.model.size, batch_size=config.batch_size,
      seed=(config.seed, index), process_index=process, process_count=count,
      objects=plan.model.encoder is not None,
    )  # fmt: skip
    with memory_estimate.told(config, plan, mesh, begun=False):
      work = timed_work.step(config, plan, mesh, next(stream))
      facts = time_program(config, plan, work, repeats, folder)
      # Those that were read ahead, while nothing waited for them.
      for _ in range(1 + config.data.workers):
        next(stream)
      fed = timed_work.fed_seconds(work, stream, repeats)
  return {
    **facts,
    "fed_s": fed,
    "wait_share": max(0.0, 1 - timing.pace(facts) / fed),
  }


def time_program(
  config: ConfigDict,
  plan: StagePlan,
  work: timed_work.Work,
  repeats: int,
  folder: pathlib.Path | None,
) -> dict[str, Any]:
  """Times a forward pass or a step over the config's mesh.

  Args:
    config: validated.
    plan: of the stage.
    work: compiled.
    repeats: timed runs.
    folder: for a profile, or None.

  Returns:
    Its part of the JSON.
  """
  times = timing.time_runs(work.run, repeats)
  mesh = meshes.mesh_of(config)
  facts = {
    "stage": plan.stage.name,
    "size": list(plan.stage.size),
    "batch_size": config.batch_size,
    "devices": mesh.size,
    "mesh": dict(mesh.shape),
    "remat": config.remat,
    "vgg": config.loss.vgg > 0,
    **times,
    "images_per_s": config.batch_size / timing.pace(times),
    **work.facts,
    "memory": timed_work.memory_facts(work.compiled),
    **speed_facts(work.flops, timing.pace(times), mesh.size, config.precision),
  }
  if folder is not None:
    trace.record(folder, work.run, TRACED)
    text = work.compiled.as_text() or ""
    found = trace.dearest(folder, text, TRACED)
    print(trace.table(found), file=sys.stderr)
    operations = [dataclasses.asdict(one) for one in found]
    facts["trace"] = {"folder": str(folder), "operations": operations}
  return facts


def time_synthesis(
  config: ConfigDict,
  stage: int | None,
  repeats: int,
  workdir: pathlib.Path | None,
) -> dict[str, Any]:
  """Times one map's whole way to a PNG, on one device.

  Args:
    config: validated.
    stage: as for `benchmark`.
    repeats: timed maps.
    workdir: of a run, or None.

  Returns:
    Its part of the JSON.

  Raises:
    InputError: for a workdir without a checkpoint, or one of another stage.
  """
  if workdir is None:
    renderer = timed_synthesis.random_renderer(config, plan_of(config, stage))
  else:
    own = directory.own_config(workdir, config, "benchmark")
    renderer = open_renderer(workdir, config=own)
    if stage not in (None, renderer.stage):
      raise InputError(
        f"--stage={stage}: the newest checkpoint of {workdir} is of stage "
        f"{renderer.stage}; say --stage={renderer.stage}"
      )
  times = timed_synthesis.time_synthesis(renderer, repeats)
  return {
    "stage": config.stages[renderer.stage].name,
    "size": list(renderer.size),
    "weights": "random" if workdir is None else str(workdir),
    "step": renderer.step,
    "batch_size": 1,
    "devices": 1,
    **times,
    "images_per_s": 1 / times["median_s"],
  }


def speed_facts(
  flops: float, seconds: float, devices: int, precision: str
) -> dict[str, Any]:
  """Operations a run and a second, and the share of what the chips can do.

  Args:
    flops: of one run, on all devices.
    seconds: of one run.
    devices: how many worked.
    precision: of the config.

  Returns:
    "flops", "flops_per_s", and of a device at most "peak_flops_per_s", of
    which "mfu" is the share; None where it is not known, as of CPUs.
  """
  peak = chips.peak_flops(jax.devices()[0].device_kind, precision)
  return {
    "flops": flops,
    "flops_per_s": flops / seconds,
    "peak_flops_per_s": peak,
    "mfu": flops / seconds / devices / peak if peak else None,
  }
