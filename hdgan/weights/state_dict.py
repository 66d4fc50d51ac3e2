"""The names and layouts of the released code's weights, and ours.

The released code names weights by their position in flat lists that count
padding, norm and activation as well. The tables here say which name is which of
our parameters; reading, writing and recognising files all go through them.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from hdgan.networks import hed, vgg
from hdgan.networks.discriminator import MAX_WIDTH


class Layer(NamedTuple):
  """One convolution under both names.

  Attributes:
    name: in the released code, without ".weight" and ".bias".
    path: in our parameter tree, without "kernel" and "bias".
    kind: "conv", or "up" for a transposed convolution.
    kernel: our kernel's shape, [k, k, C, D].
  """

  name: str
  path: tuple[str, ...]
  kind: str
  kernel: tuple[int, int, int, int]

  @property
  def weight(self) -> tuple[int, ...]:
    """The released code's shape: [D, C, k, k], transposed [C, D, k, k]."""
    k, _, c, d = self.kernel
    return (c, d, k, k) if self.kind == "up" else (d, c, k, k)


@dataclasses.dataclass(frozen=True)
class GeneratorSpec:
  """What G is made of; `width` is G1's, enhancer k has width / 2**k."""

  inputs: int
  channels: int
  width: int
  downsamples: int
  blocks: int
  enhancers: int = 0
  enhancer_blocks: int = 0


@dataclasses.dataclass(frozen=True)
class EncoderSpec:
  """What E is made of: photo channels `inputs`, features `channels`."""

  inputs: int
  channels: int
  width: int
  downsamples: int


@dataclasses.dataclass(frozen=True)
class DiscriminatorSpec:
  """What D is made of.

  `features` tells which of two sets of names is used: the released code names
  weights differently where it returns all layers (for feature matching).
  """

  inputs: int
  width: int
  layers: int
  scales: int
  features: bool = True


Spec = GeneratorSpec | EncoderSpec | DiscriminatorSpec


def _conv(
  name: str,
  path: tuple[str, ...],
  size: int,
  c: int,
  d: int,
  kind: str = "conv",
) -> Layer:
  return Layer(name, path, kind=kind, kernel=(size, size, c, d))


def _blocks(
  name: str, first: int, net: str, count: int, width: int
) -> Iterator[Layer]:
  """Residual blocks at positions `first` .. of the list `name`."""
  for k in range(count):
    # Padding, convolution (1), norm, ReLU, padding, convolution (5), norm.
    for i, place in ((1, 1), (2, 5)):
      yield _conv(
        f"{name}.{first + k}.conv_block.{place}",
        (net, f"block_{k + 1}", f"conv_{i}"),
        3,
        width,
        width,
      )


def _trunk(net: str, spec: GeneratorSpec | EncoderSpec) -> Iterator[Layer]:
  """G1 or E without its output layer."""
  d, width = spec.downsamples, spec.width
  blocks = getattr(spec, "blocks", 0)
  # Padding is at 0. A convolution with its norm and its activation takes three
  # places, a residual block one.
  yield _conv("model.1", (net, "conv_in"), 7, spec.inputs, width)
  for i in range(d):
    c = width * 2**i
    yield _conv(f"model.{4 + 3 * i}", (net, f"down_{i + 1}"), 3, c, 2 * c)
  yield from _blocks("model", 4 + 3 * d, net, blocks, width * 2**d)
  for i in range(d):
    c = width * 2 ** (d - i)
    place = 4 + 3 * d + blocks + 3 * i
    yield _conv(f"model.{place}", (net, f"up_{i + 1}"), 3, c, c // 2, "up")


def generator_table(spec: GeneratorSpec) -> list[Layer]:
  """Lists G's layers in the released code's order.

  Args:
    spec: what G is made of.

  Returns:
    Paths begin with "G1", "G2" ...; names are a `GlobalGenerator`'s for no
    enhancers, else a `LocalEnhancer`'s.
  """
  table = list(_trunk("G1", spec))
  if not spec.enhancers:
    place = 5 + 6 * spec.downsamples + spec.blocks
    out = ("G1", "conv_out")
    return [*table, _conv(f"model.{place}", out, 7, spec.width, spec.channels)]
  for k in range(1, spec.enhancers + 1):
    net, width, blocks = f"G{k + 1}", spec.width >> k, spec.enhancer_blocks
    head, tail = f"model{k}_1", f"model{k}_2"
    table += [
      _conv(f"{head}.1", (net, "conv_in"), 7, spec.inputs, width),
      _conv(f"{head}.4", (net, "down"), 3, width, 2 * width),
      *_blocks(tail, 0, net, blocks, 2 * width),
      _conv(f"{tail}.{blocks}", (net, "up"), 3, 2 * width, width, "up"),
    ]
  # Of the outermost enhancer, which alone draws a picture.
  out, last = (net, "conv_out"), f"{tail}.{blocks + 4}"
  return [*table, _conv(last, out, 7, width, spec.channels)]


def encoder_table(spec: EncoderSpec) -> list[Layer]:
  """Lists E's layers in the released code's order; paths begin with "E"."""
  place = 5 + 6 * spec.downsamples
  out = _conv(f"model.{place}", ("E", "conv_out"), 7, spec.width, spec.channels)
  return [*_trunk("E", spec), out]


def discriminator_table(spec: DiscriminatorSpec) -> list[Layer]:
  """Lists D's layers in the released code's order; paths begin with "D".

  The released code counts scales from the coarsest, we from the finest (D1).
  """
  widths = [min(spec.width * 2**i, MAX_WIDTH) for i in range(spec.layers + 1)]
  channels = [spec.inputs, *widths, 1]
  table = []
  for scale in range(spec.scales):
    net = f"D{spec.scales - scale}"
    for i in range(spec.layers + 2):
      # The first layer has no norm, hence two places; later ones have three.
      place = max(0, 3 * i - 1)
      name = f"layer{scale}.{place}"
      if spec.features:
        name = f"scale{scale}_layer{i}.0"
      path = ("D", net, f"conv_{i + 1}")
      table.append(_conv(name, path, 4, channels[i], channels[i + 1]))
  return table


def vgg_table() -> list[Layer]:
  """Lists VGG19's first 14 convolutions under torchvision's names."""
  table, place = [], 0
  # Of the loss that needs most: the file serves every form.
  for name, leaves in vgg.shapes("crn").items():
    # A pooling layer precedes each block but the first.
    place += name.endswith("_1") and name != "conv1_1"
    k, _, c, d = leaves["kernel"]
    table.append(
      Layer(f"features.{place}", (name,), kind="conv", kernel=(k, k, c, d))
    )
    # The convolution and its ReLU.
    place += 2
  return table


def hed_table() -> list[Layer]:
  """Lists HED's layers under the names of its PyTorch port (pytorch-hed)."""
  numbers, table = ("One", "Two", "Thr", "Fou", "Fiv"), []
  for layer, leaves in hed.shapes().items():
    kind, _, i = layer.partition("_")
    name = "netCombine.0"
    if layer.startswith("score"):
      name = f"netScore{numbers[int(layer[-1]) - 1]}"
    elif layer.startswith("conv"):
      block = int(kind[-1])
      # A pooling layer, then each convolution with its ReLU.
      name = f"netVgg{numbers[block - 1]}.{2 * int(i) - 2 + (block > 1)}"
    k, _, c, d = leaves["kernel"]
    table.append(Layer(name, (layer,), kind="conv", kernel=(k, k, c, d)))
  return table


def table_of(spec: Spec) -> list[Layer]:
  """Lists the layers of any network."""
  if isinstance(spec, GeneratorSpec):
    return generator_table(spec)
  if isinstance(spec, EncoderSpec):
    return encoder_table(spec)
  return discriminator_table(spec)


def shapes_of(table: Iterable[Layer]) -> dict[str, tuple[int, ...]]:
  """Gives the released code's names and shapes, in its order."""
  shapes = {}
  for layer in table:
    shapes[f"{layer.name}.weight"] = layer.weight
    shapes[f"{layer.name}.bias"] = (layer.kernel[3],)
  return shapes


# Both layouts swap back with another permutation, as PyTorch's first two axes
# are out, in for a convolution, and in, out for a transposed one.
_TO_KERNEL = {"conv": (2, 3, 1, 0), "up": (2, 3, 0, 1)}
_TO_WEIGHT = {"conv": (3, 2, 0, 1), "up": (2, 3, 0, 1)}


def to_params(
  table: Iterable[Layer], state_dict: Mapping[str, np.ndarray]
) -> dict[str, Any]:
  """Turns the released code's weights into our parameters.

  Args:
    table: the network's layers.
    state_dict: a weight and a bias per layer; shapes are not checked here.

  Returns:
    A nested dict of float32 kernels [k, k, C, D] and biases [D]; views of the
    given arrays wherever these are float32.
  """
  params: dict[str, Any] = {}
  for layer in table:
    leaf = params
    for key in layer.path:
      leaf = leaf.setdefault(key, {})
    weight = np.asarray(state_dict[f"{layer.name}.weight"], np.float32)
    leaf["kernel"] = weight.transpose(_TO_KERNEL[layer.kind])
    leaf["bias"] = np.asarray(state_dict[f"{layer.name}.bias"], np.float32)
  return params


def to_state_dict(
  table: Iterable[Layer], params: Mapping[str, Any]
) -> dict[str, np.ndarray]:
  """Turns our parameters into the released code's, in its order of names.

  Args:
    table: the network's layers.
    params: a nested dict of kernels [k, k, C, D] and biases [D].

  Returns:
    Float32 arrays, contiguous in the released code's layout.
  """
  state_dict = {}
  for layer in table:
    leaf = params
    for key in layer.path:
      leaf = leaf[key]
    kernel = np.asarray(leaf["kernel"], np.float32)
    weight = kernel.transpose(_TO_WEIGHT[layer.kind])
    state_dict[f"{layer.name}.weight"] = np.ascontiguousarray(weight)
    state_dict[f"{layer.name}.bias"] = np.asarray(leaf["bias"], np.float32)
  return state_dict
