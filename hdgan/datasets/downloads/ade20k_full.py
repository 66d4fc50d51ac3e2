"""All of ADE20K, the release 2021_17_01: more than 3,000 classes.

Reads `images/ADE/training/` (25,574 pictures, held out: `validation`, 2,000) of
ADE20K_2021_17_01.zip. A pixel's class is R // 10 * 256 + G of `*_seg.png`, 0
for none, and its object B, unique within a picture. The masks of single
objects and the parts are not read. Faces and number plates are blurred in this
release, and a model learns that.

`data.variant`: '' for the 150 classes of SceneParse150 (and 255 for the rest),
found by their ids as in CSAILVision's mapFromADE.txt; those were made for the
release of 2016 and agree with the names in the pictures of 2021 that were
looked at, which are the three that the authors show, not all. 'topK', such as
'top500': the K classes with most pixels in the training pictures, which are all
read for that, once; names come from the JSON files.
"""

import dataclasses
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import ade20k, listing
from hdgan.datasets.downloads.ade20k import SPLITS
from hdgan.datasets.downloads.ade20k_census import class_ids, count_classes
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.errors import InputError, raise_faults

PAGE = "http://groups.csail.mit.edu/vision/datasets/ADE20K/request_data/"
_NAME = (
  r"images/ADE/(?P<split>training|validation)/(?:[^/]+/)*(?P<stem>ADE_[^/]+)"
)
_LOOKS = "images/ADE/{split}/**/ADE_*"
_ARCHIVE = f"ADE20K_2021_17_01.zip, which {PAGE} gives on request"
WANTED = {
  "label": Wanted(rf"{_NAME}_seg\.png", f"{_LOOKS}_seg.png", _ARCHIVE),
  "image": Wanted(rf"{_NAME}\.jpg", f"{_LOOKS}.jpg", _ARCHIVE),
}
_JSON = {"json": Wanted(rf"{_NAME}\.json", f"{_LOOKS}.json", _ARCHIVE)}
_IDS = (255 // 10 + 1) * 256  # Above every class that can be written.


class Ade20kFull(FilesBuilder):
  """TFDS builder over the folders of scenes of the release of 2021."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files; for 'topK' reads the training pictures once.

    Raises:
      InputError: without a root, for an unknown variant or split, and for
        'topK' every fault that is found before the pictures are read.
    """
    count = _count_of(config.data.variant)
    listing.choose(config, "split", {"": None})
    tree = listing.open_download(config, "ADE20K_2021_17_01.zip")
    faults = listing.class_faults(config, count, ignored_of(count))
    splits = listing.pair_splits(
      config, tree, WANTED, splits=SPLITS, faults=faults
    )
    if config.data.variant:
      raise_faults(faults)
      jsons = listing.gather(tree, _JSON, []).get("training", {})
      rows = _most_pixels(
        config, splits["train"], jsons.get("json", {}), count=count
      )
    else:
      rows = ade20k.ROWS
    kinds = tuple(tuple(row["full"]) for row in rows)
    keep = listing.wants_instances(config)
    return Found(
      {
        name: [_made(one, kinds, keep) for one in some]
        for name, some in splits.items()
      },
      classes=listing.class_entries(rows),
      faults=tuple(faults),
      notes=(
        f"{tree.root}: faces and number plates are blurred in this release, and"
        " a model learns that",
      ),
    )


def ignored_of(count: int) -> int:
  """The id of no class: 255, where this is not the id of a class."""
  return 255 if count <= 255 else 65535


def index_classes(
  name: str, picture: bytes, *, kinds: Sequence[Sequence[int]]
) -> bytes:
  """Maps classes to 0..K-1, by the ids that each of the K stands for."""
  table = np.full(_IDS, ignored_of(len(kinds)), np.uint16)
  for i, ids in enumerate(kinds):
    table[list(ids)] = i
  return files.encode_map(table[class_ids(name, picture)])


def object_numbers(name: str, picture: bytes) -> bytes:
  """Takes the blue channel [H, W] of a `*_seg.png`."""
  return files.encode_map(files.read_picture(picture, 3, name)[..., 2])


def _count_of(variant: str) -> int:
  """How many classes a variant has.

  Raises:
    InputError: for an unknown one.
  """
  top = re.fullmatch(r"top([1-9][0-9]{0,3})", variant)
  if variant and not top:
    raise InputError(
      f"config.data.variant={variant!r}: the data set ade20k_full has no such "
      "variant; say --config.data.variant='' for the 150 classes or "
      "--config.data.variant=top500 for the 500 with most pixels"
    )
  return int(top[1]) if top else len(ade20k.ROWS)


def _made(
  example: ExampleFiles, kinds: tuple[tuple[int, ...], ...], keep: bool
) -> ExampleFiles:
  """The example with class indices and object numbers in maps of their own."""
  which = zlib.crc32(repr(kinds).encode())
  make, seg = listing.made, example.label
  return dataclasses.replace(
    example,
    label=make(index_classes, seg, how=f"ade20k_full {which:08x}", kinds=kinds),
    instance=make(object_numbers, seg, how="ade20k_full blue")
    if keep
    else None,
  )


def _most_pixels(
  config: ConfigDict,
  examples: Sequence[ExampleFiles],
  jsons: Mapping[str, Part],
  *,
  count: int,
) -> list[dict[str, Any]]:
  """Rows of the classes with most pixels, as in the table of the 150.

  Raises:
    InputError: for fewer classes than asked for, or a picture that is damaged.
  """
  pixels, names = count_classes(config, examples, jsons)
  if len(pixels) < count:
    raise InputError(
      f"{config.data.root}: {len(pixels)} classes occur, not {count}; say "
      f"--config.data.variant=top{len(pixels)} --config.num_classes="
      f"{len(pixels)} --config.ignore_label={ignored_of(len(pixels))}"
    )
  stuff = {
    id for row in ade20k.ROWS if not row["has_instances"] for id in row["full"]
  }
  most = sorted(pixels, key=lambda id: (-pixels[id], id))[:count]
  # Of a name with its synonyms the first, where this is no other's too.
  short = {id: names.get(id, f"class {id}").split(",")[0] for id in most}
  times = Counter(short.values())
  return [
    {
      "name": short[id] if times[short[id]] == 1 else names[id],
      "has_instances": id not in stuff,
      "full": [id],
    }
    for id in most
  ]
