"""What devices send each other in a compiled program, read from its text."""

import dataclasses
import re
from collections import Counter
from typing import NamedTuple

KINDS = (
  "all-gather", "all-reduce", "reduce-scatter", "all-to-all",
  "collective-permute", "collective-broadcast",
)  # fmt: skip
# Bits of XLA's types whose names do not end in them.
_BITS = {"pred": 8, "token": 0, "opaque": 0}


class Collective(NamedTuple):
  """One operation of a program.

  Attributes:
    kind: one of `KINDS`, or "ragged-all-to-all".
    times: how often a run of the program makes it.
    bytes: of what goes in or comes out each time on each device, whichever is
      more: of an all-gather the result, of a reduce-scatter the operand.
    result: type and shape of what comes out, as XLA writes it.
  """

  kind: str
  times: int
  bytes: int
  result: str


@dataclasses.dataclass(frozen=True)
class Total:
  """All operations of one kind.

  Attributes:
    count: how many a run of the program makes.
    bytes: of all of them, of each device.
  """

  count: int
  bytes: int


_OPERATION = re.compile(
  r"^\s*(?:ROOT )?%?(?P<name>[\w.-]+) = (?P<type>(?:[^=]|<=)*?) "
  r"(?P<kind>[a-z][\w-]*)\((?P<operands>[^)]*)\)"
)
_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.-]+) \(.*\{$")
# What an operation calls: one computation, or several in braces.
_CALLS = re.compile(
  r"\b(?P<role>body|condition|calls|to_apply|true_computation|"
  r"false_computation|branch_computations|called_computations)="
  r"(?:\{(?P<several>[^}]*)\}|%?(?P<one>[\w.-]+))"
)
_TRIPS = re.compile(r'"known_trip_count":\s*\{"n":\s*"(\d+)"')
_COMMENT = re.compile(r"/\*.*?\*/")
_LAYOUT = re.compile(r"\{[^{}]*\}")
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,<= ]*)\]")


def find_collectives(program: str) -> list[Collective]:
  """Finds what devices send each other.

  Args:
    program: HLO as `compiled.as_text()` gives it.

  Returns:
    All collective operations that are reached, in the order of the text. One
    inside a loop counts as often as the loop runs, once where XLA does not
    say; of the branches of a condition each counts as if it were taken. The
    start of an asynchronous operation stands for the operation.
  """
  types: dict[str, str] = {}
  found: list[tuple[str, str, str, list[str]]] = []
  calls: list[tuple[str, str, int]] = []
  home = entry = ""
  for raw in program.splitlines():
    begins = _COMPUTATION.match(raw)
    if begins:
      home = begins["name"]
      entry = home if begins["entry"] else entry
      continue
    line = _COMMENT.sub("", raw)
    match = _OPERATION.match(line)
    if match is None:
      continue
    types[match["name"]] = match["type"]
    calls += [(home, name, times) for name, times in _called(line)]
    if match["kind"].removesuffix("-start").endswith(KINDS):
      names = re.findall(r"%([\w.-]+)", match["operands"])
      found.append((home, match["kind"], match["type"], names))
  runs = _runs(entry, calls)
  return [
    _collective(kind, text, [types.get(n, "") for n in names], runs[home])
    for home, kind, text, names in found
    if runs[home]
  ]


def totals(collectives: list[Collective]) -> dict[str, Total]:
  """Adds up operations by kind.

  Args:
    collectives: as from `find_collectives`.

  Returns:
    By kind, the one with most bytes first; kinds that are not there are left
    out.
  """
  counts: Counter[str] = Counter()
  sizes: Counter[str] = Counter()
  for one in collectives:
    counts[one.kind] += one.times
    sizes[one.kind] += one.times * one.bytes
  return {kind: Total(counts[kind], n) for kind, n in sizes.most_common()}


def _called(line: str) -> list[tuple[str, int]]:
  """The computations that an operation calls, and how often each."""
  trips = _TRIPS.search(line)
  found = []
  for match in _CALLS.finditer(line):
    names = match["several"] or match["one"] or ""
    loop = match["role"] in ("body", "condition") and trips is not None
    times = int(trips[1]) if loop and trips else 1
    found += [(n.strip().lstrip("%"), times) for n in names.split(",")]
  return found


def _runs(entry: str, calls: list[tuple[str, str, int]]) -> Counter[str]:
  """How often each computation runs in one run of the program.

  Args:
    entry: the program's own computation.
    calls: caller, called and how often; a text has callers last.
  """
  runs: Counter[str] = Counter({entry: 1})
  for caller, called, times in reversed(calls):
    runs[called] += runs[caller] * times
  return runs


def _collective(
  kind: str, text: str, operands: list[str], times: int
) -> Collective:
  """One operation from the types of its result and of its operands."""
  given, result = sum(map(_size, operands)), text
  if kind.endswith("-start"):
    kind = kind.removesuffix("-start")
    # The others' types are (what went in, what comes out, ...).
    if kind != "all-reduce":
      result = _parts(text)[1]
  result = _LAYOUT.sub("", result).strip()
  most = max(given, _size(result))
  return Collective(kind, times=times, bytes=most, result=result)


def _parts(text: str) -> list[str]:
  """The types in a tuple's, which may be tuples themselves."""
  parts, depth = [""], 0
  for char in text.strip()[1:-1]:
    depth += (char in "([{") - (char in ")]}")
    if char == "," and not depth:
      parts.append("")
    else:
      parts[-1] += char
  return parts


def _size(text: str) -> int:
  """Bytes of all arrays in a type: `(f32[2,3]{1,0}, u8[4])` has 28."""
  total = 0
  for name, shape in _ARRAY.findall(_LAYOUT.sub("", text)):
    elements = 1
    for length in re.findall(r"\d+", shape):
      elements *= int(length)
    total += -(-elements * _bits(name) // 8)
  return total


def _bits(name: str) -> int:
  """Bits of an element: f32, bf16, s4, c64, f8e4m3fn, pred."""
  number = re.search(r"\d+", name)
  return _BITS.get(name, int(number[0]) if number else 0)
