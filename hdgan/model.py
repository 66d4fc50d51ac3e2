"""One stage's networks, and how a batch passes through them.

G gets the conditioning and the features of E; D gets the conditioning and a
picture, never the features (as in the released code).
"""

import dataclasses
import zlib

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from hdgan import conditioning, encoder
from hdgan.discriminator import MultiscaleDiscriminator
from hdgan.encoder import FeatureEncoder
from hdgan.generator import Generator
from hdgan.layers import INIT_STDDEV, bias_bound

Batch = dict[str, jax.Array]
Params = dict[str, dict]


@dataclasses.dataclass(frozen=True)
class Model:
  """Networks without parameters, and what their inputs mean.

  Attributes:
    generator: G1 and this stage's enhancers.
    discriminator: D1 and this stage's further scales.
    encoder: E, or None.
    size: (H, W) of this stage.
    encoder_size: (h, w) at which E works: stage one's.
    num_classes: C_label; 0 where the label is a picture.
    ignore_label: class id without a one-hot vector; -1 for none.
    boundary: whether the instance boundary map is a channel.
    label_channels: C of a picture label.
    label_range: lowest and highest value of a picture label.
    image_range: the same of the photo.
    max_instances: N, static bound on dense object ids.
  """

  generator: Generator
  discriminator: MultiscaleDiscriminator
  encoder: FeatureEncoder | None
  size: tuple[int, int]
  encoder_size: tuple[int, int]
  num_classes: int
  ignore_label: int
  boundary: bool
  label_channels: int
  label_range: tuple[float, float]
  image_range: tuple[float, float]
  max_instances: int

  @property
  def condition_channels(self) -> int:
    """Channels that G and D are conditioned on."""
    return (self.num_classes or self.label_channels) + self.boundary

  def condition(self, batch: Batch) -> jax.Array:
    """Maps `label` and `instance` [B, H, W] to [B, H, W, C] float32."""
    return conditioning.condition(
      batch["label"],
      batch["instance"] if self.boundary else None,
      num_classes=self.num_classes,
      ignore_label=self.ignore_label,
      label_range=self.label_range,
    )

  def image(self, batch: Batch) -> jax.Array:
    """Maps the photo's [B, H, W, C] integers to float32 in [-1, 1]."""
    return conditioning.to_unit_range(batch["image"], *self.image_range)

  def no_features(self, batch: Batch) -> jax.Array | None:
    """Zeros [B, H, W, C_feat] in the place of E's features, or None."""
    if self.encoder is None:
      return None
    return jnp.zeros((*batch["instance"].shape, self.encoder.channels))

  def features(self, params: Params, batch: Batch) -> jax.Array | None:
    """Runs E at stage one's size and paints each object's mean.

    An object that is lost by scaling to that size takes the mean of its class,
    or zeros where the class is lost with it.

    Args:
      params: with E's under "E".
      batch: `image` [B, H, W, C], `label`, `instance`, `objects` [B, H, W].

    Returns:
      [B, H, W, C_feat] float32 constant inside each object, or None without E.
    """
    if self.encoder is None:
      return None
    n, objects = self.max_instances, batch["objects"]
    photo = _scale(self.image(batch), self.encoder_size, "cubic")
    raw = self.encoder.apply({"params": params["E"]}, jnp.clip(photo, -1, 1))
    small = _scale(objects, self.encoder_size, "nearest")
    means, pixels = encoder.segment_means(raw, small, n)
    if self.encoder_size != self.size and self.num_classes:
      label, unknown = batch["label"], self.num_classes
      known = (label >= 0) & (label < unknown) & (label != self.ignore_label)
      # Pixels without a class are one of their own: no class's mean has them.
      label = jnp.where(known, label, unknown)
      small = _scale(label, self.encoder_size, "nearest")
      of_class, _ = encoder.segment_means(raw, small, unknown + 1)
      classes = jax.vmap(
        lambda label, ids: jax.ops.segment_max(label.ravel(), ids.ravel(), n)
      )(label, objects)
      fallback = encoder.broadcast(of_class, jnp.maximum(classes, 0))
      means = jnp.where(pixels[..., None] > 0, means, fallback)
    return encoder.broadcast(means, objects)

  def generate(
    self, params: Params, condition: jax.Array, features: jax.Array | None
  ) -> jax.Array:
    """Runs G.

    Args:
      params: with G1, G2, ... among its keys.
      condition: [B, H, W, C] float32.
      features: [B, H, W, C_feat] float32 or None.

    Returns:
      [B, H, W, C_image] float32 in [-1, 1].
    """
    if features is not None:
      condition = jnp.concatenate([condition, features], axis=-1)
    levels = {k: v for k, v in params.items() if k.startswith("G")}
    return self.generator.apply({"params": levels}, condition)

  def discriminate(
    self, params: dict, condition: jax.Array, image: jax.Array
  ) -> list[list[jax.Array]]:
    """Runs D on [B, H, W, C] conditioning and [B, H, W, C_image] pictures."""
    x = jnp.concatenate([condition, image], axis=-1)
    return self.discriminator.apply({"params": params}, x)

  def shapes(self) -> Params:
    """Shapes of all parameters: {"G1", ..., "D": {"D1", ...}, "E"}."""
    return jax.eval_shape(self._init)

  def _init(self) -> Params:
    key, pixels = jax.random.key(0), (1, *self.size)
    channels, colors = self.condition_channels, self.generator.channels
    features = self.encoder.channels if self.encoder else 0
    x = jnp.zeros((*pixels, channels + features))
    params = dict(self.generator.init(key, x)["params"])
    x = jnp.zeros((*pixels, channels + colors))
    params["D"] = self.discriminator.init(key, x)["params"]
    if self.encoder:
      photo = jnp.zeros((1, *self.encoder_size, colors))
      params["E"] = self.encoder.init(key, photo)["params"]
    return params

  def init(self, seed: tuple[int, ...]) -> Params:
    """Draws all parameters on the host: float32 numpy arrays.

    The modules' own distributions; but XLA takes seconds to compile a random
    kernel for each shape, numpy none, and numbers from numpy are the same on
    every platform.

    Args:
      seed: non-negative integers; the result is a pure function of them.

    Returns:
      {"G1", ..., "D": {"D1", ...}, "E"}.
    """
    drawn = {}
    shapes = flax.traverse_util.flatten_dict(self.shapes(), sep="/")
    for name, leaf in shapes.items():
      # A name of its own seed each: networks do not depend on one another.
      rng = np.random.default_rng((*seed, zlib.crc32(name.encode())))
      layer, _, kind = name.rpartition("/")
      if kind == "kernel":
        value = rng.standard_normal(leaf.shape, np.float32) * INIT_STDDEV
      else:
        transposed = layer.split("/")[-1].startswith("up")
        kernel = shapes[f"{layer}/kernel"].shape
        bound = bias_bound(kernel, transposed)
        value = rng.uniform(-bound, bound, leaf.shape)
      drawn[name] = value.astype(np.float32)
    return flax.traverse_util.unflatten_dict(drawn, sep="/")


def _scale(x: jax.Array, size: tuple[int, int], method: str) -> jax.Array:
  """Scales [B, H, W] or [B, H, W, C] to `size`, averaging where it shrinks."""
  if x.shape[1:3] == size:
    return x
  return jax.image.resize(x, (x.shape[0], *size, *x.shape[3:]), method)


def build_model(
  config: ConfigDict, stage: ConfigDict, max_instances: int = 0
) -> Model:
  """Builds a stage's networks from a validated config.

  Args:
    config: of the experiment.
    stage: one of `config.stages`.
    max_instances: as found in the data; only models with E need it.

  Returns:
    A `Model`; it compares equal to another with the same settings.
  """
  dtype = jnp.bfloat16 if config.precision == "bf16" else jnp.float32
  g, d, e, data = (
    config.generator, config.discriminator, config.encoder, config.data,
  )  # fmt: skip
  return Model(
    generator=Generator(
      data.image_channels, g.width, g.downsamples, g.blocks,
      g.enhancer_blocks, stage.enhancers, dtype,
    ),
    discriminator=MultiscaleDiscriminator(
      stage.scales, d.width, d.layers, dtype
    ),
    encoder=FeatureEncoder(e.channels, e.width, e.downsamples, dtype)
    if e.enabled
    else None,
    size=tuple(stage.size),
    encoder_size=tuple(config.stages[0].size),
    num_classes=config.num_classes,
    ignore_label=config.ignore_label,
    boundary=config.boundary,
    label_channels=data.label_channels,
    label_range=tuple(data.label_range),
    image_range=tuple(data.image_range),
    max_instances=max_instances,
  )  # fmt: skip
