"""Profiles of a compiled program, and which of its operations are dearest.

Profiles are written by JAX's profiler and open in Perfetto or TensorBoard; the
events that are read here are those of their `*.trace.json.gz`.
"""

import collections
import dataclasses
import gzip
import json
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax

from hdgan.errors import InputError

# Events tell by this argument which operation of a program they are of.
_OPERATION = "hlo_op"
# Devices are processes of their own; on some this thread has the operations,
# which other threads sum up.
_DEVICE, _THREAD = "/device:", "XLA Ops"
# `%fusion.3 = f32[8,4]{1,0} fusion(...), metadata={op_name="jit(f)/G1/..."`
_LINE = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (\(?\w+\[[\d,]*\])?")
_SOURCE = re.compile(r'op_name="([^"]*)"')
# What JAX puts around the names of layers and primitives.
_AROUND = (
  (re.compile(r"^jit\(\w+\)/|cond/branch_\d+_fun/|closed_call/"), ""),
  (re.compile(r"transpose\(jvp\(\)\)/|jvp\(\)/"), ""),
  (re.compile(r"transpose\(jvp\((\w+)\)\)"), r"backward \1"),
  (re.compile(r"jvp\((\w+)\)"), r"\1"),
)


@dataclasses.dataclass(frozen=True)
class Operation:
  """An operation of a compiled program.

  Attributes:
    name: XLA's.
    result: its dtype and shape; '' if unknown.
    source: the layer and the primitive that it comes from; '' if unknown.
    ms: of all its calls in one run, without what ran inside it.
    calls: in one run.
    share: of the time of all operations.
  """

  name: str
  result: str
  source: str
  ms: float
  calls: float
  share: float


def check_folder(folder: pathlib.Path) -> None:
  """Refuses a folder for a profile that holds something.

  Raises:
    InputError: naming what is in the way.
  """
  if folder.is_dir() and not any(folder.iterdir()):
    return
  there = next(p for p in (folder, *folder.parents) if p.exists())
  if there == folder and folder.is_dir():
    raise InputError(
      f"--trace={folder}: the folder is not empty; name a new one, such as "
      f"--trace={folder}_2"
    )
  if not there.is_dir():
    raise InputError(f"--trace={folder}: {there} is a file; name a folder")


def record(folder: pathlib.Path, run: Callable[[], Any], times: int) -> None:
  """Writes a profile of some runs.

  Args:
    folder: for the profile.
    run: sends the work; what it returns is waited for.
    times: how many runs.
  """
  with jax.profiler.trace(str(folder)):
    for _ in range(times):
      jax.block_until_ready(run())


def dearest(
  folder: pathlib.Path, program: str, times: int, most: int = 10
) -> list[Operation]:
  """Reads which operations of a profile took most time.

  Args:
    folder: that `record` wrote.
    program: text of the compiled program, which knows what operations are of.
    times: runs in the profile.
    most: how many operations.

  Returns:
    The dearest first; none where the profiler saw no operation.
  """
  found = sorted(folder.rglob("*.trace.json.gz"))
  if not found:
    return []
  with gzip.open(found[-1], "rt", encoding="utf-8") as file:
    events = json.load(file)["traceEvents"]
  return rank(events, read_program(program), times, most)


def rank(
  events: Iterable[Mapping[str, Any]],
  known: Mapping[str, tuple[str, str]],
  times: int,
  most: int,
) -> list[Operation]:
  """Adds up the events of each operation.

  Args:
    events: of Chrome's trace format: times in microseconds.
    known: results and sources of operations by name.
    times: runs that the events are of.
    most: how many operations to give.

  Returns:
    The dearest first.
  """
  spent: dict[str, float] = collections.defaultdict(float)
  calls: dict[str, int] = collections.defaultdict(int)
  for name, own in _own_times(list(events)):
    spent[name] += own
    calls[name] += 1
  total = sum(spent.values()) or 1.0
  return [
    Operation(
      name, *known.get(name, ("", "")), ms=micros / times / 1000,
      calls=calls[name] / times, share=micros / total,
    )
    for name, micros in sorted(spent.items(), key=lambda one: -one[1])[:most]
  ]  # fmt: skip


def _own_times(
  events: list[Mapping[str, Any]],
) -> Iterator[tuple[str, float]]:
  """Operations with their microseconds, without those that ran inside them."""
  for calls in _calls(events):
    calls.sort()  # Of two that begin together the longer is around the other.
    around: list[tuple[float, int]] = []
    own = [-minus for _, minus, _ in calls]
    for i, (start, minus, _) in enumerate(calls):
      while around and around[-1][0] <= start:
        around.pop()
      if around:
        own[around[-1][1]] += minus
      around.append((start - minus, i))
    for (_, _, name), micros in zip(calls, own, strict=True):
      yield name, max(micros, 0.0)


def _calls(
  events: list[Mapping[str, Any]],
) -> Iterable[list[tuple[float, float, str]]]:
  """Of each thread the start, minus the length, and the operation of calls."""
  named: dict[str, dict[Any, str]] = {"process_name": {}, "thread_name": {}}
  for e in events:
    if e.get("ph") == "M" and e["name"] in named:
      named[e["name"]][e["pid"], e.get("tid")] = e["args"]["name"]
  devices = {
    pid
    for (pid, _), name in named["process_name"].items()
    if name.startswith(_DEVICE)
  }
  whole = {at for at, name in named["thread_name"].items() if name == _THREAD}
  found = collections.defaultdict(list)
  for e in events:
    at = e.get("pid"), e.get("tid")
    name = e.get("args", {}).get(_OPERATION)
    if at in whole:
      name = name or e["name"]
    elif whole or (devices and at[0] not in devices):
      continue
    if e.get("ph") == "X" and name:
      found[at].append((float(e["ts"]), -float(e.get("dur", 0)), name))
  return found.values()


def read_program(program: str) -> dict[str, tuple[str, str]]:
  """What the operations of a compiled program give, and what they are from.

  Args:
    program: its text.

  Returns:
    By name, such as `f32[1,64,32,8]` and
    `backward Generator/G1/conv_in/conv_general_dilated`; "" for what the text
    does not tell.
  """
  found = {}
  for line in program.splitlines():
    start = _LINE.match(line)
    if start:
      source = _SOURCE.search(line)
      text = source[1] if source else ""
      for pattern, put in _AROUND:
        text = pattern.sub(put, text)
      found[start[1]] = (start[2] or "").lstrip("("), text
  return found


def table(operations: Iterable[Operation]) -> str:
  """Operations as lines for a terminal."""
  lines = ["    ms a run   share  calls  operation"]
  for one in operations:
    told = "  ".join(filter(None, (one.name, one.result, one.source)))
    lines.append(f"{one.ms:12.3f} {one.share:7.1%} {one.calls:6g}  {told}")
  return "\n".join(lines)
