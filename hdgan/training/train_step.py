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
import optax
from ml_collections import ConfigDict

from hdgan.config import learning_rate
from hdgan.networks import encoder
from hdgan.networks.model import Batch, Model, Params
from hdgan.training import step_gradients
from hdgan.training.stage_losses import Metrics, bind_losses
from hdgan.training.step_gradients import root_key, split_key


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
    batch: of `accumulate` times what `step_gradients.gradients` takes.
    vgg_params: of the frozen VGG19; {} without that loss.
    **settings: those of `attempt`.

  Returns:
    The state after the step, which is that before it but for its number if a
    loss, a gradient or the square of one is not finite; and float32 scalars:
    losses, "rate", and "skipped", 1 where the update was left out, else 0.
  """
  new, metrics, gradient = attempt(state, batch, vgg_params, **settings)
  finite = all_finite(gradient, metrics)
  # What a bad batch gives leaves no trace: neither in moments nor the average.
  # Number by number, in the pass over memory that updates them: two branches
  # would need the old state and the new one at once.
  kept = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, state)
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
  remat: str = "none",
  accumulate: int = 1,
  seed: int = 0,
) -> tuple[TrainState, Metrics, dict[str, Params]]:
  """Makes one step, whatever its numbers are.

  Args:
    state: before the step.
    batch: of `accumulate` times what `step_gradients.gradients` takes.
    vgg_params: of the frozen VGG19; {} without that loss.
    model: the stage's networks.
    trainable: names of the networks that G's optimizer moves.
    optimizer: Adam's direction.
    rate: from the step's number to the learning rate.
    loss: `stage_losses`, its settings bound.
    ema: decay of G's moving average; 0 is off.
    remat: `config.remat`, as for `step_gradients.gradients`.
    accumulate: parts of the batch that are worked on one after the other.
    seed: of the run, from which networks that draw get their numbers.

  Returns:
    The state after the step, float32 scalars of before it, and the gradient
    {"G1", ..., "E", "D"} of what is trained.
  """
  moving = {name: state.params[name] for name in trainable}
  bound = functools.partial(
    step_gradients.gradients, state.params, vgg_params=vgg_params,
    model=model, trainable=trainable, loss=loss, remat=remat,
  )  # fmt: skip
  key = jax.random.fold_in(root_key(seed), state.step) if model.draws else None
  g_gradient, d_gradient, metrics = step_gradients.accumulated(
    bound, batch, key, accumulate
  )

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


def all_finite(gradient: dict[str, Params], metrics: Metrics) -> jax.Array:
  """Whether an update may be made: a bool, known before it.

  Adam keeps means of gradients and of their squares. Where all of these are
  finite, so is every mean of them, and a quotient of two, of which the lower
  is at least 1e-8, cannot overflow: the new state needs no look.

  Args:
    gradient: of what is trained.
    metrics: of the step.

  Returns:
    Whether all of them and the gradient's squares are finite.
  """
  numbers = [*map(jnp.square, jax.tree.leaves(gradient)), *metrics.values()]
  finite = functools.reduce(
    jnp.logical_and, [jnp.isfinite(x).all() for x in numbers]
  )
  # Through a product of vectors: XLA would copy the chain of `and` into every
  # update, and compile for twice as long.
  ones = jnp.stack([finite, finite]).astype(jnp.float32)
  return jnp.dot(ones, ones) == 2


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
