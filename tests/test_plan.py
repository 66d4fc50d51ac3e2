"""What a plan tells, and what it refuses; costs are made up but in one test."""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys

import jax
import pytest
from tiny import command, tiny_config

from hdgan import plan as door
from hdgan.devices.targets import Machine
from hdgan.errors import InputError
from hdgan.plan import Wishes, find_rate, plan
from hdgan.report import waiting
from hdgan.training import memory_estimate, stage_costs

SMOKE = f"--config={pathlib.Path(__file__).parents[1] / 'configs/smoke.py'}"
GIB = 2**30


def h100():
  """Four of them, but for the devices."""
  kind = "NVIDIA H100 80GB HBM3"
  return Machine(jax.devices(), kind, 60 * GIB, options={})


def made_up_cost(total=GIB, **more):
  """A step of 8 TFLOP on 2 devices."""
  size = {
    "state": GIB // 4, "frozen": 0, "batch": 1000,
    "temporaries": total - GIB // 4 - 1000, "outputs": 0, "total": total,
  }  # fmt: skip
  return {
    "mesh": {"data": 2, "space": 1}, "devices": 2,
    "parameters": {"G1": 3_000_000, "D": 1_000_000}, "flops": 8e12,
    "bytes": size, "refused": False,
    "collectives": {"all-reduce": {"count": 5, "bytes": 2**21}},
    "compile_s": 1.5, **more,
  }  # fmt: skip


@pytest.fixture
def costs(monkeypatch, tmp_path_factory):
  """Gives costs without a compiler; keeps what it was asked for."""
  jax.devices()
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
  asked = []

  def cost(config, one, machine):
    asked.append((config, one))
    return made_up_cost()

  monkeypatch.setattr(stage_costs, "stage_cost", cost)
  monkeypatch.setattr(waiting, "wait_for", waiting.silent)
  return asked


def test_json(costs, tmp_path):
  status, out, err = command(
    "--mode=plan", SMOKE, "--target=cpu:2", "--json", "--flops_per_s=2e12",
    "--images=10", "--price_per_hour=36", f"--output={tmp_path / 'out'}",
  )  # fmt: skip
  assert (status, err) == (0, "")
  told = json.loads(out)
  assert out == (tmp_path / "out/plan.json").read_text()
  assert told["target"] == "cpu:2" and told["devices"] == 2
  assert told["rate"] == {"flops_per_s": 2e12, "source": "--flops_per_s"}
  assert [s["stage"] for s in told["stages"]] == ["global", "enhancer", "joint"]
  first = told["stages"][0]
  assert first["bytes"]["total"] == GIB and first["fits"] and not first["kept"]
  # 8 TFLOP by two devices of 2 TFLOP/s; 2 epochs of 10 steps of one picture.
  assert first["forecast"]["step_s"] == 2
  assert first["forecast"]["epoch_s"] == 20
  assert first["forecast"]["steps"] == 10 * first["epochs"]
  assert first["forecast"]["stage_s"] == 20 * first["epochs"]
  # 36 an hour are 0.01 a second.
  assert first["forecast"]["price"] == pytest.approx(0.2 * first["epochs"])
  page = (tmp_path / "out/plan.html").read_text()
  assert page.count('<div class="track') == 3 and "http" not in page


def test_text(costs):
  status, out, err = command(
    "--mode=plan", SMOKE, "--target=cpu:2", "--stage=1", "--images=10",
    "--flops_per_s=2e12",
  )  # fmt: skip
  assert (status, err) == (0, "")
  lines = [" ".join(line.split()) for line in out.splitlines()]
  assert "enhancer 64x128 G2 4 M 8 T 2 (data 2)" in lines
  assert "enhancer all-reduce 5 2.0" in lines
  assert "Time, at 2 TFLOP/s a device" in lines
  assert any(line.startswith("1 stage fits; ") for line in lines)
  assert max(map(len, out.splitlines())) <= 80
  assert len(costs) == 1 and costs[0][1].index == 1


def test_what_was_compiled_is_not_compiled_again(costs, monkeypatch):
  config = tiny_config(**{"generator.width": 12})
  wishes = Wishes(target="cpu:2", stage=0)
  first, second = plan(config, wishes), plan(config, wishes)
  assert len(costs) == 1
  assert [p["stages"][0].pop("kept") for p in (first, second)] == [False, True]
  assert first == second
  # What no compiler sees changes nothing; what it sees does.
  plan(tiny_config(**{"generator.width": 12, "log_every": 7}), wishes)
  assert len(costs) == 1
  plan(tiny_config(**{"generator.width": 16}), wishes)
  plan(config, Wishes(target="cpu:3", stage=0))
  plan(config, Wishes(target="cpu:2", stage=0, fresh=True))
  assert len(costs) == 4


def test_a_kept_plan_that_is_damaged_is_made_anew(costs, tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  wishes = Wishes(target="cpu:2", stage=0)
  plan(tiny_config(), wishes)
  (kept,) = tmp_path.glob("hdgan/plans/*.json")
  kept.write_text("{")
  plan(tiny_config(), wishes)
  assert len(costs) == 2
  assert json.loads(kept.read_text())["flops"] == 8e12


def test_what_makes_a_stage_fit(costs, monkeypatch):
  def cost(config, one, machine):
    """Too much unless two devices share a picture."""
    return made_up_cost((70 if config.mesh.space == 1 else 40) * GIB)

  monkeypatch.setattr(stage_costs, "stage_cost", cost)
  monkeypatch.setattr(door, "find_machine", lambda _: h100())
  told = plan(
    tiny_config(batch_size=4), Wishes(target="h100:4", stage=2, search=True)
  )
  (stage,) = told["stages"]
  assert stage["fits"] is False
  tried = [" ".join(c["flags"]) for c in stage["changes"]]
  assert "--config.precision=bf16" in tried
  ways = [w for w, c in zip(tried, stage["changes"], strict=True) if c["fits"]]
  assert ways[0] == "--config.mesh.space=2 --config.accumulate=2"
  text = " ".join(door.plan_text(told).split())
  assert "joint does not fit: it needs 70.00 GiB a device, 10.00" in text
  assert "It fits with --config.mesh.space=2 --config.accumulate=2" in text
  assert "cuDNN's workspaces are not counted" in text


def test_advice_where_nothing_was_searched(costs, monkeypatch):
  monkeypatch.setattr(door, "find_machine", lambda _: h100())
  monkeypatch.setattr(
    stage_costs, "stage_cost", lambda *_: made_up_cost(70 * GIB)
  )
  flag = "--config.remat=norms"
  monkeypatch.setattr(
    memory_estimate, "cheapest_changes",
    lambda *_, **__: [memory_estimate.Change(flag, 3 * GIB)],
  )  # fmt: skip
  told = plan(tiny_config(batch_size=4), Wishes(target="h100:4", stage=2))
  text = " ".join(door.plan_text(told).split())
  assert "10.00 too much. By estimate --config.remat=norms saves 3.00" in text


def test_a_share_of_the_peak(costs):
  rate = find_rate(
    tiny_config(precision="bf16"), Wishes(efficiency=0.5), h100()
  )
  assert rate.flops_per_s == pytest.approx(494.7e12)
  assert rate.source == (
    "--efficiency=0.5 of the 989.4 TFLOP/s that it can do in bf16"
  )


def test_what_a_benchmark_measured(costs, tmp_path):
  file = tmp_path / "step.json"
  file.write_text('{"flops_per_s": 6e12, "devices": 3}')
  rate = find_rate(tiny_config(), Wishes(flops_per_s=str(file)), h100())
  assert rate.flops_per_s == 2e12
  file.write_text('{"median_s": 1.0}')
  with pytest.raises(InputError, match="make it by --mode=benchmark --work=st"):
    find_rate(tiny_config(), Wishes(flops_per_s=str(file)), h100())


@pytest.mark.parametrize(
  "words, line",
  [
    (["--target=h101:4"], "did you mean 'h100:4'"),
    (["--stage=3"], "--stage=3 must be in 0..2"),
    (["--stage=-1"], "--stage=-1 must be in 0..2"),
    (["--images=0"], "--images=0 must be at least 1"),
    (["--price_per_hour=-2", "--efficiency=0.4"], "must be above 0"),
    (["--price_per_hour=2"], "needs a rate to say how long it takes"),
    (["--efficiency=40"], "say --efficiency=0.4"),
    (["--efficiency=0.4"], "the peak of cpu is not known"),
    (["--efficiency=0.4", "--flops_per_s=1"], "leave one of both out"),
    (["--flops_per_s=-1"], "--flops_per_s=-1 must be above 0"),
    (["--flops_per_s=nan"], "--flops_per_s=nan must be above 0"),
    (["--flops_per_s=fast"], "neither a number nor a file"),
    (["--config.mesh.space=3"], "config.mesh.space=3"),
    (["--target=h100:4", "--stage=0"], r"pip install -e '.[plan-gpu]'"),
  ],
)
def test_bad_input(words, line, costs, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
  words = ["--target=cpu:2", *words]
  status, out, err = command("--mode=plan", SMOKE, *words)
  assert (status, out, err.count("\n")) == (2, "", 1)
  assert line in err
  assert not costs


def test_images_of_the_data(tmp_path, costs):
  assert plan(tiny_config(), Wishes(target="cpu:2", stage=0))["images"] == 3
  gone = tiny_config(**{"data.name": "paired_folder"})
  assert plan(gone, Wishes(target="cpu:2", stage=0))["images"] is None
  told = plan(gone, Wishes(target="cpu:2", stage=0, flops_per_s="1e12"))[
    "stages"
  ][0]
  assert told["forecast"] == {"step_s": 4.0}


def test_nothing_is_written_over(costs, tmp_path):
  (tmp_path / "plan.json").write_text("mine")
  status, _, err = command(
    "--mode=plan", SMOKE, "--target=cpu:2", f"--output={tmp_path}"
  )
  assert status == 2 and "plan.json already" in err
  assert (tmp_path / "plan.json").read_text() == "mine" and not costs


COMPILES_FOR_GPUS = pytest.mark.skipif(
  importlib.util.find_spec("jax_cuda13_plugin") is None,
  reason="compilers for GPUs: pip install -e '.[plan-gpu]'",
)


def plan_gpus(folder, *words):
  """In a process of its own, whose JAX would use GPUs if there were any."""
  words = [
    "-m", "hdgan.main", "--mode=plan", SMOKE, "--stage=0",
    "--config.encoder.enabled=False", "--config.stages[0].trainable=G1",
    "--config.generator.width=8", "--config.ema=0", "--efficiency=0.4",
    "--json", *words,
  ]  # fmt: skip
  env = {**os.environ, "XDG_CACHE_HOME": str(folder), "XLA_FLAGS": ""}
  env.pop("JAX_PLATFORMS")
  done = subprocess.run(
    [sys.executable, *words], capture_output=True, text=True, env=env,
    timeout=300,
  )  # fmt: skip
  return json.loads(done.stdout), done.stderr


@pytest.mark.slow
@COMPILES_FOR_GPUS
def test_gpus_that_are_not_here(tmp_path):
  told, err = plan_gpus(tmp_path, "--target=h100:2", "--config.batch_size=2")
  assert err == (
    "compiling stage global for h100:2 (half a minute to 5 minutes)\n"
  )
  assert told["device_kind"] == "NVIDIA H100 80GB HBM3"
  assert told["compiler"].startswith("jax-cuda13-plugin ")
  (stage,) = told["stages"]
  size, parts = stage["bytes"], stage["parameters"]
  # Parameters and two moments, and three counters.
  assert size["state"] == 4 * 3 * sum(parts.values()) + 4 * 3
  assert size["temporaries"] > 64 * 32 * 3 * 4
  assert stage["fits"]
  # Gradients of float32 are summed over both GPUs.
  sent = stage["collectives"]["all-reduce"]["bytes"]
  assert sent >= 4 * sum(parts.values())


@pytest.mark.slow
@COMPILES_FOR_GPUS
def test_gpus_that_share_pictures_gather_none(tmp_path):
  """Two pictures, each on two GPUs: whole rows and sums are all they send."""
  told, _ = plan_gpus(
    tmp_path, "--target=h100:4", "--config.batch_size=2",
    "--config.mesh.space=2", "--config.precision=bf16",
    "--config.stages[0].size=64,64",
  )  # fmt: skip
  (stage,) = told["stages"]
  assert stage["mesh"] == {"data": 2, "space": 2}
  assert set(stage["collectives"]) == {"all-reduce", "collective-permute"}


@pytest.mark.slow
def test_ctrl_c_ends_a_compilation_at_once(tmp_path):
  env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
  process = subprocess.Popen(
    [
      sys.executable, "-m", "hdgan.main", "--mode=plan", SMOKE,
      "--target=cpu:2", "--config.batch_size=2",
    ],
    stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
  )  # fmt: skip
  assert process.stderr.readline().startswith("compiling stage global for")
  process.send_signal(signal.SIGINT)
  out, err = process.communicate(timeout=60)
  assert (process.returncode, out) == (130, "")
  assert err == "stopped by Ctrl-C; files that are there are whole\n"
  assert not list(tmp_path.glob("hdgan/plans/*"))
