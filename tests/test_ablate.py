"""--mode=ablate, with runs that are there, and once with real trainings."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import command, save_run

from hdgan import ablate
from hdgan.evaluation import evaluation
from hdgan.training import schedule

CONFIG = """
import tiny

def get_config():
  config = tiny.tiny_config(**{"encoder.enabled": False, "ema": 0.0})
  with config.unlocked():
    config.stages = config.stages[:1]
    config.stages[0].trainable = ("G1",)
    config.num_classes = 3
    config.data.name, config.data.root = "paired_folder", "ROOT/data"
    config.data.prepared_dir = "ROOT/copies"
  return config

def get_variants():
  return {"wide": {"generator.width": 8}, "narrow": {}}
"""


class Brightness:
  """A measure that is worked out below once more."""

  key, settings = "lpips", {"kind": "brightness"}

  def __init__(self):
    self.means = []

  def add(self, pair):
    self.means.append(float(pair.made.mean()))

  def result(self):
    return {"mean": float(np.mean(self.means))}


@pytest.fixture
def file(tmp_path):
  rng = np.random.default_rng(0)
  for split, count in (("train", 3), ("val", 2)):
    for kind, shape in (("label", (32, 64)), ("img", (32, 64, 3))):
      (tmp_path / "data" / f"{split}_{kind}").mkdir(parents=True)
      most = 3 if kind == "label" else 256
      for i in range(count):
        picture = Image.fromarray(rng.integers(0, most, shape, np.uint8))
        picture.save(tmp_path / "data" / f"{split}_{kind}" / f"{i}.png")
  (tmp_path / "mine.py").write_text(CONFIG.replace("ROOT", str(tmp_path)))
  return tmp_path / "mine.py"


@pytest.fixture
def trained(monkeypatch):
  """Stands for training: random weights, by the seed; and the measure."""
  trained = []

  def train(trial):
    trained.append((trial.variant, trial.seed))
    end = schedule.plan_stages(trial.config, 3, 0)[-1].end
    save_run(trial.workdir, trial.config, step=end, seed=trial.seed)
    return True

  monkeypatch.setattr(ablate, "train_in_process", train)
  monkeypatch.setattr(evaluation, "open_measures", lambda *_: [Brightness()])
  return trained


def run(file, *more):
  workdir = file.parent / "out"
  return command(
    "--mode=ablate", f"--config={file}", f"--workdir={workdir}", *more
  )


def test_one_table_of_all_runs(file, trained):
  status, out, err = run(file)
  assert status == 0, err
  order = [("wide", 0), ("wide", 1), ("narrow", 0), ("narrow", 1)]
  assert trained == order
  document = json.loads((file.parent / "out" / "ablation.json").read_text())
  assert list(document["variants"]) == ["wide", "narrow"]
  assert document["data"]["n"] == 2 and document["data"]["split"] == "val"
  for name, one in document["variants"].items():
    values = [run["scores"]["LPIPS"] for run in one["runs"]]
    score = one["scores"]["LPIPS"]
    assert score["values"] == values and values[0] != values[1]
    assert score["mean"] == pytest.approx(sum(values) / 2)
    # Of two values: half of their distance, times the root of two.
    spread = abs(values[0] - values[1]) / 2**0.5
    assert score["spread"] == pytest.approx(spread)
    assert f"{score['mean']:.4f} ± {spread:.4f}" in out, name
  assert document["variants"]["wide"]["fields"] == {"generator.width": 8}
  page = (file.parent / "out" / "ablation.html").read_text()
  # Two held-out maps: the map, two pictures and the photo each.
  assert page.count("<figure>") == 8 and "generator.width=8" in page
  # Once more: nothing is trained, and the numbers are the same.
  text = (file.parent / "out" / "ablation.json").read_text()
  assert run(file)[0] == 0 and trained == order
  assert (file.parent / "out" / "ablation.json").read_text() == text


def test_it_goes_on_where_it_was_stopped(file, trained, monkeypatch):
  document = {"warnings": [], "oracle": {}, "variants": {}}
  document["variants"] = {
    name: {"runs": [0], "scores": {}} for name in ("wide", "narrow")
  }
  document["data"] = {"n": 2, "split": "val"}
  monkeypatch.setattr(ablate, "judge_trials", lambda *_: (document, []))
  train, left = ablate.train_in_process, [2]

  def stopped(trial):
    left[0] -= 1
    return left[0] >= 0 and train(trial)

  monkeypatch.setattr(ablate, "train_in_process", stopped)
  status, out, err = run(file, "--seeds=1")
  assert (status, trained) == (0, [("wide", 0), ("narrow", 0)]), err
  left[0] = 1
  status, out, _ = run(file, "--seeds=2")
  assert "Stopped; the same command goes on." in out
  assert trained[2:] == [("wide", 1)]
  left[0] = 9
  assert run(file, "--seeds=2")[0] == 0
  assert trained[3:] == [("narrow", 1)]


@pytest.mark.parametrize(
  "more, said",
  [
    (("--seeds=0",), "--seeds=0 must be at least 1"),
    (("--config.seed=3",), "--config.seed has no effect with --mode=ablate"),
    (("--input=nowhere",), "nowhere"),
    (("--protocol=own-v2",), "--protocol=own-v2: there is no such protocol; "),
    (("--protocol=spade-drn", "--segmenter=onnx:x"), "a run's picture is 32x1"),
    (("--segmenter=labels:x",), "labels of one run's pictures cannot judge"),
    (("--config.ema=3.0",), "variant 'wide': config.ema=3.0 must be in [0, 1)"),
  ],
)
def test_bad_input_is_told_before_any_training(file, trained, more, said):
  status, _, err = run(file, *more)
  assert status == 2 and said in err and not trained
  assert err.count("error: ") == 1


@pytest.mark.slow
def test_with_real_trainings(file, monkeypatch):
  """Two processes that train, told to stop or not by nobody."""
  monkeypatch.setattr(evaluation, "open_measures", lambda *_: [Brightness()])
  status, out, err = run(file, "--seeds=1")
  assert status == 0, err
  folder = file.parent / "out"
  for name in ("wide", "narrow"):
    assert (folder / name / "seed_0" / "checkpoints").is_dir()
  assert "[2/2] narrow, seed 0: trains in" in out
