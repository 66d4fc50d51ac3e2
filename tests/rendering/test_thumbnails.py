"""Thumbnails of styles: which part of a picture, and of which bank."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from hdgan import whole_files
from hdgan.rendering import thumbnails
from hdgan.rendering.thumbnails import FOLDER, LIST, SIDE


def flat(color):
  return Image.new("RGB", (SIDE, SIDE), color)


@pytest.mark.parametrize(
  ("box", "left", "top"),
  [
    # 20 high, 40 wide around (30, 50): a square of 40.
    ((20, 30, 40, 70), 30, 10),
    # At the edge it is moved inwards, not made smaller.
    ((0, 160, 40, 200), 160, 0),
    ((90, 0, 100, 30), 0, 70),
    # What is wider than the picture is high gets its whole height.
    ((10, 0, 90, 200), 50, 0),
  ],
)
def test_the_square_around_a_window(box, left, top):
  """A ramp: a pixel's colour tells where it was cut out."""
  y, x = np.mgrid[:100, :200]
  ramp = np.stack([x, y, 0 * x], -1).astype(np.uint8)
  side = min(100, max(box[2] - box[0], box[3] - box[1]))
  cut = np.asarray(thumbnails.square(ramp, box), float)
  assert cut.shape == (SIDE, SIDE, 3)
  assert cut[..., 0].mean() == pytest.approx(left + (side - 1) / 2, abs=0.6)
  assert cut[..., 1].mean() == pytest.approx(top + (side - 1) / 2, abs=0.6)


def test_grey_pictures_are_shown_too():
  grey = np.full((40, 40, 1), 77, np.uint8)
  assert np.asarray(thumbnails.square(grey, (0, 0, 10, 10)))[5, 5].tolist() == [
    77, 77, 77,
  ]  # fmt: skip


def test_thumbnails_lie_side_by_side_in_the_order_of_styles(tmp_path):
  colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
  thumbnails.write(tmp_path, "digest", {4: [flat(c) for c in colors]})
  data, count = thumbnails.read(tmp_path, "digest", 4)
  row = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
  assert count == 3 and row.shape == (SIDE, 3 * SIDE, 3)
  for k, color in enumerate(colors):
    middle = row[SIDE // 2, k * SIDE + SIDE // 2]
    assert abs(middle - np.array(color)).max() < 12
  assert sorted(p.name for p in (tmp_path / FOLDER).iterdir()) == [
    "4.webp", LIST,
  ]  # fmt: skip


def test_those_of_another_bank_are_not_shown(tmp_path):
  thumbnails.write(tmp_path, "old", {1: [flat((9, 9, 9))]})
  assert thumbnails.read(tmp_path, "old", 1)
  assert thumbnails.read(tmp_path, "new", 1) is None
  assert thumbnails.read(tmp_path, "old", 2) is None
  assert thumbnails.read(tmp_path / "none", "old", 1) is None


@pytest.mark.parametrize(
  ("name", "content"),
  [
    (LIST, b"{"),
    (LIST, b"[]"),
    (LIST, json.dumps({"bank": "d", "side": SIDE, "counts": [1]}).encode()),
    (LIST, json.dumps({"bank": "d", "side": SIDE, "counts": {"1": "1"}})
     .encode()),
    (LIST, json.dumps({"bank": "d", "side": SIDE, "counts": {"1": 2}})
     .encode()),
    ("1.webp", b"RIFF"),
    ("1.webp", b""),
  ],
)  # fmt: skip
def test_damaged_files_are_none(tmp_path, name, content):
  thumbnails.write(tmp_path, "d", {1: [flat((9, 9, 9))]})
  assert thumbnails.read(tmp_path, "d", 1)
  (tmp_path / FOLDER / name).write_bytes(content)
  assert thumbnails.read(tmp_path, "d", 1) is None


def test_a_run_in_a_bucket_has_them_too(bucket):
  workdir = whole_files.path(f"{bucket}/run")
  assert thumbnails.read(workdir, "d", 1) is None
  thumbnails.write(workdir, "d", {1: [flat((9, 9, 9))]})
  assert thumbnails.read(workdir, "d", 1)[1] == 1


def test_there_are_no_more_than_a_webp_holds(tmp_path):
  images = [flat((9, 9, 9))] * (thumbnails.MOST + 5)
  thumbnails.write(tmp_path, "d", {0: images})
  assert thumbnails.read(tmp_path, "d", 0)[1] == thumbnails.MOST
