"""Machines by name, to compile for: this one, or one that is not here.

XLA compiles for a GPU that is described to it (`target_config`) and for TPUs
by their name, without either; JAX then runs on the CPU alone.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
from jax.experimental import topologies

from hdgan.devices.chips import find_chip
from hdgan.errors import InputError, counted, near_names

HERE, CPU, GPU, TPU = "here", "cpu", "gpu", "tpu"
MOST_DEVICES = 4096


class Card(NamedTuple):
  """What XLA wants to know of a GPU, from its public description.

  Attributes:
    kind: its device kind, under which `chips` has its memory.
    capability: CUDA compute capability.
    cores: streaming multiprocessors.
    units: float32 units of each.
    shared: bytes of shared memory of each.
    threads: of each at most.
    cache: bytes of the L2 cache.
    bandwidth: of the memory, bytes/s.
    clock: GHz.
  """

  kind: str
  capability: tuple[int, int]
  cores: int
  units: int
  shared: int
  threads: int
  cache: int
  bandwidth: int
  clock: float


# fmt: off
CARDS = {
  "a100-40": Card("NVIDIA A100-SXM4-40GB", (8, 0), 108, units=64,
                  shared=167936, threads=2048, cache=41943040,
                  bandwidth=1555200000000, clock=1.41),
  "a100-80": Card("NVIDIA A100-SXM4-80GB", (8, 0), 108, units=64,
                  shared=167936, threads=2048, cache=41943040,
                  bandwidth=2039040000000, clock=1.41),
  "h100": Card("NVIDIA H100 80GB HBM3", (9, 0), 132, units=128,
               shared=233472, threads=2048, cache=52428800,
               bandwidth=3352320000000, clock=1.98),
  "h200": Card("NVIDIA H200", (9, 0), 132, units=128,
               shared=233472, threads=2048, cache=52428800,
               bandwidth=4800000000000, clock=1.98),
  "b200": Card("NVIDIA B200", (10, 0), 148, units=128,
               shared=233472, threads=2048, cache=132644864,
               bandwidth=7672320000000, clock=1.965),
}
# fmt: on
# Of TPUs the shapes that are sold, as examples: XLA knows which there are.
TPUS = {
  "v3": "2x2",
  "v5e": "2x2",
  "v5p": "2x2x1",
  "v6e": "2x2",
  "tpu7x": "2x2x1",
}  # fmt: skip
NAMES = (
  HERE, "cpu:4", *(f"{name}:4" for name in CARDS),
  *(f"{name}:{shape}" for name, shape in TPUS.items()),
)  # fmt: skip

# A block may have this much less than a multiprocessor's shared memory.
_RESERVED = 1024
_CARD = """
gpu_device_info {{
  cuda_compute_capability {{
    major: {major} minor: {minor} feature_extension: {extension}
  }}
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: {card.shared}
  shared_memory_per_block_optin: {optin}
  threads_per_core_limit: {card.threads}
  core_count: {card.cores}
  fpus_per_core: {card.units}
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  memory_bandwidth: {card.bandwidth}
  l2_cache_size: {card.cache}
  clock_rate_ghz: {card.clock}
  device_memory_size: {memory}
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 12 patch: 0 }}
runtime_version {{ major: 13 minor: 0 patch: 0 }}
device_description_str: "{card.kind}"
"""


class Target(NamedTuple):
  """A machine by its name.

  Attributes:
    name: as it was given.
    platform: `HERE`, `CPU`, `GPU` or `TPU`.
    model: of the chip, "h100" or "v5e"; "" of this machine and of CPUs.
    shape: behind the colon: how many devices, or a TPU's "2x2".
  """

  name: str
  platform: str
  model: str
  shape: str


class Machine(NamedTuple):
  """A target that programs can be compiled for.

  Attributes:
    devices: to build a mesh of.
    kind: of each, as JAX calls it.
    memory: bytes of each that programs may use; None where it is not known.
    options: of XLA's compiler.
    compiler: the package that compiles, with its version; "" for JAX's own.
  """

  devices: list[Any]
  kind: str
  memory: int | None
  options: Mapping[str, Any]
  compiler: str = ""


def parse_target(text: str) -> Target:
  """Understands a machine's name.

  Args:
    text: `here`, `cpu:4`, `h100:8`, `v5e:2x2`, ...

  Returns:
    The target.

  Raises:
    InputError: for a name that is not known, with the nearest one.
  """
  name = text.strip().lower()
  model, _, shape = name.partition(":")
  if name == HERE:
    return Target(name, HERE, "", shape="")
  if model in (CPU, *CARDS):
    if not shape.isdecimal() or not 1 <= int(shape) <= MOST_DEVICES:
      raise InputError(
        f"--target={text}: behind the colon stands how many devices, 1 to "
        f"{MOST_DEVICES}; say --target={model}:4"
      )
    shape = str(int(shape))
    if model == CPU:
      return Target(f"{CPU}:{shape}", CPU, "", shape=shape)
    return Target(f"{model}:{shape}", GPU, model, shape=shape)
  if model in TPUS:
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){1,2}", shape):
      raise InputError(
        f"--target={text}: behind the colon stands the shape of the slice; say "
        f"--target={model}:{TPUS[model]}"
      )
    return Target(name, TPU, model, shape=shape)
  hint = near_names(name, NAMES)
  if not hint.startswith("did"):
    hint = f"there are {', '.join(NAMES)}"
  raise InputError(f"--target={text}: no machine of that name is known; {hint}")


def find_machine(target: Target) -> Machine:
  """Makes a target's devices known to JAX.

  For machines that are not here, JAX uses this one's CPU alone from now on.

  Args:
    target: to compile for.

  Returns:
    Its devices; those of GPUs and TPUs that are not here can be compiled for,
    not run on.

  Raises:
    InputError: if a package is missing, JAX has started with too few CPU
      devices, or there is no such TPU.
  """
  if target.platform == HERE:
    return _this_machine()
  jax.config.update("jax_platforms", "cpu")
  if target.platform == CPU:
    return _virtual_cpus(int(target.shape))
  if target.platform == GPU:
    return _described_gpus(target)
  return _named_tpus(target)


def _this_machine() -> Machine:
  devices = jax.devices()
  first = devices[0]
  stats = (first.memory_stats() or {}) if first.platform != "cpu" else {}
  memory = stats.get("bytes_limit")
  if first.platform == "cpu":
    memory = _main_memory(len(devices))
  return Machine(devices, first.device_kind, memory, options={})


def _main_memory(devices: int) -> int | None:
  """Each device's share of this machine's memory; they are all in it."""
  names = os.sysconf_names if hasattr(os, "sysconf") else {}
  if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names):
    return None
  return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // devices


def _virtual_cpus(count: int) -> Machine:
  # Where JAX has started, what it has must do.
  with contextlib.suppress(RuntimeError):
    jax.config.update("jax_num_cpu_devices", count)
  devices = jax.devices("cpu")
  if len(devices) < count:
    raise InputError(
      f"--target=cpu:{count}: JAX has started in this process with "
      f"{counted(len(devices), 'CPU device')}; start another process"
    )
  kind = devices[0].device_kind
  return Machine(devices[:count], kind, _main_memory(count), options={})


def _described_gpus(target: Target) -> Machine:
  compiler = _package("jax-cuda13-plugin", "jax_plugins.xla_cuda13", target)
  topology = topologies.get_topology_desc(
    platform="cuda",
    topology=f"1x1x{target.shape}",
    target_config=describe_card(CARDS[target.model]),
  )
  kind = CARDS[target.model].kind
  chip = find_chip(kind)
  assert chip is not None  # A test asks for each.
  # Which convolution is fastest is tried on a card.
  return Machine(
    list(topology.devices), kind, int(chip.memory * gpu_share()),
    options={"xla_gpu_autotune_level": 0}, compiler=compiler,
  )  # fmt: skip


def gpu_share() -> float:
  """The part of a GPU's memory that JAX takes for itself."""
  try:
    share = float(os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.75"))
  except ValueError:
    return 0.75
  return share if 0 < share <= 1 else 0.75


def describe_card(card: Card) -> str:
  """A GPU as XLA reads it: a GpuTargetConfigProto in text form."""
  (major, minor), chip = card.capability, find_chip(card.kind)
  return _CARD.format(
    card=card, major=major, minor=minor, optin=card.shared - _RESERVED,
    extension="ACCELERATED_FEATURES" if major >= 9 else "NONE",
    memory=chip.memory if chip else 0,
  )  # fmt: skip


def _named_tpus(target: Target) -> Machine:
  compiler = _package("libtpu", "libtpu", target)
  # It would ask servers of Google's cloud where it is.
  os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
  os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
  try:
    with _without_noise():
      topology = topologies.get_topology_desc(
        platform="tpu", topology_name=target.name
      )
  except jax.errors.JaxRuntimeError as error:
    said = " ".join(str(error).split())[:200]
    raise InputError(
      f"--target={target.name}: there is no such slice ({said}); say "
      f"--target={target.model}:{TPUS[target.model]}"
    ) from error
  devices: list[Any] = list(topology.devices)
  kind = devices[0].device_kind
  chip = find_chip(kind)
  memory = chip.memory if chip else None
  return Machine(devices, kind, memory, options={}, compiler=compiler)


@contextlib.contextmanager
def _without_noise() -> Iterator[None]:
  """Hides what a library writes to stderr; its errors are exceptions too."""
  sys.stderr.flush()
  stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, 2)
    yield
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)


def _package(name: str, module: str, target: Target) -> str:
  """Asks for the package that compiles for a target.

  Returns:
    Its name and version.

  Raises:
    InputError: if it is missing, or another JAX's.
  """
  extra = "plan-gpu" if target.platform == GPU else "tpu"
  way = f"pip install -e '.[{extra}]'"
  parent = module.partition(".")[0]
  there = importlib.util.find_spec(parent) is not None
  if not there or importlib.util.find_spec(module) is None:
    raise InputError(
      f"--target={target.name} is compiled by the package {name}, which is "
      f"not installed; say {way}"
    )
  version = importlib.metadata.version(name)
  if target.platform == GPU and version != jax.__version__:
    raise InputError(
      f"--target={target.name}: {name} {version} is of another JAX than "
      f"{jax.__version__}; say {way}"
    )
  return f"{name} {version}"
