"""The pictures that a study compares: a folder per method, paired by name."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from hdgan.datasets import files
from hdgan.datasets.folder import KNOWN_SUFFIXES
from hdgan.datasets.tree import is_hidden
from hdgan.errors import InputError, counted, shortened, shown, visible
from hdgan.outside import check_path

REAL = "real"  # The name of the method that holds the real photos.
_NAME = re.compile(r"[\w.+-]{1,40}")
# The grid that `--mode=synthesize` draws beside its pictures has a name that
# none of these has; what hdgan wrote into a folder is listed in the file.
_GRID, _WRITTEN = re.compile(r"grid_*"), ".hdgan_written"


@dataclasses.dataclass(frozen=True)
class Methods:
  """Pictures of the same maps by several methods.

  Attributes:
    paths: of each method's pictures by stem; all methods have all stems.
    sizes: (H, W) by stem, the same for all methods; in the order of names.
  """

  paths: Mapping[str, Mapping[str, pathlib.Path]]
  sizes: Mapping[str, tuple[int, int]]

  @property
  def names(self) -> tuple[str, ...]:
    """Of the methods, in the order given."""
    return tuple(self.paths)

  def only(self, stems: Sequence[str]) -> "Methods":
    """The same without the pictures of other maps."""
    kept = {stem: size for stem, size in self.sizes.items() if stem in stems}
    return dataclasses.replace(self, sizes=kept)


def find_methods(entries: Sequence[str]) -> Methods:
  """Finds the pictures of all methods, and looks whether they go together.

  The real photos may be more than there are results.

  Args:
    entries: NAME=FOLDER each, as `--methods` lists them.

  Returns:
    Paths and sizes.

  Raises:
    InputError: for fewer than two methods, a folder without pictures or that
      lacks one, and pictures of one map that differ in size.
  """
  found = {name: _pictures(name, path) for name, path in _folders(entries)}
  made = [name for name in found if name != REAL]
  stems = sorted({stem for name in made for stem in found[name]})
  for name, paths in found.items():
    lost = [stem for stem in stems if stem not in paths]
    if lost:
      owner = next(other for other in made if lost[0] in found[other])
      raise InputError(
        f"--methods: {name} lacks {counted(len(lost), 'picture')} that "
        f"{owner} has: {shortened([*map(visible, lost)])}; add them, or remove "
        "those"
      )
  return Methods(found, {stem: _size(stem, found) for stem in stems})


def _folders(entries: Sequence[str]) -> list[tuple[str, pathlib.Path]]:
  """Name and folder of each method."""
  folders: dict[str, pathlib.Path] = {}
  for entry in entries:
    name, equals, text = entry.partition("=")
    if not equals or not text or not _NAME.fullmatch(name):
      raise InputError(
        f"--methods: {shown(entry, 80)} must be NAME=FOLDER, the name of "
        "letters, digits and _ . + -"
      )
    if name in folders:
      raise InputError(f"--methods: {name} is there twice; names must differ")
    check_path(text, f"--methods: {name}")
    path = pathlib.Path(text).expanduser()
    if not path.is_dir():
      raise InputError(f"--methods: {name}={visible(text)} is no folder")
    same = [n for n, other in folders.items() if other.samefile(path)]
    if same:
      raise InputError(
        f"--methods: {same[0]} and {name} are the same folder {visible(text)}; "
        "nobody could tell them apart"
      )
    folders[name] = path
  if len(folders) < 2:
    raise InputError(
      f"--methods names {counted(len(folders), 'method')}; at least two are "
      "compared: --methods=ours=FOLDER,real=FOLDER"
    )
  return list(folders.items())


def _pictures(name: str, folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """Pictures right in a folder by stem, without the endings of Cityscapes."""
  found: dict[str, pathlib.Path] = {}
  for path in sorted(folder.iterdir()):
    if path.suffix.lower() not in files.SUFFIXES or is_hidden(path.name):
      continue
    stem = path.stem.removesuffix(KNOWN_SUFFIXES["image"])
    if stem in found:
      raise InputError(
        f"--methods: {name} has two pictures {visible(found[stem].name)} and "
        f"{visible(path.name)} of one name; keep one"
      )
    found[stem] = path
  if (folder / _WRITTEN).is_file():
    grids = [stem for stem in found if _GRID.fullmatch(stem)]
    found.pop(max(grids, key=len, default=""), None)
  if not found:
    raise InputError(
      f"--methods: {name}={visible(str(folder))} holds no picture "
      f"({files.FORMATS})"
    )
  return found


def _size(
  stem: str, found: Mapping[str, Mapping[str, pathlib.Path]]
) -> tuple[int, int]:
  """(H, W) of the pictures of a map."""
  sizes = {}
  for name, paths in found.items():
    path = paths[stem]
    sizes[name] = files.facts(files.fetch(path), visible(str(path))).size
  (first, size), *others = sizes.items()
  for name, other in others:
    if other != size:
      raise InputError(
        f"--methods: {visible(stem)} is {size[1]}x{size[0]} in {first} but "
        f"{other[1]}x{other[0]} in {name}; scale them alike, or make "
        "pictures with --size=input"
      )
  return size


def read_rgb(path: pathlib.Path) -> np.ndarray:
  """Reads a picture [H, W, 3] uint8; of 16 bits the upper 8 are kept.

  Raises:
    InputError: for what is no picture of 8 or 16 bits.
  """
  picture = files.read_picture(path, 3)
  if picture.dtype == np.uint16:
    return (picture >> 8).astype(np.uint8)
  if picture.dtype != np.uint8:
    raise InputError(
      f"{visible(str(path))}: pictures to compare have 8 or 16 bits, this one "
      f"is {picture.dtype}; save it as PNG"
    )
  return picture
