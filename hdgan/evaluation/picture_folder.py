"""Pictures that anybody made, beside the maps that they were made of."""

import pathlib
from collections.abc import Iterator

import numpy as np

from hdgan.datasets import files
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import (
  place_map,
  place_picture,
  whole_placement,
)
from hdgan.errors import InputError, shortened
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
    found: dict[str, list[pathlib.Path]] = {}
    for path in sorted(folder.iterdir()):
      if path.suffix.lower() in SUFFIXES:
        found.setdefault(path.stem, []).append(path)
    lost = [name for name in inputs.names if name not in found]
    if lost:
      raise InputError(
        f"--pictures={folder}: there is no picture of {shortened(lost)}; each "
        "map needs one of its name"
      )
    twice = [name for name in inputs.names if len(found[name]) > 1]
    if twice:
      names = [path.name for path in found[twice[0]]]
      raise InputError(
        f"--pictures={folder}: {' and '.join(names)} are both pictures of "
        f"{twice[0]}; keep one"
      )
    self.paths = [found[name][0] for name in inputs.names]

  def pairs(self, score_at: str) -> Iterator[Pair]:
    """Reads all pictures with their maps and photos.

    Args:
      score_at: "image" or "label", see `evaluation.Options`.

    Raises:
      InputError: for a picture of another shape than its map.
    """
    channels = self.inputs.reading.pictures.image_channels
    for path, example in zip(self.paths, self.inputs, strict=True):
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
