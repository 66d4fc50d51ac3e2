"""How the segmenter of `own_segmenter` is trained on the real photos.

The same photos and settings give the same weights, on the same machine.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from hdgan.datasets import pipeline, prepared
from hdgan.datasets.prepared import Prepared
from hdgan.networks.conditioning import to_unit_range
from hdgan.networks.layers import Params
from hdgan.networks.segmenter import Segmenter
from hdgan.report.pictures import to_uint8


@dataclasses.dataclass(frozen=True)
class Recipe:
  """How it is trained. Another one has another version.

  Attributes:
    version: of this module: where the same photos would give other weights.
    width: see `networks.segmenter.Segmenter`.
    levels: likewise.
    steps: of AdamW, with a rate that falls to zero along a cosine.
    batch_size: windows per step.
    learning_rate: of the first step.
    weight_decay: of AdamW.
    window: sides of the windows as a share of the picture's.
    most: pixels that a window's side has at most.
    jitter: contrast, brightness and saturation change by up to so much.
    balance: a pixel weighs (share of its class in the step's pixels) to the
      minus this power, or what is rare would not be learned in so few steps.
  """

  version: int = 1
  width: int = 32
  levels: int = 5
  steps: int = 1000
  batch_size: int = 2
  learning_rate: float = 1e-3
  weight_decay: float = 1e-4
  window: float = 0.75
  most: int = 384
  jitter: float = 0.25
  balance: float = 0.5


def train(data: Prepared, settings: dict[str, Any]) -> tuple[Params, int]:
  """Trains one segmenter; the same data and settings give the same weights.

  Args:
    data: its split "train" is learned from.
    settings: size, classes, recipe and seed.

  Returns:
    Parameters, float32 numpy arrays, and the most frequent class of the maps.
  """
  recipe, seed = Recipe(**settings["recipe"]), settings["seed"]
  classes, size = settings["classes"], settings["size"]
  # Mirrored where the generator's were: left and right may be two classes.
  batches = pipeline.batches(
    data, "train", stage_size=size, batch_size=recipe.batch_size,
    seed=(seed, recipe.version),
  )  # fmt: skip
  params = _network(recipe, len(classes)).start((seed,))
  state = _optimizer(recipe).init(params)
  counts = np.zeros(len(classes) + 1, np.int64)
  tell = prepared.progress_line(f"training the segmenter of seed {seed}")
  low, high = data.reading.pictures.image_range
  for step in range(recipe.steps):
    batch = next(batches)
    label = numbered(batch["label"], classes)
    counts += np.bincount(label.ravel() + 1, minlength=len(counts))
    photo = to_unit_range(jnp.asarray(batch["image"]), low, high)
    # Through the 8 bits that pictures have.
    pictures = np.asarray(inputs(to_uint8(np.asarray(photo))))
    rng = np.random.default_rng([seed, step])
    windows = changed(pictures, label, recipe, rng)
    params, state = _step(recipe, len(classes))(params, state, *windows)
    jax.block_until_ready(params)  # What is told is done.
    tell(step + 1, recipe.steps)
  return jax.tree.map(np.asarray, params), classes[int(counts[1:].argmax())]


def numbered(label: np.ndarray, classes: Sequence[int]) -> np.ndarray:
  """Class ids [...] as their number among `classes`; -1 for all others."""
  table = np.full(max(classes) + 2, -1, np.int32)
  table[list(classes)] = np.arange(len(classes))
  # Beyond the table, on either side, its last entry, which is no class.
  known = (label >= 0) & (label < len(table))
  return table[np.where(known, label.astype(np.int32), len(table) - 1)]


def changed(
  pictures: np.ndarray,
  label: np.ndarray,
  recipe: Recipe,
  rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
  """Draws a window of each picture and changes its colours.

  Args:
    pictures: [B, H, W, 3] float32 in [-1, 1].
    label: [B, H, W] int32.
    recipe: how much.
    rng: draws.

  Returns:
    [B, h, w, 3] float32 and [B, h, w] int32.
  """
  size = [window_side(side, recipe) for side in label.shape[1:]]
  some = []
  for picture, ids in zip(pictures, label, strict=True):
    at = [
      int(rng.integers(side - part + 1))
      for side, part in zip(ids.shape, size, strict=True)
    ]
    window = np.s_[at[0] : at[0] + size[0], at[1] : at[1] + size[1]]
    draws = rng.uniform(-recipe.jitter, recipe.jitter, 3).astype(np.float32)
    contrast, brightness, saturation = draws
    grey = picture[window].mean(-1, keepdims=True)
    colours = grey + (picture[window] - grey) * (1 + saturation)
    some.append((colours * (1 + contrast) + brightness, ids[window]))
  return np.stack([one for one, _ in some]), np.stack([ids for _, ids in some])


def window_side(side: int, recipe: Recipe) -> int:
  """Pixels of a window's side, a multiple of 16 unless it is all there is."""
  part = -(-int(recipe.window * side) // 16) * 16
  return min(part, recipe.most, side)


def inputs(pictures: np.ndarray) -> jax.Array:
  """[B, H, W, 1 or 3] uint8 as the network has them, three channels."""
  scaled = jnp.asarray(pictures, jnp.float32) / 127.5 - 1
  return jnp.broadcast_to(scaled, (*scaled.shape[:3], 3))


def _network(recipe: Recipe, classes: int) -> Segmenter:
  return Segmenter(classes, width=recipe.width, levels=recipe.levels)


def _logits(network: nn.Module, params: Params, x: jax.Array) -> Any:
  return network.apply({"params": params}, x)


def _optimizer(recipe: Recipe) -> optax.GradientTransformation:
  rate = optax.cosine_decay_schedule(recipe.learning_rate, recipe.steps)
  return optax.adamw(rate, weight_decay=recipe.weight_decay)


def cross_entropy(
  logits: Float[Array, "b h w k"],
  label: Int[Array, "b h w"],
  balance: float = 0.0,
) -> Float[Array, ""]:
  """Weighted mean over the pixels that have a class.

  Args:
    logits: [B, H, W, K] float32.
    label: [B, H, W] int32 class numbers; less than 0 for none.
    balance: see `Recipe`.

  Returns:
    In nats; 0 where no pixel has a class.
  """
  # All zeros where there is no class.
  own = jax.nn.one_hot(label, logits.shape[-1])
  pixels = own.sum((0, 1, 2))
  shares = jnp.maximum(pixels, 1.0) / jnp.maximum(pixels.sum(), 1.0)
  weights = own * (shares**-balance)[None, None, None]
  off = -(weights * jax.nn.log_softmax(logits)).sum()
  return off / jnp.maximum(weights.sum(), 1.0)


@functools.cache
def predict(
  recipe: Recipe, classes: int
) -> Callable[[Params, jax.Array], jax.Array]:
  """Compiled: pictures [B, H, W, 3] to class numbers [B, H, W]."""
  network = _network(recipe, classes)
  return jax.jit(lambda p, x: _logits(network, p, x).argmax(-1))


@functools.cache
def _step(recipe: Recipe, classes: int) -> Callable[..., tuple[Params, Any]]:
  """Compiled: one step on windows and their class numbers."""
  network, optimizer = _network(recipe, classes), _optimizer(recipe)

  def loss(params: Params, x: jax.Array, label: jax.Array) -> jax.Array:
    return cross_entropy(_logits(network, params, x), label, recipe.balance)

  def step(
    params: Params, state: Any, x: jax.Array, label: jax.Array
  ) -> tuple[Params, Any]:
    gradients = jax.grad(loss)(params, x, label)
    # Optax counts its steps with an int.
    with jax.numpy_dtype_promotion("standard"):
      updates, state = optimizer.update(gradients, state, params)
    return optax.apply_updates(params, updates), state

  return jax.jit(step)
