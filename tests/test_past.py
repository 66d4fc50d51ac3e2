"""Runs, releases and imports of the first version open, now and for ever.

goldens/past.zip was written by hdgan 0.1.0 before its config had a table; what
is in it is told in goldens/README.md. Each test runs as things are, and once
more with a field that nothing in the zip knows.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from tiny import assert_bits, command, leaves, null_bias

from hdgan import config as config_lib
from hdgan.config import Field
from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory
from hdgan.styles import bank as style_bank

ZIP = pathlib.Path(__file__).parent / "goldens" / "past.zip"
ADDED = Field("generator.manner", str, "plain", meaning="added by a test")
# Fields that came since, with what runs did before.
YOUNGER = {
  "mesh.space": 1, "shard_optimizer": False, "accumulate": 1, "max_skipped": 5,
  "data.variant": "", "data.split": "",
  "data.label_map": "", "data.instances": "folder", "data.store_size": 0,
  "data.store": "files",
  "generator.kind": "global", "discriminator.kind": "multiscale",
  "evaluate_every": 0, "evaluate_features": "", "keep_best": False,
  "generator.dropout": 0.0, "loss.l1": 0.0,
  "data.warp_labels": 0.0, "loss.label_mix": 10.0,
  "generator.pictures": 1, "loss.vgg_form": "pix2pixhd",
}  # fmt: skip


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
  folder = tmp_path_factory.mktemp("past")
  with zipfile.ZipFile(ZIP) as archive:
    archive.extractall(folder)
  return folder


@pytest.fixture(params=["as it is", "a field more"])
def past(request, unpacked, tmp_path, monkeypatch):
  """A copy of the zip; nothing that a test does to it lasts."""
  if request.param == "a field more":
    fields = (*config_lib.FIELDS, ADDED)
    monkeypatch.setattr(config_lib, "FIELDS", fields)
  return shutil.copytree(unpacked, tmp_path / "past")


def read_state(workdir, step):
  checkpoints = directory.checkpoints_of(workdir)
  return checkpoints.restore_subtree(step, list(checkpoints.structure(step)))


def digests(tree) -> dict[str, str]:
  return {
    name: hashlib.sha256(
      f"{array.dtype}{list(array.shape)}".encode() + array.tobytes()
    ).hexdigest()[:16]
    for name, array in leaves(tree).items()
  }


@pytest.mark.parametrize(("name", "step"), [("run", 2), ("imported", 0)])
def test_every_bit_of_a_checkpoint(past, name, step):
  kept = json.loads((past / "sums.json").read_text())[name]
  assert digests(read_state(past / name, step)) == kept


def test_what_an_old_config_lacks_is_filled_in(past):
  plain = json.loads((past / "run" / "config.json").read_text())
  now = config_lib.plain(directory.read_config(past / "run"))
  now, plain = config_lib.flatten(now), config_lib.flatten(plain)
  manner = now.pop("generator.manner", "plain")
  assert {name: now.pop(name) for name in YOUNGER} == YOUNGER
  assert plain.pop("remat") is False and now.pop("remat") == "none"
  assert manner == "plain" and now == plain


def resume(workdir, copies) -> str:
  status, out, err = command(
    f"--workdir={workdir}", f"--config.data.prepared_dir={copies}"
  )
  assert status == 0, err
  return out


@pytest.fixture(scope="module")
def resumed(unpacked, tmp_path_factory):
  """The old run, from its step 2 through a hand-over to its end."""
  folder = tmp_path_factory.mktemp("resumed")
  shutil.copytree(unpacked / "run", folder / "run")
  out = resume(folder / "run", folder / "copies")
  assert "Stage 1 of 2" in out and "Finished after 6 steps" in out
  return folder


def test_an_old_run_ends_as_it_did(resumed, unpacked):
  """Tolerances as for the training step's parity: another CPU may round."""
  want = safetensors.numpy.load_file(unpacked / "end.safetensors")
  got = leaves({"params": read_state(resumed / "run", 6)["params"]})
  assert got.keys() == want.keys()
  for name, value in want.items():
    if not null_bias(name.removeprefix("params/")):
      np.testing.assert_allclose(got[name], value, atol=2e-5, err_msg=name)
  lines = (unpacked / "end.jsonl").read_text().splitlines()
  seen = (resumed / "run" / "metrics.jsonl").read_text().splitlines()
  for line, kept in zip(seen[2:], lines, strict=True):
    line, kept = json.loads(line), json.loads(kept)
    assert line.keys() == kept.keys()
    for key in line.keys() - {"images_per_s"}:
      if isinstance(kept[key], float):
        assert line[key] == pytest.approx(kept[key], rel=1e-4)
      else:
        assert line[key] == kept[key]


def test_a_field_more_changes_no_bit_of_it(
  resumed, unpacked, tmp_path, monkeypatch
):
  fields = (*config_lib.FIELDS, ADDED)
  monkeypatch.setattr(config_lib, "FIELDS", fields)
  shutil.copytree(unpacked / "run", tmp_path / "run")
  resume(tmp_path / "run", resumed / "copies")
  assert directory.read_config(tmp_path / "run").generator.manner == "plain"
  assert_bits(read_state(tmp_path / "run", 6), read_state(resumed / "run", 6))


def test_its_picture_in_its_styles(past, tmp_path):
  """Within one level of 255: another CPU may round."""
  status, _, err = command(
    "--mode=synthesize", f"--workdir={past / 'run'}", "--input=val",
    f"--output={tmp_path / 'out'}", f"--styles={past / 'pictures'}",
  )  # fmt: skip
  assert status == 0, err
  (kept,) = (past / "pictures").glob("*.png")
  want = np.asarray(Image.open(kept)).astype(int)
  got = np.asarray(Image.open(tmp_path / "out" / kept.name)).astype(int)
  assert np.abs(got - want).max() <= 1
  text = kept.with_suffix(".styles.json").read_text()
  assert (tmp_path / "out" / f"{kept.stem}.styles.json").read_text() == text


def test_the_names_in_a_style_bank_are_a_format(past):
  """Of the file as it was, whatever the fields of our classes are called."""
  bank = style_bank.load(past / "run")
  arrays = safetensors.numpy.load_file(past / "run" / style_bank.FILE)
  assert arrays.keys() == style_bank.TENSORS.keys()
  parts = [getattr(bank, name) for name in ("styles", "objects")]
  fields = sum(len(dataclasses.fields(part)) for part in parts)
  assert fields == len(arrays)
  np.testing.assert_array_equal(
    bank.objects.picture_ids, arrays["objects.pictures"]
  )


def test_an_old_release_is_imported(past, tmp_path):
  workdir = tmp_path / "W"
  status, _, err = convert("import", past / "release", workdir)
  assert status == 0, err
  renderer = open_renderer(workdir)
  for unit in ("G1", "G2", "E"):
    file = past / "release" / f"{unit[0]}.safetensors"
    arrays = safetensors.numpy.load_file(file)
    for name, array in leaves({unit: renderer.params[unit]}).items():
      np.testing.assert_array_equal(array, arrays[name.replace("/", ".")])


def convert(mode, source, workdir, *more) -> tuple[int, str, str]:
  import contextlib
  import io

  from hdgan import convert as door

  out, err = io.StringIO(), io.StringIO()
  words = [mode, "--from", str(source), "--workdir", str(workdir), *more]
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    status = door.main(words)
  return status, out.getvalue(), err.getvalue()


def test_the_released_code_s_files_give_the_same_import(past, tmp_path):
  """opt.txt and weights, read anew, as the first version read them."""
  pytest.importorskip("torch")
  status, _, err = convert(
    "import", past / "pth", tmp_path / "W", "--size=32,64"
  )
  assert status == 0, err
  now, was = (
    directory.read_config(w) for w in (tmp_path / "W", past / "imported")
  )
  assert config_lib.differences(now, was) == []
  assert_bits(read_state(tmp_path / "W", 0), read_state(past / "imported", 0))


def test_an_old_import_renders(past, tmp_path):
  status, _, err = command(
    "--mode=synthesize", f"--workdir={past / 'imported'}",
    f"--input={past / 'maps'}", f"--output={tmp_path / 'out'}",
  )  # fmt: skip
  assert status == 2 and "neither a folder nor a split" in err
  (past / "maps").mkdir()
  label = np.arange(32 * 64).reshape(32, 64) // 300
  Image.fromarray(label.astype(np.uint8)).save(past / "maps" / "a.png")
  status, _, err = command(
    "--mode=synthesize", f"--workdir={past / 'imported'}",
    f"--input={past / 'maps'}", f"--output={tmp_path / 'out'}",
  )  # fmt: skip
  assert status == 0, err
  assert np.asarray(Image.open(tmp_path / "out" / "a.png")).std() > 1
