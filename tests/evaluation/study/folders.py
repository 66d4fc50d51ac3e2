"""Small folders of pictures, as methods leave them."""

import pathlib

import numpy as np
from PIL import Image

STEMS = tuple(f"strasse_{i:02}" for i in range(12))
# Names that no page would use in any other sense.
METHODS = "unsermodell", "fremdmodell", "real"


def make_folders(
  root: pathlib.Path,
  methods=METHODS,
  stems=STEMS,
  size=(24, 32),
  ending=".png",
) -> list[str]:
  """Writes a folder of noise per method; gives the entries of --methods."""
  rng, entries = np.random.default_rng(1), []
  for method in methods:
    folder = root / f"bilder_{method}"
    folder.mkdir(parents=True)
    for stem in stems:
      write_picture(folder / f"{stem}{ending}", rng, size)
    entries.append(f"{method}={folder}")
  return entries


def write_picture(path: pathlib.Path, rng, size=(24, 32), **options) -> None:
  """A picture of eight colours in squares."""
  height, width = size
  small = rng.integers(0, 256, (-(-height // 4), -(-width // 4), 3), np.uint8)
  picture = small.repeat(4, 0).repeat(4, 1)[:height, :width]
  Image.fromarray(picture).save(path, **options)
