"""Frechet and kernel distance of two sets of pictures, in float64.

Both compare rows of numbers that a network gives of pictures (`features.py`),
never pixels: FID (Heusel et al. 2017) by their means and covariances, KID
(Binkowski et al. 2018) by a polynomial kernel, without bias by the number of
pictures. Formulas are clean-fid's; square roots of matrices are taken by
eigenvalues, which needs no epsilon.
"""

from typing import Any

import numpy as np

from hdgan.errors import InputError, counted
from hdgan.evaluation.features import Features
from hdgan.evaluation.measure import Pair
from hdgan.evaluation.resize import as_rgb

SUBSETS, LARGEST = 100, 1000  # Of the kernel distance, as in clean-fid.


def frechet_distance(real: np.ndarray, made: np.ndarray) -> float:
  """The Frechet distance of two normal distributions fitted to rows.

  |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1^1/2 S2 S1^1/2)^1/2)

  Args:
    real: [n, d], n at least 2.
    made: [m, d], m at least 2.

  Returns:
    0 where means m and covariances S are the same; the square of a length.

  Raises:
    InputError: if rows are too few, or of different widths.
  """
  _check(real, made)
  real, made = real.astype(np.float64), made.astype(np.float64)
  apart = real.mean(axis=0) - made.mean(axis=0)
  # S = x' x
  first, second = (
    (x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (real, made)
  )
  traces = (first**2).sum() + (second**2).sum()
  return float(apart @ apart + traces - 2 * _mixed_trace(first, second))


def _mixed_trace(first: np.ndarray, second: np.ndarray) -> float:
  """The last term's trace, for S1 and S2 the products x' x of [n, d] rows."""
  if min(len(first), len(second)) < first.shape[1]:
    # The roots of the eigenvalues that are not 0, in much less time.
    return float(np.linalg.svd(first @ second.T, compute_uv=False).sum())
  values, vectors = np.linalg.eigh(first.T @ first)
  # Eigenvalues of covariances are never negative, but for rounding.
  root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
  product = root @ (second.T @ second) @ root
  return float(np.sqrt(np.linalg.eigvalsh(product).clip(0)).sum())


def kernel_distance(
  real: np.ndarray, made: np.ndarray, seed: int = 0
) -> dict[str, Any]:
  """The squared maximum mean discrepancy under (x.y / d + 1)^3, unbiased.

  Where a side has more than 1,000 rows, the mean over 100 subsets of at most
  1,000 of each side, as in clean-fid. There a side of 1,000 or fewer is in each
  subset whole, so that for two such sides all subsets would be the same: for
  them all rows are used once, and the spread is that of 100 bootstrap samples,
  which near a distance of 0 is up to twice too wide. Where one side alone is so
  small, the spread tells nothing of that side.

  Args:
    real: [n, d], n at least 2.
    made: [m, d], m at least 2.
    seed: of subsets and samples.

  Returns:
    `value`, which may fall below 0; `spread`, a standard deviation of subsets
    or samples; `how`, in words.

  Raises:
    InputError: if rows are too few, or of different widths.
  """
  _check(real, made)
  real, made = real.astype(np.float64), made.astype(np.float64)
  rng = np.random.default_rng(seed)
  if max(len(real), len(made)) <= LARGEST:
    return _bootstrapped(real, made, rng)
  size = min(len(real), len(made), LARGEST)
  values = []
  for _ in range(SUBSETS):
    x, y = (
      side[rng.choice(len(side), size, replace=False)] for side in (real, made)
    )
    values.append(_unbiased(_kernels(x, y), np.ones(size), np.ones(size)))
  return {
    "value": float(np.mean(values)),
    "spread": float(np.std(values)),
    "how": f"mean and spread of {SUBSETS} subsets of {size:,}",
  }


Kernels = tuple[np.ndarray, np.ndarray, np.ndarray]


def _bootstrapped(
  real: np.ndarray, made: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
  kernels = _kernels(real, made)
  samples = []
  for _ in range(SUBSETS):
    # How often each row is drawn, where as many are drawn as there are.
    x, y = (
      rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
      for n in (len(real), len(made))
    )
    samples.append(_unbiased(kernels, x, y))
  return {
    "value": _unbiased(kernels, np.ones(len(real)), np.ones(len(made))),
    "spread": float(np.nanstd(samples)),
    "how": f"all pictures once, spread of {SUBSETS} bootstrap samples",
  }


def _kernels(real: np.ndarray, made: np.ndarray) -> Kernels:
  """Kernels within real [n, n], within made [m, m], across [n, m]."""

  def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # A power takes ten times as long.

  return kernel(real, real), kernel(made, made), kernel(real, made)


def _unbiased(kernels: Kernels, x: np.ndarray, y: np.ndarray) -> float:
  """The estimate; rows count x [n] and y [m] times, none beside itself.

  NaN where a side is one row again and again.
  """

  def within(kernel: np.ndarray, times: np.ndarray) -> float:
    pairs = times.sum() ** 2 - (times**2).sum()
    both = times @ kernel @ times - (times**2) @ np.diagonal(kernel)
    return both / pairs if pairs else np.nan

  of_real, of_made, across = kernels
  between = x @ across @ y / (x.sum() * y.sum())
  return float(within(of_real, x) + within(of_made, y) - 2 * between)


def _check(real: np.ndarray, made: np.ndarray) -> None:
  for rows, side in ((real, "real"), (made, "made")):
    check_count(len(rows), side)
  if real.shape[1] != made.shape[1]:
    raise InputError(
      f"features have {real.shape[1]} numbers for real pictures and "
      f"{made.shape[1]} for made ones; compare those of one network"
    )


def check_count(count: int, side: str) -> None:
  """Refuses what no distance can be told of.

  Args:
    count: of pictures.
    side: "real" or "made".

  Raises:
    InputError: if there are fewer than two.
  """
  if count < 2:
    raise InputError(
      f"--features: {counted(count, f'{side} picture')}, a distance needs at "
      "least 2 (and thousands to say much); give more, or leave --features out"
    )


class Distances:
  """Kernel and Frechet distance of made pictures to real ones.

  Features are kept as float32: 8 kB per picture and side for Inception-v3's
  2,048 numbers, 40 MB for 5,000 pictures.

  Attributes:
    key: of its entry in evaluation.json.
    settings: the features', and how the kernel distance is taken.
  """

  key = "distances"

  def __init__(self, features: Features, reference: str, seed: int = 0):
    """Begins with no picture.

    Args:
      features: by `open_features`.
      reference: whose photos the real ones are, such as "val": distances to
        another split's are other numbers.
      seed: of the kernel distance's subsets.
    """
    self._features, self._reference, self._seed = features, reference, seed
    self._rows: dict[str, list[np.ndarray]] = {"real": [], "made": []}
    self.settings: dict[str, Any] = {
      "features": features.settings,
      "reference": reference,
      "kernel": f"(x.y / d + 1)^3, unbiased, subsets of at most {LARGEST:,}",
      "seed": seed,
    }

  def add(self, pair: Pair) -> None:
    """Takes a pair; one without a real picture counts as made only.

    Raises:
      InputError: if features are not finite, or not as many as before.
    """
    self._add("made", pair.name, pair.made)
    if pair.real is not None:
      self._add("real", pair.name, pair.real)

  def _add(self, side: str, name: str, picture: np.ndarray) -> None:
    told = f"--features ({self._features.settings['name']})"
    which = f"the {side} picture of {name}"
    row = np.asarray(self._features(as_rgb(picture, which)), np.float32)
    first = next((rows[0] for rows in self._rows.values() if rows), row)
    if row.ndim != 1 or row.shape != first.shape:
      wanted = first.shape if first.ndim == 1 else "(d,)"
      raise InputError(
        f"{told}: gives {row.shape} numbers for {which}, must be {wanted}; "
        "give features of one width"
      )
    if not np.isfinite(row).all():
      raise InputError(
        f"{told}: gives numbers that are not finite for {which}; give another "
        "file, or a picture that is whole"
      )
    self._rows[side].append(row)

  def result(self) -> dict[str, Any]:
    """The kernel distance first, which few pictures do not move.

    Returns:
      `kid` {value, spread, how}, `fid` {value, note}, `n_real`, `n_made`,
      `reference` and `resize`; both distances None where no picture was real.

    Raises:
      InputError: if there are fewer than two made or real pictures.
    """
    counts = {f"n_{side}": len(rows) for side, rows in self._rows.items()}
    told = {
      **counts,
      "reference": self._reference,
      "resize": self._features.settings.get("resize"),
    }
    if not counts["n_real"]:
      return {"kid": None, "fid": None, "note": "no real photos", **told}
    for side, rows in self._rows.items():
      check_count(len(rows), side)
    real, made = (np.stack(self._rows[side]) for side in ("real", "made"))
    width = real.shape[1]
    few = min(counts.values()) < width
    return {
      "kid": kernel_distance(real, made, self._seed),
      "fid": {
        "value": frechet_distance(real, made),
        "note": f"rank-deficient (n < {width:,})" if few else "",
      },
      **told,
    }
