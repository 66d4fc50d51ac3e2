"""Encoding against a slow twin and against training's own features."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from style_run import make_run
from tiny import tiny_config

from hdgan.datasets import pipeline, prepared
from hdgan.datasets.reading import reading_of
from hdgan.datasets.transforms import dense_objects
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.make_styles import make_styles
from hdgan.networks.model import build_model
from hdgan.rendering import encode, thumbnails
from hdgan.rendering import photo as style_photo
from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory
from hdgan.styles import bank as style_bank
from hdgan.training import sampling


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  make_run(folder)
  return folder


def slow_pool(raw, label, instance):
  """One object at a time, in the order of label and id."""
  found = []
  for pair in sorted(set(zip(label.ravel(), instance.ravel(), strict=True))):
    mask = (label == pair[0]) & (instance == pair[1])
    found.append((pair, raw[mask].mean(0, dtype=np.float64), mask.mean()))
  return found


def test_pooling_equals_a_loop():
  rng = np.random.default_rng(0)
  raw = rng.normal(size=(13, 17, 3)).astype(np.float32)
  label = rng.integers(0, 3, (13, 17))
  instance = rng.integers(60000, 60004, (13, 17))
  means, pairs, shares = encode.pool_objects(raw, label, instance)
  want = slow_pool(raw, label, instance)
  assert [tuple(p) for p in pairs] == [w[0] for w in want]
  np.testing.assert_allclose(means, [w[1] for w in want], rtol=1e-6)
  np.testing.assert_allclose(shares, [w[2] for w in want], rtol=1e-6)
  assert shares.dtype == means.dtype == np.float32


def test_a_picture_label_has_objects_of_one_class():
  raw = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
  label = np.zeros((2, 2, 3), np.uint8)
  means, pairs, _ = encode.pool_objects(raw, label, np.array([[1, 1], [2, 2]]))
  np.testing.assert_array_equal(pairs, [[0, 1], [0, 2]])
  np.testing.assert_array_equal(means, [[1, 2], [5, 6]])


@pytest.mark.slow  # Compiled quickly, sums round by more than is allowed.
def test_features_are_those_of_training(workdir):
  renderer = open_renderer(workdir)
  inputs = pipeline.synthesis_inputs(
    renderer.config, "train", stage_size=renderer.size
  )
  assert len(inputs) == 3 < jax.local_device_count()
  model = renderer.model.__class__(
    **{**vars(renderer.model), "max_instances": 64}
  )
  features = jax.jit(model.features)
  count = 0
  for example, raw in encode.encode_all(renderer, iter(inputs)):
    maps = example["label"], example["instance"]
    objects, _ = dense_objects(*maps)
    batch = {k: example[k][None] for k in ("label", "instance", "image")}
    batch["objects"] = objects[None]
    want = np.asarray(features(renderer.params, batch))[0]
    means, _, _ = encode.pool_objects(raw, *maps)
    np.testing.assert_allclose(means[objects], want, atol=2e-6)
    assert np.ptp(means, axis=0).min() > 1e-3  # they tell objects apart
    count += 1
  assert count == 3


class Unread:
  """A split that nothing may be read from yet."""

  reads = 0

  def __len__(self):
    return 2

  def __getitem__(self, i):
    self.reads += 1
    raise IndexError(i)


def test_names_come_without_reading_a_record():
  source, size = Unread(), (16, 32)
  data = prepared.Prepared(
    sources={"train": source},
    names={"train": ("a", "b")},
    held_out="",
    max_instances=64,
    classes=(),
    reading=reading_of(tiny_config()),
  )
  inputs = encode.training_inputs(data, size)
  assert inputs.names == ("a", "b") and len(inputs) == 2
  assert inputs.examples is source and source.reads == 0


def test_pictures_of_several_sizes_come_in_order(workdir):
  renderer = open_renderer(workdir)
  rng = np.random.default_rng(0)
  sizes = [(16, 32), (16, 32), (18, 33), (16, 32)]
  examples = [
    {"image": rng.integers(0, 256, (*size, 3), np.uint8), "i": i}
    for i, size in enumerate(sizes)
  ]
  found = list(encode.encode_all(renderer, iter(examples)))
  assert [e["i"] for e, _ in found] == [0, 1, 2, 3]
  assert [raw.shape for _, raw in found] == [(*size, 3) for size in sizes]
  ((_, alone),) = encode.encode_all(renderer, iter(examples[3:]))
  np.testing.assert_array_equal(found[3][1], alone)


def test_the_bank_counts_every_object(workdir):
  bank = make_styles(workdir, num_styles=2, min_area=0.0)
  renderer = open_renderer(workdir)
  inputs = pipeline.synthesis_inputs(
    renderer.config, "train", stage_size=renderer.size
  )
  pairs = [dense_objects(e["label"], e["instance"])[1] for e in inputs]
  assert len(bank.objects.labels) == sum(len(p) for p in pairs)
  for picture, own in enumerate(pairs):
    rows = bank.objects.picture_ids == picture
    np.testing.assert_array_equal(bank.objects.labels[rows], own[:, 0])
    np.testing.assert_array_equal(bank.objects.instances[rows], own[:, 1])
    assert bank.objects.areas[rows].sum() == pytest.approx(1)
  assert renderer.bank.digest == bank.digest
  page = (workdir / "style_bank.html").read_text()
  # A picture per style and one real photo per class with styles.
  wanted = len(bank.styles.labels) + len(set(bank.styles.labels.tolist()))
  assert page.count("<figcaption>") == wanted
  assert "http" not in page.split("<style>")[0]
  for label in range(8):
    count = len(bank.styles.of_class(label))
    found = thumbnails.read(workdir, bank.digest, label)
    assert (found[1] if found else 0) == count


@pytest.mark.slow
def test_the_bank_is_equal_on_1_and_8_devices(tmp_path):
  written = []
  for devices in (1, 8):
    folder = tmp_path / str(devices)
    folder.mkdir()
    # Narrower layers than 8 channels would be summed thread by thread.
    make_run(folder, encoder__width=8)
    environment = {
      **os.environ,
      "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    subprocess.run(
      [
        sys.executable, "-m", "hdgan.main", "--mode=styles",
        f"--workdir={folder}", "--num_styles=3", "--min_area=0.001",
      ],
      env=environment, cwd=pathlib.Path(__file__).parents[2], check=True,
      capture_output=True,
    )  # fmt: skip
    written.append([
      (folder / name).read_bytes()
      for name in (style_bank.FILE, style_bank.READABLE)
    ])  # fmt: skip
  assert written[0] == written[1]


@pytest.mark.parametrize(
  ("settings", "line"),
  [
    ({"num_styles": 0}, "--num_styles=0 must be at least 1"),
    ({"min_area": 1.0}, "--min_area=1.0 is a share"),
    ({"min_area": -0.1}, "--min_area=-0.1 is a share"),
    ({"seed": -1}, "--style_seed=-1 must be at least 0"),
  ],
)
def test_numbers_out_of_range(workdir, settings, line):
  with pytest.raises(InputError, match=line):
    make_styles(workdir, **settings)


def test_a_model_without_e(tmp_path):
  make_run(
    tmp_path, encoder__enabled=False,
    stages=tiny_stages_without_e(),
  )  # fmt: skip
  with pytest.raises(InputError, match="trained without an encoder"):
    make_styles(tmp_path)


def tiny_stages_without_e():
  stages = tiny_config().stages
  stages[0].trainable = ("G1",)
  return stages


def test_photos_that_are_not_there(workdir):
  renderer = open_renderer(workdir)
  with pytest.raises(InputError, match="there is no such file"):
    style_photo.find_photo(renderer, "nothing.png")
  with pytest.raises(InputError, match="'test' is neither a folder nor a"):
    style_photo.find_photo(renderer, "test/street_00000")
  with pytest.raises(InputError, match="--style_from=x: there is no map"):
    style_photo.find_photo(renderer, "train/x")


def test_samples_show_styles_of_a_bank_of_this_e(tmp_path):
  config = make_run(tmp_path)
  make_styles(tmp_path, num_styles=2, min_area=0.0)
  data = pipeline.prepare(config)
  model = build_model(config, config.stages[0], data.max_instances)
  params = jax.tree.map(jnp.asarray, directory.load_params(tmp_path))
  grids = []
  for folder in (tmp_path, tmp_path / "nothing"):
    mesh = meshes.make_mesh(1)
    sampler = sampling.Sampler(config, model, data, mesh, folder)
    assert (sampler._bank(params) is None) == (folder != tmp_path)
    grids.append(sampler.render(params, {})[0])
  assert grids[0].shape == grids[1].shape and (grids[0] != grids[1]).any()
  # While E still learns, the bank is of an older one: zeros, and no error.
  moved = jax.tree.map(lambda x: x + 1, params["E"])
  sampler = sampling.Sampler(config, model, data, mesh, tmp_path)
  assert sampler._bank({**params, "E": moved}) is None
