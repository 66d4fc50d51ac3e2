"""All gradients of a step, from one forward pass of G.

Also of a batch that is worked on in parts, and with what the backward pass is
to compute once more rather than to keep.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hdgan.networks import layers
from hdgan.networks.model import Batch, Model, Params
from hdgan.training.stage_losses import Metrics


def gradients(
  params: Params,
  batch: Batch,
  key: jax.Array | None = None,
  *,
  vgg_params: dict,
  model: Model,
  trainable: tuple[str, ...],
  loss: Callable[..., tuple[jax.Array, jax.Array, Metrics]],
  remat: str = "none",
) -> tuple[Params, Params, Metrics]:
  """Takes all gradients from one forward pass of G.

  Args:
    params: of all networks.
    batch: `label`, `instance` [B, H, W], `image` [B, H, W, C], and `objects`
      [B, H, W] for models with E; where there are bent maps too, they are G's
      alone.
    key: of the step, for models that draw.
    vgg_params: of the frozen VGG19; {} without that loss.
    model: the stage's networks.
    trainable: names of the networks that G's optimizer moves.
    loss: `stage_losses`, its settings bound.
    remat: what the backward pass computes anew. "none": nothing. "norms": all
      but the convolutions of G, D and E. "networks": G too, once D's and the
      losses' backward pass is over, and in it all but its convolutions. The
      joint step at 2048x1024 in bf16, compiled for an H100, needs 6.0, 4.5 and
      3.9 GiB besides its state, for 1, 1.27 and 1.41 times the operations.

  Returns:
    The gradient of G's loss to what it trains, that of D's to D, and the
    losses, float32 scalars.
  """
  condition, image = model.condition(batch), model.image(batch)
  given = model.given(batch)
  frozen = {k: v for k, v in params.items() if k not in trainable}
  g_key, loss_key = split_key(key)

  # Frozen networks are closed over: no gradient of them is made.
  def generate(moving: Params) -> jax.Array:
    """[B, H, W, k * C_image] pictures by the networks that move."""
    every = {**frozen, **moving}
    features = model.features(every, batch)
    shown = condition if given is None else given
    return model.generate_all(every, shown, features, g_key)

  def both_losses(d_params: dict, fake: jax.Array) -> Any:
    """G's and D's total for what `generate` gives, and all terms."""
    g, d, metrics = loss(
      d_params, condition, image, fake, vgg_params, batch=batch, key=loss_key
    )
    return (g, d), metrics

  if remat != "none":
    keep = jax.checkpoint_policies.save_only_these_names(layers.SAVED)
    generate = jax.checkpoint(generate, policy=keep)
    both_losses = jax.checkpoint(both_losses, policy=keep)
  if remat == "networks":
    generate = jax.checkpoint(generate)

  moving = {name: params[name] for name in trainable}
  fake, pull_generator = jax.vjp(generate, moving)
  (g_loss, d_loss), pull, metrics = jax.vjp(
    both_losses, params["D"], fake, has_aux=True
  )
  one, zero = jnp.ones_like(g_loss), jnp.zeros_like(d_loss)
  # Each pull keeps the gradient of its own networks: G's loss does not move D,
  # D's stops at the picture.
  _, fake_gradient = pull((one, zero))
  d_gradient, _ = pull((zero, one))
  (g_gradient,) = pull_generator(fake_gradient)
  return g_gradient, d_gradient, metrics


def root_key(seed: int) -> jax.Array:
  """The key that a run's networks draw from; of any seed, of 64 bits too."""
  return jax.random.key(np.random.SeedSequence(seed).generate_state(1)[0])


def split_key(
  key: jax.Array | None,
) -> tuple[jax.Array | None, jax.Array | None]:
  """A key for G and one for the losses; None twice for models without."""
  if key is None:
    return None, None
  return jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)


def accumulated(
  function: Callable[..., tuple[Params, Params, Metrics]],
  batch: Batch,
  key: jax.Array | None,
  parts: int,
) -> tuple[Params, Params, Metrics]:
  """Means of what a function gives for equal parts of a batch.

  All losses are means over pictures, so that theirs is the whole batch's; but
  batch norm takes the statistics of a part, and `class_loss` counts the classes
  of a part. Each part draws from a key of its own.
  """
  if parts == 1:
    return function(batch, key)

  def split(array: jax.Array) -> jax.Array:
    """[B, ...] to [parts, B / parts, ...], each part of every device's."""
    rows = array.reshape(-1, parts, *array.shape[1:])
    return jnp.moveaxis(rows, 1, 0)

  def add(total: Any, part: Any) -> tuple[Any, Metrics]:
    """Adds a part's gradients to those before."""
    *found, metrics = function(*part)
    return jax.tree.map(jnp.add, total, tuple(found)), metrics

  keys = None if key is None else jax.random.split(key, parts)
  several = {name: split(array) for name, array in batch.items()}, keys
  shapes = jax.eval_shape(function, *jax.tree.map(lambda x: x[0], several))[:2]
  zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  total, metrics = jax.lax.scan(add, zeros, several)
  g_gradient, d_gradient = jax.tree.map(lambda x: x / parts, total)
  return g_gradient, d_gradient, jax.tree.map(jnp.mean, metrics)
