"""Features by any network in an ONNX file: `--features=onnx:FILE`."""

from typing import Any

import numpy as np

from hdgan.errors import InputError, shown
from hdgan.evaluation.onnx_input import (
  KEYS,
  Fields,
  check_size,
  is_text,
  read_description,
  read_feeding,
)
from hdgan.networks.onnx_session import OnnxSession


class OnnxFeatures:
  """One row of numbers per picture; see `features.Features`."""

  def __init__(self, path: str, name: str = ""):
    """Opens the network and sees how many numbers it gives.

    Args:
      path: of FILE; FILE.json says how pictures are fed to it.
      name: how errors call it; `--features=onnx:FILE` by default.

    Raises:
      InputError: in one line, for files that are missing or break their
        rules, and a network whose output is not one row of numbers.
    """
    self._name = name or f"--features=onnx:{path}"
    entry, sums = read_description(path, self._name)
    fields = Fields(f"{path}.json", entry, ["name", "output", *KEYS])
    self._feeding = feeding = read_feeding(fields, own_size=False)
    self._session = OnnxSession(
      path, self._name, "evaluate", layout=feeding.layout
    )
    check_size(feeding, self._session.size, f"{path}.json")
    outputs = self._session.outputs
    self._output = fields.take(
      "output", lambda x: x in outputs, f"must be one of {', '.join(outputs)}",
      outputs[0],
    )  # fmt: skip
    height, width = feeding.size or (1, 1)
    self.width = 0
    self.width = len(self(np.full((height, width, 3), 128, np.uint8)))
    self.settings: dict[str, Any] = {
      "kind": "onnx",
      "name": fields.take("name", is_text, "must be a text"),
      **sums,
      "width": self.width,
      "size": [height, width],
      "resize": feeding.resize,
      "output": self._output,
    }

  def __call__(self, picture: np.ndarray) -> np.ndarray:
    """Computes the [d] float32 numbers of [H, W, 1 or 3] uint8.

    Raises:
      InputError: if the network fails or gives another number of them.
    """
    found = self._session.run(
      self._feeding(picture), "give it another size", self._output
    )[0]
    row = found.reshape(-1).astype(np.float32)
    if max(found.shape, default=0) != row.size or not row.size:
      raise InputError(
        f"{self._name}: its output {self._output} is {shown(found.shape)}, "
        "must be one row of numbers per picture; pool it over the picture "
        "before you export it"
      )
    if self.width and row.size != self.width:
      raise InputError(
        f"{self._name}: gives {row.size} numbers for one picture and "
        f"{self.width} for another; give a network with a fixed width"
      )
    return row
