"""Where the studio listens, and how that is said."""

import contextlib
import errno
import ipaddress
import os
import pathlib
import socket
import zlib
from collections.abc import Sequence

from hdgan.errors import InputError
from hdgan.studio.guard import bracketed, is_everywhere
from hdgan.whole_files import is_remote

LOCAL = "127.0.0.1"
# A run's own ports lie where systems give none away by themselves.
_FIRST, _COUNT, _TRIES = 20000, 10000, 3


def listen(host: str, port: int, workdir: pathlib.Path) -> socket.socket:
  """Opens the socket of the server.

  Args:
    host: name or address of this machine.
    port: 0 for the run's own, so that the page is found again at the same
      address, of which browsers keep what a page saves; or for any that is
      free where those are taken.
    workdir: of the run.

  Returns:
    A socket that listens.

  Raises:
    InputError: naming the flag, where that cannot be.
  """
  for own in own_ports(workdir) if port == 0 else ():
    with contextlib.suppress(OSError, UnicodeError):
      return _bind(host, own)
  try:
    return _bind(host, port)
  except (OSError, UnicodeError) as error:
    raise InputError(_fault(error, host, port)) from error


def own_ports(workdir: pathlib.Path) -> Sequence[int]:
  """Ports that a run takes if it can, the same ones at each start."""
  # A bucket is the same wherever a command is started.
  path = workdir if is_remote(workdir) else os.path.realpath(workdir)
  place = os.fsencode(path)
  return [
    _FIRST + zlib.crc32(place + bytes([i])) % _COUNT for i in range(_TRIES)
  ]


def _bind(host: str, port: int) -> socket.socket:
  family, kind, protocol, _, place = socket.getaddrinfo(
    host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
  )[0]
  made = socket.socket(family, kind, protocol)
  try:
    if os.name == "posix":  # Elsewhere two could listen at the same port.
      made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(place)
    made.listen(128)
  except OSError:
    made.close()
    raise
  return made


def _fault(error: OSError | UnicodeError, host: str, port: int) -> str:
  code = error.errno if isinstance(error, OSError) else None
  # Where a name means nothing there is no number of the system's.
  if isinstance(error, socket.gaierror | UnicodeError) or code in (
    errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT,
  ):  # fmt: skip
    return (
      f"--host={host}: is no address of this machine; leave it out for this "
      "machine alone, or say 0.0.0.0 for all its addresses"
    )
  if code == errno.EADDRINUSE:
    return (
      f"--port={port}: is in use; end what listens there, say another port, "
      "or leave it out for one that is free"
    )
  return (
    f"--port={port}: {os.strerror(code or 0)}; say one from 1024 to 65535, "
    "or leave it out"
  )


def of_socket(listening: socket.socket, host: str) -> str:
  """`http://HOST:PORT/`, as a browser on this machine takes it."""
  shown = LOCAL if is_everywhere(host) else bracketed(host)
  return f"http://{shown}:{listening.getsockname()[1]}/"


def warning(listening: socket.socket, host: str) -> str:
  """What it means that others can reach the studio, '' where they cannot."""
  address, port = listening.getsockname()[:2]
  if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
    return ""
  name = ""
  if is_everywhere(host):
    name = f"; there the address has this machine's name in place of {LOCAL}"
  return (
    f"warning: --host={host} opens port {port} to other machines: who has the "
    "token can use this run, and nothing that is sent is encrypted" + name
  )
