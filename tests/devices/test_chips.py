"""Facts about chips."""

import pytest

from hdgan.devices.chips import CHIPS, find_chip, peak_flops


def test_names_are_unique():
  kinds = [chip.kind for chip in CHIPS]
  assert len(set(kinds)) == len(kinds)


def test_what_data_sheets_say():
  # With sparsity NVIDIA's sheet of the H100 SXM has 1,979 in bf16, 989 in TF32.
  h100 = find_chip("NVIDIA H100 80GB HBM3")
  assert h100.flops_bf16 * 2 == pytest.approx(1979e12, rel=1e-3)
  assert h100.flops_float32 * 2 == pytest.approx(989e12, rel=1e-3)
  assert h100.source == "NVIDIA's data sheet of the H100"
  assert peak_flops("TPU v5 lite", "bf16") == 197e12
  # Two TensorCores of a chip are two devices.
  assert 2 * peak_flops("TPU7x", "bf16") == 2307e12


def test_precision_and_what_is_not_known():
  kind = "NVIDIA A100-SXM4-80GB"
  assert peak_flops(kind, "bf16") == 2 * peak_flops(kind, "float32")
  assert find_chip("cpu") is None
  assert peak_flops("cpu", "float32") is None
