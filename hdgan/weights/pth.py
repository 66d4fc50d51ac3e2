"""Reads and writes PyTorch's weight files; needs the extra `convert`.

PyTorch is imported inside these functions and nowhere else. Files are read with
`weights_only=True`, so that none can run code.
"""

import collections
import errno
import pathlib
import re
import shutil
import types
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan.errors import InputError


def _torch() -> types.ModuleType:
  try:
    import torch
  except ImportError as error:
    raise InputError(
      "PyTorch is not installed, .pth files need it; say: pip install "
      "'.[convert]'"
    ) from error
  return torch


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads a state dict.

  A prefix `module.` of all names (DataParallel's) is taken off. What PyTorch
  before 0.4 saved of instance norms without scale and shift, their unused
  running statistics, is left out.

  Args:
    path: of a file by torch.save, zip or the older form.

  Returns:
    Arrays by name, weights [D, C, k, k] and biases [D] for the networks here,
    in the file's order; of a zip they are mapped, not read.

  Raises:
    InputError: if there is no such file, it is damaged, holds something else,
      or would run code.
  """
  torch = _torch()
  if not path.is_file():
    raise InputError(f"{path}: there is no such file")
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # They are about old kinds of files.
      # Only the zip form can be mapped into memory.
      loaded = torch.load(
        path, map_location="cpu", weights_only=True,
        mmap=zipfile.is_zipfile(path),
      )  # fmt: skip
  except Exception as error:  # Damaged bytes raise nearly anything.
    raise InputError(_refusal(path, error)) from error
  if not isinstance(loaded, Mapping) or not loaded:
    raise InputError(
      f"{path}: holds a {type(loaded).__name__}, not a state dict (names and "
      "tensors); save the network's state_dict()"
    )
  for name, value in loaded.items():
    if not isinstance(name, str) or not isinstance(value, torch.Tensor):
      raise InputError(
        f"{path}: not a state dict: {name!r} is a {type(value).__name__}, must "
        "be a name with a tensor; save the network's state_dict()"
      )
  prefix = "module."
  if all(name.startswith(prefix) for name in loaded):
    loaded = {name[len(prefix) :]: value for name, value in loaded.items()}
  return {
    name: _array(path, name, loaded[name])
    for name in loaded
    if not _unused(name, loaded)
  }


def _array(path: pathlib.Path, name: str, tensor: Any) -> np.ndarray:
  if name.endswith("num_batches_tracked"):
    return tensor.numpy()  # A batch norm's counter, refused later by its name.
  dense = tensor.device.type == "cpu" and str(tensor.layout) == "torch.strided"
  if not tensor.is_floating_point() or not dense:
    raise InputError(
      f"{path}: {name!r} holds {tensor.dtype} ({tensor.layout}, on "
      f"{tensor.device}), weights are dense tensors of floats; save the "
      "network's state_dict()"
    )
  # A short storage can be spread over any number of places.
  stored = tensor.untyped_storage().nbytes() // tensor.element_size()
  if tensor.numel() > stored:
    raise InputError(
      f"{path}: {name!r} has {tensor.numel():,} numbers, {stored:,} of them in "
      "the file; save the network's state_dict()"
    )
  array = tensor.detach().float().numpy()
  if not np.isfinite(array).all():
    raise InputError(
      f"{path}: {name!r} holds values that are not finite; the training that "
      "wrote it went wrong, give an earlier file"
    )
  return array


def _unused(name: str, names: Mapping[str, object]) -> bool:
  """Whether this is a running statistic of a norm without scale."""
  norm, _, leaf = name.rpartition(".")
  statistics = ("running_mean", "running_var", "num_batches_tracked")
  return leaf in statistics and f"{norm}.weight" not in names


def _refusal(path: pathlib.Path, error: Exception) -> str:
  found = re.search(r"GLOBAL ([\w.]+)", str(error))
  if found:
    return (
      f"{path}: wants {found[1]!r} when it is loaded, which could run code; "
      "refused. Only tensors by name are read: save the network's state_dict()"
    )
  if "Weights only" in str(error):
    return (
      f"{path}: holds more than tensors by name, or is damaged; refused, since "
      "loading it could run code. Save the network's state_dict()"
    )
  words = " ".join(str(error).split()).split(". ")[0][:120]
  return (
    f"{path}: not a PyTorch weight file, or a truncated one "
    f"({type(error).__name__}: {words}); copy it again"
  )


def write(path: pathlib.Path, state_dict: Mapping[str, np.ndarray]) -> None:
  """Writes a state dict that `torch.load(weights_only=True)` reads.

  Args:
    path: of a new file; the caller sees to its being whole.
    state_dict: arrays by name, in the order to be written.

  Raises:
    OSError: if the disk is full.
  """
  torch = _torch()
  tensors = collections.OrderedDict(
    (name, torch.from_numpy(array)) for name, array in state_dict.items()
  )
  try:
    torch.save(tensors, path)
  except RuntimeError as error:  # PyTorch's writer hides the reason.
    size = sum(array.nbytes for array in state_dict.values())
    full = shutil.disk_usage(path.parent).free < size
    why = " ".join(str(error).split())[:160]
    raise OSError(errno.ENOSPC if full else errno.EIO, why, str(path)) from (
      error
    )
