"""Photos from maps: names, sizes, padding, which weights."""

import functools

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import on_device, save_run, tiny_config

from hdgan import synthesize as synthesize_door
from hdgan.datasets import files
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.errors import InputError
from hdgan.networks.model import build_model
from hdgan.rendering import outputs
from hdgan.runs import directory
from hdgan.synthesize import synthesize
from hdgan.validation import validate

PLAIN = {"encoder.enabled": False, "stages[0].trainable": ("G1",)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
  """Runs of an enhancer stage (live and average differ) and of crops."""
  home = tmp_path_factory.mktemp("home")
  synthetic_streets.write_folder(
    home / "data", num_train=1, num_val=2, num_test=2, size=(45, 70)
  )
  config = tiny_config(**PLAIN)
  config.data.prepared_dir = str(home / "copies")
  save_run(home / "run", config, stage=1, step=3, seed=5)
  config.data.transform = "crop"
  save_run(home / "crops", config, stage=0, step=3, seed=5)
  return home


@functools.cache
def generator_of(stage):
  config = validate(tiny_config(**PLAIN))
  model = build_model(config, config.stages[stage])
  return model, jax.jit(lambda p, c: model.generate(p, c, None))


def direct(params, label, instance, stage=1):
  """G on maps that are padded by hand at the right and below, cut back."""
  model, run = generator_of(stage)
  unit = 2 ** (1 + stage)
  height, width = label.shape
  below, right = -height % unit, -width % unit
  pad = [(0, 0), (0, below), (0, right)]
  batch = {
    "label": np.pad(label[None], pad, mode="edge").astype(np.int32),
    "instance": np.pad(instance[None], pad, mode="edge").astype(np.int32),
  }
  params = {k: v for k, v in params.items() if k[0] == "G"}
  fake = np.asarray(run(params, model.condition(on_device(batch))))[
    0, :height, :width
  ]
  return np.clip(np.rint((fake + 1) * 127.5), 0, 255).astype(int)


def maps(home, split, name):
  return (files.read_map(home / f"data/{split}_{r}/{name}.png") for r in
          ("label", "inst"))  # fmt: skip


def picture(path):
  with Image.open(path) as image:
    return np.array(image).astype(int)


def assert_close(one, two):
  # The last bit of a float may tip a level over.
  assert one.shape == two.shape
  assert np.abs(one - two).max() <= 1
  assert np.abs(one - two).mean() < 0.01


def test_stage_size(home, tmp_path, capsys):
  """Maps of 45x70 are scaled to the stage's 32x64, as in training."""
  synthesize(home / "run", str(home / "data/val"), tmp_path / "out")
  names = sorted(p.name for p in (tmp_path / "out").glob("[!.]*"))
  assert names == ["grid.png", "street_00001.png", "street_00002.png"]
  assert "2 pictures and grid.png written to" in capsys.readouterr().out
  for name in names[1:]:
    assert picture(tmp_path / "out" / name).shape == (32, 64, 3)


def test_input_size_with_the_average_weights(home, tmp_path):
  source = str(home / "data/test")
  synthesize(home / "run", source, tmp_path / "out", size="input")
  average = directory.load_params(home / "run")
  label, instance = maps(home, "test", "street_00003")
  got = picture(tmp_path / "out/street_00003.png")
  assert got.shape == (45, 70, 3)
  assert_close(got, direct(average, label, instance))
  # The live weights give another picture.
  checkpoints = directory.checkpoints_of(home / "run")
  live = checkpoints.restore_subtree(3, ["params"])["params"]
  other = direct(live, label, instance)
  assert np.abs(got - other).mean() > 1


def test_crop_trained_models_keep_the_size(home, tmp_path):
  source = str(home / "data/test")
  synthesize(home / "crops", source, tmp_path / "out")
  params = directory.load_params(home / "crops")
  label, instance = maps(home, "test", "street_00004")
  got = picture(tmp_path / "out/street_00004.png")
  assert_close(got, direct(params, label, instance, stage=0))


def test_a_folder_of_labels_alone(home, tmp_path, capsys):
  source = tmp_path / "maps"
  source.mkdir()
  label, _ = maps(home, "test", "street_00003")
  np.save(source / "one.npy", label)
  synthesize(home / "crops", str(source), tmp_path / "out")
  assert "no instance maps: boundaries are taken" in capsys.readouterr().err
  params = directory.load_params(home / "crops")
  got = picture(tmp_path / "out/one.png")
  assert_close(got, direct(params, label, label, stage=0))


def test_a_split_of_the_run_s_data(home, tmp_path):
  synthesize(home / "run", "val", tmp_path / "out")
  names = sorted(p.name for p in (tmp_path / "out").glob("[!.]*"))
  # 3 streets are for training, so the held-out ones are 3 and 4.
  assert names == ["grid.png", "street_00003.png", "street_00004.png"]


def test_step(home, tmp_path):
  """Each checkpoint has its stage's networks."""
  run = tmp_path / "run"
  config = tiny_config(**PLAIN)
  save_run(run, config, stage=0, step=3, seed=1)
  save_run(run, config, stage=1, step=4, seed=2)
  source = str(home / "data/test")
  synthesize(run, source, tmp_path / "new")
  synthesize(run, source, tmp_path / "old", step=3)
  assert picture(tmp_path / "new/street_00003.png").shape[:2] == (32, 64)
  assert picture(tmp_path / "old/street_00003.png").shape[:2] == (16, 32)
  with pytest.raises(InputError, match="--step=2: .* steps 3, 4"):
    synthesize(run, source, tmp_path / "x", step=2)


def test_pictures_are_not_written_over(home, tmp_path):
  out = tmp_path / "out"
  out.mkdir()
  (out / "street_00003.png").write_text("mine")
  with pytest.raises(InputError, match="holds street_00003.png already"):
    synthesize(home / "run", str(home / "data/test"), out)
  assert [p.name for p in out.iterdir()] == ["street_00003.png"]
  assert (out / "street_00003.png").read_text() == "mine"
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match="is a file; name a folder"):
    synthesize(home / "run", str(home / "data/test"), tmp_path / "file")


def test_a_stopped_synthesis_goes_on(home, tmp_path, monkeypatch, capsys):
  """Killed after each number of pictures, it ends with the same files."""
  monkeypatch.setattr(synthesize_door, "GRID_ROWS", 1)
  label, _ = maps(home, "test", "street_00003")
  (tmp_path / "maps").mkdir()
  for i in range(3):
    np.save(tmp_path / f"maps/{i}.npy", np.roll(label, i))
  run, source = home / "run", str(tmp_path / "maps")
  synthesize(run, source, tmp_path / "whole")
  whole = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
  whole.pop(".hdgan_written")
  assert len(whole) == 4
  write = outputs.write_result
  for count in (0, 1, 2):
    made, out = [], tmp_path / f"out{count}"

    def killed(*args, count=count, made=made):
      if len(made) == count:
        raise KeyboardInterrupt
      made.append(args[1])
      write(*args)

    monkeypatch.setattr(outputs, "write_result", killed)
    with pytest.raises(KeyboardInterrupt):
      synthesize(run, source, out)
    made.clear()

    def noted(*args, made=made):
      made.append(args[1])
      write(*args)

    monkeypatch.setattr(outputs, "write_result", noted)
    # Of other maps nothing is kept: the same refusal as ever.
    if count == 2:
      with pytest.raises(InputError, match="already"):
        synthesize(run, source, out, size="input")
    capsys.readouterr()
    synthesize(run, source, out)
    assert made == ["0", *"12"[max(0, count - 1) :]]
    told = capsys.readouterr().out
    assert ("goes on where it was stopped" in told) == (count == 2)
    found = {p.name: p.read_bytes() for p in out.iterdir()}
    found.pop(".hdgan_written")
    assert found == whole
  with pytest.raises(InputError, match="add --overwrite"):
    synthesize(run, source, tmp_path / "whole")


def test_the_grid_is_not_written_over(home, tmp_path):
  out = tmp_path / "out"
  out.mkdir()
  (out / "grid.png").write_text("mine")
  with pytest.raises(InputError, match=r"holds grid\.png already"):
    synthesize(home / "run", str(home / "data/test"), out)
  assert [p.read_text() for p in out.iterdir()] == ["mine"]


def test_a_map_called_grid_has_its_picture(home, tmp_path, capsys):
  label, _ = maps(home, "test", "street_00003")
  for name in ("grid", "other"):
    (tmp_path / "maps").mkdir(exist_ok=True)
    np.save(tmp_path / "maps" / f"{name}.npy", label)
  synthesize(home / "run", str(tmp_path / "maps"), tmp_path / "out")
  assert "2 pictures and grid_.png written" in capsys.readouterr().out
  got = [picture(tmp_path / f"out/{name}.png") for name in ("grid", "other")]
  np.testing.assert_array_equal(*got)
  assert picture(tmp_path / "out/grid_.png").shape[1] > 2 * 64


def test_nothing_is_written_among_the_inputs(home, tmp_path):
  """Photos as JPEG: their folder has no PNG of the same name in the way."""
  data = tmp_path / "D"
  label, _ = maps(home, "test", "street_00003")
  for role in ("val_label", "val_img"):
    (data / role).mkdir(parents=True)
  Image.fromarray(label).save(data / "val_label/a.png")
  Image.new("RGB", label.shape[::-1]).save(data / "val_img/a.jpg")
  kept = sorted(data.rglob("*"))
  (tmp_path / "link").symlink_to(data / "val_img")
  for output in (
    data, data / "val_img", tmp_path / "link", data / "val_inst",
    home / "run/checkpoints", home / "run/samples",
  ):  # fmt: skip
    with pytest.raises(InputError, match="would lie among the files of"):
      synthesize(home / "run", str(data / "val"), output)
  assert sorted(data.rglob("*")) == kept
  synthesize(home / "run", str(data / "val"), data / "pictures")
  # What is there has changed nothing about the input.
  synthesize(home / "run", str(data), tmp_path / "again")


def test_a_run_that_was_killed_goes_on(home, tmp_path, monkeypatch):
  """Over pictures of other options, of which none is taken for its own."""
  source = str(home / "data/test")
  synthesize(home / "run", source, tmp_path / "out", size="input")
  write = outputs.write_result

  def stop(*args):
    write(*args)
    raise KeyboardInterrupt

  monkeypatch.setattr(outputs, "write_result", stop)
  with pytest.raises(KeyboardInterrupt):
    synthesize(home / "run", source, tmp_path / "out", overwrite=True)
  monkeypatch.undo()
  monkeypatch.setattr(synthesize_door, "GRID_ROWS", 1)
  synthesize(home / "run", source, tmp_path / "out")
  synthesize(home / "run", source, tmp_path / "whole")
  whole = list((tmp_path / "whole").glob("[!.]*"))
  assert len(whole) == 3
  for path in whole:
    assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_a_picture_of_the_keys(home, tmp_path):
  """At the map's own size: 45x70, 14 times as large, with a list beside."""
  source = str(home / "data/test")
  run = home / "run"
  synthesize(run, source, tmp_path / "out", name="street_00003",
             show_objects=True)  # fmt: skip
  shown = picture(tmp_path / "out/objects/street_00003.png")
  assert shown.shape[0] >= 14 * 45 and shown.shape[1] > 14 * 70
  label, _ = maps(home, "test", "street_00003")
  # Every class that is there is painted in its colour.
  colours = {tuple(c) for c in shown.reshape(-1, 3).tolist()}
  for entry in synthetic_streets.CLASSES:
    if (label == entry["id"]).sum() > 20:
      assert tuple(entry["color"]) in colours, entry["name"]
