"""The most bytes that a traced program keeps at a time.

XLA computes what is cheap where it is used, and keeps what convolutions,
reductions and the like give until it was used last. Here the same is assumed,
in the order in which the program was traced.
"""

import math
from collections.abc import Mapping
from typing import Any

from jax.extend import core

# Arithmetic on one number at a time, and moves that a reader can undo: nobody
# keeps its result for long.
_FUSED = frozenset({
  "abs", "add", "add_any", "and", "broadcast_in_dim", "convert_element_type",
  "copy", "div", "eq", "exp", "expand_dims", "ge", "gt", "integer_pow", "iota",
  "is_finite", "le", "log", "log1p", "logistic", "lt", "max", "min", "mul",
  "name", "ne", "neg", "not", "or", "pad", "pow", "reshape", "rev", "rsqrt",
  "select_n", "sign", "slice", "sqrt", "square", "squeeze", "sub", "tanh",
  "transpose",
})  # fmt: skip
_NAMES_OF_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def peak(jaxpr: core.Jaxpr) -> tuple[int, int]:
  """Bytes of weights and of pictures at the moment when most are kept.

  Args:
    jaxpr: of a training step; what it is given does not count.

  Returns:
    Bytes of arrays with fewer than four axes or the shape of a kernel, and of
    all others.
  """
  return _Walk(jaxpr).peak()


class _Walk:
  """The values of a traced step in the order in which they are made."""

  def __init__(self, jaxpr: core.Jaxpr):
    self._sizes: list[int] = []
    self._weights: set[int] = set()  # Kernels and what has their shape.
    self._sources: dict[int, set[int]] = {}  # Of what is made where it is used.
    self._rounded: dict[tuple[int, Any], int] = {}
    self._steps: list[tuple[set[int], set[int]]] = []
    values = {v: self._new(v.aval) for v in (*jaxpr.invars, *jaxpr.constvars)}
    self._given = set(values.values())
    self._follow(jaxpr, values)
    self._kept = {
      source
      for v in jaxpr.outvars
      if not isinstance(v, core.Literal)
      for source in self._made_of(values[v])
    }

  def _new(self, aval: Any) -> int:
    shape: tuple[int, ...] = getattr(aval, "shape", ())
    size = int(math.prod(shape)) * getattr(aval.dtype, "itemsize", 4)
    self._sizes.append(size)
    number = len(self._sizes) - 1
    if len(shape) < 4 or (shape[0] == shape[1] and shape[0] <= 7):
      self._weights.add(number)
    return number

  def _made_of(self, number: int) -> set[int]:
    return self._sources.get(number, {number})

  def _follow(self, jaxpr: core.Jaxpr, values: dict[Any, int]) -> None:
    """Adds a program's steps; what it calls stands in its place."""
    for eqn in jaxpr.eqns:
      inner, arguments = _called(eqn)
      if inner is not None:
        own = {v: self._new(v.aval) for v in inner.constvars}
        for v, given in zip(inner.invars, arguments, strict=True):
          own[v] = self._value(given, values)
        self._follow(inner, own)
        for v, result in zip(eqn.outvars, inner.outvars, strict=True):
          values[v] = self._value(result, own)
        continue
      read = {values[v] for v in eqn.invars if not isinstance(v, core.Literal)}
      sources = {one for number in read for one in self._made_of(number)}
      fused = eqn.primitive.name in _FUSED
      for v in eqn.outvars:
        values[v] = self._new(v.aval)
        if fused:
          self._sources[values[v]] = sources
      if eqn.primitive.name == "convert_element_type":
        self._round(read, values, eqn.outvars[0])
      elif not fused:
        self._steps.append((sources, {values[v] for v in eqn.outvars}))

  def _value(self, v: Any, values: Mapping[Any, int]) -> int:
    return self._new(v.aval) if isinstance(v, core.Literal) else values[v]

  def _round(self, read: set[int], values: dict[Any, int], v: Any) -> None:
    """A kernel is rounded once, for the forward and the backward pass."""
    (number,) = read or {-1}
    if number in self._given & self._weights and v.aval.ndim == 4:
      key = number, v.aval.dtype
      if key not in self._rounded:
        del self._sources[values[v]]
        self._steps.append((read, {values[v]}))
        self._rounded[key] = values[v]
      values[v] = self._rounded[key]

  def peak(self) -> tuple[int, int]:
    """See the function."""
    last = {n: at for at, (read, _) in enumerate(self._steps) for n in read}
    last |= dict.fromkeys(self._kept, len(self._steps))
    kept: set[int] = set()
    most, now, parts = 0, 0, (0, 0)
    for at, (read, made) in enumerate(self._steps):
      kept |= made
      now += sum(self._sizes[n] for n in made)
      if now > most:
        weights = sum(self._sizes[n] for n in kept & self._weights)
        most, parts = now, (weights, now - weights)
      over = {n for n in (*read, *made) if last.get(n, at) <= at} & kept
      kept -= over
      now -= sum(self._sizes[n] for n in over)
    return parts


def _called(eqn: Any) -> tuple[core.Jaxpr | None, list[Any]]:
  """The program that an equation stands for, and its arguments."""
  found, arguments = None, eqn.invars
  if eqn.primitive.name == "cond":
    # Platforms: the last is what accelerators get.
    found, arguments = eqn.params["branches"][-1], eqn.invars[1:]
  elif eqn.primitive.name not in ("scan", "while"):
    named = (eqn.params.get(name) for name in _NAMES_OF_INNER)
    found = next((one for one in named if one is not None), None)
  return getattr(found, "jaxpr", found), arguments
