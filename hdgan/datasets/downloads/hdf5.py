"""HDF5 files, such as MATLAB 7.3 writes: one row at a time, by h5py."""

import dataclasses
import io
import pathlib
from typing import Any

import numpy as np

from hdgan.errors import InputError, visible


@dataclasses.dataclass(frozen=True)
class H5Part:
  """One row of a dataset in an HDF5 file, as an .npy file.

  It is opened for each read: handles are neither for threads nor for forks.

  Attributes:
    path: of the file.
    key: of the dataset.
    index: of the row, from 0.
  """

  path: pathlib.Path
  key: str
  index: int

  @property
  def name(self) -> str:
    """The file, the dataset and the row, counted from 1 as splits.mat does."""
    return visible(f"{self.path.name}/{self.key}/{self.index + 1}")

  @property
  def facts(self) -> tuple[Any, ...]:
    """The file's size and time."""
    found = self.path.stat()
    return found.st_size, found.st_mtime_ns

  def read(self) -> bytes:
    """The row as `numpy.save` writes it."""
    buffer = io.BytesIO()
    with open_hdf5(self.path) as file:
      try:
        row = file[self.key][self.index]
      except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise _damaged(self.path, error) from error
    np.save(buffer, row)
    return buffer.getvalue()


def open_hdf5(path: pathlib.Path) -> Any:
  """Opens an HDF5 file as `h5py.File`.

  Raises:
    InputError: without h5py, or for another kind of file.
  """
  try:
    import h5py
  except ImportError as error:
    raise InputError(
      f"{path.name} is read by h5py: pip install 'hdgan[data]', in a clone "
      "pip install -e '.[data]'"
    ) from error
  try:
    return h5py.File(path, "r")
  except OSError as error:
    raise _damaged(path, error) from error


def _damaged(path: pathlib.Path, error: Exception) -> InputError:
  reason = " ".join(str(error).split())[:150]
  return InputError(
    f"{path}: not an HDF5 file, or damaged or cut short ({reason}); download "
    "it anew"
  )
