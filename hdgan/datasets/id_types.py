"""The integer types in which ids of pixels travel to the devices.

An id takes as few bytes as the data needs, known before anything is read, so
that every batch of a run has the same types. At 2048x1024 an example is then
12.6 MB, or with the numbers of its objects 14.7, where 32 bits for each id
would make 23.1 and 31.5. Networks take ids of any of these types.
"""

from typing import NamedTuple

import numpy as np

from hdgan.picture_spec import PictureSpec

ANY = np.dtype(np.int32)  # Holds ids of up to 32 bits, see `files.as_int32`.
_SMALLER = (np.dtype(np.uint8), np.dtype(np.uint16))


class IdTypes(NamedTuple):
  """uint8, uint16 or int32 for each map of ids.

  Attributes:
    label: of class ids; of no meaning where the label is a picture.
    instance: of object ids as the files have them.
    objects: of the numbers 0..N-1 of objects.
  """

  label: np.dtype = ANY
  instance: np.dtype = ANY
  objects: np.dtype = ANY


ANY_IDS = IdTypes()  # For data of any kind.


def id_types(
  spec: PictureSpec,
  max_instances: int = 0,
  ids: tuple[int, int] | None = None,
) -> IdTypes:
  """Chooses the smallest type for each map.

  Args:
    spec: with the classes and the ignored one.
    max_instances: N, the bound on the objects of a picture; 0 if not known.
    ids: lowest and highest object id of all the data; None if not known.

  Returns:
    The types; int32 for what is not known.
  """
  return IdTypes(
    _smallest(0, max(spec.num_classes - 1, spec.ignore_label)),
    _smallest(*ids) if ids else ANY,
    _smallest(0, max_instances - 1) if max_instances else ANY,
  )


def _smallest(low: int, high: int) -> np.dtype:
  """The smallest type for integers low..high."""
  fitting = (t for t in _SMALLER if low >= 0 and high <= np.iinfo(t).max)
  return next(fitting, ANY)
