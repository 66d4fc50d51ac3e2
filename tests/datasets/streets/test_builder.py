"""Drawn streets: deterministic, consistent, with hidden styles."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from hdgan.datasets import files
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.datasets.streets import canvas as street_canvas
from hdgan.datasets.streets import scene as street_scene
from hdgan.datasets.streets.builder import CLASSES, draw_street

THINGS = {entry["id"] for entry in CLASSES if entry["has_instances"]}


def test_the_same_street_each_time():
  one, two = draw_street(3, 5, 48, 96), draw_street(3, 5, 48, 96)
  for key in ("label", "instance", "image"):
    np.testing.assert_array_equal(getattr(one, key), getattr(two, key))
  assert one.styles == two.styles
  for other in (draw_street(3, 6, 48, 96), draw_street(4, 5, 48, 96)):
    assert (one.label != other.label).mean() > 0.05


def test_the_same_street_at_another_size():
  small, large = draw_street(0, 1, 64, 128), draw_street(0, 1, 128, 256)
  same = small.label == large.label[1::2, 1::2]
  assert same.mean() > 0.93
  styles = dict(large.styles)
  assert all(styles.get(i, s) == s for i, s in small.styles)


@pytest.mark.parametrize("index", range(4))
def test_instances_belong_to_their_class(index):
  scene = draw_street(0, index, 64, 128)
  assert scene.label.dtype == scene.instance.dtype == np.int32
  assert scene.image.dtype == np.uint8 and scene.image.shape == (64, 128, 3)
  things = np.isin(scene.label, list(THINGS))
  np.testing.assert_array_equal(
    scene.instance[things] // 1000, scene.label[things]
  )
  np.testing.assert_array_equal(scene.instance[~things], scene.label[~things])


def test_every_class_occurs_and_no_class_rules():
  labels = np.stack([draw_street(0, i, 64, 128).label for i in range(12)])
  shares = np.bincount(labels.ravel(), minlength=len(CLASSES)) / labels.size
  assert len(shares) == len(CLASSES)
  assert shares.min() > 0.001 and shares.max() < 0.6


def test_styles_name_what_can_be_seen_and_show_in_the_photo():
  colors = 255 * np.array(list(street_canvas.CAR_COLORS.values()))
  hits, count = 0, 0
  for index in range(12):
    scene = draw_street(1, index, 128, 256)
    seen = set(np.unique(scene.instance).tolist())
    labels = {street_canvas.BUILDING, street_canvas.CAR}
    expected = {i for i in seen if i // 1000 in labels}
    assert {i for i, _ in scene.styles} == expected
    for object_id, style in scene.styles:
      mask = scene.instance == object_id
      if object_id // 1000 != street_canvas.CAR or mask.sum() < 150:
        continue
      away = np.abs(scene.image[mask][:, None].astype(float) - colors)
      nearest = np.bincount(away.sum(-1).argmin(-1), minlength=6)
      # Glass and tyres are dark on every car.
      dark = list(street_canvas.CAR_COLORS).index("black")
      if style != dark:
        nearest[dark] = 0
      hits += nearest.argmax() == style
      count += 1
  assert count > 10
  assert hits / count > 0.9


def test_stripes_against_a_slow_average():
  at, blur = np.array([0.3, 1.7, 2.95]), np.array([0.5, 0.01, 3.0])
  covered = street_canvas.stripes(at, 1.3, 0.4, blur)
  fine = (np.arange(20000) + 0.5) / 20000 - 0.5
  places = (at[:, None] + blur[:, None] * fine) / 1.3
  slow = (places % 1.0 < 0.4).mean(-1)
  np.testing.assert_allclose(covered, slow, atol=2e-4)


def test_drawing_is_quick():
  draw_street(0, 0, 128, 256)
  times = []
  for index in range(10):
    start = time.perf_counter()
    draw_street(0, index, 128, 256)
    times.append(time.perf_counter() - start)
  # About 0.02 s on one core; the least of ten is spared a busy machine.
  assert min(times) < 0.1


def test_prepared_streets(tmp_path):
  sources, most = synthetic_streets.prepare(
    size=(32, 64), num_train=3, num_val=2, seed=7, folder=tmp_path
  )
  assert {split: len(source) for split, source in sources.items()} == {
    "train": 3,
    "val": 2,
  }
  scene = draw_street(7, 4, 32, 64)
  example = sources["val"][1]
  assert example["name"] == b"street_00004"
  assert example["image"] == files.encode_png(scene.image)
  pairs = zip(
    example["styles"]["object"], example["styles"]["style"], strict=True
  )
  assert tuple(pairs) == scene.styles
  counts = [
    len(np.unique(draw_street(7, i, 32, 64).instance)) for i in range(5)
  ]
  assert most == max(counts)
  again = synthetic_streets.prepare(
    size=(32, 64), num_train=3, num_val=2, seed=7, folder=tmp_path
  )
  assert again[1] == most


def test_written_folder(tmp_path):
  synthetic_streets.write_folder(
    tmp_path,
    num_train=2,
    num_val=1,
    num_test=1,
    size=(32, 64),
    instances=False,
  )
  found = {
    p.name: len(list(p.iterdir())) for p in tmp_path.iterdir() if p.is_dir()
  }
  assert found == {
    "train_label": 2,
    "train_img": 2,
    "val_label": 1,
    "val_img": 1,
    "test_label": 1,
  }
  label = np.array(Image.open(tmp_path / "test_label/street_00003.png"))
  np.testing.assert_array_equal(
    label, street_scene.draw_street(0, 3, 32, 64).label
  )
  classes = json.loads((tmp_path / "classes.json").read_text())
  assert [entry["name"] for entry in classes][:2] == ["sky", "road"]
