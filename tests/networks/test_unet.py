"""pix2pix's networks: counts, and a twin in PyTorch with the same weights."""

import jax
import pytest

from configs import pix2pix
from hdgan.networks.model import build_model


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


# In channels, those of G, and of D, which sees the photo's three as well.
COUNTS = [
  (3, 54_413_955, 2_768_705),
  (20, 54_431_363, 2_786_113),
  (35, 54_446_723, 2_801_473),
  (36, 54_447_747, 2_802_497),
]


@pytest.mark.parametrize("channels, of_g, of_d", COUNTS)
def test_parameters_of_the_preset(channels, of_g, of_d):
  """36 are 35 classes and the boundary map; 3 are a picture."""
  config = pix2pix.get_config()
  with config.unlocked():
    config.boundary = channels == 36
    config.num_classes = 0 if channels == 3 else min(channels, 35)
  shapes = build_model(config, config.stages[0]).shapes()
  assert (count(shapes["G1"]), count(shapes["D"])) == (of_g, of_d)
  assert shapes.keys() == {"G1", "D"} and shapes["D"].keys() == {"D1"}
