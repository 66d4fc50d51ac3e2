"""The picture of keys: borders, texts that do not meet, the list."""

import numpy as np
from PIL import Image, ImageDraw

from hdgan.report import object_map
from hdgan.report.object_map import Entry, draw_objects, outline


def test_a_border_by_hand():
  """Red on the region's own outer pixels, white on those around it."""
  regions = np.zeros((5, 6), int)
  regions[1:4, 0:3] = 1
  got = outline(np.full((5, 6, 1), 100, np.uint8), regions)
  # r: red, w: white, .: as it was. The left edge of the picture is no border.
  want = ["wwww..", "rrrw..", "..rw..", "rrrw..", "wwww.."]
  colours = {"r": (208, 48, 32), "w": (255, 255, 255), ".": (100, 100, 100)}
  np.testing.assert_array_equal(
    got, np.array([[colours[c] for c in line] for line in want])
  )


def test_two_regions_that_touch_have_a_border_each():
  regions = np.repeat([[1] * 4 + [2] * 4], 5, 0)
  got = outline(np.zeros((5, 8, 3), np.uint8), regions)
  assert (got[2, [3, 4]] == (208, 48, 32)).all(-1).tolist() == [False, True]
  assert (got[2, [0, 7]] == 0).all()


def crowd():
  """A road of 64x128 with 60 objects on it, some of one pixel."""
  objects = np.zeros((64, 128), int)
  for i in range(60):
    y, x = 4 + 6 * (i // 6), 4 + 20 * (i % 6)
    objects[y : y + 1 + i % 4, x : x + 1 + i % 9] = i + 1
  entries = [Entry("road 1", ("1", "road", ""))]
  entries += [
    Entry(str(5000 + i), (str(5000 + i), "car", "3")) for i in range(60)
  ]
  return objects, entries


def test_texts_of_a_crowd_do_not_meet(monkeypatch):
  """All 61 keys are in the map, none on another, all inside of it."""
  boxes = []
  text = ImageDraw.ImageDraw.text

  def spy(self, xy, text_, *args, **more):
    if more.get("stroke_width"):
      boxes.append(self.textbbox(xy, text_, args[1], anchor=more["anchor"]))
    return text(self, xy, text_, *args, **more)

  monkeypatch.setattr(ImageDraw.ImageDraw, "text", spy)
  objects, entries = crowd()
  draw_objects(np.zeros((64, 128, 3), np.uint8), objects, entries)
  assert len(boxes) == 61
  for i, one in enumerate(boxes):
    assert min(one) >= 0 and one[2] <= 1024 and one[3] <= 512
    for two in boxes[:i]:
      apart = one[2] <= two[0] or two[2] <= one[0]
      assert apart or one[3] <= two[1] or two[3] <= one[1]


def test_a_key_stands_in_its_object(monkeypatch):
  """A box of 40x60 pixels, 8 to a pixel: the text at its middle."""
  seen = {}
  text = ImageDraw.ImageDraw.text

  def spy(self, xy, text_, *args, **more):
    seen.setdefault(text_, xy)
    return text(self, xy, text_, *args, **more)

  monkeypatch.setattr(ImageDraw.ImageDraw, "text", spy)
  objects = np.zeros((128, 128), int)
  objects[40:81, 30:91] = 1
  entries = [Entry(key, (key, "car", "")) for key in ("1", "26001")]
  draw_objects(np.zeros((128, 128, 3), np.uint8), objects, entries)
  x, y = seen["26001"]
  assert 30 * 8 < x < 91 * 8 and abs(y - 60.5 * 8) <= 8


def test_large_maps_and_many_objects_stay_bounded(monkeypatch):
  monkeypatch.setattr(object_map, "MOST_LISTED", 5)
  objects, entries = crowd()
  small = draw_objects(np.zeros((64, 128, 3), np.uint8), objects, entries)
  # A map is enlarged to 1024 pixels, and not beyond.
  assert 1024 < small.shape[1] < 2000 and 512 < small.shape[0] < 700
  wide = np.zeros((8, 2048), int)
  large = draw_objects(np.zeros((8, 2048, 3), np.uint8), wide, entries[:1])
  assert 2048 < large.shape[1] < 2900


def test_one_pixel():
  entry = Entry("0", ("0", "sky", "[0.50, 0.25, -1.00]"))
  got = draw_objects(
    np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), int), [entry]
  )
  assert got.dtype == np.uint8 and Image.fromarray(got).width > 16
