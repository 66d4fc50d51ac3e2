"""Says how long something has taken that cannot tell how far it is."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hdgan.report.progress import format_seconds

T = TypeVar("T")
# Seconds between two looks, and between two lines of a log.
TICK, LOG = 0.2, 60.0


def wait_for(work: Callable[[], T], what: str, expect: str = "") -> T:
  """Does something in a thread, so that Ctrl-C ends it at once.

  A terminal gets one line that is rewritten; a log gets a line at the start and
  every minute.

  Args:
    work: takes nothing. It is left behind where this is interrupted: the
      process should end then.
    what: half a sentence for the line.
    expect: how long it usually takes, for the same.

  Returns:
    What the work returns.

  Raises:
    BaseException: what the work raises.
  """
  results: list[T] = []
  errors: list[BaseException] = []

  def run() -> None:
    """The work, which may end in an error."""
    try:
      results.append(work())
    except BaseException as error:
      errors.append(error)

  thread = threading.Thread(target=run, name="hdgan_work", daemon=True)
  usual = f" ({expect})" if expect else ""
  start = said = time.monotonic()
  terminal = sys.stderr.isatty()
  if not terminal:
    print(f"{what}{usual}", file=sys.stderr, flush=True)
  thread.start()
  while thread.is_alive():
    thread.join(TICK)
    now = time.monotonic()
    line = f"{what}: {format_seconds(now - start)}{usual}"
    if terminal:
      print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
    elif now - said > LOG:
      said = now
      print(line, file=sys.stderr, flush=True)
  if terminal:
    print("\r\033[K", end="", file=sys.stderr, flush=True)
  if errors:
    raise errors[0]
  return results[0]


def silent(work: Callable[[], Any], what: str, expect: str = "") -> Any:
  """`wait_for` without any line or thread."""
  del what, expect
  return work()
