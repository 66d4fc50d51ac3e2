"""Says where training changes the shape of pictures, and what to type."""

from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from hdgan.validation import least_units, size_unit

_SHAPES = 12


def squash_line(config: ConfigDict, sizes: Mapping[str, int]) -> str:
  """Says that training distorts pictures, and what to type against it.

  Args:
    config: of the experiment, validated.
    sizes: pictures of each (height)x(width).

  Returns:
    One line, or '' where height / width changes by a quarter at most.
  """
  if config.data.transform != "resize":
    return ""
  squashed = {
    i: {n: c for n, c in sizes.items() if not _keeps(n, stage.size)}
    for i, stage in enumerate(config.stages)
  }
  first = next((i for i, odd in squashed.items() if odd), None)
  if first is None:
    return ""
  odd, became = squashed[first], config.stages[first].size
  name = max(odd, key=lambda size: odd[size])
  flags = []
  for i, names in squashed.items():
    size = fitting_size(
      size_of(name), config.stages[i].size, size_unit(config, i),
      least_units(config, i),
    )  # fmt: skip
    after = [c for n, c in sizes.items() if not _keeps(n, size)]
    # The size of a few must not squash the many.
    if name in names and sum(after) < sum(names.values()):
      flags.append(f"--config.stages[{i}].size={size[0]},{size[1]}")
  ways = ["say " + " ".join(flags)] if flags else []
  largest = [max(stage.size[k] for stage in config.stages) for k in (0, 1)]
  if all(np.all(np.array(size_of(size)) >= largest) for size in sizes):
    ways.append("cut instead: --config.data.transform=crop")
  way = ", or ".join(ways or ["cut these to the shape of the others"])
  return (
    f"{sum(odd.values())} of {sum(sizes.values())} pictures change their shape "
    f"by more than a quarter: {name} pictures become {became[0]}x{became[1]} "
    f"(height x width); {way}"
  )


def best_sizes(
  config: ConfigDict, sizes: Mapping[str, int]
) -> dict[int, tuple[int, int]]:
  """Sizes of stages of about the same area that fit the pictures better.

  Args:
    config: of the experiment, validated.
    sizes: pictures of each (height)x(width).

  Returns:
    By stage the (height, width) with which the fewest pictures change their
    shape by more than a quarter; none where the config's own is as good.
  """
  if config.data.transform != "resize":
    return {}
  # The shapes that most pictures have, and the one between high and wide.
  common = sorted(sizes, key=lambda name: -sizes[name])[:_SHAPES]
  best = {}
  for i, stage in enumerate(config.stages):
    unit, least = size_unit(config, i), least_units(config, i)
    own = (int(stage.size[0]), int(stage.size[1]))
    shapes = [*map(size_of, common), (1, 1)]
    candidates = [own, *(fitting_size(s, own, unit, least) for s in shapes)]

    def squashed(target: tuple[int, int]) -> int:
      return sum(c for name, c in sizes.items() if not _keeps(name, target))

    size = min(candidates, key=squashed)
    if size != own:
      best[i] = size
  return best


def size_of(name: str) -> tuple[int, int]:
  """(height, width) of its text, such as 360x480."""
  height, width = name.split("x")
  return int(height), int(width)


def _keeps(name: str, target: Sequence[int]) -> bool:
  """Whether height / width of a size changes by a quarter at most."""
  height, width = size_of(name)
  one, two = height * target[1], width * target[0]
  return 4 * max(one, two) <= 5 * min(one, two)


def fitting_size(
  size: tuple[int, int], target: Sequence[int], unit: int, least: int = 2
) -> tuple[int, int]:
  """The size of a picture's shape whose area is nearest to a stage's.

  Args:
    size: (height, width) of the picture.
    target: (height, width) of the stage.
    unit: what both sides must be multiples of.
    least: the fewest units of a side.

  Returns:
    (height, width) that changes the shape by a quarter at most.
  """
  # Along the shorter side in units; the longer follows.
  short = range(least, least + max(target) // unit)
  turned = size[0] > size[1]
  low, high = sorted(size)
  sizes = [(n * unit, max(least, round(n * high / low)) * unit) for n in short]
  sizes = [pair[::-1] if turned else pair for pair in sizes]
  area = target[0] * target[1]
  fits = [pair for pair in sizes if _keeps(f"{size[0]}x{size[1]}", pair)]
  return min(fits, key=lambda pair: abs(pair[0] * pair[1] - area))
