"""Networks are recognised by names and shapes, and nothing else is taken."""

import itertools

import pytest

from hdgan.errors import InputError
from hdgan.weights import recognise
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  shapes_of,
  table_of,
)

GENERATORS = [
  GeneratorSpec(inputs, 3, 8, downs, blocks, enhancers, inner)
  for inputs, downs, blocks, (enhancers, inner) in itertools.product(
    (4, 36), (1, 4), (0, 1, 9), ((0, 0), (1, 3), (2, 1), (2, 0))
  )
]
DISCRIMINATORS = [
  DiscriminatorSpec(39, 4, layers, scales, features)
  for layers, scales, features in itertools.product(
    (1, 3, 5), (1, 2, 3), (True, False)
  )
]
SMALL = GeneratorSpec(4, 3, 8, 2, 1, 1, 1)


def shapes(spec):
  return shapes_of(table_of(spec))


@pytest.mark.parametrize("spec", GENERATORS + DISCRIMINATORS, ids=str)
def test_every_network_is_recognised(spec):
  assert recognise.infer(shapes(spec), "file") == spec


@pytest.mark.parametrize("downs", [1, 2, 4])
def test_an_encoder_is_told_by_the_files_name(downs):
  spec = EncoderSpec(3, 2, 4, downs)
  assert recognise.infer(shapes(spec), "file", "E") == spec
  as_g = recognise.infer(shapes(spec), "file", "G")
  assert as_g == GeneratorSpec(3, 2, 4, downs, 0)


def refused(found, *words, net=""):
  with pytest.raises(InputError) as error:
    recognise.infer(found, "x.pth", net)
  lines = str(error.value).splitlines()
  for word in words:
    assert word in str(error.value)
  assert all(line.startswith("x.pth: ") for line in lines)
  return lines


def test_batch_norm_is_refused_with_the_reason():
  found = shapes(GeneratorSpec(8, 3, 4, 1, 1))
  found |= {"model.2.weight": (4,), "model.2.running_mean": (4,)}
  refused(found, "--norm batch", "instance norm", "--norm instance")


def test_unknown_and_missing_names_come_with_the_nearest():
  found = shapes(SMALL)
  found["model.4.wieght"] = found.pop("model.4.weight")
  unknown, missing = refused(found)
  assert "1 name that" in unknown and "'model.4.wieght'" not in missing
  assert "nearest to the first: 'model.4.weight'" in unknown
  assert "1 weight is missing: model.4.weight" in missing


def test_ten_names_are_listed_and_the_rest_counted():
  found = shapes(SMALL) | {f"other.{i}.weight": (1,) for i in range(13)}
  (line,) = refused(found)
  assert "13 names" in line and "and 3 more" in line
  assert "other.9.weight" in line and "other.10.weight" not in line


def test_shape_mismatch_says_both_shapes():
  found = shapes(SMALL) | {"model.7.weight": (32, 16, 5, 5)}
  (line,) = refused(found)
  assert "'model.7.weight' has shape [32, 16, 5, 5]" in line
  assert "must have [32, 16, 3, 3]" in line


def test_first_weight_missing():
  found = shapes(SMALL)
  del found["model.1.weight"]
  refused(found, "'model.1.weight' is missing")


def test_other_networks_are_refused():
  refused({"conv1.weight": (64, 3, 7, 7)}, "no name of a pix2pixHD network")
  refused(shapes(DiscriminatorSpec(5, 4, 3, 2)), "holds a D", net="G")
  refused(shapes(SMALL), "holds a G or E", net="D")


def test_names_with_absurd_numbers_are_refused_at_once():
  found = shapes(SMALL) | {"model.99999999999.weight": (1, 1, 3, 3)}
  refused(found, "model.99999999999.weight")
