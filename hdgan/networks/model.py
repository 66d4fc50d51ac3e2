"""One stage's networks, and how a batch passes through them.

G gets the conditioning and the features of E; D gets the conditioning and a
picture, never the features (as in the released code).
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from hdgan.networks import conditioning, encoder
from hdgan.networks.crn import RefinementNetwork
from hdgan.networks.discriminator import MultiscaleDiscriminator
from hdgan.networks.encoder import FeatureEncoder
from hdgan.networks.generator import Generator
from hdgan.networks.kinds import DISCRIMINATORS, GENERATORS
from hdgan.networks.layers import Params, start_params
from hdgan.networks.scaling import scale
from hdgan.networks.segmentation import SegmentationDiscriminator
from hdgan.networks.unet import UNet
from hdgan.picture_spec import BENT, PictureSpec, picture_spec

Batch = dict[str, jax.Array]
Discriminator = MultiscaleDiscriminator | SegmentationDiscriminator


@dataclasses.dataclass(frozen=True)
class Model:
  """Networks without parameters, and what their inputs mean.

  Attributes:
    generator: G1 and this stage's enhancers.
    discriminator: D1 and this stage's further scales; or one that segments;
      or None.
    encoder: E, or None.
    size: (H, W) of this stage.
    encoder_size: (h, w) at which E works: stage one's.
    pictures: what label maps and photos mean.
    boundary: whether the instance boundary map is a channel.
    max_instances: N, static bound on dense object ids.
  """

  generator: Generator | UNet | RefinementNetwork
  discriminator: Discriminator | None
  encoder: FeatureEncoder | None
  size: tuple[int, int]
  encoder_size: tuple[int, int]
  pictures: PictureSpec
  boundary: bool
  max_instances: int

  @property
  def condition_channels(self) -> int:
    """Channels that G and D are conditioned on."""
    spec = self.pictures
    return (spec.num_classes or spec.label_channels) + self.boundary

  @property
  def draws(self) -> bool:
    """Whether a training step draws numbers, and so needs a key."""
    return getattr(self.generator, "draws", False) or getattr(
      self.discriminator, "draws", False
    )

  @property
  def drawn(self) -> int:
    """k, how many pictures G makes of a map at once."""
    return getattr(self.generator, "pictures", 1)

  def condition(self, batch: Batch) -> Float[Array, "b h w _"]:
    """Maps `label` and `instance` [B, H, W] to [B, H, W, C] float32."""
    return conditioning.condition(
      batch["label"],
      batch["instance"] if self.boundary else None,
      spec=self.pictures,
    )

  def given(self, batch: Batch) -> Float[Array, "b h w _"] | None:
    """The same of the bent maps, where a batch has some for G, or None."""
    bent = {
      name.removeprefix(BENT): array
      for name, array in batch.items()
      if name.startswith(BENT)
    }
    return self.condition(bent) if bent else None

  def image(self, batch: Batch) -> Float[Array, "b h w c"]:
    """Maps the photo's [B, H, W, C] integers to float32 in [-1, 1]."""
    return conditioning.to_unit_range(
      batch["image"], *self.pictures.image_range
    )

  def no_features(self, batch: Batch) -> Float[Array, "b h w _"] | None:
    """Zeros [B, H, W, C_feat] in the place of E's features, or None."""
    if self.encoder is None:
      return None
    return jnp.zeros((*batch["instance"].shape, self.encoder.channels))

  def features(
    self, params: Params, batch: Batch
  ) -> Float[Array, "b h w _"] | None:
    """Runs E at stage one's size and paints each object's mean.

    An object that is lost by scaling to that size takes the mean of its class,
    or zeros where the class is lost with it.

    Args:
      params: with E's under "E".
      batch: `image` [B, H, W, C], `label`, `instance`, `objects` [B, H, W],
        perhaps bent objects.

    Returns:
      [B, H, W, C_feat] float32 constant inside each object, or None without E.
    """
    if self.encoder is None:
      return None
    n, objects = self.max_instances, batch["objects"].astype(jnp.int32)
    spec = self.pictures
    photo = scale(self.image(batch), self.encoder_size, "cubic")
    # Cubic scaling overshoots at edges.
    raw = _apply(self.encoder, params["E"], jnp.clip(photo, -1, 1))
    small = scale(objects, self.encoder_size, "nearest")
    means, pixels = encoder.segment_means(raw, small, n)
    # At stage one's own size no object is lost.
    if self.encoder_size != self.size and spec.num_classes:
      label, unknown = batch["label"].astype(jnp.int32), spec.num_classes
      known = (label >= 0) & (label < unknown) & (label != spec.ignore_label)
      # Pixels without a class are one of their own: no class's mean has them.
      label = jnp.where(known, label, unknown)
      small = scale(label, self.encoder_size, "nearest")
      of_class, _ = encoder.segment_means(raw, small, unknown + 1)
      # All pixels of an object have one label. A number that no pixel has gets
      # the smallest integer, and any class: it is not painted.
      classes = jax.vmap(
        lambda label, ids: jax.ops.segment_max(label.ravel(), ids.ravel(), n)
      )(label, objects)
      fallback = encoder.broadcast(of_class, jnp.maximum(classes, 0))
      means = jnp.where(pixels[..., None] > 0, means, fallback)
    # Bent maps of G's paint each object where it is for G.
    return encoder.broadcast(means, batch.get(BENT + "objects", objects))

  def generate(
    self,
    params: Params,
    condition: Float[Array, "b h w c"],
    features: Float[Array, "b h w c_feat"] | None,
    key: jax.Array | None = None,
  ) -> Float[Array, "b h w _"]:
    """Runs G for the first picture of what `generate_all` gives.

    Args:
      params: as for `generate_all`.
      condition: as for `generate_all`.
      features: as for `generate_all`.
      key: as for `generate_all`.

    Returns:
      [B, H, W, C_image] float32 in [-1, 1]; CRN's may lie beyond.
    """
    return self.first(self.generate_all(params, condition, features, key))

  def first(
    self, made: Float[Array, "b h w _"]
  ) -> Float[Array, "b h w c_image"]:
    """The first picture of the k in [B, H, W, k * C_image]."""
    return made if self.drawn == 1 else made[..., :: self.drawn]

  def generate_all(
    self,
    params: Params,
    condition: Float[Array, "b h w c"],
    features: Float[Array, "b h w c_feat"] | None,
    key: jax.Array | None = None,
  ) -> Float[Array, "b h w _"]:
    """Runs G.

    Args:
      params: with G1, G2, ... among its keys.
      condition: [B, H, W, C] float32.
      features: [B, H, W, C_feat] float32 or None.
      key: draws what G draws. Without it the same is drawn each time, so that
        a map always gives the same picture.

    Returns:
      [B, H, W, k * C_image] float32; picture j is channels j, k + j, ...
    """
    if features is not None:
      # Last, as the released weights of the first convolution have it.
      condition = jnp.concatenate([condition, features], axis=-1)
    levels = {k: v for k, v in params.items() if k.startswith("G")}
    if key is None and getattr(self.generator, "draws", False):
      key = jax.random.key(0)
    return _apply(self.generator, levels, condition, key)

  def discriminate(
    self,
    params: Params,
    condition: Float[Array, "b h w c"],
    image: Float[Array, "b h w c_image"],
  ) -> list[list[Float[Array, "b _ _ _"]]]:
    """Runs D on [B, H, W, C] conditioning and [B, H, W, C_image] pictures."""
    x = jnp.concatenate([condition, image], axis=-1)
    return _apply(self.discriminator, params, x)

  @property
  def segments(self) -> bool:
    """Whether D segments: `segment` is what runs it, not `discriminate`."""
    return isinstance(self.discriminator, SegmentationDiscriminator)

  def segment(
    self, params: Params, image: Float[Array, "b h w c_image"]
  ) -> Float[Array, "b h w _"]:
    """Runs a D that segments on [B, H, W, C_image] pictures alone.

    Returns:
      [B, H, W, N + 1] float32 scores of the classes and of "made".
    """
    return _apply(self.discriminator, params, image)

  def shapes(self) -> Params:
    """Shapes of all parameters: {"G1", ..., "D": {"D1", ...}, "E"}.

    Kernels are [k, k, C, D], biases [D].
    """
    return nn.meta.unbox(jax.eval_shape(self._declare))

  def init(self, seed: tuple[int, ...]) -> Params:
    """Draws all parameters on the host, see `layers.start_params`.

    Args:
      seed: non-negative integers; the result is a pure function of them.

    Returns:
      {"G1", ..., "D": {"D1", ...}, "E"} of kernels [k, k, C, D] and biases
      [D], float32 numpy arrays.
    """
    drawn = start_params(jax.eval_shape(self._declare), seed)
    return {"D": {}} | drawn  # Also of a run without D.

  def _declare(self) -> Params:
    """All parameters as the modules state them; traced, never run."""
    key, pixels = jax.random.key(0), (1, *self.size)
    channels, colors = self.condition_channels, self.generator.channels
    features = self.encoder.channels if self.encoder else 0
    x = jnp.zeros((*pixels, channels + features))
    params = dict(self.generator.init(key, x)["params"])
    params["D"] = {}
    if self.discriminator:
      seen = colors if self.segments else channels + colors
      x = jnp.zeros((*pixels, seen))
      params["D"] = self.discriminator.init(key, x)["params"]
    if self.encoder:
      photo = jnp.zeros((1, *self.encoder_size, colors))
      params["E"] = self.encoder.init(key, photo)["params"]
    return params


def _apply(
  module: nn.Module | None,
  params: Params,
  x: jax.Array,
  key: jax.Array | None = None,
) -> Any:
  """Runs a network on [B, H, W, C] with its parameters, and what it draws."""
  assert module is not None  # Nothing asks for a D that is not there.
  rngs = None if key is None else {"dropout": key}
  return module.apply({"params": params}, x, rngs=rngs)


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
  e = config.encoder
  return Model(
    generator=GENERATORS[config.generator.kind](config, stage, dtype),
    discriminator=DISCRIMINATORS[config.discriminator.kind](
      config, stage, dtype
    ) if config.loss.gan != "none" else None,
    encoder=FeatureEncoder(
      channels=e.channels, width=e.width, downsamples=e.downsamples,
      dtype=dtype,
    ) if e.enabled else None,
    size=tuple(stage.size),
    # Style banks are made at this size too.
    encoder_size=tuple(config.stages[0].size),
    pictures=picture_spec(config),
    boundary=config.boundary,
    max_instances=max_instances,
  )  # fmt: skip
