"""PyTorch's files of the networks that measure, and our parameters of them."""

from collections.abc import Mapping

import numpy as np

from hdgan.errors import InputError
from hdgan.networks import inception, lpips
from hdgan.weights import recognise

StateDict = Mapping[str, np.ndarray]
Params = dict[str, dict[str, np.ndarray]]
# A name that only one network has.
_TELLING = {
  "squeeze": "features.3.squeeze.weight",
  "alex": "features.3.weight",
  "vgg": "features.2.weight",
}

_EPSILON = 1e-3  # Of Inception-v3's batch norms.
_NORM = ("weight", "bias", "running_mean", "running_var")


def inception_params(state_dict: StateDict, source: str) -> Params:
  """Turns pytorch-fid's Inception-v3 into ours: batch norms go into kernels.

  Args:
    state_dict: of the file; its classifier is left out.
    source: the file's name, for messages.

  Returns:
    Float32 kernels [k, l, C, D] and biases [D] by `inception.shapes`' names.

  Raises:
    InputError: if it is something else: torchvision's network of the same
      names has other weights, and distances by it are comparable to nobody's.
  """
  classes = state_dict.get("fc.weight", np.zeros((0, 0))).shape[0]
  if classes != 1008:
    torchvision = " but torchvision's" if classes == 1000 else ""
    raise InputError(
      f"{source}: not the Inception-v3 of FID{torchvision} (its classifier "
      "'fc.weight' has 1,008 rows); give pytorch-fid's file "
      "pt_inception-2015-12-05-6726825d.pth"
    )
  kept = {
    name: array
    for name, array in state_dict.items()
    if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
  }
  expected: dict[str, tuple[int, ...]] = {}
  for name, leaves in inception.shapes().items():
    expected[f"{name}.conv.weight"] = _weight(leaves["kernel"])
    expected |= {f"{name}.bn.{leaf}": leaves["bias"] for leaf in _NORM}
  recognise.check({n: a.shape for n, a in kept.items()}, expected, source)
  return {name: _folded(kept, name) for name in inception.shapes()}


def _weight(kernel: tuple[int, ...]) -> tuple[int, ...]:
  """PyTorch's shape [D, C, k, l] of our [k, l, C, D]."""
  k, l, c, d = kernel
  return d, c, k, l


def _folded(state_dict: StateDict, name: str) -> dict[str, np.ndarray]:
  """A convolution's kernel and bias with its batch norm in them."""
  weight = state_dict[f"{name}.conv.weight"].astype(np.float64)
  scale, shift, mean, var = (
    state_dict[f"{name}.bn.{leaf}"].astype(np.float64) for leaf in _NORM
  )
  times = scale / np.sqrt(var + _EPSILON)
  return {
    "kernel": (weight.transpose(2, 3, 1, 0) * times).astype(np.float32),
    "bias": (shift - mean * times).astype(np.float32),
  }


def lpips_params(
  trunk: StateDict, heads: StateDict, sources: tuple[str, str]
) -> tuple[str, Params]:
  """Turns a network of torchvision and the heads of LPIPS 0.1 into ours.

  Args:
    trunk: torchvision's AlexNet, VGG16 or SqueezeNet 1.1, the whole network
      or its `features`; the classifier is left out.
    heads: of the same network, as in the package lpips.
    sources: the names of both files, for messages.

  Returns:
    The network's name, and float32 arrays by `lpips.shapes`' names.

  Raises:
    InputError: if one is something else, or they are not of one network.
  """
  if "0.weight" in trunk:  # Of `alexnet().features` alone.
    trunk = {f"features.{name}": array for name, array in trunk.items()}
  trunk = {n: a for n, a in trunk.items() if n.startswith("features.")}
  network = next((n for n, name in _TELLING.items() if name in trunk), "")
  if not network:
    raise InputError(
      f"{sources[0]}: not one of torchvision's AlexNet, VGG16 and SqueezeNet "
      "1.1; save torchvision.models.alexnet(weights='IMAGENET1K_V1')"
      ".state_dict()"
    )
  named: dict[str, tuple[int, ...]] = {}
  for name, leaves in lpips.shapes(network).items():
    named[f"{_torch_name(name)}.weight"] = _weight(leaves["kernel"])
    if "bias" in leaves:
      named[f"{name}.bias"] = leaves["bias"]
  found = {n: a.shape for n, a in heads.items()}
  if found != {n: s for n, s in named.items() if n.startswith("lin")}:
    raise InputError(
      f"{sources[1]}: not the heads of LPIPS for {network}, which the trunk "
      f"is; give the package's weights/v0.1/{network}.pth"
    )
  expected = {n: s for n, s in named.items() if n.startswith("features.")}
  found = {n: a.shape for n, a in trunk.items()}
  recognise.check(found, expected, sources[0])
  params: Params = {}
  for name, leaves in lpips.shapes(network).items():
    weight = {**trunk, **heads}[f"{_torch_name(name)}.weight"]
    params[name] = {"kernel": weight.transpose(2, 3, 1, 0)}
    if "bias" in leaves:
      params[name]["bias"] = trunk[f"{name}.bias"]
  return network, params


def _torch_name(layer: str) -> str:
  # A head stands behind a dropout, hence its place.
  return f"{layer}.model.1" if layer.startswith("lin") else layer
