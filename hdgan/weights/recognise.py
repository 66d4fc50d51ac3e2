"""Recognises a network of the released code by the names and shapes alone.

The position that a name counts to gives depths and numbers of blocks, shapes
give the widths; then every name and shape is compared with the table.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from hdgan.errors import InputError, counted, raise_faults, visible
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  Spec,
  shapes_of,
  table_of,
)

Shapes = Mapping[str, tuple[int, ...]]
LISTED = 10  # how many names an error shows.


def infer(shapes: Shapes, source: str, net: str = "") -> Spec:
  """Recognises a network by the names and shapes of its weights.

  Args:
    shapes: of a state dict, by name.
    source: the file's name, for messages.
    net: "G", "D" or "E"; '' reads it from the names, where E's are taken for
      those of a G.

  Returns:
    What the network is made of; every name and shape has been compared.

  Raises:
    InputError: if it is not one of ours, has other names or other shapes.
  """
  norms = [n for n in shapes if n.endswith((".running_mean", ".running_var"))]
  if norms:
    raise InputError(
      f"{source}: {norms[0]!r} belongs to a batch norm (--norm batch); the "
      "networks here have instance norm without scale, shift and running "
      "statistics, as published, so these weights have no place in them; use "
      "a model trained with --norm instance"
    )
  is_d = any(re.match(r"(scale\d+_)?layer\d+\.", name) for name in shapes)
  if not is_d and not any(name.startswith("model") for name in shapes):
    raise InputError(
      f"{source}: no name of a pix2pixHD network among {_list(shapes)}; "
      "expects 'model.1.weight' (G, E) or 'scale0_layer0.0.weight' (D)"
    )
  if net and (net == "D") != is_d:
    raise InputError(
      f"{source}: holds {'a D' if is_d else 'a G or E'} by its names, but is "
      f"given as {net}; rename the file"
    )
  if is_d:
    spec: Spec = _infer_discriminator(shapes, source)
  else:
    spec = _infer_generator(shapes, source)
    if net == "E":
      spec = EncoderSpec(
        inputs=spec.inputs,
        channels=spec.channels,
        width=spec.width,
        downsamples=spec.downsamples,
      )
  check(shapes, shapes_of(table_of(spec)), source)
  return spec


def _infer_generator(shapes: Shapes, source: str) -> GeneratorSpec:
  first = _shape(shapes, "model.1.weight", source)
  in_blocks = _numbers(shapes, r"model\.(\d{1,3})\.conv_block\.")
  places = _numbers(shapes, r"model\.(\d{1,3})\.")
  enhancers = max(_numbers(shapes, r"model(\d{1,3})_"), default=0)
  blocks = max(in_blocks) - min(in_blocks) + 1 if in_blocks else 0
  # Positions of the last layer of a trunk: 1 + 6d + b; its output layer: + 4.
  downsamples = max(max(places) - (1 if enhancers else 5) - blocks, 0) // 6
  if in_blocks:
    downsamples = (min(in_blocks) - 4) // 3
  enhancer_blocks, last = 0, f"model.{5 + 6 * downsamples + blocks}.weight"
  if enhancers:
    tail = rf"model{enhancers}_2\.(\d{{1,3}})\."
    enhancer_blocks = len(_numbers(shapes, tail + "conv_block"))
    last = f"model{enhancers}_2.{enhancer_blocks + 4}.weight"
  channels = _shape(shapes, last, source)[0]
  return GeneratorSpec(
    inputs=first[1],
    channels=channels,
    width=first[0],
    downsamples=downsamples,
    blocks=blocks,
    enhancers=enhancers,
    enhancer_blocks=enhancer_blocks,
  )


def _infer_discriminator(shapes: Shapes, source: str) -> DiscriminatorSpec:
  features = any(name.startswith("scale") for name in shapes)
  if features:
    scales = max(_numbers(shapes, r"scale(\d{1,3})_")) + 1
    layers = max(_numbers(shapes, r"scale\d+_layer(\d{1,3})\.")) - 1
    first = _shape(shapes, "scale0_layer0.0.weight", source)
  else:
    scales = max(_numbers(shapes, r"layer(\d{1,3})\.")) + 1
    layers = (max(_numbers(shapes, r"layer\d+\.(\d{1,3})\.")) - 2) // 3
    first = _shape(shapes, "layer0.0.weight", source)
  return DiscriminatorSpec(
    inputs=first[1],
    width=first[0],
    layers=layers,
    scales=scales,
    features=features,
  )


def _numbers(shapes: Shapes, pattern: str) -> set[int]:
  """Collects the pattern's number from all names that begin with it."""
  # Patterns allow three digits: no name asks for a table without an end.
  matches = (re.match(pattern, name) for name in shapes)
  return {int(match[1]) for match in matches if match}


def _shape(shapes: Shapes, name: str, source: str) -> tuple[int, ...]:
  """Looks up a [D, C, k, k] shape that the rest is read from."""
  shape = shapes.get(name)
  if shape is None or len(shape) != 4:
    found = "is missing" if shape is None else f"has shape {list(shape)}"
    raise InputError(
      f"{source}: {name!r} {found}, must be a convolution's weight "
      f"[D, C, k, k]; among the names are {_list(shapes)}"
    )
  return shape


def check(found: Shapes, expected: Shapes, source: str) -> None:
  """Compares names and shapes.

  Args:
    found: of a file.
    expected: of the network.
    source: the file's name, for messages.

  Raises:
    InputError: one line for unknown names, missing names and shapes each.
  """
  unknown = [name for name in found if name not in expected]
  missing = [name for name in expected if name not in found]
  faults = []
  if unknown:
    near = difflib.get_close_matches(
      unknown[0], missing or list(expected), 1, 0
    )
    faults.append(
      f"{source}: {counted(len(unknown), 'name')} that the network does not "
      f"have: "
      f"{_list(unknown)} (nearest to the first: {near[0]!r}); take them out"
    )
  if missing:
    faults.append(
      f"{source}: {counted(len(missing), 'weight is', 'weights are')} "
      f"missing: {_list(missing)}; give a complete file"
    )
  for name in [n for n in expected if n in found and found[n] != expected[n]]:
    faults.append(
      f"{source}: {name!r} has shape {list(found[name])}, must have "
      f"{list(expected[name])} by the shapes of the other weights"
    )
  raise_faults(faults)


def _list(names: Iterable[str]) -> str:
  names = [visible(name[:100]) for name in names]
  more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
  return ", ".join(names[:LISTED]) + more
