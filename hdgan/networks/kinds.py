"""The kinds of generator and discriminator, and how a config builds them."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from hdgan.networks.crn import RefinementNetwork
from hdgan.networks.discriminator import MultiscaleDiscriminator
from hdgan.networks.generator import Generator
from hdgan.networks.layers import Dtype
from hdgan.networks.segmentation import SegmentationDiscriminator
from hdgan.networks.unet import UNet


def _global(config: ConfigDict, stage: ConfigDict, dtype: Dtype) -> Generator:
  """The paper's generator of a stage."""
  g = config.generator
  return Generator(
    channels=config.data.image_channels, width=g.width,
    downsamples=g.downsamples, blocks=g.blocks,
    enhancer_blocks=g.enhancer_blocks, enhancers=stage.enhancers, dtype=dtype,
  )  # fmt: skip


def _unet(config: ConfigDict, stage: ConfigDict, dtype: Dtype) -> UNet:
  """pix2pix's generator, the same in every stage."""
  g = config.generator
  return UNet(
    channels=config.data.image_channels, width=g.width,
    downsamples=g.downsamples, rate=g.dropout, dtype=dtype,
  )  # fmt: skip


def _crn(
  config: ConfigDict, stage: ConfigDict, dtype: Dtype
) -> RefinementNetwork:
  """CRN's modules up to a stage's size."""
  g = config.generator
  return RefinementNetwork(
    channels=config.data.image_channels, width=g.width,
    downsamples=g.downsamples, enhancers=stage.enhancers,
    pictures=1 if stage.enhancers else g.pictures,
    # Without an ignored label every pixel is of a class.
    rest=config.num_classes if config.ignore_label >= 0 else 0, dtype=dtype,
  )  # fmt: skip


def _multiscale(
  config: ConfigDict, stage: ConfigDict, dtype: Dtype
) -> MultiscaleDiscriminator:
  """The paper's discriminators of a stage."""
  d = config.discriminator
  return MultiscaleDiscriminator(
    scales=stage.scales, width=d.width, layers=d.layers, dtype=dtype
  )


def _pix2pix(
  config: ConfigDict, stage: ConfigDict, dtype: Dtype
) -> MultiscaleDiscriminator:
  """pix2pix's discriminator: D1 alone."""
  d = config.discriminator
  return MultiscaleDiscriminator(
    scales=1, width=d.width, layers=d.layers, padding=1, batch_norm=True,
    dtype=dtype,
  )  # fmt: skip


def _segmentation(
  config: ConfigDict, stage: ConfigDict, dtype: Dtype
) -> SegmentationDiscriminator:
  """One discriminator that segments, of any stage."""
  d = config.discriminator
  return SegmentationDiscriminator(
    num_classes=config.num_classes, width=d.width, pairs=d.layers, dtype=dtype
  )


# From a config, a stage of it and the arithmetic's dtype to a network, by the
# names that config.generator.kind and config.discriminator.kind know. A
# generator has `channels`, of its picture, `dtype`, `unit`, of its sides, and
# `least`, the fewest units of one.
GENERATORS: dict[str, Callable[..., Any]] = {
  "global": _global,
  "unet": _unet,
  "crn": _crn,
}
DISCRIMINATORS: dict[str, Callable[..., Any]] = {
  "multiscale": _multiscale,
  "pix2pix": _pix2pix,
  "segmentation": _segmentation,
}
