"""VGG19's first convolutions, frozen, for the perceptual losses.

A file holds 14 of them, from torchvision's weights. The paper's loss (form
"pix2pixhd") reads 13: five maps, after the ReLU of conv1_1, conv2_1, conv3_1,
conv4_1 and conv5_1. The released code feeds pictures in [-1, 1] as they are,
without the mean and deviation that the network was trained with; so does this.
CRN's loss ("crn") reads all 14, see `crn_loss` and `in_levels`. Files that were
made before it came hold 13.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.flax
from jaxtyping import Array, Float
from ml_collections import ConfigDict

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
# The same by `config.loss.vgg_form`.
FORMS = {"pix2pixhd": BLOCKS, "crn": (*BLOCKS[:-1], (2, 512))}

# What the two trainings subtracted from red, green and blue in 0..255, and what
# torchvision's divided by.
MATCONVNET_MEAN = (123.68, 116.779, 103.939)
TORCHVISION_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
TORCHVISION_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)


def shapes(form: str = "pix2pixhd") -> dict[str, dict[str, tuple[int, ...]]]:
  """Shapes of all parameters: kernels [3, 3, C, D], biases [D].

  Args:
    form: of the loss, "pix2pixhd" or "crn".
  """
  result, channels = {}, 3
  for block, (count, width) in enumerate(FORMS[form], start=1):
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
      x = _convolved(params[f"conv{block}_{i}"], x)
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


def average_pool(
  x: Float[Array, "b h w c"],
) -> Float[Array, "b h//2 w//2 c"]:
  """Takes the mean of every 2x2 pixels of [B, H, W, C]."""
  # A numpy zero, as in `layers.average_down`.
  zero, window = np.zeros((), x.dtype), (1, 2, 2, 1)
  total = jax.lax.reduce_window(x, zero, jax.lax.add, window, window, "VALID")
  return total / 4


def crn_features(
  params: Params, image: Float[Array, "b h w 3"], dtype: Dtype = jnp.float32
) -> list[Float[Array, "b _ _ _"]]:
  """Computes the six maps that CRN's loss compares.

  Args:
    params: from `load` with form "crn".
    image: [B, H, W, 3] in 0..255; H and W multiples of 16.
    dtype: of the arithmetic.

  Returns:
    The picture minus the network's mean [B, H, W, 3] float32; and of `dtype`,
    after the ReLU as in their released code, conv1_2 [B, H, W, 64], conv2_2
    [B, H/2, W/2, 128], conv3_2 [B, H/4, W/4, 256], conv4_2
    [B, H/8, W/8, 512], conv5_2 [B, H/16, W/16, 512], the poolings between
    them averages.
  """
  mean = np.asarray(MATCONVNET_MEAN, np.float32)[None, None, None, :]
  centred = image.astype(jnp.float32) - mean
  maps, x = [centred], centred.astype(dtype)
  for block, (count, _) in enumerate(FORMS["crn"], start=1):
    if block > 1:
      x = average_pool(x)
    for i in range(1, count + 1):
      x = _convolved(params[f"conv{block}_{i}"], x)
      if i == 2:
        maps.append(x)
  return maps


def _convolved(layer: Params, x: jax.Array) -> jax.Array:
  """One convolution and its ReLU on [B, H, W, C], in the dtype of x."""
  bias = layer["bias"].astype(x.dtype)[None, None, None, :]
  return jax.nn.relu(conv(x, layer["kernel"].astype(x.dtype), 1, 1) + bias)


def in_levels(params: Params) -> Params:
  """Torchvision's network as one that takes what MatConvNet's takes.

  CRN's loss was made for MatConvNet's VGG19, which sees 0..255 minus its mean.
  Torchvision's was trained on other numbers: 0..1, minus the mean, divided by
  the deviation. Both are folded into conv1_1. All biases and conv1_1 are
  multiplied by the mean deviation besides, 57.6 levels, which multiplies all
  maps by it and changes nothing else: so they are as large against the picture
  as CRN's weights take them for. They still are the maps of another training.

  Args:
    params: of torchvision's VGG19, as `load` has read them.

  Returns:
    The same names and shapes.
  """
  deviation = np.asarray(TORCHVISION_DEVIATION, np.float32)
  size = deviation.mean()
  mean = np.subtract(MATCONVNET_MEAN, TORCHVISION_MEAN).astype(np.float32)
  folded = {
    name: {"kernel": layer["kernel"], "bias": layer["bias"] * size}
    for name, layer in params.items()
  }
  kernel = params["conv1_1"]["kernel"] * (size / deviation)[None, None, :, None]
  folded["conv1_1"]["kernel"] = kernel
  # The means differ by half a level at most; at the border, where zeros stand
  # for the mean, so much stays.
  offset = (kernel * mean[None, None, :, None]).sum(axis=(0, 1, 2))
  folded["conv1_1"]["bias"] += offset
  return folded


def load(path: str, form: str = "pix2pixhd") -> Params:
  """Reads parameters that `python -m hdgan.convert vgg` has written.

  Args:
    path: of a safetensors file.
    form: of the loss, "pix2pixhd" or "crn".

  Returns:
    {name: {kernel: [3, 3, C, D], bias: [D]}} float32, for "crn" as `in_levels`
    gives them.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  how = (
    "make one with `python -m hdgan.convert vgg --from=FILE.pth "
    f"--to={path}` from torchvision's vgg19 weights"
  )
  name = f"config.loss.vgg_file={path!r}"
  if form == "pix2pixhd":
    return read_params(path, shapes(), name=name, how=how)
  (last,) = shapes(form).keys() - shapes().keys()
  how = (
    f"files from before loss.vgg_form = {form!r} have no {last}: make it again "
    "with `python -m hdgan.convert vgg --from=FILE.pth --to=ANOTHER` from "
    "torchvision's vgg19 weights"
  )
  return in_levels(read_params(path, shapes(form), name=name, how=how))


def load_for(config: ConfigDict) -> Params:
  """What a validated config's losses need; {} without the VGG loss."""
  loss = config.loss
  return load(loss.vgg_file, loss.vgg_form) if loss.vgg else {}


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
