"""Training: all stages of a config in one run, resumed by the same command."""

import contextlib
import json
import math
import pathlib
import shlex
import signal
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from ml_collections import ConfigDict

from hdgan import interrupts
from hdgan.datasets import pipeline
from hdgan.devices import mesh as meshes
from hdgan.devices import processes
from hdgan.errors import InputError, counted
from hdgan.evaluation import evaluation
from hdgan.rendering.judged import judge
from hdgan.rendering.make_bank import make_bank
from hdgan.rendering.renderer import Renderer, open_renderer, picture_mesh
from hdgan.runs import directory, lock
from hdgan.runs.checkpoint import not_finite
from hdgan.styles import bank as style_bank
from hdgan.styles.clusters import Styles
from hdgan.training import memory_estimate, sampling, schedule, train_step
from hdgan.training import replay as replays
from hdgan.training.guard import Guard
from hdgan.training.run import Run
from hdgan.training.stage_program import StageProgram
from hdgan.training.train_step import TrainState


class StopRequest:
  """Notes Ctrl-C and SIGTERM, so that the loop can save and end in order."""

  def __init__(self) -> None:
    self.asked = False
    self._before: dict[int, Any] = {}

  def __enter__(self) -> "StopRequest":
    for number in (signal.SIGINT, signal.SIGTERM):
      self._before[number] = signal.signal(number, self._note)
    return self

  def __exit__(self, *_: object) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def _note(self, number: int, frame: types.FrameType | None) -> None:
    if self.asked and number == signal.SIGINT:
      # A second Ctrl-C means it; schedulers repeat SIGTERM.
      raise KeyboardInterrupt
    self.asked = True
    interrupts.answer("stopping after this step; Ctrl-C again ends at once")


def run(
  config: ConfigDict,
  workdir: pathlib.Path,
  prepare: str = "first",
  replay: pathlib.Path | None = None,
  stopped_status: int = 0,
) -> int:
  """Runs `--mode=train`, its flags by name; see `train` and `replay`.

  Returns:
    The exit status: 0, or `stopped_status` if the run can go on.
  """
  if replay is not None:
    replays.replay(config, replay)
    return 0
  return 0 if train(config, workdir, prepare) else stopped_status


def train(
  config: ConfigDict, workdir: pathlib.Path, prepare: str = "first"
) -> bool:
  """Trains all stages, from where the run in `workdir` stopped if there is one.

  Args:
    config: of the experiment.
    workdir: the run directory.
    prepare: "first" or "each": which of several processes prepare the data.

  Returns:
    Whether the run is finished; else it was asked to stop, and is saved.

  Raises:
    InputError: for anything wrong with config, folder or data, before
      anything compiles or is written; or if a loss is no longer finite.
  """
  job = Run(config, workdir, prepare=prepare)
  step, end = job.start, job.plans[-1].end
  if step < end:
    with hold(workdir):
      job.begin()
      step = train_stages(job)
  if step < end:
    done = f"and saved at step {step}" if step else "before the first step"
    processes.say(f"Stopped {done}; the same command goes on.")
    return False
  if job.config.encoder.enabled and complete_styles(job):
    job.write_index(step, running=False)  # Once more, with the styles.
  if job.start < end:
    processes.say(
      f"Finished after {counted(step, 'step')}; open {workdir / 'index.html'}"
    )
  else:
    processes.say(finished_line(job))
  return True


def hold(workdir: pathlib.Path) -> contextlib.AbstractContextManager[None]:
  """Keeps other trainings out; process 0 does it for all."""
  return lock.hold(workdir) if processes.first() else contextlib.nullcontext()


def train_stages(job: Run) -> int:
  """Makes the steps of all stages that are left; the last step made."""
  # The first to come and the last to go: a second SIGTERM, as schedulers send
  # it, must not end the process while the last save is still being written.
  with StopRequest() as stop, job.checkpoints, job.log:
    state, step = None, job.start
    for plan in job.plans[job.first_stage :]:
      begun = bool(plan.first or job.start)
      with memory_estimate.told(job.config, plan, job.mesh, begun):
        with job.progress.paused():
          state = job.start_stage(plan, state)
        state = run_stage(job, plan, state, stop)
        step = int(state.step)
      if step < plan.end or processes.anyone("stop", stop.asked):
        break
    job.progress.close()
  job.write_index(step, running=False)
  return step


def complete_styles(job: Run) -> bool:
  """Gives a finished run its style bank; False if it has one of its E."""
  found = bank_settings(job) if processes.first() else None
  # Process 0 decides: others may see the folder as it was a while ago.
  settings = json.loads(processes.agreed("bank", json.dumps(found)))
  if settings is None:
    return False
  with hold(job.workdir):
    processes.say(
      "Making the style bank that synthesis draws from (--mode=styles)"
    )
    step = directory.agreed_step(job.workdir)
    renderer = open_renderer(job.workdir, step, use_bank=False)
    make_bank(renderer, job.data, keep_old=True, **settings)
  return True


def bank_settings(job: Run) -> dict[str, Any] | None:
  """How a run's style bank is to be made; None if it has one of its E."""
  E = directory.load_params(job.workdir, units=("E",))["E"]
  with contextlib.suppress(InputError):
    old = style_bank.load(job.workdir)
    about = old.about if old else {}
    if about.get("encoder") == style_bank.parameters_digest(E):
      return None
    # Made before the run was extended: as large, of the E that it has now.
    names = ("num_styles", "min_area", "seed")
    return {name: about[name] for name in names if name in about}
  return {}


def finished_line(run: Run) -> str:
  """Says that a run is over, and how to extend it."""
  stage, last = run.plans[-1].stage, len(run.plans) - 1
  # The one epoch of decay=1 still runs at the full rate, so that a longer decay
  # changes no epoch of the past.
  field = {0: "constant", 1: "decay"}.get(stage.decay)
  if field:
    more = stage[field] + 10
    way = f"say more epochs, such as --config.stages[{last}].{field}={more}"
  else:
    # A decayed rate cannot rise again within its stage.
    name, number = "more", 1
    while name in {plan.stage.name for plan in run.plans}:
      number += 1
      name = f"more_{number}"
    way = (
      f"append a stage: --config.stages[{last + 1}].name={name} (a copy of the "
      f"last one; its epochs by --config.stages[{last + 1}].constant="
      f"{stage.constant} --config.stages[{last + 1}].decay={stage.decay})"
    )
  return (
    f"This run is finished (step {run.start}). To extend it, {way}; or start "
    "another from its weights, in another --workdir, with "
    f"--config.init_from={shlex.quote(str(run.workdir))}"
  )


def say_stage(
  run: Run, plan: schedule.StagePlan, params: train_step.Params
) -> None:
  """Prints what a stage trains, in one paragraph."""
  row = schedule.describe(plan, run.config)
  count = parameter_overview.count_parameters
  moving = {k: v for k, v in params.items() if k in plan.stage.trainable}
  frozen = {k: v for k, v in params.items() if k not in (*moving, "D")}
  scales = plan.stage.scales if plan.model.discriminator else 0
  run.progress.note(
    f"Stage {plan.index + 1} of {len(run.plans)}, {row['stage']}: "
    f"{row['size']} pixels, {row['trains']} trained "
    f"({count(moving):,} + {count(params['D']):,} parameters), "
    f"{row['frozen']} frozen ({count(frozen):,}), "
    f"{counted(scales, 'discriminator scale')}, "
    f"{counted(plan.epochs, 'epoch')} ({row['epochs']}) of "
    f"{counted(plan.steps_per_epoch, 'step')}, rate {row['rate']}"
  )


def run_stage(
  run: Run, plan: schedule.StagePlan, state: TrainState, stop: StopRequest
) -> TrainState:
  """Makes the steps of one stage that are left.

  Order at every boundary: log, then sample, then save, all of the state after
  the step; the data position needs no saving, it is step - first step.

  Args:
    run: what all stages share.
    plan: of this stage.
    state: as `Run.start_stage` gives it; its buffers are given away.
    stop: noted requests to stop; then the state is saved at once.

  Returns:
    The state after the last step made.
  """
  config, step = run.config, int(state.step)
  # Killed between two stages, a run is restored at the earlier one's end.
  if step >= plan.end:
    return state
  say_stage(run, plan, state.params)
  window: list[train_step.Metrics] = []
  guard = Guard(run, plan)
  with run.progress.paused():
    sampler = sampling.Sampler(
      config, plan.model, run.data, mesh=run.mesh, workdir=run.workdir
    )
    if config.evaluate_every and processes.first():
      # What is wrong with it is told before any step; what it keeps is made.
      evaluation.open_measures(
        evaluation.while_training(config), judged_data(run, plan)
      )
    stream = open_stream(run, plan, step)
    ahead = next(stream)
    batch = meshes.put_batch(ahead, run.mesh)
    flag = meshes.put_flag(False, run.mesh)
    update = compile_step(run, plan, batch)
    if not step:
      # Photos that lie on their side or are read as black show here.
      run.sample(plan, sampler, state, sampler.class_means(state.params))
  # Nothing to save yet: the state is that of a checkpoint, or of no step.
  stopping = processes.anyone("stop", stop.asked)
  asked_before: jax.Array | None = None
  while step < plan.end and not stopping:
    state, metrics, asked = update(state, batch, flag, run.vgg)
    step += 1
    window.append(metrics)
    # Read while the devices work, with at most two steps in flight.
    ahead = next(stream)
    if step < plan.end:
      batch = meshes.put_batch(ahead, run.mesh)
      flag = meshes.put_flag(stop.asked, run.mesh)
    # A stop asked of one process goes through a step to all of them, who read
    # it once that step is done and so end after the same one.
    if asked_before is not None:
      stopping = bool(asked_before)
    asked_before = asked
    if processes.count() == 1:  # It need not ask itself.
      stopping = stop.asked
    last = step == plan.end or stopping
    log, sample, save = (
      last or step % config[f"{name}_every"] == 0
      for name in ("log", "sample", "checkpoint")
    )
    score = is_judged(config, step, plan.end) and not stopping
    guard.look(step, state, metrics, wait=log or sample or save or score)
    # Before a save too: it ends a run whose losses are no longer finite.
    if log or sample or save or score:
      run.require_workdir()
      write_metrics(run, plan, step, window)
      window = []
    if not (save or sample or score):
      continue
    with run.progress.paused():
      means, best = sampler.class_means(state.params), None
      if sample and not stopping:
        run.sample(plan, sampler, state, means)
      if score:
        best = tell_how_good(run, plan, state, means)
      if save or best is not None:
        # The losses above are from before the update: what is saved must be
        # fit for another step.
        numbers = sampler.losses(state.params, run.vgg)
        numbers |= dict.fromkeys(not_finite(state)[:3], math.nan)
        run.require_finite(numbers, f"after step {step}, which is not saved")
        run.save(plan, state, means, best)
  return state


def is_judged(config: ConfigDict, step: int, end: int) -> bool:
  """Whether held-out pictures are scored after a step."""
  every = config.evaluate_every
  return bool(every) and (step % every == 0 or step == end)


def judged_data(run: Run, plan: schedule.StagePlan) -> evaluation.Data:
  """What held-out pictures of a stage are scored against."""
  return evaluation.Data(
    run.config, run.data.classes, split=run.data.held_out,
    size=plan.model.size,
  )  # fmt: skip


def tell_how_good(
  run: Run,
  plan: schedule.StagePlan,
  state: TrainState,
  means: Styles | None,
) -> float | None:
  """Scores the held-out pictures by the code of `--mode=evaluate`; logs it.

  Args:
    run: what all stages share.
    plan: of the stage.
    state: whose moving average makes the pictures, where there is one.
    means: of the classes' features, for models with E.

  Returns:
    The score by which this step is to be kept as the best so far, or None.
  """
  step, config, score = int(state.step), run.config, None
  if processes.first():
    mesh = picture_mesh(config)
    params = jax.device_put(
      jax.device_get({**state.params, **state.ema}), meshes.replicated(mesh)
    )
    renderer = Renderer(
      workdir=run.workdir, config=config, step=step, stage=plan.index,
      model=plan.model, params=params, classes=run.data.classes, bank=None,
      means=means, mesh=mesh,
    )  # fmt: skip
    judged = judge(
      renderer, run.data.held_out, evaluation.while_training(config),
      checked=False,
    )  # fmt: skip
    numbers = evaluation.headline(judged.result)
    run.log.write(
      step, numbers, epoch=plan.epoch(step - 1), stage=plan.stage.name,
      split="held_out",
    )  # fmt: skip
    told = " ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    run.progress.note(f"held out, step {step}: {told}")
    before, now = run.checkpoints.best(), evaluation.merit(numbers)
    if config.keep_best and (before is None or now > before[1]):
      score = now
  # The first decides: all save together.
  return json.loads(processes.agreed("best", json.dumps(score)))


def open_stream(
  run: Run, plan: schedule.StagePlan, step: int
) -> Iterator[dict[str, np.ndarray]]:
  """Batches of a stage from the run's `step` on: arrays [B, ...], no end."""
  index, parts = meshes.reading_share(run.mesh)
  return pipeline.batches(
    run.data,
    "train",
    stage_size=plan.model.size,
    batch_size=run.config.batch_size,
    seed=(run.config.seed, plan.index),
    start=step - plan.first,
    process_index=index,
    process_count=parts,
    objects=plan.model.encoder is not None,
  )


def compile_step(
  run: Run, plan: schedule.StagePlan, batch: train_step.Batch
) -> Callable[..., tuple[TrainState, train_step.Metrics, jax.Array]]:
  """Compiles a stage's step once, for these shapes; see `StageProgram`."""
  # Ahead of time: the caller leaves these seconds out of the rate, and a batch
  # of another shape is an error rather than a second compilation.
  return StageProgram(run.config, plan, run.mesh).lower(batch).compile()


def write_metrics(
  run: Run,
  plan: schedule.StagePlan,
  step: int,
  window: list[train_step.Metrics],
) -> None:
  """Logs the means over the steps since the last log that were not left out.

  Raises:
    InputError: if one of them is not finite; nothing of it gets saved.
  """
  # All at once: asking at every step would wait for the devices each time.
  fetched = jax.device_get(window)
  made = [m for m in fetched if not m["skipped"]]
  names = [name for name in fetched[0] if name != "skipped"] if made else []
  losses = {k: float(np.mean([m[k] for m in made])) for k in names}
  run.require_finite(losses, f"in steps {step - len(window) + 1} to {step}")
  epoch = plan.epoch(step - 1)
  shown = {k: v for k, v in losses.items() if k != "rate"}
  speed = run.progress.update(
    step, epoch=epoch, epochs=plan.epochs, stage=plan.stage.name, losses=shown
  )
  values = {**losses, "images_per_s": speed}
  if len(made) < len(fetched):
    values["skipped"] = len(fetched) - len(made)
  run.log.write(step, values, epoch=epoch, stage=plan.stage.name)
