"""Checkpoints of a run: `checkpoints/<step>/` with a manifest of SHA-256 sums.

A thin layer over orbax's CheckpointManager. Each step holds two items, `state`
(the pytree of arrays) and `info` (small JSON that restores alone, so that the
stage is known before its networks are shaped), and `manifest.sha256`, which
`sha256sum -c` understands. orbax itself loads flipped bits without notice; here
a step is compared with its manifest before any of it is used.

Steps are written in place, since in a bucket, mounted or not, no folder can be
renamed in one act; the manifest, written last, makes a folder a step. While it
is written or removed a file `<step>.unfinished` lies beside it, so that what a
kill leaves is told from a step whose manifest got lost: the one is removed, the
other moved aside. Nothing else that has a step's name is ever removed.

  with Checkpoints(workdir / "checkpoints", keep=3) as checkpoints:
    checkpoints.save(step, state, {"stage": 0})
  ...
  step = checkpoints.latest()
  state = checkpoints.restore(step, abstract_state)
"""

import contextlib
import errno
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax
import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from hdgan import whole_files
from hdgan.devices import processes
from hdgan.errors import InputError, counted
from hdgan.runs import manifest

KEEP = "keep"  # A step folder with a file of this name is never pruned.
BEST = "best"  # Holds the score by which a step was the best so far.
_TMP = ".orbax-checkpoint-tmp"  # Of versions that renamed what was finished.
_UNFINISHED = ".unfinished"
# orbax's own mark of a step that it has written; it comes after the manifest.
_COMMITTED = "commit_success.txt"
_ITEMS = ("info", "state")

# What this process found whole: of each item the files' sizes and times.
_whole: dict[str, Any] = {}


class Checkpoints(contextlib.AbstractContextManager):
  """The saved steps of one run; readers change nothing in the folder."""

  def __init__(self, directory: str | os.PathLike, keep: int = 3):
    """Opens a folder of checkpoints; the first `save` makes it.

    Args:
      directory: the run's `checkpoints` folder.
      keep: how many of the newest steps stay, at least 1; those saved with
        `keep_forever` come on top.
    """
    if keep < 1:
      raise InputError(f"keep = {keep}: at least 1 checkpoint must be kept")
    self.directory = whole_files.path(directory)
    if not whole_files.is_remote(directory):
      self.directory = self.directory.absolute()
    self.keep = keep
    self._manager: ocp.CheckpointManager | None = None
    self._saving: int | None = None

  def __exit__(
    self, kind: object, error: BaseException | None, trace: object
  ) -> None:
    # Where something has gone wrong already, that is what is told.
    quiet = () if error is None else (Exception,)
    with contextlib.suppress(*quiet):
      # With an error the others may be waiting elsewhere: this process must
      # end, so that they are told.
      self.close(together=error is None)

  def save(
    self,
    step: int,
    state: Any,
    info: Mapping[str, Any],
    keep_forever: bool = False,
    best: float | None = None,
  ) -> None:
    """Starts to write one step and returns once the arrays are copied.

    Waits for the save before it, so that errors of that one are raised here.
    A step that is there already is left alone (`keep_forever` still counts).

    Args:
      step: training steps done, >= 0.
      state: pytree of arrays.
      info: what JSON can hold.
      keep_forever: True for steps that `keep` must never remove.
      best: the score by which this step is the best so far, the higher the
        better; it stays until there is a better one.

    Raises:
      InputError: if the disk is full.
    """
    self.wait()
    there = processes.first() and step in self.steps()
    # Others may see the folder as it was a while ago.
    if processes.agreed("save", "there" if there else ""):
      if processes.first():
        # The manifest does not list these, so that they may come later.
        self._note(self.directory / str(step), keep_forever, best)
      return
    if self._manager is None:
      self.clean()
      self.move_aside()
      self._manager = self._open()
    # Set before orbax begins: its thread calls `_seal`, which reads them.
    self._saving, self._noted = step, (keep_forever, best)
    items = ocp.args.Composite(
      state=ocp.args.StandardSave(state), info=ocp.args.JsonSave(dict(info))
    )
    try:
      if processes.first():
        whole_files.make_folder(self.directory)
        self._mark(step).touch()
      # `force`: orbax skips a step that is older than its latest one.
      self._manager.save(step, args=items, force=True)
    except Exception as error:
      self._fail(error)

  def steps(self) -> list[int]:
    """The steps that are complete, ascending."""
    return sorted(
      int(folder.name) for folder in self._folders() if _is_sealed(folder)
    )

  def unsealed(self) -> list[int]:
    """Steps whose manifest got lost, ascending: nothing reads them."""
    return sorted(
      int(folder.name)
      for folder in self._folders()
      if not (_is_sealed(folder) or self._is_unfinished(folder))
    )

  def _mark(self, step: int) -> pathlib.Path:
    """The file that says that a step is being written or removed."""
    return self.directory / f"{step}{_UNFINISHED}"

  def _is_unfinished(self, folder: pathlib.Path) -> bool:
    """Whether a kill came while a step was written or removed."""
    marked = self._mark(int(folder.name)).is_file()
    return marked and not (folder / _COMMITTED).is_file()

  def _folders(self) -> Iterator[pathlib.Path]:
    """The folders that have a step's name."""
    if self.directory.is_dir():
      for folder in self.directory.iterdir():
        name = folder.name
        if name.isdecimal() and name == str(int(name)) and folder.is_dir():
          yield folder

  def latest(self) -> int | None:
    """The newest complete step, None if there is none."""
    return max(self.steps(), default=None)

  def info(self, step: int) -> dict[str, Any]:
    """Reads the JSON of a step, checked, and nothing else of it."""
    self.verify(step, ("info",))
    with _reader(ocp.JsonCheckpointHandler()) as reader:
      return reader.restore(self.directory / str(step) / "info")

  def restore(self, step: int, abstract_state: Any) -> Any:
    """Restores the whole state onto the devices that `abstract_state` names.

    Args:
      step: one of `steps()`.
      abstract_state: pytree of jax.ShapeDtypeStruct. Its shardings may differ
        from those at saving; a leaf without one goes to the first device.

    Returns:
      A pytree like `abstract_state`, of jax.Arrays equal to those saved.

    Raises:
      InputError: if the step is missing, damaged or of other networks, or
        holds numbers that are not finite.
    """
    self.verify(step)
    # `_read` takes parts of a tree, so what is left over is noticed here.
    _compare(self.directory / str(step), self.structure(step), abstract_state)
    default = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract_state = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=leaf.sharding or default
      ),
      abstract_state,
    )
    arguments = ocp.checkpoint_utils.construct_restore_args(abstract_state)
    state = self._read(step, abstract_state, arguments)
    self._require_finite(step, state)
    return state

  def restore_subtree(self, step: int, paths: Sequence[str]) -> dict[str, Any]:
    """Restores parts of the state as numpy arrays, whatever the rest is.

    Args:
      step: one of `steps()`.
      paths: inner nodes of the state, such as `params/G1` or `ema`.

    Returns:
      Nested dict with these parts at their places.

    Raises:
      InputError: if the step is missing or damaged, a path holds no array, or
        an array holds numbers that are not finite.
    """
    self.verify(step)
    saved = dict(_leaves(self.structure(step)))
    parts: dict[tuple[str, ...], Any] = {}
    for path in paths:
      # With a slash at the end, or params/G would stand for params/G1.
      found = [name for name in saved if f"{name}/".startswith(f"{path}/")]
      if not found:
        near = sorted({"/".join(name.split("/")[:2]) for name in saved})
        raise InputError(
          f"{self.directory / str(step)}: no arrays under {path!r}; there are "
          + ", ".join(near)
        )
      parts |= {tuple(name.split("/")): saved[name] for name in found}
    wanted = flax.traverse_util.unflatten_dict(parts)
    arguments = jax.tree.map(
      lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted
    )
    tree = self._read(step, wanted, arguments)
    self._require_finite(step, tree)
    return tree

  def structure(self, step: int) -> dict[str, Any]:
    """Nested dict of jax.ShapeDtypeStruct: what the state of a step holds.

    Raises:
      InputError: if the step is missing or damaged.
    """
    self.verify(step)
    folder = self.directory / str(step) / "state"
    tree = ocp.PyTreeCheckpointHandler().metadata(folder).tree
    return jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), dict(tree)
    )

  def verify(self, step: int, items: Sequence[str] = _ITEMS) -> None:
    """Compares the files of a step with its manifest.

    Args:
      step: one of `steps()`.
      items: which of `info` and `state` to read.

    Raises:
      InputError: names a file that is changed, missing or unexpected.
    """
    self._require(step)
    odd = self._damage(step, items)
    if odd:
      raise InputError(f"{odd}; {self._way_back(step)}")

  def _damage(self, step: int, items: Sequence[str] = _ITEMS) -> str:
    """Says which file of a step differs from its manifest; '' if none does."""
    folder = self.directory / str(step)
    # What has neither size nor time changed is not read a second time.
    now = {
      name: whole_files.files_below(folder / name)
      for name in (*items, manifest.NAME)
    }
    if all(_whole.get(f"{folder}/{name}") == now[name] for name in now):
      return ""
    odd = manifest.first_difference(folder, items)
    if odd is not None:
      return (
        f"{odd}: differs from {folder.name}/{manifest.NAME}, the checkpoint of "
        f"step {step} is damaged"
      )
    _whole.update({f"{folder}/{name}": files for name, files in now.items()})
    return ""

  def find_whole(self) -> tuple[int | None, dict[int, str]]:
    """Looks for the newest step that is as it was saved, and changes nothing.

    Returns:
      The step, None if there is none; and what is wrong with each newer one.
    """
    damaged: dict[int, str] = {}
    for step in reversed(self.steps()):
      odd = self._damage(step)
      if not odd:
        return step, damaged
      damaged[step] = odd
    return None, damaged

  def wait(self, together: bool = True) -> None:
    """Returns once the step being written is safe and old ones are pruned.

    Args:
      together: also once all processes have come here; False for one that is
        about to end with an error.
    """
    if self._manager is None or self._saving is None:
      return
    try:
      self._manager.wait_until_finished()
      # Should orbax not have called it; a second call does nothing.
      self._seal()
    except Exception as error:
      self._fail(error)
    step, self._saving = self._saving, None
    if processes.first():
      self._mark(step).unlink(missing_ok=True)
      self._prune()
    if together:
      processes.wait("saved")

  def close(self, together: bool = True) -> None:
    """Waits for the last save, as `wait` does, and ends orbax's threads."""
    try:
      self.wait(together)
    finally:
      if self._manager is not None:
        self._manager.close()
        self._manager = None

  def clean(self) -> None:
    """Removes what a killed process left of steps that it was writing.

    `save` calls it once; nothing else may be writing to the folder then.
    """
    if processes.first() and self.directory.is_dir():
      left = self.directory.glob(f"*{_TMP}*")
      for folder in sorted(path for path in left if path.is_dir()):
        logging.info("%s: not finished, removed", folder)
        whole_files.remove_folder(folder)
      for folder in list(self._folders()):
        if self._is_unfinished(folder) and not _is_sealed(folder):
          logging.info("%s: not finished, removed", folder)
          whole_files.remove_folder(folder)
      for mark in sorted(self.directory.glob(f"*{_UNFINISHED}")):
        mark.unlink()
    processes.wait("cleaned")

  def move_aside(self) -> list[pathlib.Path]:
    """Frees the names of steps without a manifest; their data stays.

    A copy that left the manifests out ends like this, never a kill.

    Returns:
      Where they are now: `<step>.without-manifest`.
    """
    moved = []
    if processes.first():
      moved = [
        self.rename(step, "without-manifest") for step in self.unsealed()
      ]
    processes.wait("moved aside")
    return moved

  def rename(self, step: int, ending: str) -> pathlib.Path:
    """Frees the name of a step; gives the folder's new one."""
    folder = self.directory / str(step)
    aside = whole_files.free_name(folder, ending)
    whole_files.move_folder(folder, aside)
    return aside

  def _open(self) -> ocp.CheckpointManager:
    """A manager that never prunes: orbax would do so before the manifest."""
    logging.get_absl_logger().addFilter(_not_of_orbax)
    if not isinstance(sys.unraisablehook, _NoClosedLoop):
      sys.unraisablehook = _NoClosedLoop(sys.unraisablehook)
    # The folder holds steps only, and orbax's own notes on them go unread.
    options = ocp.CheckpointManagerOptions(
      max_to_keep=None,
      save_root_metadata=False,
      lightweight_initialize=True,
      temporary_path_class=ocp.path.atomicity.CommitFileTemporaryPath,
      async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
    )
    return ocp.CheckpointManager(self.directory, options=options)

  def _seal(self) -> None:
    """Writes the manifest, once all files of the step are there."""
    folder = self.directory / str(self._saving)
    if not processes.first() or _is_sealed(folder):
      return
    if not folder.is_dir():  # Of a run that was removed nothing is made anew.
      raise FileNotFoundError(
        errno.ENOENT, os.strerror(errno.ENOENT), str(folder)
      )
    self._note(folder, *self._noted)
    manifest.write(folder, _ITEMS)

  def _note(
    self, folder: pathlib.Path, keep_forever: bool, best: float | None
  ) -> None:
    """Writes into a step's folder why it stays."""
    if keep_forever:
      (folder / KEEP).touch()
    if best is not None:
      whole_files.write_text(folder / BEST, f"{best!r}\n")

  def best(self) -> tuple[int, float] | None:
    """The step with the best score that any was saved with, and the score."""
    scored = [
      (float((self.directory / str(step) / BEST).read_text()), step)
      for step in self.steps()
      if (self.directory / str(step) / BEST).is_file()
    ]
    if not scored:
      return None
    score, step = max(scored, key=lambda pair: (pair[0], -pair[1]))
    return step, score

  def _prune(self) -> None:
    """Removes all but the `keep` newest steps and those kept forever."""
    best = self.best()
    for step in self.steps()[: -self.keep]:
      folder = self.directory / str(step)
      if not (folder / KEEP).exists() and (best is None or step != best[0]):
        with contextlib.suppress(OSError):  # A full disk; this makes room.
          self._mark(step).touch()
        # In this order half a step is never taken for one, nor for a whole one
        # without its manifest.
        (folder / _COMMITTED).unlink(missing_ok=True)
        (folder / manifest.NAME).unlink()
        whole_files.remove_folder(folder)
        self._mark(step).unlink(missing_ok=True)

  def _fail(self, error: Exception) -> None:
    """Drops the step that could not be written and raises its reason."""
    step, self._saving = self._saving, None
    manager, self._manager = self._manager, None
    if manager is not None:
      # orbax raises the same again here, once for each of its threads.
      with contextlib.suppress(Exception):
        manager.close()
    if processes.first() and step is not None:
      with contextlib.suppress(Exception):  # The next start cleans.
        folder = self.directory / str(step)
        if self._mark(step).is_file() and not _is_sealed(folder):
          whole_files.remove_folder(folder)
        self._mark(step).unlink()
    # tensorstore reports it as a ValueError that quotes the C library.
    code = error.errno if isinstance(error, OSError) else None
    full = code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
    if not full:
      raise error
    raise InputError(
      f"{self.directory / str(step)}: the disk is full, this checkpoint was "
      f"not written (newest complete step: {self.latest()}); free some space "
      "or say --config.keep=1, then run the same command again"
    ) from error

  def _require(self, step: int) -> None:
    if step not in self.steps():
      raise InputError(
        f"{self.directory}: no complete checkpoint of step {step}; there are: "
        + (", ".join(map(str, self.steps())) or "none")
      )

  def _require_finite(self, step: int, tree: Any) -> None:
    """Refuses weights of a run that had diverged."""
    bad = not_finite(tree)
    if bad:
      raise InputError(
        f"{self.directory / str(step)}: {bad[0]} holds numbers that are not "
        f"finite, this run had diverged; {self._way_back(step)}"
      )

  def _way_back(self, step: int) -> str:
    others = [other for other in self.steps() if other < step]
    where = f"step {others[-1]}" if others else "the start"
    folder = self.directory / str(step)
    return f"delete the folder {folder} to go on from {where}"

  def _read(self, step: int, item: Any, arguments: Any) -> Any:
    with _reader(ocp.PyTreeCheckpointHandler()) as reader:
      return reader.restore(
        self.directory / str(step) / "state",
        args=ocp.args.PyTreeRestore(
          item=item, restore_args=arguments, partial_restore=True
        ),
      )


def not_finite(tree: Any) -> list[str]:
  """Names of the arrays of a tree that hold numbers that are not finite."""
  bad = []
  for name, leaf in _leaves(tree):
    # What this process holds: all of it, unless others hold the rest.
    shards = getattr(leaf, "addressable_shards", None)
    parts = [leaf] if shards is None else [one.data for one in shards]
    arrays = [np.asarray(part) for part in parts]
    if any(a.dtype.kind == "f" and not np.isfinite(a).all() for a in arrays):
      bad.append(name)
  return bad


def _reader(handler: Any) -> ocp.Checkpointer:
  """A reader of what has its manifest, whether or not orbax marked it.

  Each process reads for itself: orbax would have all of them wait at the end.
  """
  own = processes.index()
  return ocp.Checkpointer(
    handler,
    multiprocessing_options=ocp.options.MultiprocessingOptions(
      primary_host=own,
      active_processes={own},
      barrier_sync_key_prefix=f"process_{own}",
    ),
    temporary_path_class=ocp.path.atomicity.AtomicRenameTemporaryPath,
  )


def _is_sealed(folder: pathlib.Path) -> bool:
  return (folder / manifest.NAME).is_file()


def _leaves(tree: Any) -> list[tuple[str, Any]]:
  """Pairs of `params/G1/conv_in/kernel` and the leaf."""
  return [
    (jax.tree_util.keystr(path, simple=True, separator="/"), leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  ]


def _compare(folder: pathlib.Path, saved: Any, wanted: Any) -> None:
  """Raises InputError if names, shapes or dtypes of two trees differ."""
  there, here = (
    {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in _leaves(tree)}
    for tree in (saved, wanted)
  )
  odd = sorted({name for name, _ in there.items() ^ here.items()})
  if odd:
    raise InputError(
      f"{folder}: {counted(len(odd), 'array differs', 'arrays differ')} from "
      f"this config's networks, first {odd[0]}: "
      f"{there.get(odd[0], 'absent')} in the checkpoint, "
      f"{here.get(odd[0], 'absent')} wanted; use the config of that run"
    )


def _not_of_orbax(record: Any) -> bool:
  """False for the tracebacks of orbax's threads: `wait` raises the error."""
  inside = f"{os.sep}orbax{os.sep}" in record.pathname
  return not (inside and record.levelname == "ERROR")


class _NoClosedLoop:
  """Keeps quiet about tensorstore's threads after a save that failed.

  They call the event loop that has been closed since.
  """

  def __init__(self, tell: Callable[["sys.UnraisableHookArgs"], Any]):
    self._tell = tell

  def __call__(self, caught: "sys.UnraisableHookArgs") -> None:
    if str(caught.exc_value) != "Event loop is closed":
      self._tell(caught)
