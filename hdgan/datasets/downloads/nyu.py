"""NYU Depth v2, the labelled part (Silberman et al., ECCV 2012): 1,449 rooms.

Reads nyu_depth_v2_labeled.mat (HDF5, h5py: `pip install 'hdgan[data]'`):
`images` [N, 3, 640, 480], `labels` [N, 640, 480] of 0..894, where 0 is none,
and `instances` [N, 640, 480], which start anew in each class. They are
transposed, and cut as the toolbox's get_projection_mask.m does: it keeps rows
45..471 and columns 41..601, counted from 1, which are 427x561. Depth is not
read.

`data.variant`: '' for the 40 classes of Gupta et al. (CVPR 2013), '13' for
those of nyuv2-meta-data (SceneNet's), '894' for the raw ones. Pixels
without a class are 255, of '894', where 255 is a class, 65535. An object is a
pair of raw class and instance, so that objects of different raw classes stay
apart where these are folded into one.

`data.split`: '' for the official 795 / 654 of splits.mat; 'crn' for the 1,200 /
249 of Chen and Koltun (ICCV 2017), to whose pictures the pix2pixHD paper
compares. Which classes either paper used could not be verified, nor that CRN's
1,200 are the first ones: 40 classes and the first 1,200 are what is likely.
"""

import io
import pathlib
import zlib
from typing import Any

import numpy as np
import scipy.io
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.hdf5 import H5Part, open_hdf5
from hdgan.datasets.examples import ExampleFiles, FilePart, Found
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, raise_faults

FILE = "nyu_depth_v2_labeled.mat"
PAGE = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
# Splits and tables, as several loaders take them.
META = "https://github.com/ankurhanda/nyuv2-meta-data"
SIZE = (640, 480)  # As stored: width first.
ROWS, COLUMNS = slice(44, 471), slice(40, 601)
CRN_TRAIN = 1200
VARIANTS = {"": 40, "13": 13, "894": 894}
# What a room consists of has no objects.
_STUFF = ("wall", "floor", "ceiling")


class Nyu(FilesBuilder):
  """TFDS builder over the rows of nyu_depth_v2_labeled.mat."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists the rows of each split and reads the tables.

    Raises:
      InputError: without a root or h5py, for an unknown variant or split, and
        for a file that is missing or not what its name says.
    """
    count = listing.choose(config, "variant", VARIANTS)
    crn = listing.choose(config, "split", {"": False, "crn": True})
    keep = listing.wants_instances(config)
    tree = listing.open_download(config, FILE)
    ignored = 65535 if count > 255 else 255
    faults = listing.class_faults(config, count, ignored)
    gone = _missing(tree, count, crn)
    if gone:
      raise_faults([*faults, *gone])
    path = _labelled(tree)
    total = _check(path)
    fold, names = _classes(tree, path, count)
    rows = _first(total) if crn else _official(tree)
    if max(max(some, default=-1) for some in rows.values()) >= total:
      raise InputError(
        f"{path}: has {total} pictures, its split names more; download it anew "
        f"from {PAGE}"
      )
    splits = {
      split: [_example(path, row, fold, keep) for row in some]
      for split, some in rows.items()
    }
    classes = listing.class_entries(
      [{"name": n, "has_instances": n not in _STUFF} for n in names]
    )
    return Found(splits, classes=classes, faults=tuple(faults))


def _example(
  path: pathlib.Path, row: int, fold: np.ndarray, keep: bool
) -> ExampleFiles:
  """The parts of one row."""
  label, instance = H5Part(path, "labels", row), H5Part(path, "instances", row)
  how = f"nyu {zlib.crc32(fold.tobytes()):08x}"
  make = listing.made
  return ExampleFiles(
    f"nyu_{row + 1:04d}",
    label=make(folded, label, how=how, fold=fold),
    instance=make(objects, label, instance, how="nyu pairs") if keep else None,
    image=make(photo, H5Part(path, "images", row), how="nyu photo"),
  )


def folded(name: str, label: bytes, *, fold: np.ndarray) -> bytes:
  """Maps raw classes [640, 480] by a table to class ids [427, 561]."""
  raw = files.read_map(label, name)
  if raw.max() >= len(fold):
    raise InputError(
      f"{name}: class {raw.max()} is above {len(fold) - 1}, the last that the "
      f"table of classes has; take both anew ({PAGE}, {META})"
    )
  return files.encode_map(fold[raw.T[ROWS, COLUMNS]])


def objects(name: str, label: bytes, instance: bytes) -> bytes:
  """Numbers the pairs of raw class and instance densely; 0 has no class."""
  raw = files.read_map(label, name).T[ROWS, COLUMNS].astype(np.int64)
  number = files.read_map(instance, name).T[ROWS, COLUMNS]
  pairs = np.where(raw > 0, raw * 256 + number, 0)
  # With a 0 in front, none is number 0 in every picture.
  _, dense = np.unique(np.append(0, pairs), return_inverse=True)
  return files.encode_map(dense[1:].reshape(pairs.shape))


def photo(name: str, image: bytes) -> bytes:
  """Turns [3, 640, 480] into a photo of 427x561."""
  del name
  array = np.load(io.BytesIO(image), allow_pickle=False)
  cut = array.transpose(2, 1, 0)[ROWS, COLUMNS]
  return files.encode_png(np.ascontiguousarray(cut))


def _missing(tree: Tree, count: int, crn: bool) -> list[str]:
  """Says which of the files that a variant and a split need are not there."""
  needed = {FILE: f"'Labeled dataset' (2.8 GB) from {PAGE}"}
  if not crn:
    needed["splits.mat"] = f"it from {META}"
  if count <= 40:
    needed["classMapping40.mat"] = f"it from {META}"
  if count == 13:
    needed["class13Mapping.mat"] = f"it from {META}"
  return [
    listing.missing(tree, [name], source)
    for name, source in needed.items()
    if listing.find_file(tree, name) is None
  ]


def _labelled(tree: Tree) -> pathlib.Path:
  """Where the labelled part lies: on a disk, HDF5 reads from no archive."""
  found = listing.find_file(tree, FILE)
  assert found is not None  # `_missing` looked.
  if not isinstance(found, FilePart):
    raise InputError(
      f"{found.path}: unpack it, {FILE} is not read while packed"
    )
  return found.path


def _check(path: pathlib.Path) -> int:
  """Compares the shapes with those of the set and counts the pictures."""
  with open_hdf5(path) as file:
    shapes = {
      key: getattr(file.get(key), "shape", None)
      for key in ("images", "labels", "instances")
    }
  total = (shapes["images"] or (0,))[0]
  wanted = {
    "images": (total, 3, *SIZE),
    "labels": (total, *SIZE),
    "instances": (total, *SIZE),
  }
  for key, shape in wanted.items():
    if shapes[key] != shape or not total:
      raise InputError(
        f"{path}: its dataset '{key}' is {shapes[key]}, not (N, "
        f"{', '.join(map(str, shape[1:]))}); download {FILE} from {PAGE}"
      )
  return total


def _first(total: int) -> dict[str, list[int]]:
  """The first rows, and the rest."""
  first = min(CRN_TRAIN, total)
  return {"train": [*range(first)], "test": [*range(first, total)]}


def _official(tree: Tree) -> dict[str, list[int]]:
  """Rows from 0 of splits.mat."""
  told = _mat(tree, "splits.mat", ("trainNdxs", "testNdxs"))
  return {
    split: sorted(int(i) - 1 for i in told[f"{split}Ndxs"].ravel())
    for split in ("train", "test")
  }


def _classes(
  tree: Tree, path: pathlib.Path, count: int
) -> tuple[np.ndarray, list[str]]:
  """From raw classes 0..894 to ids [895], and the names of the ids."""
  if count == 894:
    fold = np.arange(-1, 894)
    fold[0] = 65535
    with open_hdf5(path) as file:
      names = [
        "".join(map(chr, np.ravel(file[ref]))) for ref in file["names"][()].flat
      ]
    return fold, names
  forty = _mat(tree, "classMapping40.mat", ("mapClass", "className"))
  fold = np.append(256, forty["mapClass"].ravel().astype(np.int64)) - 1
  names = forty["className"]
  if count == 13:
    few = _mat(tree, "class13Mapping.mat", ("classMapping13",))
    table = few["classMapping13"][0, 0]
    thirteen = table["labels13"].ravel().astype(np.int64) - 1
    fold = np.append(255, thirteen[fold[1:]])
    names = table["classNames"]
  return fold, [str(np.ravel(one)[0]) for one in np.ravel(names)]


def _mat(tree: Tree, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
  """Reads a small .mat file (of MATLAB 5).

  Raises:
    InputError: if it holds something else.
  """
  part = listing.find_file(tree, name)
  assert part is not None  # `_missing` looked.
  try:
    told = scipy.io.loadmat(io.BytesIO(part.read()))
    return {key: told[key] for key in keys}
  except Exception as error:  # scipy raises a dozen kinds on other bytes.
    reason = " ".join(str(error).split())[:100]
    raise InputError(
      f"{part.name}: not the table that is wanted ({reason}); take it from "
      f"{META}"
    ) from error
