"""The order of a page: shuffled, and no map comes again soon."""

from collections.abc import Sequence

import numpy as np

from hdgan.errors import InputError

_TRIES = 200


def spaced(
  rng: np.random.Generator,
  stems: Sequence[int],
  after: Sequence[int | None],
  distance: int,
) -> list[int]:
  """Shuffles trials so that the same map does not come again soon.

  Args:
    rng: draws the order.
    stems: number of the map of each trial.
    after: of each trial, the one that it must come after, or None.
    distance: from one trial of a map to the next, at the least.

  Returns:
    Numbers of the trials, in order.

  Raises:
    InputError: where no such order was found.
  """
  for _ in range(_TRIES):
    order = _try_order(rng, stems, after, distance)
    if order:
      return order
  raise InputError(
    f"{len(stems)} trials of {len(set(stems))} pictures cannot be ordered so "
    f"that each is {distance} trials from itself; say --trials=N of fewer"
  )


def _try_order(
  rng: np.random.Generator,
  stems: Sequence[int],
  after: Sequence[int | None],
  distance: int,
) -> list[int]:
  """One try of `spaced`; [] if it came to an end where nothing fits."""
  left: dict[int, list[int]] = {}
  for i in rng.permutation(len(stems)).tolist():
    left.setdefault(stems[i], []).append(i)
  for queue in left.values():
    _repeats_last(queue, after)
  order: list[int] = []
  ready = dict.fromkeys(left, 0)  # From which place on a map may come.
  for place in range(len(stems)):
    fit = [stem for stem in left if left[stem] and ready[stem] <= place]
    if not fit:
      return []
    rest = len(stems) - place
    # A map of which so much is left that it can hardly wait.
    urgent = [stem for stem in fit if len(left[stem]) * distance >= rest]
    some = urgent or fit
    counts = np.array([len(left[stem]) for stem in some], float)
    if urgent:
      pick = int((counts + rng.random(len(some))).argmax())
    else:
      pick = int(rng.choice(len(some), p=counts / counts.sum()))
    stem = some[pick]
    order.append(left[stem].pop(0))
    ready[stem] = place + distance
  return order


def _repeats_last(queue: list[int], after: Sequence[int | None]) -> None:
  """Puts a repeat and its original, where both are in a queue, in order."""
  for repeat in list(queue):
    original = after[repeat]
    if original in queue:
      a, b = sorted((queue.index(repeat), queue.index(original)))
      queue[a], queue[b] = original, repeat
