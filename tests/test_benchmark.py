"""What the benchmark times and reports."""

import json

import jax
import pytest
from tiny import save_run, tiny_config

from hdgan import benchmark
from hdgan.devices import machine
from hdgan.errors import InputError

TIMES = ("min_s", "p10_s", "median_s", "p90_s", "max_s")


def quick(**changes):
  return tiny_config(
    **{
      "encoder.enabled": False, "stages[0].trainable": ("G1",),
      "generator.blocks": 1, "stages[0].scales": 1, "mesh.data": 1, **changes,
    }
  )  # fmt: skip


def measure(work, capsys, config=None, workdir=None, **flags):
  """What a command printed as JSON, and what it said beside that."""
  settings = {"stage": None, "repeats": 3, "trace": None, **flags}
  benchmark.run(config or quick(batch_size=2), workdir, work, **settings)
  told = capsys.readouterr()
  return json.loads(told.out), told.err


def check_times(shown):
  times = [shown[name] for name in TIMES]
  assert times[0] > 0 and times == sorted(times)
  assert shown["first_call_s"] > 0 and shown["compile_s"] > 0
  assert shown["load_before"] >= 0 and shown["load_after"] >= 0
  assert shown["peak_memory_bytes"] > 2**20


@pytest.mark.parametrize("work", benchmark.PROGRAMS)
def test_report(work, capsys, tmp_path, monkeypatch):
  monkeypatch.setattr(machine, "busy_line", lambda load: "busy")
  folder = tmp_path / "profile"
  shown, said = measure(work, capsys, trace=folder)
  check_times(shown)
  assert shown["images_per_s"] == pytest.approx(2 / shown["median_s"])
  assert {k: shown[k] for k in (
    "framework", "work", "stage", "size", "batch_size", "devices", "mesh",
    "precision", "vgg", "repeats", "mfu",
  )} == {
    "framework": "jax", "work": work, "stage": "global", "size": [16, 32],
    "batch_size": 2, "devices": 1, "mesh": {"data": 1, "space": 1},
    "precision": "float32", "vgg": False, "repeats": 3, "mfu": None,
  }  # fmt: skip
  assert shown["flops_per_s"] == pytest.approx(
    shown["flops"] / shown["median_s"]
  )
  assert shown["memory"]["temporaries"] > 0
  if work == "step":
    wait = 1 - shown["median_s"] / shown["fed_s"]
    assert shown["wait_share"] == pytest.approx(max(0, wait))
  operations = shown["trace"]["operations"]
  assert len(operations) == 10 and shown["trace"]["folder"] == str(folder)
  assert any("Generator" in one["source"] for one in operations)
  lines = said.splitlines()
  assert lines[0] == "busy" and "calls" in lines[-11]


def test_a_step_that_does_not_fit(capsys, monkeypatch):
  def fail(*_):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 GiB")

  monkeypatch.setattr(benchmark.timed_work, "step", fail)
  monkeypatch.setattr(benchmark.memory_estimate, "_say", lambda *_: "say less")
  with pytest.raises(InputError, match=r"stage global .* memory; say less"):
    measure("step", capsys)


def test_the_input_alone(capsys):
  """The numbers are the data's; here it is the drawn streets'."""
  shown, _ = measure("input", capsys, stage=1, repeats=None)
  assert (shown["stage"], shown["size"]) == ("enhancer", [32, 64])
  assert shown["data"] == "synthetic_streets"
  assert shown["examples"] == shown["repeats"] == 32
  assert shown["cpu_ms_per_example"] > 0 and shown["examples_per_s"] > 0


def test_the_share_of_a_chip_s_peak(monkeypatch):
  """An H100's 989.4 TFLOP/s in bf16, by two of them in half a second."""
  unknown = benchmark.speed_facts(8e14, 0.5, 2, "bf16")
  assert unknown == {
    "flops": 8e14, "flops_per_s": 1.6e15, "peak_flops_per_s": None, "mfu": None
  }  # fmt: skip
  kind = type("Device", (), {"device_kind": "NVIDIA H100 80GB HBM3"})
  monkeypatch.setattr(jax, "devices", lambda: [kind] * 2)
  found = benchmark.speed_facts(8e14, 0.5, 2, "bf16")
  assert found["mfu"] == pytest.approx(0.8e15 / 989.4e12)


@pytest.mark.parametrize("styles", [False, True])
def test_a_map_s_way_to_a_file(styles, capsys):
  config = tiny_config() if styles else quick()
  shown, _ = measure("synthesize", capsys, config, stage=1)
  check_times(shown)
  assert (shown["stage"], shown["size"]) == ("enhancer", [32, 64])
  assert (shown["weights"], shown["batch_size"]) == ("random", 1)
  parts = shown["parts_ms"]
  assert list(parts) == ["read", "styles", "render", "write"]
  assert all(ms > 0 for ms in parts.values())


def test_a_run_s_own_weights(capsys, tmp_path):
  config = quick()
  save_run(tmp_path, config, stage=1, step=7)
  shown, _ = measure("synthesize", capsys, config, tmp_path)
  assert (shown["weights"], shown["step"]) == (str(tmp_path), 7)
  assert shown["stage"] == "enhancer"
  with pytest.raises(InputError, match="is of stage 1; say --stage=1"):
    measure("synthesize", capsys, config, tmp_path, stage=0)


@pytest.mark.parametrize(
  "work, flags, said",
  [
    ("sleep", {}, "--work=sleep: must be one of forward, step"),
    ("step", {"stage": 3}, "the stages 0 to 2; say --stage=2"),
    ("step", {"stage": -1}, "the stages 0 to 2; say --stage=2"),
    ("step", {"repeats": 0}, "--repeats=0 must be at least 1"),
    ("synthesize", {"trace": True}, "--trace has no effect with --work=syn"),
    ("step", {"trace": True}, "the folder is not empty; name a new one"),
  ],
)
def test_what_cannot_be_timed(work, flags, said, tmp_path, capsys):
  (tmp_path / "mine").touch()
  if "trace" in flags:
    flags["trace"] = tmp_path
  with pytest.raises(InputError, match=said):
    measure(work, capsys, **flags)
