"""LPIPS, the learned perceptual distance of two pictures, frozen.

Version 0.1 of Zhang et al., "The Unreasonable Effectiveness of Deep Features
as a Perceptual Metric" (CVPR 2018): maps of an ImageNet network, each pixel's
channels brought to length 1, squared differences weighted by one number per
channel that people's judgements were fitted by, means over pixels, and the sum
over maps. Networks are AlexNet, VGG16 and SqueezeNet 1.1 as torchvision has
them; layers keep its names.
"""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from jaxtyping import Array, Float

from hdgan.errors import InputError, shown
from hdgan.networks.convolution import exact_conv
from hdgan.networks.layers import Params
from hdgan.networks.vgg import read_params

# What pictures in [-1, 1] are brought to the trunk's own range by.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_SMALLEST = 1e-10  # Added to lengths.


class Conv(NamedTuple):
  """A convolution with ReLU at a place of torchvision's `features`."""

  place: str
  width: int
  size: int = 3
  stride: int = 1
  padding: int = 1


class Fire(NamedTuple):
  """SqueezeNet's: `squeeze` channels, then 1x1 and 3x3 side by side."""

  place: str
  squeeze: int
  expand: int


class Pool(NamedTuple):
  """The largest of size x size pixels at every second one.

  `beyond`: windows may reach over the far border by a pixel.
  """

  size: int
  beyond: bool = False


TAP = "tap"  # Here a map is compared.
Part = Conv | Fire | Pool | str


def _vgg16() -> list[Part]:
  parts: list[Part] = []
  place = 0
  for count, width in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
    if parts:
      parts.append(Pool(2))
      place += 1
    parts += [Conv(str(place + 2 * i), width) for i in range(count)]
    parts.append(TAP)
    place += 2 * count
  return parts


# Places count convolutions, ReLUs and poolings.
NETWORKS: dict[str, list[Part]] = {
  "alex": [
    Conv("0", 64, size=11, stride=4, padding=2), TAP, Pool(3),
    Conv("3", 192, size=5, padding=2), TAP, Pool(3),
    Conv("6", 384), TAP, Conv("8", 256), TAP, Conv("10", 256), TAP,
  ],
  "vgg": _vgg16(),
  "squeeze": [
    Conv("0", 64, stride=2, padding=0), TAP, Pool(3, beyond=True),
    Fire("3", 16, 64), Fire("4", 16, 64), TAP, Pool(3, beyond=True),
    Fire("6", 32, 128), Fire("7", 32, 128), TAP, Pool(3, beyond=True),
    Fire("9", 48, 192), TAP, Fire("10", 48, 192), TAP,
    Fire("11", 64, 256), TAP, Fire("12", 64, 256), TAP,
  ],
}  # fmt: skip
# Pixels of the shorter side that leave each map at least one.
LEAST = {"alex": 31, "vgg": 16, "squeeze": 17}


def _convs(part: Part) -> list[tuple[str, Conv]]:
  """Names and convolutions of one part, in the order in which they run."""
  if isinstance(part, Conv):
    return [(f"features.{part.place}", part)]
  if isinstance(part, Fire):
    kinds = (
      ("squeeze", part.squeeze, 1), ("expand1x1", part.expand, 1),
      ("expand3x3", part.expand, 3),
    )  # fmt: skip
    return [
      (
        f"features.{part.place}.{kind}",
        Conv(part.place, width, size=size, padding=size // 2),
      )
      for kind, width, size in kinds
    ]
  return []


def shapes(network: str) -> dict[str, dict[str, tuple[int, ...]]]:
  """Shapes of all parameters, by torchvision's and LPIPS' names.

  Args:
    network: "alex", "vgg" or "squeeze".

  Returns:
    Of the trunk kernels [k, k, C, D] and biases [D] of "features.0" ..., of
    the heads "lin0" ... kernels [1, 1, C, 1].
  """
  found: dict[str, dict[str, tuple[int, ...]]] = {}
  channels, heads = 3, 0
  for part in NETWORKS[network]:
    if part == TAP:
      found[f"lin{heads}"] = {"kernel": (1, 1, channels, 1)}
      heads += 1
    for name, conv in _convs(part):
      kernel = (conv.size, conv.size, channels, conv.width)
      found[name] = {"kernel": kernel, "bias": (conv.width,)}
      # Both halves of a Fire read the squeezed channels.
      channels = channels if name.endswith("1x1") else conv.width
    if isinstance(part, Fire):
      channels = 2 * part.expand
  return found


def lpips(
  params: Params,
  first: Float[Array, "b h w 3"],
  second: Float[Array, "b h w 3"],
  *,
  network: str,
) -> Float[Array, "b"]:
  """Computes how unlike pictures are to the eye.

  Args:
    params: by the names of `shapes`.
    first: [B, H, W, 3] in [-1, 1], sides of at least `LEAST`.
    second: the same.
    network: "alex", "vgg" or "squeeze".

  Returns:
    [B], 0 for the same picture.
  """
  images = jnp.concatenate([first, second])
  total = jnp.zeros(len(first), jnp.float32)
  for i, x in enumerate(_maps(params, images, network)):
    length = jnp.sqrt(jnp.sum(x**2, axis=-1, keepdims=True))
    a, b = jnp.split(x / (length + _SMALLEST), 2)
    weights = params[f"lin{i}"]["kernel"][0, 0, :, 0]
    # A product of its own: as a matrix product it would be shortened.
    apart = jnp.sum((a - b) ** 2 * weights[None, None, None, :], axis=-1)
    total += apart.mean(axis=(1, 2))
  return total


def _maps(params: Params, images: jax.Array, network: str) -> list[jax.Array]:
  shift, scale = (
    jnp.asarray(x, jnp.float32)[None, None, None, :] for x in (_SHIFT, _SCALE)
  )
  x, maps = (images - shift) / scale, []
  for part in NETWORKS[network]:
    if isinstance(part, Pool):
      x = _pool(x, part)
    elif isinstance(part, Fire):
      squeeze, *expand = _convs(part)
      x = _conv(params, *squeeze, x)
      x = jnp.concatenate([_conv(params, *one, x) for one in expand], axis=-1)
    elif isinstance(part, Conv):
      x = _conv(params, *_convs(part)[0], x)
    else:
      maps.append(x)
  return maps


def _conv(params: Params, name: str, conv: Conv, x: jax.Array) -> jax.Array:
  layer, padding = params[name], (conv.padding, conv.padding)
  y = exact_conv(x, layer["kernel"], conv.stride, padding)
  return jax.nn.relu(y + layer["bias"][None, None, None, :])


def _pool(x: jax.Array, pool: Pool) -> jax.Array:
  ends = [(0, (n - pool.size) % 2 if pool.beyond else 0) for n in x.shape[1:3]]
  return jax.lax.reduce_window(
    x, np.array(-np.inf, x.dtype), jax.lax.max, (1, pool.size, pool.size, 1),
    (1, 2, 2, 1), [(0, 0), *ends, (0, 0)],
  )  # fmt: skip


def load(path: str, name: str) -> tuple[str, Params]:
  """Reads what `python -m hdgan.convert lpips` has written.

  Args:
    path: of a safetensors file.
    name: how errors call it, such as `--lpips=FILE`.

  Returns:
    The network's name and its parameters, float32 arrays by the names of
    `shapes`.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  how = (
    "make one with `python -m hdgan.convert lpips --from=TRUNK.pth --heads="
    "HEADS.pth --to=lpips.safetensors`"
  )
  if not pathlib.Path(path).is_file():
    raise InputError(f"{name}: no such file; {how}")
  try:
    with safetensors.safe_open(path, "numpy") as file:
      network = (file.metadata() or {}).get("lpips", "")
  except Exception as error:  # Damaged files raise half a dozen kinds.
    raise InputError(
      f"{name}: not a safetensors file ({error}); {how}"
    ) from error
  if network not in NETWORKS:
    raise InputError(
      f"{name}: names {shown(network)} as its network, must be one of "
      f"{', '.join(NETWORKS)}; {how}"
    )
  return network, read_params(path, shapes(network), name=name, how=how)
