"""Inception-v3 as the Frechet inception distance has it, frozen.

The network of 2015-12-05 whose 2,048 means per picture published distances
are made of, with the three things in which pytorch-fid's port of it differs
from torchvision's Inception-v3: average poolings leave the border's zeros out
of the mean, the last block's pooling takes the largest, and its classifier,
which is not needed here, has 1,008 outputs. Batch norm (epsilon 0.001) is part
of each kernel and bias: `python -m hdgan.convert inception` puts it there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hdgan.networks.convolution import exact_conv
from hdgan.networks.layers import Params
from hdgan.networks.vgg import read_params

WIDTH = 2048  # Numbers per picture.
SIDE = 299  # Of the picture that it was trained on, in pixels.


class Conv(NamedTuple):
  """A convolution with ReLU; `size` is height and width of the kernel.

  Zeros keep the size of what comes in where `padded`; a stride of 2 has none.
  """

  name: str
  width: int
  size: tuple[int, int] = (1, 1)
  stride: int = 1
  padded: bool = True


# What follows one another: convolutions, poolings ("halve": the largest of 3x3
# at every second pixel; "largest", "mean": of 3x3 at every pixel), and
# convolutions side by side, whose channels are put together.
Chain = tuple[Conv | str | tuple[Conv, ...], ...]
Block = tuple[Chain, ...]  # Side by side.


def _block_a(pooled: int) -> Block:
  return (
    (Conv("branch1x1", 64),),
    (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
    (
      Conv("branch3x3dbl_1", 64),
      Conv("branch3x3dbl_2", 96, (3, 3)),
      Conv("branch3x3dbl_3", 96, (3, 3)),
    ),
    ("mean", Conv("branch_pool", pooled)),
  )


def _block_c(inner: int) -> Block:
  return (
    (Conv("branch1x1", 192),),
    (
      Conv("branch7x7_1", inner),
      Conv("branch7x7_2", inner, (1, 7)),
      Conv("branch7x7_3", 192, (7, 1)),
    ),
    (
      Conv("branch7x7dbl_1", inner),
      Conv("branch7x7dbl_2", inner, (7, 1)),
      Conv("branch7x7dbl_3", inner, (1, 7)),
      Conv("branch7x7dbl_4", inner, (7, 1)),
      Conv("branch7x7dbl_5", 192, (1, 7)),
    ),
    ("mean", Conv("branch_pool", 192)),
  )


def _block_e(pooling: str) -> Block:
  def beside(name: str) -> tuple[Conv, ...]:
    return Conv(f"{name}a", 384, (1, 3)), Conv(f"{name}b", 384, (3, 1))

  return (
    (Conv("branch1x1", 320),),
    (Conv("branch3x3_1", 384), beside("branch3x3_2")),
    (
      Conv("branch3x3dbl_1", 448),
      Conv("branch3x3dbl_2", 384, (3, 3)),
      beside("branch3x3dbl_3"),
    ),
    (pooling, Conv("branch_pool", 192)),
  )


BLOCKS: dict[str, Block] = {
  "": (
    (
      Conv("Conv2d_1a_3x3", 32, (3, 3), stride=2),
      Conv("Conv2d_2a_3x3", 32, (3, 3), padded=False),
      Conv("Conv2d_2b_3x3", 64, (3, 3)),
      "halve",
      Conv("Conv2d_3b_1x1", 80),
      Conv("Conv2d_4a_3x3", 192, (3, 3), padded=False),
      "halve",
    ),
  ),
  "Mixed_5b": _block_a(32),
  "Mixed_5c": _block_a(64),
  "Mixed_5d": _block_a(64),
  "Mixed_6a": (
    (Conv("branch3x3", 384, (3, 3), stride=2),),
    (
      Conv("branch3x3dbl_1", 64),
      Conv("branch3x3dbl_2", 96, (3, 3)),
      Conv("branch3x3dbl_3", 96, (3, 3), stride=2),
    ),
    ("halve",),
  ),
  "Mixed_6b": _block_c(128),
  "Mixed_6c": _block_c(160),
  "Mixed_6d": _block_c(160),
  "Mixed_6e": _block_c(192),
  "Mixed_7a": (
    (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, (3, 3), stride=2)),
    (
      Conv("branch7x7x3_1", 192),
      Conv("branch7x7x3_2", 192, (1, 7)),
      Conv("branch7x7x3_3", 192, (7, 1)),
      Conv("branch7x7x3_4", 192, (3, 3), stride=2),
    ),
    ("halve",),
  ),
  "Mixed_7b": _block_e("mean"),
  "Mixed_7c": _block_e("largest"),
}


def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
  """Shapes of all parameters: kernels [k, l, C, D], biases [D].

  Returns:
    By the names of pytorch-fid's file, such as "Mixed_5b.branch1x1".
  """
  found, channels = {}, 3
  for block, chains in BLOCKS.items():
    widths = []
    for chain in chains:
      width = channels
      for part in chain:
        convs = _convs(part)
        for one in convs:
          kernel = (*one.size, width, one.width)
          found[_name(block, one)] = {"kernel": kernel, "bias": (one.width,)}
        width = sum(one.width for one in convs) or width
      widths.append(width)
    channels = sum(widths)
  return found


def _convs(part: Conv | str | tuple[Conv, ...]) -> tuple[Conv, ...]:
  """The convolutions of one part of a chain; a pooling has none."""
  if isinstance(part, str):
    return ()
  return (part,) if isinstance(part, Conv) else part


def _name(block: str, conv: Conv) -> str:
  return f"{block}.{conv.name}" if block else conv.name


def inception_features(
  params: Params, image: Float[Array, "b h w 3"]
) -> Float[Array, "b 2048"]:
  """Computes what distances compare.

  Args:
    params: a kernel and a bias for each name in `shapes`.
    image: [B, H, W, 3] in [-1, 1], red, green, blue; 299x299 by rights, at
      least 75x75.

  Returns:
    [B, 2048], means over the pixels of the last map ("pool3").
  """
  x = image
  for block, chains in BLOCKS.items():
    maps = [_run(params, block, chain, x) for chain in chains]
    x = jnp.concatenate(maps, axis=-1)
  return x.mean(axis=(1, 2))


def _run(params: Params, block: str, chain: Chain, x: jax.Array) -> jax.Array:
  for part in chain:
    if isinstance(part, str):
      x = _POOLINGS[part](x)
    else:
      maps = [
        _conv(x, conv, params[_name(block, conv)]) for conv in _convs(part)
      ]
      x = jnp.concatenate(maps, axis=-1)
  return x


def _conv(x: jax.Array, conv: Conv, layer: Params) -> jax.Array:
  padding = (0, 0)
  if conv.padded and conv.stride == 1:
    padding = (conv.size[0] // 2, conv.size[1] // 2)
  y = exact_conv(x, layer["kernel"], conv.stride, padding)
  return jax.nn.relu(y + layer["bias"][None, None, None, :])


def _largest(x: jax.Array, stride: int, padding: str) -> jax.Array:
  lowest = np.array(-np.inf, x.dtype)
  return jax.lax.reduce_window(
    x, lowest, jax.lax.max, (1, 3, 3, 1), (1, stride, stride, 1), padding
  )


def _mean(x: jax.Array) -> jax.Array:
  """Means of 3x3 pixels, at the border of those that there are."""

  def total(y: jax.Array) -> jax.Array:
    window, zero = (1, 3, 3, 1), np.array(0, y.dtype)
    return jax.lax.reduce_window(
      y, zero, jax.lax.add, window, (1, 1, 1, 1), "SAME"
    )

  return total(x) / total(jnp.ones((1, *x.shape[1:3], 1), x.dtype))


_POOLINGS = {
  "halve": lambda x: _largest(x, 2, "VALID"),
  "largest": lambda x: _largest(x, 1, "SAME"),
  "mean": _mean,
}


def load(path: str, name: str) -> Params:
  """Reads parameters that `python -m hdgan.convert inception` has written.

  Args:
    path: of a safetensors file.
    name: how errors call it, such as `--features=FILE`.

  Returns:
    {name: {kernel: [k, l, C, D], bias: [D]}} float32.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  how = (
    "make one with `python -m hdgan.convert inception --from="
    "pt_inception-2015-12-05-6726825d.pth --to=inception.safetensors`"
  )
  return read_params(path, shapes(), name=name, how=how)
