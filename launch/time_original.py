#!/usr/bin/env python3
"""Times the networks of the original pix2pixHD, in PyTorch.

compare_with_original.py starts it; alone:

  python launch/time_original.py --original=PATH/pix2pixHD --work=step \
    --size=512,1024 --vgg --bf16

PATH/pix2pixHD is a checkout, of which models/networks.py is imported; nothing
of it is here. Needs PyTorch and numpy, no torchvision: a VGG19 with random
weights stands in for it. Prints one JSON object.

forward  one pass of G without gradients.
step     one optimisation step on a fixed batch, as the original makes it: G; D
         on the made picture without gradient to G, on the real one, and on the
         made one; least-squares GAN and feature matching (and VGG); Adam of G,
         then of D.
"""

import argparse
import contextlib
import importlib.util
import json
import pathlib
import platform
import resource
import sys
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

try:
  import torch
except ImportError:
  sys.exit("error: PyTorch is not installed; pip install -e '.[convert]'")

NETWORKS = pathlib.Path("models/networks.py")
# Output channels of VGG19's convolutions; 0 is a pooling.
VGG19 = (
  64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0,
  512, 512, 512, 512, 0,
)  # fmt: skip
# Weights of feature matching and VGG, of VGG's layers, and Adam's settings:
# the original's defaults.
LAMBDA = 10.0
VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}
WARM_UP = 2
Step = Callable[[], Any]


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
  """Reads the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add("--original", type=pathlib.Path, required=True)
  add("--work", choices=("forward", "step"), default="step")
  add("--size", default="512,1024", help="height,width")
  add("--enhancers", type=int, default=0, help="0: G1 alone")
  add("--width", type=int, default=64, help="of G1")
  add("--scales", type=int, default=2, help="discriminators")
  add("--channels", type=int, default=36, help="of the conditioning")
  add("--batch_size", type=int, default=1)
  add("--repeats", type=int, default=10)
  add("--vgg", action="store_true")
  add("--bf16", action="store_true", help="under torch.autocast")
  add("--channels_last", action="store_true")
  add("--compile", action="store_true", help="by torch.compile")
  add("--device", choices=("auto", "cpu", "cuda"), default="auto")
  given = parser.parse_args(words)
  if not (given.original / NETWORKS).is_file():
    parser.error(f"--original={given.original}: no {NETWORKS} there")
  height, width = (int(side) for side in given.size.split(","))
  if min(given.repeats, given.batch_size) < 1:
    parser.error("--repeats and --batch_size must be at least 1")
  given.height, given.breadth = height, width
  if given.device == "auto":
    given.device = "cuda" if torch.cuda.is_available() else "cpu"
  return given


def random_vgg19(*_: Any, **__: Any) -> types.SimpleNamespace:
  """In the place of torchvision's vgg19: its layers, He-normal weights."""
  layers: list[torch.nn.Module] = []
  channels = 3
  for width in VGG19:
    if not width:
      layers.append(torch.nn.MaxPool2d(2))
      continue
    conv = torch.nn.Conv2d(channels, width, 3, padding=1)
    torch.nn.init.kaiming_normal_(conv.weight)
    torch.nn.init.zeros_(conv.bias)
    layers += [conv, torch.nn.ReLU(inplace=True)]
    channels = width
  return types.SimpleNamespace(features=torch.nn.Sequential(*layers))


def load_original(folder: pathlib.Path) -> types.ModuleType:
  """Imports the checkout's networks, with a stand-in for torchvision."""
  vision, models = (
    types.ModuleType(name) for name in ("torchvision", "torchvision.models")
  )
  vision.models, models.vgg19 = models, random_vgg19
  names = vision.__name__, models.__name__
  before = {name: sys.modules.get(name) for name in names}
  sys.modules |= zip(names, (vision, models), strict=True)
  spec = importlib.util.spec_from_file_location(
    "original_networks", folder / NETWORKS
  )
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  finally:
    for name, was in before.items():
      if was is None:
        del sys.modules[name]
      else:
        sys.modules[name] = was
  return module


def make_batch(given: argparse.Namespace) -> list[torch.Tensor]:
  """Conditioning and photo [B, C, H, W]: one-hot blocks, edges, noise."""
  rng = np.random.default_rng(0)
  pixels = given.height, given.breadth
  blocks = rng.integers(
    0, given.channels - 1, (given.batch_size, *(-(-n // 16) for n in pixels))
  )
  label = blocks.repeat(16, 1).repeat(16, 2)[:, : pixels[0], : pixels[1]]
  maps = np.zeros((given.batch_size, given.channels, *pixels), np.float32)
  np.put_along_axis(maps, label[:, None], 1.0, axis=1)
  maps[:, -1] = rng.random(label.shape) < 0.05
  photo = rng.uniform(-1, 1, (given.batch_size, 3, *pixels))
  return [
    place(torch.from_numpy(x.astype(np.float32)), given)
    for x in (maps, photo)
  ]  # fmt: skip


def place(x: Any, given: argparse.Namespace) -> Any:
  """A tensor or network on the device, in the memory format asked for."""
  if given.channels_last:
    x = x.to(memory_format=torch.channels_last)
  return x.to(given.device)


def build(given: argparse.Namespace) -> dict[str, torch.nn.Module]:
  """The original's G, and for a step D and VGG."""
  original = load_original(given.original)
  norm = original.get_norm_layer("instance")
  if given.enhancers:
    # Its width is that of the last enhancer; each below has twice as much.
    width = given.width // 2**given.enhancers
    generator = original.LocalEnhancer(
      given.channels, 3, width, 4, 9, given.enhancers, 3, norm
    )
  else:
    generator = original.GlobalGenerator(
      given.channels, 3, given.width, 4, 9, norm
    )
  networks = {"G": generator}
  if given.work == "step":
    networks["D"] = original.MultiscaleDiscriminator(
      given.channels + 3, 64, 3, norm, False, given.scales, True
    )
  for network in networks.values():
    network.apply(original.weights_init)
  if given.work == "step" and given.vgg:
    networks["VGG"] = original.Vgg19()
  placed = {name: place(network, given) for name, network in networks.items()}
  if given.compile:
    placed = {name: torch.compile(net) for name, net in placed.items()}
  return placed


def autocast(given: argparse.Namespace) -> Any:
  """Mixed precision, if it is asked for."""
  if given.bf16:
    return torch.autocast(given.device, dtype=torch.bfloat16)
  return contextlib.nullcontext()


def forward(given: argparse.Namespace) -> Step:
  """A pass of G without gradients."""
  maps, _ = make_batch(given)
  generator = build(given)["G"].eval()

  def run() -> Any:
    with torch.no_grad(), autocast(given):
      return generator(maps).float().mean()

  return run


def step(given: argparse.Namespace) -> Step:
  """An optimisation step of G and D."""
  maps, photo = make_batch(given)
  networks = build(given)
  g, d, vgg = (networks.get(name) for name in ("G", "D", "VGG"))
  optimizers = [torch.optim.Adam(net.parameters(), **ADAM) for net in (g, d)]
  difference = torch.nn.functional.l1_loss

  def gan(scales: Any, target: float) -> Any:
    """Least squares of each scale's last output to 0 or 1."""
    return sum(((s[-1].float() - target) ** 2).mean() for s in scales)

  def losses() -> tuple[Any, Any]:
    """G's and D's."""
    fake = g(maps)
    of_fake, of_real, judged = (
      d(torch.cat((maps, picture), 1))
      for picture in (fake.detach(), photo, fake)
    )
    d_loss = 0.5 * (gan(of_fake, 0.0) + gan(of_real, 1.0))
    g_loss = gan(judged, 1.0)
    for ours, theirs in zip(judged, of_real, strict=True):
      # 4 / (layers + 1) of each layer, and the mean over the scales.
      for one, two in zip(ours[:-1], theirs[:-1], strict=True):
        g_loss = g_loss + LAMBDA / given.scales * difference(one, two.detach())
    if vgg is not None:
      for weight, one, two in zip(
        VGG_WEIGHTS, vgg(fake), vgg(photo), strict=True
      ):
        g_loss = g_loss + LAMBDA * weight * difference(one, two.detach())
    return g_loss, d_loss

  def run() -> Any:
    with autocast(given):
      both = losses()
    for loss, optimizer in zip(both, optimizers, strict=True):
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()
    return sum(loss.detach() for loss in both)

  return run


def measure(run: Step, given: argparse.Namespace) -> dict[str, Any]:
  """Seconds of each run and, on a GPU, of runs that are not waited for."""
  cuda = given.device == "cuda"
  wait = torch.cuda.synchronize if cuda else (lambda: None)

  def seconds(times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
      last[0] = run()
    wait()
    return time.perf_counter() - start

  last: list[Any] = [None]
  first = seconds(1)
  seconds(WARM_UP - 1)
  if cuda:
    torch.cuda.reset_peak_memory_stats()
  times = [seconds(1) for _ in range(given.repeats)]
  facts = {
    "first_call_s": first,
    "median_s": float(np.median(times)),
    "min_s": min(times),
    "max_s": max(times),
  }
  if cuda:
    facts["queued_s"] = seconds(given.repeats) / given.repeats
    facts["peak_memory_bytes"] = torch.cuda.max_memory_allocated()
  else:
    unit = 1 if sys.platform == "darwin" else 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts["peak_memory_bytes"] = used * unit
  pace = facts.get("queued_s", facts["median_s"])
  facts["images_per_s"] = given.batch_size / pace
  facts["finite"] = bool(torch.isfinite(last[0]))
  return facts


def main(words: Sequence[str] | None = None) -> None:
  """Prints what was measured as JSON."""
  given = arguments(words)
  torch.manual_seed(0)
  torch.backends.cudnn.benchmark = True
  run = {"forward": forward, "step": step}[given.work](given)
  name = platform.machine()
  if given.device == "cuda":
    name = torch.cuda.get_device_name()
  hidden = ("original", "height", "breadth")
  told = {k: v for k, v in vars(given).items() if k not in hidden}
  facts = {"framework": "torch", "torch": torch.__version__, **told}
  facts |= {"device_name": name, "threads": torch.get_num_threads()}
  print(json.dumps(facts | measure(run, given), indent=1))


if __name__ == "__main__":
  main()
