"""Every kind of bad input through the command line: one line, status 2.

`pytest tests/test_bad_input.py -s` shows the lines.
"""

import os
import pathlib
import shutil

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import command, save_run, tiny_config

from hdgan.datasets.streets import builder as synthetic_streets

ROOT = pathlib.Path(__file__).parents[1]
SMOKE = f"--config={ROOT / 'configs/smoke.py'}"
FIRST, SECOND = "street_00000.png", "street_00001.png"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
  root = tmp_path_factory.mktemp("good")
  synthetic_streets.write_folder(root, num_train=3, num_val=2, size=(64, 128))
  return root


@pytest.fixture
def root(good, tmp_path):
  return pathlib.Path(shutil.copytree(good, tmp_path / "data"))


@pytest.fixture(autouse=True)
def compilation_cache():
  before = jax.config.jax_compilation_cache_dir
  yield
  jax.config.update("jax_compilation_cache_dir", before)


def lines_of(tmp_path, *words):
  """The lines that are printed; nothing is compiled or left behind."""
  before = {p for p in tmp_path.rglob("*") if "copies" not in p.parts}
  status, out, err = command(*words)
  assert status == 2, err
  assert out == "" and "Traceback" not in err
  progress = ("checking ", "preparing ")
  lines = [x for x in err.splitlines() if not x.startswith(progress)]
  for line in lines:
    print(line)
    assert line.startswith("error: ")
  after = {p for p in tmp_path.rglob("*") if "copies" not in p.parts}
  assert after == before
  copies = [p for p in (tmp_path / "copies").rglob("*") if p.is_file()]
  assert [p.name for p in copies if p.name != ".lock"] == []
  return [line.removeprefix("error: ") for line in lines]


def train_words(root, tmp_path, *more):
  return (
    SMOKE, f"--workdir={tmp_path / 'run'}",
    "--config.data.name=paired_folder", f"--config.data.root={root}",
    f"--config.data.prepared_dir={tmp_path / 'copies'}", *more,
  )  # fmt: skip


def edit(path, change):
  with Image.open(path) as picture:
    array = np.array(picture)
  Image.fromarray(change(array)).save(path)


def too_large_value(root):
  def change(label):
    label[0, :5] = 11
    return label

  edit(root / "train_label" / SECOND, change)


def coloured_label(root):
  shutil.copy(root / "train_img" / FIRST, root / "train_label" / FIRST)


def jpeg_label(root):
  path = root / "train_label" / FIRST
  with Image.open(path) as picture:
    picture.save(path.with_suffix(".jpg"))
  path.unlink()


def no_photo(root):
  (root / "train_img" / SECOND).unlink()


def no_label(root):
  (root / "train_label" / FIRST).unlink()
  (root / "train_inst" / FIRST).unlink()


def other_size(root):
  edit(root / "train_img" / FIRST, lambda photo: photo[:, :100])


def truncated(root):
  path = root / "train_img" / SECOND
  path.write_bytes(path.read_bytes()[:400])


def not_a_picture(root):
  (root / "val_inst/street_00003.png").write_text("no picture")


def empty_split(root):
  for path in (root / "train_label").iterdir():
    path.unlink()


def missing_split(root):
  (root / "train_label").rename(root / "training_label")


def not_utf8(root):
  for part in ("label", "inst", "img"):
    path = root / f"train_{part}" / FIRST
    path.rename(path.with_name("caf\udce9.png"))


def escape_codes(root):
  for part in ("label", "inst", "img"):
    path = root / f"train_{part}" / FIRST
    path.rename(path.with_name("a\x1b[2J\nb.png"))


def pipe(root):
  (root / "train_inst" / FIRST).unlink()
  os.mkfifo(root / "train_inst" / FIRST)


def link_to_nowhere(root):
  path = root / "train_img" / FIRST
  path.unlink()
  path.symlink_to(root / "gone")


def link_to_itself(root):
  path = root / "train_img" / FIRST
  path.unlink()
  path.symlink_to(path)


def flipped_bit(root):
  path = root / "train_label" / SECOND
  data = bytearray(path.read_bytes())
  data[-20] ^= 1  # Of the pixels: behind them are a sum and 12 bytes.
  path.write_bytes(data)


def nothing(root):
  pass


CASES = [
  (too_large_value, [],
   "train_label/street_00001.png: label value 11 (5 pixels) outside 0..7 "
   "(num_classes = 8); say --config.ignore_label=11 if these pixels have no "
   "class, or --config.num_classes=12 if they have one"),
  (coloured_label, [], "train_label/street_00000.png: "),
  (jpeg_label, [],
   "train_label/street_00000.jpg: a map of ids cannot be a JPEG"),
  (no_photo, [],
   "train_label/: 1 of 3 files have no photo in train_img/: street_00001.png"),
  (no_label, [],
   "train_img/: 1 of 3 files have no label map in train_label/: street_00000"),
  (other_size, [],
   "train_img/street_00000.png: the photo is 64x100 (height x width) but "
   "train_label/street_00000.png is 64x128"),
  (nothing, ["--config.max_instances=2"],
   "objects, more than max_instances = 2; say --config.max_instances=64, or "),
  (truncated, [],
   "train_img/street_00001.png: damaged or unreadable (the file is cut short"),
  (not_utf8, [],
   r"train_label/caf\udce9.png: the name is not UTF-8; rename it"),
  (escape_codes, [], r"train_label/a\x1b[2J\nb.png: the name holds a control "),
  (pipe, [], "train_inst/street_00000.png: is no regular file; replace or"),
  (link_to_nowhere, [],
   "train_img/street_00000.png: cannot be read (No such file or directory); "),
  (link_to_itself, [],
   "train_img/street_00000.png: cannot be read (Too many levels of symbolic"),
  (flipped_bit, [], "train_label/street_00001.png: damaged or unreadable (the "
   "sum of its IDAT is wrong); replace or remove the file"),
  (not_a_picture, [], "val_inst/street_00003.png: damaged or unreadable ("),
  (empty_split, [], "train_label/: no label map found (PNG, JPEG, TIFF, WebP"),
  (missing_split, [],
   "split 'train' has no train_label/ (or train_A/); found classes.json, tr"),
  (nothing, ["--config.data.transform=crop",
             "--config.stages[1].size=128,128",
             "--config.stages[2].size=128,128"],
   "64x128 (height x width) is smaller than the stage's 128x128, and nothing"),
  (nothing, ["--config.stages[1].size=70,128"],
   "config.stages[1].size=(70, 128) must be multiples of 8, at least 16 (2 "
   "down-samplings + 1 enhancer); nearest is --config.stages[1].size=72,128"),
  (nothing, ["--config.batch_size=3", "--config.mesh.data=2"],
   "config.batch_size=3 must be a multiple of config.mesh.data=2; say "),
  (nothing, ["--config.stages[0].scals=1"], "'scals'; did you mean 'scales'?"),
  (nothing, ["--config.loss.vgg=10"], "config.loss.vgg=10.0 needs weights: "),
  (nothing, ["--config.loss.vgg=10", "--config.loss.vgg_file=no.safetensors"],
   "config.loss.vgg_file='no.safetensors': no such file; make one with "),
  (nothing, ["--config.init_from=no"], "no holds no finished checkpoint of a"),
  (nothing, ["--config.data.root="], "config.data.root='' must name a folder"),
  (nothing, ["--config.data.root=" + "x" * 256], "is too long for a path; "),
  (nothing, ["--config.init_from=" + "x" * 256], "is too long for a path; "),
  (nothing, ["--config.optimizer.learning_rate=inf"],
   "config.optimizer.learning_rate=inf must be a finite number"),
  (nothing, ["--config.seed=9223372036854775808"], "must fit 64 bits"),
  (nothing, ["--config.data.root=/no"], "/no: no such folder; say --config."),
]  # fmt: skip


@pytest.mark.parametrize(
  "damage, words, said", CASES, ids=[f"{c[0].__name__}{c[1]}" for c in CASES]
)
def test_one_line(root, tmp_path, damage, words, said):
  damage(root)
  lines = lines_of(tmp_path, *train_words(root, tmp_path, *words))
  assert said in lines[0]
  # The same rule may be broken by several files.
  several = (nothing, empty_split, not_utf8, escape_codes)
  assert len(lines) == 1 or damage in several
  for line in lines[1:]:
    assert line.split(":")[0] != lines[0].split(":")[0]


def test_all_faults_are_told_the_first_twenty_by_name(tmp_path):
  root = tmp_path / "data"
  synthetic_streets.write_folder(root, num_train=23, size=(32, 32))
  for path in (root / "train_label").iterdir():
    edit(path, lambda label: label + 50)
  lines = lines_of(tmp_path, *train_words(root, tmp_path))
  (line,) = lines
  assert line.startswith("train_label/street_00000.png: label values ")
  assert " in 23 of 23 files, which hold " in line
  for path in (root / "train_label").iterdir():
    path.write_bytes(b"")
  lines = lines_of(tmp_path, *train_words(root, tmp_path))
  assert len(lines) == 21
  assert lines[19].startswith("train_label/street_00019.png: ")
  assert lines[20] == "... and 3 more faults"


def test_a_run_with_another_config(tmp_path):
  save_run(tmp_path / "run", tiny_config())
  workdir = f"--workdir={tmp_path / 'run'}"
  (line,) = lines_of(tmp_path, workdir, "--config.generator.width=8")
  assert "(generator.width: was 4, now 8)" in line
  (line,) = lines_of(
    tmp_path, workdir, "--config.seed=2", "--config.stages[0].size=32,32"
  )
  assert "(seed: was 0, now 2; stages[0].size: was (16, 32), now (32, 32)" in (
    line
  )


def test_a_workdir_that_cannot_be_written(root, tmp_path):
  (tmp_path / "file").write_text("")
  words = train_words(root, tmp_path)
  (line,) = lines_of(tmp_path, *words, f"--workdir={tmp_path / 'file/run'}")
  assert line.endswith("is not writable); name another folder")
  (line,) = lines_of(tmp_path, *words, f"--workdir={tmp_path / 'file'}")
  assert line.endswith("file is a file; name a folder")


def test_weights_of_other_networks(root, tmp_path):
  save_run(tmp_path / "old", tiny_config())
  words = train_words(root, tmp_path, f"--config.init_from={tmp_path / 'old'}")
  words += ("--config.generator.width=8", "--config.encoder.width=4")
  status, _, err = command(*words)
  (line,) = [x for x in err.splitlines() if x.startswith("error: ")]
  print(line)
  assert status == 2 and not (tmp_path / "run").exists()
  assert "does not fit the first stage: " in line
  assert line.endswith(
    "generator.width: 4 there, 8 here; encoder.width: 2 there, 4 here; say "
    "--config.generator.width=4 --config.encoder.width=2"
  )


def test_synthesis(root, tmp_path):
  config = tiny_config(**{
    "encoder.enabled": False, "stages[0].trainable": ("G1",),
    "data.name": "paired_folder", "data.root": str(root),
  })  # fmt: skip
  save_run(tmp_path / "run", config)
  words = [
    "--mode=synthesize", f"--workdir={tmp_path / 'run'}",
    f"--output={tmp_path / 'out'}",
  ]  # fmt: skip
  (line,) = lines_of(tmp_path, *words, "--input=nowhere")
  assert f"nowhere: neither a folder nor a split of {root}; name one" in line
  (line,) = lines_of(tmp_path, *words, f"--input={root}")
  assert "holds 2 splits (train, val); say " in line
  (line,) = lines_of(tmp_path, *words, f"--input={root}/val", "--step=7")
  assert "--step=7: " in line and "has checkpoints of steps 3" in line
  too_large_value(root)
  (line,) = lines_of(tmp_path, *words, f"--input={root}/train")
  assert "label value 11 (5 pixels) outside 0..7" in line
  assert line.endswith("; the model knows classes 0..7; correct the map")
  (line,) = lines_of(
    tmp_path, *words, f"--input={root}/val", f"--workdir={tmp_path / 'empty'}"
  )
  assert "holds no run (there is no config.json)" in line


def test_paths_that_are_none(tmp_path):
  """Nothing that they hold reaches the terminal as it is."""
  (tmp_path / "loop").symlink_to(tmp_path / "loop")
  for name, said in (
    ("a\x1b[2J\nb", r"/a\x1b[2J\nb holds a control character; rename it"),
    ("caf\udce9", r"/caf\udce9 is not UTF-8; rename it"),
    ("x" * 256, "x is too long for a path; shorten it"),
    ("loop", "(Too many levels of symbolic links); name another"),
  ):
    (line,) = lines_of(tmp_path, SMOKE, f"--workdir={tmp_path / name}")
    assert line.startswith("--workdir=") and line.endswith(said)


def test_a_long_value_is_cut(root, tmp_path):
  data = {"data.name": "paired_folder", "data.root": str(root)}
  save_run(tmp_path / "run", tiny_config(**data))
  (tmp_path / "s.json").write_text('{"objects": {"1": "%s"}}' % ("x" * 10**6))
  (line,) = lines_of(
    tmp_path, "--mode=synthesize", f"--workdir={tmp_path / 'run'}",
    "--input=val", f"--output={tmp_path / 'out'}",
    f"--styles={tmp_path / 's.json'}",
  )  # fmt: skip
  assert len(line) < 600 and "xxx... (1,000,002 characters) must be" in line
