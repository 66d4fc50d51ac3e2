"""Tells of steps that were left out as not finite, and ends after too many.

The step itself leaves them out (`train_step`). Here they are named and counted;
too many in a row end the training, and a file is kept that repeats the last.
"""

import shlex

import jax

from hdgan.datasets import pipeline
from hdgan.devices import mesh as meshes
from hdgan.devices import processes
from hdgan.errors import InputError, counted, shortened
from hdgan.training import replay, schedule, train_step
from hdgan.training.run import Run
from hdgan.training.train_step import TrainState


class Guard:
  """Watches the steps of one stage."""

  def __init__(self, run: Run, plan: schedule.StagePlan):
    """Begins with no step left out."""
    self._run, self._plan = run, plan
    self._unread: list[tuple[int, jax.Array]] = []
    self._in_a_row = 0

  def look(
    self,
    step: int,
    state: TrainState,
    metrics: train_step.Metrics,
    wait: bool = False,
  ) -> None:
    """Looks whether steps were left out, at the newest one a step later.

    Args:
      step: that was begun last.
      state: after it.
      metrics: of it.
      wait: for it too.

    Raises:
      InputError: if `config.max_skipped` steps in a row were left out.
    """
    self._unread.append((step, metrics["skipped"]))
    most = self._run.config.max_skipped
    # What ends a training must not have another step begun behind it, whose
    # state is no longer the one to keep.
    while self._unread and (
      len(self._unread) > 1 or wait or self._in_a_row or most == 1
    ):
      at, skipped = self._unread.pop(0)
      self._in_a_row = self._in_a_row + 1 if float(skipped) else 0
      if self._in_a_row:
        names = shortened(self._names(at))
        self._run.progress.note(
          f"step {at} is left out: not finite; its pictures: {names}"
        )
    if self._in_a_row >= most:
      self._end(step, state)

  def _names(self, step: int) -> list[str]:
    """The pictures that a step is fed."""
    return pipeline.batch_names(
      self._run.data,
      "train",
      batch_size=self._run.config.batch_size,
      seed=(self._run.config.seed, self._plan.index),
      index=step - 1 - self._plan.first,
    )

  def _end(self, step: int, state: TrainState) -> None:
    """Keeps the last step for `--replay` and raises InputError."""
    run, names = self._run, self._names(step)
    path = run.workdir / replay.FOLDER / f"{step}{replay.SUFFIX}"
    workdir, file = shlex.quote(str(run.workdir)), shlex.quote(str(path))
    kept = (
      f"`python -m hdgan.main --workdir={workdir} --replay={file}` makes step "
      f"{step} again and tells what is not finite"
    )
    # What is cut over the devices of several processes no process has whole.
    state = meshes.put(state, meshes.replicated(run.mesh))
    if processes.first():
      try:
        replay.write(run, self._plan, step=step, state=state, names=names)
      except OSError as error:
        kept = f"{path}: not written ({error.strerror or error})"
    processes.wait("nonfinite")  # Who ends now would end the writer too.
    first = step - self._in_a_row + 1
    raise InputError(
      f"losses or gradients not finite in steps {first} to {step}, as many as "
      f"max_skipped = {run.config.max_skipped} allows; the last one's "
      f"{counted(len(names), 'picture')}: {shortened(names)}; {kept}; "
      f"{run.way_on()}"
    )
