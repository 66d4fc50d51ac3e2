"""What is told of reading, on data and on what is made up."""

import contextlib
import pathlib
import tempfile

import numpy as np
import pytest
from tiny import data_config

from hdgan.datasets import input_speed, pipeline
from hdgan.datasets.streets import builder as streets


@pytest.fixture
def clocks(monkeypatch):
  """Each look at a clock is a second later, each at the CPU's three."""
  now = {"perf_counter": 0.0, "thread_time": 0.0}

  def tick(name, by):
    now[name] += by
    return now[name]

  for name, by in (("perf_counter", 1.0), ("thread_time", 3.0)):
    monkeypatch.setattr(
      input_speed.time, name, lambda name=name, by=by: tick(name, by)
    )


def test_numbers_of_a_folder(tmp_path, clocks):
  streets.write_folder(tmp_path / "data", num_train=3, size=(32, 64))
  config = data_config(tmp_path, **{"batch_size": 2, "encoder.enabled": True})
  config.stages[0].size = (16, 32)
  found = input_speed.measure(config, 0, examples=5)
  # Six examples in three batches, between two looks at a clock.
  assert found["examples"] == 6 and found["batch_size"] == 2
  assert found["examples_per_s"] == pytest.approx(6)
  assert found["cpu_ms_per_example"] == pytest.approx(500)
  assert found["examples_per_s_per_core"] == pytest.approx(2)
  assert found["cores_for_10_per_s"] == pytest.approx(5)
  # Each part is looked at once an example; the objects' takes that of placing.
  parts = dict.fromkeys(("read", "photo", "maps", "place"), 3000)
  assert found["ms"] == parts | {"objects": 0}
  # Label and objects of 8 bits, instances of 16, three colours.
  assert found["types"] == {
    "label": "uint8", "instance": "uint16", "image": "uint8",
    "objects": "uint8",
  }  # fmt: skip
  assert found["bytes_per_example"] == 16 * 32 * (1 + 2 + 3 + 1)
  assert found["data"] == config.data.root and found["photos"] == "PNG"


@pytest.mark.parametrize(
  ("changes", "label", "image"),
  [
    ({}, (np.uint8, ()), (np.uint8, (3,))),
    ({"num_classes": 300}, (np.uint16, ()), (np.uint8, (3,))),
    (
      {"num_classes": 0, "boundary": False, "data.label_channels": 1,
       "data.image_range": (0.0, 4000.0), "data.label_range": (-1.0, 1.0)},
      (np.float32, (1,)), (np.uint16, (3,)),
    ),
  ],
)  # fmt: skip
def test_made_up_data_is_what_the_config_wants(
  changes, label, image, tmp_path, monkeypatch, capsys
):
  config = data_config(tmp_path, **{"data.root": "", **changes})
  before = config.to_json()
  with contextlib.ExitStack() as stack:
    place = stack.enter_context(tempfile.TemporaryDirectory())
    monkeypatch.setattr(tempfile, "tempdir", place)
    with input_speed.opened(config) as data:
      stream = pipeline.batches(
        data, "train", stage_size=config.stages[0].size, batch_size=1,
        seed=(0, 0),
      )  # fmt: skip
      batch = next(stream)
      assert len(list(pathlib.Path(place).glob("hdgan*"))) == 1
      size = tuple(config.stages[0].size)
      for name, (dtype, channels) in (("label", label), ("image", image)):
        assert batch[name].dtype == dtype
        assert batch[name].shape == (1, *size, *channels)
      # Realistic: many runs of objects, and no two pixels of a photo alike.
      assert 5 < len(np.unique(batch["instance"])) < 64
      low, high = config.data.image_range
      assert low <= batch["image"].min() and batch["image"].max() <= high
      assert np.ptp(batch["image"]) > (high - low) / 3
      if config.num_classes:
        highest = max(int(next(stream)["label"].max()) for _ in range(4))
        assert config.num_classes / 2 < highest < config.num_classes
    # Nothing of it stays.
    assert not list(pathlib.Path(place).glob("hdgan*"))
  assert capsys.readouterr().err == (
    f"no data.root: 8 pictures of {size[1]}x{size[0]} are made up\n"
  )
  assert config.to_json() == before
