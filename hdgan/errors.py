"""What is said to a user whose input is wrong."""

import difflib
from collections.abc import Sequence

SHOWN_FAULTS = 20


class InputError(ValueError):
  """Something that a user gave is wrong: one clear line, no traceback.

  The message names the file or field, the value, the rule and the way out.
  """


def raise_faults(faults: Sequence[str]) -> None:
  """Raises what was found wrong, if anything was.

  Args:
    faults: one line each.

  Raises:
    InputError: the first 20 of them and the number of the rest.
  """
  if not faults:
    return
  lines = list(faults[:SHOWN_FAULTS])
  if len(faults) > SHOWN_FAULTS:
    more = counted(len(faults) - SHOWN_FAULTS, "more fault")
    lines.append(f"... and {more}")
  raise InputError("\n".join(lines))


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


def near_names(name: object, known: Sequence[str]) -> str:
  """A hint for a name that is not there: the nearest one, else what there is.

  Args:
    name: what was given.
    known: all that could have been.

  Returns:
    A half sentence for the end of an error.
  """
  near = difflib.get_close_matches(str(name), list(known), 1)
  if near:
    return f"did you mean {near[0]!r}?"
  shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
  return f"there are {shown}"
