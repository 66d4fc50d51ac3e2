"""Signals, sent to real processes."""

import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# As while XLA compiles: the main thread does nothing about a signal.
BLOCK = """
signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
while True: signal.pause()
"""
MAIN = """
import os, signal, sys
from hdgan import interrupts
from hdgan.errors import ending
interrupts.ANSWER, interrupts.GRACE = {answer}, 0.01
interrupts.listen()
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
  {work}
except BaseException as error:
  line, status = ending(error)
  print(line, file=sys.stderr)
  sys.exit(status)
"""


def start(work, answer=60.0):
  """A process that has come as far as its work."""
  code = MAIN.format(answer=answer, work="\n  ".join(work.splitlines()))
  process = subprocess.Popen(
    [sys.executable, "-c", code], stdout=subprocess.PIPE,
    stderr=subprocess.PIPE, text=True, cwd=ROOT,
  )  # fmt: skip
  assert process.stdout.readline() == "ready\n"
  return process


@pytest.mark.parametrize(
  "number, status, name",
  [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_one_line_and_its_status(number, status, name):
  """What was begun is tidied up, and a second SIGTERM does not end that."""
  again = "os.kill(os.getpid(), signal.SIGTERM)" if name == "SIGTERM" else "0"
  work = "try: print('ready', flush=True); signal.pause()\n"
  with start(f"{work}finally: {again}; print('tidied')") as process:
    process.send_signal(number)
    said = f"stopped by {name}; files that are there are whole\n"
    assert process.communicate() == ("tidied\n", said)
  assert process.returncode == status


@pytest.mark.parametrize(
  "number, status, name",
  [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_signal_in_a_callback_is_not_lost(number, status, name):
  """As JAX has them for the garbage collector: Python drops what they raise."""
  work = (
    "import gc\n"
    "def wait(*_):\n  gc.callbacks.clear()\n"
    "  print('ready', flush=True)\n  signal.pause()\n"
    "gc.callbacks.append(wait)\ngc.collect()\nsignal.pause()"
  )
  with start(work) as process:
    process.send_signal(number)
    said = f"stopped by {name}; files that are there are whole\n"
    assert process.communicate() == ("", said)
  assert process.returncode == status


def test_nothing_delays_or_garbles_the_end():
  """Neither a thread that goes on nor what would run at exit."""
  work = (
    "import atexit, threading\n"
    "atexit.register(print, 'late')\n"
    "threading.Thread(target=signal.pause).start()\n"
    "print('ready')\ninterrupts.leave(7)"
  )
  with start(work) as process:
    assert process.communicate() == ("", "")
  assert process.returncode == 7


def test_a_signal_is_answered_while_nothing_else_can_be():
  with start(BLOCK, answer=0.0) as process:
    process.send_signal(signal.SIGINT)
    line = process.stderr.readline()
    assert line.startswith("stopping as soon as what is being computed is ")
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
  assert said == "stopped by Ctrl-C; files that are there are whole\n"
  assert process.returncode == 130


def test_one_answer_is_enough():
  """Training says what it will do; the general answer adds nothing."""
  work = (
    "signal.signal(signal.SIGINT, lambda *_: [interrupts.answer('first'), "
    "interrupts.answer('second'), os._exit(0)])\n"
    "print('ready', flush=True)\nsignal.pause()"
  )
  with start(work) as process:
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == "first\n"
