"""Prepared copies: whole, once, again when the folder has changed."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from tiny import scan

from hdgan.datasets import files, files_builder, prepared
from hdgan.datasets.check import Rules
from hdgan.datasets.examples import Found
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.devices import compile_cache
from hdgan.errors import InputError
from hdgan.picture_spec import PictureSpec

RULES = Rules(PictureSpec(num_classes=8))


@pytest.fixture
def root(tmp_path):
  synthetic_streets.write_folder(
    tmp_path / "data", num_train=4, num_val=2, size=(32, 64)
  )
  return tmp_path / "data"


def prepare(root, copies, rules=RULES):
  found = Found({split: scan(root, split) for split in ("train", "val")})
  return files_builder.prepare(PairedFolder, root, found, rules, folder=copies)


def names(sources, split) -> list[str]:
  return [example["name"].decode() for example in sources[split]]


def test_a_copy_in_a_folder_that_cannot_be_written(root, tmp_path, monkeypatch):
  """What is there is read, also by other rules; nothing new is prepared."""
  _, first = prepare(root, tmp_path / "copies")

  @contextlib.contextmanager
  def refuse(folder):
    raise PermissionError(13, "Permission denied")
    yield

  monkeypatch.setattr(prepared, "locked", refuse)
  rules = Rules(PictureSpec(num_classes=9))
  for some in (RULES, rules):
    sources, summary = prepare(root, tmp_path / "copies", some)
    assert summary == first
    assert names(sources, "train") == [f"street_{i:05d}" for i in range(4)]
  with pytest.raises(InputError, match="say --config.data.prepared_dir=FOLDER"):
    prepare(root, tmp_path / "others")


def test_without_a_home(monkeypatch):
  """No HOME, and a user whom the password file does not know."""

  def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

  monkeypatch.setattr("pwd.getpwuid", unknown)
  monkeypatch.delenv("HOME")
  monkeypatch.delenv("XDG_CACHE_HOME")
  with pytest.raises(InputError) as error:
    prepared.copies_folder("")
  assert str(error.value).endswith("; say --config.data.prepared_dir=FOLDER")
  assert prepared.copies_folder("/copies") == pathlib.Path("/copies")
  before = jax.config.jax_compilation_cache_dir
  assert compile_cache.use() is None
  assert jax.config.jax_compilation_cache_dir == before


def test_files_are_kept_byte_for_byte_in_name_order(root, tmp_path):
  label = np.full((32, 64), 5, np.int32)
  (root / "train_label/street_00002.png").unlink()
  np.save(root / "train_label/street_00002.npy", label)
  sources, summary = prepare(root, tmp_path / "copies")
  assert names(sources, "train") == [f"street_{i:05d}" for i in range(4)]
  assert names(sources, "val") == ["street_00004", "street_00005"]
  assert summary.counts == {"train": 4, "val": 2}
  example = sources["train"][2]
  np.testing.assert_array_equal(files.read_map(example["label"]), label)
  photo = (root / "train_img/street_00002.png").read_bytes()
  assert example["image"] == photo


def test_prepared_and_checked_once(root, tmp_path, monkeypatch):
  _, first = prepare(root, tmp_path / "copies")
  before = sorted((tmp_path / "copies").rglob("*"))

  def forbidden(*args: object, **kwargs: object) -> None:
    raise AssertionError("read again")

  monkeypatch.setattr(files_builder, "check", forbidden)
  sources, second = prepare(root, tmp_path / "copies")
  assert first == second
  assert len(sources["train"]) == 4
  assert sorted((tmp_path / "copies").rglob("*")) == before


def test_other_rules_are_checked_on_the_same_copy(root, tmp_path):
  prepare(root, tmp_path / "copies")
  with pytest.raises(InputError, match="num_classes = 3"):
    prepare(root, tmp_path / "copies", Rules(PictureSpec(num_classes=3)))


@pytest.mark.parametrize("change", ["time", "size", "name"])
def test_a_changed_folder_is_prepared_again(root, tmp_path, change):
  splits = {"train": scan(root, "train")}
  before = files_builder.fingerprint(splits)
  photo = root / "train_img/street_00001.png"
  if change == "time":
    os.utime(photo, (1, 1))
  elif change == "size":
    photo.write_bytes(photo.read_bytes() + b"\0")
  else:
    for role in ("label", "inst", "img"):
      path = root / f"train_{role}/street_00001.png"
      path.rename(path.with_name("street_x.png"))
  splits = {"train": scan(root, "train")}
  assert files_builder.fingerprint(splits) != before
  # The name of the whole folder does not matter, those of its files do.
  moved = shutil.copytree(root, tmp_path / "moved")
  again = {"train": scan(moved, "train")}
  assert files_builder.fingerprint(again) == (files_builder.fingerprint(splits))


def test_bad_folders_leave_nothing_behind(root, tmp_path):
  (root / "train_img/street_00001.png").write_bytes(b"no picture")
  with pytest.raises(InputError, match="train_img/street_00001.png"):
    prepare(root, tmp_path / "copies")
  assert not (tmp_path / "copies").exists()


KILLED = """
import os, pathlib, sys
sys.path[:0] = [{here!r}, {here!r} + "/tests"]
from tiny import scan
from hdgan.datasets import files_builder, prepared
from hdgan.datasets.check import Rules
from hdgan.datasets.examples import Found
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.picture_spec import PictureSpec
prepared.progress_line = lambda what: lambda done, total: (
  os._exit(9) if what.startswith("preparing") and done == 3 else None)
root = pathlib.Path({root!r})
found = Found({{s: scan(root, s) for s in ("train", "val")}})
copies = pathlib.Path({copies!r})
rules = Rules(PictureSpec(8))
files_builder.prepare(PairedFolder, root, found, rules, folder=copies)
"""


def test_a_killed_preparation_is_redone(root, tmp_path):
  copies = tmp_path / "copies"
  here = str(pathlib.Path(__file__).parents[2])
  script = KILLED.format(here=here, root=str(root), copies=str(copies))
  done = subprocess.run([sys.executable, "-c", script], check=False)
  assert done.returncode == 9
  assert list(copies.rglob("*incomplete*"))
  sources, _ = prepare(root, copies)
  assert len(sources["train"]) == 4
  assert not list(copies.rglob("*incomplete*"))


def test_a_copy_that_another_process_made_meanwhile(
  root, tmp_path, monkeypatch
):
  locked = prepared.locked

  @contextlib.contextmanager
  def slow_lock(path):
    # While this process waits for the lock another one prepares the copy.
    monkeypatch.setattr(prepared, "locked", locked)
    prepare(root, tmp_path / "copies")
    with locked(path):
      yield

  monkeypatch.setattr(prepared, "locked", slow_lock)
  sources, _ = prepare(root, tmp_path / "copies")
  assert len(sources["train"]) == 4


def test_a_folder_that_cannot_be_written(root, tmp_path):
  (tmp_path / "copies").write_text("a file")
  with pytest.raises(InputError, match="data.prepared_dir=FOLDER"):
    prepare(root, tmp_path / "copies")


def test_default_folder_follows_the_cache_variable(tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  assert prepared.copies_folder("") == tmp_path / "hdgan"
  monkeypatch.delenv("XDG_CACHE_HOME")
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
  assert prepared.copies_folder("") == tmp_path / "home/.cache/hdgan"
  assert prepared.copies_folder("~/x") == tmp_path / "home/x"


def test_progress_is_one_plain_line_in_a_log(capsys):
  tell = prepared.progress_line("checking x")
  for done in range(1, 6):
    tell(done, 5)
  captured = capsys.readouterr()
  assert captured.err == "checking x: 5 of 5\n"
  assert captured.out == ""


def test_contents_are_of_the_bytes_alone(root, tmp_path):
  """Neither times nor places count, each byte of each file does."""
  found = {}

  def contents(name):
    found[name] = prepare(root, tmp_path / name)[1].contents
    return found[name]

  first = contents("a")
  assert set(first) == {"train", "val"} and first["train"] != first["val"]
  for path in root.rglob("*.png"):
    os.utime(path, (1, 1))
  root = root.rename(tmp_path / "moved")
  assert contents("b") == first
  one, two = sorted((root / "train_img").iterdir())[:2]
  data = one.read_bytes(), two.read_bytes()
  one.write_bytes(data[1])
  two.write_bytes(data[0])
  after = contents("c")
  assert after["train"] != first["train"] and after["val"] == first["val"]


@pytest.mark.parametrize("text", ["", "[]", '{"rules": 3}', "\xff", "[" * 9999])
def test_a_damaged_record_is_made_again(root, tmp_path, text):
  _, summary = prepare(root, tmp_path / "copies")
  (path,) = (tmp_path / "copies").rglob("check.json")
  good = path.read_text()
  path.write_text(text, encoding="latin-1")
  assert prepare(root, tmp_path / "copies")[1] == summary
  assert path.read_text() == good
  path.write_text(good.replace('"counts"', '"count"'))
  assert prepare(root, tmp_path / "copies")[1] == summary
