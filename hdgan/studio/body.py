"""Bodies of requests: counted and unpacked while they come, and bounded."""

import zlib
from http import HTTPStatus
from types import TracebackType

from hdgan.errors import shown
from hdgan.studio import limits
from hdgan.studio.refusal import Refusal

_GZIP = 16 + zlib.MAX_WBITS


class Held:
  """What all requests together hold of their bodies.

  Attributes:
    most: bytes that they may hold.
    bytes: that they hold now.
  """

  def __init__(self, most: int = limits.HELD):
    self.most, self.bytes = most, 0


class Body:
  """The body of one request; a context manager, which lets go of the bytes."""

  def __init__(self, coding: str, held: Held, most: int = limits.BODY):
    """Begins an empty body.

    Args:
      coding: the request's Content-Encoding: 'gzip', or '' for none.
      held: where its bytes are counted too.
      most: bytes that may come, and that may come out of gzip.

    Raises:
      Refusal: for another coding.
    """
    if coding not in ("", "identity", "gzip"):
      raise Refusal(
        "coding", f"Content-Encoding {shown(coding)} must be gzip or none",
        field="content-encoding", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
      )  # fmt: skip
    self._held, self._most = held, most
    self._inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    self._data, self._received = bytearray(), 0

  def __enter__(self) -> "Body":
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    self._held.bytes -= len(self._data)
    self._data = bytearray()

  def feed(self, part: bytes) -> None:
    """Takes the next bytes as they came.

    Raises:
      Refusal: when there are too many, here or in all requests together, or
        where they are not what the coding says.
    """
    self._received += len(part)
    room = self._most - len(self._data)
    if self._inflater is not None:
      part = self._inflate(part, room + 1)
    if len(part) > room or self._received > self._most:
      raise Refusal(
        "body", f"a request may have {self._most:,} bytes", field="body",
        hint="make the map smaller",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
      )  # fmt: skip
    if self._held.bytes + len(part) > self._held.most:
      raise Refusal(
        "busy", "too many requests at once", hint="try again in a moment",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
      )  # fmt: skip
    self._held.bytes += len(part)
    self._data += part

  def _inflate(self, part: bytes, most: int) -> bytes:
    """At most so many bytes, whatever they would unpack to."""
    assert self._inflater is not None
    try:
      out = self._inflater.decompress(part, most)
    except zlib.error as error:
      raise _no_gzip() from error
    if self._inflater.unused_data:
      raise _no_gzip()
    return out

  def whole(self) -> bytes:
    """All bytes, once the last ones have come.

    Raises:
      Refusal: where the gzip data are cut.
    """
    if self._inflater is not None and not self._inflater.eof:
      raise _no_gzip()
    return bytes(self._data)


def _no_gzip() -> Refusal:
  return Refusal("coding", "the body is not whole gzip data", field="body")
