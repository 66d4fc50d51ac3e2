"""Edge detectors in ONNX files, by ONNX Runtime; needs the extra `edges`."""

import dataclasses

import numpy as np

from hdgan.errors import InputError
from hdgan.networks.onnx_session import OnnxSession

_STEP = 32  # What networks halve five times needs no rounding.


@dataclasses.dataclass(frozen=True)
class Feeding:
  """How a photo becomes the model's input: (photo - mean) / std, in 0..255.

  Attributes:
    mean: red, green, blue.
    std: red, green, blue.
    order: of the channels, 'rgb' or 'bgr'.
    logits: the model's output becomes probabilities by a sigmoid.
  """

  mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
  std: tuple[float, float, float] = (255.0, 255.0, 255.0)
  order: str = "rgb"
  logits: bool = False


class OnnxModel:
  """One model with one photo as its input."""

  def __init__(self, path: str, feeding: Feeding):
    """Opens it.

    Args:
      path: of the file.
      feeding: what its input is made of.

    Raises:
      InputError: where the extra is not installed, the file is no model, or
        its input is not float32 [1, 3, H, W] or [1, H, W, 3].
    """
    name = f"--method=onnx:{path}"
    self._session = OnnxSession(path, name, "edges")
    self._name, self._feeding = name, feeding

  def edge_map(self, photo: np.ndarray) -> np.ndarray:
    """Runs it.

    Args:
      photo: [H, W, 3] uint8; mirrored to multiples of 32 where the model takes
        any size.

    Returns:
      [H, W] float32 in 0..1, from the model's last output.

    Raises:
      InputError: if the photo has not the size that the model takes, or the
        output is not one such number per pixel.
    """
    size, feeding = photo.shape[:2], self._feeding
    takes = self._session.size
    for have, fixed in zip(size, takes, strict=True):
      if fixed and have != fixed:
        raise InputError(
          f"{self._name}: takes photos of {takes[0]}x{takes[1]} (height x "
          f"width; 0 is any), not {size[0]}x{size[1]}; scale them, or export "
          "it with free sizes"
        )
    extra = [
      0 if fixed else -have % _STEP
      for have, fixed in zip(size, takes, strict=True)
    ]
    x = np.pad(photo, ((0, extra[0]), (0, extra[1]), (0, 0)), "symmetric")
    x = (x - np.array(feeding.mean)) / np.array(feeding.std)
    x = x[..., ::-1] if feeding.order == "bgr" else x
    way = "give another model, or scale the photos"
    found = self._session.run(x, way)[-1]
    return self._checked(found, x.size // 3, extra, size)

  def _checked(
    self, found: np.ndarray, count: int, extra: list[int], size: tuple
  ) -> np.ndarray:
    """Takes the photo's part of an output [.., H, W] or [.., H, W, 1]."""
    full = (size[0] + extra[0], size[1] + extra[1])
    if found.size != count or full not in (
      found.shape[-2:],
      found.shape[-3:-1],
    ):
      raise InputError(
        f"{self._name}: its last output is {list(found.shape)}, must be one "
        f"number for each of {full[0]}x{full[1]} pixels; export that alone"
      )
    edge = found.reshape(full).astype(np.float32)[: size[0], : size[1]]
    if self._feeding.logits:
      return 1 / (1 + np.exp(-np.clip(edge, -80, 80)))
    low, high = float(edge.min()), float(edge.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
      raise InputError(
        f"{self._name}: its last output lies in {low:.3g}..{high:.3g}, must be "
        "probabilities in 0..1; say --logits if it ends without its sigmoid"
      )
    return edge
