"""One thread that owns the device, and who waits for it.

Sessions take turns. Of a session and a kind of work only the latest waits: an
older one is answered 409 `superseded`. Work may be a generator: then others
have their turns between its steps.
"""

import collections
import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterator
from http import HTTPStatus
from typing import Any

from hdgan.studio import limits
from hdgan.studio.refusal import Refusal

Future = concurrent.futures.Future


def superseded() -> Refusal:
  """The answer to a request after which a newer one came."""
  return Refusal(
    "superseded", "a newer request of this page has come",
    status=HTTPStatus.CONFLICT,
  )  # fmt: skip


def cancelled() -> Refusal:
  """The answer to a request that nobody waits for any more."""
  return Refusal(
    "cancelled", "the request was taken back", status=HTTPStatus.CONFLICT
  )


@dataclasses.dataclass(eq=False)
class _Job:
  """Work of a session, its kind, who asked for it, and what becomes of it."""

  session: str
  kind: str
  work: Callable[[], Any]
  caller: Hashable
  future: Future = dataclasses.field(default_factory=Future)
  steps: Iterator[Any] | None = None

  def step(self) -> None:
    """Does it, or one step of it; never raises."""
    try:
      if self.steps is None:
        result = self.work()
        if not isinstance(result, Iterator):
          self.settle(result)
          return
        self.steps = result
      next(self.steps)
    except StopIteration as stop:
      self.settle(stop.value)
    except Exception as error:
      self.settle(error=error)
    except BaseException as error:
      self.settle(error=RuntimeError(f"the work ended by {error!r}"))

  def settle(
    self, result: Any = None, error: BaseException | None = None
  ) -> bool:
    """Answers who waits; False if that was done before."""
    try:
      if error is None:
        self.future.set_result(result)
      else:
        self.future.set_exception(error)
      return True
    except concurrent.futures.InvalidStateError:
      return False


class Device:
  """Runs work one after another."""

  def __init__(self) -> None:
    # By session and kind; the first session has the next turn.
    self._waiting: collections.OrderedDict[
      str, collections.OrderedDict[str, _Job]
    ] = collections.OrderedDict()
    self._running: _Job | None = None
    self._closed = False
    self._changed = threading.Condition()
    self._thread = threading.Thread(
      target=self._work, name="hdgan_studio", daemon=True
    )
    self._thread.start()

  def submit(
    self,
    session: str,
    kind: str,
    work: Callable[[], Any],
    caller: Hashable = None,
  ) -> Future:
    """Queues work.

    Args:
      session: of a page.
      kind: of work; of one kind only the latest of a session waits.
      work: is called in the device's thread; what it returns is the result. A
        generator that it returns is run step by step, and the result is what
        that returns.
      caller: one request, see `drop`.

    Returns:
      The future result; it may raise a Refusal.

    Raises:
      Refusal: if too many wait, or the device is closed.
    """
    job = _Job(session, kind, work=work, caller=caller)
    with self._changed:
      if self._closed:
        raise _closed()
      kinds = self._waiting.setdefault(session, collections.OrderedDict())
      old = kinds.pop(kind, None)
      if old is None and self.count() >= limits.WAITING:
        self._forget_empty(session)
        raise Refusal(
          "busy", f"{limits.WAITING} requests wait for the device",
          hint="try again in a moment", status=HTTPStatus.SERVICE_UNAVAILABLE,
        )  # fmt: skip
      kinds[kind] = job
      self._changed.notify()
    if old is not None:
      old.settle(error=superseded())
    return job.future

  def count(self) -> int:
    """How many wait."""
    return sum(len(kinds) for kinds in self._waiting.values())

  def cancel(self, session: str, kind: str) -> bool:
    """Answers what waits or runs of a session and a kind 409 `cancelled`.

    What runs goes on to the end of its step, and nobody is told of it.

    Returns:
      Whether there was anything.
    """
    return self._cancel(lambda job: (job.session, job.kind) == (session, kind))

  def drop(self, caller: Hashable) -> bool:
    """As `cancel`, of the request of one caller."""
    return self._cancel(lambda job: job.caller == caller)

  def _cancel(self, is_meant: Callable[[_Job], bool]) -> bool:
    with self._changed:
      jobs = [
        job
        for kinds in self._waiting.values()
        for job in kinds.values()
        if is_meant(job)
      ]
      for job in jobs:
        del self._waiting[job.session][job.kind]
        self._forget_empty(job.session)
      if self._running is not None and is_meant(self._running):
        jobs.append(self._running)
    return any([job.settle(error=cancelled()) for job in jobs])

  def close(self) -> None:
    """Ends the thread after what runs; what waits is refused."""
    with self._changed:
      self._closed = True
      jobs = [job for kinds in self._waiting.values() for job in kinds.values()]
      self._waiting.clear()
      self._changed.notify()
    for job in jobs:
      job.settle(error=_closed())
    if threading.current_thread() is not self._thread:
      self._thread.join()

  def _forget_empty(self, session: str) -> None:
    if not self._waiting.get(session, True):
      del self._waiting[session]

  def _work(self) -> None:
    while True:
      job = self._next()
      if job is None:
        return
      job.step()
      self._after(job)

  def _next(self) -> _Job | None:
    """The job whose turn it is, waited for; None when all is over."""
    with self._changed:
      while not self._waiting:
        if self._closed:
          return None
        self._changed.wait()
      session, kinds = next(iter(self._waiting.items()))
      _, self._running = kinds.popitem(last=False)
      self._waiting.move_to_end(session)
      self._forget_empty(session)
      return self._running

  def _after(self, job: _Job) -> None:
    """Queues a job again that is not done."""
    with self._changed:
      self._running = None
      if job.future.done():
        return
      error = _closed() if self._closed else None
      kinds = self._waiting.setdefault(job.session, collections.OrderedDict())
      if job.kind in kinds:
        error = superseded()
      elif error is None:
        kinds[job.kind] = job
      self._forget_empty(job.session)
    if error is not None:
      job.settle(error=error)


def _closed() -> Refusal:
  return Refusal(
    "closed", "the studio is being closed",
    status=HTTPStatus.SERVICE_UNAVAILABLE,
  )  # fmt: skip
