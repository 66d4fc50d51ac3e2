"""LPIPS of pictures: made against real, and of one map's draws of styles."""

import itertools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hdgan.errors import InputError
from hdgan.evaluation.features import sha256
from hdgan.evaluation.measure import Pair
from hdgan.evaluation.resize import as_rgb
from hdgan.networks import lpips
from hdgan.outside import check_path

# Once for each size of pictures, however often a training evaluates itself.
_compiled = jax.jit(lpips.lpips, static_argnames="network")


class Lpips:
  """The distance of two pictures, from a file by `hdgan.convert lpips`.

  Attributes:
    settings: sha256, network and version, for JSON.
  """

  def __init__(self, path: str):
    """Reads the weights.

    Args:
      path: of the file.

    Raises:
      InputError: if there is no such file or it holds something else.
    """
    path = str(pathlib.Path(path).expanduser())
    check_path(path, "--lpips")
    self._network, self._params = lpips.load(path, f"--lpips={path}")
    self.settings: dict[str, Any] = {
      "sha256": sha256(path),
      "network": self._network,
      "version": "0.1",
    }

  def __call__(self, first: np.ndarray, second: np.ndarray, name: str) -> float:
    """Computes it.

    Args:
      first: [H, W, 1 or 3] uint8.
      second: of the same height and width.
      name: how errors call the two.

    Raises:
      InputError: if sizes differ or are too small for the network.
    """
    size, least = first.shape[:2], lpips.LEAST[self._network]
    if second.shape[:2] != size:
      raise InputError(
        f"{name}: pictures of {size[0]}x{size[1]} and "
        f"{second.shape[0]}x{second.shape[1]} (height x width); LPIPS compares "
        "pictures of one size, scale them"
      )
    if min(size) < least:
      raise InputError(
        f"{name}: has {size[0]}x{size[1]} pixels, LPIPS with "
        f"{self._network} needs sides of at least {least}; leave --lpips out"
      )
    images = (
      jnp.asarray(as_rgb(x, name)[None] / np.float32(127.5) - np.float32(1))
      for x in (first, second)
    )
    found = _compiled(self._params, *images, network=self._network)
    return float(found[0])


class Perceptual:
  """Mean LPIPS between made and real pictures; lower is nearer.

  Attributes:
    key: of its entry in evaluation.json.
    settings: of the network.
  """

  key = "lpips"

  def __init__(self, lpips: Lpips):
    """Begins with no picture."""
    self._lpips, self.settings = lpips, lpips.settings
    self._values: dict[str, float] = {}

  def add(self, pair: Pair) -> None:
    """Takes a pair; one without a real picture is left out."""
    if pair.real is not None:
      value = self._lpips(pair.made, pair.real, pair.name)
      self._values[pair.name] = value

  def result(self) -> dict[str, Any]:
    """`mean`, `spread` of pictures, `n`, and `per_picture` by name."""
    return {**_summary(self._values), "per_picture": self._values}


class Diversity:
  """Mean LPIPS between draws of styles of one map; higher is more diverse.

  Attributes:
    key: of its entry in evaluation.json.
    settings: of the network.
  """

  key = "diversity"

  def __init__(self, lpips: Lpips):
    """Begins with no picture."""
    self._lpips, self.settings = lpips, lpips.settings
    self._values: dict[str, float] = {}
    self._draws = 0

  def add(self, pair: Pair) -> None:
    """Takes a map's draws, two by two; a map with fewer is left out."""
    values = [
      self._lpips(first, second, pair.name)
      for first, second in itertools.combinations(pair.draws or (), 2)
    ]
    if values:
      self._values[pair.name] = float(np.mean(values))
      self._draws = len(pair.draws)

  def result(self) -> dict[str, Any]:
    """`mean`, `spread` of maps, `n` maps, `draws` of each."""
    return {**_summary(self._values), "draws": self._draws}


def _summary(values: dict[str, float]) -> dict[str, Any]:
  numbers = list(values.values())
  return {
    "mean": float(np.mean(numbers)) if numbers else None,
    "spread": float(np.std(numbers)) if numbers else None,
    "n": len(numbers),
  }
