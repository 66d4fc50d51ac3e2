"""What goes out is what came in, bit by bit."""

import jax
import numpy as np
import pytest
from tiny import assert_bits, save_run, tiny_config

from configs import smoke
from hdgan import convert
from hdgan.config import plain
from hdgan.errors import InputError
from hdgan.networks.model import build_model
from hdgan.runs import directory
from hdgan.runs.checkpoint import Checkpoints
from hdgan.validation import validate
from hdgan.weights import exporting, pth
from hdgan.weights.options import read_options
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  shapes_of,
  table_of,
)

torch = pytest.importorskip("torch")

SPECS = {
  "G": GeneratorSpec(6, 3, 8, 2, 1, 1, 1), "E": EncoderSpec(3, 2, 4, 2),
  "D": DiscriminatorSpec(7, 4, 2, 3),
}  # fmt: skip


@pytest.fixture
def imported(tmp_path):
  """Random files of the original, and the workdir made from them."""
  folder, rng = tmp_path / "F", np.random.default_rng(0)
  folder.mkdir()
  for net, spec in SPECS.items():
    weights = {
      name: rng.normal(0, 0.02, shape).astype(np.float32)
      for name, shape in shapes_of(table_of(spec)).items()
    }
    pth.write(folder / f"latest_net_{net}.pth", weights)
  assert convert.main([
    "import", f"--from={folder}", f"--workdir={tmp_path / 'W'}",
    "--num_classes=3", "--size=16,32",
  ]) == 0  # fmt: skip
  return folder, tmp_path / "W"


def same_files(one, other, nets="GED"):
  for net in nets:
    a, b = (
      torch.load(folder / f"latest_net_{net}.pth", weights_only=True)
      for folder in (one, other)
    )
    assert list(a) == list(b)
    for name in a:
      assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name])


def test_import_then_export_is_bit_equal(imported, tmp_path):
  folder, work = imported
  target = tmp_path / "X"
  assert convert.main(["export", f"--workdir={work}", f"--to={target}"]) == 0
  same_files(folder, target)
  said = read_options(target / "opt.txt")
  want = {
    "netG": "local", "ngf": "4", "num_D": "3", "label_nc": "3",
    "instance_feat": "True", "feat_num": "2", "n_local_enhancers": "1",
  }  # fmt: skip
  assert {name: said[name] for name in want} == want


def test_release_then_import_then_export_is_bit_equal(imported, tmp_path):
  folder, work = imported
  # Not in order, and one is left out.
  told = '[{"id": 2, "name": "tree"}, {"id": 0, "name": "sky"}]'
  (work / "classes.json").write_text(told)
  steps = [
    ["release", f"--workdir={work}", f"--to={tmp_path / 'R'}"],
    ["import", f"--from={tmp_path / 'R'}", f"--workdir={tmp_path / 'V'}"],
    ["export", f"--workdir={tmp_path / 'V'}", f"--to={tmp_path / 'X'}"],
  ]
  assert [convert.main(step) for step in steps] == [0, 0, 0]
  same_files(folder, tmp_path / "X")
  was, now = (directory.read_config(w) for w in (work, tmp_path / "V"))
  assert was == now
  classes = directory.read_classes(tmp_path / "V", 3)
  assert [entry["name"] for entry in classes] == ["sky", "1", "tree"]


def test_exported_options_are_taken_back(imported, tmp_path):
  """With opt.txt beside the weights nothing but the size is asked for."""
  _, work = imported
  steps = [
    ["export", f"--workdir={work}", f"--to={tmp_path / 'X'}"],
    ["import", f"--from={tmp_path / 'X'}", f"--workdir={tmp_path / 'V'}",
     "--size=16,32"],
  ]  # fmt: skip
  assert [convert.main(step) for step in steps] == [0, 0]
  was, now = (directory.read_config(w) for w in (work, tmp_path / "V"))
  assert was.generator == now.generator and was.num_classes == now.num_classes


@pytest.fixture
def averaged(tmp_path):
  """A run's checkpoint whose moving average differs from its weights."""
  config = validate(smoke.get_config())
  stage, work = config.stages[0], tmp_path / "W"
  shapes = build_model(config, stage, 8).shapes()
  params = jax.tree.map(lambda x: np.full(x.shape, 1.0, np.float32), shapes)
  ema = jax.tree.map(lambda x: 2 * x, {"G1": params["G1"]})
  directory.begin(work, config, ())
  with Checkpoints(work / "checkpoints") as checkpoints:
    info = {"step": 4, "stage": 0, "config": plain(config)}
    checkpoints.save(4, {"params": params, "ema": ema}, info)
  return work


@pytest.mark.parametrize(
  "weights, value", [("", 2.0), ("ema", 2.0), ("live", 1.0)]
)
def test_moving_average_or_live_weights(averaged, tmp_path, weights, value):
  saved = exporting.Saved(averaged, None, weights)
  exporting.export(saved, tmp_path / "X", "4")
  found = pth.read(tmp_path / "X" / "4_net_G.pth")
  assert {float(a.flat[0]) for a in found.values()} == {value}
  found = pth.read(tmp_path / "X" / "4_net_D.pth")
  assert {float(a.flat[0]) for a in found.values()} == {1.0}


def test_what_is_not_there(imported, tmp_path):
  with pytest.raises(InputError, match="no moving average"):
    exporting.Saved(imported[1], None, "ema")
  with pytest.raises(InputError, match="--step=3: .* has checkpoints of"):
    exporting.Saved(imported[1], 3, "")
  with pytest.raises(InputError, match="holds no run"):
    exporting.Saved(tmp_path / "nothing", None, "")


def test_differences_are_noted():
  config = smoke.get_config()
  with config.unlocked():
    config.ignore_label, config.loss.gan = 2, "bce"
  notes = exporting.differences(config, config.stages[-1])
  assert len(notes) == 3
  assert "ignore_label = 2" in notes[0] and "(32, 64)" in notes[1]


def test_networks_that_the_released_code_has_not(tmp_path, capsys):
  """They go into a release and come back, but not to the released code."""
  fields = {
    "generator.kind": "unet", "generator.downsamples": 2,
    "generator.blocks": 9, "generator.enhancer_blocks": 3,
    "discriminator.kind": "pix2pix", "ema": 0.0,
    "encoder.enabled": False,
    **{f"stages[{i}].{k}": v for i in range(3) for k, v in
       {"enhancers": 0, "scales": 1, "trainable": ("G1",)}.items()},
  }  # fmt: skip
  work, release, back = (tmp_path / name for name in "WRB")
  params = save_run(work, tiny_config(**fields))
  refused = ["export", f"--workdir={work}", f"--to={tmp_path / 'X'}"]
  assert convert.main(refused) == 2
  line = capsys.readouterr().err
  assert (
    "generator.kind = 'unet': the released code has no such network" in line
  )
  assert not (tmp_path / "X").exists()
  for words in (
    ["release", f"--workdir={work}", f"--to={release}"],
    ["import", f"--from={release}", f"--workdir={back}"],
  ):
    assert convert.main(words) == 0
  assert_bits(directory.load_params(back), params)
