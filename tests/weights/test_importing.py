"""Weights of the original give the original's numbers here."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tiny import on_device

from hdgan import convert, synthesize
from hdgan.errors import InputError
from hdgan.networks.model import build_model
from hdgan.runs import directory
from hdgan.weights import importing, pth
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  shapes_of,
  table_of,
)

pytest.importorskip("torch")

SPECS = {
  "G": GeneratorSpec(6, 3, 8, 2, 1, 1, 1),  # 3 classes, boundary, 2 of styles
  "E": EncoderSpec(3, 2, 4, 2),
  "D": DiscriminatorSpec(7, 4, 2, 2),
}


def write(folder, nets="GED", specs=SPECS):
  """Random weights as the original's files; returns them by network."""
  folder.mkdir(exist_ok=True)
  rng, written = np.random.default_rng(0), {}
  for net in nets:
    written[net] = {
      name: rng.normal(0, 0.02, shape).astype(np.float32)
      for name, shape in shapes_of(table_of(specs[net])).items()
    }
    pth.write(folder / f"latest_net_{net}.pth", written[net])
  return folder


def run(*flags):
  return convert.main([str(flag) for flag in flags])


@pytest.mark.parametrize("file", ["latest", "dataparallel", "legacy"])
def test_outputs_are_the_originals(test_data, tmp_path, file):
  """G plain, with DataParallel's names, and in the old kind of file."""
  folder, work = test_data / "parity" / "checkpoint", tmp_path / "W"
  paths = [folder / f"{file}_net_G.pth"]
  paths += [folder / f"latest_net_{net}.pth" for net in "DE"]
  assert run(
    "import", "--from", *paths, f"--workdir={work}", "--num_classes=7",
    "--size=64,128",
  ) == 0  # fmt: skip
  config, params = directory.read_config(work), load(work)
  model = build_model(config, config.stages[0], max_instances=16)
  spec = dataclasses.replace(model.pictures, image_range=(-1.0, 1.0))
  model = dataclasses.replace(model, pictures=spec)
  arrays = np.load(folder / "io.npz")
  want = {
    name: arrays[name].transpose(0, 2, 3, 1)
    for name in arrays.files
    if arrays[name].ndim == 4
  }
  inst = want["inst"][..., 0]
  ids = np.unique(inst, return_inverse=True)[1].reshape(inst.shape)
  batch = {
    "label": want["label"][..., 0], "instance": inst, "image": want["image"],
    "objects": ids.astype(np.int32),
  }  # fmt: skip
  batch = on_device(batch)
  condition = model.condition(batch)
  np.testing.assert_array_equal(condition, want["input_label"])
  features = jax.jit(model.features)(params, batch)
  close(features, want["feat_map"])
  fake = jax.jit(model.generate)(params, condition, features)
  close(fake, want["fake"])
  if file == "latest":
    scales = jax.jit(model.discriminate)(params["D"], condition, want["fake"])
    for i, layers in enumerate(scales):
      for j, layer in enumerate(layers):
        close(layer, want[f"D/{i}/{j}"])


def load(workdir):
  return jax.tree.map(jnp.asarray, directory.load_params(workdir))


def close(got, want):
  """Within 1e-4 of the largest value; float32 differs by about 3e-6."""
  scale = np.abs(want).max()
  np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * scale)


def test_synthesize_takes_the_workdir(tmp_path):
  folder, work = write(tmp_path / "F"), tmp_path / "W"
  assert run(
    "import", f"--from={folder}", f"--workdir={work}", "--num_classes=3",
    "--size=16,32",
  ) == 0  # fmt: skip
  maps = tmp_path / "maps"
  maps.mkdir()
  label = np.arange(16 * 32).reshape(16, 32) // 200
  Image.fromarray(label.astype(np.uint8)).save(maps / "a.png")
  synthesize.synthesize(work, str(maps), tmp_path / "out")
  picture = np.asarray(Image.open(tmp_path / "out" / "a.png"))
  assert picture.shape == (16, 32, 3) and picture.std() > 0


def test_a_run_does_not_resume_in_an_import(tmp_path):
  folder, work = write(tmp_path / "F"), tmp_path / "W"
  run("import", f"--from={folder}", f"--workdir={work}", "--num_classes=3",
      "--size=16,32")  # fmt: skip
  config = directory.read_config(work)
  with pytest.raises(InputError, match="no run to resume.*init_from"):
    directory.resume_point(work, config)


def test_g_alone_and_other_epochs(tmp_path):
  specs = {"G": GeneratorSpec(4, 3, 4, 1, 1)}
  folder, work = write(tmp_path / "F", "G", specs), tmp_path / "W"
  file = folder / "latest_net_G.pth"
  file.rename(folder / "30_net_G.pth")
  flags = (f"--workdir={work}", "--num_classes=3", "--size=8,8")
  assert run("import", f"--from={folder}", *flags) == 2
  assert not work.exists()
  assert run("import", f"--from={folder}", *flags, "--which_epoch=30") == 0
  assert sorted(load(work)) == ["G1"]


def test_styles_without_their_encoder(tmp_path, capsys):
  folder, work = write(tmp_path / "F", "GD"), tmp_path / "W"
  flags = (f"--workdir={work}", "--num_classes=3", "--size=16,32")
  assert run("import", f"--from={folder}", *flags) == 2
  error = capsys.readouterr().err
  assert "G takes 6 channels, 4 of them" in error and "--features=2" in error
  assert run("import", f"--from={folder}", *flags, "--features=2") == 0
  config = directory.read_config(work)
  assert config.encoder.enabled and config.encoder.channels == 2


def test_opt_txt_answers_and_is_compared(tmp_path, capsys):
  folder, work = write(tmp_path / "F"), tmp_path / "W"
  path = folder / "opt.txt"
  path.write_text("label_nc: 3\nno_instance: False\nndf: 4\nlr: 0.001\n")
  flags = (f"--from={folder}", f"--workdir={work}", "--size=16,32")
  assert run("import", *flags) == 0
  config = directory.read_config(work)
  assert config.num_classes == 3
  assert config.optimizer.learning_rate == 1e-3
  path.write_text("label_nc: 3\nndf: 64\nnum_D: 3\n")
  assert run("import", f"--from={folder}", "--workdir=X", "--size=16,32") == 2
  error = capsys.readouterr().err
  assert "ndf: 64 where the weights have 4; num_D: 3" in error


def test_files_must_say_which_network_they_are(tmp_path):
  folder = write(tmp_path / "F")
  (folder / "g.pth").touch()
  with pytest.raises(InputError, match="no such file or folder"):
    importing.find_files([folder / "h.pth"], "latest")
  with pytest.raises(InputError, match="ends in net_G.pth"):
    importing.find_files([folder / "g.pth"], "latest")
  with pytest.raises(InputError, match="no latest_net_G.pth"):
    importing.find_files([folder / "latest_net_D.pth"], "latest")
  found = importing.find_files([folder], "latest")
  assert list(found) == ["G", "E", "D"]
