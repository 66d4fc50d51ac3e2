"""What every measure has in common: it is shown pictures, then tells numbers.

All pictures of a split pass by once, one after the other: no measure asks for
all of them at the same time.
"""

import dataclasses
from typing import Any, Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pair:
  """A picture that was made of a map, beside the photo of that map.

  Attributes:
    name: of the map.
    label: [h, w] int32 class ids at the size at which classes are compared, or
      [h, w, C] where the label is itself a picture.
    made: [H, W, 1 or 3] uint8, by G or by anyone.
    real: [H, W, 1 or 3] uint8, the photo at the size of `made`; None where the
      split has no photos.
    draws: further pictures of the same map, each in styles drawn anew; the
      same shape as `made`.
  """

  name: str
  label: np.ndarray
  made: np.ndarray
  real: np.ndarray | None = None
  draws: tuple[np.ndarray, ...] = ()


class Measure(Protocol):
  """One score of pictures.

  Attributes:
    key: under which `evaluation.json` has its result.
    settings: all that its numbers depend on besides the pictures, as JSON has
      it, with the SHA-256 of every file of weights: part of the protocol.
  """

  key: str
  settings: dict[str, Any]

  def add(self, pair: Pair) -> None:
    """Takes one picture into account.

    Raises:
      InputError: for a pair that it cannot judge.
    """

  def result(self) -> dict[str, Any]:
    """The numbers of all pairs so far, as JSON has them; NaN never.

    Raises:
      InputError: where there were too few.
    """
