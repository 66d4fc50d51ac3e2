"""Starts several real processes on this machine that work as one."""

import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).parents[1]
LIMIT = 400  # Seconds; what takes longer hangs.


@dataclasses.dataclass
class Told:
  """How a process ended: its status, and all that it printed."""

  status: int
  text: str

  @property
  def errors(self) -> list[str]:
    """Its lines for people that say what went wrong."""
    return [x for x in self.text.splitlines() if x.startswith("error: ")]


def free_port() -> int:
  """A port of this machine that nobody listens on."""
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


class Together:
  """Processes that run one piece of code each."""

  def __init__(self, folder: pathlib.Path, codes: Sequence[str], **more: str):
    """Starts them.

    Args:
      folder: for what they print.
      codes: of each process, in their order.
      **more: variables of their environment.
    """
    environment = {
      **os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "",
      "HDGAN_COORDINATOR": f"127.0.0.1:{free_port()}",
      "HDGAN_PROCESSES": str(len(codes)), **more,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    self.files = [folder / f"process_{i}.txt" for i in range(len(codes))]
    self.processes = []
    for i, (code, file) in enumerate(zip(codes, self.files, strict=True)):
      with file.open("w") as out:
        self.processes.append(
          subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**environment, "HDGAN_PROCESS": str(i)},
          )  # fmt: skip
        )

  def text(self, i: int) -> str:
    """What a process has printed so far."""
    return self.files[i].read_text()

  def ended(self) -> list[Told]:
    """Waits for all of them; one that hangs is killed, which fails a test."""
    try:
      for process in self.processes:
        process.wait(LIMIT)
    finally:
      for process in self.processes:
        if process.poll() is None:
          process.send_signal(signal.SIGKILL)
          process.wait()
    return [
      Told(process.returncode, self.text(i))
      for i, process in enumerate(self.processes)
    ]


def main_code(arguments: Sequence[str], before: str = "") -> str:
  """Code that runs `hdgan.main`, after something of a test's own."""
  return (
    f"import runpy, sys\nsys.argv = {['hdgan.main', *arguments]!r}\n"
    f"{before}\n"
    "runpy.run_module('hdgan.main', run_name='__main__', alter_sys=True)"
  )
