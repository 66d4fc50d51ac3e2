"""The pictures of a check, beside what the networks are fed."""

import jax.numpy as jnp
import numpy as np

from hdgan.networks.conditioning import boundary_map
from hdgan.report.check_page import boundary


def test_the_boundary_is_the_one_that_G_is_fed():
  instance = np.random.default_rng(0).integers(0, 3, (7, 9)).astype(np.int32)
  fed = np.asarray(boundary_map(jnp.asarray(instance)[None]))[0]
  np.testing.assert_array_equal(boundary(instance), fed)
  ids = np.array([[1, 1, 1, 1], [1, 1, 2, 1]], np.int32)
  assert boundary(ids).tolist() == [[0, 0, 1, 0], [0, 1, 1, 1]]
