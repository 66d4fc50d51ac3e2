"""Pooling against loops in NumPy; the encoder's sizes and counts."""

import jax
import jax.numpy as jnp
import numpy as np
from tiny import draw_weights, pool

from hdgan.networks import encoder


def slow_pool(x, ids):
  """Each picture on its own: every object's mean, one object at a time."""
  x, ids = np.asarray(x), np.asarray(ids)
  y = np.zeros_like(x, np.float64)
  for b in range(len(x)):
    for i in np.unique(ids[b]):
      inside = ids[b] == i
      y[b, inside] = x[b, inside].mean(0, dtype=np.float64)
  return y


def draw(seed, shape, count):
  rng = np.random.default_rng(seed)
  x = jnp.asarray(rng.standard_normal((*shape, 3)), jnp.float32)
  return x, jnp.asarray(rng.integers(0, count, shape), jnp.int32)


def test_pooling_equals_a_loop():
  x, ids = draw(0, (2, 13, 17), 20)
  got = pool(x, ids, 20)
  np.testing.assert_allclose(got, slow_pool(x, ids), atol=1e-6)


def test_500_objects():
  x, ids = draw(1, (1, 64, 64), 500)
  got = pool(x, ids, 512)
  np.testing.assert_allclose(got, slow_pool(x, ids), atol=1e-6)


def test_the_same_id_in_two_pictures_is_two_objects():
  x, ids = draw(2, (2, 8, 8), 4)
  both = pool(x, ids, 4)
  for b in range(2):
    one = pool(x[b : b + 1], ids[b : b + 1], 4)
    np.testing.assert_allclose(both[b : b + 1], one, rtol=1e-6)
  changed = x.at[1].add(100)
  again = pool(changed, ids, 4)
  np.testing.assert_array_equal(again[0], both[0])


def test_an_object_of_one_pixel_keeps_its_value():
  x, _ = draw(3, (1, 5, 5), 1)
  ids = jnp.zeros((1, 5, 5), jnp.int32).at[0, 2, 3].set(1)
  means, pixels = encoder.segment_means(x, ids, 3)
  np.testing.assert_array_equal(pixels[0], [24, 1, 0])
  np.testing.assert_array_equal(means[0, 1], x[0, 2, 3])
  np.testing.assert_array_equal(means[0, 2], 0)  # no pixels, not NaN


def test_gradient_is_the_pooled_cotangent():
  x, ids = draw(4, (2, 9, 7), 5)
  dy, _ = draw(5, (2, 9, 7), 5)
  _, pull = jax.vjp(lambda x: pool(x, ids, 5), x)
  want = slow_pool(dy, ids)
  np.testing.assert_allclose(pull(jnp.asarray(dy))[0], want, atol=1e-6)


def test_published_size_has_788803_parameters():
  net = encoder.FeatureEncoder(3, 16, 4)
  photo = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  params = jax.eval_shape(net.init, jax.random.key(0), photo)
  assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 788_803


def test_features_are_float32_in_unit_range():
  net = encoder.FeatureEncoder(2, 4, 2, jnp.bfloat16)
  photo = jnp.asarray(draw(6, (1, 16, 24), 1)[0])
  params = draw_weights(net, photo)
  params = jax.tree.map(lambda leaf: leaf * 100, params)
  y = jax.jit(net.apply)(params, photo)
  assert y.shape == (1, 16, 24, 2) and y.dtype == jnp.float32
  assert np.abs(y).max() <= 1
