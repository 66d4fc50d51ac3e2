"""PyTorch files: what is read, what is refused, what is written."""

import collections
import errno
import os
import sys
import types

import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.weights import pth

torch = pytest.importorskip("torch")


@pytest.fixture
def weights():
  rng = np.random.default_rng(0)
  return {
    "model.1.weight": rng.standard_normal((2, 3, 7, 7)).astype(np.float32),
    "model.1.bias": rng.standard_normal(2).astype(np.float32),
  }


def test_written_files_load_without_running_code(weights, tmp_path):
  pth.write(tmp_path / "x.pth", weights)
  loaded = torch.load(tmp_path / "x.pth", weights_only=True)
  assert isinstance(loaded, collections.OrderedDict)
  assert list(loaded) == list(weights)
  for name, tensor in loaded.items():
    assert tensor.dtype == torch.float32 and tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.numpy(), weights[name])


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_all_kinds_of_files_are_read(weights, tmp_path, zipped, prefix):
  tensors = {prefix + k: torch.from_numpy(v) for k, v in weights.items()}
  path = tmp_path / "x.pth"
  torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
  found = pth.read(path)
  assert list(found) == list(weights)
  for name, array in found.items():
    np.testing.assert_array_equal(array, weights[name])


def test_half_precision_is_read_as_float32(tmp_path):
  torch.save({"a.weight": torch.ones(2).half()}, tmp_path / "x.pth")
  assert pth.read(tmp_path / "x.pth")["a.weight"].dtype == np.float32


def test_statistics_of_norms_without_scale_are_left_out(weights, tmp_path):
  """PyTorch before 0.4 saved them with instance norms, and never read them."""
  path = tmp_path / "x.pth"
  pth.write(path, weights | {"model.2.running_mean": np.zeros(2, np.float32)})
  assert list(pth.read(path)) == list(weights)
  scale = {"model.2.weight": np.ones(2, np.float32)}
  pth.write(
    path, weights | scale | {"model.2.running_mean": np.zeros(2, np.float32)}
  )
  assert "model.2.running_mean" in pth.read(path)


class Runs:
  """What a pickle holds that calls a function when it is loaded."""

  def __init__(self, target):
    self.target = target

  def __reduce__(self):
    return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_code_is_refused(tmp_path, zipped):
  target = tmp_path / "made"
  torch.save(
    {"model.1.weight": Runs(target)}, tmp_path / "x.pth",
    _use_new_zipfile_serialization=zipped,
  )  # fmt: skip
  with pytest.raises(InputError, match="mkdir.*could run code; refused"):
    pth.read(tmp_path / "x.pth")
  assert not target.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_truncated_files(weights, tmp_path, zipped, kept):
  path = tmp_path / "x.pth"
  tensors = {k: torch.from_numpy(v) for k, v in weights.items()}
  torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
  data = path.read_bytes()
  path.write_bytes(data[: int(kept * len(data))])
  with pytest.raises(InputError, match="truncated|damaged") as error:
    pth.read(path)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize(
  "value, says",
  [
    ([1, 2], "holds a list"), ({}, "holds a dict"),
    ({"epoch": 3}, "'epoch' is a int"), ({1: torch.ones(1)}, "1 is a Tensor"),
    ({"a": torch.full((1,), float("nan"))}, "not finite"),
    ({"a": torch.ones(1, dtype=torch.complex64)}, "complex64 .*dense tensors"),
    ({"a": torch.ones(1, dtype=torch.int64)}, "int64 .* dense tensors"),
    ({"a": torch.eye(2).to_sparse()}, "sparse_coo, on cpu"),
    ({"a": torch.ones(1, device="meta")}, "on meta"),
    # A terabyte of numbers, four bytes of which are in the file.
    ({"a": torch.zeros(1).expand(2**38)}, "has 274,877,906,944 numbers, 1 of"),
  ],
)  # fmt: skip
def test_other_contents(value, says, tmp_path):
  torch.save(value, tmp_path / "x.pth")
  with pytest.raises(InputError, match=says):
    pth.read(tmp_path / "x.pth")


def test_weights_that_still_have_a_gradient(tmp_path):
  torch.save(dict(torch.nn.Linear(2, 2).named_parameters()), tmp_path / "x.pth")
  assert pth.read(tmp_path / "x.pth")["weight"].shape == (2, 2)


def test_text_and_missing_files(tmp_path):
  (tmp_path / "x.pth").write_text("hello, these are no weights")
  with pytest.raises(InputError, match="x.pth"):
    pth.read(tmp_path / "x.pth")
  with pytest.raises(InputError, match="no such file"):
    pth.read(tmp_path / "y.pth")


def test_without_pytorch_the_extra_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(InputError, match=r"pip install '\.\[convert\]'"):
    pth.read(tmp_path / "x.pth")


def test_a_full_disk_is_named(weights, tmp_path, monkeypatch):
  """PyTorch's writer only says that a position is unexpected."""

  def fail(*_):
    raise RuntimeError("unexpected pos 64 vs 0")

  monkeypatch.setattr(torch, "save", fail)
  monkeypatch.setattr(
    pth.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=10)
  )
  with pytest.raises(OSError) as error:
    pth.write(tmp_path / "x.pth", weights)
  assert error.value.errno == errno.ENOSPC
