"""Files and paths that somebody wrote: one reader, one line for what is wrong.

Every text and JSON file that a user can change is read here, so that none ends
in a traceback, hangs or fills the memory, whatever it holds.
"""

import errno
import json
import os
import stat
from typing import Any, NoReturn, TypeVar

from hdgan import whole_files
from hdgan.errors import InputError, shown, visible
from hdgan.whole_files import is_remote

T = TypeVar("T", dict, list)

# Bytes of a file of JSON or text; the largest of ours is far below.
LARGEST = 2**26
DEEPEST = 50  # Lists and objects inside one another.
_KINDS = {dict: "an object", list: "a list"}
# Linux's own bounds on a path and on each name in it.
_LONGEST_PATH, _LONGEST_NAME = 4095, 255


def path_fault(path: str | os.PathLike) -> str:
  """What keeps a text from being the path of anything, or ''.

  Args:
    path: need not exist.

  Returns:
    Half a sentence with the way out.
  """
  text = os.fspath(path)
  if not text.isprintable() and any(ord(c) < 32 or c == "\x7f" for c in text):
    return "holds a control character; rename it"
  try:
    parts = [part.encode() for part in text.split("/")]
  except UnicodeEncodeError:
    return "is not UTF-8; rename it"
  if sum(map(len, parts)) + len(parts) - 1 > _LONGEST_PATH or any(
    len(part) > _LONGEST_NAME for part in parts
  ):
    return "is too long for a path; shorten it"
  return ""


def check_path(path: str | os.PathLike, where: str) -> None:
  """Refuses what no file can be called, and what the system will not look at.

  Args:
    path: may be missing.
    where: how errors call it, such as `--input`.

  Raises:
    InputError: in one line.
  """
  name = f"{where}={visible(os.fspath(path))}"
  fault = path_fault(path)
  if fault:
    raise InputError(f"{name} {fault}")
  if is_remote(path):
    return
  try:
    folder, why = stat.S_ISDIR(os.stat(path).st_mode), ""
  except (FileNotFoundError, NotADirectoryError):
    return  # Whoever reads or makes it says more.
  except OSError as error:
    folder, why = False, error.strerror or str(error)
  if folder and not os.access(path, os.R_OK | os.X_OK):
    why = "Permission denied"
  if why:
    raise InputError(f"{name} cannot be looked into ({why}); name another")


def read_bytes(path: str | os.PathLike, name: str = "", most: int = 0) -> bytes:
  """Reads a regular file; pipes and devices, which may never end, are refused.

  Args:
    path: of the file.
    name: how errors call it; the path by default.
    most: bytes that it may hold; 0 for any number.

  Returns:
    All of it.

  Raises:
    InputError: in one line.
  """
  name = name or visible(os.fspath(path))
  if is_remote(path):
    return _read_remote(path, name)
  try:
    # Opening a pipe would wait for its other end.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
  except ValueError as error:  # NUL, or what has no bytes.
    raise InputError(f"{name}: the name {path_fault(path)}") from error
  except OSError as error:
    raise _unread(name, error) from error
  try:
    facts = os.fstat(number)
    if not stat.S_ISREG(facts.st_mode):
      raise OSError(errno.ENXIO, "")
    if most and facts.st_size > most:
      raise InputError(
        f"{name}: has {facts.st_size:,} bytes, such a file has at most "
        f"{most:,}; give another"
      )
    with open(number, "rb", closefd=False) as file:
      return file.read()
  except OSError as error:
    raise _unread(name, error) from error
  finally:
    os.close(number)


def _read_remote(path: str | os.PathLike, name: str) -> bytes:
  try:
    return whole_files.path(path).read_bytes()
  except Exception as error:  # Of gcsfs, aiohttp, google.auth.
    raise InputError(
      f"{name}: cannot be read ({' '.join(str(error).split())[:200]}); give an "
      "object that can be"
    ) from error


def _unread(name: str, error: OSError) -> InputError:
  """The error for a file that the system does not give."""
  if error.errno == errno.ENXIO:  # Of a socket the system says so itself.
    return InputError(f"{name}: is no regular file; replace or remove it")
  return InputError(
    f"{name}: cannot be read ({error.strerror or error}); give a file that "
    "can be"
  )


def read_text(path: str | os.PathLike, name: str = "") -> str:
  """Reads a file of UTF-8, with or without the mark that Windows puts first.

  Args:
    path: of the file, at most 64 MiB.
    name: how errors call it; the path by default.

  Raises:
    InputError: in one line.
  """
  name = name or visible(os.fspath(path))
  return _decoded(read_bytes(path, name, LARGEST), name)


def read_json(path: str | os.PathLike, kind: type[T], name: str = "") -> T:
  """Reads a JSON file; see `parse_json`.

  Args:
    path: of the file, at most 64 MiB.
    kind: `dict` or `list`.
    name: how errors call it; the path by default.

  Raises:
    InputError: in one line.
  """
  name = name or visible(os.fspath(path))
  return parse_json(read_bytes(path, name, LARGEST), kind, name)


def parse_json(text: str | bytes, kind: type[T], name: str) -> T:
  """Reads JSON that somebody wrote.

  Args:
    text: as it is in the file.
    kind: `dict` or `list`: what it must be.
    name: how errors call it.

  Returns:
    An object or a list. Its integers fit 64 bits, its floats are finite, no
    object has a key twice, every text can be written as UTF-8, and at most 50
    lists and objects lie inside one another.

  Raises:
    InputError: in one line.
  """
  if isinstance(text, bytes):
    text = _decoded(text, name)
  try:
    value = json.loads(
      text,
      parse_int=_integer,
      parse_float=_float,
      parse_constant=_no_number,
      object_pairs_hook=_object,
    )
    _check(value)
  except RecursionError as error:
    raise InputError(f"{name}: {_TOO_DEEP}") from error
  except ValueError as error:
    raise InputError(f"{name}: not JSON ({error}); correct it") from error
  if not isinstance(value, kind):
    raise InputError(
      f"{name}: must be {_KINDS[kind]}, not {shown(value, 40)}; correct it"
    )
  return value


_TOO_DEEP = f"more than {DEEPEST} lists and objects lie inside one another; "
_TOO_DEEP += "correct it"


def _decoded(data: bytes, name: str) -> str:
  try:
    return data.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(
      f"{name}: byte {error.start} is not UTF-8; save it in that form"
    ) from error


def _integer(text: str) -> int:
  # Long ones are not even converted, which takes the square of their length.
  if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
    raise ValueError(f"{text[:20]}... is too large a number")
  return int(text)


def _float(text: str) -> float:
  value = float(text)
  if abs(value) == float("inf"):
    raise ValueError(f"{text[:20]} is too large a number")
  return value


def _no_number(text: str) -> NoReturn:
  raise ValueError(f"{text} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  made = dict(pairs)
  if len(made) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"{shown(twice, 40)} is there twice")
  return made


def _check(value: Any) -> None:
  """Bounds how deep it is, and refuses texts that are half a character."""
  level, depth = [value], 0
  while level:
    below: list[Any] = []
    for one in level:
      if isinstance(one, str):
        one.encode()  # Raises UnicodeEncodeError, a ValueError.
      elif isinstance(one, dict | list):
        if depth == DEEPEST:
          raise RecursionError
        below += [*one, *one.values()] if isinstance(one, dict) else one
    level, depth = below, depth + 1
