"""The run directory W: what a run may find there, and what it leaves.

`config.json` (resolved), `classes.json`, `checkpoints/<step>/`,
`metrics.jsonl`, TensorBoard events, `samples/<step>.png`, `index.html`, the
style bank of a model with E, `nonfinite/<step>.safetensors` of steps that ended
a training, and the lock that is in `lock`.
"""

import json
import os
import pathlib
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan import whole_files
from hdgan.datasets import classes as classes_lib
from hdgan.devices import processes
from hdgan.errors import InputError, visible
from hdgan.report.log import METRICS, read_metrics
from hdgan.runs import manifest
from hdgan.runs.checkpoint import Checkpoints
from hdgan.validation import validate
from hdgan.whole_files import write_text

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
# What a run makes beside its config.
FOLDERS = (
  CHECKPOINTS, "samples", "tensorboard", "nonfinite", "style_thumbnails",
  "evaluations",
)  # fmt: skip
FILES = (
  classes_lib.FILE, METRICS, "index.html",
  "style_bank.safetensors", "style_bank.json", "style_bank.html",
)  # fmt: skip
# Lies in the folder of checkpoints: where it is not, that folder is away.
BEGUN = "begun.txt"
# Seconds after which other hosts see what one wrote; NFS may take 30.
_LATE = 40


def checkpoints_of(workdir: pathlib.Path, keep: int = 3) -> Checkpoints:
  """Opens the checkpoints of a run."""
  return Checkpoints(workdir / CHECKPOINTS, keep)


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
  config = config_lib.get_config(str(path))
  try:
    return validate(config)
  except InputError as error:
    raise InputError(f"{path}: {error}") from error


def check_config(
  workdir: pathlib.Path, config: ConfigDict, info: Mapping[str, Any]
) -> None:
  """Compares config.json with what a checkpoint of the run says.

  Args:
    workdir: of the run.
    config: as read there.
    info: of a checkpoint; its sums have been compared.

  Raises:
    InputError: naming the first field that would change the networks or what
      they were trained for, as a flipped bit or an editor may have done.
  """
  if "config" not in info:
    return
  sealed = config_lib.from_json(json.dumps(info["config"]))
  stage, epochs = info.get("stage", 0), info.get("epoch", 1)
  for field, said, now in _changes(sealed, config, stage, epochs):
    there, was = (json.dumps(config_lib.plain(x)) for x in (now, said))
    raise InputError(
      f"{workdir / CONFIG}: {field} is {visible(there[:80])}, but step "
      f"{info['step']} was saved with {was}; put that back there"
    )


def read_classes(
  workdir: pathlib.Path, num_classes: int
) -> tuple[dict[str, Any], ...]:
  """Reads a folder's classes, see `classes.load_classes`.

  Args:
    workdir: of a run, or of a release.
    num_classes: how many classes its config has.

  Returns:
    One entry per class by id; () where the folder tells of none, as where the
    label is a picture.

  Raises:
    InputError: if the file breaks the schema.
  """
  if not (workdir / classes_lib.FILE).is_file():
    return ()
  return classes_lib.load_classes(workdir, num_classes)


def resume_point(
  workdir: pathlib.Path, config: ConfigDict
) -> dict[str, Any] | None:
  """Finds where a run in this folder stopped; changes nothing.

  With several processes the first one looks, and all get what it found.

  Args:
    workdir: may be missing or empty.
    config: that the run is to go on with, validated.

  Returns:
    The info of the newest checkpoint that is whole ("step", "stage", "epoch",
    ...), or None where there is nothing to resume.

  Raises:
    InputError: if the folder cannot be written, or holds something else, or a
      run with another config, or checkpoints of which none is whole; or if
      another process does not see the folder of the first.
  """
  found = _look(workdir, config) if processes.first() else None
  info = json.loads(processes.agreed("resume", json.dumps(found)))
  if info is not None:
    step = f"{CHECKPOINTS}/{info['step']}"
    require_shared(workdir, f"{step}/{manifest.NAME}")
  return info


def _look(workdir: pathlib.Path, config: ConfigDict) -> dict[str, Any] | None:
  """What `resume_point` says, of this process's view."""
  _check_writable(workdir)
  checkpoints = checkpoints_of(workdir)
  if not (workdir / CONFIG).is_file():
    if checkpoints.steps() or checkpoints.unsealed():
      raise InputError(
        f"--workdir={workdir} holds checkpoints but no {CONFIG}; name another "
        "workdir, or put the file back"
      )
    for name in (*FILES, *FOLDERS[1:]):
      if (workdir / name).exists():
        raise InputError(
          f"--workdir={workdir} holds {name} but no {CONFIG}: it is not a "
          "run's, and training would write over it; name another folder"
        )
    return None
  step, damaged = checkpoints.find_whole()
  if step is None:
    if damaged:
      raise _none_whole(checkpoints, damaged)
    # Nothing was trained that counts: any config may begin here.
    _check_begun(workdir, checkpoints)
    read_config(workdir)  # What is no config of ours is not written over.
    return None
  old, info = read_config(workdir), checkpoints.info(step)
  if "imported" in info:
    raise InputError(
      f"--workdir={workdir} holds imported weights, which are no run to "
      "resume; name another workdir, and start from these weights with "
      f"--config.init_from={workdir}"
    )
  check_config(workdir, old, info)
  check_resume(old, config, info["stage"], info["epoch"])
  return info


def take_up(workdir: pathlib.Path, info: Mapping[str, Any] | None) -> list[str]:
  """Readies the checkpoints of a run that goes on or begins, under its lock.

  Those that are damaged or have no manifest are given other names.

  Args:
    workdir: of the run.
    info: what `resume_point` gave.

  Returns:
    What was done, a line each; nothing where another process did it.

  Raises:
    InputError: if another training came since `resume_point` looked.
  """
  said = []
  checkpoints = checkpoints_of(workdir)
  if processes.first():
    step, damaged = checkpoints.find_whole()
    if step != (info["step"] if info else None):
      raise InputError(
        f"--workdir={workdir}: another training has been at work there "
        "meanwhile; run the same command again"
      )
    for newer, odd in sorted(damaged.items()):
      aside = checkpoints.rename(newer, "damaged")
      said.append(f"{odd}: moved to {aside.name}, goes on from step {step}")
  # All processes wait in here for the first.
  for folder in checkpoints.move_aside():
    said.append(f"{folder}: a checkpoint without its manifest, moved aside")
  return said


def _none_whole(
  checkpoints: Checkpoints, damaged: Mapping[int, str]
) -> InputError:
  """What is said of a run whose checkpoints are all damaged."""
  steps, newest = sorted(damaged), damaged[max(damaged)]
  return InputError(
    f"{newest}, and no other in {checkpoints.directory} is whole (steps "
    f"{', '.join(map(str, steps))}); copy one again from where it was kept, or "
    "name another --workdir"
  )


def _check_begun(workdir: pathlib.Path, checkpoints: Checkpoints) -> None:
  """Refuses to begin anew where the checkpoints of a run are not to be seen."""
  unsealed = checkpoints.unsealed()
  if unsealed:
    newest = shlex.quote(str(checkpoints.directory / str(unsealed[-1])))
    raise InputError(
      f"{checkpoints.directory}: steps {', '.join(map(str, unsealed))} have no "
      f"{manifest.NAME}, and none is trusted without it; copy it again from "
      "where the run was, or name another --workdir. If you are sure of the "
      f"files, make one: cd {newest} && find info state -type f "
      f"-exec sha256sum {{}} + > {manifest.NAME}"
    )
  steps = [line["step"] for line in read_metrics(workdir)]
  if steps and not (checkpoints.directory / BEGUN).is_file():
    raise InputError(
      f"--workdir={workdir}: {METRICS} goes up to step {max(steps)}, but "
      f"{checkpoints.directory} is away or empty; bring it back (a disk that "
      f"is not mounted?), or name another --workdir; to begin this run anew, "
      f"delete {workdir / METRICS}"
    )


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
  faults = [
    f"{field}: was {before!r}, now {after!r}"
    for field, before, after in _changes(old, new, stage, epochs)
  ]
  if faults:
    raise InputError(
      "this workdir holds a run with another config ("
      + "; ".join(faults)
      + "); name another --workdir, or undo the change, or leave --config out "
      "to go on with the run's own"
    )


def _changes(
  old: ConfigDict, new: ConfigDict, stage: int, epochs: int
) -> list[tuple[str, Any, Any]]:
  """Differences that a run may not have once it is in an epoch of a stage."""
  free = {field.name for field in config_lib.FIELDS if field.free}
  return [
    (field, before, after)
    for field, before, after in config_lib.differences(old, new)
    if field not in free and not _is_future(field, old, new, stage, epochs)
  ]


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


def own_config(
  workdir: pathlib.Path, config: ConfigDict | None, mode: str
) -> ConfigDict:
  """The run's own config, with its data where the command line says.

  Args:
    workdir: of the run.
    config: that the command line gave, if any.
    mode: names the command in errors.

  Returns:
    A locked config.

  Raises:
    InputError: naming the first field that differs from the run's and would
      have no effect.
  """
  own = read_config(workdir)
  if config is None:
    return own
  # Only training reads the weights of VGG19.
  config = validate(config, files=False)
  places = {f.name for f in config_lib.FIELDS if f.free and f.local}
  for field, before, given in config_lib.differences(own, config):
    if field not in places:
      raise InputError(
        f"--config.{field}={given!r} has no effect with --mode={mode}, which "
        f"uses the run's own config ({before!r}); leave it out"
      )
    if given:  # A file of configs/ names no place.
      with own.unlocked():
        config_lib.set_field(own, field, given)
  return own


def _check_writable(workdir: pathlib.Path) -> None:
  """Refuses a path that cannot be written, without leaving anything."""
  if whole_files.is_remote(workdir):
    whole_files.check_bucket(workdir)
    return
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
  workdir: pathlib.Path,
  config: ConfigDict,
  classes: Sequence[Mapping[str, Any]],
) -> None:
  """Makes the folder and writes the config and the classes into it.

  Raises:
    InputError: if it cannot be written.
  """
  try:
    begun = workdir / CHECKPOINTS / BEGUN
    if not begun.is_file():
      write_text(
        begun, "The checkpoints of a run; this file belongs to them.\n"
      )
    for name in ("samples/.*.png.tmp", "nonfinite/.*.safetensors.tmp"):
      for left in workdir.glob(name):
        left.unlink()  # What a kill left; all else is written again.
    write_text(workdir / CONFIG, config_lib.to_json(config))
    if classes:
      write_text(workdir / classes_lib.FILE, classes_lib.to_json(classes))
  except OSError as error:
    raise not_writable(workdir, error) from error


def require_shared(workdir: pathlib.Path, file: str = CONFIG) -> None:
  """Makes sure that a process sees the folder that process 0 sees.

  Args:
    workdir: the run directory.
    file: one of it that process 0 has written or seen.

  Raises:
    InputError: if it does not.
  """
  # A network's file system may show to others later what one wrote.
  for _ in range(_LATE if processes.count() > 1 else 0):
    if (workdir / file).is_file():
      return
    time.sleep(1)
  if not (workdir / file).is_file():
    raise InputError(
      f"{workdir} is not the folder that process 0 sees there (no {file} is to "
      "be seen in it); name a folder that all hosts share"
    )


def agreed_step(workdir: pathlib.Path) -> int:
  """The newest whole checkpoint that process 0 sees, once this one does too.

  Raises:
    InputError: if there is none, or this process does not see it.
  """
  newest = 0
  if processes.first():
    newest = find_step(workdir, checkpoints_of(workdir))
  step = int(processes.agreed("newest", str(newest)))
  require_shared(workdir, f"{CHECKPOINTS}/{step}/{manifest.NAME}")
  return step


def not_writable(workdir: pathlib.Path, error: OSError) -> InputError:
  """What is said of a folder that the system refuses to write to."""
  return InputError(
    f"--workdir={workdir} cannot be written ({error.strerror or error}); "
    "name another folder"
  )


def load_params(
  workdir: pathlib.Path,
  step: int | None = None,
  units: Sequence[str] = (),
  weights: str = "",
) -> dict[str, Any]:
  """Reads the networks of a run, on the host.

  Args:
    workdir: of the run, or of what `hdgan.convert import` made.
    step: of the checkpoint; None for the newest.
    units: names such as "G1" to read; all by default.
    weights: "ema" takes G's moving average, "live" G as it was trained; ""
      the average where the run has one.

  Returns:
    {"G1": ..., "D": {"D1": ...}} as numpy arrays.

  Raises:
    InputError: if there is no such checkpoint or it is damaged, or holds no
      average that is asked for.
  """
  checkpoints = checkpoints_of(workdir)
  step = find_step(workdir, checkpoints, step)
  parts = tuple(f"params/{unit}" for unit in units) or ("params",)
  structure = checkpoints.structure(step)
  if which_weights(workdir, structure, weights) == "ema":
    parts += ("ema",)
  tree = checkpoints.restore_subtree(step, parts)
  return {**tree["params"], **(tree.get("ema") or {})}


def which_weights(
  workdir: pathlib.Path, structure: Mapping[str, Any], weights: str
) -> str:
  """Says which weights of G are meant: "ema" or "live".

  Args:
    workdir: of the run.
    structure: of its checkpoint.
    weights: one of the two, or "" for the average where there is one.

  Raises:
    InputError: if there is no average that is asked for.
  """
  if weights == "ema" and not structure.get("ema"):
    raise InputError(
      f"--weights=ema: {workdir} has no moving average (config.ema is "
      f"{read_config(workdir).ema}); say --weights=live"
    )
  return weights or ("ema" if structure.get("ema") else "live")


def best_step(workdir: pathlib.Path | None) -> int:
  """The checkpoint that `config.keep_best` kept.

  Raises:
    InputError: if there is none.
  """
  best = checkpoints_of(workdir).best() if workdir else None
  if best is None:
    raise InputError(
      f"--step=best: {workdir or 'no --workdir'} holds no best checkpoint; "
      "train with --config.evaluate_every=1000 --config.keep_best=True, or "
      "name a step"
    )
  return best[0]


def find_step(
  workdir: pathlib.Path, checkpoints: Checkpoints, step: int | None = None
) -> int:
  """Picks a checkpoint, whole: the step asked for, or the newest.

  Says so where newer ones are damaged.

  Raises:
    InputError: if there is none, or not that one, or it is damaged.
  """
  steps = checkpoints.steps()
  if not steps:
    if (workdir / CONFIG).is_file():
      _check_begun(workdir, checkpoints)
    raise InputError(
      f"{workdir} holds no finished checkpoint of a run; train there "
      "until the first is saved"
    )
  if step is None:
    step, damaged = checkpoints.find_whole()
    if step is None:
      raise _none_whole(checkpoints, damaged)
    for odd in damaged.values() if processes.first() else ():
      print(f"{odd}: step {step} is used")
    return step
  if step not in steps:
    raise InputError(
      f"--step={step}: {workdir} has checkpoints of steps "
      f"{', '.join(map(str, steps))}"
    )
  checkpoints.verify(step)
  return step
