"""`--mode=check`: what it understands of a folder, and what it prints."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny import command

from hdgan import config as config_lib
from hdgan import train
from hdgan.datasets.streets import builder as synthetic_streets

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def root(tmp_path):
  root = tmp_path / "my data"
  synthetic_streets.write_folder(root, num_train=3, num_val=1, size=(32, 64))
  return root


def look(root, *words):
  """Status, lines of stdout and of stderr."""
  flag = [f"--config.data.root={root}"] if root else []
  status, out, err = command("--mode=check", *flag, *words)
  print(out, err)
  return status, out.splitlines(), err.splitlines()


def fact(lines, head) -> str:
  (line,) = [x for x in lines if re.match(rf"{head}  ", x)]
  return line.removeprefix(head).strip()


def typed_command(lines) -> list[str]:
  """The words of the command that is printed."""
  start = lines.index("Train on it with") + 2
  end = lines.index("", start)
  return shlex.split("\n".join(lines[start:end]).replace("\\\n", " "))


def errors(lines) -> list[str]:
  return [x.removeprefix("error: ") for x in lines if x.startswith("error: ")]


def test_a_good_folder(root, tmp_path):
  before = sorted(root.rglob("*"))
  status, out, err = look(root, f"--output={tmp_path / 'page'}")
  assert status == 0 and errors(err) == []
  assert out[:2] == [f"{root} (paired_folder)", "Training would start."]
  assert fact(out, "train") == "3 pictures, to train on"
  assert fact(out, "val") == "1 picture, held out"
  assert fact(out, "label maps") == "4 PNG, 8 bits, grey"
  assert fact(out, "photos").startswith("4 PNG, 8 bits, RGB; values ")
  labels = [np.array(Image.open(p)) for p in root.glob("*_label/*")]
  row = next(x for x in out if re.match(r" +1 +road ", x))
  pixels = sum(int((label == 1).sum()) for label in labels)
  share = 100 * pixels / (4 * 32 * 64)
  assert row.split() == [
    "1", "road", f"{pixels:,}", f"{share:.2f}", "%",
    str(sum(bool((label == 1).any()) for label in labels)), row.split()[-1],
  ]  # fmt: skip
  assert out[-1] == f"Pictures: {tmp_path / 'page/check.html'}"
  assert sorted(root.rglob("*")) == before
  page = (tmp_path / "page/check.html").read_text()
  # The first two examples at least: photo, map, outlines, boundary.
  assert page.count('src="data:image/') >= 8 and "http" not in page
  assert "street_00003.png" in page


def test_the_command_as_typed(root, monkeypatch):
  """It goes through the command line and the check of a training."""
  (root / "classes.json").unlink()
  _, out, _ = look(root)
  words = typed_command(out)
  assert words[:4] == ["python", "-m", "hdgan.main", words[3]]
  assert f"--config.data.root={root}" in words
  assert "--config.num_classes=8" in words
  seen = []
  monkeypatch.setattr(train, "run", lambda config, **_: seen.append(config))
  status, _, err = command(*words[3:])
  assert status == 0, err
  assert seen[0].num_classes == 8 and seen[0].loss.vgg == 0


def test_what_is_typed_is_kept_and_judged(root):
  size = "--config.stages[0].size=64,64"
  status, out, _ = look(root, size, "--config.data.flip=False")
  assert status == 0
  assert {size, "--config.data.flip=False"} <= set(typed_command(out))
  assert any("change their shape by more than a quarter" in x for x in out)
  status, out, err = look(root, "--config.num_classes=5")
  assert status == 2 and "Train on it with" not in out
  assert out[1] == (
    "Training would not start: mend the faults below, and look again."
  )
  (line,) = errors(err)
  assert "outside 0..4" in line and "--config.num_classes=8" in line


def test_ranges_and_ignored_pixels_are_found(root):
  """Floats of 0..1; pixels of 255 without a class."""
  for path in root.glob("*_img/*"):
    np.save(path.with_suffix(".npy"), np.array(Image.open(path)) / 255)
    path.unlink()
  for path in root.glob("*_label/*"):
    label = np.array(Image.open(path))
    label[:2] = 255
    Image.fromarray(label).save(path)
  (root / "classes.json").unlink()
  status, out, _ = look(root)
  assert status == 0
  assert {
    "--config.data.image_range=0,1", "--config.ignore_label=255",
    "--config.num_classes=8",
  } <= set(typed_command(out))  # fmt: skip
  assert fact(out, "classes").endswith("pixels of 255 have none")
  status, _, err = look(root, "--config.data.image_range=0,255")
  assert status == 2
  assert errors(err)[-1].endswith("say --config.data.image_range=0,1")


def test_photos_that_are_there_twice(root):
  """The same pixels in another file: trained on and held out."""
  photo = Image.open(root / "train_img/street_00001.png")
  photo.save(root / "val_img/street_00003.png", compress_level=1)
  status, out, _ = look(root)
  note = " ".join(x.strip() for x in out[out.index("Notes") :])
  assert status == 0
  assert "1 held-out photo is trained on too" in note
  assert "val_img/street_00003.png = train_img/street_00001.png" in note


def test_faults_of_a_folder(root, tmp_path):
  """Also those of the listing; the page shows what could be read."""
  (root / "train_img/street_00000.png").write_bytes(b"no picture")
  (root / "train_img/street_00002.png").unlink()
  status, out, err = look(root, f"--output={tmp_path / 'page'}")
  assert status == 2
  assert any("no photo in train_img/: street_00002" in x for x in errors(err))
  assert any(
    line.startswith("train_img/street_00000.png: damaged or unreadable")
    for line in errors(err)
  )
  page = (tmp_path / "page/check.html").read_text()
  assert "Training would not start" in page
  assert "street_00000.png: damaged" in page


@pytest.mark.parametrize(
  "words, said",
  [
    ([], "--config.data.root"),
    (["--config.data.name=synthetic_streets"], "is drawn, not read"),
    (["--config.data.name=streets"], "is no data set"),
    (["--workdir=runs/a"], "--workdir has no effect with --mode=check"),
  ],
)
def test_nothing_to_look_at(words, said):
  status, out, err = look("", *words)
  assert (status, out) == (2, []) and said in err[-1]


def test_nothing_is_written_into_the_data(root):
  status, _, err = look(root, f"--output={root / 'page'}")
  assert status == 2 and "lies in the data" in err[-1]
  assert not (root / "page").exists()


def test_another_config_keeps_its_fields(root, tmp_path):
  """But for the number of classes; a run's is taken as it is."""
  config = config_lib.defaults()
  config.loss.vgg = 0.0
  config.stages[0].size = (64, 64)
  file = tmp_path / "config.json"
  file.write_text(config_lib.to_json(config))
  status, out, _ = look(root, f"--config={file}")
  assert status == 0 and fact(out, "classes") == "35, of which 8 occur"
  assert "global, 64x64" in "".join(out)


def test_no_device_is_touched(root, tmp_path):
  """In a process of its own, which has no JAX backend at the end."""
  code = (
    "import sys; from absl import app; from hdgan import main\n"
    "from jax._src import xla_bridge\n"
    "try: app.run(main.main, flags_parser=main.parse)\n"
    "finally: print(xla_bridge.backends_are_initialized())\n"
  )
  done = subprocess.run(
    [
      sys.executable, "-c", code, "--mode=check", f"--config.data.root={root}",
      f"--output={tmp_path / 'page'}",
    ],
    cwd=tmp_path, capture_output=True, text=True, timeout=300,
    env=dict(os.environ, PYTHONPATH=str(ROOT)),
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert done.stdout.endswith("\nFalse\n")
  # The config of the clone is found from any folder.
  assert f"--config={ROOT / 'configs/paired_folder.py'} " in done.stdout


@pytest.mark.slow
def test_the_command_trains(root, tmp_path, monkeypatch):
  """As printed, but for the networks, which are made small."""
  monkeypatch.chdir(tmp_path)
  _, out, _ = look(root, "--config.stages[0].size=32,64")
  small = (
    "--config.generator.width=4 --config.discriminator.width=4 "
    "--config.generator.blocks=1 --config.stages[0].constant=1 "
    "--config.stages[0].decay=0"
  )
  status, _, err = command(*typed_command(out)[3:], *small.split())
  assert status == 0, err
  lines = (tmp_path / "runs/my data/metrics.jsonl").read_text().splitlines()
  assert json.loads(lines[-1])["step"] == 3
