"""What distances compare: one row of numbers per picture, from a file."""

import hashlib
import os
import pathlib
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from hdgan.errors import InputError
from hdgan.evaluation.onnx_features import OnnxFeatures
from hdgan.evaluation.resize import pil_f_bicubic, torch_bilinear
from hdgan.networks import inception
from hdgan.outside import check_path


class Features(Protocol):
  """Turns a picture into numbers.

  Attributes:
    settings: all that decides the numbers, for JSON: kind, name, sha256, width,
      size, resize and whatever else there is; not how a file is called.
  """

  settings: dict[str, Any]

  def __call__(self, picture: np.ndarray) -> np.ndarray:
    """Computes them.

    Args:
      picture: [H, W, 3] uint8, red, green, blue.

    Returns:
      [d] float32.
    """
    ...


def open_features(spec: str) -> Features:
  """Opens what `--features` names.

  Args:
    spec: `FILE.safetensors`, Inception-v3 behind clean-fid's scaling;
      `pytorch-fid:FILE.safetensors`, the same behind pytorch-fid's;
      `onnx:FILE`, any network, see `onnx_features`.

  Raises:
    InputError: in one line, before anything is compiled.
  """
  kind, _, path = spec.rpartition(":")
  if kind == "onnx":
    return OnnxFeatures(os.path.expanduser(path), f"--features={spec}")
  if not path.endswith(".safetensors") or kind not in ("", "pytorch-fid"):
    raise InputError(
      f"--features={spec}: must be FILE.safetensors or "
      "pytorch-fid:FILE.safetensors (Inception-v3, by `python -m "
      "hdgan.convert inception`), or onnx:FILE"
    )
  return InceptionFeatures(path, f"--features={spec}", kind or "clean-fid")


NAME = "inception-v3 2015-12-05"

# Once, however often a training evaluates itself.
_compiled = jax.jit(inception.inception_features)

# Whose distance: how pictures are scaled, and (x - shift) / scale of 0..255.
_WAYS = {
  "clean-fid": ("pil_f_bicubic", pil_f_bicubic, 128.0, 128.0),
  "pytorch-fid": ("torch_bilinear", torch_bilinear, 127.5, 127.5),
}


class InceptionFeatures:
  """Inception-v3's 2,048 numbers; pictures of any size."""

  def __init__(self, path: str, name: str, way: str = "clean-fid"):
    """Reads the weights.

    Args:
      path: of a file by `python -m hdgan.convert inception`.
      name: how errors call it.
      way: "clean-fid" or "pytorch-fid": whose scaling of pictures.

    Raises:
      InputError: if there is no such file or it holds something else.
    """
    path = str(pathlib.Path(path).expanduser())
    check_path(path, "--features")
    self._params = inception.load(path, name)
    resize, self._resize, self._shift, self._scale = _WAYS[way]
    self.settings: dict[str, Any] = {
      "kind": "inception",
      "name": NAME,
      "sha256": sha256(path),
      "width": inception.WIDTH,
      "size": [inception.SIDE, inception.SIDE],
      "resize": resize,
      "shift": self._shift,
      "scale": self._scale,
    }

  def __call__(self, picture: np.ndarray) -> np.ndarray:
    """Computes a picture's numbers; see `Features`."""
    scaled = self._resize(picture, (inception.SIDE, inception.SIDE))
    x = (scaled - np.float32(self._shift)) / np.float32(self._scale)
    return np.asarray(_compiled(self._params, jnp.asarray(x[None])))[0]


def sha256(path: str) -> str:
  """The SHA-256 of a file, as `sha256sum` writes it."""
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
