"""The stream: deterministic, the same for any process count, resumable."""

import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import ml_collections
import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import pipeline
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.errors import InputError


@pytest.fixture
def config(tmp_path):
  synthetic_streets.write_folder(
    tmp_path / "data", num_train=7, num_val=3, size=(32, 64)
  )
  return data_config(tmp_path)


def take(stream, count) -> list[dict[str, np.ndarray]]:
  return [next(stream) for _ in range(count)]


def stream_of(prepared, **options):
  options = {"stage_size": (16, 32), "batch_size": 4, "seed": (0, 0)} | options
  return pipeline.batches(prepared, "train", **options)


def assert_equal(one, two) -> None:
  assert one.keys() == two.keys()
  for key in one:
    np.testing.assert_array_equal(one[key], two[key])


def test_what_prepare_finds(config):
  prepared = pipeline.prepare(config)
  assert (prepared.held_out, prepared.num_train) == ("val", 7)
  assert {k: len(v) for k, v in prepared.sources.items()} == {
    "train": 7,
    "val": 3,
  }
  assert prepared.max_instances == 64
  assert prepared.classes == synthetic_streets.CLASSES


@pytest.mark.parametrize("name", ["paired_folder", "synthetic_streets"])
def test_names_are_those_that_the_copies_hold(config, name):
  # With names of both kinds, sorted otherwise than they were written.
  for folder in ("train_label", "train_inst", "train_img"):
    folder = pathlib.Path(config.data.root, folder)
    (folder / "street_00005.png").rename(folder / "Straße.png")
  changes = {"data.name": name, "data.num_train": 5, "data.num_val": 2}
  config.update_from_flattened_dict(changes)
  prepared = pipeline.prepare(config)
  assert prepared.names == {
    split: tuple(example["name"].decode() for example in source)
    for split, source in prepared.sources.items()
  }
  first = {"paired_folder": "Straße", "synthetic_streets": "street_00000"}
  assert prepared.names["train"][0] == first[name]


def test_shapes_and_types(config):
  prepared = pipeline.prepare(config)
  batch = next(stream_of(prepared, objects=True))
  # Ids of streets are above 255, and no street has more than 64 objects.
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
    "label": ((4, 16, 32), np.uint8),
    "instance": ((4, 16, 32), np.uint16),
    "objects": ((4, 16, 32), np.uint8),
    "image": ((4, 16, 32, 3), np.uint8),
  }
  fixed = pipeline.fixed_examples(
    prepared, "train", [0], stage_size=(16, 32), objects=True
  )
  assert all(fixed[k].dtype == np.int32 for k in fixed if k != "image")
  for label, instance, objects in zip(
    batch["label"], batch["instance"], batch["objects"], strict=True
  ):
    pairs = set(zip(label.ravel(), instance.ravel(), strict=True))
    assert objects.max() + 1 == len(pairs)
  assert "objects" not in next(stream_of(pipeline.prepare(config)))


def test_same_seed_same_batches(config):
  prepared = pipeline.prepare(config)
  for one, two in zip(
    take(stream_of(prepared), 5), take(stream_of(prepared), 5), strict=True
  ):
    assert_equal(one, two)
  for seed in ((1, 0), (0, 1)):
    first = next(stream_of(prepared, seed=seed))
    assert (first["image"] != next(stream_of(prepared))["image"]).any()


@pytest.mark.parametrize("size", [(32, 64), (16, 32), (24, 40)])
@pytest.mark.parametrize("large", [0, 300, 70_000, 2**32 - 10_000])
def test_batches_against_files_read_by_hand(config, size, large):
  """Of no class and of any depth of ids, placed by an index for each pixel."""
  folder = pathlib.Path(config.data.root)
  if large:
    for path in (folder / "train_inst").iterdir():
      ids = np.array(Image.open(path)).astype(np.int64)
      np.save(path.with_suffix(".npy"), (ids % 50 + large).astype(np.uint32))
      path.unlink()
  rows, columns = (
    (2 * np.arange(n) + 1) * of // (2 * n)
    for n, of in zip(size, (32, 64), strict=True)
  )
  config.stages[0].size = size
  prepared, want = pipeline.prepare(config), {}
  for name in prepared.names["train"]:
    label = np.array(Image.open(folder / f"train_label/{name}.png"))
    path = next((folder / "train_inst").glob(f"{name}.*"))
    ids = np.load(path) if large else np.array(Image.open(path))
    for step in (1, -1):
      maps = [x[rows][:, columns][:, ::step] for x in (label, ids)]
      photo = Image.open(folder / f"train_img/{name}.png")
      photo = np.array(photo.resize(size[::-1], Image.Resampling.BICUBIC))
      want[photo[:, ::step].tobytes()] = maps
  found = set()
  for batch in take(stream_of(prepared, stage_size=size, objects=True), 7):
    for label, ids, objects, photo in zip(
      *(batch[k] for k in ("label", "instance", "objects", "image")),
      strict=True,
    ):
      true_label, true_ids = want[photo.tobytes()]
      np.testing.assert_array_equal(label, true_label)
      # Of 32 bits the sign is one of them.
      wide = ids.view(np.uint32) if ids.dtype == np.int32 else ids
      np.testing.assert_array_equal(wide, true_ids)
      pairs = sorted(set(zip(label.flat, ids.flat, strict=True)))
      for y, x in ((0, 0), (3, 7), (size[0] - 1, size[1] - 1)):
        assert pairs[objects[y, x]] == (label[y, x], ids[y, x])
      found.add(photo.tobytes())
  assert len(found) > 7  # Some of them mirrored.


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_few_examples_are_read_ahead(config, workers, batch_size):
  """One batch and one example for each thread, whichever is how large."""
  prepared = pipeline.prepare(config)
  source, read = prepared.sources["train"], []

  class Counting(Sequence):
    """Notes what is read."""

    def __len__(self):
      return len(source)

    def __getitem__(self, i):
      read.append(i)
      return source[i]

  prepared = dataclasses.replace(
    prepared, sources={"train": Counting()},
    reading=dataclasses.replace(prepared.reading, workers=workers),
  )  # fmt: skip
  stream = stream_of(prepared, batch_size=batch_size)
  ahead = []
  for i in range(1, 9):
    next(stream)
    ahead.append(len(read) - i * batch_size)
  most = batch_size + workers if workers else 0
  assert min(ahead) >= 0 and max(ahead) <= most


@pytest.mark.parametrize("transform", ["resize", "crop"])
@pytest.mark.parametrize("count", [2, 4])
def test_any_process_count_sees_the_same_global_batches(
  config, transform, count
):
  config.data.transform = transform
  prepared = pipeline.prepare(config)
  parts = [
    take(stream_of(prepared, process_index=i, process_count=count), 6)
    for i in range(count)
  ]
  for whole, *local in zip(take(stream_of(prepared), 6), *parts, strict=True):
    for key, array in whole.items():
      # Process p of n holds the examples p, p + n, ... of the global batch.
      merged = np.stack([part[key] for part in local], 1)
      np.testing.assert_array_equal(merged.reshape(array.shape), array)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_resumed_equals_uninterrupted(config, batch_size):
  config.data.transform = "crop"
  prepared = pipeline.prepare(config)
  whole = take(stream_of(prepared, batch_size=batch_size), 12)
  later = take(stream_of(prepared, batch_size=batch_size, start=7), 5)
  for one, two in zip(whole[7:], later, strict=True):
    assert_equal(one, two)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_names_of_a_batch(config, batch_size):
  """Of seven streets in three epochs, found again by their pixels."""
  config.data.flip = False
  prepared = pipeline.prepare(config)
  names = prepared.names["train"]
  alone = pipeline.fixed_examples(
    prepared, "train", range(len(names)), stage_size=(16, 32)
  )["image"]
  by_pixels = {x.tobytes(): n for x, n in zip(alone, names, strict=True)}
  options = {"batch_size": batch_size, "seed": (3, 1)}
  for i, batch in enumerate(take(stream_of(prepared, **options), 21)):
    seen = [by_pixels[row.tobytes()] for row in batch["image"]]
    assert pipeline.batch_names(prepared, "train", index=i, **options) == seen


def test_no_tail_is_dropped(config):
  config.data.flip = False
  prepared = pipeline.prepare(config)
  images = [
    b["image"][0].tobytes() for b in take(stream_of(prepared, batch_size=1), 14)
  ]
  # Two epochs of seven: each example once in each, in another order.
  assert len(set(images[:7])) == len(set(images[7:])) == 7
  assert set(images[:7]) == set(images[7:])
  assert images[:7] != images[7:]
  # With batches of four the stream is the same: the tail of an epoch is used.
  fours = [
    row.tobytes() for b in take(stream_of(prepared), 3) for row in b["image"]
  ]
  assert fours == images[:12]


@pytest.mark.parametrize(
  ("transform", "stage_size", "load_width"),
  [("resize", (16, 32), 0), ("scale_width", (8, 16), 32), ("crop", (9, 13), 0)],
)
def test_one_draw_for_all_arrays(tmp_path, transform, stage_size, load_width):
  # Blocks of 4x4 pixels whose photo, label and instance hold one value: after
  # any common transform the three still agree, save at the blocks' edges.
  rng = np.random.default_rng(0)
  for split in ("train", "val"):
    for i in range(4):
      blocks = rng.integers(0, 25, (8, 16)).astype(np.uint8)
      value = np.kron(blocks, np.ones((4, 4), np.uint8))
      for role, array in (
        ("label", value),
        ("inst", value + 100),
        ("img", np.stack([value * 10] * 3, -1)),
      ):
        path = tmp_path / f"data/{split}_{role}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
  config = data_config(tmp_path, num_classes=25)
  config.data.transform, config.data.load_width = transform, load_width
  config.stages[0].size = stage_size
  prepared = pipeline.prepare(config)
  seen = set()
  for batch in take(stream_of(prepared, stage_size=stage_size), 6):
    np.testing.assert_array_equal(batch["label"] + 100, batch["instance"])
    away = np.abs(batch["image"][..., 0] / 10.0 - batch["label"])
    limit = 0 if transform == "crop" else 6
    assert np.median(away) <= limit / 4
    if transform == "crop":
      assert away.max() == 0
    seen.update(row.tobytes() for row in batch["label"])
  # Four pictures: more than four different views means windows or mirrors.
  assert len(seen) > 4


def test_fixed_examples_are_central_and_not_mirrored(config):
  config.data.transform = "crop"
  prepared = pipeline.prepare(config)
  batch = pipeline.fixed_examples(
    prepared, "val", [2, 0], stage_size=(16, 32), objects=True
  )
  for row, index in ((0, 9), (1, 7)):
    scene = synthetic_streets.draw_street(0, index, 32, 64)
    np.testing.assert_array_equal(batch["label"][row], scene.label[8:24, 16:48])
    np.testing.assert_array_equal(batch["image"][row], scene.image[8:24, 16:48])
  assert batch["objects"].shape == (2, 16, 32)


def test_without_instance_maps_the_label_stands_in(tmp_path, capsys):
  synthetic_streets.write_folder(
    tmp_path / "data", num_train=2, size=(32, 64), instances=False
  )
  prepared = pipeline.prepare(data_config(tmp_path))
  err = capsys.readouterr().err
  assert err.count("no instance maps: boundaries are taken from the") == 1
  assert err.count("nothing is held out") == 1
  assert prepared.held_out == ""
  batch = next(stream_of(prepared, batch_size=2))
  np.testing.assert_array_equal(batch["instance"], batch["label"])


def test_labels_that_are_pictures(tmp_path):
  rng = np.random.default_rng(0)
  deep = rng.integers(0, 60000, (3, 32, 64), dtype=np.uint16)
  for i in range(3):
    for role, array in (("A", deep[i]), ("B", deep[i].astype(np.uint8))):
      path = tmp_path / f"data/train_{role}/{i}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(array).save(path)
  config = data_config(tmp_path, num_classes=0)
  config.data.label_channels, config.data.image_channels = 1, 1
  with pytest.raises(InputError, match="data.label_range = \\(0, 255\\)"):
    pipeline.prepare(config)
  config.data.label_range = (0.0, 65535.0)
  config.data.transform = "crop"
  prepared = pipeline.prepare(config)
  assert prepared.classes == ()
  batch = pipeline.fixed_examples(
    prepared, "train", [0, 1, 2], stage_size=(32, 64), objects=True
  )
  assert batch["label"].dtype == np.uint16
  np.testing.assert_array_equal(batch["label"][..., 0], deep)
  assert not batch["instance"].any() and not batch["objects"].any()
  assert batch["image"].shape == (3, 32, 64, 1)


def test_32_bit_ids_reach_the_batch(tmp_path, config):
  ids = (np.arange(32 * 64, dtype=np.uint32) // 1024) * 3_000_000_000
  name = "train_inst/street_00000"
  (tmp_path / f"data/{name}.png").unlink()
  np.save(tmp_path / f"data/{name}.npy", ids.reshape(32, 64))
  prepared = pipeline.prepare(config)
  batch = pipeline.fixed_examples(prepared, "train", [0], stage_size=(32, 64))
  assert set(np.unique(batch["instance"].view(np.uint32))) == {
    0,
    3_000_000_000,
  }


def test_prepared_streets_as_config(tmp_path):
  config = data_config(tmp_path)
  config.data.name, config.data.num_train = "synthetic_streets", 3
  prepared = pipeline.prepare(config)
  assert (prepared.num_train, prepared.held_out) == (3, "")
  batch = next(stream_of(prepared, batch_size=2))
  assert set(batch) == {"label", "instance", "image"}  # No styles.


def stage_of(size):
  return ml_collections.ConfigDict({"size": size})


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"num_classes": 7}, ["num_classes=7", "say --config.num_classes=8"]),
    (
      {"max_instances": 2},
      ["max_instances = 2", "--config.max_instances=0 to have"],
    ),
    (
      {
        "data.transform": "crop",
        "data.size": (32, 32),
        "stages": (stage_of((32, 64)),),
      },
      ["data.size: 32x32", "smaller than the stage's 32x64"],
    ),
    (
      {"data.size": (16, 64)},
      ["config.data.size=(16, 64) must be (height, width) of at least 32"],
    ),
    (
      {"data.num_train": 0},
      ["config.data.num_train=0 (synthetic_streets) must be at least 1"],
    ),
    (
      {"data.name": "cifar"},
      ["data.name='cifar'", "there are synthetic_streets, paired_folder"],
    ),
    (
      {"data.name": "paired_folder", "data.root": ""},
      ["config.data.root='' must name a folder"],
    ),
    (
      {"data.name": "paired_folder", "data.root": "/no/where"},
      ["/no/where: no such folder"],
    ),
  ],
)
def test_bad_settings(tmp_path, changes, words):
  config = data_config(
    tmp_path,
    **{"data.name": "synthetic_streets", "data.num_train": 2} | changes,
  )
  with pytest.raises(InputError) as error:
    pipeline.prepare(config)
  for word in words:
    assert word in str(error.value)


def test_train_without_photos_and_uneven_instances(tmp_path, config):
  for path in (tmp_path / "data/train_img").iterdir():
    path.unlink()
  (tmp_path / "data/train_img").rmdir()
  for path in (tmp_path / "data/val_inst").iterdir():
    path.unlink()
  (tmp_path / "data/val_inst").rmdir()
  with pytest.raises(InputError) as error:
    pipeline.prepare(config)
  photos, instances = str(error.value).split("\n")
  assert "split 'train' has no photos to train on; add train_img/" in photos
  assert "val_inst/ is missing" in instances


def test_batch_that_processes_do_not_divide(config):
  prepared = pipeline.prepare(config)
  with pytest.raises(InputError, match="say --config.batch_size=6"):
    stream_of(prepared, batch_size=4, process_count=3)


def test_nothing_heavy_is_imported():
  code = (
    "import sys; from hdgan.datasets import pipeline; "
    "sys.exit(any(m in sys.modules for m in ('tensorflow', 'torch')))"
  )
  root = pathlib.Path(__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


def test_real_cityscapes(test_data, tmp_path):
  config = data_config(tmp_path, num_classes=35)
  config.data.root = str(test_data / "data/cityscapes_mini")
  prepared = pipeline.prepare(config)
  assert (prepared.num_train, len(prepared.sources["val"])) == (8, 3)
  assert prepared.classes[26]["name"] == "car"
  batch = pipeline.fixed_examples(
    prepared, "train", range(8), stage_size=(1024, 2048)
  )
  instance, label = batch["instance"], batch["label"]
  single = instance >= 1000
  np.testing.assert_array_equal(instance[single] // 1000, label[single])
  inputs = pipeline.synthesis_inputs(
    config, "test", stage_size=(16, 32), size="input"
  )
  assert len(inputs) == 15
  highest = max(int(one["instance"].max()) for one in inputs)
  assert max(highest, int(instance.max())) == 33008


def test_real_facades(test_data, tmp_path):
  config = data_config(tmp_path, num_classes=13)
  config.data.root = str(test_data / "data/cmp_facades")
  prepared = pipeline.prepare(config)
  assert (prepared.num_train, len(prepared.sources["val"])) == (302, 37)
