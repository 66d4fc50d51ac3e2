"""Several processes that work as one: start, agreement, one end for all.

Each host (or each GPU) runs the same command. Process 0 is the first: it alone
writes, and the others wait for it. All talk through JAX's coordination service,
so that waiting for each other costs no device anything and ends in time: a
process that fails tells the others why, and one that dies is missed.
"""

import collections
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jax
from jax._src import distributed

from hdgan.devices.place import ALONE, Place, on_tpu_slice
from hdgan.errors import InputError

# A process that has given no sign for so many seconds is taken for dead.
SILENCE = 30
# How long the others may take at a barrier; who dies meanwhile is missed
# sooner. Preparing data or saving to a slow disk is no fault.
PATIENCE = 24 * 3600
_FAILED, _BEAT, _HEARD = "hdgan/failed", "hdgan/beat", "hdgan/heard"


def start(place: Place | None) -> None:
  """Joins the processes that work as one; call it before JAX does anything.

  A TPU slice of several hosts is found by JAX itself.

  Args:
    place: from `find_place`; None for a process of its own, unless it is on a
      slice of TPUs.

  Raises:
    InputError: if the others do not come up within 5 minutes.
  """
  if place == ALONE or (place is None and not on_tpu_slice()):
    return
  # SIGTERM is for the loop: it saves.
  jax.config.update("jax_enable_preemption_service", False)
  # The service's own watch is a second net: it aborts with a stack trace.
  limits: dict[str, Any] = {
    "heartbeat_timeout_seconds": SILENCE + 20,
    "shutdown_timeout_seconds": 15,
  }
  told, who = limits, "a host of a slice of TPUs"
  if place is not None:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    host, _, port = place.coordinator.rpartition(":")
    own = host in ("localhost", "127.0.0.1")
    who = f"process {place.index} of {place.count} at {place.coordinator}"
    told = limits | {
      "coordinator_address": place.coordinator,
      "num_processes": place.count,
      "process_id": place.index,
      "local_device_ids": place.devices or None,
      "cluster_detection_method": "deactivate",
      # Local processes need not listen to the whole network.
      "coordinator_bind_address": f"127.0.0.1:{port}" if own else None,
    }
  try:
    jax.distributed.initialize(**told)
  except (RuntimeError, ValueError) as error:
    raise InputError(
      f"{who} did not find all others "
      f"({' '.join(str(error).split())[:200]}); start all of them, each with "
      "the same --coordinator=HOST:PORT"
    ) from error
  if count() > 1:
    _Watch().start()


def count() -> int:
  """How many processes work as one; 1 unless `start` joined others."""
  return distributed.global_state.num_processes or 1


def index() -> int:
  """Which of them this is, from 0."""
  return distributed.global_state.process_id or 0


def first() -> bool:
  """Whether this is the process that writes."""
  return index() == 0


# How often each name was used: a barrier or a key serves once.
_used: collections.Counter[str] = collections.Counter()


def _once(name: str) -> str:
  _used[name] += 1
  return f"hdgan/{name}/{_used[name]}"


def wait(name: str, timeout: float = PATIENCE) -> None:
  """Returns once all processes have come here.

  Args:
    name: of the place in the code, the same for all.
    timeout: seconds.

  Raises:
    InputError: if they have not come by then.
  """
  if count() == 1:
    return
  try:
    _client().wait_at_barrier(_once(name), int(timeout * 1000))
  except jax.errors.JaxRuntimeError as error:
    raise _nobody_came(name, error) from error


def agreed(name: str, text: str = "") -> str:
  """Gives all processes what process 0 says.

  Args:
    name: of the place in the code, the same for all.
    text: of process 0; that of the others is not looked at.

  Returns:
    The text of process 0.

  Raises:
    InputError: if it says nothing for a day.
  """
  if count() == 1:
    return text
  key = _once(name)
  if first():
    _client().key_value_set(key, text)
    return text
  try:
    return _client().blocking_key_value_get(key, PATIENCE * 1000)
  except jax.errors.JaxRuntimeError as error:
    raise _nobody_came(name, error) from error


def anyone(name: str, flag: bool) -> bool:
  """Whether any of the processes says yes; they wait for each other.

  Args:
    name: of the question, the same for all.
    flag: the answer of this process.

  Returns:
    The same for all.
  """
  if count() == 1:
    return flag
  key = _once(name)
  _client().key_value_set(f"{key}/{index()}", str(int(flag)))
  wait(name)
  return any(answer == "1" for _, answer in _client().key_value_dir_get(key))


@contextlib.contextmanager
def first_goes_first(name: str) -> Iterator[None]:
  """Lets process 0 through the block alone, then all others together."""
  if not first():
    wait(name)
  yield
  if first():
    wait(name)


def require_same(name: str, text: str, advice: str) -> None:
  """Makes sure that all processes see the same.

  Args:
    name: of what they see, for the message and the same for all.
    text: what this process sees.
    advice: half a sentence.

  Raises:
    InputError: if process 0 sees something else.
  """
  theirs = agreed(name, text)
  if text != theirs:
    raise InputError(
      f"process {index()} of {count()} sees another {name} than process 0 "
      f"({text} here, {theirs} there); {advice}"
    )


def _client() -> Any:
  return distributed.global_state.client


def _nobody_came(name: str, error: Exception) -> InputError:
  _watch.hear()  # Somebody may have said why.
  return InputError(
    f"process {index()} of {count()} cannot go on without the others at "
    f"{name!r} ({' '.join(str(error).split())[:120]}); look at what they said "
    "last"
  )


def say(line: str) -> None:
  """Prints a line once for all processes."""
  if first():
    print(line, flush=True)


def finish() -> None:
  """Ends together with the others, after work that went well."""
  if count() > 1:
    wait("finish")
    _watch.end()
    jax.distributed.shutdown()


def end(status: int, cause: str) -> NoReturn:
  """Ends this process at once, and the others with it.

  JAX's own way out waits for processes that no longer come.

  Args:
    status: for the shell.
    cause: one line, printed already; the others print it too.
  """
  _watch.ended.set()  # What it would hear now comes from here.
  with contextlib.suppress(jax.errors.JaxRuntimeError):
    who = f"process {index()} of {count()} on {socket.gethostname()}"
    _client().key_value_set(f"{_HEARD}/{index()}", "")
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # Another was first.
      _client().key_value_set(_FAILED, f"{status} {who}: {cause}")
    if first():  # With it goes the service that the others ask.
      _until(lambda: len(_client().key_value_dir_get(_HEARD)) == count())
      time.sleep(2)  # They leave now; who is left is aborted by JAX.
  _exit(status)


def await_cause() -> None:
  """After a lost connection: gives the watch time to learn who is gone.

  It ends this process when it does; this returns if it learns nothing.
  """
  # A lost connection and a short silence say enough together.
  _watch.patience = 10
  time.sleep(15)


def _until(done: Callable[[], bool], limit: float = 10) -> None:
  """Returns once something holds, or after `limit` seconds."""
  end = time.monotonic() + limit
  while time.monotonic() < end and not done():
    time.sleep(0.1)


def _exit(status: int) -> NoReturn:
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(status)


class _Watch(threading.Thread):
  """Says that this process is alive, and misses others that are not."""

  def __init__(self) -> None:
    super().__init__(name="hdgan-watch", daemon=True)
    self.patience = SILENCE
    self.ended = threading.Event()
    # By process: its last sign, and when it came.
    self._signs: dict[str, tuple[str, float]] = {}
    self._lock = threading.Lock()

  def start(self) -> None:
    global _watch
    _watch = self
    super().start()

  def end(self) -> None:
    """Stops watching."""
    self.ended.set()
    self.join()

  def run(self) -> None:
    beat = 0
    # More processes talk less often, so that process 0 can hear them all.
    while not self.ended.wait(max(1.0, count() / 32)):
      beat += 1
      with contextlib.suppress(jax.errors.JaxRuntimeError):
        key = f"{_BEAT}/{index()}"
        _client().key_value_set(key, str(beat), allow_overwrite=True)
        self.hear()
        self._miss(time.monotonic())

  def hear(self) -> None:
    """Ends this process if another said that it failed."""
    with self._lock:
      try:
        said = _client().key_value_try_get(_FAILED)
      except jax.errors.JaxRuntimeError as error:
        if "NOT_FOUND" in str(error):
          return
        raise
      if self.ended.is_set():
        return
      status, _, cause = said.partition(" ")
      _fail_line(f"ended because of {cause}")
      with contextlib.suppress(jax.errors.JaxRuntimeError):
        _client().key_value_set(f"{_HEARD}/{index()}", "")
      _exit(int(status))

  def _miss(self, now: float) -> None:
    """Ends this process if another has been silent for too long."""
    for key, beat in _client().key_value_dir_get(_BEAT):
      if self._signs.get(key, ("", 0))[0] != beat:
        self._signs[key] = (beat, now)
    for key, (_, since) in self._signs.items():
      if now - since > self.patience:
        gone = key.rpartition("/")[2]
        _fail_line(
          f"process {gone} of {count()} is gone (no sign of it for "
          f"{self.patience} s: killed, or its host is down); start all of "
          "them again"
        )
        _exit(1)


def _fail_line(line: str) -> None:
  print(f"error: {line}", file=sys.stderr, flush=True)


_watch = _Watch()  # Never started in a process of its own.
