"""One training at a time in a run directory: a lock on `W/.lock`.

It ends with its process, so that nobody has to tidy up after a kill; what the
file says is only for people.
"""

import contextlib
import os
import pathlib
import socket
import time
from collections.abc import Iterator

from hdgan.errors import InputError
from hdgan.runs.directory import not_writable
from hdgan.whole_files import is_remote, locked

LOCK = ".lock"


@contextlib.contextmanager
def hold(workdir: pathlib.Path) -> Iterator[None]:
  """Keeps other trainings out of a run directory until this block ends.

  A bucket knows no locks: there nothing is held.

  Raises:
    InputError: if another process trains there.
  """
  if is_remote(workdir):
    yield
    return
  with contextlib.ExitStack() as stack:
    for attempt in range(3):
      try:
        file = stack.enter_context(locked(workdir / LOCK, wait=False))
        break
      except BlockingIOError as error:
        if attempt == 2:
          raise _busy(workdir) from error
        time.sleep(0.1)  # Somebody may only be asking.
      except OSError as error:
        raise not_writable(workdir, error) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    yield


def check_free(workdir: pathlib.Path) -> None:
  """Asks whether `hold` would succeed, and leaves nothing.

  Raises:
    InputError: if another process trains there.
  """
  if is_remote(workdir):
    return
  if (workdir / LOCK).is_file() and os.access(workdir / LOCK, os.W_OK):
    try:
      with locked(workdir / LOCK, wait=False):
        pass
    except BlockingIOError as error:
      raise _busy(workdir) from error


def _busy(workdir: pathlib.Path) -> InputError:
  who = (workdir / LOCK).read_text(errors="replace").strip()
  return InputError(
    f"--workdir={workdir}: another training is at work there ({who}); wait "
    "until it has ended, or name another --workdir"
  )
