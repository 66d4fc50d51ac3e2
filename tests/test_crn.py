"""A run of CRN from training to a release, without a discriminator."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import command, tiny_config

from hdgan import config as config_lib
from hdgan import convert

FIELDS = {
  "generator.kind": "crn", "generator.width": 8, "generator.blocks": 9,
  "generator.enhancer_blocks": 3, "loss.gan": "none", "loss.l1": 1.0,
  "loss.feature_matching": 0.0, "encoder.enabled": False, "sample_every": 3,
  "stages[0].trainable": ("G1",), "stages[1].trainable": ("G1", "G2"),
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """Two stages, the second gone on with for an epoch more."""
  folder = tmp_path_factory.mktemp("crn")
  config = tiny_config(**FIELDS)
  with config.unlocked():
    config.stages = config.stages[:2]
  (folder / "config.json").write_text(config_lib.to_json(config))
  workdir = folder / "W"
  status, out, err = command(
    f"--config={folder / 'config.json'}", f"--workdir={workdir}"
  )
  assert status == 0 and "Finished after 6 steps" in out, err
  status, out, err = command(
    f"--workdir={workdir}", "--config.stages[1].constant=2"
  )
  assert status == 0 and "goes on from step 6" in out, err
  assert "Finished after 9 steps" in out
  return workdir


@pytest.mark.slow
def test_numbers_and_page(run):
  lines = (run / "metrics.jsonl").read_text().splitlines()
  numbers = [json.loads(line) for line in lines]
  assert numbers[-1]["G_L1"] < numbers[0]["G_L1"]
  assert not any(name[:2] in ("D_", "G_G") for x in numbers for name in x)
  page = (run / "index.html").read_text()
  assert "G1, G2</td>" in page and "D1" not in page


@pytest.mark.slow
def test_pictures_of_any_size_and_of_a_release(run, tmp_path, capsys):
  """13 x 21 pixels are padded to 16 x 24 and cut again."""
  maps, release = tmp_path / "maps", tmp_path / "R"
  maps.mkdir()
  label = np.arange(13 * 21).reshape(13, 21) // 60
  Image.fromarray(label.astype(np.uint8)).save(maps / "a.png")
  words = (f"--workdir={run}", f"--to={release}")
  assert convert.main(["release", *words]) == 0
  assert not (release / "D.safetensors").exists()
  words = (f"--from={release}", f"--workdir={tmp_path / 'again'}")
  assert convert.main(["import", *words]) == 0
  pictures = []
  for workdir in (run, tmp_path / "again"):
    output = tmp_path / f"pictures_{workdir.name}"
    status, _, err = command(
      "--mode=synthesize", f"--workdir={workdir}", f"--input={maps}",
      f"--output={output}", "--size=input",
    )  # fmt: skip
    assert status == 0, err
    pictures.append(np.asarray(Image.open(output / "a.png")))
  assert pictures[0].shape == (13, 21, 3) and pictures[0].std() > 1
  np.testing.assert_array_equal(*pictures)
  capsys.readouterr()
  words = (f"--workdir={run}", f"--to={tmp_path / 'X'}")
  assert convert.main(["export", *words]) == 2
  assert "generator.kind = 'crn': the released code has no such network" in (
    capsys.readouterr().err
  )
