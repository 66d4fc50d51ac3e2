"""Labels that another program predicted: `--segmenter=labels:DIR`.

DIR/result/ holds one map of class ids per picture, DIR/real/ one per photo,
each by the name of the map.
"""

import pathlib

import numpy as np

from hdgan.datasets import files
from hdgan.errors import InputError


class PredictedLabels:
  """Reads what any tool has predicted; see `segmentation.Segmenter`."""

  def __init__(self, folder: pathlib.Path):
    """Looks what is there.

    Args:
      folder: with result/ and, for an oracle, real/.

    Raises:
      InputError: if there is no result/.
    """
    self.folder = folder
    self.name = f"labels:{folder.name}"
    self.settings = {"kind": "labels", "name": folder.name}
    if not (folder / "result").is_dir():
      raise InputError(
        f"--segmenter=labels:{folder}: there is no folder result/ in it; put "
        "the predicted label maps there, named as the maps"
      )

  def __call__(self, name: str, picture: np.ndarray, real: bool) -> np.ndarray:
    """Reads [h, w] int32 class ids; see `segmentation.Segmenter`."""
    del picture
    path = self.folder / ("real" if real else "result") / f"{name}.png"
    if not path.is_file():
      raise InputError(f"{path}: no such file; every map needs its prediction")
    return files.read_map(path)
