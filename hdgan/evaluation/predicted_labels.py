"""Labels that another program predicted: `--segmenter=labels:DIR`.

DIR/result/ holds one map of class ids per picture, DIR/real/ one per photo,
each by the name of the map. Without real/ there is no oracle.
"""

import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np

from hdgan.datasets import files
from hdgan.datasets.transforms import Size
from hdgan.errors import Faults, InputError
from hdgan.evaluation import named_files
from hdgan.evaluation.segmentation import Segmenter

PARTS = ("result", "real")


class PredictedLabels(Segmenter):
  """Reads what any tool has predicted; see `segmentation.Segmenter`."""

  def __init__(
    self,
    folder: pathlib.Path,
    sizes: Mapping[str, tuple[Size, Size]],
    classes: int,
    ignored: int = -1,
  ):
    """Reads all of them once, so that no picture is made in vain.

    Args:
      folder: with result/ and, for an oracle, real/.
      sizes: of each map its own size and its picture's, by name.
      classes: how many the data has.
      ignored: an id of no class that may stand for none of them; -1 for none.

    Raises:
      InputError: all that is wrong, one line each.
    """
    if not (folder / "result").is_dir():
      raise InputError(
        f"--segmenter=labels:{folder}: there is no folder result/ in it; put "
        "the predicted label maps there, named as the maps"
      )
    self.name = f"labels: {folder.name}"
    faults, self._paths = Faults(), dict[str, dict[str, pathlib.Path]]()
    sums: dict[str, str | None] = dict.fromkeys(PARTS)
    for part in PARTS:
      if (folder / part).is_dir():
        self._paths[part] = named_files.find(
          folder / part, list(sizes), files.SUFFIXES, faults
        )
        sums[part] = _look(
          self._paths[part], sizes, classes, ignored=ignored, faults=faults
        )
    faults.raise_any()
    self.has_oracle = "real" in self._paths
    self.settings = {"kind": "labels", "real_sha256": sums["real"]}
    self.about = {"folder": folder.name, "result_sha256": sums["result"]}

  def __call__(self, name: str, picture: np.ndarray, real: bool) -> np.ndarray:
    """Reads [h, w] int32 class ids; see `segmentation.Segmenter`."""
    del picture
    path = self._paths["real" if real else "result"][name]
    return files.as_int32(files.read_map(path), str(path))


def _look(
  paths: Mapping[str, pathlib.Path],
  sizes: Mapping[str, tuple[Size, Size]],
  classes: int,
  *,
  ignored: int,
  faults: Faults,
) -> str:
  """Checks the maps of a folder; gives the SHA-256 of names and bytes."""
  total = hashlib.sha256()
  for name, path in paths.items():
    try:
      data = files.fetch(path)
      label = files.read_map(data, str(path), what="map of predicted classes")
    except InputError as error:
      faults.add(str(error))
      continue
    total.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    own, picture = sizes[name]
    if label.shape not in (own, picture):
      faults.add(
        f"{path}: is {_told(label.shape)} (height x width), the map is "
        f"{_told(own)}, the picture {_told(picture)}; predict at one of both"
      )
    wrong = (label < 0) | (label >= classes)
    wrong &= label != ignored
    if wrong.any():
      faults.add(
        f"{path}: holds {int(label[wrong][0])}, which is no class: the data "
        f"has 0..{classes - 1}; write the ids of classes.json, not those of "
        "another numbering"
      )
  return total.hexdigest()


def _told(size: tuple[int, ...]) -> str:
  return f"{size[0]}x{size[1]}"
