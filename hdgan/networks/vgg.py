"""VGG19's first 13 convolutions, frozen, for the perceptual loss.

Five maps, after the ReLU of conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1. The
released code feeds pictures in [-1, 1] as they are, without the mean and
deviation that the network was trained with; so does this.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.flax
from jaxtyping import Array, Float

from hdgan.errors import InputError
from hdgan.networks.convolution import conv
from hdgan.networks.layers import Dtype, Params

# Convolutions per block, and their channels; a 2x2 max pooling in between.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (1, 512))
NAMES = tuple(
  f"conv{block}_{i}"
  for block, (count, _) in enumerate(BLOCKS, start=1)
  for i in range(1, count + 1)
)


def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
  """Shapes of all parameters: kernels [3, 3, C, D], biases [D]."""
  result, channels = {}, 3
  for block, (count, width) in enumerate(BLOCKS, start=1):
    for i in range(1, count + 1):
      kernel = (3, 3, channels, width)
      result[f"conv{block}_{i}"] = {"kernel": kernel, "bias": (width,)}
      channels = width
  return result


def vgg_features(
  params: Params, image: Float[Array, "b h w 3"], dtype: Dtype = jnp.float32
) -> list[Float[Array, "b _ _ _"]]:
  """Computes the five maps.

  Args:
    params: a kernel and a bias for each name in `NAMES`.
    image: [B, H, W, 3] in [-1, 1]; H and W at least 16.
    dtype: of the arithmetic.

  Returns:
    relu1_1 [B, H, W, 64], relu2_1 [B, H/2, W/2, 128], relu3_1
    [B, H/4, W/4, 256], relu4_1 [B, H/8, W/8, 512], relu5_1
    [B, H/16, W/16, 512], of `dtype`.
  """
  maps, x = [], image.astype(dtype)
  for block, (count, _) in enumerate(BLOCKS, start=1):
    if block > 1:
      x = max_pool(x)
    for i in range(1, count + 1):
      layer = params[f"conv{block}_{i}"]
      bias = layer["bias"].astype(dtype)[None, None, None, :]
      x = jax.nn.relu(conv(x, layer["kernel"].astype(dtype), 1, 1) + bias)
      if i == 1:
        maps.append(x)
  return maps


def max_pool(
  x: Float[Array, "b h w c"],
) -> Float[Array, "b h//2 w//2 c"]:
  """Takes the largest of every 2x2 pixels of [B, H, W, C]."""
  # Concrete, so that JAX knows this for a maximum, whose gradient it has.
  lowest = np.array(-np.inf, x.dtype)
  window = (1, 2, 2, 1)
  return jax.lax.reduce_window(x, lowest, jax.lax.max, window, window, "VALID")


def load(path: str) -> Params:
  """Reads parameters that `python -m hdgan.convert vgg` has written.

  Args:
    path: of a safetensors file.

  Returns:
    {name: {kernel: [3, 3, C, D], bias: [D]}} float32.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  how = (
    "make one with `python -m hdgan.convert vgg --from=FILE.pth "
    f"--to={path}` from torchvision's vgg19 weights"
  )
  name = f"config.loss.vgg_file={path!r}"
  return read_params(path, shapes(), name=name, how=how)


def read_params(
  path: str, expected: Mapping[str, Any], *, name: str, how: str
) -> Params:
  """Reads the parameters of a frozen network.

  Args:
    path: of a safetensors file.
    expected: shapes of its arrays by layer and leaf, as from `shapes`.
    name: how errors call the file.
    how: the way out that they tell.

  Returns:
    Float32 arrays by layer and leaf.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  if not pathlib.Path(path).is_file():
    raise InputError(f"{name}: no such file; {how}")
  try:
    flat = safetensors.flax.load_file(path)
  except Exception as error:  # Damaged files raise half a dozen kinds.
    raise InputError(
      f"{name}: not a safetensors file ({error}); {how}"
    ) from error
  params: Params = {}
  for layer, leaves in expected.items():
    for leaf, shape in leaves.items():
      found = flat.get(f"{layer}.{leaf}")
      if found is None or found.shape != shape:
        got = "missing" if found is None else f"of shape {found.shape}"
        raise InputError(
          f"{name}: {layer}.{leaf} is {got}, must be of shape {shape}; {how}"
        )
      if found.dtype != jnp.float32 or not np.isfinite(found).all():
        raise InputError(
          f"{name}: {layer}.{leaf} ({found.dtype}) holds other than finite "
          f"float32 numbers; {how}"
        )
      params.setdefault(layer, {})[leaf] = jnp.asarray(found)
  return params
