"""Compares the range that a config declares with what all files hold."""

import math
from collections.abc import Iterator

from hdgan.datasets.examples import WHAT
from hdgan.errors import SHOWN_FAULTS

# What the values of most pictures lie in: floats, then 8, 10, 12, 14 and 16
# bits.
_RANGES = (
  (0, 1), (-1, 1), (0, 255), (0, 1023), (0, 4095), (0, 16383), (0, 65535),
)  # fmt: skip
# Shares of the declared range: using less is wrong, or worth a line.
_REFUSED, _TOLD = 0.01, 0.1

Range = tuple[float, float]


class Ranges:
  """The values of all files of one role, as they come.

  Attributes:
    low: the lowest value of all files; inf before the first.
    high: the highest one; -inf before the first.
    kinds: dtypes of the pictures, in the order in which they came.
  """

  def __init__(self, role: str, declared: Range, trained: bool = False):
    self.role, self.declared, self._trained = role, declared, trained
    self.low, self.high = math.inf, -math.inf
    self.kinds: list[str] = []
    self._outside: list[tuple[str, float, float]] = []
    self._more = 0

  def add(self, name: str, values: Range, kind: str) -> None:
    """Takes the lowest and the highest value of a file, and its dtype."""
    low, high = values
    if kind not in self.kinds:
      self.kinds.append(kind)
    # NaN fails every comparison, so that it is outside too.
    if not self.declared[0] <= low <= high <= self.declared[1]:
      if len(self._outside) < SHOWN_FAULTS:
        self._outside.append((name, low, high))
      else:
        self._more += 1
    if math.isfinite(high - low):
      self.low, self.high = min(self.low, low), max(self.high, high)

  def faults(self) -> Iterator[tuple[str, int]]:
    """Lines of what is wrong, and how many faults each stands for."""
    a, b = self.declared
    for i, (name, low, high) in enumerate(self._outside, 1):
      yield (
        f"{name}: values {low:g}..{high:g} leave data.{self.role}_range = "
        f"({a:g}, {b:g}); {self._way(low, high)}",
        1 + self._more * (i == len(self._outside)),
      )
    if self._hardly_used(_REFUSED):
      yield f"{self._used()}; say {self.flag()}", 1

  def notes(self) -> list[str]:
    """What is worth a line though it is not wrong."""
    if self._hardly_used(_TOLD) and not self._hardly_used(_REFUSED):
      return [f"{self._used()}; if no file will hold more, say {self.flag()}"]
    return []

  def flag(self) -> str:
    """What declares a range that holds all files."""
    low, high = fitting_range(self.low, self.high)
    a, b = self.declared
    if not self._outside and 2 * (high - low) > b - a:
      low, high = self.low, self.high  # A usual one would change little.
    # Digits that are dropped could leave the highest value outside.
    ends = ",".join(str(int(x) if x == int(x) else x) for x in (low, high))
    return f"--config.data.{self.role}_range={ends}"

  def _way(self, low: float, high: float) -> str:
    """What to do about a picture whose values leave the range."""
    if self._trained:
      # Photos are only shown.
      return "correct it" + ", or take it away" * (self.role == "image")
    if not math.isfinite(high - low):
      return "replace what is not finite"
    return f"declare the range of all files, say {self.flag()}"

  def _hardly_used(self, share: float) -> bool:
    """Whether all files together use less than a share of the range."""
    used, a, b = self.high - self.low, *self.declared
    # Pictures of one value have no range.
    may_judge = not self._trained and not self._outside
    return may_judge and 0 < used < share * (b - a)

  def _used(self) -> str:
    a, b = self.declared
    share = 100 * (self.high - self.low) / (b - a)
    return (
      f"all {WHAT[self.role]}s together hold {self.low:g}..{self.high:g} "
      f"({' and '.join(self.kinds)}), {share:.2g} % of data.{self.role}_range "
      f"= ({a:g}, {b:g}), and would be nearly of one grey"
    )


def fitting_range(low: float, high: float) -> Range:
  """The smallest of the usual ranges that holds values, else their own."""
  fits = [(a, b) for a, b in _RANGES if a <= low and high <= b]
  return fits[0] if fits else (low, max(high, math.nextafter(low, math.inf)))
