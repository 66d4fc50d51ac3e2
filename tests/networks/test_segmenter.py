"""The U-Net that tells classes: shapes, counts, and its norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close

from hdgan.networks import segmenter


def test_group_norm_against_numpy():
  x = np.random.default_rng(0).normal(3, 2, (2, 3, 5, 16)).astype(np.float32)
  got = segmenter.group_norm(jnp.asarray(x))
  want = np.empty_like(x)
  for b in range(2):
    for group in range(8):
      part = x[b, :, :, 2 * group : 2 * group + 2].astype(np.float64)
      part = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
      want[b, :, :, 2 * group : 2 * group + 2] = part
  close(np.asarray(got), want)


def test_parameters_by_count():
  """Each block: 9 C D weights, a scale and a shift; at the end K (C + 1)."""
  net = segmenter.Segmenter(classes=11)
  widths = [32, 64, 96, 128, 160]
  down = zip([3, *widths], widths, strict=False)
  # Each gets what lies below beside what was passed on.
  up = [
    (below + own, own) for own, below in zip(widths, widths[1:], strict=False)
  ]
  blocks = sum(9 * c * d + 2 * d for c, d in (*down, *up))
  params = net.start((0,))
  count = sum(leaf.size for leaf in jax.tree.leaves(params))
  assert count == blocks + 11 * 33
  again = net.start((0,))
  assert (params["kernel"] == again["kernel"]).all()
  assert (params["kernel"] != net.start((1,))["kernel"]).any()


@pytest.mark.parametrize("size", [(32, 48), (33, 17), (9, 8)])
def test_any_size_of_picture_keeps_it(size):
  net = segmenter.Segmenter(classes=3, width=8)
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  params = net.start((0,))
  shape = jax.eval_shape(lambda p, x: net.apply({"params": p}, x), params, x)
  assert shape.shape == (2, *size, 3)
