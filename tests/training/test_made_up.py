"""Made-up inputs have the forms and bounds of real ones."""

import numpy as np
from tiny import validated

from hdgan.networks.model import build_model
from hdgan.training import made_up


def test_made_up_data():
  config = validated(**{"num_classes": 3})
  model = build_model(config, config.stages[2], 4)
  one, two = (made_up.random_batch(model, 2, 5) for _ in (0, 1))
  for name in one:
    np.testing.assert_array_equal(one[name], two[name])
    assert one[name].shape[:3] == (2, 32, 64)
  assert one["label"].max() < 3 and one["objects"].max() < 4
  assert one["image"].dtype == np.uint8
  weights = made_up.random_vgg()
  assert len(weights) == 13
  # He's variance, 2 / fan-in: activations neither vanish nor explode.
  kernel = weights["conv4_1"]["kernel"]
  np.testing.assert_allclose(kernel.std(), (2 / (9 * 256)) ** 0.5, rtol=0.01)
