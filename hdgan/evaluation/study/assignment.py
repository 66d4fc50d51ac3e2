"""Who sees which pictures, for how long, on which side, and in which order.

A comparison is a pair of methods on one map. Over all pages each comparison
comes equally often, give or take one, and so does each time of a pair. A page
shows a comparison once, apart from repeats; of each pair every method is as
often on the left as on the right, give or take one; and a map comes again
after `distance` trials at the earliest. A page follows from the seed, its
number and the pages before it.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from hdgan.errors import InputError, counted
from hdgan.evaluation.study.order import spaced
from hdgan.evaluation.study.plan import REPEAT, SENTINEL, TEST, UNLIMITED

FARTHEST = 10  # Trials from a map to itself, where there are maps enough.
REPEATED = 0.05  # Share of the tests that come again with sides swapped.

# Which picture: its method's number, its map's number, whether it is blurred.
Shown = tuple[int, int, bool]


@dataclasses.dataclass(frozen=True)
class Design:
  """What a study is to hold.

  Attributes:
    methods: how many.
    stems: how many maps.
    real: number of the method that holds the real photos, or None.
    times: in milliseconds, 0 for unlimited.
    trials: tests of a page; sentinels and repeats come on top.
    sentinels: of a page.
    pages: how many.
    seed: of all that is drawn.
  """

  methods: int
  stems: int
  real: int | None
  times: tuple[int, ...]
  trials: int
  sentinels: int
  pages: int
  seed: int

  @property
  def pairs(self) -> list[tuple[int, int]]:
    """Numbers of two methods each."""
    return list(itertools.combinations(range(self.methods), 2))

  @property
  def distance(self) -> int:
    """Trials from a map to itself at the least."""
    return max(1, min(FARTHEST, self.stems // 2))

  @property
  def repeats(self) -> int:
    """Tests of a page that come again."""
    return round(REPEATED * self.trials)

  @property
  def length(self) -> int:
    """All trials of a page."""
    return self.trials + self.sentinels + self.repeats


@dataclasses.dataclass(frozen=True)
class Item:
  """A trial, by numbers of methods and maps; `of` as in plan.Trial."""

  kind: str
  left: Shown
  right: Shown
  ms: int
  of: int | None = None

  @property
  def stem(self) -> int:
    """Number of the map that both pictures were made of."""
    return self.left[1]


def check_design(design: Design) -> None:
  """Refuses what cannot be balanced.

  Raises:
    InputError: naming the flag.
  """
  for flag, least in (("trials", 1), ("sentinels", 0), ("pages", 1)):
    value = getattr(design, flag)
    if value < least:
      raise InputError(f"--{flag}={value} must be at least {least}")
  if design.seed < 0:
    raise InputError(f"--study_seed={design.seed} must be at least 0")
  most = len(design.pairs) * design.stems
  if design.trials > most:
    raise InputError(
      f"--trials={design.trials}: {counted(design.stems, 'picture')} of "
      f"{counted(design.methods, 'method')} make {most} different comparisons, "
      f"and nobody sees one twice; say --trials={most}, or give more pictures"
    )
  if design.sentinels > design.stems:
    raise InputError(
      f"--sentinels={design.sentinels}: there are "
      f"{counted(design.stems, 'picture')}, each for one sentinel of a page; "
      f"say --sentinels={design.stems} or fewer"
    )


def make_pages(design: Design) -> list[list[Item]]:
  """Draws all pages.

  Args:
    design: checked by `check_design`.

  Returns:
    Trials of each page in the order that they are shown.
  """
  drawing = _Drawing(design)
  return [drawing.page(number) for number in range(design.pages)]


class _Drawing:
  """Counts what was shown on the pages before."""

  def __init__(self, design: Design):
    self._design = design
    pairs, stems = len(design.pairs), design.stems
    self._shown = np.zeros((pairs, stems), int)
    self._times = np.zeros((pairs, stems, len(design.times)), int)
    self._sentinels = np.zeros(stems, int)
    # How often the first of a pair was on the left, less how often not.
    self._left = np.zeros(pairs, int)

  def page(self, number: int) -> list[Item]:
    """Trials of the next page."""
    design = self._design
    rng = np.random.default_rng([design.seed, number])
    chosen = self._choose(rng)
    times = [self._time(rng, pair, stem) for pair, stem in chosen]
    sides = self._sides(rng, [pair for pair, _ in chosen])
    items = []
    for (pair, stem), ms, first in zip(chosen, times, sides, strict=True):
      a, b = design.pairs[pair]
      items.append(_item(TEST, (a, stem, False), (b, stem, False), ms, first))
    items += self._sentinel_items(rng, items)
    items += _repeats(rng, items, design.repeats)
    order = spaced(
      rng,
      [item.stem for item in items],
      [item.of for item in items],
      design.distance,
    )
    place = {i: k for k, i in enumerate(order)}
    return [_moved(items[i], place) for i in order]

  def _choose(self, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pair and map of each test: those that were shown least.

    Among them those whose map, then whose pair, the page has least of.
    """
    design = self._design
    pairs, stems = self._shown.shape
    of_stem, of_pair = np.zeros(stems, int), np.zeros(pairs, int)
    most = design.trials + 1  # More than either count can be.
    free = np.zeros(self._shown.shape)
    chosen = []
    for _ in range(design.trials):
      rank = (self._shown * most + of_stem) * most + of_pair[:, None]
      draw = rank + rng.random(rank.shape) + free
      pair, stem = divmod(int(draw.argmin()), stems)
      chosen.append((pair, stem))
      free[pair, stem] = np.inf
      of_stem[stem] += 1
      of_pair[pair] += 1
    for pair, stem in chosen:
      self._shown[pair, stem] += 1
    return chosen

  def _time(self, rng: np.random.Generator, pair: int, stem: int) -> int:
    """The time that the pair had least; among them, that this map had least."""
    of_pair, own = self._times[pair].sum(0), self._times[pair, stem]
    rank = of_pair * (1 + own.max()) + own
    i = int((rank + rng.random(len(rank))).argmin())
    self._times[pair, stem, i] += 1
    return self._design.times[i]

  def _sides(
    self, rng: np.random.Generator, pairs: Sequence[int]
  ) -> list[bool]:
    """Whether the first method of each test's pair is on the left."""
    sides = [False] * len(pairs)
    for pair in range(len(self._left)):
      own = [i for i, one in enumerate(pairs) if one == pair]
      half, odd = divmod(len(own), 2)
      # The odd one makes up for that of earlier pages.
      before = self._left[pair]
      more = bool(odd and (before < 0 or (before == 0 and rng.random() < 0.5)))
      if odd:
        self._left[pair] += 1 if more else -1
      for i in rng.permutation(len(own))[: half + more]:
        sides[own[i]] = True
    return sides

  def _sentinel_items(
    self, rng: np.random.Generator, tests: Sequence[Item]
  ) -> list[Item]:
    """A sharp picture against a blurred one that some method made."""
    design = self._design
    of_stem = Counter(item.stem for item in tests)
    counts = np.array([of_stem[stem] for stem in range(design.stems)])
    rank = self._sentinels * (1 + counts.max()) + counts
    stems = np.argsort(rank + rng.random(len(rank)))[: design.sentinels]
    self._sentinels[stems] += 1
    made = [i for i in range(design.methods) if i != design.real]
    # However short the others are, these are to be seen well.
    ms = max(design.times, key=lambda t: np.inf if t == UNLIMITED else t)
    lefts = rng.permutation(design.sentinels) % 2 == 0
    items = []
    for stem, left in zip(stems.tolist(), lefts.tolist(), strict=True):
      method = made[int(rng.integers(len(made)))]
      sharp = method if design.real is None else design.real
      pictures = (sharp, stem, False), (method, stem, True)
      items.append(_item(SENTINEL, *pictures, ms, left))
    return items


def _moved(item: Item, place: dict[int, int]) -> Item:
  """An item whose original has got another place."""
  if item.of is None:
    return item
  return dataclasses.replace(item, of=place[item.of])


def _item(kind: str, a: Shown, b: Shown, ms: int, first: bool) -> Item:
  left, right = (a, b) if first else (b, a)
  return Item(kind, left, right=right, ms=ms)


def _repeats(
  rng: np.random.Generator, items: Sequence[Item], count: int
) -> list[Item]:
  """Tests again with sides swapped, of maps that the page has least of."""
  of_stem = Counter(item.stem for item in items)
  tests = [i for i, item in enumerate(items) if item.kind == TEST]
  chosen = []
  for _ in range(count):
    draw = [of_stem[items[i].stem] + rng.random() for i in tests]
    i = tests.pop(int(np.argmin(draw)))
    of_stem[items[i].stem] += 1
    chosen.append(i)
  return [
    Item(REPEAT, items[i].right, right=items[i].left, ms=items[i].ms, of=i)
    for i in chosen
  ]
