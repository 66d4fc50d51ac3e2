"""The start of a studio: what is compiled before the first photo is asked for.

How long the last start took is kept in the user's cache folder, so that the
page can say how long this one may take.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from hdgan.errors import InputError
from hdgan.outside import read_json
from hdgan.rendering.renderer import Renderer
from hdgan.studio.generation import DRAFT
from hdgan.whole_files import user_cache, write_text

_FILE = "studio_starts.json"
_KEPT = 50  # Runs of which the last start is known.
# Photos that take longer are not made to learn how long they take.
_SHORT = 2.0


class WarmUp:
  """How far the start is, and how long photos take.

  Attributes:
    state: "warming", "ready" or "failed".
    fault: what it failed with, or ''.
  """

  def __init__(self, renderer: Renderer, size: str):
    """Knows the last start of a run at a size; begins nothing."""
    self.state, self.fault = "ready", ""
    self._seconds: dict[int, float] = {}
    self._shapes: set[tuple[int, ...]] = set()
    self._began, self._ended = 0.0, 0.0
    told = f"{renderer.workdir.absolute()} {renderer.step} {size}"
    self._key = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]
    self._last: float | None = None

  def begin(self) -> None:
    """Says that it warms up from now on."""
    self.state, self._began = "warming", time.monotonic()
    self._last = _starts().get(self._key)

  def steps(self, make: Callable[[int], None]) -> Iterator[None]:
    """Makes photos until their shapes are compiled; see `Device.submit`.

    Args:
      make: makes one, its sides divided by what it is given, and tells
        `measured` of it.

    Raises:
      Exception: whatever `make` raises; `failed` is to be told.
    """
    for scale in (DRAFT, 1):
      make(scale)
      yield
    # From here on a photo is made without compiling.
    self.state, self._ended = "ready", time.monotonic()
    _keep_start(self._key, self._ended - self._began)
    make(DRAFT)
    yield
    if self._seconds.get(DRAFT, _SHORT) * DRAFT**2 < _SHORT:
      make(1)

  def failed(self, fault: str) -> None:
    """Says that it could not be done; photos may yet be asked for."""
    self.state, self.fault, self._ended = "failed", fault, time.monotonic()

  def measured(
    self, scale: int, seconds: float, shapes: tuple[int, ...]
  ) -> None:
    """Learns how long a photo took, unless it had to be compiled first.

    Args:
      scale: its sides were divided by it.
      seconds: that it took.
      shapes: whatever it was compiled for.
    """
    if shapes in self._shapes:
      self._seconds[scale] = seconds
    self._shapes.add(shapes)
    if self.state == "failed" and scale == 1:
      self.state, self.fault = "ready", ""

  @property
  def seconds(self) -> dict[str, float | None]:
    """How long a photo takes, and a draft; None while nobody knows.

    Of a photo that was not made yet what its draft lets expect.
    """
    draft, full = self._seconds.get(DRAFT), self._seconds.get(1)
    if full is None and draft is not None:
      full = draft * DRAFT**2
    return {"full": full, "draft": draft}

  @property
  def times(self) -> dict[str, float | None]:
    """Seconds since the start, and what is left of them by the last start."""
    if not self._began:
      return {"elapsed": 0.0, "eta": None}
    elapsed = (self._ended or time.monotonic()) - self._began
    if self.state != "warming" or self._last is None:
      return {"elapsed": elapsed, "eta": None}
    return {"elapsed": elapsed, "eta": max(0.0, self._last - elapsed)}


def _starts() -> dict[str, float]:
  """Seconds of the last starts, the newest last; none where none are known."""
  cache = user_cache()
  if cache is None:
    return {}
  try:
    known: dict[str, Any] = read_json(cache / _FILE, dict)
  except InputError:
    return {}
  return {
    key: float(value)
    for key, value in known.items()
    if type(value) in (int, float) and 0 <= value < 1e6
  }


def _keep_start(key: str, seconds: float) -> None:
  """Keeps how long a start took, where that can be written."""
  cache, known = user_cache(), _starts()
  if cache is None:
    return
  known.pop(key, None)
  known[key] = round(seconds, 2)
  kept = dict(list(known.items())[-_KEPT:])
  with contextlib.suppress(OSError):
    cache.mkdir(parents=True, exist_ok=True)
    write_text(cache / _FILE, json.dumps(kept, indent=1) + "\n")
