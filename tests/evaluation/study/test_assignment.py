"""Balance is counted by brute force: nothing of the drawing is trusted."""

import itertools
from collections import Counter

import pytest

from hdgan.errors import InputError
from hdgan.evaluation.study.assignment import (
  Design,
  check_design,
  make_pages,
)

EIGHTHS = (125, 250, 500, 1000, 2000, 4000, 8000)


def design(
  methods, stems, trials, *, sentinels=2, pages=6, times=(0,), real=0, seed=0
):
  made = Design(
    methods, stems, real=real, times=times, trials=trials,
    sentinels=sentinels, pages=pages, seed=seed,
  )  # fmt: skip
  check_design(made)
  return made


# Methods, maps, tests, sentinels, pages, times; more or fewer trials than
# comparisons, and as few maps as there can be.
SHAPES = {
  "two": design(2, 30, 25, pages=7),
  "three, each comparison once": design(3, 20, 60, sentinels=5, pages=4),
  "fewer trials than comparisons": design(3, 50, 8, pages=3),
  "limited times": design(3, 25, 40, pages=8, times=EIGHTHS),
  "few maps": design(3, 7, 21, sentinels=7, pages=5, real=None),
  "one map": design(2, 1, 1, sentinels=1, pages=4),
  "four": design(4, 12, 50, sentinels=3, pages=3, real=3),
}


@pytest.fixture(params=[(n, s) for n in SHAPES for s in range(3)],
                ids=lambda p: f"{p[0]}-{p[1]}")  # fmt: skip
def drawn(request):
  name, seed = request.param
  shape = SHAPES[name]
  shape = Design(**{**shape.__dict__, "seed": seed})
  return shape, make_pages(shape)


def methods_of(item):
  return frozenset((item.left[0], item.right[0]))


def spread(counts, keys):
  """The most and the least often that a key comes, those that never do too."""
  values = [counts[key] for key in keys]
  return max(values) - min(values)


def test_comparisons_and_times_come_equally_often(drawn):
  shape, pages = drawn
  tests = [item for page in pages for item in page if item.kind == "test"]
  assert len(tests) == shape.trials * shape.pages
  pairs = [
    frozenset(p) for p in itertools.combinations(range(shape.methods), 2)
  ]
  comparisons = Counter((methods_of(item), item.stem) for item in tests)
  every = itertools.product(pairs, range(shape.stems))
  assert spread(comparisons, every) <= 1
  times = Counter((methods_of(item), item.ms) for item in tests)
  for pair in pairs:
    assert spread(times, [(pair, ms) for ms in shape.times]) <= 1


def test_a_page_shows_a_comparison_once_and_sides_in_balance(drawn):
  shape, pages = drawn
  for page in pages:
    tests = [item for item in page if item.kind == "test"]
    shown = [(methods_of(item), item.stem) for item in tests]
    assert len(set(shown)) == len(shown)
    for a, b in itertools.combinations(range(shape.methods), 2):
      lefts = [item.left[0] for item in tests if methods_of(item) == {a, b}]
      assert abs(lefts.count(a) - lefts.count(b)) <= 1
    sentinels = [item.left[2] for item in page if item.kind == "sentinel"]
    assert abs(2 * sum(sentinels) - len(sentinels)) <= 1
  # The odd ones of the pages make up for one another.
  for a, b in itertools.combinations(range(shape.methods), 2):
    lefts = Counter(
      item.left[0]
      for page in pages
      for item in page
      if item.kind == "test" and methods_of(item) == {a, b}
    )
    assert abs(lefts[a] - lefts[b]) <= 1


def test_no_map_comes_again_soon(drawn):
  shape, pages = drawn
  assert shape.distance == max(1, min(10, shape.stems // 2))
  for page in pages:
    for i, one in enumerate(page):
      near = page[i + 1 : i + shape.distance]
      assert one.stem not in [item.stem for item in near]


def test_both_pictures_are_of_one_map(drawn):
  _, pages = drawn
  for item in itertools.chain(*pages):
    assert item.left[1] == item.right[1]
    assert item.left != item.right


def test_repeats_swap_the_sides_of_an_earlier_test(drawn):
  shape, pages = drawn
  for page in pages:
    repeats = [(i, item) for i, item in enumerate(page) if item.of is not None]
    assert len(repeats) == round(0.05 * shape.trials)
    assert all(item.kind == "repeat" for _, item in repeats)
    for i, item in repeats:
      first = page[item.of]
      assert first.kind == "test" and item.of <= i - shape.distance
      assert (first.left, first.right) == (item.right, item.left)
      assert first.ms == item.ms
    assert len({item.of for _, item in repeats}) == len(repeats)


def test_sentinels_are_sharp_against_blurred_for_the_longest_time(drawn):
  shape, pages = drawn
  longest = 0 if 0 in shape.times else max(shape.times)
  for page in pages:
    sentinels = [item for item in page if item.kind == "sentinel"]
    assert len(sentinels) == shape.sentinels
    assert len({item.stem for item in sentinels}) == len(sentinels)
    for item in sentinels:
      sharp, blurred = sorted((item.left, item.right), key=lambda one: one[2])
      assert not sharp[2] and blurred[2] and item.ms == longest
      if shape.real is None:
        assert sharp[0] == blurred[0]
      else:
        assert sharp[0] == shape.real != blurred[0]
  others = [i for page in pages for i in page if i.kind != "sentinel"]
  assert not any(i.left[2] or i.right[2] for i in others)


def test_the_seed_decides_and_pages_do_not_hang_on_how_many_there_are():
  one = make_pages(SHAPES["two"])
  assert make_pages(design(2, 30, 25, pages=3)) == one[:3]
  other = make_pages(design(2, 30, 25, pages=7, seed=1))
  sides = [[item.left[0] for item in page if item.kind == "test"]
           for page in (one[0], other[0])]  # fmt: skip
  assert sides[0] != sides[1]
  assert len({tuple(item.stem for item in page) for page in one}) == len(one)


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    ({"trials": 0}, "--trials=0 must be at least 1"),
    ({"sentinels": -1}, "--sentinels=-1 must be at least 0"),
    ({"pages": 0}, "--pages=0 must be at least 1"),
    ({"seed": -1}, "--study_seed=-1 must be at least 0"),
    ({"trials": 31}, "10 pictures of 3 methods make 30 different comparisons, "
     "and nobody sees one twice; say --trials=30"),
    ({"sentinels": 11}, "say --sentinels=10 or fewer"),
  ],
)  # fmt: skip
def test_what_cannot_be_balanced_is_refused(arguments, said):
  given = {"methods": 3, "stems": 10, "trials": 30, **arguments}
  with pytest.raises(InputError) as raised:
    design(**given)
  assert said in str(raised.value)
