"""Every fault of a folder: file, value, rule and way out on one line each."""

import dataclasses
import hashlib
import shutil
import zlib

import numpy as np
import pytest
from PIL import Image
from tiny import scan

from hdgan.datasets.check import Rules, check
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.datasets.transforms import Geometry
from hdgan.errors import InputError
from hdgan.picture_spec import PictureSpec

RULES = Rules(PictureSpec(num_classes=8))


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
  root = tmp_path_factory.mktemp("streets")
  synthetic_streets.write_folder(root, num_train=3, size=(32, 64))
  return root


@pytest.fixture
def root(streets, tmp_path):
  return shutil.copytree(streets, tmp_path / "data")


def faults_of(root, rules=RULES) -> list[str]:
  with pytest.raises(InputError) as error:
    check({"train": scan(root, "train")}, rules)
  return str(error.value).split("\n")


def save(root, name, array) -> None:
  if name.endswith(".npy"):
    np.save(root / name, array)
  else:
    Image.fromarray(array).save(root / name)


def load(root, name) -> np.ndarray:
  return np.array(Image.open(root / name))


def test_summary_of_a_good_folder(root):
  summary = check({"train": scan(root, "train")}, RULES)
  assert summary.counts == {"train": 3}
  assert summary.sizes == {"32x64": 3}
  assert summary.has_instances
  assert sum(summary.classes.values()) == 3 * 32 * 64
  assert set(summary.classes) <= set(range(8))
  most, found = 0, set()
  for path in (root / "train_label").iterdir():
    label = load(root, f"train_label/{path.name}").ravel().tolist()
    ids = load(root, f"train_inst/{path.name}").ravel().tolist()
    most = max(most, len(set(zip(label, ids, strict=True))))
    found |= set(ids)
  assert summary.max_objects == most
  assert summary.ids == [min(found), max(found)]


def test_object_ids_without_instance_maps_are_the_labels(root):
  examples = [
    dataclasses.replace(one, instance=None) for one in scan(root, "train")
  ]
  summary = check({"train": examples}, RULES)
  assert summary.ids == [min(summary.classes), max(summary.classes)]


def test_the_sum_of_a_split_is_over_its_files_in_their_order(root):
  """As it has been since it is kept with runs: resumed ones compare it."""
  sums = [
    [
      zlib.crc32((root / f"train_{part}/street_{i:05d}.png").read_bytes())
      for part in ("label", "inst", "img")
    ]
    for i in range(3)
  ]
  summary = check({"train": scan(root, "train")}, RULES, workers=3)
  told = hashlib.sha256(repr(sums).encode()).hexdigest()[:20]
  assert summary.contents == {"train": told}


def test_few_examples_are_read_ahead(root):
  """Whatever their number: none of what was read of them is kept."""
  (example, *_), reads = scan(root, "train"), []

  @dataclasses.dataclass(frozen=True)
  class Counted:
    name: str = "a.png"

    def read(self):
      reads.append(1)
      return example.label.path.read_bytes()

  many = [dataclasses.replace(example, label=Counted())] * 200
  ahead = []
  check(
    {"train": many}, RULES, workers=2,
    progress=lambda done, total: ahead.append(len(reads) - done),
  )  # fmt: skip
  assert len(reads) == len(ahead) == 200 and max(ahead) <= 4 * 2


def test_faults_of_each_kind_are_counted(root):
  """20 of each are told, whichever are more; in the order of the files."""
  (example, *_) = scan(root, "train")
  (root / "train_label/bad.png").write_bytes(b"no picture")
  label = load(root, "train_label/street_00001.png")
  save(root, "train_label/odd.png", np.where(label == 0, 200, label))
  bad, odd = (
    dataclasses.replace(
      example, label=dataclasses.replace(example.label, path=path)
    )
    for path in (root / "train_label/bad.png", root / "train_label/odd.png")
  )
  with pytest.raises(InputError) as error:
    check({"train": [bad, odd] * 25}, RULES)
  lines = str(error.value).split("\n")
  assert [line.split(":")[0] for line in lines] == [
    *["train_label/bad.png"] * 20, "... and 5 more faults of this kind",
    "train_label/odd.png",  # All values that are no class in one line.
  ]  # fmt: skip


def test_label_value_beyond_the_classes(root):
  label = load(root, "train_label/street_00001.png")
  label[:3, :5] = 200
  save(root, "train_label/street_00001.png", label)
  (fault,) = faults_of(root)
  assert fault.startswith("train_label/street_00001.png: label value 200 ")
  for words in (
    "(15 pixels)",
    "num_classes = 8",
    "--config.ignore_label=200",
    "--config.num_classes=9",
  ):
    assert words in fault
  allowed = Rules(PictureSpec(num_classes=8, ignore_label=200))
  check({"train": scan(root, "train")}, allowed)


def test_negative_labels_and_several_values(root):
  label = load(root, "train_label/street_00001.png").astype(np.int32)
  label[0, 0] = -3
  (root / "train_label/street_00001.png").unlink()
  save(root, "train_label/street_00001.npy", label)
  label = load(root, "train_label/street_00002.png")
  label[0, :2], label[1, 0] = 9, 30
  save(root, "train_label/street_00002.png", label)
  (fault,) = faults_of(root)
  assert fault.startswith(
    "train_label/street_00001.npy: label values -3 (1 pixel), 9 (2 pixels), "
    "30 (1 pixel) outside 0..7 (num_classes = 8) in 2 of 3 files (also "
    "train_label/street_00002.png), which hold "
  )


def test_a_trained_model_s_classes_stay(root):
  """255 is ignored, 200 is not known, and no field can be set any more."""
  label = load(root, "train_label/street_00001.png")
  label[0, 0], label[0, 1] = 255, 200
  save(root, "train_label/street_00001.png", label)
  spec = PictureSpec(num_classes=8, ignore_label=255)
  (fault,) = faults_of(root, Rules(spec, trained=True))
  assert fault.endswith(
    "label value 200 (1 pixel) outside 0..7 (num_classes = 8); the model knows"
    " classes 0..7 and 255, which has none; correct the map"
  )


def test_all_faults_are_told_at_once(root):
  photo = load(root, "train_img/street_00000.png")
  save(root, "train_label/street_00000.png", photo)
  save(root, "train_img/street_00001.png", photo[:, :60])
  data = (root / "train_inst/street_00002.png").read_bytes()
  (root / "train_inst/street_00002.png").write_bytes(data[:-60])
  colour, size, damaged = faults_of(root)
  assert colour.startswith("train_label/street_00000.png: a map needs one")
  assert size == (
    "train_img/street_00001.png: the photo is 32x60 (height x width) but "
    "train_label/street_00001.png is 32x64; bring both to one size"
  )
  assert damaged.startswith("train_inst/street_00002.png: damaged")


def test_label_map_as_jpeg(root):
  label = load(root, "train_label/street_00000.png")
  (root / "train_label/street_00000.png").unlink()
  save(root, "train_label/street_00000.jpg", label)
  (fault,) = faults_of(root)
  assert "train_label/street_00000.jpg" in fault and "lossy" in fault


def test_more_objects_than_the_limit(root):
  ids = np.arange(32 * 64, dtype=np.uint16).reshape(32, 64)
  save(root, "train_inst/street_00002.png", ids)
  (fault,) = faults_of(root, dataclasses.replace(RULES, max_instances=64))
  assert fault.startswith("train_inst/street_00002.png: 2048 objects, more")
  assert (
    "max_instances = 64" in fault and "--config.max_instances=2048, or" in fault
  )


@pytest.mark.parametrize(
  ("geometry", "words"),
  [
    (
      Geometry("crop", (33, 64)),
      "32x64 (height x width) is smaller than the stage's 33x64",
    ),
    (Geometry("scale_width", (32, 32)), "scaled to 16x32, is smaller"),
  ],
)
def test_pictures_smaller_than_the_crop(root, geometry, words):
  faults = faults_of(root, dataclasses.replace(RULES, geometries=(geometry,)))
  assert len(faults) == 3
  assert words in faults[0] and "data.transform=resize" in faults[0]


def test_values_outside_the_declared_range(root):
  photo = load(root, "train_img/street_00000.png").astype(np.uint16) * 200
  (root / "train_img/street_00000.png").unlink()
  save(root, "train_img/street_00000.npy", photo)
  outside, mixed = faults_of(root)
  assert f"..{photo.max()} leave data.image_range = (0, 255)" in outside
  assert "1 uint16 (first train_img/street_00000.npy)" in mixed
  assert "2 uint8 (first train_img/street_00001.png)" in mixed


def test_a_range_that_no_photo_uses(root):
  """Floats of 0..1 under 0..255 would train as black pictures."""
  for path in (root / "train_img").iterdir():
    np.save(path.with_suffix(".npy"), np.array(Image.open(path)) / 255)
    path.unlink()
  photos = [np.load(path) for path in (root / "train_img").iterdir()]
  low, high = min(map(np.min, photos)), max(map(np.max, photos))
  (fault,) = faults_of(root)
  assert fault.startswith(
    f"all photos together hold {low:g}..{high:g} (float32), 0."
  )
  assert fault.endswith("; say --config.data.image_range=0,1")
  spec = PictureSpec(num_classes=8, image_range=(0, 1))
  assert check({"train": scan(root, "train")}, Rules(spec)).notes == []


def test_labels_that_are_pictures(root):
  shutil.rmtree(root / "train_label")
  shutil.copytree(root / "train_img", root / "train_label")
  summary = check(
    {"train": scan(root, "train")}, Rules(PictureSpec(num_classes=0))
  )
  assert summary.classes == {}
  ids = [
    load(root, f"train_inst/{p.name}") for p in (root / "train_inst").iterdir()
  ]
  assert summary.max_objects == max(len(set(i.ravel().tolist())) for i in ids)


def test_class_ids_that_are_taken_as_pictures(root):
  """Maps of one channel and 8 values with num_classes = 0."""
  (fault,) = faults_of(root, Rules(PictureSpec(num_classes=0)))
  most = max(
    len(np.unique(load(root, f"train_label/{path.name}")))
    for path in (root / "train_label").iterdir()
  )
  assert fault == (
    f"all label maps have one channel and at most {most} values each, in 0..7, "
    "and num_classes = 0 takes them as pictures; say --config.num_classes=8 if "
    "they are class ids, or --config.data.label_channels=1 "
    "--config.data.label_range=0,7 if they are pictures"
  )
  spec = PictureSpec(num_classes=0, label_channels=1, label_range=(0, 7))
  assert check({"train": scan(root, "train")}, Rules(spec)).notes == []


def test_larger_ids_may_be_pictures(root):
  """Edges of 0 and 255 are pictures: a line, and no fault."""
  for path in (root / "train_label").iterdir():
    mask = np.array(Image.open(path)) > 1
    save(root, f"train_label/{path.name}", mask * np.uint8(255))
  rules = Rules(PictureSpec(num_classes=0))
  (note,) = check({"train": scan(root, "train")}, rules).notes
  assert "at most 2 values each, in 0..255" in note
  spec = PictureSpec(num_classes=0, label_channels=1)
  assert check({"train": scan(root, "train")}, Rules(spec)).notes == []


def test_palettes_that_differ(root):
  """The same colours, in the order in which a tool met them."""
  colors = np.array([(i * 30, 0, 255 - i) for i in range(8)], np.uint8)
  order = np.array([0, 2, 1, 3, 4, 5, 6, 7])
  for i in range(3):
    path = root / f"train_label/street_{i:05d}.png"
    label = np.array(Image.open(path))
    label[0, :2] = 1, 2
    # The same pictures, unless the palette is passed over.
    ids, table = (order[label], colors[order]) if i == 1 else (label, colors)
    picture = Image.fromarray(ids.astype(np.uint8))
    picture.putpalette(table.ravel().tolist())
    picture.save(path)
  (fault,) = faults_of(root)
  assert fault.startswith(
    "train_label/street_00001.png: index 1 has the colour (60, 0, 253), which "
    "is index 2 in train_label/street_00000.png, where 1 is (30, 0, 254): "
  )
  assert "say --config.data.label_map=FILE" in fault
