"""What all calls of a studio share: the run, the device, how far it is."""

import contextlib
import contextvars
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer
from hdgan.studio import limits
from hdgan.studio.device import Device
from hdgan.studio.refusal import Refusal
from hdgan.studio.warm_up import WarmUp

Frame = tuple[dict[str, Any], bytes]

_CALLER: contextvars.ContextVar[Hashable] = contextvars.ContextVar(
  "caller", default=None
)


class Desk:
  """A run, and the one device on which its pictures are made.

  Attributes:
    renderer: of the run.
    size: "stage" or "input", at which pictures are made.
    device: who waits for it.
    progress: of the start, and how long pictures take.
  """

  def __init__(self, renderer: Renderer, size: str):
    self.renderer, self.size = renderer, size
    self.device = Device()
    self.progress = WarmUp(renderer, size)

  def run(
    self, header: Mapping[str, Any], kind: str, work: Callable[[], Any]
  ) -> Any:
    """Runs work in the device's thread, and waits for it.

    Args:
      header: of the request; of its session and kind the latest wins.
      kind: of work, such as the call's name.
      work: see `Device.submit`.

    Returns:
      Its result.

    Raises:
      Refusal: for a request that was superseded or cancelled.
    """
    session = session_of(header)
    return self.device.submit(session, kind, work, _CALLER.get()).result()

  @contextlib.contextmanager
  def serving(self, caller: Hashable) -> Iterator[None]:
    """Work that is run inside is this caller's, see `Device.drop`."""
    token = _CALLER.set(caller)
    try:
      yield
    finally:
      _CALLER.reset(token)


def session_of(header: Mapping[str, Any]) -> str:
  """The page's own name.

  Raises:
    Refusal: for what is none.
  """
  session = header.get("session", "")
  if not isinstance(session, str) or len(session) > limits.SESSION:
    raise Refusal(
      "session", f"session = {shown(session)} must be a text of at most "
      f"{limits.SESSION} characters", field="session",
    )  # fmt: skip
  return session
