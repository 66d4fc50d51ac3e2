"""Whole runs in small: what they leave, and that a stop changes nothing."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from tiny import (
  assert_bits,
  close,
  command,
  leaves,
  null_bias,
  save_run,
  tiny_config,
)

from hdgan import config as config_lib
from hdgan import synthesize, train, whole_files
from hdgan.datasets import pipeline
from hdgan.datasets.streets import builder as streets
from hdgan.errors import InputError
from hdgan.make_styles import make_styles
from hdgan.rendering.encode import encode_split, training_inputs
from hdgan.rendering.renderer import open_renderer
from hdgan.report import log as report
from hdgan.runs import directory, lock
from hdgan.styles import bank as style_bank
from hdgan.training import schedule, train_step
from hdgan.validation import validate

END = 9  # Three stages of one epoch of three steps.


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
  return str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, prepared_dir):
  """A run without a stop, with a checkpoint of every step."""
  workdir = tmp_path_factory.mktemp("runs") / "finished"
  train.train(tiny_config(data__prepared_dir=prepared_dir), workdir)
  return workdir


def run(workdir, prepared_dir, **changes):
  changes = {"data__prepared_dir": prepared_dir, **changes}
  flags = {"config": tiny_config(**changes), "workdir": workdir}
  return train.run(**flags, stopped_status=75)


def state_of(workdir, step):
  tree = directory.checkpoints_of(workdir).restore_subtree(
    step, ["params", "g_optimizer", "d_optimizer", "ema", "step"]
  )
  return tree


def losses_of(workdir):
  """The log without what depends on the clock."""
  lines = report.read_metrics(workdir)
  return [{k: v for k, v in x.items() if k != "images_per_s"} for x in lines]


def assert_same_run(one, two):
  assert_bits(state_of(one, END), state_of(two, END))
  assert losses_of(one) == losses_of(two)


def interrupted(finished, workdir, step):
  """The folder as `kill -9` leaves it once `step` is written, or later."""
  shutil.copytree(finished, workdir)
  for folder in (workdir / "checkpoints").iterdir():
    if folder.is_dir() and int(folder.name) > step:
      shutil.rmtree(folder)
  (workdir / "checkpoints" / f"{step + 1}.orbax-checkpoint-tmp").mkdir()
  with (workdir / "metrics.jsonl").open("a") as log:
    log.write('{"step": 5, "G_')
  return workdir


def test_files(finished):
  names = {path.name for path in finished.iterdir()}
  assert names == {
    "config.json", "classes.json", "checkpoints", "metrics.jsonl",
    "tensorboard", "samples", "index.html", ".lock", "style_bank.json",
    "style_bank.safetensors", "style_bank.html", "style_thumbnails",
  }  # fmt: skip
  # What a fresh run must not find in its folder is all that it will write.
  known = {*directory.FILES, *directory.FOLDERS, directory.CONFIG, lock.LOCK}
  assert names == known - {"nonfinite", "evaluations"}
  folders = (p for p in (finished / "checkpoints").iterdir() if p.is_dir())
  steps = sorted(int(p.name) for p in folders)
  assert steps == list(range(1, END + 1))
  kept = [s for s in steps if (finished / f"checkpoints/{s}/keep").exists()]
  assert kept == [3, 6, 9]
  samples = sorted(p.name for p in (finished / "samples").iterdir())
  assert samples == ["0.png", "3.png", "6.png", "9.png"]
  assert not list(finished.rglob("*.tmp"))
  config = config_lib.from_json((finished / "config.json").read_text())
  assert config.generator.width == 4
  assert len(json.loads((finished / "classes.json").read_text())) == 8


def test_metrics(finished):
  lines = report.read_metrics(finished)
  by_split = {"train": [], "held_out": []}
  for line in lines:
    by_split[line["split"]].append((line["step"], line["stage"]))
  stages = ["global"] * 3 + ["enhancer"] * 3 + ["joint"] * 3
  every = list(zip(range(1, END + 1), stages, strict=True))
  held_out = [(0, "global"), *every[2::3]]
  assert by_split == {"train": every, "held_out": held_out}
  for line in lines:
    assert {"G_GAN", "G_GAN_Feat", "D_real", "D_fake"} <= line.keys()
    assert ("rate" in line) == (line["split"] == "train")


def test_sample_grid_and_page(finished):
  # 2 held-out + 2 training rows, 4 columns, of 32x64 pixels at the end.
  with Image.open(finished / "samples/9.png") as picture:
    assert picture.width >= 4 * 64 and picture.height >= 4 * 32
  page = (finished / "index.html").read_text()
  assert "step 9 of 9" in page
  assert "samples/9.png" in page and "G1/conv_in/kernel" in page


def test_g1_while_only_the_enhancer_trains(finished):
  before, after = state_of(finished, 3), state_of(finished, 6)
  kept = {k: v for k, v in before["params"]["G1"].items() if k != "conv_out"}
  assert_bits(kept, after["params"]["G1"])
  assert_bits(before["params"]["E"], after["params"]["E"])
  assert list(after["g_optimizer"]["mu"]) == ["G2"]


def test_g1_one_step_into_the_joint_stage(finished):
  before, after = (state_of(finished, n)["params"] for n in (6, 7))
  for unit in ("G1", "G2"):
    old, new = leaves(before[unit]), leaves(after[unit])
    for name in old:
      if not null_bias(f"{unit}/{name}"):
        assert (old[name] != new[name]).any(), name
  assert_bits(before["E"], after["E"])


def test_scales_and_their_adam_over_the_stages(finished):
  counts = {n: int(state_of(finished, n)["d_optimizer"]["count"]) for n in
            (3, 4, 6, 7, 9)}  # fmt: skip
  # On from global to enhancer (two scales each), anew with the third.
  assert counts == {3: 3, 4: 4, 6: 6, 7: 1, 9: 3}
  counts = [int(state_of(finished, n)["g_optimizer"]["count"]) for n in
            (3, 4, 6, 7, 9)]  # fmt: skip
  assert counts == [3, 1, 3, 1, 3]
  discriminators = [
    sorted(state_of(finished, n)["params"]["D"]) for n in (6, 7)
  ]
  assert discriminators == [["D1", "D2"], ["D1", "D2", "D3"]]


@pytest.mark.parametrize("step", [5, 6])
def test_killed_and_resumed(finished, tmp_path, prepared_dir, step, capsys):
  """In the middle of stage two, and right at its end, before the hand-over."""
  workdir = interrupted(finished, tmp_path / "run", step)
  run(workdir, prepared_dir)
  said = capsys.readouterr().out
  assert ("Stage 2 of 3" in said) == (step == 5)
  assert "Stage 1 of 3" not in said and "Stage 3 of 3" in said
  assert_same_run(workdir, finished)


@pytest.mark.slow
def test_killed_before_the_first_checkpoint(finished, tmp_path, prepared_dir):
  workdir = interrupted(finished, tmp_path / "run", 0)
  run(workdir, prepared_dir)
  assert_same_run(workdir, finished)


def test_asked_to_stop_at_any_moment(
  finished, tmp_path, prepared_dir, monkeypatch
):
  """Also after the step's saves were decided on, and while compiling."""
  for name, owner, attribute in (
    ("log", train, "write_metrics"),
    ("compile", train, "compile_step"),
  ):
    function = getattr(owner, attribute)

    def stop_first(*args, function=function, asked=[]):  # noqa: B006
      if not asked:
        os.kill(os.getpid(), signal.SIGTERM)
      asked.append(True)
      return function(*args)

    workdir = interrupted(finished, tmp_path / name, 3)
    with monkeypatch.context() as patch:
      patch.setattr(owner, attribute, stop_first)
      run(workdir, prepared_dir, checkpoint_every=100)
    steps = directory.checkpoints_of(workdir).steps()
    assert steps[-1] == {"log": 5, "compile": 3}[name]


def test_asked_to_stop_while_a_finished_stage_is_restored(
  finished, tmp_path, prepared_dir, monkeypatch, capsys
):
  """No step is left in that stage, and the page still knows its networks."""
  workdir = interrupted(finished, tmp_path / "run", 3)

  def asked_at_once(self):
    self.asked = True
    return self

  monkeypatch.setattr(train.StopRequest, "__enter__", asked_at_once)
  run(workdir, prepared_dir)
  assert "Stopped and saved at step 3;" in capsys.readouterr().out
  assert "G1/conv_in/kernel" in (workdir / "index.html").read_text()


@pytest.mark.parametrize(
  "number",
  [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
)
def test_asked_to_stop(
  finished, tmp_path, prepared_dir, number, monkeypatch, capsys
):
  """In the middle of stage two; nothing would have been saved there."""
  put, calls = train.meshes.put_batch, []

  def stop_at_five(*args):
    calls.append(1)
    if len(calls) == 5:
      os.kill(os.getpid(), number)
    return put(*args)

  before = signal.getsignal(number)
  monkeypatch.setattr(train.meshes, "put_batch", stop_at_five)
  assert run(tmp_path / "run", prepared_dir, checkpoint_every=100) == 75
  monkeypatch.undo()
  assert signal.getsignal(number) is before
  said = capsys.readouterr().out
  assert "Stopped and saved at step 4; the same command goes on." in said
  assert directory.checkpoints_of(tmp_path / "run").steps() == [3, 4]
  assert run(tmp_path / "run", prepared_dir, checkpoint_every=100) == 0
  assert "Finished after 9 steps" in capsys.readouterr().out
  assert_same_run(tmp_path / "run", finished)


@pytest.mark.slow
def test_a_mesh_of_its_own_for_every_stage(finished, tmp_path, prepared_dir):
  """One device, then bands on two, then on four: the run stays the same."""
  two = interrupted(finished, tmp_path / "two", 3)
  run(two, prepared_dir, mesh__space=2)
  four = interrupted(two, tmp_path / "four", 6)
  run(four, prepared_dir, mesh__space=4)
  assert len(losses_of(four)) == len(losses_of(finished))
  for a, b in zip(losses_of(finished), losses_of(four), strict=True):
    assert a.keys() == b.keys()
    for name, value in a.items():
      if isinstance(value, float):
        np.testing.assert_allclose(b[name], value, rtol=1e-3, err_msg=name)


def test_a_finished_run_says_so(finished, prepared_dir, capsys):
  before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
  run(finished, prepared_dir)
  said = capsys.readouterr().out
  assert len(said.splitlines()) == 1
  assert "finished (step 9)" in said and "--config.stages[2].constant" in said
  assert before == {p: p.stat().st_mtime_ns for p in finished.rglob("*")}


@pytest.mark.slow
def test_an_extended_run_goes_on(finished, tmp_path, prepared_dir):
  shutil.copytree(finished, tmp_path / "run")
  changes = {"stages[2].constant": 2}
  run(tmp_path / "run", prepared_dir, **changes)
  assert directory.checkpoints_of(tmp_path / "run").latest() == 12
  lines = [x for x in losses_of(tmp_path / "run") if x["step"] <= END]
  assert lines == losses_of(finished)
  config = directory.read_config(tmp_path / "run")
  assert config.stages[2].constant == 2


def test_another_config_is_refused(finished, prepared_dir):
  before = (finished / "config.json").read_text()
  with pytest.raises(InputError) as error:
    run(finished, prepared_dir, seed=1, generator__width=8)
  (line,) = str(error.value).splitlines()
  assert "generator.width: was 4, now 8; seed: was 0, now 1" in line
  assert (finished / "config.json").read_text() == before


def test_other_data_is_refused(finished, tmp_path, prepared_dir):
  shutil.copytree(finished, tmp_path / "run")
  with pytest.raises(InputError, match="data.num_train: was 3, now 5"):
    run(tmp_path / "run", prepared_dir, data__num_train=5)


def test_a_damaged_checkpoint_costs_its_steps_only(
  finished, tmp_path, prepared_dir, capsys
):
  """Set aside; the run goes on from the one before and ends as it did."""
  workdir = tmp_path / "run"
  shutil.copytree(finished, workdir)
  file = next((workdir / "checkpoints/9/info").glob("metadata"))
  file.write_bytes(file.read_bytes().replace(b"stage", b"stagf"))
  run(workdir, prepared_dir)
  (said,) = (
    x for x in capsys.readouterr().out.splitlines() if "is damaged" in x
  )
  assert said == (
    f"{file}: differs from 9/manifest.sha256, the checkpoint of step 9 is "
    "damaged: moved to 9.damaged, goes on from step 8"
  )
  assert (workdir / "checkpoints/9.damaged/info/metadata").is_file()
  assert_same_run(workdir, finished)


def test_start_from_the_weights_of_another_run(
  finished, tmp_path, prepared_dir, monkeypatch
):
  """The last stage's G (its average) and D start an enhancer stage."""
  stage = tiny_config().stages[2]
  config = tiny_config(data__prepared_dir=prepared_dir, init_from=str(finished))
  with config.unlocked():
    config.stages = (stage,)
  started = []
  start = train.Run.start_stage

  def note(*args):
    started.append(jax.device_get(start(*args)))
    raise KeyboardInterrupt

  monkeypatch.setattr(train.Run, "start_stage", note)
  with pytest.raises(KeyboardInterrupt):
    train.train(config, tmp_path / "run")
  want = state_of(finished, END)
  assert_bits(started[0].params["D"], want["params"]["D"])
  assert_bits(train_step.generators(started[0].params), want["ema"])
  assert int(started[0].step) == 0


def test_a_run_that_diverges_saves_nothing_of_it(tmp_path, prepared_dir):
  """The weights stay finite here, and only what they give does not."""
  workdir, first = tmp_path / "run", tiny_config().stages[:1]
  with pytest.raises(InputError) as caught:
    run(workdir, prepared_dir, stages=first, optimizer__learning_rate=3e38)
  (line,) = str(caught.value).splitlines()
  assert "not finite after step 1, which is not saved; nothing was" in line
  assert line.endswith(
    "the same command with --config.optimizer.learning_rate=0.0002"
  )
  assert directory.checkpoints_of(workdir).steps() == []
  assert not list((workdir / "checkpoints").glob("*tmp*"))
  # What it advises: another rate, in the same folder.
  run(workdir, prepared_dir, stages=first, optimizer__learning_rate=0.0002)
  assert directory.checkpoints_of(workdir).latest() == 3


@pytest.mark.slow
def test_a_run_that_diverges_later(
  finished, tmp_path, prepared_dir, monkeypatch
):
  """The way on that it names starts from the last good checkpoint."""
  workdir, update = interrupted(finished, tmp_path / "run", 4), []
  compile_step = train.compile_step

  def spoil(*args):
    step = compile_step(*args)

    def spoiled(state, *rest):
      state, *said = step(state, *rest)
      update.append(int(state.step))
      if update[-1] == 6:
        state.params["G1"] = jax.tree.map(
          lambda x: x * np.float32(np.inf), state.params["G1"]
        )
      return state, *said

    return spoiled

  monkeypatch.setattr(train, "compile_step", spoil)
  with pytest.raises(InputError) as caught:
    run(workdir, prepared_dir, sample_every=100)
  monkeypatch.undo()
  (line,) = str(caught.value).splitlines()
  assert "not finite after step 6, which is not saved; the newest check" in line
  assert "is from step 5. Start another run with --workdir=ANOTHER " in line
  assert update == [5, 6]
  assert directory.checkpoints_of(workdir).steps() == [1, 2, 3, 4, 5]
  # Typed: a run of its own from step 5.
  rate, other = 5e-05, tmp_path / "other"
  assert f"--config.optimizer.learning_rate={rate:g}, and from" in line
  assert f"--config.init_from={workdir} if" in line
  run(
    other, prepared_dir, optimizer__learning_rate=rate, init_from=str(workdir)
  )
  assert directory.checkpoints_of(other).latest() == END


def spoil_photos(monkeypatch, steps):
  """Photos of these steps, from 1, hold one NaN; all are floats."""
  batches = pipeline.batches

  def spoiled(*args, start=0, **options):
    stream = batches(*args, start=start, **options)
    for step, batch in enumerate(stream, start + 1):
      photo = batch["image"].astype(np.float32)
      if step in steps:
        photo[0, 1, 2] = np.nan
      yield {**batch, "image": photo}

  monkeypatch.setattr(pipeline, "batches", spoiled)


def test_steps_that_are_not_finite(tmp_path, prepared_dir, monkeypatch, capsys):
  """One is left out; two in a row end the training and are kept."""
  spoil_photos(monkeypatch, steps=(2, 4, 5))
  workdir = tmp_path / "run"
  config = tiny_config(
    data__prepared_dir=prepared_dir, max_skipped=2, log_every=3,
    checkpoint_every=3, sample_every=100, **{"stages[0].constant": 3},
  )  # fmt: skip
  with config.unlocked():
    config.stages = config.stages[:1]
  data = pipeline.prepare(validate(config))
  names = {
    step: pipeline.batch_names(
      data, "train", batch_size=1, seed=(0, 0), index=step - 1
    )[0]
    for step in (2, 4, 5)
  }
  with pytest.raises(InputError) as caught:
    train.train(config, workdir)
  said = capsys.readouterr().out
  told = [line for line in said.splitlines() if "is left out" in line]
  assert told == [
    f"step {step} is left out: not finite; its pictures: {name}"
    for step, name in names.items()
  ]
  (line,) = str(caught.value).splitlines()
  path = workdir / "nonfinite/5.safetensors"
  assert line.startswith(
    "losses or gradients not finite in steps 4 to 5, as many as max_skipped = "
    f"2 allows; the last one's 1 picture: {names[5]}; `python -m hdgan.main "
    f"--workdir={workdir} --replay={path}` makes step 5 again"
  )
  assert "; the newest checkpoint is from step 3. Start another" in line
  # Of three steps two were made, and the means are over those.
  (logged,) = [x for x in losses_of(workdir) if x["split"] == "train"]
  assert (logged["step"], logged["skipped"]) == (3, 1)
  assert np.isfinite(logged["G_GAN"])
  assert int(state_of(workdir, 3)["g_optimizer"]["count"]) == 2
  # Steps 4 and 5 left no trace: what is kept is the state of step 3.
  kept = load_file(path)
  saved = leaves(state_of(workdir, 3))
  assert kept.pop("step") == 4 and saved.pop("step") == 3
  photo = kept.pop("batch/image")
  assert np.isnan(photo).sum() == 3 and photo.shape == (1, 16, 32, 3)
  kept = {k: v for k, v in kept.items() if not k.startswith("batch/")}
  assert_bits(kept, saved)
  # Typed as it is said, the step is made again.
  status, out, err = command(f"--workdir={workdir}", f"--replay={path}")
  assert status == 0, err
  lines = out.splitlines()
  assert lines[0] == f"step 5, stage global, 1 picture: {names[5]}"
  assert "G_GAN_Feat: nan" in lines and "rate: 0.0005" in lines
  assert any(x.startswith("gradient of G1: not finite in ") for x in lines)
  assert lines[-1] == "not finite again: training leaves this step out"


def test_a_replay_of_something_else(tmp_path):
  """One line each, and status 2."""
  path = tmp_path / "x.safetensors"
  for content, said in ((None, "there is no such file"), (b"x" * 99, "not a")):
    if content is not None:
      path.write_bytes(content)
    status, _, err = command(f"--workdir={tmp_path}", f"--replay={path}")
    assert status == 2 and len(err.splitlines()) == 1
    assert err.startswith(f"error: --replay={path}: {said}")


def test_a_state_that_is_not_finite_is_not_saved(
  finished, tmp_path, prepared_dir, monkeypatch
):
  """Though its losses are: of a moment of Adam, which they do not show."""
  workdir = interrupted(finished, tmp_path / "run", 4)
  compile_step = train.compile_step

  def spoil(*args):
    step = compile_step(*args)

    def spoiled(state, *rest):
      state, *said = step(state, *rest)
      moment = state.d_optimizer.nu["D1"]["conv_1"]
      moment["bias"] = moment["bias"] * np.float32(np.inf)
      return state, *said

    return spoiled

  monkeypatch.setattr(train, "compile_step", spoil)
  with pytest.raises(InputError) as caught:
    run(workdir, prepared_dir, sample_every=100)
  line = str(caught.value)
  assert line.startswith(
    "d_optimizer/nu/D1/conv_1/bias not finite after step 5"
  )
  assert directory.checkpoints_of(workdir).latest() == 4


def test_held_out_losses_that_are_not_finite(
  finished, tmp_path, prepared_dir, monkeypatch
):
  workdir = interrupted(finished, tmp_path / "run", 5)
  bad = {"G_GAN": 0.5, "D_real": float("inf")}
  grid = np.zeros((8, 8, 3), np.uint8)
  monkeypatch.setattr(train.sampling.Sampler, "render", lambda *_: (grid, bad))
  with pytest.raises(InputError, match="D_real not finite on held-out picture"):
    run(workdir, prepared_dir)
  assert directory.checkpoints_of(workdir).latest() == 5
  assert (workdir / "samples/6.png").read_bytes() != b""  # The earlier one.


def test_samples_are_drawn_with_the_moving_average(
  finished, tmp_path, prepared_dir
):
  """The grid of the last step, made anew from its checkpoint."""
  job = train.Run(
    tiny_config(data__prepared_dir=prepared_dir), tmp_path / "other"
  )
  plan = job.plans[2]
  saved = state_of(finished, END)
  assert not np.array_equal(
    saved["ema"]["G1"]["conv_in"]["kernel"],
    saved["params"]["G1"]["conv_in"]["kernel"],
  )
  sampler = train.sampling.Sampler(
    job.config, plan.model, job.data, mesh=job.mesh
  )
  means = sampler.class_means(saved["params"])
  shown = np.asarray(Image.open(finished / "samples/9.png"))
  average = {**saved["params"], **saved["ema"]}
  grid, losses = sampler.render(average, {}, means)
  np.testing.assert_array_equal(shown, grid)
  live, live_losses = sampler.render(saved["params"], {}, means)
  assert (live != shown).any()
  logged = report.read_metrics(finished)[-1]
  assert logged["split"] == "held_out" and logged["step"] == END
  assert logged["G_GAN"] == pytest.approx(losses["G_GAN"], rel=1e-6)
  assert logged["G_GAN"] != pytest.approx(live_losses["G_GAN"], rel=1e-6)


def test_the_average_by_hand(finished, tmp_path, prepared_dir):
  """Nine steps from the checkpoints of each, over two hand-overs."""
  job = train.Run(
    tiny_config(data__prepared_dir=prepared_dir), tmp_path / "other"
  )
  average: dict[str, np.ndarray] = {}
  for plan in job.plans:
    start = leaves(
      train_step.generators(plan.model.init((job.config.seed, plan.index)))
    )
    # What is new begins at its own weights, what has gone is not missed.
    average = {name: average.get(name, leaf) for name, leaf in start.items()}
    for step in range(plan.first + 1, plan.end + 1):
      saved = state_of(finished, step)
      live = leaves(train_step.generators(saved["params"]))
      average = {k: 0.9 * x + 0.1 * live[k] for k, x in average.items()}
      kept = leaves(saved["ema"])
      assert kept.keys() == average.keys()
      for name, value in average.items():
        np.testing.assert_allclose(kept[name], value, atol=1e-6, err_msg=name)


def test_two_trainings_in_one_folder(finished, tmp_path, prepared_dir):
  """The second ends at once; the first is untouched."""
  workdir = interrupted(finished, tmp_path / "run", 5)
  with (
    lock.hold(workdir),
    pytest.raises(InputError, match="another training is at work there"),
  ):
    run(workdir, prepared_dir)
  run(workdir, prepared_dir)
  assert_same_run(workdir, finished)


def test_a_training_that_came_first(finished, tmp_path, prepared_dir):
  """It ended between the look at the folder and the lock on it."""
  config = tiny_config(data__prepared_dir=prepared_dir)
  job = train.Run(config, tmp_path / "run")
  shutil.copytree(finished, tmp_path / "run")
  with pytest.raises(InputError, match="run the same command again"):
    job.begin()


def test_a_finished_run_has_a_style_bank(finished, tmp_path, prepared_dir):
  bank = style_bank.load(finished)
  digest = style_bank.parameters_digest(state_of(finished, END)["params"]["E"])
  assert bank.about["encoder"] == digest and bank.about["step"] == END
  assert len(bank.about["names"]) == 3
  # Killed while it was made: the same command makes it, and links it.
  workdir = tmp_path / "run"
  shutil.copytree(finished, workdir)
  for path in workdir.glob("style_bank*"):
    path.unlink()
  (workdir / "index.html").unlink()
  run(workdir, prepared_dir)
  page, kept = ((w / "index.html").read_text() for w in (workdir, finished))
  assert 'href="style_bank.html"' in page and "G1/conv_in/kernel" in page
  assert page == kept.replace("<title>finished<", "<title>run<").replace(
    "<h1>finished<", "<h1>run<"
  )
  for path in finished.glob("style_bank.[sj]*"):
    assert (workdir / path.name).read_bytes() == path.read_bytes()


def test_a_bank_of_another_encoder_is_kept(finished, tmp_path, prepared_dir):
  workdir = tmp_path / "run"
  shutil.copytree(finished, workdir)
  make_styles(workdir, step=2, num_styles=2)
  old = {p.suffix: p.read_bytes() for p in workdir.glob("style_bank.*")}
  run(workdir, prepared_dir)
  for suffix, data in old.items():
    assert (workdir / f"style_bank.old{suffix}").read_bytes() == data
  bank = style_bank.load(workdir)
  assert bank.about["step"] == END and bank.about["num_styles"] == 2


def test_a_checkpoint_knows_the_means_of_its_classes(finished, prepared_dir):
  """Over all objects of the three training pictures, as style banks are."""
  config = tiny_config(data__prepared_dir=prepared_dir)
  data = pipeline.prepare(validate(config))
  renderer = open_renderer(finished, 3, use_bank=False)
  objects = encode_split(renderer, training_inputs(data, (16, 32)))
  info = directory.checkpoints_of(finished).info(3)
  means = style_bank.means_from_json(info["class_means"])
  for label in range(8):
    own = objects.features[objects.labels == label]
    assert means.class_counts[label] == len(own)
    if len(own):
      close(means.class_means[label], own.mean(axis=0))
  close(means.global_mean, objects.features.mean(axis=0))


def test_without_a_bank_synthesis_takes_the_means(finished, tmp_path, capsys):
  """Of each object's class, as the checkpoint of that step knows them."""
  workdir, output = tmp_path / "run", tmp_path / "out"
  shutil.copytree(finished, workdir)
  for path in workdir.glob("style_bank*"):
    path.unlink()
  synthesize.synthesize(workdir, "val", output, step=6)
  assert "every class takes the mean of its own" in capsys.readouterr().out
  info = directory.checkpoints_of(workdir).info(6)
  means = info["class_means"]
  seen = set()
  for path in output.glob("*.styles.json"):
    for key, style in json.loads(path.read_text())["objects"].items():
      label, id = int(key.split(":")[0]) if ":" in key else None, key
      if label is None:
        label = int(id) // 1000 if int(id) >= 1000 else int(id)
      want = means["classes"][label] if means["counts"][label] else means["all"]
      assert style == pytest.approx(want, rel=1e-6)
      seen.add(label)
  assert len(seen) >= 5


def test_what_a_stage_says(
  finished, tmp_path, prepared_dir, capsys, monkeypatch
):
  workdir = interrupted(finished, tmp_path / "run", 6)
  monkeypatch.setattr(train.Run, "save", lambda *_: None)
  monkeypatch.setattr(train, "complete_styles", lambda *_: None)
  run(workdir, prepared_dir)
  said = capsys.readouterr().out
  state = state_of(finished, 7)["params"]
  count = {k: sum(x.size for x in leaves(v).values()) for k, v in state.items()}
  for words in (
    "Stage 3 of 3, joint: 64 x 32 pixels",
    "G1, G2, D1..D3 trained", f"({count['G1'] + count['G2']:,} + "
    f"{count['D']:,} parameters), E frozen ({count['E']:,})",
    "3 discriminator scales, 1 epoch (1 + 0) of 3 steps, rate 0.0005 to 0.0005",
    "step 9/9 | joint epoch 1/1",
  ):  # fmt: skip
    assert words in said, words
  assert "devices for a batch of 1: 1 of 4; 3 stay idle" in said


def test_plans():
  config = tiny_config(batch_size=2, **{"stages[1].decay": 2})
  plans = schedule.plan_stages(config, images=7, max_instances=64)
  # 7 // 2 = 3 steps per epoch: 1, 3 and 1 epochs.
  assert [(p.first, p.end) for p in plans] == [(0, 3), (3, 12), (12, 15)]
  assert [plans[1].epoch(step) for step in (3, 5, 6, 11, 12)] == [1, 1, 2, 3, 3]
  assert schedule.plan_stages(config, 1, 64)[0].steps_per_epoch == 1


@pytest.mark.parametrize(
  "scales, shown",
  [(1, "G1, E, D1"), (2, "G1, E, D1..D2"), (3, "G1, E, D1..D3")],
)
def test_a_stage_names_its_discriminators(scales, shown):
  config = tiny_config(**{"stages[0].scales": scales})
  (plan, *_) = schedule.plan_stages(config, images=3, max_instances=64)
  assert schedule.describe(plan, config)["trains"] == shown


@pytest.mark.slow
@pytest.mark.parametrize("where", ["disk", "bucket"])
def test_kill_9_of_a_real_process(
  finished, tmp_path, prepared_dir, where, request
):
  """The command line, killed in stage two; the same command goes on."""
  workdir = tmp_path / "run"
  if where == "bucket":
    workdir = whole_files.path(f"{request.getfixturevalue('bucket')}/run")
  config = tmp_path / "tiny_run.py"
  tests = str(pathlib.Path(__file__).parent)
  config.write_text(
    f"import os, sys, time\nsys.path.insert(0, {tests!r})\n"
    "from hdgan.runs.checkpoint import Checkpoints\n"
    "from tiny import tiny_config\ndef get_config():\n"
    f"  return tiny_config(data__prepared_dir={prepared_dir!r})\n"
    # Waits after the save of step 5, so that the kill finds it there.
    "save = Checkpoints.save\ndef save_and_wait(self, step, *args, **kwargs):\n"
    "  save(self, step, *args, **kwargs)\n"
    "  time.sleep(60 if step == 5 and 'TO_BE_KILLED' in os.environ else 0)\n"
    "Checkpoints.save = save_and_wait\n"
  )
  command = [
    sys.executable, "-m", "hdgan.main", f"--config={config}",
    f"--workdir={workdir}",
  ]  # fmt: skip
  process = subprocess.Popen(
    command,
    stdout=subprocess.PIPE,
    text=True,
    env=dict(os.environ, TO_BE_KILLED="1"),
  )
  for line in process.stdout:
    if line.startswith("step 5/"):
      process.send_signal(signal.SIGKILL)
      break
  process.stdout.close()
  assert process.wait() == -signal.SIGKILL
  newest = directory.checkpoints_of(workdir).latest()
  assert newest in (3, 4, 5)
  done = subprocess.run(command, capture_output=True, text=True, timeout=900)
  assert done.returncode == 0, done.stderr
  assert "Stage 1 of 3" not in done.stdout
  if newest > 3:
    assert "Stage 2 of 3" in done.stdout
  assert_same_run(workdir, finished)
  made = {}
  for run in (workdir, finished):
    output = tmp_path / f"of {run.name}"
    synthesize.synthesize(run, "val", output)
    made[run.name] = {p.name: p.read_bytes() for p in output.glob("*.png")}
  assert made["run"] == made["finished"]


@pytest.mark.slow
def test_sigterm_of_a_real_process(tmp_path, prepared_dir):
  config = tmp_path / "tiny_run.py"
  tests = str(pathlib.Path(__file__).parent)
  config.write_text(
    f"import sys\nsys.path.insert(0, {tests!r})\n"
    "from tiny import tiny_config\ndef get_config():\n"
    f"  return tiny_config(data__prepared_dir={prepared_dir!r}, "
    "checkpoint_every=99, **{'stages[0].constant': 900})\n"
  )
  command = [
    sys.executable, "-m", "hdgan.main", f"--config={config}",
    f"--workdir={tmp_path / 'run'}",
  ]  # fmt: skip
  process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
  for line in process.stdout:
    if line.startswith("step "):
      process.send_signal(signal.SIGTERM)
      break
  rest = process.stdout.read()
  process.stdout.close()
  assert process.wait() == 0
  step = directory.checkpoints_of(tmp_path / "run").latest()
  assert f"Stopped and saved at step {step};" in rest


def test_other_photos_are_told(tmp_path, capsys):
  """As many as before, so that nothing else would show it."""
  root = tmp_path / "data"
  streets.write_folder(root, num_train=3, num_val=2, size=(16, 32))
  config = validate(
    tiny_config(
      data__name="paired_folder",
      data__root=str(root),
      data__prepared_dir=str(tmp_path / "copies"),
    )
  )
  contents = pipeline.prepare(config).contents
  save_run(tmp_path / "run", config, contents=contents)
  train.Run(config, tmp_path / "run")
  assert "hold other maps or photos" not in capsys.readouterr().err
  for path in (root / "train_img").iterdir():
    with Image.open(path) as photo:
      inverted = 255 - np.asarray(photo)
    Image.fromarray(inverted).save(path)
  train.Run(config, tmp_path / "run")
  said = f"{tmp_path / 'run'}: the training files hold other maps or photos"
  assert said in capsys.readouterr().err
