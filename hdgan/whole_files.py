"""Files and folders that appear whole or not at all, and locks on them.

Each is written under a temporary name beside its own and renamed at the end, so
that a kill, a full disk or a reader at the wrong moment never meets half of it.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import TextIO

from hdgan.errors import InputError


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Gives a temporary path that becomes `path` if all goes well.

  Args:
    path: of the file; its folder is made, a file that is there is replaced.
      Two processes must not write one file at a time.

  Yields:
    A path beside it, to write to.

  Raises:
    OSError: if the folder cannot be written; nothing of the file stays.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  # Beside it, so that both lie on one file system: only then is renaming one
  # act. One name for all, so that the next write takes away what a kill left.
  draft = path.with_name(f".{path.name}.tmp")
  try:
    yield draft
    os.replace(draft, path)
  finally:
    draft.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a text file as a whole, in UTF-8."""
  with whole_file(path) as draft:
    draft.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole_folder(
  path: pathlib.Path, flag: str, size: int = 0
) -> Iterator[pathlib.Path]:
  """Gives a temporary folder that becomes `path` if all goes well.

  Args:
    path: must be missing or an empty folder.
    flag: that named it, for messages.
    size: bytes that will be written, where known.

  Yields:
    A new folder beside `path`.

  Raises:
    InputError: if `path` holds something, cannot be written, or the disk is
      full; then nothing stays.
  """
  if path.exists() and (not path.is_dir() or any(path.iterdir())):
    kind = "holds files already" if path.is_dir() else "is a file"
    raise InputError(f"{flag}={path} {kind}; name a new or empty folder")
  made = None
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = tempfile.mkdtemp(prefix=f".{path.name}.tmp", dir=path.parent)
    share(pathlib.Path(made))
    if shutil.disk_usage(made).free < size:
      raise OSError(errno.ENOSPC, f"{size:,} bytes are needed")
    yield pathlib.Path(made)
    # This also takes the place of an empty folder.
    os.replace(made, path)
  except OSError as error:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "the disk is full" if full else " ".join(str(error).split())
    raise InputError(
      f"{flag}={path}: not written, nothing of it stays ({why}); make room or "
      "name another folder"
    ) from error
  finally:
    if made:
      shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def locked(path: pathlib.Path, wait: bool = True) -> Iterator[TextIO]:
  """Holds a lock that ends with this block, or with the process.

  Where the file system knows no locks, nothing is held.

  Args:
    path: of the lock's file, made when missing; it stays.
    wait: until another process lets go of it.

  Yields:
    The open file, with what its last holder wrote into it.

  Raises:
    BlockingIOError: if another process holds it and `wait` is False.
    OSError: if the file cannot be opened.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.open("a+") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
      raise
    except OSError:
      pass
    yield file


def share(path: pathlib.Path) -> None:
  """Gives a file or folder the usual mode; some writers keep it private."""
  # The mask can only be read by setting it.
  mask = os.umask(0)
  os.umask(mask)
  path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
