"""What is publicly known of accelerators: their memory and their peak rates.

Rates are of dense matrices, by the chips' data sheets; NVIDIA's give twice as
much for sparse ones. "float32" is what XLA does with float32 arrays where
nobody asks for more precision: TF32 on NVIDIA's tensor cores, bf16 on TPUs.
A TPU's memory is what its compiler says that programs may use of it.
"""

from typing import NamedTuple

GIB = 2**30


class Chip(NamedTuple):
  """One device as JAX counts them: of a TPU7x or TPU v3, half a chip.

  Attributes:
    kind: what `jax.Device.device_kind` calls it.
    memory: bytes of it.
    flops_bf16: FLOP/s at most, in bf16.
    flops_float32: FLOP/s at most, of float32 arrays.
    source: where the numbers are from.
  """

  kind: str
  memory: int
  flops_bf16: float
  flops_float32: float
  source: str


def _gpu(kind: str, memory: int, rates: tuple[float, float]) -> Chip:
  """A GPU: bytes as its driver tells them, TFLOP/s in bf16 and in TF32."""
  bf16, tf32 = (rate * 1e12 for rate in rates)
  return Chip(
    kind, memory, bf16, flops_float32=tf32,
    source=f"NVIDIA's data sheet of the {kind.split()[1][:4]}",
  )  # fmt: skip


def _tpu(kind: str, gib: float, rate: float, page: str) -> Chip:
  """A TPU: GiB of memory that programs may use, and TFLOP/s in bf16."""
  return Chip(
    kind, int(gib * GIB), rate * 1e12, flops_float32=rate * 1e12,
    source=f"https://docs.cloud.google.com/tpu/docs/{page}",
  )  # fmt: skip


_A100, _HOPPER = (312.0, 156.0), (989.4, 494.7)
CHIPS = (
  _gpu("NVIDIA A100-SXM4-40GB", 42331013120, _A100),
  _gpu("NVIDIA A100-SXM4-80GB", 85100068864, _A100),
  _gpu("NVIDIA A100-PCIE-40GB", 42331013120, _A100),
  _gpu("NVIDIA A100 80GB PCIe", 85100068864, _A100),
  _gpu("NVIDIA H100 80GB HBM3", 84942979072, _HOPPER),
  _gpu("NVIDIA H200", 151397597184, _HOPPER),
  _gpu("NVIDIA B200", 191514411008, (2250.0, 1100.0)),
  _tpu("TPU v3", 15.48, 123 / 2, "v3"),
  _tpu("TPU v4", 32.0, 275.0, "v4"),
  _tpu("TPU v5 lite", 15.75, 197.0, "v5e"),
  _tpu("TPU v5", 95.73, 459.0, "v5p"),
  _tpu("TPU v5p", 95.73, 459.0, "v5p"),
  _tpu("TPU v6 lite", 31.24, 918.0, "v6e"),
  _tpu("TPU7x", 94.74, 2307 / 2, "tpu7x"),
)


def find_chip(device_kind: str) -> Chip | None:
  """What is known of a device.

  Args:
    device_kind: as `jax.Device.device_kind` has it.

  Returns:
    The chip; None where nothing is known of it, as of CPUs.
  """
  return next((chip for chip in CHIPS if chip.kind == device_kind), None)


def peak_flops(device_kind: str, precision: str) -> float | None:
  """The most FLOP/s that a device can do.

  Args:
    device_kind: as `jax.Device.device_kind` has it.
    precision: `config.precision`, "bf16" or "float32".

  Returns:
    FLOP/s of one device; None where it is not known.
  """
  chip = find_chip(device_kind)
  if chip is None:
    return None
  return chip.flops_bf16 if precision == "bf16" else chip.flops_float32
