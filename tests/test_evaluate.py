"""The door of --mode=evaluate, and what a training tells of itself by it."""

import hashlib
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from style_run import make_run
from tiny import command, tiny_config

from hdgan import train
from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.evaluation import evaluation, own_segmenter
from hdgan.evaluation.segmentation import Segmenter
from hdgan.evaluation.segmenter_training import Recipe
from hdgan.runs import directory


class Rater(Segmenter):
  """Sees the true classes in the left part of each picture, class 0 elsewhere.

  How wide that part is follows from how often it was asked: a run that gets
  better, then worse.
  """

  name, settings = "rater", {"kind": "rater"}
  shares = (0.25, 0.75, 0.5)

  def __init__(self, labels):
    self.labels, self.asked = labels, 0

  def __call__(self, name, picture, real):
    label = self.labels[name].copy()
    if not real:
      turn = self.asked // len(self.labels)
      label[:, int(self.shares[turn] * label.shape[1]) :] = 0
      self.asked += 1
    return label


@pytest.fixture
def tried(tmp_path, monkeypatch):
  """A config whose run is scored after each of its three steps."""
  config = tiny_config(
    evaluate_every=1, keep_best=True, checkpoint_every=99, sample_every=99,
    keep=1,
  )  # fmt: skip
  with config.unlocked():
    config.data.num_val = 2
    config.data.prepared_dir = str(tmp_path / "copies")
    config.stages = config.stages[:1]
  inputs = pipeline.synthesis_inputs(config, "val", stage_size=(16, 32))
  rater = Rater({one["name"]: one["label"] for one in inputs})
  monkeypatch.setattr(evaluation, "open_segmenter", lambda *_: [rater])
  return config, rater


def test_a_run_tells_how_good_it_is_and_keeps_the_best(tried, tmp_path, capsys):
  config, rater = tried
  workdir = tmp_path / "run"
  assert train.train(config, workdir)
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  told = [json.loads(line) for line in lines]
  scores = {one["step"]: one["accuracy"] for one in told if "accuracy" in one}
  # Counted by hand: what the rater sees rightly of both maps.
  labels = np.stack(list(rater.labels.values()))
  for step, share in zip((1, 2, 3), rater.shares, strict=True):
    cut = int(share * labels.shape[2])
    right = (labels[..., :cut] >= 0).sum() + (labels[..., cut:] == 0).sum()
    assert scores[step] == pytest.approx(right / labels.size)
  # The last is kept as the newest, the second as the best.
  checkpoints = directory.checkpoints_of(workdir)
  assert checkpoints.steps() == [2, 3]
  assert checkpoints.best()[0] == directory.best_step(workdir) == 2
  assert f"held out, step 2: miou {checkpoints.best()[1]:.4g}" in (
    capsys.readouterr().out
  )


def test_what_cannot_be_scored_is_said_before_a_step(tmp_path):
  config = tiny_config(evaluate_every=1)
  with pytest.raises(InputError, match="there are 3 training photos"):
    train.train(config, tmp_path / "run")
  assert not directory.checkpoints_of(tmp_path / "run").steps()


def test_the_best_step_by_name(tmp_path):
  make_run(tmp_path / "run")
  words = f"--workdir={tmp_path / 'run'}", "--input=val", "--step=best"
  made = f"--output={tmp_path / 'made'}"
  status, _, said = command("--mode=synthesize", *words, made)
  assert status == 2 and "holds no best checkpoint; train with" in said
  status, _, said = command("--mode=synthesize", *words[:2], "--step=worst")
  assert status == 2 and "--step=worst" in said


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
  """A run, and a folder of predictions: true ones for its photos, 0 else."""
  folder = tmp_path_factory.mktemp("evaluate")
  config = make_run(folder / "run")
  inputs = pipeline.synthesis_inputs(config, "val", stage_size=(16, 32))
  for kind in ("result", "real"):
    (folder / "labels" / kind).mkdir(parents=True)
    for one in inputs:
      label = one["label"] * (kind == "real")
      path = folder / "labels" / kind / f"{one['name']}.png"
      Image.fromarray(label.astype(np.uint8)).save(path)
  return folder, inputs


def test_a_run_by_predicted_labels(predicted):
  folder, inputs = predicted
  words = [
    "--mode=evaluate", f"--workdir={folder / 'run'}", "--input=val",
    f"--segmenter=labels:{folder / 'labels'}",
  ]  # fmt: skip
  assert command(*words)[0] == 0
  path = folder / "run" / "evaluations" / "1_val" / "evaluation.json"
  result = json.loads(path.read_text())
  labels = np.stack([one["label"] for one in inputs])
  score = result["segmentation"][0]
  assert score["oracle"]["accuracy"] == 1.0
  share = (labels == 0).mean()
  assert score["result"]["accuracy"] == pytest.approx(share)
  assert result["data"]["n"] == len(inputs) and result["source"]["step"] == 1
  # Live weights are judged beside it.
  assert command(*words, "--weights=live")[0] == 0
  assert (folder / "run/evaluations/1_val_live/evaluation.json").is_file()
  # What is there is not written over.
  status, _, said = command(*words)
  assert status == 2 and "confusion.npz already" in said
  before = path.read_bytes()
  status, said, _ = command(*words, "--overwrite")
  assert status == 0 and said.endswith("evaluation.html\n")
  assert said.startswith(f"run, step 1: {len(inputs)} pictures of val")
  history = (path.parents[1] / "evaluations.jsonl").read_text().splitlines()
  assert [json.loads(line)["sha256"] for line in history] == [
    result["data"]["sha256"]
  ] * 3
  assert path.read_bytes() == before


def test_an_average_that_is_not_there(tmp_path):
  make_run(tmp_path / "run", ema=0.0)
  words = f"--workdir={tmp_path / 'run'}", "--input=val", "--weights=ema"
  made = f"--output={tmp_path / 'made'}"
  for mode in ("evaluate", "synthesize"):
    status, _, said = command(f"--mode={mode}", *words, made)
    assert status == 2 and "has no moving average (config.ema is 0.0)" in said


@pytest.mark.parametrize(
  "words, said",
  [
    ((), "--mode=evaluate has nothing to measure; say --segmenter=own, "),
    (("--draws=2",), "--draws=2 has no effect without --lpips=FILE"),
    (("--draws=1", "--lpips=a"), "--draws=1: two pictures at least can be co"),
    (("--score_at=label", "--features=a"), "--score_at has no effect without "),
    (("--pictures=a", "--draws=2"), "--draws has no effect with --pictures; "),
    (("--pictures=a", "--weights=ema"), "--weights has no effect with --pict"),
    (("--pictures=a", "--step=best"), "--step has no effect with --pictures"),
    (("--pictures=a", "--size=stage"), "--size has no effect with --pictures"),
    (("--pictures=a", "--styles=b"), "--styles has no effect with --pictures"),
    (("--pictures=a", "--style_seed=0"), "--style_seed has no effect with --p"),
    (("--pictures=a", "--style_draw=map"), "--style_draw has no effect with -"),
    (("--pictures=a",), "--pictures=a: there is no such folder"),
    (("--segmenter=onn:x",), "--segmenter=onn:x: there is no such kind; "),
  ],
)
def test_bad_questions(predicted, words, said):
  folder, _ = predicted
  flags = [f"--workdir={folder / 'run'}", "--input=val",
           f"--output={folder / 'asked'}"]  # fmt: skip
  if words == ("--pictures=a",):
    words = (*words, "--segmenter=labels:" + str(folder / "labels"))
  status, _, line = command("--mode=evaluate", *flags, *words)
  assert status == 2 and said in line


def test_evaluations_side_by_side(predicted, tmp_path, monkeypatch):
  """Of one run: by the predictions of its photos, and by none of them."""
  folder, _ = predicted
  monkeypatch.chdir(tmp_path)
  (tmp_path / "labels").mkdir()
  shutil.copytree(folder / "labels" / "real", tmp_path / "labels" / "result")
  words = "--mode=evaluate", f"--workdir={folder / 'run'}", "--input=val"
  for name, labels in (("a", folder / "labels"), ("b", tmp_path / "labels")):
    spec = f"--segmenter=labels:{labels}"
    assert command(*words, spec, f"--output={name}")[0] == 0
  both = "--compare=a/evaluation.json,b/evaluation.json"
  status, _, said = command("--mode=evaluate", both)
  assert status == 2 and "b/evaluation.json: protocol.measures[0]" in said
  twice = "--compare=a/evaluation.json,a/evaluation.json"
  status, said, _ = command("--mode=evaluate", twice, "--output=c")
  assert status == 0 and said.startswith("made by  step  n")
  assert sorted(path.name for path in (tmp_path / "c").glob("*.*")) == [
    ".hdgan_written", "compare.html", "compare.json"
  ]  # fmt: skip
  status, _, said = command(*words, twice)
  assert status == 2 and "--input has no effect with --compare" in said
  status, _, said = command("--mode=evaluate", twice, "--overwrite")
  assert status == 2 and "--overwrite has no effect with --compare alone" in (
    said
  )


def test_the_segmenter_that_learns_gives_the_same_numbers_twice(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(own_segmenter, "SEEDS", 2)
  recipe = Recipe(width=8, levels=1, steps=2)
  monkeypatch.setattr(own_segmenter, "RECIPE", recipe)
  config = make_run(tmp_path / "run", data__num_train=10)
  (tmp_path / "pictures").mkdir()
  for split in ("train", "val"):
    for one in pipeline.synthesis_inputs(config, split, stage_size=(16, 32)):
      path = tmp_path / "pictures" / f"{one['name']}.png"
      Image.fromarray(255 - one["image"]).save(path)
  flags = [
    "--mode=evaluate", f"--config={tmp_path / 'run' / 'config.json'}",
    f"--pictures={tmp_path / 'pictures'}", "--protocol=own-v1",
  ]  # fmt: skip
  found = {}
  copies = f"--config.data.prepared_dir={tmp_path / 'copies'}"
  # By weights that were trained now, are kept, and were trained elsewhere.
  for name, more in (("new", []), ("kept", []), ("alike", [copies])):
    folder = tmp_path / name
    words = [*flags, *more, "--input=val", f"--output={folder}"]
    assert command(*words)[0] == 0
    found[name] = {
      one: (folder / one).read_bytes()
      for one in ("evaluation.json", "confusion.npz")
    }
  assert found["new"] == found["kept"] == found["alike"]
  matrices = found["new"]["confusion.npz"]
  result = json.loads(found["new"]["evaluation.json"])
  assert result["protocol"]["name"] == "own-v1"
  assert result["confusion"] == {
    "file": "confusion.npz", "sha256": hashlib.sha256(matrices).hexdigest()
  }  # fmt: skip
  with np.load(io.BytesIO(matrices)) as arrays:
    assert arrays["made_0"].shape == arrays["real_0"].shape == (2, 9, 9)
  # What it has learned from ranks nothing, and this is said.
  folder = tmp_path / "train"
  status, out, said = command(*flags, "--input=train", f"--output={folder}")
  assert status == 0 and "it was trained on these very photos" in said
  assert "own ranks nothing: it was trained on these very photos" in out
  result = json.loads((folder / "evaluation.json").read_text())
  assert not result["segmentation"][0]["ranked"]


@pytest.mark.parametrize(
  "words, said",
  [
    (("--protocol=own-v2",), "--protocol=own-v2: there is no such protocol"),
    (
      ("--protocol=spade-drn", "--segmenter=onnx:f"),
      "--protocol=spade-drn: the run's picture is 32x16, must be 512x256",
    ),
    (
      ("--protocol=own-v1", "--score_at=label"),
      "--score_at=label: --protocol=own-v1 compares classes at the image's",
    ),
    (("--segmenter=own",), "3 training photos, it learns from at least 10"),
  ],
)
def test_what_does_not_fit_a_protocol(predicted, words, said):
  folder, _ = predicted
  flags = [f"--workdir={folder / 'run'}", "--input=val",
           f"--output={folder / 'unfit'}"]  # fmt: skip
  status, _, line = command("--mode=evaluate", *flags, *words)
  assert status == 2 and said in line
  assert line.count("error: ") == 1
