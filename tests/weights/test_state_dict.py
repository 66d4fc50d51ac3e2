"""The table of names against the original's, and the two layouts."""

import json
import math

import numpy as np
import pytest

from hdgan.weights import state_dict
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
)

# What the original's constructors are called with, and how we say the same.
PUBLISHED = {
  "global_512p: GlobalGenerator": GeneratorSpec(36, 3, 64, 4, 9),
  "local_1024p: LocalEnhancer": GeneratorSpec(36, 3, 64, 4, 9, 1, 3),
  "discriminator_2: MultiscaleDiscriminator": DiscriminatorSpec(39, 64, 3, 2),
  "discriminator_3: MultiscaleDiscriminator": DiscriminatorSpec(39, 64, 3, 3),
  "discriminator_cap: MultiscaleDiscriminator (channels capped at 512)":
    DiscriminatorSpec(39, 64, 5, 1),
  "discriminator_nofeat: MultiscaleDiscriminator":
    DiscriminatorSpec(39, 64, 3, 2, False),
  "encoder: Encoder": EncoderSpec(3, 3, 16, 4),
}  # fmt: skip
COUNTS = (
  182_546_755, 182_857_059, 5_603_202, 8_404_803, 11_191_233, 5_603_202, 788_803
)  # fmt: skip


@pytest.mark.parametrize(
  "spec, total", list(zip(PUBLISHED.values(), COUNTS, strict=True))
)
def test_published_counts(spec, total):
  shapes = state_dict.shapes_of(state_dict.table_of(spec))
  assert sum(math.prod(shape) for shape in shapes.values()) == total


def test_names_order_and_shapes_are_the_originals(test_data):
  path = test_data / "parity" / "state_dict_shapes.json"
  networks = json.loads(path.read_text())
  for name, spec in PUBLISHED.items():
    want = networks[name]["state_dict"]
    shapes = state_dict.shapes_of(state_dict.table_of(spec))
    assert [(k, list(v)) for k, v in shapes.items()] == list(want.items())


def test_positions_of_a_small_global_generator():
  """Padding, convolution, norm, ReLU: 0 to 3; two down; a block; two up."""
  table = state_dict.generator_table(GeneratorSpec(4, 3, 8, 2, 1))
  assert {layer.name: "/".join(layer.path) for layer in table} == {
    "model.1": "G1/conv_in",
    "model.4": "G1/down_1",
    "model.7": "G1/down_2",
    "model.10.conv_block.1": "G1/block_1/conv_1",
    "model.10.conv_block.5": "G1/block_1/conv_2",
    "model.11": "G1/up_1",
    "model.14": "G1/up_2",
    "model.18": "G1/conv_out",
  }
  assert [layer.kind for layer in table].count("up") == 2


def test_the_outermost_enhancer_has_the_picture():
  table = state_dict.generator_table(GeneratorSpec(4, 3, 8, 1, 0, 2, 1))
  out = [layer for layer in table if layer.path[-1] == "conv_out"]
  assert [(x.name, x.path, x.kernel) for x in out] == [
    ("model2_2.5", ("G3", "conv_out"), (7, 7, 2, 3))
  ]
  widths = {x.path[0]: x.kernel[3] for x in table if x.path[-1] == "conv_in"}
  assert widths == {"G1": 8, "G2": 4, "G3": 2}


def test_highest_scale_number_is_the_finest():
  for features, first in ((True, "scale2_layer0.0"), (False, "layer2.0")):
    spec = DiscriminatorSpec(5, 4, 3, 3, features)
    table = state_dict.discriminator_table(spec)
    (finest,) = [x for x in table if x.path == ("D", "D1", "conv_1")]
    assert finest.name == first


def test_vgg_names_are_torchvisions():
  places = [int(x.name.split(".")[1]) for x in state_dict.vgg_table()]
  assert places == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30]


def test_layouts_by_hand():
  """Convolution weights are [out, in, k, k]; transposed ones [in, out]."""
  table = state_dict.encoder_table(EncoderSpec(3, 2, 4, 1))
  rng = np.random.default_rng(0)
  weights = {
    name: rng.standard_normal(shape).astype(np.float32)
    for name, shape in state_dict.shapes_of(table).items()
  }
  params = state_dict.to_params(table, weights)["E"]
  down, up = params["down_1"]["kernel"], params["up_1"]["kernel"]
  assert down.shape == (3, 3, 4, 8) and up.shape == (3, 3, 8, 4)
  assert down[0, 2, 1, 5] == weights["model.4.weight"][5, 1, 0, 2]
  assert up[0, 2, 5, 1] == weights["model.7.weight"][5, 1, 0, 2]
  assert np.shares_memory(down, weights["model.4.weight"])


@pytest.mark.parametrize(
  "spec",
  [
    GeneratorSpec(4, 3, 8, 2, 1, 2, 1), EncoderSpec(3, 2, 4, 2),
    DiscriminatorSpec(5, 4, 2, 2), DiscriminatorSpec(5, 4, 2, 2, False),
  ],
)  # fmt: skip
def test_there_and_back_is_bit_equal(spec):
  table = state_dict.table_of(spec)
  rng = np.random.default_rng(1)
  weights = {
    name: rng.standard_normal(shape).astype(np.float32)
    for name, shape in state_dict.shapes_of(table).items()
  }
  params = state_dict.to_params(table, weights)
  again = state_dict.to_state_dict(table, params)
  assert list(again) == list(weights)
  for name, array in again.items():
    assert array.flags.c_contiguous and array.dtype == np.float32
    np.testing.assert_array_equal(array, weights[name])


def test_half_precision_becomes_float32():
  table = state_dict.encoder_table(EncoderSpec(3, 2, 4, 1))
  weights = {
    name: np.full(shape, 0.1, np.float16)
    for name, shape in state_dict.shapes_of(table).items()
  }
  kernel = state_dict.to_params(table, weights)["E"]["conv_in"]["kernel"]
  assert kernel.dtype == np.float32 and kernel[0, 0, 0, 0] == np.float16(0.1)
