"""Mapillary Vistas: palette maps, both releases and layouts, its config."""

import io
import json

import numpy as np
import pytest
from archives import config_of, jpeg, maps, png, write
from PIL import Image

from hdgan.datasets import pipeline
from hdgan.datasets.downloads.mapillary import Mapillary
from hdgan.errors import InputError

KEYS = {"training": "M2kh294N9c72sICO990Uew", "validation": "_a-b"}
COLORS = [(i, 255 - i, 7) for i in range(256)]


def palette_png(ids):
  image = Image.fromarray(ids, "P")
  image.putpalette([c for color in COLORS for c in color])
  buffer = io.BytesIO()
  image.save(buffer, "PNG")
  return buffer.getvalue()


def classes(count):
  """As config_v1.2.json has them; the last is what is not labelled."""
  labels = [
    {"color": [i, 2, 3], "instances": i < 2, "readable": f"Class {i}",
     "name": f"a--class-{i}", "evaluate": i != 1}
    for i in range(count - 1)
  ]  # fmt: skip
  labels.append({"color": [0, 0, 0], "instances": False, "evaluate": False,
                 "readable": "Unlabeled", "name": "void"})  # fmt: skip
  text = json.dumps({"labels": labels, "version": 1.1, "mapping": "public"})
  return text.encode()


def release(folder, last):
  """One release's labels and instances, of one picture in each split."""
  ids = np.array([[0, 1, 1], [2, 64, last]], np.uint8)
  tree = {}
  for split, key in KEYS.items():
    # 16 bits: class * 256 + number.
    numbers = ids.astype(np.uint16) * 256 + np.arange(3, dtype=np.uint16)
    tree[f"{split}/{folder}labels/{key}.png"] = palette_png(ids)
    tree[f"{split}/{folder}instances/{key}.png"] = png(numbers)
    tree[f"{split}/{folder}panoptic/{key}.png"] = png(np.zeros((2, 3, 3), "u1"))
  return tree, ids


def photos():
  tree = {f"{s}/images/{key}.jpg": jpeg(2, 3) for s, key in KEYS.items()}
  return tree | {"testing/images/x.jpg": jpeg(2, 3), "LICENSE": b"x"}


def config(tmp_path, classes, **changes):
  return config_of(
    "mapillary", tmp_path, num_classes=classes, ignore_label=classes, **changes
  )


@pytest.mark.parametrize("packed", ["", "An-ZjB1Zm61yAZG0ozTymz8I8NqI4x0M.zip"])
@pytest.mark.parametrize(
  "folder, names, variant, count",
  [
    ("", ["config.json"], "", 65),
    ("v1.2/", ["config_v1.2.json"], "", 65),
    ("v2.0/", ["config_v2.0.json"], "v2.0", 123),
  ],
)
def test_arrays(tmp_path, packed, folder, names, variant, count):
  tree, ids = release(folder, count)
  tree |= photos() | {name: classes(count + 1) for name in names}
  if folder == "v2.0/":  # Both releases lie side by side.
    tree |= release("v1.2/", 65)[0] | {"config_v1.2.json": classes(66)}
  write(tmp_path / "data", tree, packed)
  some = config(tmp_path, count, **{"data.variant": variant})
  found = Mapillary.find(some)
  assert not found.faults
  assert {s: [e.stem for e in es] for s, es in found.splits.items()} == {
    "train": [KEYS["training"]],
    "val": [KEYS["validation"]],
  }
  got = maps(found.splits["train"][0])
  np.testing.assert_array_equal(got["label"], ids)
  assert got["instance"].tolist()[0] == [0, 257, 258]
  assert got["instance"][1, 1] == 64 * 256 + 1
  assert len(found.classes) == count
  first, second = found.classes[:2]
  assert first["name"] == "Class 0" and first["color"] == (0, 2, 3)
  assert first["has_instances"] and not first["ignore"] and second["ignore"]
  assert pipeline.prepare(some).sizes == {"2x3": 2}


def test_labels_as_colours(tmp_path):
  """What convert("RGB") makes of a palette has lost the ids."""
  tree = release("v1.2/", 65)[0] | photos()
  tree["config_v1.2.json"] = classes(66)
  key = KEYS["training"]
  tree[f"training/v1.2/labels/{key}.png"] = png(np.zeros((2, 3, 3), np.uint8))
  write(tmp_path / "data", tree)
  with pytest.raises(InputError, match=f"{key}.png: a map needs one channel"):
    pipeline.prepare(config(tmp_path, 65))


def test_what_does_not_fit(tmp_path):
  tree = release("v1.2/", 65)[0] | photos()
  write(tmp_path / "data", tree)
  fields, table = Mapillary.find(config(tmp_path, 66)).faults
  assert fields.endswith("--config.num_classes=65 --config.ignore_label=65")
  assert "no config_v1.2.json; take" in table
  write(tmp_path / "data", {"config.json": classes(124)})
  (fault,) = Mapillary.find(config(tmp_path, 123)).faults
  assert "lists 124 classes, those of v1.2 are 66; take" in fault
  some = config(tmp_path, 123, **{"data.variant": "v2.0"})
  faults = Mapillary.find(some).faults
  assert any("no training/v2.0/labels/*.png" in line for line in faults)


@pytest.mark.parametrize(
  "text, told",
  [
    (b"{}", "has no list of classes"),
    (b'{"labels": [{"name": "a"}, 3]}', r"labels\[0\] = .* has not the name"),
  ],
)
def test_a_damaged_table(tmp_path, text, told):
  write(tmp_path / "data", photos() | {"config.json": text})
  with pytest.raises(InputError, match=told):
    Mapillary.find(config(tmp_path, 65))
