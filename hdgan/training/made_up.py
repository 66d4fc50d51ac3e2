"""Made-up inputs of a stage, to time it without data."""

import numpy as np

from hdgan.networks import vgg
from hdgan.networks.model import Model


def random_batch(
  model: Model, batch_size: int, seed: int = 0
) -> dict[str, np.ndarray]:
  """Makes up a batch: blocks of classes as objects, noise as the photo.

  Args:
    model: of the stage to be timed.
    batch_size: B, global.
    seed: of the values.

  Returns:
    `label`, `instance`, `objects` [B, H, W] int32 and `image` [B, H, W, C]
    uint8.
  """
  rng, (height, width) = np.random.default_rng(seed), model.size
  shape = (batch_size, -(-height // 16), -(-width // 16))
  spec = model.pictures
  # Classes serve as object numbers, which stay below the bound.
  kinds = min(spec.num_classes, max(model.max_instances, 1)) or 2
  blocks = rng.integers(0, kinds, shape).astype(np.int32)
  blocks = blocks.repeat(16, 1).repeat(16, 2)[:, :height, :width]
  pixels = (batch_size, height, width)
  channels = model.generator.channels
  label: np.ndarray = blocks
  if not spec.num_classes:
    label = rng.integers(0, 256, (*pixels, spec.label_channels), np.uint8)
  return {
    "label": label,
    "instance": blocks,
    "objects": blocks,
    "image": rng.integers(0, 256, (*pixels, channels), np.uint8),
  }


def random_vgg(
  seed: int = 0, form: str = "pix2pixhd"
) -> dict[str, dict[str, np.ndarray]]:
  """He-normal VGG19 weights [3, 3, C, D], to time the loss without a file."""
  rng, params = np.random.RandomState(seed), {}
  for name, leaves in vgg.shapes(form).items():
    shape = leaves["kernel"]
    scale = np.float32((2 / np.prod(shape[:3])) ** 0.5)
    kernel = rng.standard_normal(shape).astype(np.float32) * scale
    params[name] = {"kernel": kernel, "bias": np.zeros(shape[3], np.float32)}
  return params
