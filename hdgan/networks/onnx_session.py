"""Networks in ONNX files, run by ONNX Runtime on the CPU."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hdgan.errors import InputError, shown

_FORMS = {"nchw": "[1, 3, H, W]", "nhwc": "[1, H, W, 3]"}


class OnnxSession:
  """One network that takes one float32 array.

  Attributes:
    name: how errors call it.
    channels_first: whether its input is [1, 3, H, W], not [1, H, W, 3].
    size: H and W that it takes; 0 is any.
    outputs: the names of what it gives.
  """

  def __init__(self, path: str, name: str, extra: str, *, layout: str = ""):
    """Opens it.

    Args:
      path: of the file.
      name: how errors call it, such as `--method=onnx:FILE`.
      extra: of hdgan, that brings ONNX Runtime.
      layout: 'nchw' or 'nhwc', for files that leave it open; by default what
        the file says.

    Raises:
      InputError: where the extra is not installed, the file is no network, or
        its input is not one float32 array [1, 3, H, W] or [1, H, W, 3].
    """
    try:
      import onnxruntime
    except ImportError as error:
      raise InputError(
        f"{name} needs ONNX Runtime: pip install 'hdgan[{extra}]', in a clone "
        f"pip install -e '.[{extra}]'"
      ) from error
    self.name = name
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
      self._session: Any = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
      )
    except Exception as error:  # Of its own kinds, all derived from Exception.
      said = " ".join(str(error).split())[:200]
      raise InputError(
        f"{name}: not a model that ONNX Runtime opens ({said}); give another"
      ) from error
    inputs = self._session.get_inputs()
    sides = inputs[0].shape if len(inputs) == 1 else []
    shape = [side if isinstance(side, int) else 0 for side in sides]
    found = _layout(shape, layout)
    if layout not in ("", found) or not found or (
      inputs[0].type != "tensor(float)"
    ):  # fmt: skip
      told = "; ".join(f"{x.name} {x.type} {shown(x.shape)}" for x in inputs)
      forms = [text for key, text in _FORMS.items() if layout in ("", key)]
      raise InputError(
        f"{name}: its input must be one float32 photo, {' or '.join(forms)}, "
        f"it has {told}; export it so"
      )
    self.channels_first = found == "nchw"
    self.size = (shape[2], shape[3]) if self.channels_first else (
      shape[1], shape[2]
    )  # fmt: skip
    self._input = inputs[0].name
    self.outputs = [one.name for one in self._session.get_outputs()]

  def run(
    self, x: np.ndarray, way: str, output: str | None = None
  ) -> list[np.ndarray]:
    """Runs it.

    Args:
      x: [H, W, 3] float32, what it is fed.
      way: out of it where it fails, for the error.
      output: the one to compute; all by default.

    Returns:
      Its outputs, in order.

    Raises:
      InputError: if it fails.
    """
    batch = (x.transpose(2, 0, 1) if self.channels_first else x)[None]
    feed = {self._input: np.ascontiguousarray(batch, np.float32)}
    try:
      found = self._session.run(None if output is None else [output], feed)
    except Exception as error:
      said = " ".join(str(error).split())[:200]
      raise InputError(
        f"{self.name}: fails on a photo of {x.shape[0]}x{x.shape[1]} ({said}); "
        f"{way}"
      ) from error
    return [np.asarray(one) for one in found]


def _layout(shape: Sequence[int], told: str) -> str:
  """The layout of an input, '' where it is none of them.

  Exporters often leave all sides open: then it is what the user told.
  """
  if len(shape) != 4 or shape[0] not in (0, 1):
    return ""
  for layout, axis in (("nchw", 1), ("nhwc", 3)):
    if shape[axis] == 3:
      return layout
  is_open = bool(told) and shape[told.index("c")] == 0
  return told if is_open else ""
