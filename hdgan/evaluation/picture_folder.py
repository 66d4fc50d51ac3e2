"""Pictures that anybody made, beside the maps that they were made of."""

import pathlib
from collections.abc import Iterator

import numpy as np

from hdgan.datasets import files
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import (
  Size,
  place_map,
  place_picture,
  whole_placement,
)
from hdgan.errors import Faults, InputError
from hdgan.evaluation import named_files
from hdgan.evaluation.measure import Pair

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


class PictureFolder:
  """One picture per map, found by the map's name."""

  def __init__(self, folder: pathlib.Path, inputs: SynthesisInputs):
    """Finds all pictures.

    Args:
      folder: of pictures.
      inputs: the maps, at their own size.

    Raises:
      InputError: where a map has no picture, or two.
    """
    self.folder, self.inputs = folder, inputs
    if not folder.is_dir():
      raise InputError(f"--pictures={folder}: there is no such folder")
    faults = Faults()
    self._paths = named_files.find(folder, inputs.names, SUFFIXES, faults)
    faults.raise_any()

  def sizes(self) -> dict[str, tuple[Size, Size]]:
    """Of each map its own (H, W) and its picture's, by name."""
    return {
      name: (own, files.facts(files.fetch(self._paths[name]), name).size)
      for name, (own, _) in self.inputs.sizes().items()
    }

  def pairs(self, score_at: str) -> Iterator[Pair]:
    """Reads all pictures with their maps and photos.

    Args:
      score_at: "image" or "label", see `evaluation.Options`.

    Raises:
      InputError: for a picture of another shape than its map.
    """
    channels = self.inputs.reading.pictures.image_channels
    for example in self.inputs:
      path = self._paths[example["name"]]
      made = files.read_picture(files.fetch(path), channels, str(path))
      size, own = made.shape[:2], example["label"].shape[:2]
      # A pixel of rounding is no other shape.
      if abs(size[0] * own[1] - size[1] * own[0]) > max(*own, *size):
        raise InputError(
          f"{path}: is {size[1]}x{size[0]}, its map {own[1]}x{own[0]}; a "
          "picture must show the whole map"
        )
      placement = whole_placement((size[0], size[1]))
      label, real = example["label"], example["image"]
      if score_at == "image" and label.ndim == 2:
        label = place_map(label, placement)
      if real is not None:
        real = np.asarray(place_picture(real, placement))
      yield Pair(example["name"], label, made=made, real=real)
