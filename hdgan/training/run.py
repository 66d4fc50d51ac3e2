"""What all stages of one training run share: set-up, folder and log."""

import contextlib
import hashlib
import io
import json
import pathlib
import shlex
from collections.abc import Mapping

import flax.traverse_util
import jax
import numpy as np
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan import whole_files
from hdgan.datasets import pipeline
from hdgan.datasets.prepared import Prepared, opening_only
from hdgan.devices import mesh as meshes
from hdgan.devices import processes
from hdgan.errors import InputError, counted
from hdgan.networks import vgg
from hdgan.report import index_page, pictures
from hdgan.report.log import MetricsLog, NoLog
from hdgan.report.progress import Progress
from hdgan.runs import directory, lock
from hdgan.styles import bank as style_bank
from hdgan.styles.clusters import Styles
from hdgan.training import hand_over, sampling, schedule, train_step
from hdgan.training.stage_program import StageProgram
from hdgan.training.train_step import TrainState
from hdgan.validation import validate


class Run:
  """What all stages of one run share."""

  def __init__(
    self, config: ConfigDict, workdir: pathlib.Path, prepare: str = "first"
  ):
    """Checks everything that can be checked; writes and compiles nothing.

    Args:
      config: of the experiment.
      workdir: the run directory.
      prepare: which processes prepare the data: "first", before the others
        open its copy, or "each" for itself.
    """
    self.config = config = validate(config)
    self.workdir = workdir
    if processes.first():
      lock.check_free(workdir)
    told = json.dumps(
      [config_lib.public(config, keep_names=False), prepare], sort_keys=True
    )
    processes.require_same(
      "config", hashlib.sha256(told.encode()).hexdigest()[:12],
      "start all with the same flags",
    )  # fmt: skip
    self.mesh = meshes.mesh_of(config)
    self.resumed = directory.resume_point(workdir, config)
    self.vgg = vgg.load_for(config)
    self.initial: train_step.Params = {}
    # A resumed run has its weights in the checkpoint.
    if config.init_from and not self.resumed:
      source = whole_files.path(config.init_from)
      step = directory.agreed_step(source)
      self.initial = directory.load_params(source, step)
    self.data = self._prepare(prepare)
    if not self.resumed and processes.first():
      pipeline.say_distortion(config, self.data)
    if config.evaluate_every and not self.data.held_out:
      raise InputError(
        f"config.evaluate_every={config.evaluate_every}: nothing is held out "
        "to be scored; add val_label/ and val_img/, or say "
        "--config.evaluate_every=0"
      )
    images = self.data.num_train
    # Steps per epoch, and so the whole schedule, follow from the images.
    if self.resumed and self.resumed["images"] != images:
      raise InputError(
        f"--workdir={workdir}: the run began with "
        f"{counted(self.resumed['images'], 'training image')}, now there "
        f"{'is' if images == 1 else 'are'} {images}; put the data back, or "
        "start a new run from its weights, in another --workdir, with "
        f"--config.init_from={shlex.quote(str(workdir))}"
      )
    if self.resumed:
      self._say_other_data(self.resumed.get("contents"))
    self.plans = schedule.plan_stages(config, images, self.data.max_instances)
    if self.initial:
      first = self.plans[0]
      hand_over.check_initial(
        first.model.shapes(), self.initial, first.stage.trainable, config,
      )  # fmt: skip
    self.start = self.resumed["step"] if self.resumed else 0
    self.first_stage = self.resumed["stage"] if self.resumed else 0

  def _prepare(self, who: str) -> Prepared:
    """Prepares the data, in one process or in each, and opens it in all."""
    if who == "each" or processes.count() == 1:
      data = pipeline.prepare(self.config)
    else:
      with processes.first_goes_first("prepared"):
        once = contextlib.nullcontext if processes.first() else opening_only
        with once():
          data = pipeline.prepare(self.config)
    processes.require_same(
      "data",
      f"{counted(data.num_train, 'training image')}, at most "
      f"{counted(data.max_instances, 'object')} each, ids of "
      f"{', '.join(map(str, data.types))}, sum "
      f"{data.contents or 'of drawn ones'}",
      "give all the same data",
    )
    return data

  def _say_other_data(self, before: str | None) -> None:
    """Tells where as many pictures as before are others."""
    if processes.first() and before and before != self.data.contents:
      pipeline.say(
        f"{self.workdir}: the training files hold other maps or photos than "
        "those that the run was trained on so far; stop it and put them back "
        "if that is not meant"
      )

  def begin(self) -> None:
    """Makes the folder, opens what is written to, says what is used.

    Raises:
      InputError: if another training came first since this one looked.
    """
    for line in directory.take_up(self.workdir, self.resumed):
      processes.say(line)
    used, there = self.mesh.size, jax.device_count()
    if used < there:
      processes.say(
        f"devices for a batch of {self.config.batch_size}: {used} of {there}; "
        f"{counted(there - used, 'stays', 'stay')} idle"
      )
    if processes.first():
      directory.begin(self.workdir, self.config, self.data.classes)
    processes.wait("begun")
    directory.require_shared(self.workdir)
    self.checkpoints = directory.checkpoints_of(self.workdir, self.config.keep)
    if self.resumed:
      processes.say(f"{self.workdir}: goes on from step {self.start}")
    first = processes.first()
    self.log = MetricsLog(self.workdir, self.start) if first else NoLog()
    self.progress = Progress(
      self.plans[-1].end, self.config.batch_size, start=self.start,
      stream=None if first else io.StringIO(),
    )  # fmt: skip
    self.vgg = meshes.put(self.vgg, meshes.replicated(self.mesh))

  def _init(
    self, plan: schedule.StagePlan, params: train_step.Params
  ) -> TrainState:
    trainable = tuple(plan.stage.trainable)
    return train_step.init_state(params, trainable, self.config)

  def start_stage(
    self, plan: schedule.StagePlan, before: TrainState | None
  ) -> TrainState:
    """Gives the state in which a stage begins or goes on.

    Args:
      plan: of the stage.
      before: the last state of the stage before; None for the first stage
        that this process runs.

    Returns:
      A state with a copy on every device of the mesh.
    """
    shapes = StageProgram(self.config, plan, self.mesh).state()
    if before is None and self.resumed:
      # Shapes alone: nothing is drawn that the checkpoint would replace.
      state = self.checkpoints.restore(self.start, shapes)
    else:
      state = self._fresh_state(plan, before)
    # Copies: the average starts as the very arrays of G, and the step, which
    # writes into its state, can be given each buffer once.
    return meshes.place(state, jax.tree.map(lambda x: x.sharding, shapes))

  def _fresh_state(
    self, plan: schedule.StagePlan, before: TrainState | None
  ) -> TrainState:
    """Draws a stage's start and puts what has been trained into it."""
    where = meshes.replicated(self.mesh)
    params = plan.model.init((self.config.seed, plan.index))
    # Placed first: Adam's moments are born where the parameters are.
    state = self._init(plan, meshes.place(params, where))
    if before is not None:
      return hand_over.hand_over(state, before)
    if self.initial:
      return hand_over.start_from(state, self.initial)
    return state

  def save(
    self,
    plan: schedule.StagePlan,
    state: TrainState,
    means: Styles | None = None,
    best: float | None = None,
  ) -> None:
    """Writes a checkpoint; a stage's last one is kept for good.

    Args:
      plan: of the stage.
      state: to save.
      means: of the classes' features, for models with E.
      best: see `Checkpoints.save`.
    """
    step = int(state.step)
    info = {
      "step": step,
      "stage": plan.index,
      "stage_name": plan.stage.name,
      "epoch": plan.epoch(step - 1),
      "images": self.data.num_train,
      "contents": self.data.contents,
      "max_instances": self.data.max_instances,
      "config": config_lib.plain(self.config),
    }
    if means is not None:
      info["class_means"] = style_bank.means_to_json(means)
    # So that no run goes on from a step that its log does not reach.
    self.log.put()
    self.checkpoints.save(
      step, state, info, keep_forever=step == plan.end, best=best
    )

  def sample(
    self,
    plan: schedule.StagePlan,
    sampler: sampling.Sampler,
    state: TrainState,
    means: Styles | None = None,
  ) -> None:
    """Writes the sample grid, the held-out losses and the page.

    Args:
      plan: of the stage.
      sampler: of the stage.
      state: whose moving average makes the pictures, where there is one.
      means: of the classes' features, for models with E.
    """
    step = int(state.step)
    params = {**state.params, **state.ema}
    grid, losses = sampler.render(params, self.vgg, means)
    self.require_finite(losses, f"on held-out pictures at step {step}")
    if processes.first():
      sampling.save(self.workdir, step, grid)
    self.log.image(step, "samples", grid)
    if losses:
      epoch = plan.epoch(max(step - 1, plan.first))
      self.log.write(
        step, losses, epoch=epoch, stage=plan.stage.name,
        split="held_out",
      )  # fmt: skip
    self.log.put()
    self.write_index(step, running=True)

  def require_finite(self, losses: Mapping[str, float], when: str) -> None:
    """Ends a run that has diverged, with a way on that can be typed.

    Args:
      losses: by name.
      when: half a sentence: the steps or pictures that they are of.

    Raises:
      InputError: if one of them is not finite.
    """
    bad = [name for name, value in losses.items() if not np.isfinite(value)]
    if bad:
      way = self.way_on()
      raise InputError(f"{', '.join(bad)} not finite {when}; {way}")

  def way_on(self) -> str:
    """What to type after a run has diverged: half a sentence."""
    self.checkpoints.wait(together=False)  # For the one being written.
    newest = self.checkpoints.latest()
    rate = min(self.config.optimizer.learning_rate / 10, 2e-4)
    change = f"--config.optimizer.learning_rate={rate:g}"
    if self.config.precision != "float32":
      change += " or --config.precision=float32"
    if newest is None:
      return f"nothing was saved yet: run the same command with {change}"
    return (
      f"the newest checkpoint is from step {newest}. Start another run with "
      f"--workdir=ANOTHER {change}, and from these weights with "
      f"--config.init_from={shlex.quote(str(self.workdir))} if their samples "
      "are still good"
    )

  def require_workdir(self) -> None:
    """Ends a run whose folder was removed, rather than make half of it anew.

    Raises:
      InputError: if the config is not there.
    """
    config = self.workdir / directory.CONFIG
    if processes.first() and not config.is_file():
      raise InputError(
        f"--workdir={self.workdir}: {directory.CONFIG} is gone: the folder was "
        "removed or emptied, or is not mounted; bring it back, then run the "
        "same command again"
      )

  def write_index(self, step: int, running: bool) -> None:
    """Writes index.html, once for all processes."""
    if not processes.first():
      return
    stage = next(plan for plan in self.plans if step <= plan.end)
    shapes = flax.traverse_util.flatten_dict(stage.model.shapes(), sep="/")
    end, config = self.plans[-1].end, self.config
    index_page.write_index(
      self.workdir,
      title=self.workdir.resolve().name,
      status=f"step {step} of {end}",
      running=running,
      stages=[schedule.describe(p, config) for p in self.plans],
      boundaries=[(p.first, p.stage.name) for p in self.plans],
      config=config_lib.plain(config),
      parameters=[
        {"name": k, "shape": str(v.shape), "parameters": f"{v.size:,}"}
        for k, v in shapes.items()
      ],
      data=self._describe_data(),
      rows=[row.title for row in sampling.fixed_rows(self.data)],
      legend=pictures.legend(
        self.data.classes, config.num_classes, config.ignore_label
      ),
      gan=config.loss.gan,
    )

  def _describe_data(self) -> dict[str, str]:
    """What is trained on and what is held out, for the page."""
    data, names = self.data, self.data.names
    folder = pipeline.find_data_set(self.config).from_folders
    rows = [row.split for row in sampling.fixed_rows(data)]
    held_out = "nothing is held out: no curve tells learning by heart"
    if data.held_out:
      held_out = (
        f"{counted(len(names[data.held_out]), 'picture')} of {data.held_out}, "
        f"never trained on; held-out curves are means over the "
        f"{rows.count(data.held_out)} in the samples"
      )
    return {
      "Source": self.config.data.root if folder else self.config.data.name,
      "Trained on": f"{counted(data.num_train, 'picture')} of train",
      "Held out": held_out,
    }
