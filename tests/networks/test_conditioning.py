"""One-hot vectors and boundaries by hand and against loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from hdgan.networks import conditioning
from hdgan.picture_spec import PictureSpec


def slow_boundary(ids):
  edges = np.zeros(ids.shape, np.float32)
  height, width = ids.shape
  for i in range(height):
    for j in range(width):
      for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
        inside = 0 <= k < height and 0 <= m < width
        if inside and ids[k, m] != ids[i, j]:
          edges[i, j] = 1
  return edges


def test_boundary_by_hand():
  ids = np.array([[7, 7, 7, 7], [7, 7, 9, 7], [7, 7, 7, 7]], np.int32)
  want = [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0]]
  edges = conditioning.boundary_map(jnp.asarray(ids[None]))
  assert edges.dtype == jnp.float32
  np.testing.assert_array_equal(edges[0], want)


@pytest.mark.parametrize("shape", [(9, 12), (1, 8), (8, 1), (1, 1)])
def test_boundary_equals_its_definition(shape):
  ids = np.random.default_rng(3).integers(0, 3, (2, *shape)).astype(np.int32)
  want = np.stack([slow_boundary(picture) for picture in ids])
  np.testing.assert_array_equal(
    conditioning.boundary_map(jnp.asarray(ids)), want
  )


def test_boundary_compares_large_ids_as_integers():
  """33554432 and its successor are one number in float32."""
  ids = np.array([[[2**25, 2**25 + 1, -1]]], np.int32)
  np.testing.assert_array_equal(
    conditioning.boundary_map(jnp.asarray(ids)), [[[1, 1, 1]]]
  )


def test_one_hot_by_hand():
  label = jnp.array([[[0, 2, 255, -1, 1]]], jnp.int32)
  want = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
  np.testing.assert_array_equal(conditioning.one_hot(label, 3)[0, 0], want)
  want[4] = [0, 0, 0]
  np.testing.assert_array_equal(conditioning.one_hot(label, 3, 1)[0, 0], want)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint16])
def test_ids_of_every_type_give_the_same(dtype):
  """255 is no class of 256, and -1 ignores none of them."""
  label = np.random.default_rng(0).integers(0, 256, (1, 6, 9))
  for classes, ignore in ((256, -1), (256, 255), (8, 255), (9, 300)):
    spec = PictureSpec(classes, ignore)
    small, wide = (
      conditioning.condition(*[jnp.asarray(label, t)] * 2, spec=spec)
      for t in (dtype, jnp.int32)
    )
    np.testing.assert_array_equal(small, wide)


def test_unit_range_takes_the_declared_ends():
  x = np.array([0, 128, 255], np.uint8).reshape(1, 1, 3, 1)
  got = np.ravel(conditioning.to_unit_range(jnp.asarray(x), 0.0, 255.0))
  np.testing.assert_allclose(got, [-1, 2 * 128 / 255 - 1, 1], atol=1e-6)
  x = np.array([1000, 3000], np.uint16).reshape(1, 1, 2, 1)
  got = np.ravel(conditioning.to_unit_range(jnp.asarray(x), 1000.0, 3000.0))
  np.testing.assert_array_equal(got, [-1, 1])


def test_condition_stacks_classes_then_boundary():
  label = jnp.array([[[0, 1], [0, 1]]], np.int32)
  instance = jnp.array([[[5, 6], [5, 6]]], np.int32)
  x = conditioning.condition(label, instance, spec=PictureSpec(num_classes=2))
  np.testing.assert_array_equal(x[0, 0], [[1, 0, 1], [0, 1, 1]])
  x = conditioning.condition(label, None, spec=PictureSpec(num_classes=2))
  np.testing.assert_array_equal(x[0, 0], [[1, 0], [0, 1]])


def test_condition_on_a_picture():
  picture = np.array([0, 65535], np.uint16).reshape(1, 1, 2, 1)
  instance = jnp.array([[[3, 3]]], np.int32)
  spec = PictureSpec(num_classes=0, label_range=(0.0, 65535.0))
  x = conditioning.condition(jnp.asarray(picture), instance, spec=spec)
  np.testing.assert_array_equal(x[0, 0], [[-1, 0], [1, 0]])
