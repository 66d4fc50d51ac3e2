"""Ctrl-C and SIGTERM: answered at once, and nothing half-written stays.

Python's own handlers wait until the main thread is back in Python, which takes
as long as XLA compiles. A second thread hears of each signal at once.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, NoReturn

from hdgan.errors import Terminated, ending

# After how many seconds a signal is answered that has not ended the command,
# and after how many a second Ctrl-C ends it wherever it is.
ANSWER, GRACE = 1.0, 3.0
# What came in a callback, where Python drops exceptions, comes again so late.
AGAIN = 0.05
_answered = threading.Event()
_terminated = threading.Event()
_resent: list[int] = []


def listen() -> None:
  """Makes SIGTERM an exception, and answers what comes; for a main thread."""
  signal.signal(signal.SIGTERM, _terminate)
  sys.unraisablehook = _Resend(sys.unraisablehook)
  reader, writer = socket.socketpair()
  writer.setblocking(False)
  # What Python's C handler writes to as soon as a signal comes.
  signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
  threading.Thread(
    target=_watch, args=(reader,), name="hdgan_signals", daemon=True
  ).start()


def answer(line: str) -> None:
  """Says once what a signal will lead to; a handler may call this."""
  if not _answered.is_set():
    _answered.set()
    # Not print: it fails where the signal came in the middle of one.
    start = "\n" if sys.stderr.isatty() else ""
    os.write(2, f"{start}{line}\n".encode())


def leave(status: int) -> NoReturn:
  """Ends the process at once, after all has been said.

  Threads of libraries that are still at work would delay it, add tracebacks,
  or crash where what they use has been torn down.
  """
  for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(OSError, ValueError):
      stream.flush()
  os._exit(status)


def status_of(command: Callable[[], Any]) -> int:
  """Runs a command; what is foreseen ends it in lines on stderr.

  Args:
    command: takes nothing; what it returns is left aside.

  Returns:
    The exit status.
  """
  try:
    command()
  except BaseException as error:
    end = ending(error)
    if end is None:
      raise
    print(end[0], file=sys.stderr)
    return end[1]
  return 0


def _terminate(number: int, frame: types.FrameType | None) -> None:
  """Handler: what is half-written is tidied up on the way out."""
  # Schedulers repeat it; a second one must not end the tidying.
  if not _terminated.is_set():
    _terminated.set()
    raise Terminated


class _Resend:
  """Brings back what came in a callback of the garbage collector or of C."""

  def __init__(self, tell: Callable[["sys.UnraisableHookArgs"], Any]):
    self._tell = tell

  def __call__(self, caught: "sys.UnraisableHookArgs") -> None:
    if isinstance(caught.exc_value, KeyboardInterrupt | Terminated):
      terminated = isinstance(caught.exc_value, Terminated)
      number = signal.SIGTERM if terminated else signal.SIGINT
      threading.Timer(AGAIN, _resend, (number,)).start()
    else:
      self._tell(caught)


def _resend(number: int) -> None:
  _terminated.clear()
  _resent.append(number)
  os.kill(os.getpid(), number)


def _watch(reader: socket.socket) -> None:
  """Answers signals for as long as the process lives."""
  interrupts = 0
  while True:
    number = reader.recv(1)[0]
    if number in _resent:  # Nobody has asked a second time.
      _resent.remove(number)
      continue
    interrupts += number == signal.SIGINT
    if interrupts > 1:
      # By now the main thread has its KeyboardInterrupt, and may end in order.
      threading.Event().wait(GRACE)
      line, status = ending(KeyboardInterrupt()) or ("", 1)
      os.write(2, f"{line}\n".encode())
      os._exit(status)
    asked = number in (signal.SIGINT, signal.SIGTERM)
    # Unless it has ended by then, or the next one has come.
    if asked and not select.select([reader], [], [], ANSWER)[0]:
      answer(
        "stopping as soon as what is being computed is there; Ctrl-C again "
        "ends at once"
      )
