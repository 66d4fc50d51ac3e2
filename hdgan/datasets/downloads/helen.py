"""Helen with the face parts of Smith et al. (CVPR 2013): eleven classes.

Reads SmithCVPR2013_dataset_resized.zip: `images/ID.jpg`, eleven masks
`labels/ID/ID_lbl00.png` to `_lbl10.png`, and three lists of lines `NNNN , ID`:
exemplars.txt (2,000), tuning.txt (230) and testing.txt (100). The masks are
8-bit probabilities with soft borders: a pixel has the class whose mask is
highest, the first of equals, and background where all are 0. Left and right
are named as in the set's README. Hair is marked roughly in many pictures.

Trained on are the exemplars; held out are the tuning pictures, with
`data.split=testing` the testing ones. There are no instances.
"""

from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.folder import first_names
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError

PAGE = "http://pages.cs.wisc.edu/~lizhang/projects/face-parsing/"
_ARCHIVE = f"SmithCVPR2013_dataset_resized.zip from {PAGE}"
# In the order of the masks; the set has no colours of its own.
NAMES = (
  "background", "skin", "left brow", "right brow", "left eye", "right eye",
  "nose", "upper lip", "inner mouth", "lower lip", "hair",
)  # fmt: skip
# The group `split` only stands where others have one.
_IMAGES = Wanted(
  r"(?P<split>images)/(?P<stem>[^/]+)\.jpg", "images/ID.jpg", _ARCHIVE
)
_MASKS = Wanted(
  r"(?P<split>labels)/[^/]+/(?P<stem>[^/]+_lbl[0-9]{2})\.png",
  "labels/ID/ID_lbl00.png",
  _ARCHIVE,
)
# List, and our name of the split.
HELD_OUT = {"": ("tuning.txt", "val"), "testing": ("testing.txt", "test")}


class Helen(FilesBuilder):
  """TFDS builder over `images/`, `labels/` and the lists beside them."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists the pictures that the lists name.

    Raises:
      InputError: without a root, for an unknown variant or split.
    """
    listing.choose(config, "variant", {"": None})
    held_out = listing.choose(config, "split", HELD_OUT)
    listing.wants_instances(config)
    tree = listing.open_download(config, "images/, labels/ and exemplars.txt")
    faults = listing.class_faults(config, len(NAMES))
    found = listing.gather(tree, {"image": _IMAGES, "mask": _MASKS}, faults)
    images = found.get("images", {}).get("image", {})
    masks = found.get("labels", {}).get("mask", {})
    lists = ("exemplars.txt", held_out[0])
    gone = [
      *([] if images else [_IMAGES.looks]),
      *([] if masks else [_MASKS.looks]),
      *[name for name in lists if listing.find_file(tree, name) is None],
    ]
    if gone:
      faults.append(listing.missing(tree, gone, _ARCHIVE))
    splits = {}
    for name, split in (("exemplars.txt", "train"), held_out):
      ids = _listed(tree, name, faults)
      if images and masks:
        faults += _lacking(tree, name, ids, images | masks)
      splits[split] = [
        _example(id, images, masks)
        for id in ids
        if all(stem in images | masks for stem in _stems(id))
      ]
    return Found(
      splits,
      classes=listing.class_entries([{"name": name} for name in NAMES]),
      faults=tuple(faults),
      notes=(
        f"{tree.root}: no instance maps: boundaries are taken from the labels",
      ),  # fmt: skip
    )


def _stems(id: str) -> list[str]:
  """A picture's name and those of its masks."""
  return [id, *(f"{id}_lbl{i:02d}" for i in range(len(NAMES)))]


def _listed(tree: Tree, name: str, faults: list[str]) -> list[str]:
  """The ids of a list, in order of names."""
  found = listing.find_file(tree, name)
  if found is None:
    return []  # It is told among what is missing.
  lines = found.read().decode("utf-8", "replace").splitlines()
  ids = [line.rpartition(",")[2].strip() for line in lines if line.strip()]
  bad = [line for line in lines if line.strip() and "," not in line]
  if bad:
    faults.append(
      f"{found.name}: line {bad[0][:40]!r} is not of the form 'NUMBER , "
      "ID'; take the file as it was downloaded"
    )
  return sorted(set(ids))


def _lacking(
  tree: Tree, name: str, ids: list[str], there: Mapping[str, Part]
) -> list[str]:
  """Says in one line which pictures or masks a list names in vain."""
  gone = [stem for id in ids for stem in _stems(id) if stem not in there]
  if not gone:
    return []
  return [
    f"{tree.root}: {name} names {len(gone)} photos and masks that are not "
    f"there: {first_names(gone)}; unpack or download the archive anew"
  ]


def _example(
  id: str, images: Mapping[str, Part], masks: Mapping[str, Part]
) -> ExampleFiles:
  parts = [masks[stem] for stem in _stems(id)[1:]]
  label = listing.made(highest, *parts, how="helen highest")
  return ExampleFiles(id, label=label, instance=None, image=images[id])


def highest(name: str, *masks: bytes) -> bytes:
  """Gives each pixel [H, W] the class whose mask is highest there."""
  read = [files.read_map(mask, name) for mask in masks]
  sizes = sorted({f"{one.shape[0]}x{one.shape[1]}" for one in read})
  if len(sizes) > 1:
    raise InputError(
      f"{name}: the masks of this picture have different sizes "
      f"({', '.join(sizes)}); take those of one archive"
    )
  return files.encode_map(np.argmax(np.stack(read), axis=0))
