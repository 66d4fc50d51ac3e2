"""ADE20K as SceneParse150 (Zhou et al., CVPR 2017): what papers call ADE20K.

Reads `images/` and `annotations/` of ADEChallengeData2016.zip: 20,210 pictures
to train on and 2,000 to hold out (`validation`), 150 classes. In the files 0 is
no class and 1..150 are classes; here they are 0..149, and 255 has none.

The objects of 100 of the classes are numbered in `annotations_instance/`, an
archive of its own: the green channel tells an object, unique in the picture
and 0 elsewhere; the red one is a class in another numbering (1..100) and not
read. Without that archive boundaries come from the labels.
"""

import dataclasses

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.errors import InputError

PAGE = "http://sceneparsing.csail.mit.edu"
_NAME = r"(?P<split>training|validation)/(?P<stem>ADE_[^/]+)"
_ARCHIVE = f"ADEChallengeData2016.zip from {PAGE}"
INSTANCES = f"{PAGE}/data/ChallengeData2017/annotations_instance.tar"
WANTED = {
  "label": Wanted(
    rf"annotations/{_NAME}\.png", "annotations/{split}/ADE_*.png", _ARCHIVE
  ),
  "instance": Wanted(
    rf"annotations_instance/{_NAME}\.png",
    "annotations_instance/{split}/ADE_*.png",
    INSTANCES,
  ),
  "image": Wanted(
    rf"images/{_NAME}\.jpg", "images/{split}/ADE_*.jpg", _ARCHIVE
  ),
}
SPLITS = {"training": "train", "validation": "val"}
# Names and colours as in CSAILVision/sceneparsing (objectName150.mat,
# color150.mat); has_instances: the 100 classes of placeschallenge's
# categoryMapping.txt; full: ids in all of ADE20K (mapFromADE.txt).
ROWS = listing.table("ade20k")


class Ade20k(FilesBuilder):
  """TFDS builder over `images/`, `annotations/`, `annotations_instance/`."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files.

    Raises:
      InputError: without a root, or for an unknown variant or split.
    """
    listing.choose(config, "variant", {"": None})
    listing.choose(config, "split", {"": None})
    tree = listing.open_download(config, "ADEChallengeData2016.zip")
    faults = listing.class_faults(config, len(ROWS), 255)
    found = listing.pair_splits(
      config, tree, WANTED, splits=SPLITS, faults=faults
    )
    splits = {name: [*map(_made, some)] for name, some in found.items()}
    notes = []
    if not any(one.instance for some in splits.values() for one in some):
      notes.append(
        f"{tree.root}: no annotations_instance/: boundaries are taken from the "
        f"labels; objects are in {INSTANCES}"
      )
    return Found(
      splits,
      classes=listing.class_entries(ROWS),
      faults=tuple(faults),
      notes=tuple(notes),
    )


def _made(example: ExampleFiles) -> ExampleFiles:
  """The example with labels from 0 and object numbers in one channel."""
  instance = example.instance
  return dataclasses.replace(
    example,
    label=listing.made(from_zero, example.label, how="ade20k 0..149"),
    instance=instance
    and listing.made(object_numbers, instance, how="ade20k green"),
  )


def from_zero(name: str, label: bytes) -> bytes:
  """Maps 1..150 [H, W] to 0..149, and 0, which is no class, to 255."""
  ids = files.read_map(label, name)
  if ids.max() > len(ROWS):
    raise InputError(
      f"{name}: value {ids.max()} is above {len(ROWS)}, the last class; give "
      "the annotations as they were downloaded"
    )
  # In 8 bits 0 - 1 is 255.
  return files.encode_map(ids.astype(np.uint8) - np.uint8(1))


def object_numbers(name: str, picture: bytes) -> bytes:
  """Takes the green channel [H, W] of an instance annotation."""
  rgb = files.read_picture(picture, 3, name)
  if rgb[..., 0].max() > 100:
    raise InputError(
      f"{name}: red value {rgb[..., 0].max()} is above 100, the last class of "
      f"instances; take {INSTANCES} as it is"
    )
  return files.encode_map(rgb[..., 1])
