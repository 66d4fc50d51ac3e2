"""Both distances by hand, by slow counts and by SciPy's square root."""

import numpy as np
import pytest
import scipy.linalg

from hdgan.errors import InputError
from hdgan.evaluation import distances
from hdgan.evaluation.measure import Pair


def rows(n, d, seed, shift=0.0):
  rng = np.random.default_rng(seed)
  mixed = rng.gamma(1.0, 0.5, (n, d)) @ rng.normal(0, d**-0.5, (d, d))
  return (mixed + shift).astype(np.float32)


def test_frechet_by_hand_in_one_dimension():
  """(m1 - m2)^2 + (s1 - s2)^2: means 2 and 5, variances 2 and 8."""
  real, made = np.array([[1.0], [3.0]]), np.array([[3.0], [7.0]])
  want = 9 + (np.sqrt(2) - np.sqrt(8)) ** 2
  assert distances.frechet_distance(real, made) == pytest.approx(want, 1e-12)


@pytest.mark.parametrize("counts", [(300, 200), (49, 48), (60, 47)])
def test_frechet_with_a_square_root_of_the_product(counts):
  """As clean-fid and pytorch-fid take it; a covariance has full rank."""
  real, made = rows(counts[0], 48, 1), rows(counts[1], 48, 2, 0.1)
  first, second = (np.cov(x.astype(float), rowvar=False) for x in (real, made))
  root = scipy.linalg.sqrtm(first @ second)
  apart = real.mean(0, np.float64) - made.mean(0, np.float64)
  want = apart @ apart + np.trace(first + second - 2 * root.real)
  got = distances.frechet_distance(real, made)
  assert got == pytest.approx(want, rel=1e-6) and want > 0.1


def test_frechet_of_few_pictures():
  """Fewer rows than numbers: the eigenvalues of the product as they come."""
  real, made = rows(20, 48, 1), rows(30, 48, 2, 0.1)
  first, second = (np.cov(x.astype(float), rowvar=False) for x in (real, made))
  values = np.linalg.eigvals(first @ second).real
  apart = real.mean(0, np.float64) - made.mean(0, np.float64)
  want = apart @ apart + np.trace(first + second)
  want -= 2 * np.sqrt(values[values > 1e-12]).sum()
  got = distances.frechet_distance(real, made)
  assert got == pytest.approx(want, rel=1e-6)
  assert distances.frechet_distance(real, real) == pytest.approx(0, abs=1e-12)


def slow_kernel(real, made):
  """The unbiased estimate, a pair of rows at a time."""

  def kernel(x, y):
    return (float(x @ y) / len(x) + 1) ** 3

  def within(side):
    values = [
      kernel(x, y)
      for i, x in enumerate(side) for j, y in enumerate(side) if i != j
    ]  # fmt: skip
    return np.mean(values)

  across = np.mean([kernel(x, y) for x in real for y in made])
  return within(real) + within(made) - 2 * across


def test_kernel_is_the_slow_count():
  real, made = (rows(n, 16, n, 0.2 * (n > 12)).astype(float) for n in (12, 15))
  got = distances.kernel_distance(real, made)
  assert got["value"] == pytest.approx(slow_kernel(real, made), rel=1e-9)
  assert "bootstrap" in got["how"]
  assert got == distances.kernel_distance(real, made)
  assert got["spread"] != distances.kernel_distance(real, made, 1)["spread"]


def test_kernel_by_hand():
  """One number per row: k(x, y) = (xy + 1)^3."""
  real, made = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
  # Within 1 and 27; across k(0,1) 1, k(0,2) 1, k(1,1) 8, k(1,2) 27.
  want = 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4
  got = distances.kernel_distance(real, made)
  assert got["value"] == pytest.approx(want)


def test_bootstrap_tells_how_far_other_pictures_would_be_off():
  """Against the spread of forty estimates from pictures of their own."""
  rng = np.random.default_rng(0)
  found = [
    distances.kernel_distance(
      rng.normal(0, 1, (80, 8)), rng.normal(0.5, 1, (80, 8))
    )
    for _ in range(40)
  ]
  truth = np.std([one["value"] for one in found])
  told = np.mean([one["spread"] for one in found])
  assert 0.8 < told / truth < 1.5


def test_kernel_of_many_takes_subsets(monkeypatch):
  """clean-fid's sum, with the same draws."""
  monkeypatch.setattr(distances, "LARGEST", 20)
  real, made = rows(30, 16, 1).astype(float), rows(25, 16, 2).astype(float)
  rng, values = np.random.default_rng(7), []
  for _ in range(100):
    x = real[rng.choice(30, 20, replace=False)]
    y = made[rng.choice(25, 20, replace=False)]
    a = (x @ x.T / 16 + 1) ** 3 + (y @ y.T / 16 + 1) ** 3
    b = (x @ y.T / 16 + 1) ** 3
    values.append((a.sum() - np.trace(a)) / (20 * 19) - 2 * b.mean())
  got = distances.kernel_distance(real, made, seed=7)
  assert got["value"] == pytest.approx(np.mean(values), rel=1e-9)
  assert got["spread"] == pytest.approx(np.std(values), rel=1e-9)
  assert got["how"] == "mean and spread of 100 subsets of 20"


@pytest.mark.parametrize(
  "of", [distances.frechet_distance, distances.kernel_distance]
)
def test_rows_that_cannot_be_compared(of):
  with pytest.raises(InputError, match="1 made picture, .* at least 2"):
    of(rows(5, 3, 0), rows(1, 3, 0))
  with pytest.raises(InputError, match="0 real pictures"):
    of(rows(0, 3, 0), rows(2, 3, 0))
  with pytest.raises(InputError, match="3 numbers for real .* and 4 for made"):
    of(rows(5, 3, 0), rows(5, 4, 0))


class Means:
  """Three numbers per picture."""

  settings = {"name": "means", "resize": "none"}

  def __call__(self, picture):
    return picture.mean(axis=(0, 1)).astype(np.float32)


def pair(i, real=True):
  rng = np.random.default_rng(i)
  made, photo = rng.integers(0, 256, (2, 4, 5, 3), np.uint8)
  return Pair(f"map_{i}", np.zeros((4, 5), np.int32), made,
              real=photo if real else None)  # fmt: skip


def test_measure_tells_both():
  measure = distances.Distances(Means(), "val", seed=3)
  pairs = [pair(i) for i in range(5)]
  for one in pairs:
    measure.add(one)
  real, made = (
    np.stack([getattr(one, side).mean((0, 1)) for one in pairs])
    for side in ("real", "made")
  )
  result = measure.result()
  assert list(result)[:2] == ["kid", "fid"]
  want = distances.kernel_distance(real, made, 3)
  assert result["kid"]["value"] == pytest.approx(want["value"], rel=1e-4)
  assert result["fid"]["value"] == pytest.approx(
    distances.frechet_distance(real, made), rel=1e-4
  )
  assert result["fid"]["note"] == ""  # 5 pictures, 3 numbers.
  assert (result["n_real"], result["n_made"]) == (5, 5)
  assert (result["reference"], result["resize"]) == ("val", "none")
  assert measure.settings["features"] == Means.settings


def test_measure_warns_of_few_pictures():
  measure = distances.Distances(Means(), "val")
  for i in range(2):
    measure.add(pair(i))
  assert measure.result()["fid"]["note"] == "rank-deficient (n < 3)"


def test_measure_without_photos_and_with_one_picture():
  measure = distances.Distances(Means(), "maps")
  measure.add(pair(0, real=False))
  result = measure.result()
  assert result["kid"] is None and result["fid"] is None
  assert result["note"] == "no real photos" and result["n_made"] == 1
  measure = distances.Distances(Means(), "val")
  measure.add(pair(0))
  with pytest.raises(InputError, match="--features: 1 real picture, a distan"):
    measure.result()


@pytest.mark.parametrize(
  "second, says",
  [
    ([1, np.nan, 1], r"--features \(means\): gives numbers that are not finite "
     "for the real picture of map_0"),
    ([1, 2], r"\(2,\) numbers for the real picture of map_0, must be \(3,\)"),
  ],
)  # fmt: skip
def test_features_that_cannot_be_used(monkeypatch, second, says):
  given = iter([[1.0, 2, 3], second])
  monkeypatch.setattr(Means, "__call__", lambda *_: np.array(next(given)))
  with pytest.raises(InputError, match=says):
    distances.Distances(Means(), "val").add(pair(0))
