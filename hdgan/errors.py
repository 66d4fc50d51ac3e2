"""What is said to a user whose input is wrong, or whose machine fails."""

import difflib
import errno
import os
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SHOWN_FAULTS = 20  # Of each kind.
MOST_KINDS = 20
_OTHER = "other"
SHOWN_CHARACTERS = 200
# Of a whole line; its end holds the way out.
_HEAD, _TAIL = 1200, 300


class InputError(ValueError):
  """Something that a user gave is wrong: one clear line, no traceback.

  The message names the file or field, the value, the rule and the way out.
  """


class Terminated(BaseException):
  """SIGTERM came: like KeyboardInterrupt, nobody catches it by mistake."""


class Fault(NamedTuple):
  """What the machine refused.

  Attributes:
    path: of what could not be written or read; "" where nobody says.
    why: half a sentence.
    way: out of it.
  """

  path: str
  why: str
  way: str


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_BROKEN = (
  errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENOTCONN, errno.ETIMEDOUT,
)  # fmt: skip
_WAYS = {
  **dict.fromkeys(_FULL, "make room"),
  **dict.fromkeys(_CLOSED, "give this user the right to it"),
  **dict.fromkeys(_BROKEN, "see to the disk or the network"),
  errno.EPIPE: "write the output to a file",
  errno.EMFILE: "allow more open files (ulimit -n)",
}
_ALIKE = (errno.EIO, errno.EMFILE)
# What libraries that raise no OSError quote of the system.
_QUOTED = {
  **{os.strerror(code): code for code in (*_FULL, *_CLOSED, *_ALIKE)},
  "PERMISSION_DENIED": errno.EACCES,
  "NOT_FOUND": errno.ENOENT,
}


def ending(error: BaseException, where: str = "") -> tuple[str, int] | None:
  """How a command ends that an exception has ended.

  Args:
    error: that came.
    where: the folder that the command writes to, told where the error names
      none.

  Returns:
    Lines for stderr and the exit status; None for what nobody foresaw: a
    fault of hdgan's own, of which the traceback has to be seen.
  """
  if isinstance(error, InputError):
    return "\n".join(f"error: {line}" for line in printed_lines(error)), 2
  if isinstance(error, KeyboardInterrupt):
    return "stopped by Ctrl-C; files that are there are whole", 130
  if isinstance(error, Terminated):
    return "stopped by SIGTERM; files that are there are whole", 143
  if out_of_memory(error):
    said = " ".join(visible(str(error)).split())[:SHOWN_CHARACTERS]
    return (
      f"error: out of memory ({said or type(error).__name__}); close what else "
      "uses it; --size=stage makes smaller pictures, JAX_PLATFORMS=cpu takes "
      "the host's memory in the place of a GPU's", 2,
    )  # fmt: skip
  fault = machine_fault(error)
  if fault is None:
    return None
  path = fault.path or where or "what is written to"
  line = f"{path}: {fault.why}; {fault.way}, then run the same command again"
  return f"error: {' '.join(visible(line).split())}", 2


def out_of_memory(error: BaseException) -> bool:
  """Whether the host's memory, or a device's, was not enough.

  XLA says so by the name of a status, whether it compiles, places or runs.
  """
  return any(
    isinstance(one, MemoryError) or "RESOURCE_EXHAUSTED" in str(one)
    for one in _chain(error)
  )


def machine_fault(error: BaseException) -> Fault | None:
  """Finds out what the machine refused: room, rights, or a folder.

  Args:
    error: an OSError, or what a library made of one.

  Returns:
    What it was; None for an error of another kind.
  """
  faults = (_fault(one) for one in _chain(error))
  return next((fault for fault in faults if fault is not None), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
  """An error, the members of a group, and what it was raised from."""
  yield error
  for one in getattr(error, "exceptions", ()):
    yield from _chain(one)
  if error.__cause__ is not None:
    yield from _chain(error.__cause__)


# Libraries behind gs://, whose errors are not all OSErrors.
_OF_BUCKETS = (
  "aiohttp.", "gcsfs.", "google.api_core.", "google.auth.", "google.cloud.",
)  # fmt: skip


def _fault(error: BaseException) -> Fault | None:
  if type(error).__module__.startswith(_OF_BUCKETS):
    said = " ".join(str(error).split())[:200]
    return Fault(
      "", f"the bucket cannot be reached ({type(error).__name__}: {said})",
      "see to the network and to this account's rights",
    )  # fmt: skip
  code, name = None, None
  if isinstance(error, OSError):
    code, name = error.errno, error.filename
  elif isinstance(error, RuntimeError | ValueError):
    text = str(error)
    code = next((c for quote, c in _QUOTED.items() if quote in text), None)
    found = re.search(r"""(?<![\w./])/[^"';:,\s]+""", text)
    name = found and found[0]
  path = os.fsdecode(name) if isinstance(name, str | bytes) else ""
  if code in _WAYS:
    full = code == errno.ENOSPC
    why = "the disk is full" if full else os.strerror(code)
    return Fault(path, why, _WAYS[code])
  return _misplaced(code, pathlib.Path(path)) if path else None


def _misplaced(code: int | None, path: pathlib.Path) -> Fault | None:
  """What is wrong with the folders above a file, if anything is."""
  above = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
  below = path.relative_to(above).parts
  if code == errno.ENOENT and len(below) > 1:
    # A file that is missing in a folder that is there is a fault of our own.
    gone = str(above / below[0])
    return Fault(gone, "removed, or not mounted", "bring it back")
  if code in (errno.ENOTDIR, errno.EEXIST) and above.is_file():
    return Fault(str(above), "a file where a folder is needed", "move it away")
  return None


class Faults:
  """Collects lines of what is wrong as they come, and counts them by kind.

  Two are of one kind where the same is to be done about them: their ways out,
  what stands behind the last semicolon, differ in numbers at most. However
  many come, no more is kept than is told.
  """

  def __init__(self, lines: Iterable[str] = ()):
    self._lines: dict[str, list[str]] = {}
    self._counts: Counter[str] = Counter()
    for line in lines:
      self.add(line)

  def add(self, line: str, times: int = 1) -> None:
    """Takes a line that stands for one fault, or for several of its kind."""
    kind = _kind(line)
    if kind not in self._lines and len(self._lines) >= MOST_KINDS:
      kind = _OTHER
    told = self._lines.setdefault(kind, [])
    self._counts[kind] += times
    if len(told) < SHOWN_FAULTS and kind != _OTHER:
      told.append(line)

  def __len__(self) -> int:
    return self._counts.total()

  def lines(self) -> list[str]:
    """The first 20 of each kind, in the order in which kinds came, and counts.

    Returns:
      One line per fault, and one for those of a kind that are not told.
    """
    lines = []
    for kind, told in self._lines.items():
      lines += told
      rest = self._counts[kind] - len(told)
      if rest:
        which = " of this kind" if len(self._lines) > 1 else ""
        which = " of other kinds" if kind == _OTHER else which
        lines.append(f"... and {counted(rest, 'more fault')}{which}")
    return lines

  def raise_any(self) -> None:
    """Raises what was found wrong, if anything was.

    Raises:
      InputError: with all `lines`.
    """
    if self:
      raise InputError("\n".join(self.lines()))


def _kind(line: str) -> str:
  """What faults are counted by: the way out, without its numbers."""
  _, mark, way = line.rpartition("; ")
  # The front of a line that names none is the file's name.
  return re.sub(r"\d+", "0", way if mark else line.partition(": ")[2] or line)


def raise_faults(faults: Iterable[str]) -> None:
  """Raises what was found wrong, if anything was.

  Args:
    faults: one line each.

  Raises:
    InputError: the first 20 of each kind, and how many more there are.
  """
  Faults(faults).raise_any()


def counted(count: int, noun: str, plural: str = "") -> str:
  """A number with its noun: 1 style, 2 styles.

  Args:
    count: of whatever it is.
    noun: for one of it, a verb with it where there is one.
    plural: for none and for several; the noun with an s by default.

  Returns:
    Both, a blank between.
  """
  return f"{count} {noun if count == 1 else plural or noun + 's'}"


def shortened(names: Sequence[str], most: int = 8) -> str:
  """Names in a row, the first ones of very many."""
  more = f" and {len(names) - most} more" if len(names) > most else ""
  return ", ".join(names[:most]) + more


def shown(value: object, most: int = SHOWN_CHARACTERS) -> str:
  """A value as an error quotes it: its repr, of bounded length.

  Args:
    value: of any kind and size.
    most: characters that are shown.

  Returns:
    One line without control characters.
  """
  text = visible(repr(value))
  if len(text) <= most:
    return text
  return f"{text[:most]}... ({len(text):,} characters)"


def visible(text: str) -> str:
  r"""A text whose control characters are written as escapes: \x1b, \n.

  They would move the cursor, clear the screen or begin a line of their own;
  halves of a character, as in names that are not UTF-8, could not be written.
  """
  if text.isprintable():
    return text
  return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printed_lines(error: object) -> list[str]:
  """What is printed of an error: one line per fault, each of bounded length.

  Args:
    error: an InputError, or the text of one.

  Returns:
    Lines without control characters; of a long one the middle is left out.
  """
  lines = [visible(line) for line in str(error).split("\n") if line]
  return [
    line
    if len(line) <= _HEAD + _TAIL
    else f"{line[:_HEAD]} ... {line[-_TAIL:]}"
    for line in lines
  ]


def near_names(name: object, known: Sequence[str]) -> str:
  """A hint for a name that is not there: the nearest one, else what there is.

  Args:
    name: what was given.
    known: all that could have been.

  Returns:
    A half sentence for the end of an error.
  """
  # Comparing takes the product of both lengths.
  near = difflib.get_close_matches(str(name)[:100], list(known), 1)
  if near:
    return f"did you mean {near[0]!r}?"
  shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
  return f"there are {shown}"
