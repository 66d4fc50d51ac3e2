"""Mapillary Vistas (Neuhold et al., ICCV 2017): streets all over the world.

Reads `{training,validation}/images/*.jpg` (18,000 and 2,000; the labels of
`testing` are not published) and, by `data.variant`:

* '': `v1.2/labels` and `v1.2/instances`, or both without a folder of their own
  as in older releases; 65 classes;
* 'v2.0': `v2.0/labels` and `v2.0/instances`, 123 classes.

Labels are palette PNGs whose indices are the classes, in the order of the
config JSON beside them (config_v1.2.json, config.json, config_v2.0.json), which
has their names and colours, whose objects are told apart ("instances") and what
is scored ("evaluate"). Its last entry is what was not labelled: that id is
ignored here. Instances have 16 bits, class * 256 + number, taken as they are.
Photos have up to 22 megapixels.
"""

from typing import Any, NamedTuple

from ml_collections import ConfigDict

from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.errors import InputError, shown
from hdgan.outside import parse_json

PAGE = "https://www.mapillary.com/dataset/vistas"
_SPLIT = "(?P<split>training|validation)"
_STEM = "(?P<stem>[^/]+)"
SPLITS = {"training": "train", "validation": "val"}
IMAGE = Wanted(
  rf"{_SPLIT}/images/{_STEM}\.jpg",
  "{split}/images/*.jpg",
  f"Mapillary Vistas from {PAGE}",
)


class Variant(NamedTuple):
  """One release of the annotations.

  Attributes:
    folder: regular expression of the folder that it has in a split.
    looks: the same for people.
    configs: names of the JSON file of its classes, the newest first.
    classes: how many there are, without the last entry.
  """

  folder: str
  looks: str
  configs: tuple[str, ...]
  classes: int


VARIANTS = {
  "": Variant(
    r"(?:v1\.2/)?",
    "v1.2/",
    configs=("config_v1.2.json", "config.json"),
    classes=65,
  ),
  "v2.0": Variant(
    r"v2\.0/", "v2.0/", configs=("config_v2.0.json",), classes=123
  ),
}


class Mapillary(FilesBuilder):
  """TFDS builder over the training and the validation pictures."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files; reads the JSON file of the classes.

    Raises:
      InputError: without a root, for an unknown variant or split, or a JSON
        file that is damaged.
    """
    listing.choose(config, "split", {"": None})
    variant = listing.choose(config, "variant", VARIANTS)
    tree = listing.open_download(config, "training/ and validation/")
    parts = (listing.find_file(tree, name) for name in variant.configs)
    table = next((part for part in parts if part is not None), None)
    rows = _rows(table) if table is not None else []
    count = len(rows) or variant.classes
    faults = listing.class_faults(config, count, count)
    if table is None:
      faults.append(
        listing.missing(tree, variant.configs[:1], f"it from where the "
                        f"pictures are from, {PAGE}")
      )  # fmt: skip
    elif count != variant.classes:
      faults.append(
        f"{table.name}: lists {count + 1} classes, those of "
        f"{variant.looks.strip('/')} are {variant.classes + 1}; take the file "
        "of the same release"
      )
    wanted = {
      role: Wanted(
        rf"{_SPLIT}/{variant.folder}{kind}/{_STEM}\.png",
        f"{{split}}/{variant.looks}{kind}/*.png",
        IMAGE.source,
      )
      for role, kind in (("label", "labels"), ("instance", "instances"))
    }
    splits = listing.pair_splits(
      config, tree, wanted | {"image": IMAGE}, splits=SPLITS, faults=faults
    )
    return Found(
      splits, classes=listing.class_entries(rows), faults=tuple(faults)
    )


def _rows(table: Part) -> list[dict[str, Any]]:
  """Rows for `class_entries`, the last entry left out.

  Raises:
    InputError: if it is no such file.
  """
  labels = parse_json(table.read(), dict, table.name).get("labels")
  entries = labels if isinstance(labels, list) else []
  rows = []
  for i, entry in enumerate(entries):
    try:
      red, green, blue = map(int, entry["color"])
      name = str(entry.get("readable") or entry["name"])
      row: dict[str, Any] = {"name": name, "color": (red, green, blue)}
      row["has_instances"] = bool(entry["instances"])
      row["ignore"] = not entry.get("evaluate", True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
      raise InputError(
        f"{table.name}: labels[{i}] = {shown(entry, 60)} has not the name, "
        "color and instances of a class; download it anew"
      ) from error
    rows.append(row)
  if len(rows) < 2:
    raise InputError(
      f"{table.name}: has no list of classes, 'labels'; download it anew"
    )
  return rows[:-1]
