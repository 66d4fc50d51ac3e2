"""What a measurement was made on: processor, device, versions, load."""

import os
import pathlib
import platform
import resource
import sys
from typing import Any, NamedTuple

import jax
import jaxlib

import hdgan

# Instruction sets that decide how fast convolutions are, as Linux calls them.
INSTRUCTIONS = (
  "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16",
  "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "asimdhp",
  "bf16", "sve", "sve2",
)  # fmt: skip
CPUINFO = pathlib.Path("/proc/cpuinfo")
# From this load on a core, others take a share that shows in the times.
BUSY = 0.5


class Cpu(NamedTuple):
  """A processor.

  Attributes:
    model: its name; the architecture's where no system tells it.
    instructions: those of `INSTRUCTIONS` that it has; () where nobody tells.
  """

  model: str
  instructions: tuple[str, ...]


def read_cpu(text: str) -> Cpu:
  """Reads the first processor of a /proc/cpuinfo.

  Args:
    text: the file; '' where there is none.

  Returns:
    The processor; what the text does not tell is left out.
  """
  fields: dict[str, str] = {}
  for line in text.splitlines():
    name, _, value = line.partition(":")
    fields.setdefault(name.strip(), value.strip())
  words = fields.get("flags", fields.get("Features", "")).split()
  there = tuple(name for name in INSTRUCTIONS if name in words)
  model = fields.get("model name") or platform.processor()
  return Cpu(model or platform.machine(), there)


def cpu() -> Cpu:
  """The processor of this machine."""
  return read_cpu(CPUINFO.read_text() if CPUINFO.is_file() else "")


def cores() -> int:
  """How many cores this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def load() -> float | None:
  """Programs that wanted a core in the last minute; None if nobody counts."""
  try:
    return os.getloadavg()[0]
  except (AttributeError, OSError):
    return None


def busy_line(load: float | None) -> str:
  """What to say of a machine on which others work; '' where none do.

  Args:
    load: of before the measurement.

  Returns:
    One line, or ''.
  """
  there = os.cpu_count() or 1
  if load is None or load < BUSY * there:
    return ""
  return (
    f"this machine was busy before it began (load {load:.1f} on {there} "
    "cores): take the times as upper bounds, compare only what ran in turn"
  )


def describe() -> dict[str, Any]:
  """What a reader of a measurement has to know, for its JSON."""
  device, processor = jax.devices()[0], cpu()
  return {
    "device_name": device.device_kind,
    "platform": device.platform,
    "cpu": processor.model,
    "cpu_instructions": list(processor.instructions),
    "cpu_cores": cores(),
    "python": platform.python_version(),
    "hdgan": hdgan.__version__,
    "jax": jax.__version__,
    "jaxlib": jaxlib.__version__,
  }


class Memory(NamedTuple):
  """The most memory that was in use.

  Attributes:
    bytes: of the device that used most, or of the process.
    kind: which of the two, in words.
  """

  bytes: int
  kind: str


def peak_memory() -> Memory:
  """The most that was in use since the process began."""
  peaks = [
    stats["peak_bytes_in_use"]
    for stats in (d.memory_stats() for d in jax.local_devices())
    if stats and "peak_bytes_in_use" in stats
  ]
  if peaks:
    return Memory(int(max(peaks)), "of the device that used most")
  # Bytes on macOS, KiB on Linux.
  unit = 1 if sys.platform == "darwin" else 1024
  used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
  return Memory(used, "of the process, its libraries included")
