"""Prepared copies: whole, once, again when the folder has changed."""

import contextlib
import dataclasses
import gc
import json
import os
import pathlib
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from tiny import data_config, scan

from hdgan.datasets import (
  examples,
  files,
  files_builder,
  pipeline,
  prepared,
  shards,
)
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
  monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
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


def copies_in(folder):
  """Names of all copies."""
  return sorted(p.parent.name for p in folder.glob("*/*/1.0.0"))


def grow(root):
  """A photo of another size, of the same pixels."""
  photo = root / "train_img/street_00001.png"
  photo.write_bytes(photo.read_bytes() + b"\0")


def rename(root):
  for role in ("label", "inst", "img"):
    path = root / f"train_{role}/street_00001.png"
    path.rename(path.with_name("street_x.png"))


def exchange(root):
  """Two photos, of one size and time."""
  one, two = (root / f"train_img/street_0000{i}.png" for i in (0, 1))
  data = one.read_bytes(), two.read_bytes()
  for path, other in ((one, data[1]), (two, data[0])):
    path.write_bytes(other)
    os.utime(path, (1, 1))


@pytest.mark.parametrize("change", [grow, rename, exchange])
def test_a_changed_folder_is_prepared_again(root, tmp_path, change, capsys):
  """The copy before it goes, but not from under whoever reads it."""
  copies = tmp_path / "copies"
  sources, _ = prepare(root, copies)
  (first,) = copies_in(copies)
  assert f"prepared copy in {copies}/paired_folder/{first} (" in (
    capsys.readouterr().err
  )
  change(root)
  again, _ = prepare(root, copies)
  both = copies_in(copies)
  assert len(both) == 2 and first in both
  assert "removed" not in capsys.readouterr().err
  assert names(sources, "train") == [f"street_{i:05d}" for i in range(4)]
  del sources, again
  gc.collect()
  photo = root / "train_img/street_00003.png"
  photo.write_bytes(photo.read_bytes() + b"\0")
  prepare(root, copies)
  told = capsys.readouterr().err
  for name in both:
    assert f"removed {copies}/paired_folder/{name}: the copy of {root} " in told
  (third,) = copies_in(copies)
  assert third not in both


def test_files_that_change_between_two_readings(root, tmp_path, monkeypatch):
  """A copy never holds other files than those that it has its name of."""
  copies, fill = tmp_path / "copies", files_builder._Work._fill
  prepare(root, copies)
  photo = root / "train_img/street_00002.png"
  data = photo.read_bytes()

  def changed(work):
    photo.write_bytes(data + b"\0")
    return fill(work)

  grow(root)  # It is checked first, as another copy is there.
  with monkeypatch.context() as patch:
    patch.setattr(files_builder._Work, "_fill", changed)
    with pytest.raises(InputError, match="data: files changed while they were"):
      prepare(root, copies)
  photo.write_bytes(data)
  sources, _ = prepare(root, copies)
  assert sources["train"][2]["image"] == data


@pytest.mark.parametrize("change", ["touched", "moved", "another place"])
def test_the_same_files_are_the_same_copy(root, tmp_path, change, capsys):
  """Read once more, but nothing grows."""
  copies = tmp_path / "copies"
  prepare(root, copies)
  before = copies_in(copies)
  if change == "touched":
    os.utime(root / "train_img/street_00001.png", (1, 1))
  elif change == "moved":
    root = root.rename(tmp_path / "moved")
  else:
    root = shutil.copytree(root, tmp_path / "moved")
  capsys.readouterr()
  sources, _ = prepare(root, copies)
  assert names(sources, "val") == ["street_00004", "street_00005"]
  assert copies_in(copies) == before
  assert not list(copies.rglob("*incomplete*"))
  assert "6 of 6" in capsys.readouterr().err
  prepare(root, copies)
  assert capsys.readouterr().err == ""


def test_other_data_of_the_same_names_sizes_and_times(root, tmp_path):
  """At another place and at the same one, with all times of an archive."""
  copies, size = tmp_path / "copies", (32, 64)
  for place, value in (("a", 1), ("b", 2)):
    shutil.copytree(root, tmp_path / place)
    for path in (tmp_path / place).glob("*_label/*.png"):
      path.unlink()
      np.save(path.with_suffix(".npy"), np.full(size, value, np.uint8))
    for path in (tmp_path / place).rglob("*"):
      os.utime(path, (315532800, 315532800))
  for place, value in (("a", 1), ("b", 2), ("a", 1)):
    sources, _ = prepare(tmp_path / place, copies)
    assert files.read_map(sources["train"][0]["label"])[0, 0] == value
  (tmp_path / "a").rename(tmp_path / "c")
  (tmp_path / "b").rename(tmp_path / "a")
  sources, _ = prepare(tmp_path / "a", copies)
  assert files.read_map(sources["train"][0]["label"])[0, 0] == 2


def test_each_file_is_read_once_and_a_kill_costs_one_shard(
  root, tmp_path, monkeypatch
):
  """Shards of two; the third start finds all."""
  read, file_read = [], examples.FilePart.read

  def reading(part):
    read.append(part.name)
    return file_read(part)

  monkeypatch.setattr(examples.FilePart, "read", reading)
  monkeypatch.setattr(shards, "MOST_EXAMPLES", 2)
  monkeypatch.setattr(prepared, "cores", lambda: 1)
  whole, summary = prepare(root, tmp_path / "whole")
  assert len(read) == len(set(read)) == 18
  read.clear()
  finish, calls = shards.Shards._finish, []

  def killed(*args):
    calls.append(1)
    if len(calls) == 2:
      raise KeyboardInterrupt
    return finish(*args)

  with monkeypatch.context() as patch:
    patch.setattr(shards.Shards, "_finish", killed)
    with pytest.raises(KeyboardInterrupt):
      prepare(root, tmp_path / "copies")
  read.clear()
  sources, again = prepare(root, tmp_path / "copies")
  assert sorted({name.split("_0")[-1] for name in read}) == [
    "0002.png", "0003.png", "0004.png", "0005.png",
  ]  # fmt: skip
  assert again == summary
  for split in ("train", "val"):
    assert list(sources[split]) == list(whole[split])
  assert len(list((tmp_path / "copies").rglob("*train*array_record-*"))) == 2
  assert not list((tmp_path / "copies").rglob("*incomplete*"))


def test_a_copy_that_was_purged(root, tmp_path, capsys):
  copies = tmp_path / "copies"
  prepare(root, copies)
  (name,) = copies_in(copies)
  shutil.rmtree(copies / "paired_folder" / name)
  capsys.readouterr()
  sources, _ = prepare(root, copies)
  assert len(sources["train"]) == 4 and copies_in(copies) == [name]
  assert f"{name}/1.0.0: gone; it is prepared again" in capsys.readouterr().err


def test_a_copy_of_an_older_version_is_taken_over(root, tmp_path):
  """They were named by names, sizes and times, and are trusted by content."""
  copies = tmp_path / "copies"
  prepare(root, copies)
  (name,) = copies_in(copies)
  home = copies / "paired_folder"
  shutil.rmtree(home / "index")
  splits = {split: scan(root, split) for split in ("train", "val")}
  old = files_builder.fingerprint(splits, lambda part: part.facts[:2])
  (home / name).rename(home / old)
  record = next((home / old).glob("1.0.0/*train*"))
  facts = record.stat()
  sources, _ = prepare(root, copies)
  assert copies_in(copies) == [name] and len(sources["val"]) == 2
  assert next((home / name).glob("1.0.0/*train*")).stat() == facts
  # One of other data, which only looks the same, is left alone.
  (home / name).rename(home / old)
  text = (home / old / "check.json").read_text()
  contents = sources["train"] and prepare(root, tmp_path / "x")[1].contents
  other = text.replace(contents["train"], "0" * 20)
  (home / old / "check.json").write_text(other)
  prepare(root, copies)
  assert copies_in(copies) == sorted([name, old])


def test_a_pipe_a_dangling_link_and_a_name_of_bytes(tmp_path):
  """Each is a line of its own; nothing hangs, nothing stays."""
  root = tmp_path / "data"
  synthetic_streets.write_folder(root, num_train=4, size=(32, 64))
  photos = [root / f"train_img/street_0000{i}.png" for i in range(2)]
  for photo in photos:
    photo.unlink()
  os.mkfifo(photos[0])
  photos[1].symlink_to(tmp_path / "nowhere")
  for role in ("label", "inst", "img"):
    folder = os.fsencode(root / f"train_{role}")
    os.rename(folder + b"/street_00002.png", folder + b"/caf\xe9.png")
  with pytest.raises(InputError) as error:
    pipeline.prepare(data_config(tmp_path))
  lines = str(error.value).splitlines()
  assert len(lines) == 5
  assert sum("is not UTF-8; rename it" in line for line in lines) == 3
  pipe = "train_img/street_00000.png: is no regular file; replace or remove it"
  assert pipe in lines
  assert any(line.startswith("train_img/street_00001.png: ") for line in lines)
  assert not (tmp_path / "copies").exists()


def test_bad_folders_leave_nothing_behind(root, tmp_path):
  (root / "train_img/street_00001.png").write_bytes(b"no picture")
  with pytest.raises(InputError, match="train_img/street_00001.png"):
    prepare(root, tmp_path / "copies")
  assert not (tmp_path / "copies").exists()


KILLED = """
import os, pathlib, sys
sys.path[:0] = [{here!r}, {here!r} + "/tests"]
from tiny import data_config, scan
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


def test_a_record_that_tells_of_no_ids_still_serves(root, tmp_path):
  """As those of version 1.1: then ids take 32 bits."""
  _, summary = prepare(root, tmp_path / "copies")
  (path,) = (tmp_path / "copies").rglob("check.json")
  record = json.loads(path.read_text())
  assert record["summary"].pop("ids") == summary.ids
  path.write_text(json.dumps(record))
  _, again = prepare(root, tmp_path / "copies")
  assert again == dataclasses.replace(summary, ids=None)


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
