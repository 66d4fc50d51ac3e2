"""CMP Facade Database (Tylecek, Sara, GCPR 2013): rectified facades.

Reads CMP_facade_DB_base.zip (378, `cmp_b0001.jpg`, `.png`, `.xml`) and, where
it is there, CMP_facade_DB_extended.zip (228, `cmp_x0001...`). Labels are
palette PNGs whose indices are the classes 1..12; 0 does not occur.

The XML files list rectangles: x runs down and y to the right, both as a share
of the height and the width, from the middle of the first pixel to that of the
last, counted from 1: rows round(x0 * H) .. round(x1 * H), both inside. Drawn in
the order of `ORDER` they give the labels of the base set back pixel for pixel
(found on all of its pictures); in that order the objects are drawn here too,
`label * 1000 + k`, k counting a class's rectangles in the file from 0. Of
objects of one class that overlap the smaller one is in front. Background is 1.

The archives hold no split. Held out are the base pictures whose number ends in
0 (37); all others are trained on.
"""

import dataclasses
import re
import xml.etree.ElementTree as ET
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.errors import InputError

PAGE = "https://cmp.felk.cvut.cz/~tylecr1/facade/"
_ARCHIVE = f"CMP_facade_DB_base.zip (and _extended.zip) from {PAGE}"
_NAME = r"(?P<stem>cmp_(?P<split>[bx])[0-9]+)"
WANTED = {
  role: Wanted(rf"{_NAME}\.{ending}", f"cmp_{{split}}*.{ending}", _ARCHIVE)
  for role, ending in (("label", "png"), ("instance", "xml"), ("image", "jpg"))
}
# Names as in the XML files, colours as in the PNGs.
CLASSES = (
  ("unused", (0, 0, 0)),
  ("background", (0, 0, 170)),
  ("facade", (0, 0, 255)),
  ("window", (0, 85, 255)),
  ("door", (0, 170, 255)),
  ("cornice", (0, 255, 255)),
  ("sill", (85, 255, 170)),
  ("balcony", (170, 255, 85)),
  ("blind", (255, 255, 0)),
  ("deco", (255, 170, 0)),
  ("molding", (255, 85, 0)),
  ("pillar", (255, 0, 0)),
  ("shop", (170, 0, 0)),
)
BACKGROUND = 1
# Facade, molding, cornice, pillar, window, door, sill, blind, balcony, shop,
# deco: later ones cover earlier ones.
ORDER = (2, 10, 5, 11, 3, 4, 6, 8, 7, 12, 9)


class CmpFacades(FilesBuilder):
  """TFDS builder over `cmp_b*` and `cmp_x*` of the two archives."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files.

    Raises:
      InputError: without a root, or for an unknown variant or split.
    """
    listing.choose(config, "variant", {"": None})
    listing.choose(config, "split", {"": None})
    tree = listing.open_download(config, "CMP_facade_DB_base.zip")
    faults = listing.class_faults(config, len(CLASSES))
    sets = {"b": "base"}
    if any(re.search(r"(^|/)cmp_x[0-9]+\.png$", name) for name in tree.parts):
      sets["x"] = "extended"
    found = listing.pair_splits(
      config, tree, WANTED, splits=sets, faults=faults
    )
    base = [*map(_drawn, found["base"])]
    held_out = [one for one in base if one.stem.endswith("0")]
    train = [one for one in base if not one.stem.endswith("0")]
    train += map(_drawn, found.get("extended", ()))
    splits = {"train": train, "val": held_out} if held_out else {"train": train}
    rows = [
      {"name": name, "color": color, "has_instances": i > BACKGROUND,
       "ignore": i == 0}
      for i, (name, color) in enumerate(CLASSES)
    ]  # fmt: skip
    return Found(
      splits,
      classes=listing.class_entries(rows),
      faults=tuple(faults),
      notes=(
        f"{tree.root}: the archives hold no split: held out are the "
        f"{len(held_out)} base pictures whose number ends in 0",
      ),
    )


def _drawn(example: ExampleFiles) -> ExampleFiles:
  """The example with a map in place of its XML file."""
  if example.instance is None:
    return example
  instance = listing.made(
    draw, example.instance, example.label, how="cmp_facades 1000"
  )
  return dataclasses.replace(example, instance=instance)


class Rectangle(NamedTuple):
  """An object of an XML file: shares of the height (x) and the width (y)."""

  label: int
  x: tuple[float, float]
  y: tuple[float, float]


def read_rectangles(name: str, text: bytes) -> list[Rectangle]:
  """Reads an XML file; its objects have no element around them.

  Raises:
    InputError: if it is no such file.
  """
  try:
    # Some copies have been given a root.
    root = ET.fromstring(b"<all>" + text + b"</all>")
    found = [_rectangle(element) for element in root.iter("object")]
  except (ET.ParseError, AttributeError, TypeError, ValueError) as error:
    raise InputError(
      f"{name}: is no list of objects with x, y and label ({error}); take the "
      "file as it was downloaded"
    ) from error
  bad = [r.label for r in found if r.label not in ORDER]
  if bad:
    raise InputError(
      f"{name}: label {bad[0]} is none of 2..12; take the file as it was "
      "downloaded"
    )
  return found


def _rectangle(element: ET.Element) -> Rectangle:
  """One object; its ends may stand in any order."""

  def ends(axis: str) -> tuple[float, float]:
    values = [float(one.text or "") for one in element.iter(axis)]
    if len(values) < 2 or not np.isfinite(values).all():
      raise ValueError(f"{axis} = {values}")
    return min(values), max(values)

  return Rectangle(int(element.findtext("label", "")), ends("x"), ends("y"))


def draw(name: str, text: bytes, label: bytes) -> bytes:
  """Draws the rectangles of an XML file.

  Args:
    name: of the XML file.
    text: its bytes.
    label: the encoded label map [H, W].

  Returns:
    An encoded map [H, W] of label * 1000 + k, and 1 where there is none.
  """
  height, width = files.facts(label, name).size
  ids = np.full((height, width), BACKGROUND, np.uint16)
  found = read_rectangles(name, text)
  for label_id in ORDER:
    numbered = enumerate(r for r in found if r.label == label_id)
    windows = [
      (1000 * label_id + k, _pixels(r.x, height), _pixels(r.y, width))
      for k, r in numbered
    ]
    # Smaller ones in front; sorting leaves equal ones in the file's order.
    for id, rows, columns in sorted(windows, key=lambda w: -_area(*w[1:])):
      ids[rows, columns] = id
  return files.encode_map(ids)


def _pixels(ends: tuple[float, float], size: int) -> slice:
  """The pixels from the first to the last one, which count from 1."""
  low, high = (round(end * size) for end in ends)
  return slice(max(low - 1, 0), max(high, 0))


def _area(rows: slice, columns: slice) -> int:
  return (rows.stop - rows.start) * (columns.stop - columns.start)
