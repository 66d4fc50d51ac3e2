"""Files and folders that appear whole or not at all, and locks on them.

On a disk each is written under a temporary name beside its own and renamed at
the end, so that a kill, a full disk or a reader at the wrong moment never meets
half of it. A run directory may also lie in a bucket, `gs://BUCKET/RUN`: there
an object appears whole when it is put, and nothing can be appended to. What a
run directory needs of both is here, and `path` tells them apart.
"""

import contextlib
import errno
import fcntl
import functools
import glob
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, TextIO

from etils import epath

from hdgan.errors import InputError, machine_fault

# Where a run directory may lie. Elsewhere `pathlib.Path` stands for both.
AnyPath = pathlib.Path | epath.Path
_GS = "gs://"


def path(text: str | os.PathLike) -> pathlib.Path:
  """Gives the path that a flag or a field names, on a disk or in a bucket.

  Args:
    text: such as `runs/mine` or `gs://bucket/runs/mine`.

  Returns:
    A pathlib.Path; for `gs://` one of etils, which has those of its methods
    that are used on run directories. It lacks `resolve` and `rglob`, and
    neither `os`, `open` nor libraries that take names of files know it.

  Raises:
    InputError: for another `scheme://`, where the extra is not installed, or
      if the bucket cannot be asked.
  """
  if isinstance(text, epath.Path):
    return text
  text = os.fspath(text)
  scheme = re.match(r"(\w[\w+.-]*)://", text)
  if scheme is None:
    return pathlib.Path(text)
  if scheme[0] != _GS:
    raise InputError(
      f"{text}: {scheme[0]} is not read or written; mount that storage as a "
      "folder (`rclone mount`, for s3:// also `mount-s3 BUCKET FOLDER`) and "
      "name the folder, or name one on a disk"
    )
  _open_buckets()
  found = epath.Path(text)
  try:
    found.exists()
  except Exception as error:  # Of gcsfs, aiohttp, google.auth.
    raise InputError(f"{text} cannot be read ({_why(error)})") from error
  return found


def user_cache() -> pathlib.Path | None:
  """Hdgan's folder in the user's cache; None for a user without a home."""
  cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
  if cache.startswith("~"):
    return None
  return pathlib.Path(cache).absolute() / "hdgan"


def is_remote(path: str | os.PathLike) -> bool:
  """Whether a path is in a bucket."""
  return os.fspath(path).startswith(_GS)


@functools.cache
def _open_buckets() -> None:
  """Readies the libraries behind `gs://`, before anything else asks them."""
  # epath prefers an installed TensorFlow, whose errors are others.
  os.environ["EPATH_USE_TF"] = "false"
  try:
    import fsspec
    import gcsfs  # noqa: F401
    import google.cloud.storage  # noqa: F401
  except ImportError as error:
    raise InputError(
      "gs:// needs more packages: pip install 'hdgan[gcs]', in a clone "
      f"pip install -e '.[gcs]' ({error})"
    ) from error
  # A cached listing would never show what other processes put or removed.
  fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False


def check_bucket(folder: pathlib.Path) -> None:
  """Puts a small object into a folder of a bucket, and removes it again.

  Raises:
    InputError: if that fails: no such bucket, no permission, no network.
  """
  probe = folder / ".probe"
  try:
    probe.write_bytes(b"probe")
    probe.unlink()
  except Exception as error:  # Of gcsfs, aiohttp, google.auth.
    raise InputError(f"{folder} cannot be written ({_why(error)})") from error


def _why(error: Exception) -> str:
  """What went wrong with a bucket, and what that may come from."""
  said = " ".join(str(error).split())[:200]
  return (
    f"{type(error).__name__}: {said}; does the bucket exist, and may this "
    "account read and write there? see `gcloud auth application-default login`"
  )


def files_below(folder: pathlib.Path) -> dict[str, Any]:
  """All files under a folder, and what changes with their content.

  Args:
    folder: may be a file, which stands for itself as "", or missing.

  Returns:
    By path relative to the folder, in order: size and time, as they come.
  """
  if is_remote(folder):
    import fsspec

    system, root = fsspec.filesystem("gcs"), os.fspath(folder)[len(_GS) :]
    found = system.find(root, detail=True)
    return {
      name[len(root) :].strip("/"): (one["size"], str(one.get("mtime")))
      for name, one in sorted(found.items())
    }
  if folder.is_file():
    files = [folder]
  else:
    files = sorted(one for one in folder.rglob("*") if one.is_file())
  return {
    "" if one == folder else one.relative_to(folder).as_posix(): (
      one.stat().st_size,
      one.stat().st_mtime_ns,
    )
    for one in files
  }


def make_folder(folder: pathlib.Path) -> None:
  """Makes a folder and those above it; a bucket knows none."""
  if not is_remote(folder):
    folder.mkdir(parents=True, exist_ok=True)


def remove_folder(folder: pathlib.Path) -> None:
  """Removes a folder and all that is in it."""
  if is_remote(folder):
    folder.rmtree(missing_ok=True)  # type: ignore[attr-defined]
  else:
    shutil.rmtree(folder)


def move_folder(folder: pathlib.Path, target: pathlib.Path) -> None:
  """Gives a folder another name, which is free.

  Where storage cannot rename a folder it is copied, then removed.
  """
  if is_remote(folder):
    folder.rename(target)
  else:
    shutil.move(folder, target)


def free_name(path: pathlib.Path, ending: str) -> pathlib.Path:
  """The first of `NAME.ending`, `NAME.ending2`, ... that is not taken."""
  names = (f"{path.name}.{ending}{more}" for more in ("", *range(2, 1000)))
  return next(one for one in map(path.with_name, names) if not one.exists())


@contextlib.contextmanager
def local_copy(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Gives a file on a disk to libraries that read nothing else."""
  if not is_remote(path):
    yield path
    return
  with tempfile.TemporaryDirectory(prefix="hdgan") as folder:
    copy = pathlib.Path(folder) / path.name
    copy.write_bytes(path.read_bytes())
    yield copy


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Gives a temporary path that becomes `path` if all goes well.

  Args:
    path: of the file; its folder is made, a file that is there is replaced.
      Two processes must not write one file at a time.

  Yields:
    A path on a disk, to write to.

  Raises:
    OSError: if the folder cannot be written; nothing of the file stays.
  """
  if is_remote(path):
    with tempfile.TemporaryDirectory(prefix="hdgan") as folder:
      draft = pathlib.Path(folder) / os.path.basename(path)
      yield draft
      put(epath.Path(path), draft.read_bytes())
    return
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  draft = draft_of(path)
  # A link that somebody planted under its name is not followed.
  draft.unlink(missing_ok=True)
  try:
    yield draft
    os.replace(draft, path)
  except OSError as error:
    # A write that fails does not say of which file.
    error.filename = error.filename or str(path)
    raise
  finally:
    draft.unlink(missing_ok=True)


def draft_of(path: pathlib.Path) -> pathlib.Path:
  """Where a file is written before it takes its name."""
  # Beside it, so that both lie on one file system: only then is renaming one
  # act. One name for all, so that the next write takes away what a kill left.
  return path.with_name(f".{path.name}.tmp")


def put(path: pathlib.Path, data: bytes) -> None:
  """Writes an object of a bucket, whole.

  Raises:
    OSError: if it cannot be written.
  """
  try:
    path.write_bytes(data)
  except OSError:
    raise
  except Exception as error:  # Of gcsfs, aiohttp, google.auth.
    raise OSError(errno.EIO, str(error), os.fspath(path)) from error


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
    # What a kill left of an earlier try.
    for left in path.parent.glob(f".{glob.escape(path.name)}.tmp????????"):
      with _folder_lock(left) as free:
        if free:
          shutil.rmtree(left, ignore_errors=True)
    made = tempfile.mkdtemp(prefix=f".{path.name}.tmp", dir=path.parent)
    share(pathlib.Path(made))
    if shutil.disk_usage(made).free < size:
      raise OSError(errno.ENOSPC, f"{size:,} bytes are needed")
    with _folder_lock(pathlib.Path(made)):
      yield pathlib.Path(made)
      # This also takes the place of an empty folder.
      os.replace(made, path)
  except Exception as error:
    fault = machine_fault(error)
    # Of what was read somebody else has told.
    here = fault and (not fault.path or (made or "") in fault.path)
    if not (here or isinstance(error, OSError)):
      raise
    why = fault.why if fault is not None else " ".join(str(error).split())
    raise InputError(
      f"{flag}={path}: not written, nothing of it stays ({why}); make room or "
      "name another folder"
    ) from error
  finally:
    # Again where a library's thread was still at work.
    for _ in range(3):
      if made and os.path.lexists(made):
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _folder_lock(folder: pathlib.Path) -> Iterator[bool]:
  """Holds a lock on a folder itself; False if another process has it."""
  number = os.open(folder, os.O_RDONLY)
  try:
    try:
      fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
      free = True
    except OSError:
      free = False
    yield free
  finally:
    os.close(number)


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
