"""Cityscapes (Cordts et al., CVPR 2016): street scenes of 2048x1024.

Reads `gtFine/` and `leftImg8bit/` of the splits train (2,975) and val (500).
`data.variant`:

* '': the 35 ids of the released pix2pixHD code: labelIds 0..33 as they are and
  34, the licence plate, which is -1 in Cityscapes and not drawn; never scored
  are all but 19 of them.
* 'fine19': the 19 scored classes (trainIds, mapped here), 255 for the rest.

An object's id is `id * 1000 + k`, of a group that was not told apart just `id`:
16 bits, compared with the label map and taken as they are. What Cityscapes'
scripts write beside them (labelTrainIds, instanceTrainIds, color) is never
read, the second being wrong for some pictures. The label maps of the test split
are dummies. The pictures of `leftImg8bit_blurred` are meant for figures only.
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

PAGE = "https://www.cityscapes-dataset.com/downloads/"
_FRAME = r"(?P<split>train|val)/[^/]+/(?P<stem>[^/]+)"
_TRUTH = f"gtFine_trainvaltest.zip from {PAGE}"
WANTED = {
  "label": Wanted(
    rf"gtFine/{_FRAME}_gtFine_labelIds\.png",
    "gtFine/{split}/CITY/*_gtFine_labelIds.png",
    _TRUTH,
  ),
  "instance": Wanted(
    rf"gtFine/{_FRAME}_gtFine_instanceIds\.png",
    "gtFine/{split}/CITY/*_gtFine_instanceIds.png",
    _TRUTH,
  ),
  # People who are short of room save the photos as JPEG.
  "image": Wanted(
    rf"leftImg8bit/{_FRAME}_leftImg8bit\.(?:png|jpe?g)",
    "leftImg8bit/{split}/CITY/*_leftImg8bit.png",
    f"leftImg8bit_trainvaltest.zip from {PAGE} (the blurred photos are for "
    "figures only and not taken)",
  ),
}
VARIANTS = {"": 35, "fine19": 19}
# Names, colours, which are scored and whose objects are told apart: as in
# cityscapesScripts, helpers/labels.py. TrainIds number the scored ones.
_ROWS = listing.table("cityscapes")
_SCORED = [i for i, row in enumerate(_ROWS) if not row["ignore"]]


class Cityscapes(FilesBuilder):
  """TFDS builder over `gtFine/` and `leftImg8bit/`, unpacked or not."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files by city, sequence and frame.

    Raises:
      InputError: without a root, for the test split or an unknown variant.
    """
    if config.data.split == "test":
      raise InputError(
        "config.data.split='test': the label maps of Cityscapes' test split "
        "are dummies, nothing can be made from them; say --config.data.split=''"
      )
    listing.choose(config, "split", {"": None})
    count = listing.choose(config, "variant", VARIANTS)
    tree = listing.open_download(config, "gtFine/ and leftImg8bit/")
    faults = listing.class_faults(config, count, 255 if count == 19 else -1)
    names = {"train": "train", "val": "val"}
    splits = listing.pair_splits(
      config, tree, WANTED, splits=names, faults=faults
    )
    rows = [_ROWS[i] for i in _SCORED] if count == 19 else _ROWS
    splits = {
      name: [_made(one, count == 19) for one in examples]
      for name, examples in splits.items()
    }
    return Found(
      splits, classes=listing.class_entries(rows), faults=tuple(faults)
    )


def _made(example: ExampleFiles, scored: bool) -> ExampleFiles:
  """The example with ids that are compared, and trainIds where wanted."""
  label, instance = example.label, example.instance
  return dataclasses.replace(
    example,
    label=listing.made(train_ids, label, how="cityscapes trainIds")
    if scored
    else label,
    instance=instance
    and listing.made(same_classes, instance, label, how="cityscapes compared"),
  )


def same_classes(name: str, instance: bytes, label: bytes) -> bytes:
  """Gives back an instance map if its classes are the label map's.

  Raises:
    InputError: if not: saved in 8 bits, scaled, or of another picture.
  """
  ids = files.read_map(instance, name).astype(np.int64)
  classes = files.read_map(label, f"the label map of {name}")
  # Sizes that differ are told by the check.
  if ids.shape == classes.shape:
    own = np.where(ids >= 1000, ids // 1000, ids)
    count = int(np.count_nonzero(own != classes))
    if count:
      raise InputError(
        f"{name}: {count} pixels are of another class than in the label map "
        f"(id // 1000), as after saving in 8 bits; take {_TRUTH} anew"
      )
  return instance


def train_ids(name: str, label: bytes) -> bytes:
  """Maps labelIds [H, W] to trainIds 0..18, and 255 for what is not scored."""
  ids = files.read_map(label, name)
  table = np.full(256, 255, np.uint8)
  table[_SCORED] = np.arange(len(_SCORED))
  return files.encode_map(table[ids])
