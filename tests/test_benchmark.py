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
    **{"encoder.enabled": False, "stages[0].trainable": ("G1",), **changes}
  )


@pytest.fixture(autouse=True)
def fast_compiles(monkeypatch):
  jit = jax.jit
  options = {"xla_backend_optimization_level": 0}
  monkeypatch.setattr(
    jax, "jit", lambda f, **k: jit(f, compiler_options=options, **k)
  )


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
    "batch_size": 2, "devices": 2, "mesh": {"data": 2, "space": 1},
    "precision": "float32", "vgg": False, "repeats": 3, "mfu": None,
  }  # fmt: skip
  assert shown["flops_per_s"] == pytest.approx(
    shown["flops"] / shown["median_s"]
  )
  assert shown["memory"]["temporaries"] > 0
  operations = shown["trace"]["operations"]
  assert len(operations) == 10 and shown["trace"]["folder"] == str(folder)
  assert any("Generator" in one["source"] for one in operations)
  lines = said.splitlines()
  assert lines[0] == "busy" and len(lines) == 12


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
