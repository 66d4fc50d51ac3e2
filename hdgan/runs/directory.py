"""The run directory W: what a run may find there, and what it leaves.

`config.json` (resolved), `classes.json`, `checkpoints/<step>/`,
`metrics.jsonl`, TensorBoard events, `samples/<step>.png`, `index.html`.
"""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.errors import InputError
from hdgan.runs.checkpoint import Checkpoints
from hdgan.validation import validate
from hdgan.whole_files import write_text

CONFIG = "config.json"
CLASSES = "classes.json"


def checkpoints_of(workdir: pathlib.Path, keep: int = 3) -> Checkpoints:
  """Opens the checkpoints of a run."""
  return Checkpoints(workdir / "checkpoints", keep)


def read_config(workdir: pathlib.Path) -> ConfigDict:
  """Reads and validates the config that a run was started with.

  Args:
    workdir: of the run.

  Returns:
    A locked config.

  Raises:
    InputError: if the folder holds no run.
  """
  path = workdir / CONFIG
  if not path.is_file():
    raise InputError(
      f"--workdir={workdir} holds no run (there is no {CONFIG}); train one "
      "there first, or name another workdir"
    )
  return validate(config_lib.get_config(str(path)))


def read_classes(workdir: pathlib.Path) -> tuple[dict[str, Any], ...]:
  """Reads id, name, color of every class; () where the label is a picture."""
  path = workdir / CLASSES
  return tuple(json.loads(path.read_text())) if path.is_file() else ()


def resume_point(
  workdir: pathlib.Path, config: ConfigDict
) -> dict[str, Any] | None:
  """Finds where a run in this folder stopped.

  Args:
    workdir: may be missing or empty.
    config: that the run is to go on with, validated.

  Returns:
    The info of the newest checkpoint ("step", "stage", "epoch", ...), or None
    where there is nothing to resume.

  Raises:
    InputError: if the folder cannot be written, or holds something else, or a
      run with another config.
  """
  _check_writable(workdir)
  if not (workdir / CONFIG).is_file():
    if (workdir / "checkpoints").exists():
      raise InputError(
        f"--workdir={workdir} holds checkpoints but no {CONFIG}; name another "
        "workdir, or put the file back"
      )
    return None
  old = read_config(workdir)
  checkpoints = checkpoints_of(workdir)
  step = checkpoints.latest()
  info = checkpoints.info(step) if step is not None else None
  if info and "imported" in info:
    raise InputError(
      f"--workdir={workdir} holds imported weights, which are no run to "
      "resume; name another workdir, and start from these weights with "
      f"--config.init_from={workdir}"
    )
  # Without a checkpoint no epoch counts as begun: all start again.
  where = (info["stage"], info["epoch"]) if info else (0, 0)
  check_resume(old, config, *where)
  return info


def check_resume(
  old: ConfigDict, new: ConfigDict, stage: int, epochs: int
) -> None:
  """Allows a run to go on only with the config that it was started with.

  Args:
    old: config of the run so far.
    new: config that it is to go on with.
    stage: index of the stage that the run is in.
    epochs: of that stage, begun so far.

  Raises:
    InputError: listing field, old and new value of every difference.
  """
  free = {field.name for field in config_lib.FIELDS if field.free}
  faults = [
    f"{field}: was {before!r}, now {after!r}"
    for field, before, after in config_lib.differences(old, new)
    if field not in free and not _is_future(field, old, new, stage, epochs)
  ]
  if faults:
    raise InputError(
      "this workdir holds a run with another config ("
      + "; ".join(faults)
      + "); name another --workdir, or undo the change"
    )


def _is_future(
  field: str, old: ConfigDict, new: ConfigDict, stage: int, epochs: int
) -> bool:
  """Whether a field only concerns epochs that have not begun yet."""
  if not field.startswith("stages["):
    return False
  number, name = field[len("stages[") :].split("].")
  index = int(number)
  if index >= len(old.stages):
    return index < len(new.stages)  # a stage added at the end
  if index >= len(new.stages) or name not in ("constant", "decay"):
    return False
  if index != stage:
    return index > stage
  a, b = old.stages[index], new.stages[index]
  return b.constant + b.decay >= epochs and all(
    config_lib.learning_rate(1.0, a.constant, a.decay, e)
    == config_lib.learning_rate(1.0, b.constant, b.decay, e)
    for e in range(1, epochs + 1)
  )


def check_own_config(
  workdir: pathlib.Path, config: ConfigDict | None, mode: str
) -> None:
  """Refuses fields that would have no effect: the run's own config counts.

  Args:
    workdir: of the run.
    config: that the command line gave, if any.
    mode: names the command in errors.

  Raises:
    InputError: naming the first field that differs from the run's.
  """
  if config is None:
    return
  # Only training reads the weights of VGG19.
  config = validate(config, files=False)
  for field, own, given in config_lib.differences(read_config(workdir), config):
    raise InputError(
      f"--config.{field}={given!r} has no effect with --mode={mode}, which "
      f"uses the run's own config ({own!r}); leave it out"
    )


def _check_writable(workdir: pathlib.Path) -> None:
  """Refuses a path that cannot be written, without leaving anything."""
  if workdir.exists() and not workdir.is_dir():
    raise InputError(f"--workdir={workdir} is a file; name a folder")
  folder = workdir
  # The nearest folder that exists says whether the others can be made.
  while not folder.exists():
    folder = folder.parent
  if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
    raise InputError(
      f"--workdir={workdir} cannot be written ({folder} is not writable); "
      "name another folder"
    )


def begin(
  workdir: pathlib.Path, config: ConfigDict, classes: tuple[dict, ...]
) -> None:
  """Makes the folder and writes the config and the classes into it.

  Raises:
    InputError: if it cannot be written.
  """
  try:
    write_text(workdir / CONFIG, config_lib.to_json(config))
    if classes:
      write_text(workdir / CLASSES, json.dumps(list(classes), indent=1) + "\n")
  except OSError as error:
    raise InputError(
      f"--workdir={workdir} cannot be written ({error.strerror or error}); "
      "name another folder"
    ) from error


def load_params(
  workdir: pathlib.Path, step: int | None = None, units: Sequence[str] = ()
) -> dict[str, Any]:
  """Reads the networks of a run, on the host.

  Args:
    workdir: of the run, or of what `hdgan.convert import` made.
    step: of the checkpoint; None for the newest.
    units: names such as "G1" to read; all by default.

  Returns:
    {"G1": ..., "D": {"D1": ...}} as numpy arrays; G is its moving average
    where the run has one.

  Raises:
    InputError: if there is no such checkpoint or it is damaged.
  """
  checkpoints = checkpoints_of(workdir)
  step = find_step(workdir, checkpoints, step)
  parts = tuple(f"params/{unit}" for unit in units) or ("params",)
  if checkpoints.structure(step).get("ema"):
    parts += ("ema",)
  tree = checkpoints.restore_subtree(step, parts)
  return {**tree["params"], **(tree.get("ema") or {})}


def find_step(
  workdir: pathlib.Path, checkpoints: Checkpoints, step: int | None = None
) -> int:
  """Picks a checkpoint: the step asked for, or the newest.

  Raises:
    InputError: if there is none, or not that one.
  """
  steps = checkpoints.steps()
  if not steps:
    raise InputError(
      f"{workdir} holds no finished checkpoint of a run; train there for at "
      "least config.checkpoint_every steps first"
    )
  if step is not None and step not in steps:
    raise InputError(
      f"--step={step}: {workdir} has checkpoints of steps "
      f"{', '.join(map(str, steps))}"
    )
  return steps[-1] if step is None else step
