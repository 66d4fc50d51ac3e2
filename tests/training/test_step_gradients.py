"""All gradients of a step: parts of a batch, what is drawn, what is kept."""

import jax
import jax.numpy as jnp

from hdgan.training import step_gradients


def test_parts_are_means_of_each_device_s_own_pictures():
  """By hand: of eight numbers on four devices, two parts."""
  seen = []

  def function(part, key):
    seen.append((part["x"].shape, key))
    x = part["x"]
    return {"G1": x.mean(0)}, {"D1": x.max(0)}, {"loss": x.sum()}

  batch = {"x": jnp.asarray([1.0, 5, 2, 6, 3, 7, 4, 8])}
  g, d, metrics = step_gradients.accumulated(function, batch, None, 2)
  # Device 0 holds 1 and 5, of which each part takes one.
  assert set(seen) == {((4,), None)}
  assert (float(g["G1"]), float(d["D1"])) == (4.5, (4 + 8) / 2)
  assert float(metrics["loss"]) == (10 + 26) / 2


def test_each_step_and_part_draws_anew():
  """From the seed and the step alone, whatever the seed's size."""

  def draw(seed, step, parts):
    def function(part, key):
      one, two = step_gradients.split_key(key)
      drawn = [jax.random.uniform(key) for key in (one, two)]
      return {}, {}, {"mean": (drawn[0] + drawn[1]) / 2, "g": drawn[0]}

    key = jax.random.fold_in(step_gradients.root_key(seed), step)
    batch = {"x": jnp.zeros(4)}
    metrics = step_gradients.accumulated(function, batch, key, parts)[2]
    return float(metrics["mean"]), float(metrics["g"])

  drawn = [draw(*of) for of in ((0, 1, 1), (0, 2, 1), (2**40, 1, 1), (0, 1, 2))]
  assert len(set(drawn)) == 4 and drawn[0] == draw(0, 1, 1)
  assert all(mean != g for mean, g in drawn)
