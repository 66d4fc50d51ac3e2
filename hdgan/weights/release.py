"""A released model: safetensors with the config inside, sums, a model card.

`G.safetensors`, and `E` and `D` where the run has them; each says in its
metadata which config, stage and step it is of. `SHA256SUMS` is for
`sha256sum -c`; `python -m hdgan.convert import` takes the folder.
"""

import errno
import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.datasets import classes
from hdgan.errors import InputError, counted, shown
from hdgan.runs import manifest
from hdgan.validation import validate
from hdgan.weights import recognise
from hdgan.whole_files import share

SUMS = "SHA256SUMS"
CARD = "MODEL_CARD.md"
FORMAT = "hdgan 1"


Shapes = Mapping[str, tuple[int, ...]]


def convolutions(shapes: Shapes) -> int:
  """How many convolutions a network's arrays are of."""
  return sum(name.endswith(".kernel") for name in shapes)


def write_network(
  path: pathlib.Path,
  shapes: Shapes,
  params: Mapping[str, Any],
  metadata: Mapping[str, str],
) -> None:
  """Writes one network.

  Args:
    path: of a new file.
    shapes: of its arrays, by names such as "G1.conv_in.kernel".
    params: nested, with the arrays at these names' parts.
    metadata: config, stage and the like.
  """
  arrays = {}
  for name in shapes:
    leaf: Any = params
    for key in name.split("."):
      leaf = leaf[key]
    arrays[name] = np.ascontiguousarray(np.asarray(leaf, np.float32))
  save_arrays(path, arrays, metadata)


def save_arrays(
  path: pathlib.Path,
  arrays: Mapping[str, np.ndarray],
  metadata: Mapping[str, str] | None = None,
) -> None:
  """Writes a safetensors file with the usual mode.

  Args:
    path: of a new file.
    arrays: by name.
    metadata: text by name.

  Raises:
    OSError: if it cannot be written.
  """
  try:
    safetensors.numpy.save_file(dict(arrays), path, dict(metadata or {}))
  except safetensors.SafetensorError as error:
    # The library gives no error number, only words.
    full = "No space left" in str(error)
    number = errno.ENOSPC if full else errno.EIO
    raise OSError(number, str(error), str(path)) from error
  share(path)


def metadata_of(
  config: ConfigDict, info: Mapping[str, Any], weights: str
) -> dict[str, str]:
  """What every file says about itself; paths are cut to their last part."""
  public = config_lib.public(config, keep_names=True)
  return {
    "format": FORMAT,
    "config": json.dumps(public),
    "stage": str(info["stage"]),
    "step": str(info["step"]),
    "weights": weights,
  }


def write_sums(folder: pathlib.Path) -> None:
  """Writes the SHA-256 sums of all files of a folder."""
  names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
  manifest.write(folder, names, SUMS)


def card(
  config: ConfigDict,
  metadata: Mapping[str, str],
  networks: Mapping[str, Shapes],
) -> str:
  """Describes the model in Markdown, from what is known and nothing else."""
  stage = config.stages[int(metadata["stage"])]
  labels = counted(config.num_classes, "class", "classes")
  if not config.num_classes:
    low, high = config.data.label_range
    labels = (
      f"a picture of {counted(config.data.label_channels, 'channel')}, "
      f"{low} to {high}"
    )
  rows = []
  for name, shapes in networks.items():
    total = sum(math.prod(shape) for shape in shapes.values())
    count = convolutions(shapes)
    rows.append(f"| {name}.safetensors | {count} | {total:,} |")
  height, width = stage.size
  lines = [
    "# A pix2pixHD model in hdgan's format",
    "",
    "Makes photos from label maps (Wang et al., CVPR 2018, arXiv 1711.11585).",
    "",
    "| file | convolutions | parameters |",
    "|---|---|---|",
    *rows,
    "",
    f"* Label: {labels}; boundary map: {'yes' if config.boundary else 'no'}; "
    f"styles: {'yes' if config.encoder.enabled else 'no'}.",
    f"* Trained at {width} x {height} pixels (width x height), stage "
    f"`{stage.name}`, {counted(int(metadata['step']), 'step')}; weights of G: "
    f"{metadata['weights']}.",
    "* The config is in every file's metadata, and checksums are in "
    f"`{SUMS}` (`sha256sum -c {SUMS}`).",
    "",
    "Training data, licence, scores and limits: to be added by whoever",
    "publishes this model; the files do not know them.",
    "",
    "    python -m hdgan.convert import --from=THIS_FOLDER --workdir=W",
    "    python -m hdgan.main --mode=synthesize --workdir=W --input=MAPS \\",
    "      --output=OUT",
    "",
  ]
  return "\n".join(lines)


def is_release(folder: pathlib.Path) -> bool:
  """Whether a folder holds a released model."""
  return (folder / "G.safetensors").is_file()


def check_sums(folder: pathlib.Path) -> None:
  """Compares a release's files with its sums.

  Raises:
    InputError: naming the first file that differs, or that is not listed.
  """
  path = folder / SUMS
  if not path.is_file():
    raise InputError(f"{path} is missing; copy the release's folder whole")
  names = (pathlib.Path(name).name for name in manifest.listed(folder, SUMS))
  listed = {name for name in names if name}
  # What is read must be listed, and what is listed must be there and whole.
  read = {file.name for file in folder.glob("*.safetensors")}
  if (folder / classes.FILE).is_file():
    read.add(classes.FILE)
  for name in sorted(read - listed):
    raise InputError(f"{folder / name} is not listed in {SUMS}; copy it again")
  for name in sorted(listed):
    if not (folder / name).is_file():
      raise InputError(
        f"{folder / name} is missing, {SUMS} lists it; copy it again"
      )
  odd = manifest.first_difference(folder, sorted(listed), SUMS)
  if odd is not None:
    raise InputError(f"{odd} differs from {SUMS}; copy it again")


def read_metadata(folder: pathlib.Path) -> tuple[ConfigDict, dict[str, str]]:
  """Reads a release's config, and all metadata of its G.

  Raises:
    InputError: if the files are damaged or of another program.
  """
  check_sums(folder)
  path = folder / "G.safetensors"
  try:
    with safetensors.safe_open(path, "numpy") as file:
      metadata = file.metadata() or {}
  except Exception as error:  # Damaged files raise half a dozen kinds.
    raise _unreadable(path, error) from error
  if metadata.get("format") != FORMAT:
    raise InputError(
      f"{path}: its metadata has no format {FORMAT!r}; give a folder that "
      "`python -m hdgan.convert release` wrote"
    )
  name = f"{path}: the config in its metadata"
  config = config_lib.from_json(metadata.get("config", ""), name)
  try:
    config = validate(config)
  except InputError as error:
    raise InputError(f"{name}: {error}") from error
  stage = metadata.get("stage", "")
  if stage not in map(str, range(len(config.stages))):
    raise InputError(
      f"{path}: its metadata has stage {shown(stage)}, the config has stages "
      f"0..{len(config.stages) - 1}; copy it again"
    )
  return config, metadata


def _unreadable(path: pathlib.Path, error: Exception) -> InputError:
  """The error for a file that the library refuses."""
  why = " ".join(str(error).split()) or type(error).__name__
  return InputError(f"{path}: not a release's ({why}); copy it again")


def read_network(path: pathlib.Path, shapes: Shapes) -> dict[str, Any]:
  """Reads one network.

  Args:
    path: of its safetensors file.
    shapes: of the arrays that its config asks for, by name.

  Returns:
    A nested dict of kernels [k, k, C, D], biases [D] and the like, float32.

  Raises:
    InputError: if names or shapes are not the config's, or numbers are not
      finite or of another dtype than float32.
  """
  params: dict[str, Any] = {}
  expected = dict(shapes)
  try:
    with safetensors.safe_open(path, "numpy") as file:
      # Only shapes: nothing is read before they are known to fit.
      found = {n: tuple(file.get_slice(n).get_shape()) for n in file.keys()}  # noqa: SIM118
      recognise.check(found, expected, str(path))
      arrays = {name: file.get_tensor(name) for name in expected}
  except InputError:
    raise
  except Exception as error:  # Damaged files raise half a dozen kinds.
    raise _unreadable(path, error) from error
  for name, array in arrays.items():
    if array.dtype != np.float32 or not np.isfinite(array).all():
      raise InputError(
        f"{path}: {name} ({array.dtype}) must hold finite float32 numbers; "
        "copy it again, or make the release anew"
      )
    *parents, leaf = name.split(".")
    node = params
    for key in parents:
      node = node.setdefault(key, {})
    node[leaf] = array
  return params
