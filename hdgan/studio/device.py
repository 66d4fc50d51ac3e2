"""One thread that owns the device; of each session only the latest waits."""

import collections
import concurrent.futures
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from hdgan.studio.refusal import Refusal


def superseded() -> Refusal:
  """The answer to a request after which a newer one came."""
  return Refusal(
    "superseded", "a newer request of this page has come",
    status=HTTPStatus.CONFLICT,
  )  # fmt: skip


class Device:
  """Runs work one after another; of a session and kind the latest wins."""

  def __init__(self) -> None:
    self._waiting: collections.OrderedDict[
      tuple[str, str], tuple[Callable[[], Any], concurrent.futures.Future]
    ] = collections.OrderedDict()
    self._changed = threading.Condition()
    self._thread = threading.Thread(
      target=self._work, name="hdgan_studio", daemon=True
    )
    self._thread.start()

  def submit(
    self, session: str, kind: str, work: Callable[[], Any]
  ) -> concurrent.futures.Future:
    """Queues work; what waits of the same session and kind is answered 409."""
    future: concurrent.futures.Future = concurrent.futures.Future()
    with self._changed:
      old = self._waiting.pop((session, kind), None)
      self._waiting[session, kind] = work, future
      self._changed.notify()
    if old is not None and old[1].set_running_or_notify_cancel():
      old[1].set_exception(superseded())
    return future

  def _work(self) -> None:
    while True:
      with self._changed:
        while not self._waiting:
          self._changed.wait()
        _, (work, future) = self._waiting.popitem(last=False)
      if not future.set_running_or_notify_cancel():
        continue
      try:
        future.set_result(work())
      except BaseException as error:
        future.set_exception(error)
