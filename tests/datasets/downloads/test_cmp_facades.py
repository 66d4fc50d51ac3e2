"""CMP facades: palette maps and the rectangles of the XML files."""

import io
import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write
from PIL import Image

from hdgan.datasets import pipeline
from hdgan.datasets.downloads import cmp_facades
from hdgan.datasets.downloads.cmp_facades import CmpFacades
from hdgan.errors import InputError

# 10 rows, 5 columns. By hand, rows and columns counted from 1, ends inside:
# facade rows 1..10, columns 2..5; windows rows 2..6, columns 3..5 and, smaller,
# rows 3..4, columns 4..5; a sill rows 6..7, columns 3..3.
OBJECTS = (
  ("window", 3, "0.2", "0.6", "0.6", "1"),
  ("window", 3, "0.4", "0.3", "0.8", "1"),  # Its ends are swapped.
  ("facade", 2, "0.04", "1", "0.4", "1"),  # Row 0.4 begins before the first.
  ("sill", 6, "0.6", "0.7", "0.6", "0.6"),
)
INSTANCE = np.array([
  [1, 2000, 2000, 2000, 2000],
  [1, 2000, 3000, 3000, 3000],
  [1, 2000, 3000, 3001, 3001],
  [1, 2000, 3000, 3001, 3001],
  [1, 2000, 3000, 3000, 3000],
  [1, 2000, 6000, 3000, 3000],
  [1, 2000, 6000, 2000, 2000],
  [1, 2000, 2000, 2000, 2000],
  [1, 2000, 2000, 2000, 2000],
  [1, 2000, 2000, 2000, 2000],
])  # fmt: skip
LABEL = np.maximum(INSTANCE // 1000, 1).astype(np.uint8)


def xml(objects=OBJECTS, break_lines=False):
  gap = "\n" if break_lines else ""
  return gap.join(
    f"<object><points><x>{gap}{a}{gap}</x><x>{b}</x><y>{c}</y><y>{d}</y>"
    f"</points><label>{gap}{label}</label><labelname>{name}</labelname>"
    "<flag>1</flag></object>"
    for name, label, a, b, c, d in objects
  ).encode()


def palette_png():
  image = Image.fromarray(LABEL, "P")
  image.putpalette([c for _, color in cmp_facades.CLASSES for c in color])
  buffer = io.BytesIO()
  image.save(buffer, "PNG")
  return buffer.getvalue()


def download(kind, *numbers, folder):
  tree = {f"{folder}/readme.txt": b"x"}
  for number in numbers:
    start = f"{folder}/cmp_{kind}{number:04d}"
    tree |= {f"{start}.png": palette_png(), f"{start}.jpg": jpeg(10, 5),
             f"{start}.xml": xml(break_lines=number % 2)}  # fmt: skip
  return tree


def config(tmp_path, **changes):
  return config_of("cmp_facades", tmp_path, num_classes=13, **changes)


@pytest.mark.parametrize("packed", [True, False])
def test_arrays(tmp_path, packed):
  root = tmp_path / "data"
  base = download("b", 1, 2, 10, folder="base")
  more = download("x", 10, folder="extended")
  write(root, base, "CMP_facade_DB_base.zip" if packed else "")
  write(root, more, "CMP_facade_DB_extended.zip" if packed else "")
  found = CmpFacades.find(config(tmp_path))
  assert not found.faults
  assert {s: [e.stem for e in some] for s, some in found.splits.items()} == {
    "train": ["cmp_b0001", "cmp_b0002", "cmp_x0010"],
    "val": ["cmp_b0010"],
  }
  for one in found.splits["train"]:
    got = maps(one)
    np.testing.assert_array_equal(got["label"], LABEL)
    np.testing.assert_array_equal(got["instance"], INSTANCE)
  assert "held out are the 1 base pictures whose number" in found.notes[0]
  assert [c["name"] for c in found.classes][11:] == ["pillar", "shop"]
  assert [c["has_instances"] for c in found.classes] == [False] * 2 + [
    True
  ] * 11
  assert pipeline.prepare(config(tmp_path)).sizes == {"10x5": 4}


def test_the_base_set_alone_and_without_objects(tmp_path):
  write(tmp_path / "data", download("b", 1, 10, folder="base"))
  some = config(tmp_path, **{"data.instances": "none"})
  found = CmpFacades.find(some)
  assert not found.faults and found.splits["train"][0].instance is None


def test_classes_are_those_of_the_real_maps(test_data):
  path = test_data / "data/cmp_facades/classes.json"
  told = json.loads(path.read_text())
  told = told["classes"] if isinstance(told, dict) else told
  assert [(c["name"], tuple(c["color"])) for c in told] == list(
    cmp_facades.CLASSES
  )


@pytest.mark.parametrize(
  "text, told",
  [
    (b"<object><points>", "is no list of objects with x, y and label"),
    (xml([("facade", 2, "a", "1", "0", "1")]), "is no list of objects"),
    (xml([("facade", 2, "nan", "1", "0", "1")]), "is no list of objects"),
    (xml([("sky", 13, "0", "1", "0", "1")]), "label 13 is none of 2..12"),
  ],
)
def test_a_damaged_xml(tmp_path, text, told):
  tree = download("b", 1, 10, folder="base")
  tree["base/cmp_b0001.xml"] = text
  write(tmp_path / "data", tree)
  with pytest.raises(InputError, match=f"base/cmp_b0001.xml: {told}"):
    pipeline.prepare(config(tmp_path))


def test_what_does_not_fit(tmp_path):
  tree = download("b", 1, 2, folder="base")
  del tree["base/cmp_b0002.xml"]
  write(tmp_path / "data", tree)
  twelve = config_of("cmp_facades", tmp_path, num_classes=12)
  classes, lonely = CmpFacades.find(twelve).faults
  assert classes.endswith("num_classes = 12 does not fit: say "
                          "--config.num_classes=13")  # fmt: skip
  assert "1 of 2 have no instance map: cmp_b0002" in lonely
  # pix2pix's copy is of another kind.
  joined = {"train/1.jpg": jpeg(4, 8), "val/1.jpg": jpeg(4, 8)}
  write(tmp_path / "other", joined)
  some = config(tmp_path)
  some.data.root = str(tmp_path / "other")
  (fault,) = CmpFacades.find(some).faults
  assert "no cmp_b*.png, cmp_b*.jpg; take CMP_facade_DB_base" in fault


def test_labels_as_colours(tmp_path):
  tree = download("b", 1, 10, folder="base")
  tree["base/cmp_b0001.png"] = png(np.zeros((10, 5, 3), np.uint8))
  write(tmp_path / "data", tree)
  with pytest.raises(
    InputError, match="cmp_b0001.png: a map needs one channel"
  ):
    pipeline.prepare(config(tmp_path))
