"""Pictures side by side, and edges with photos."""

import json

import numpy as np
import pytest
from archives import config_of, png, write

from hdgan.datasets import files, pipeline
from hdgan.datasets.downloads.aligned_pairs import AlignedPairs
from hdgan.datasets.downloads.edge_pairs import Edges
from hdgan.errors import InputError

LEFT = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
RIGHT = LEFT + np.uint8(100)
JOINED = np.concatenate([LEFT, RIGHT], axis=1)


def pairs(*splits):
  # PNG bytes under their name: JPEG would change the numbers.
  return {
    f"maps/{split}/{i}.jpg": png(JOINED) for split in splits for i in "12"
  }


def config(name, tmp_path, channels=3, **changes):
  fields = {"num_classes": 0, "boundary": False,
            "data.label_channels": channels}  # fmt: skip
  return config_of(name, tmp_path, **(fields | changes))


@pytest.mark.parametrize("packed", ["", "maps.zip", "maps.tar"])
@pytest.mark.parametrize("variant", ["", "BtoA"])
def test_halves(tmp_path, packed, variant):
  write(tmp_path / "data", pairs("train", "val", "test"), packed)
  some = config("aligned_pairs", tmp_path, **{"data.variant": variant})
  found = AlignedPairs.find(some)
  assert not found.faults and not found.notes and not found.classes
  assert {s: [e.stem for e in es] for s, es in found.splits.items()} == {
    "train": ["1", "2"],
    "val": ["1", "2"],
  }
  one = found.splits["train"][0].read()
  first, second = (RIGHT, LEFT) if variant else (LEFT, RIGHT)
  np.testing.assert_array_equal(files.read_picture(one["label"], 3), first)
  np.testing.assert_array_equal(files.read_picture(one["image"], 3), second)
  assert not one["instance"]
  copy = pipeline.prepare(some)
  assert copy.sizes == {"2x4": 4} and copy.held_out == "val"


def test_held_out_pairs(tmp_path):
  write(tmp_path / "data", pairs("train", "test"))
  for split in ("", "test"):
    some = config("aligned_pairs", tmp_path, **{"data.split": split})
    assert list(AlignedPairs.find(some).splits) == ["train", "test"]
  some = config("aligned_pairs", tmp_path, **{"data.split": "val"})
  (fault,) = AlignedPairs.find(some).faults
  assert fault.endswith("no val/; say --config.data.split=''")


def test_pairs_that_cannot_be_cut(tmp_path):
  tree = pairs("train")
  tree["maps/train/1.jpg"] = png(JOINED[:, :7])
  write(tmp_path / "data", tree)
  with pytest.raises(InputError) as error:
    pipeline.prepare(config("aligned_pairs", tmp_path))
  (line,) = set(str(error.value).splitlines())
  assert line.startswith("train/1.jpg: 2x7 (height x width) has no middle; ")


def test_what_pairs_do_not_fit(tmp_path):
  (tmp_path / "data").mkdir()
  (tmp_path / "data/facades.tar.gz").write_bytes(b"x")
  some = config_of("aligned_pairs", tmp_path)
  with pytest.raises(InputError) as error:
    AlignedPairs.find(some)
  fields, missing = str(error.value).splitlines()
  assert fields == (
    "config.data.name=aligned_pairs: labels are pictures of 3 channels, "
    "without classes and objects; num_classes = 35, boundary = True does not "
    "fit: say --config.num_classes=0 --config.boundary=False"
  )
  assert missing.endswith(
    "facades.tar.gz cannot be read while it is packed: unpack it"
  )


EDGES = np.array([[0, 255, 255, 255], [255, 0, 0, 255]], np.uint8)


def edges(root, **methods):
  tree = {}
  for split in methods:
    tree |= {f"{split}_A/a.png": png(EDGES), f"{split}_B/a.png": png(LEFT)}
  record = {
    f"{split}_A": {"hdgan": "1", "settings": {"method": method}}
    for split, method in methods.items()
  }
  write(root, tree | {"edges.json": json.dumps(record).encode()})


def test_edges(tmp_path):
  edges(tmp_path / "data", train="canny", val="canny")
  some = config("edges", tmp_path, 1)
  found = Edges.find(some)
  assert not found.faults and not found.notes and not found.classes
  assert list(found.splits) == ["train", "val"]
  copy = pipeline.prepare(some)
  label = files.read_picture(copy.sources["train"][0]["label"], 1)
  np.testing.assert_array_equal(label[..., 0], EDGES)
  assert not copy.sources["train"][0]["instance"]


def test_edges_of_another_method(tmp_path):
  root = tmp_path / "data"
  edges(root, train="canny", val="hed")
  (fault,) = Edges.find(config("edges", tmp_path, 1)).faults
  assert fault == (
    f"{root}/edges.json: edges of the splits were not made alike: train_A by "
    "{'method': 'canny'}, val_A by {'method': 'hed'}; make them anew by one "
    "method"
  )
  (root / "edges.json").write_text("{")
  with pytest.raises(InputError, match="edges.json: not JSON"):
    Edges.find(config("edges", tmp_path, 1))
  (root / "edges.json").unlink()
  found = Edges.find(config("edges", tmp_path, 1))
  assert not found.faults and "nothing tells how the edges" in found.notes[0]


def test_edges_with_landmarks_of_each_split(tmp_path):
  """Each split's points lie in a file of their own."""
  root = tmp_path / "data"
  edges(root, train="canny", val="canny")
  record = json.loads((root / "edges.json").read_text())
  for split in record:
    record[split]["settings"]["landmarks_sha256"] = split
  (root / "edges.json").write_text(json.dumps(record))
  assert not Edges.find(config("edges", tmp_path, 1)).faults


def test_edges_are_of_one_channel(tmp_path):
  edges(tmp_path / "data", train="canny")
  with pytest.raises(InputError) as error:
    Edges.find(config_of("edges", tmp_path))
  assert str(error.value).endswith(
    "say --config.num_classes=0 --config.boundary=False "
    "--config.data.label_channels=1"
  )
