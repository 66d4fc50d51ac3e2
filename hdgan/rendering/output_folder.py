"""The folder that a mode writes to: nothing of anybody's is written over.

A mode lists all that it may write before it computes anything, and can write
nothing else. `.hdgan_written` in the folder keeps the SHA-256 sums of what was
written, as `sha256sum` does, so that `--overwrite` tells hdgan's own files from
those that a person made or changed.
"""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from hdgan.datasets import files, folder, synthesis_inputs
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.errors import InputError, counted
from hdgan.report import pictures
from hdgan.runs import directory
from hdgan.whole_files import draft_of, is_remote, whole_file, write_text

WRITTEN = ".hdgan_written"
# What was being made, until all of it is there.
UNFINISHED = ".hdgan_unfinished"
# What folders of maps and photos are called, alone or behind a split's name.
_ROLES = {
  name
  for table in (folder.FOLDERS, synthesis_inputs.PARTS)
  for names in table.values()
  for name in names
}


def free_name(stem: str, maps: Iterable[str]) -> str:
  """`<stem>.png`, with as many `_` behind the stem as no map is called."""
  # Some file systems do not tell A from a.
  taken = {name.casefold() for name in maps}
  while stem.casefold() in taken:
    stem += "_"
  return f"{stem}.png"


def map_names(path: str) -> list[str]:
  """All files that would be read as one map: the path with each ending."""
  return [f"{path}{ending}" for ending in files.SUFFIXES]


class OutputFolder:
  """Writes the files of one command, each whole or not at all."""

  def __init__(
    self,
    path: pathlib.Path,
    names: Sequence[str],
    overwrite: bool = False,
    job: str = "",
  ):
    """Checks that nothing is in the way; writes nothing yet.

    Args:
      path: of the folder; made with the first file.
      names: of all files that may be written, below the folder.
      overwrite: replace those that hdgan wrote here and nobody changed.
      job: a sum of all that the files are made from; what was stopped goes on
        where it is the same. '' for what is made anew in any case.

    Raises:
      InputError: for files that are there, or what is no folder.
    """
    self.path, self.names = path, frozenset(names)
    self._job, self._made = job, set[str]()
    left, _, start = self._left().partition(" ")
    self.goes_on = bool(job) and left == job and start.isdecimal()
    if self.goes_on:
      # What earlier commands wrote is known too, but follows from other things.
      self._made = self._read_sums(int(start))
    self._known = self._read_sums()
    self._begun = False
    for parent in self._folders():
      there = next(p for p in (parent, *parent.parents) if p.exists())
      if not there.is_dir():
        raise InputError(f"--output={path}: {there} is a file; name a folder")
    found = [name for name in names if os.path.lexists(path / name)]
    foreign = [name for name in found if not self._is_own(name)]
    if foreign and overwrite:
      raise InputError(
        f"--output={path} holds {foreign[0]}, which hdgan did not write or "
        f"which was changed since ({counted(len(foreign), 'such file')}); "
        "name another folder"
      )
    if found and not overwrite and (foreign or not self.goes_on):
      way = "" if foreign else ", or add --overwrite to replace them"
      raise InputError(
        f"--output={path} holds {(foreign or found)[0]} already "
        f"({counted(len(found), 'file')} of those to be written); name "
        f"another folder{way}"
      )

  def _left(self) -> str:
    """The job that was stopped here, and how long the sums were before it."""
    try:
      return (self.path / UNFINISHED).read_text("utf-8", "replace")
    except OSError:
      return ""

  def has(self, names: Iterable[str]) -> bool:
    """Whether a run that was stopped has made all of these files."""
    return self.goes_on and all(
      self._is_own(name) and _line(self.path / name, name) in self._made
      for name in names
    )

  def finish(self) -> None:
    """Notes that all is there."""
    (self.path / UNFINISHED).unlink(missing_ok=True)

  def _folders(self) -> list[pathlib.Path]:
    """All folders that get files."""
    return list(dict.fromkeys((self.path / n).parent for n in self.names))

  def keep_apart(
    self,
    homes: Iterable[pathlib.Path],
    closed: Iterable[pathlib.Path],
    read: Iterable[pathlib.Path] = (),
  ) -> None:
    """Refuses to write among what is read.

    Args:
      homes: folders that must get no files and no folders of maps.
      closed: folders that must get nothing, however deep.
      read: files that must not be written.

    Raises:
      InputError: naming the folder or file.
    """
    written = {(self.path / name).resolve(): name for name in self.names}
    for file in read:
      if file.resolve() in written:
        name = written[file.resolve()]
        raise InputError(
          f"--output={self.path}: {name} would be written over {file}, which "
          "is read; name another folder"
        )
    for parent in (path.resolve() for path in self._folders()):
      for one in closed:
        if parent.is_relative_to(one.resolve()):
          self._refuse(one, one.absolute().parent)
      for one in homes:
        home = one.resolve()
        if not parent.is_relative_to(home):
          continue
        below = parent.relative_to(home).parts
        if not below or is_role(below[0]):
          self._refuse(one, one)

  def _refuse(self, read: pathlib.Path, beside: pathlib.Path) -> None:
    raise InputError(
      f"--output={self.path}: what is written would lie among the files of "
      f"{read}; name another folder, such as {beside / 'pictures'}"
    )

  def _is_own(self, name: str) -> bool:
    """Whether a file is as this class wrote it."""
    path = self.path / name
    if path.is_symlink() or not path.is_file():
      return False
    return _line(path, name) in self._known

  def _read_sums(self, start: int = 0) -> set[str]:
    """Sum and name of all that was written here, from a byte of it on."""
    try:
      data = (self.path / WRITTEN).read_bytes()[start:]
    except OSError:
      return set()
    return set(data.decode("utf-8", "surrogateescape").split("\n"))

  @contextlib.contextmanager
  def file(self, name: str) -> Iterator[pathlib.Path]:
    """Gives a temporary path that becomes one of the files; see `whole_file`.

    Args:
      name: one of those that were listed.

    Yields:
      A path to write to.

    Raises:
      InputError: if it cannot be written.
      ValueError: for a name that was not listed.
    """
    if name not in self.names:
      raise ValueError(f"{name} is not among the files to be written")
    try:
      if not self._begun:
        # What a kill left of an earlier try.
        for one in self.names:
          draft = draft_of(self.path / one)
          for left in (draft, draft_of(draft)):  # A picture's has its own.
            left.unlink(missing_ok=True)
        if self._job and not self.goes_on:
          sums = self.path / WRITTEN
          start = sums.stat().st_size if sums.exists() else 0
          write_text(self.path / UNFINISHED, f"{self._job} {start}")
        elif not self._job:
          self.finish()
        self._begun = True
      with whole_file(self.path / name) as draft:
        yield draft
        if os.path.lexists(self.path / name) and not self._is_own(name):
          raise InputError(
            f"--output={self.path}: {name} has come there meanwhile; name "
            "another folder"
          )
        # Before it takes its name: what a kill leaves is then known as ours.
        line = _line(draft, name)
        if line not in (self._made if self._job else self._known):
          sums = self.path / WRITTEN
          with sums.open("a", -1, "utf-8", "surrogateescape") as log:
            # The newline first: what a kill tore is then a line of its own.
            log.write(f"\n{line}")
          self._known.add(line)
          self._made.add(line)
    except OSError as error:
      raise InputError(
        f"--output={self.path}: {name} was not written ({error.strerror}); "
        "make room or name another folder"
      ) from error

  def png(self, name: str, picture: np.ndarray) -> None:
    """Writes a picture; see `pictures.save_png`."""
    with self.file(name) as draft:
      pictures.save_png(draft, picture)

  def text(self, name: str, text: str) -> None:
    """Writes a text file in UTF-8."""
    with self.file(name) as draft:
      draft.write_text(text, encoding="utf-8")

  def ids(self, path: str, ids: np.ndarray) -> None:
    """Writes a map as PNG of 8 or 16 bits, as .npy if its ids need more.

    Args:
      path: without an ending; all of `map_names` must have been listed.
      ids: [H, W] int32 class or instance ids.
    """
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > 65535:
      name = f"{path}.npy"
      with self.file(name) as draft, draft.open("wb") as file:
        np.save(file, ids)
    else:
      name = f"{path}.png"
      self.png(name, ids.astype(np.uint8 if high < 256 else np.uint16))
    # An earlier one of ours with another ending would be a second map.
    for other in map_names(path):
      if other != name and self._is_own(other):
        (self.path / other).unlink()


def is_role(name: str) -> bool:
  """Whether a folder of this name holds maps or photos: label, val_img."""
  return name.rpartition("_")[2] in _ROLES


def _line(path: pathlib.Path, name: str) -> str:
  """SHA-256 sum and name, as `sha256sum` writes them."""
  return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}"


def places(path: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
  """What `keep_apart` needs of a folder that files are read from.

  Returns:
    Homes and closed folders.
  """
  path = path.absolute()
  return ([path.parent], [path]) if is_role(path.name) else ([path], [])


def keep_apart_from_inputs(
  output: OutputFolder,
  workdir: pathlib.Path,
  root: str,
  inputs: SynthesisInputs,
  flags: Sequence[str | pathlib.Path] = (),
) -> None:
  """Refuses an output among the inputs, the data, or the parts of a run.

  Args:
    output: of the command.
    workdir: of the run.
    root: its data.root, or ''.
    inputs: the maps.
    flags: values of other flags that may name files or folders, or ''.

  Raises:
    InputError: naming the folder or file.
  """
  read = [pathlib.Path(flag).expanduser() for flag in flags if flag]
  read = [path for path in read if path.exists()]
  folders = [path for path in read if path.is_dir()]
  maps = inputs.paths
  folders += dict.fromkeys(path.parent for path in maps)
  folders += [p.parent for p in read if is_role(p.absolute().parent.name)]
  homes = [pathlib.Path(root).expanduser()] if root else []
  # An output is never in a bucket.
  parts = () if is_remote(workdir) else directory.FOLDERS
  closed = [workdir / part for part in parts]
  for one in folders:
    more, shut = places(one)
    homes, closed = homes + more, closed + shut
  output.keep_apart(homes, closed, [*maps, *read])
