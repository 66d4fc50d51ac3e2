"""Losses against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hdgan.networks import losses


def scores(*values):
  return jnp.asarray(values, jnp.float32).reshape(1, 1, -1, 1)


def test_least_squares_by_hand():
  x = scores(0.0, 0.5, 2.0)
  assert losses.least_squares(x, True) == pytest.approx((1 + 0.25 + 1) / 3)
  assert losses.least_squares(x, False) == pytest.approx((0.25 + 4) / 3)


def test_cross_entropy_by_hand():
  # sigmoid(0) = 1/2 and sigmoid(log 3) = 3/4.
  x = scores(0.0, np.log(3.0))
  want = (np.log(2) + np.log(4 / 3)) / 2
  assert losses.cross_entropy(x, True) == pytest.approx(want, rel=1e-6)
  want = (np.log(2) + np.log(4)) / 2
  assert losses.cross_entropy(x, False) == pytest.approx(want, rel=1e-6)


def test_cross_entropy_of_certain_scores_stays_finite():
  loss, gradient = jax.value_and_grad(losses.cross_entropy)(
    scores(-200.0), True
  )
  assert loss == 200.0
  assert np.ravel(gradient) == pytest.approx([-1.0])


def test_gan_loss_sums_scales_and_reads_only_the_scores():
  noise = jnp.full((1, 2, 2, 3), jnp.nan)
  outputs = [[noise, scores(0.0)], [noise, scores(3.0, 1.0)]]
  assert losses.gan_loss(outputs, True) == 1 + (4 + 0) / 2
  assert losses.gan_loss(outputs, False) == 0 + (9 + 1) / 2
  want = np.log(2) + (np.log1p(np.exp(-3.0)) + np.log1p(np.exp(-1.0))) / 2
  got = losses.gan_loss(outputs, True, "bce")
  assert got == pytest.approx(want, rel=1e-6)


def test_feature_matching_by_hand():
  """Two scales of two layers and scores: x 4 / 2 layers / 2 scales = 1."""

  def scale(a, b, score):
    return [jnp.full((1, 2, 2, 3), a), jnp.full((1, 1, 1, 8), b), scores(score)]

  fake = [scale(1.0, 2.0, 9.0), scale(0.0, 0.0, 9.0)]
  real = [scale(0.0, -1.0, 0.0), scale(0.5, 0.0, 0.0)]
  want = (1.0 + 3.0 + 0.5 + 0.0) * 4 / 2 / 2
  assert losses.feature_matching_loss(fake, real) == pytest.approx(want)


def test_feature_matching_pulls_only_the_fake():
  fake, real = jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1))

  def loss(fake, real):
    rest = scores(0.0)
    return losses.feature_matching_loss([[fake, rest]], [[real, rest]])

  to_fake, to_real = jax.grad(loss, (0, 1))(fake, real)
  np.testing.assert_array_equal(to_fake, 4 / 4 * np.ones((1, 2, 2, 1)))
  np.testing.assert_array_equal(to_real, 0)


def test_feature_matching_needs_equal_layers():
  rest = scores(0.0)
  with pytest.raises(ValueError, match="zip"):
    losses.feature_matching_loss([[rest, rest]], [[rest, rest]] * 2)


def test_vgg_loss_by_hand():
  fake = [jnp.full((1, 2, 2, 4), float(i)) for i in range(1, 6)]
  real = [jnp.zeros((1, 2, 2, 4))] * 5
  want = 1 / 32 + 2 / 16 + 3 / 8 + 4 / 4 + 5
  assert losses.vgg_loss(fake, real) == pytest.approx(want)
  gradient = jax.grad(lambda real: losses.vgg_loss(fake, real))(real)
  assert all(np.all(np.asarray(g) == 0) for g in gradient)


def test_losses_are_float32_for_bfloat16_features():
  a = jnp.full((1, 64, 64, 8), 1.0, jnp.bfloat16)
  b = jnp.full((1, 64, 64, 8), 1.0078125, jnp.bfloat16)
  loss = losses.mean_difference(a, b)
  assert loss.dtype == jnp.float32
  assert loss == pytest.approx(0.0078125)
