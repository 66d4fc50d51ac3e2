"""What a measurement says of the machine that it was made on."""

import os

import jax
import pytest

from hdgan.devices import machine

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7B13
flags\t\t: fpu sse4_2 avx fma avx2 avx512f_of_another

processor\t: 1
model name\t: another
flags\t\t: avx512f
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd sve bf16\nCPU part\t: 0xd40\n"


def test_the_first_processor_counts():
  assert machine.read_cpu(X86) == (
    "AMD EPYC 7B13", ("sse4_2", "avx", "avx2", "fma")
  )  # fmt: skip


def test_what_nobody_tells():
  model, instructions = machine.read_cpu(ARM)
  assert model and instructions == ("asimd", "bf16", "sve")
  model, instructions = machine.read_cpu("")
  assert model and instructions == ()


def test_a_busy_machine_is_said(monkeypatch):
  monkeypatch.setattr(os, "cpu_count", lambda: 8)
  assert machine.busy_line(None) == machine.busy_line(3.9) == ""
  assert "load 4.1 on 8 cores" in machine.busy_line(4.1)


class Device:
  platform, device_kind = "gpu", "NVIDIA H100"

  def __init__(self, **stats):
    self.stats = stats or None

  def memory_stats(self):
    return self.stats


def test_the_fullest_device_tells_the_peak(monkeypatch):
  devices = [Device(peak_bytes_in_use=n) for n in (5, 9, 7)]
  monkeypatch.setattr(jax, "local_devices", lambda: devices)
  assert machine.peak_memory() == (9, "of the device that used most")


def test_where_devices_do_not_tell_the_process_counts(monkeypatch):
  monkeypatch.setattr(jax, "local_devices", lambda: [Device(), Device(a=1)])
  found = machine.peak_memory()
  assert "process" in found.kind and found.bytes > 2**20


def test_the_description_names_device_and_versions():
  found = machine.describe()
  assert found["device_name"] == jax.devices()[0].device_kind
  assert found["jax"] == jax.__version__
  assert 1 <= found["cpu_cores"] <= os.cpu_count()
  assert found["platform"] == "cpu"
  assert machine.load() == pytest.approx(os.getloadavg()[0], abs=1)
