"""Ctrl-C and SIGTERM: answered at once, and nothing half-written stays.

Python's own handlers wait until the main thread is back in Python, which takes
as long as XLA compiles. A second thread hears of each signal at once.
"""

import os
import select
import signal
import socket
import sys
import threading
import types
from typing import NoReturn

from hdgan.errors import Terminated, ending

# After how many seconds a signal is answered that has not ended the command,
# and after how many a second Ctrl-C ends it wherever it is.
ANSWER, GRACE = 1.0, 3.0
_answered = threading.Event()


def listen() -> None:
  """Makes SIGTERM an exception, and answers what comes; for a main thread."""
  signal.signal(signal.SIGTERM, _terminate)
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


def _terminate(number: int, frame: types.FrameType | None) -> NoReturn:
  """Handler: what is half-written is tidied up on the way out."""
  # Schedulers repeat it; a second one must not end the tidying.
  signal.signal(number, signal.SIG_IGN)
  raise Terminated


def _watch(reader: socket.socket) -> None:
  """Answers signals for as long as the process lives."""
  interrupts = 0
  while True:
    number = reader.recv(1)[0]
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
