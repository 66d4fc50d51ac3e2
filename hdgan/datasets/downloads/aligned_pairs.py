"""Pictures that hold A and B side by side, as pix2pix (2017) has its data sets.

Reads `train/`, and `val/` or `test/` for what is held out (val, if both are
there; `data.split=test` for the other), of facades, maps, edges2shoes and the
like from pix2pix's page, or of one's own. Each picture is cut in the middle.
The label is the left half, A; with `data.variant=BtoA` it is the right one. In
pix2pix's facades and cityscapes A is the photo, so that these want BtoA; in
edges2shoes and edges2handbags A is the edges.

Labels are RGB pictures (num_classes = 0): colours of classes that were saved as
JPEG cannot be mapped back to ids. There are no instances and no boundaries.
"""

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.errors import InputError, raise_faults

PAGE = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/"
PAIR = Wanted(
  r"(?P<split>train|val|test)/(?P<stem>[^/]+)\.(?i:jpe?g|png)",
  "train/*.jpg",
  f"facades.tar.gz, maps.tar.gz or another one from {PAGE}",
)


class AlignedPairs(FilesBuilder):
  """TFDS builder over `train/` and `val/` or `test/` of joined pictures."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists the pictures.

    Raises:
      InputError: without a root, for an unknown variant or split, and where
        fields do not fit: by those the pictures would be misunderstood.
    """
    label = listing.choose(config, "variant", {"": "left", "BtoA": "right"})
    wanted = listing.choose(
      config, "split", {"": ("val", "test"), "val": ("val",), "test": ("test",)}
    )
    listing.wants_instances(config)
    tree = listing.open_download(config, "train/ and val/ or test/")
    misfits = picture_faults(config, channels=3)
    faults = [*misfits]
    found = listing.gather(tree, {"pair": PAIR}, faults)
    if "train" not in found:
      faults.append(listing.missing(tree, [PAIR.looks], PAIR.source))
    held_out = next((split for split in wanted if split in found), "")
    if config.data.split and not held_out:
      faults.append(
        f"{tree.root}: no {config.data.split}/; say --config.data.split=''"
      )
    if misfits:
      raise_faults(faults)
    splits = {"train": _halves(found, "train", label)}
    if held_out:
      splits[held_out] = _halves(found, held_out, label)
    notes = [] if held_out else [f"{tree.root}: nothing is held out"]
    return Found(splits, faults=tuple(faults), notes=tuple(notes))


def picture_faults(config: ConfigDict, *, channels: int) -> list[str]:
  """Says in one line which fields do not fit labels that are pictures.

  Args:
    config: of the experiment.
    channels: of the labels.
  """
  fields = {
    "num_classes": 0, "boundary": False, "data.label_channels": channels,
  }  # fmt: skip
  flat = {"data.label_channels": config.data.label_channels}
  have = flat | {"num_classes": config.num_classes, "boundary": config.boundary}
  wrong = [name for name in fields if have[name] != fields[name]]
  if not wrong:
    return []
  told = ", ".join(f"{name} = {have[name]}" for name in wrong)
  say = " ".join(f"--config.{name}={fields[name]}" for name in wrong)
  return [
    f"config.data.name={config.data.name}: labels are pictures of {channels} "
    f"channel{'s' * (channels > 1)}, without classes and objects; {told} "
    f"does not fit: say {say}"
  ]


def _halves(
  found: dict[str, dict[str, dict]], split: str, label: str
) -> list[ExampleFiles]:
  """Examples of a split, in name order."""
  image = {"left": "right", "right": "left"}[label]
  return [
    ExampleFiles(
      stem,
      label=listing.made(half, part, how=f"pairs {label}", side=label),
      instance=None,
      image=listing.made(half, part, how=f"pairs {image}", side=image),
    )
    for stem, part in sorted(found.get(split, {}).get("pair", {}).items())
  ]


def half(name: str, picture: bytes, *, side: str) -> bytes:
  """Cuts out the left or the right half [H, W / 2, 3] of a picture.

  Raises:
    InputError: for an odd width.
  """
  pixels = files.read_picture(picture, 3, name)
  height, width = pixels.shape[:2]
  if width % 2:
    raise InputError(
      f"{name}: {height}x{width} (height x width) has no middle; two pictures "
      "of one size side by side have an even width: join them anew"
    )
  if pixels.dtype != np.uint8:
    raise InputError(
      f"{name}: pairs have 8 bits, this one is {pixels.dtype}; save it so"
    )
  middle = width // 2
  return files.encode_png(
    pixels[:, :middle] if side == "left" else pixels[:, middle:]
  )
