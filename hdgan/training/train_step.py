"""The training step as a pure function, and its state.

Section 3.2: G and D are trained in turn on one batch, both losses taken before
either update; G1 first, then an enhancer alone, then both together.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from hdgan.config import learning_rate
from hdgan.networks import encoder, layers
from hdgan.networks.model import Batch, Model, Params
from hdgan.training.stage_losses import Metrics, bind_losses


@flax.struct.dataclass
class TrainState:
  """All that a step reads and writes.

  Attributes:
    step: int32 scalar, steps made since the start of the run.
    params: {"G1", ..., "D": {"D1", ...}, "E"}, float32.
    g_optimizer: Adam moments of the networks that this stage trains.
    d_optimizer: Adam moments of D.
    ema: moving average of G1, ...; {} when it is off.
  """

  step: jax.Array
  params: Params
  g_optimizer: optax.OptState
  d_optimizer: optax.OptState
  ema: Params


def adam(config: ConfigDict) -> optax.GradientTransformation:
  """Adam's direction; the step multiplies by the rate of the epoch."""
  beta1, beta2 = config.optimizer.beta1, config.optimizer.beta2
  # PyTorch's default epsilon, as in the released code.
  return optax.scale_by_adam(beta1, beta2, eps=1e-8)


def generators(params: Params) -> Params:
  """The part of the parameters that is G: G1, G2, ..."""
  return {name: leaf for name, leaf in params.items() if name[0] == "G"}


def init_state(
  params: Params, trainable: tuple[str, ...], config: ConfigDict
) -> TrainState:
  """Sets a stage's optimizers to their start.

  Args:
    params: of all networks of the stage.
    trainable: names of the networks that G's optimizer moves.
    config: of the experiment.

  Returns:
    The state before the first step.
  """
  optimizer = adam(config)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    g_optimizer=optimizer.init({name: params[name] for name in trainable}),
    d_optimizer=optimizer.init(params["D"]),
    ema=generators(params) if config.ema else {},
  )


def train_step(
  state: TrainState, batch: Batch, vgg_params: dict, **settings: Any
) -> tuple[TrainState, Metrics]:
  """Makes one step of G (with E) and D; leaves it out if it is not finite.

  Args:
    state: before the step.
    batch: as for `gradients`, of `accumulate` times its pictures.
    vgg_params: of the frozen VGG19; {} without that loss.
    **settings: those of `attempt`.

  Returns:
    The state after the step, which is that before it but for its number if a
    loss, a gradient or a new parameter is not finite; and float32 scalars:
    losses, "rate", and "skipped", 1 where the update was left out, else 0.
  """
  new, metrics, _ = attempt(state, batch, vgg_params, **settings)
  finite = all_finite(new, metrics)
  # What a bad batch gives leaves no trace: neither in moments nor the average.
  # A branch: a select would be compiled into the update, to other last bits.
  kept = jax.lax.cond(finite, lambda a, b: a, lambda a, b: b, new, state)
  skipped = 1.0 - finite.astype(jnp.float32)
  return kept.replace(step=new.step), {**metrics, "skipped": skipped}


def attempt(
  state: TrainState,
  batch: Batch,
  vgg_params: dict,
  *,
  model: Model,
  trainable: tuple[str, ...],
  optimizer: optax.GradientTransformation,
  rate: Callable[[jax.Array], jax.Array],
  loss: Callable[..., tuple[jax.Array, jax.Array, Metrics]],
  ema: float = 0.0,
  remat: bool = False,
  accumulate: int = 1,
  seed: int = 0,
) -> tuple[TrainState, Metrics, dict[str, Params]]:
  """Makes one step, whatever its numbers are.

  Args:
    state: before the step.
    batch: as for `gradients`, of `accumulate` times its pictures.
    vgg_params: of the frozen VGG19; {} without that loss.
    model: the stage's networks.
    trainable: names of the networks that G's optimizer moves.
    optimizer: Adam's direction.
    rate: from the step's number to the learning rate.
    loss: `stage_losses`, its settings bound.
    ema: decay of G's moving average; 0 is off.
    remat: recompute all but convolutions in the backward pass.
    accumulate: parts of the batch that are worked on one after the other.
    seed: of the run, from which networks that draw get their numbers.

  Returns:
    The state after the step, float32 scalars of before it, and the gradient
    {"G1", ..., "E", "D"} of what is trained.
  """
  moving = {name: state.params[name] for name in trainable}
  bound = functools.partial(
    gradients, state.params, vgg_params=vgg_params,
    model=model, trainable=trainable, loss=loss, remat=remat,
  )  # fmt: skip
  key = jax.random.fold_in(root_key(seed), state.step) if model.draws else None
  g_gradient, d_gradient, metrics = _accumulated(bound, batch, key, accumulate)

  now = rate(state.step)
  moving, g_optimizer = _update(
    optimizer, g_gradient, state.g_optimizer, moving, now
  )
  d_params, d_optimizer = _update(
    optimizer, d_gradient, state.d_optimizer, state.params["D"], now
  )
  params = {**state.params, **moving, "D": d_params}
  average = state.ema
  if ema:
    average = optax.incremental_update(generators(params), state.ema, 1.0 - ema)
  state = TrainState(
    step=state.step + 1,
    params=params,
    g_optimizer=g_optimizer,
    d_optimizer=d_optimizer,
    ema=average,
  )
  return state, {**metrics, "rate": now}, {**g_gradient, "D": d_gradient}


def gradients(
  params: Params,
  batch: Batch,
  key: jax.Array | None = None,
  *,
  vgg_params: dict,
  model: Model,
  trainable: tuple[str, ...],
  loss: Callable[..., tuple[jax.Array, jax.Array, Metrics]],
  remat: bool = False,
) -> tuple[Params, Params, Metrics]:
  """Takes all gradients from one forward pass of G.

  Args:
    params: of all networks.
    batch: `label`, `instance` [B, H, W], `image` [B, H, W, C], and `objects`
      [B, H, W] for models with E; where there are bent maps too, they are G's
      alone.
    key: of the step, for models that draw.
    vgg_params: as for `attempt`.
    model: as for `attempt`.
    trainable: as for `attempt`.
    loss: as for `attempt`.
    remat: as for `attempt`.

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

  if remat:
    keep = jax.checkpoint_policies.save_only_these_names(layers.SAVED)
    generate = jax.checkpoint(generate, policy=keep)
    both_losses = jax.checkpoint(both_losses, policy=keep)

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


def _accumulated(
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


def all_finite(state: TrainState, metrics: Metrics) -> jax.Array:
  """Whether a step went well: a bool.

  A gradient that is not finite, or whose square is not, leaves a second moment
  that is not; so that the state and the losses say all.
  """
  leaves = jax.tree.leaves((state, metrics))
  return functools.reduce(
    jnp.logical_and, [jnp.isfinite(x).all() for x in leaves]
  )


def _update(
  optimizer: optax.GradientTransformation,
  gradient: Any,
  optimizer_state: optax.OptState,
  params: Any,
  rate: jax.Array,
) -> tuple[Any, optax.OptState]:
  # Optax raises a float to an int32 count.
  with jax.numpy_dtype_promotion("standard"):
    direction, optimizer_state = optimizer.update(gradient, optimizer_state)
  step = jax.tree.map(lambda d: -rate * d, direction)
  return optax.apply_updates(params, step), optimizer_state


def bind_step(
  model: Model,
  stage: ConfigDict,
  config: ConfigDict,
  *,
  first_step: int,
  steps_per_epoch: int,
  function: Callable[..., Any] = train_step,
) -> Callable[..., Any]:
  """`train_step` of one stage: (state, batch, vgg_params) to (state, metrics).

  Args:
    model: the stage's networks.
    stage: one of `config.stages`.
    config: of the experiment.
    first_step: steps of all stages before.
    steps_per_epoch: max(1, images // batch size).
    function: that, or `attempt`.

  Returns:
    A pure function to jit.
  """
  base = config.optimizer.learning_rate

  def rate(step: jax.Array) -> jax.Array:
    """Learning rate of a step of the run, both scalars."""
    epoch = (step - first_step) // steps_per_epoch + 1
    return learning_rate(base, stage.constant, stage.decay, epoch)

  return functools.partial(
    function,
    model=model,
    trainable=tuple(stage.trainable),
    optimizer=adam(config),
    rate=rate,
    loss=bind_losses(model, config),
    ema=config.ema,
    remat=config.remat,
    accumulate=config.accumulate,
    seed=config.seed,
  )


def evaluate_step(
  params: Params,
  batch: Batch,
  vgg_params: dict,
  styles: jax.Array | None = None,
  *,
  model: Model,
  loss: Callable[..., tuple[jax.Array, jax.Array, Metrics]],
  seed: int = 0,
) -> tuple[jax.Array, jax.Array | None, Metrics]:
  """Generates from held-out maps and takes the losses, without any update.

  Args:
    params: of all networks.
    batch: as for `train_step`.
    vgg_params: as for `train_step`.
    styles: [B, N, C_feat] by object in the place of the photo's features, for
      models with E; None for zeros.
    model: the stage's networks.
    loss: `stage_losses`, its settings bound.
    seed: of the run; what is drawn is the same at every step.

  Returns:
    [B, H, W, C] pictures in [-1, 1]; for models with E the same without the
    photo's features, else None; and the losses.
  """
  condition, image = model.condition(batch), model.image(batch)
  g_key, loss_key = split_key(root_key(seed) if model.draws else None)
  features = model.features(params, batch)
  fake = model.generate_all(params, condition, features, g_key)
  plain = None
  if model.encoder is not None:
    features = model.no_features(batch)
    if styles is not None:
      features = encoder.broadcast(styles, batch["objects"])
    plain = model.generate(params, condition, features, g_key)
  _, _, metrics = loss(
    params["D"], condition, image, fake, vgg_params, batch=batch, key=loss_key
  )
  return model.first(fake), plain, metrics
