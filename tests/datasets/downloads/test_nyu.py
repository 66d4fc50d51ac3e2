"""NYU Depth v2: an HDF5 file of two rooms in its true layout."""

import io
import pickle
import sys

import numpy as np
import pytest
import scipy.io
from archives import config_of, maps, write

from hdgan.datasets import files, pipeline
from hdgan.datasets.downloads import nyu
from hdgan.datasets.downloads.hdf5 import H5Part
from hdgan.datasets.downloads.nyu import Nyu
from hdgan.errors import InputError

h5py = pytest.importorskip("h5py")
RAW = 894  # Classes in the real table.
FORTY = [f"class {i}" for i in range(1, 41)]
FORTY[0], FORTY[1], FORTY[21] = "wall", "floor", "ceiling"


def write_rooms(path, rooms=2):
  """Rows [.., 640, 480]: x first. Objects lie in the corner that is kept."""
  labels = np.zeros((rooms, 640, 480), np.uint16)
  instances = np.zeros((rooms, 640, 480), np.uint8)
  images = np.full((rooms, 3, 640, 480), 255, np.uint8)  # white frame
  images[:, :, 40:601, 44:471] = 10
  for room in range(rooms):
    labels[room, 40, 44], instances[room, 40, 44] = 5, 1  # first row, column
    labels[room, 41, 44], instances[room, 41, 44] = 5, 2  # next to the right
    labels[room, 40, 45], instances[room, 40, 45] = 21, 1  # below
    labels[room, 600, 470], instances[room, 600, 470] = 894, 2  # last corner
    labels[room, 601, 470] = labels[room, 39, 44] = 7  # cut off
    images[room, :, 41, 44] = 1 + room, 2, 3
  with h5py.File(path, "w") as file:
    for key, array in (
      ("images", images), ("labels", labels), ("instances", instances)
    ):  # fmt: skip
      file.create_dataset(key, data=array, chunks=True, compression="gzip")
    refs = []
    for i in range(RAW):
      text = np.array([[ord(c)] for c in f"thing {i + 1}"], np.uint16)
      refs.append(file.create_dataset(f"#refs#/{i}", data=text).ref)
    kind = h5py.special_dtype(ref=h5py.Reference)
    file.create_dataset("names", data=np.array([refs], dtype=kind))


def mat(**values) -> bytes:
  buffer = io.BytesIO()
  scipy.io.savemat(buffer, values)
  return buffer.getvalue()


def cells(names):
  array = np.empty((1, len(names)), object)
  array[0] = names
  return array


def metadata():
  """Raw 5 and 21 fold into class 3, raw 894 into 40, the rest into 1."""
  fold = np.ones((1, RAW), np.uint8)
  fold[0, [4, 20]], fold[0, 893] = 3, 40
  few = np.arange(40, dtype=np.uint8)[None] % 13 + 1
  thirteen = {"labels13": few, "classNames": cells([*"abcdefghijklm"])}
  return {
    "splits.mat": mat(
      trainNdxs=np.array([[2]], np.uint16), testNdxs=np.array([[1]], np.uint16)
    ),
    "classMapping40.mat": mat(mapClass=fold, className=cells(FORTY)),
    "class13Mapping.mat": mat(classMapping13=thirteen),
  }


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
  path = tmp_path_factory.mktemp("nyu") / nyu.FILE
  write_rooms(path)
  return path


@pytest.fixture
def root(tmp_path, rooms):
  write(tmp_path / "data", metadata())
  (tmp_path / "data" / nyu.FILE).symlink_to(rooms)
  return tmp_path / "data"


def config_40(tmp_path):
  return config_of("nyu", tmp_path, num_classes=40, ignore_label=255)


# What a variant makes of raw 5, 21 and 894; by hand from the tables above.
@pytest.mark.parametrize(
  "variant, count, ignored, five, twenty_one, last",
  [
    ("", 40, 255, 2, 2, 39),
    ("13", 13, 255, 2, 2, 0),  # 40 is the 40th: 39 % 13 is 0
    ("894", 894, 65535, 4, 20, 893),
  ],
)
def test_arrays(
  root, tmp_path, variant, count, ignored, five, twenty_one, last
):
  config = config_of("nyu", tmp_path, num_classes=count, ignore_label=ignored)
  config.data.variant = variant
  found = Nyu.find(config)
  assert not found.faults and len(found.classes) == count
  stems = {split: [e.stem for e in some] for split, some in
           found.splits.items()}  # fmt: skip
  assert stems == {"train": ["nyu_0002"], "test": ["nyu_0001"]}
  got = maps(found.splits["train"][0])
  want = np.full((427, 561), ignored)
  want[0, 0], want[0, 1], want[1, 0], want[426, 560] = (
    five, five, twenty_one, last,
  )  # fmt: skip
  np.testing.assert_array_equal(got["label"], want)
  # Two chairs of one class, and another raw class with the number of the first.
  objects = np.zeros((427, 561), int)
  objects[0, 0], objects[0, 1], objects[1, 0], objects[426, 560] = 1, 2, 3, 4
  np.testing.assert_array_equal(got["instance"], objects)
  assert got["image"].shape == (427, 561, 3)
  assert got["image"][0, 1].tolist() == [2, 2, 3]
  assert got["image"].max() == 10  # nothing of the frame


def test_names(root, tmp_path):
  config = config_40(tmp_path)
  classes = Nyu.find(config).classes
  assert [c["name"] for c in classes] == FORTY
  assert [c["name"] for c in classes if not c["has_instances"]] == [
    "wall", "floor", "ceiling",
  ]  # fmt: skip
  config.data.variant, config.num_classes = "13", 13
  assert "".join(c["name"] for c in Nyu.find(config).classes) == "abcdefghijklm"
  config.data.variant, config.num_classes = "894", 894
  assert Nyu.find(config).classes[893]["name"] == "thing 894"
  assert Nyu.find(config).faults == (
    "config.data.name=nyu (894) has 894 classes, and 65535 where there is "
    "none; ignore_label = 255 does not fit: say --config.ignore_label=65535",
  )


def test_it_is_prepared_and_split_as_crn_did(root, tmp_path, monkeypatch):
  monkeypatch.setattr(nyu, "CRN_TRAIN", 1)
  config = config_40(tmp_path)
  config.data.split = "crn"
  (root / "splits.mat").unlink()
  source = pipeline.prepare(config)
  assert source.names == {"train": ("nyu_0001",), "test": ("nyu_0002",)}
  assert source.sizes == {"427x561": 2} and source.max_instances == 64


def test_a_row_travels_to_another_process(rooms):
  part = pickle.loads(pickle.dumps(H5Part(rooms, "labels", 1)))
  assert part.name == f"{nyu.FILE}/labels/2"
  assert files.read_map(part.read()).shape == (640, 480)


def test_without_h5py(root, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "h5py", None)
  with pytest.raises(InputError) as error:
    Nyu.find(config_40(tmp_path))
  assert str(error.value) == (
    "nyu_depth_v2_labeled.mat is read by h5py: pip install 'hdgan[data]', in a "
    "clone pip install -e '.[data]'"
  )


@pytest.mark.parametrize(
  "name, told",
  [
    (nyu.FILE, "(2.8 GB) from https://cs.nyu.edu/~fergus/datasets/nyu_depth"),
    ("splits.mat", "no splits.mat; take it from https://github.com/ankurhanda"),
    ("classMapping40.mat", "no classMapping40.mat; take it from https://git"),
  ],
)
def test_what_is_missing(root, tmp_path, name, told):
  (root / name).unlink()
  config = config_40(tmp_path)
  with pytest.raises(InputError) as error:
    Nyu.find(config)
  assert told in str(error.value) and "\n" not in str(error.value)


def test_all_that_is_missing_is_told_at_once(tmp_path):
  (tmp_path / "data").mkdir()
  config = config_of("nyu", tmp_path)
  config.data.variant = "13"
  with pytest.raises(InputError) as error:
    Nyu.find(config)
  lines = str(error.value).splitlines()
  assert len(lines) == 5 and "13 classes, and 255 where" in lines[0]
  config.data.variant, config.num_classes, config.ignore_label = (
    "894",
    894,
    65535,
  )
  config.data.split = "crn"
  with pytest.raises(
    InputError, match="labeled.mat; take 'Labeled data"
  ) as one:
    Nyu.find(config)
  assert len(str(one.value).splitlines()) == 1


def test_other_files(root, tmp_path):
  config = config_40(tmp_path)
  (root / "splits.mat").write_bytes(b"none")
  with pytest.raises(InputError, match="splits.mat: not the table"):
    Nyu.find(config)
  more = np.array([[3]], np.uint16)
  (root / "splits.mat").write_bytes(mat(trainNdxs=more, testNdxs=more))
  with pytest.raises(InputError, match="has 2 pictures, its split names more"):
    Nyu.find(config)
  path = root / nyu.FILE
  path.unlink()
  with h5py.File(path, "w") as file:  # As FastDepth stores single frames.
    file["depth"] = np.zeros((480, 640), np.float32)
  with pytest.raises(InputError, match="its dataset 'images' is None, not"):
    Nyu.find(config)
  with h5py.File(path, "w") as file:  # Turned already.
    file["images"] = np.zeros((2, 3, 480, 640), np.uint8)
  with pytest.raises(InputError, match=r"not \(N, 3, 640, 480\); download"):
    Nyu.find(config)
  path.write_bytes(b"none")
  with pytest.raises(InputError, match="not an HDF5 file, or damaged"):
    Nyu.find(config)
  path.unlink()
  write(root, {nyu.FILE: b"none"}, "rooms.zip")
  with pytest.raises(InputError, match="unpack it, nyu_depth_v2_labeled.mat"):
    Nyu.find(config)
