"""What stands before the server's answers: whose name it goes by, headers."""

import ipaddress
import re
import socket
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hdgan.errors import InputError, shown, visible
from hdgan.studio.refusal import Refusal

# On every answer. The page has no inline script, and shows pictures that it
# made itself, as blobs.
HEADERS = {
  "Content-Security-Policy": (
    "default-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
  ),
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+?)\.?(?::\d{1,5})?")
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class Hosts:
  """The names by which the server may be asked.

  A page of somebody else can let its own name point to this machine, and its
  scripts would then be the studio's; but it cannot ask by another name.
  """

  def __init__(self, host: str = "", more: Iterable[str] = ()):
    """Collects names.

    Args:
      host: at which the server listens; '' for this machine alone. All its
        addresses (0.0.0.0) allow any address, and this machine's name.
      more: names of proxies; '*.example.org' for all below example.org.

    Raises:
      InputError: for what is no name.
    """
    self._names = {*_LOCAL, bracketed(host.lower())}
    self._ends = []
    for name in more:
      if not _NAME.fullmatch(name.lower()):
        raise InputError(
          f"--allow_host={visible(name)}: must be names as in an address, such "
          "as hub.example.org or *.example.org, without scheme, port or path"
        )
      if name.startswith("*"):
        self._ends.append(name[1:].lower())
      else:
        self._names.add(name.lower())
    self._addresses = is_everywhere(host)
    if self._addresses:
      self._names.add(socket.gethostname().lower())

  def allows(self, header: str) -> bool:
    """Whether a request's Host header is one of the names, at any port."""
    match = _HOST.fullmatch(header.lower())
    if match is None:
      return False
    name = match[1]
    return (
      name in self._names
      or name.endswith(tuple(self._ends))
      or (self._addresses and _is_address(name))
    )


def is_everywhere(host: str) -> bool:
  """Whether an address stands for all addresses of this machine."""
  return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(name: str) -> bool:
  try:
    ipaddress.ip_address(name.strip("[]"))
  except ValueError:
    return False
  return True


def bracketed(host: str) -> str:
  """A host as it stands in an address."""
  return f"[{host}]" if ":" in host else host


class Guard:
  """An ASGI application that refuses strange hosts, and adds `HEADERS`."""

  def __init__(self, app: ASGIApp, hosts: Hosts):
    self.app, self.hosts = app, hosts

  async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one request."""
    if scope["type"] != "http":
      await self.app(scope, receive, send)
      return

    async def guarded(message: Message) -> None:
      if message["type"] == "http.response.start":
        MutableHeaders(scope=message).update(HEADERS)
      await send(message)

    hosts = [v for k, v in scope["headers"] if k == b"host"]
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    app = self.app if self.hosts.allows(host) else _strange(host)
    await app(scope, receive, guarded)


def _strange(host: str) -> JSONResponse:
  refusal = Refusal(
    "host", f"the studio does not go by the name {shown(host)}", field="host",
    hint="open the address that was printed; behind a proxy start the studio "
    "with --allow_host=NAME",
  )  # fmt: skip
  return JSONResponse(refusal.answer(), refusal.status)
