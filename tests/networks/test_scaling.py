"""Scaling of pictures that are cut, against JAX's of whole ones."""

import jax
import numpy as np
import pytest
from tiny import draw

from hdgan.devices.mesh import make_mesh
from hdgan.networks import scaling


@pytest.mark.parametrize("space", [2, 4])
@pytest.mark.parametrize(
  "before, after",
  [((64, 24), (32, 12)), ((64, 24), (16, 6)), ((16, 6), (32, 12)),
   ((64, 24), (40, 9))],
)  # fmt: skip
@pytest.mark.parametrize("method", ["cubic", "nearest"])
def test_bands_equal_the_whole(space, before, after, method):
  x = np.asarray(draw(2, *before, 3))
  if method == "nearest":
    x = np.arange(2 * before[0] * before[1], dtype=np.int32)
    x = x.reshape(2, *before)
  want = jax.image.resize(x, (2, *after, *x.shape[3:]), method)
  with jax.set_mesh(make_mesh(4 // space, space=space)):
    got = jax.jit(lambda x: scaling.scale(x, after, method))(x)
  assert got.dtype == x.dtype
  # JAX rounds to float32 where a row comes from; at 8 / 5 that shows.
  np.testing.assert_allclose(got, want, atol=1e-5)


def test_the_same_size_stays():
  x = draw(1, 8, 8, 3)
  assert scaling.scale(x, (8, 8), "cubic") is x


def test_weights_by_hand():
  # Twice as large: samples a quarter of a pixel off; Keys' kernel at 0.25,
  # 0.75, 1.25 and 1.75. The first row's lacks what is above the picture.
  near = [1.5 * x**3 - 2.5 * x**2 + 1 for x in (0.25, 0.75)]
  far = [-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 for x in (1.25, 1.75)]
  (weights,) = scaling.band_weights(8, 16, 1)
  inner = [far[1], near[1], near[0], far[0]]  # Pixels 1 to 4 for row 6.
  np.testing.assert_allclose(weights[3 + 1 : 3 + 5, 6], inner)
  np.testing.assert_allclose(weights.sum(0), 1)
  first = np.array([near[0], far[0]])  # Pixels 0 and 1 for row 0.
  np.testing.assert_allclose(weights[3:5, 0], first / first.sum())
