"""The command: folders, zips, what is there already, and what is refused."""

import json
import os
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from hdgan.datasets.edges import __main__ as command
from hdgan.datasets.edges import methods


def photo(seed=0, size=(24, 32)):
  """A bright box on a dark ground, with a little noise."""
  rng = np.random.default_rng(seed)
  made = rng.integers(0, 8, (*size, 3), np.uint8)
  made[6:18, 8 : 20 + seed] = 200
  return made


@pytest.fixture
def photos(tmp_path):
  (tmp_path / "photos" / "more").mkdir(parents=True)
  for i, name in enumerate(("a.png", "b.tif", "more/c.png")):
    Image.fromarray(photo(i)).save(tmp_path / "photos" / name)
  return tmp_path / "photos"


def run(*flags):
  return command.main([str(flag) for flag in flags])


def made(tmp_path, photos, *more):
  return run(f"--from={photos}", f"--to={tmp_path / 'train_A'}",
             "--method=canny", *more)  # fmt: skip


def fails(capsys, *flags):
  assert run(*flags) == 2
  said = capsys.readouterr().err.splitlines()
  said = [line for line in said if line.startswith("error: ")]
  assert len(said) == 1, said
  return said[0]


@pytest.mark.parametrize("packed", [False, True])
def test_each_photo_gets_its_map(tmp_path, photos, capsys, packed):
  (photos / "notes.txt").write_text("x")
  source = photos
  if packed:
    source = tmp_path / "photos.zip"
    with zipfile.ZipFile(source, "w") as file:
      for path in photos.rglob("*.*"):
        file.write(path, path.relative_to(photos))
  assert made(tmp_path, source) == 0
  target = tmp_path / "train_A"
  for i, name in enumerate(("a.png", "b.png", "more/c.png")):
    with Image.open(target / name) as image:
      assert image.mode == "L"
      want = methods.edges_of(photo(i), methods.method("canny"))
      np.testing.assert_array_equal(np.array(image), want)
      assert 20 < (want == 0).sum() < 100
  said = capsys.readouterr()
  assert said.out.startswith("3 edge maps written to ")
  assert "left out, no pictures: notes.txt" in said.err
  record = json.loads((tmp_path / "edges.json").read_text())
  assert record["train_A"]["settings"] == {
    "edition": 1, "method": "canny", "sigma": 1.0, "low": 0.1, "high": 0.2,
    "landmarks": False,
  }  # fmt: skip


def test_only_what_is_missing_or_older_is_made(tmp_path, photos, capsys):
  assert made(tmp_path, photos) == 0
  target = tmp_path / "train_A"
  (target / "a.png").unlink()
  now = os.stat(target / "b.png").st_mtime_ns
  os.utime(photos / "b.tif", ns=(now + 10**9, now + 10**9))
  kept = os.stat(target / "more/c.png").st_ino
  capsys.readouterr()
  assert made(tmp_path, photos) == 0
  assert "2 edge maps written" in capsys.readouterr().out
  assert os.stat(target / "more/c.png").st_ino == kept


def test_maps_of_other_settings_never_mix(tmp_path, photos, capsys):
  assert made(tmp_path, photos) == 0
  flags = (f"--from={photos}", f"--to={tmp_path / 'train_A'}", "--method=canny")
  line = fails(capsys, *flags, "--sigma=2")
  assert "made by other settings (sigma was 1.0); name another" in line
  (tmp_path / "edges.json").unlink()
  assert "its pictures are not in" in fails(capsys, *flags)
  # Beside it there may be others.
  assert (
    run(flags[0], f"--to={tmp_path / 'val_A'}", *flags[2:], "--low=0.15") == 0
  )
  assert list(json.loads((tmp_path / "edges.json").read_text())) == ["val_A"]


def test_weights_that_are_none_are_told_once(tmp_path, photos, capsys):
  flags = (f"--from={photos}", f"--to={tmp_path / 'train_A'}")
  line = fails(capsys, *flags, f"--method=hed:{tmp_path / 'x'}")
  assert "no such file; make one with `python -m hdgan.convert hed" in line
  assert not (tmp_path / "edges.json").exists()


def test_landmarks_are_drawn_and_asked_of_every_photo(tmp_path, photos, capsys):
  columns = [f"{axis}{i}" for i in range(68) for axis in "xy"]
  row = ",".join(["12,10"] * 68)
  lines = [f"name,{','.join(columns)}", *(f"{n},{row}" for n in ("a", "b.tif"))]
  (tmp_path / "l.csv").write_text("\n".join(lines))
  flags = (f"--from={photos}", f"--to={tmp_path / 'train_A'}",
           "--method=canny", f"--landmarks={tmp_path / 'l.csv'}")  # fmt: skip
  assert "'more/c.png': has no line" in fails(capsys, *flags)
  (photos / "more/c.png").unlink()
  assert run(*flags) == 0
  drawn = np.array(Image.open(tmp_path / "train_A/a.png"))
  plain = methods.edges_of(photo(0), methods.method("canny"))
  assert drawn[10, 12] == 0 and plain[10, 12] == 255
  record = json.loads((tmp_path / "edges.json").read_text())
  assert len(record["train_A"]["settings"]["landmarks_sha256"]) == 64


def test_samples_of_other_ranges_are_asked_for(tmp_path, photos, capsys):
  np.save(photos / "d.npy", photo(0).astype(np.uint16) * 257)
  flags = (f"--from={photos}", f"--to={tmp_path / 'train_A'}", "--method=canny")
  line = fails(capsys, *flags)
  assert (
    "d.npy: holds uint16 of 0..51400" in line and "--range=LOW,HIGH" in line
  )
  # The others are there.
  assert (tmp_path / "train_A/more/c.png").exists()
  for path in photos.rglob("*.*"):
    if path.suffix != ".npy":
      path.unlink()
  other = (flags[0], f"--to={tmp_path / 'val_A'}", flags[2])
  assert run(*other, "--range=0,65535") == 0
  want = methods.edges_of(photo(0), methods.method("canny"))
  np.testing.assert_array_equal(
    np.array(Image.open(tmp_path / "val_A/d.png")), want
  )


@pytest.mark.parametrize(
  "change, says",
  [
    ("twice", "a.png: the same name as photos/a.jpg but for the ending"),
    ("small", r"d.png: 8x8 pixels .height x width., must be 16 or more"),
    ("cut", "d.png: damaged or unreadable"),
    ("none", "no photo found"),
    ("inside", "train_A: lies in --from="),
    ("gone", "there is no such folder"),
    ("file", "train_A: cannot be made .File exists.; name another folder"),
  ],
)
def test_what_is_refused(tmp_path, photos, capsys, change, says):
  target = tmp_path / "train_A"
  if change == "twice":
    Image.fromarray(photo()).save(photos / "a.jpg")
  elif change == "small":
    Image.fromarray(photo()[:8, :8]).save(photos / "d.png")
  elif change == "cut":
    (photos / "d.png").write_bytes((photos / "a.png").read_bytes()[:300])
  elif change == "none":
    photos = photos.parent / "other"
    photos.mkdir()
  elif change == "inside":
    target = photos / "train_A"
  elif change == "file":
    target.write_text("")
  else:
    photos = photos.parent / "other"
  line = fails(capsys, f"--from={photos}", f"--to={target}", "--method=canny")
  assert re.search(says, line), line
