"""What goes into the networks: channels, ignored pixels, features."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import leaves, on_device, tiny_batch, tiny_config, validated

from hdgan.networks.crn import RefinementNetwork
from hdgan.networks.encoder import FeatureEncoder
from hdgan.networks.model import build_model
from hdgan.picture_spec import PictureSpec


class FixedEncoder(FeatureEncoder):
  """Stands for E before pooling: what it gives is known."""

  raw: Any = None

  def __call__(self, image):
    assert image.shape[1:3] == self.raw.shape[1:3]
    return self.raw


def model_of(stage=0, max_instances=64, **changes):
  config = validated(**changes)
  return build_model(config, config.stages[stage], max_instances)


@pytest.mark.parametrize(
  "changes, channels",
  [
    ({}, 8 + 1),
    ({"boundary": False}, 8),
    ({"num_classes": 0}, 3 + 1),
    ({"num_classes": 0, "data.label_channels": 1, "boundary": False}, 1),
  ],
)
def test_condition_channels(changes, channels):
  model = model_of(**changes)
  batch = on_device(tiny_batch(model))
  if not model.pictures.num_classes:
    shape = (1, *model.size, model.pictures.label_channels)
    batch["label"] = jnp.full(shape, 255, jnp.uint8)
  condition = model.condition(batch)
  assert condition.shape == (1, *model.size, channels)
  assert model.condition_channels == channels
  # G also sees E's 3 features, D the photo's 3 channels.
  shapes = model.shapes()
  assert shapes["G1"]["conv_in"]["kernel"].shape[2] == channels + 3
  assert shapes["D"]["D1"]["conv_1"]["kernel"].shape[2] == channels + 3


def test_label_pictures_use_their_declared_range():
  model = model_of(
    num_classes=0, boundary=False, **{"data.label_range": (0.0, 1000.0)}
  )
  label = jnp.full((1, *model.size, 3), 750, jnp.uint16)
  condition = model.condition({"label": label})
  np.testing.assert_allclose(condition, 0.5, rtol=1e-6)


def test_ignored_pixels_have_a_zero_vector():
  model = model_of(ignore_label=255)
  batch = on_device(tiny_batch(model))
  batch["label"] = batch["label"].at[0, :, 3].set(255)
  one_hot = np.asarray(model.condition(batch))[..., :8]
  assert (one_hot[0, :, 3] == 0).all()
  rest = np.delete(one_hot, 3, axis=2)
  assert (rest.sum(-1) == 1).all()
  # A class of the network may be ignored too.
  model = model_of(ignore_label=1)
  batch = on_device(tiny_batch(model))
  sums = np.asarray(model.condition(batch))[..., :8].sum(-1)
  np.testing.assert_array_equal(sums == 0, batch["label"] == 1)


def small_model(raw, num_classes=3, ignore_label=-1, size=(4, 8)):
  raw = jnp.asarray(raw, jnp.float32)[..., None]
  return dataclasses.replace(
    model_of(), encoder=FixedEncoder(1, raw=raw), size=size,
    encoder_size=raw.shape[1:3], max_instances=8,
    pictures=PictureSpec(num_classes, ignore_label),
  )  # fmt: skip


def features_of(model, label, objects):
  label, objects = (np.asarray(x, np.int32) for x in (label, objects))
  image = np.zeros((*objects.shape, 3), np.uint8)
  batch = {
    "label": label, "instance": objects, "objects": objects, "image": image
  }  # fmt: skip
  return np.asarray(model.features({"E": {}}, on_device(batch)))[..., 0]


# At half the size E sees rows 1, 3 and columns 1, 3, 5, 7.
OBJECTS = [[
  [0, 0, 0, 0, 1, 1, 1, 1],
  [0, 0, 0, 0, 1, 1, 1, 1],
  [2, 0, 2, 2, 1, 1, 3, 1],  # 3 is lost: row 2 is not seen
  [4, 0, 2, 2, 1, 1, 5, 1],  # so are 4 (column 0) and 5 (column 6)
]]  # fmt: skip
CLASS_OF = np.array([0, 1, 0, 1, 0, 2])
RAW = [[[1.0, 3.0, 5.0, 9.0], [2.0, 8.0, 7.0, 3.0]]]


def test_an_object_lost_by_scaling_takes_its_class_mean():
  label = CLASS_OF[np.array(OBJECTS)]
  got = features_of(small_model(RAW), label, OBJECTS)
  # Object 0: (1 + 3 + 2) / 3; 1: (5 + 9 + 7 + 3) / 4; 2: 8. Lost: 3 is of
  # class 1, whose mean is object 1's; 4 of class 0: (1 + 3 + 2 + 8) / 4;
  # 5 of class 2, which is lost with it.
  want = np.array([2.0, 6.0, 8.0, 6.0, 3.5, 0.0])
  np.testing.assert_allclose(got, want[np.array(OBJECTS)], rtol=1e-6)


def test_ignored_pixels_count_in_no_class_mean():
  objects, label = np.array(OBJECTS), CLASS_OF[np.array(OBJECTS)]
  label[objects == 2] = 255
  label[objects == 5] = 2
  label[objects == 1] = 2
  label[objects == 3] = 1
  got = features_of(small_model(RAW, ignore_label=255), label, objects)
  # Class 2 is object 1 (6.0) and the lost 5; the ignored object 2 (8.0) has
  # its own mean. Class 0 lost 4 and keeps object 0: 2.0. Class 1 is lost.
  want = np.array([2.0, 6.0, 8.0, 0.0, 2.0, 6.0])
  np.testing.assert_allclose(got, want[objects], rtol=1e-6)


def test_features_of_ids_of_8_bits():
  """256 classes, of which none is that of pixels without one; 256 objects."""
  rng = np.random.default_rng(0)
  model = dataclasses.replace(
    small_model(rng.normal(size=(2, 8, 16)), 256, 3, size=(16, 32)),
    max_instances=256,
  )
  label = rng.choice([0, 3, 254, 255], (2, 16, 32))
  # In each picture all numbers, and some only where E does not look.
  objects = np.stack([rng.permutation(512) % 256 for _ in range(2)])
  objects = objects.reshape(2, 16, 32)
  batch = {
    "label": label, "instance": objects, "objects": objects,
    "image": np.zeros((2, 16, 32, 3)),
  }  # fmt: skip
  for dtype in (jnp.uint8, jnp.uint16):
    small, wide = (
      model.features(
        {"E": {}}, {k: jnp.asarray(v, t) for k, v in batch.items()}
      )
      for t in (dtype, jnp.int32)
    )
    np.testing.assert_array_equal(small, wide)
  assert len(np.unique(np.asarray(small))) > 200


def test_without_classes_a_lost_object_gets_zeros():
  label = np.zeros((1, 4, 8, 3), np.int32)
  got = features_of(small_model(RAW, num_classes=0), label, OBJECTS)
  want = np.array([2.0, 6.0, 8.0, 0.0, 0.0, 0.0])
  np.testing.assert_allclose(got, want[np.array(OBJECTS)], rtol=1e-6)


def test_at_stage_one_each_pixel_counts():
  raw = np.arange(32.0).reshape(1, 4, 8)
  model = small_model(raw)
  got = features_of(model, np.zeros((1, 4, 8)), OBJECTS)
  for i in range(6):
    inside = np.array(OBJECTS) == i
    np.testing.assert_allclose(got[inside], raw[inside].mean(), rtol=1e-6)


def test_pictures_of_a_batch_do_not_mix():
  """Batch 2 is twice batch 1, though both use the same object numbers."""
  raw = np.random.default_rng(0).normal(size=(2, 2, 4))
  objects = np.array([OBJECTS[0], OBJECTS[0][::-1]])
  label = CLASS_OF[objects]
  both = features_of(small_model(raw), label, objects)
  for i in (0, 1):
    one = features_of(
      small_model(raw[i : i + 1]), label[i : i + 1], objects[i : i + 1]
    )
    np.testing.assert_allclose(both[i], one[0], rtol=1e-6)


def test_the_encoder_sees_stage_one_s_size():
  model = model_of(stage=2)
  assert model.size == (32, 64) and model.encoder_size == (16, 32)
  features = jax.eval_shape(
    model.features, model.shapes(), tiny_batch(model, 2)
  )
  assert features.shape == (2, 32, 64, 3)
  assert model.no_features(on_device(tiny_batch(model))).shape == (1, 32, 64, 3)
  assert not model.no_features(on_device(tiny_batch(model))).any()
  without = model_of(**{
    "encoder.enabled": False, "stages[0].trainable": ("G1",)
  })  # fmt: skip
  assert without.no_features(on_device(tiny_batch(without))) is None
  assert "E" not in without.shapes()


def test_start_values():
  model = model_of(**{"generator.width": 16})
  one, two, other = (leaves(model.init((s, 0))) for s in (0, 0, 1))
  for name in one:
    assert one[name].dtype == np.float32
    assert one[name].tobytes() == two[name].tobytes()
    assert (one[name] != other[name]).any()
  big = one["G1/block_1/conv_1/kernel"]
  np.testing.assert_allclose(big.std(), 0.02, rtol=0.05)
  assert abs(big.mean()) < 1e-3
  # PyTorch's biases: uniform within 1 / sqrt(3 * 3 * 32 inputs).
  bias = one["G1/block_1/conv_1/bias"]
  assert 0.5 * 288**-0.5 < np.abs(bias).max() <= 288**-0.5
  # Two layers of one shape differ, and a network does not depend on others.
  assert (big != one["G1/block_1/conv_2/kernel"]).any()
  taller = model_of(stage=1, **{"generator.width": 16}).init((0, 0))
  np.testing.assert_array_equal(leaves(taller)["G1/block_1/conv_1/kernel"], big)


def test_models_of_equal_settings_are_equal():
  config = tiny_config()
  one, two = (build_model(config, config.stages[0], 64) for _ in (0, 1))
  assert one == two
  assert one != build_model(config, config.stages[1], 64)


def test_a_run_without_a_discriminator():
  model = model_of(**{
    "loss.gan": "none", "loss.feature_matching": 0.0, "loss.l1": 1.0
  })  # fmt: skip
  assert model.discriminator is None and model.shapes()["D"] == {}
  assert model.init((0,))["D"] == {}


def test_the_first_of_several_pictures():
  model = model_of()
  made = jnp.arange(6.0)[None, None, None, :]
  assert model.drawn == 1 and model.first(made) is made
  several = RefinementNetwork(pictures=2)
  model = dataclasses.replace(model, generator=several)
  np.testing.assert_array_equal(model.first(made)[0, 0, 0], [0, 2, 4])
