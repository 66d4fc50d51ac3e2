"""Weights for networks that measure: drawn by name, so that goldens repeat."""

import zlib

import numpy as np

from hdgan.networks import inception, lpips


def inception_shapes():
  """Shapes by the names of pytorch-fid's file, less its classifier."""
  shapes = {}
  for name, leaves in inception.shapes().items():
    k, l, c, d = leaves["kernel"]
    shapes[f"{name}.conv.weight"] = (d, c, k, l)
    for leaf in ("weight", "bias", "running_mean", "running_var"):
      shapes[f"{name}.bn.{leaf}"] = (d,)
  return shapes


def lpips_shapes(network):
  """Shapes of a trunk by torchvision's names, and of heads by lpips'."""
  trunk, heads = {}, {}
  for name, leaves in lpips.shapes(network).items():
    k, l, c, d = leaves["kernel"]
    if name.startswith("lin"):
      heads[f"{name}.model.1.weight"] = (d, c, k, l)
    else:
      trunk |= {f"{name}.weight": (d, c, k, l), f"{name}.bias": (d,)}
  return trunk, heads


def drawn(shapes):
  """A state dict: each array from a generator that its own name seeds."""
  return {name: _array(name, shape) for name, shape in shapes.items()}


def _array(name, shape):
  rng = np.random.default_rng(zlib.crc32(name.encode()))
  if name.startswith("lin"):
    array = rng.uniform(0, 1, shape)  # Heads are never negative.
  elif name.endswith("running_var"):
    array = rng.uniform(0.5, 1.5, shape)
  elif name.endswith("bn.weight"):
    array = rng.uniform(0.8, 1.2, shape)
  elif len(shape) == 1:
    array = 0.1 * rng.standard_normal(shape)
  else:
    array = rng.standard_normal(shape, np.float32)
    array *= np.sqrt(2 / np.prod(shape[1:])).astype(np.float32)
  return array.astype(np.float32)


def pictures(height, width, seed=0):
  """[2, H, W, 3] in [-1, 1], the second near the first."""
  rng = np.random.default_rng(seed)
  first = rng.uniform(-1, 1, (height, width, 3))
  second = np.clip(first + rng.normal(0, 0.3, first.shape), -1, 1)
  return np.stack([first, second]).astype(np.float32)
