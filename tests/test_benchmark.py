"""What the benchmark times and reports."""

import json

import jax
import numpy as np
import pytest
from tiny import tiny_config, validated

from hdgan import benchmark
from hdgan.errors import InputError
from hdgan.networks.model import build_model

NUMBERS = ("median_s", "min_s", "max_s", "first_call_s", "images_per_s")


def quick(**changes):
  return tiny_config(
    **{"encoder.enabled": False, "stages[0].trainable": ("G1",), **changes}
  )


@pytest.mark.parametrize("work", benchmark.WORKS)
def test_report(work, capsys, monkeypatch):
  jit = jax.jit
  options = {"xla_backend_optimization_level": 0}  # Compiles faster.
  monkeypatch.setattr(
    jax, "jit", lambda f, **k: jit(f, compiler_options=options, **k)
  )
  benchmark.run(quick(batch_size=2), None, work, 0, 3)
  shown = json.loads(capsys.readouterr().out)
  for name in NUMBERS:
    assert shown[name] > 0
  assert shown["min_s"] <= shown["median_s"] <= shown["max_s"]
  assert shown["images_per_s"] == pytest.approx(2 / shown["median_s"])
  assert {k: shown[k] for k in (
    "framework", "work", "stage", "size", "batch_size", "devices",
    "precision", "vgg", "repeats",
  )} == {
    "framework": "jax", "work": work, "stage": "global", "size": [16, 32],
    "batch_size": 2, "devices": 2, "precision": "float32", "vgg": False,
    "repeats": 3,
  }  # fmt: skip
  assert shown["peak_memory_bytes"] > 2**20


@pytest.mark.parametrize(
  "work, stage, repeats", [("sleep", 0, 1), ("step", 3, 1), ("step", 0, 0)]
)
def test_what_cannot_be_timed(work, stage, repeats):
  with pytest.raises(InputError):
    benchmark.benchmark(quick(), work, stage, repeats)


def test_made_up_data():
  config = validated(**{"num_classes": 3})
  model = build_model(config, config.stages[2], 4)
  one, two = (benchmark.random_batch(model, 2, 5) for _ in (0, 1))
  for name in one:
    np.testing.assert_array_equal(one[name], two[name])
    assert one[name].shape[:3] == (2, 32, 64)
  assert one["label"].max() < 3 and one["objects"].max() < 4
  assert one["image"].dtype == np.uint8
  weights = benchmark.random_vgg()
  assert len(weights) == 13
  # He's variance, 2 / fan-in: activations neither vanish nor explode.
  kernel = weights["conv4_1"]["kernel"]
  np.testing.assert_allclose(kernel.std(), (2 / (9 * 256)) ** 0.5, rtol=0.01)
