"""Pictures: colours and geometry worked out by hand."""

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hdgan.report import pictures


def test_palette_is_colorsys_and_fixed():
  colors = pictures.palette(256)
  assert colors.shape == (256, 3) and colors.dtype == np.uint8
  assert len(np.unique(colors, axis=0)) == 256
  assert colors.any(axis=1).all(), "black is for unknown ids"
  np.testing.assert_array_equal(pictures.palette(7), colors[:7])
  for i in (0, 1, 2, 3, 100):
    hsv = (
      (0.58 + i * 0.618033988749895) % 1.0,
      (0.62, 0.38, 0.78)[i % 3],
      (0.86, 0.66, 0.95, 0.50)[i % 4],
    )
    expected = np.multiply(colorsys.hsv_to_rgb(*hsv), 255)
    np.testing.assert_allclose(colors[i], expected, atol=0.501)
  assert pictures.palette(0).shape == (0, 3)


def test_label_colors():
  label = np.array([[[0, 1], [2, -1]], [[255, 1], [1, 0]]], np.int32)
  table = [(10, 20, 30), (1, 2, 3), (200, 0, 0)]
  painted = pictures.label_colors(label, np.array(table))
  assert painted.shape == (2, 2, 2, 3) and painted.dtype == np.uint8
  expected = [
    [[(10, 20, 30), (1, 2, 3)], [(200, 0, 0), (0, 0, 0)]],
    [[(0, 0, 0), (1, 2, 3)], [(1, 2, 3), (10, 20, 30)]],
  ]
  np.testing.assert_array_equal(painted, expected)
  by_count = pictures.label_colors(label.astype(np.uint8), 2)
  np.testing.assert_array_equal(by_count[0, 0], pictures.palette(2))
  assert not by_count[0, 1, 0].any()


def test_to_uint8_by_hand():
  values = np.array([-2.0, -1.0, 0.0, 0.2, 1.0, 1.5, np.nan], np.float32)
  grey = pictures.to_uint8(values[None, :, None])
  # (0.2 + 1) * 127.5 = 153; 127.5 rounds to the even 128.
  np.testing.assert_array_equal(grey[0, :, 0], [0, 0, 128, 153, 255, 255, 0])
  for channels, shown in ((1, 1), (2, 1), (3, 3), (4, 3), (8, 3)):
    image = np.zeros((2, 4, 5, channels), np.float32)
    image[..., 0] = 1.0
    result = pictures.to_uint8(image)
    assert result.shape == (2, 4, 5, shown) and result.dtype == np.uint8
    assert (result[..., 0] == 255).all()


def flat(height, width, value):
  return np.full((height, width, 3), value, np.uint8)


def test_grid_geometry_by_hand():
  # Width 300: no whole factor fits into 256, so the cell is 300x150; the gap
  # is 300 // 128 = 2.
  rows = [[flat(150, 300, 10), flat(150, 300, 20)], [flat(150, 300, 30)]]
  drawn = pictures.grid(rows)
  assert drawn.shape == (2 + 2 * 152, 2 + 2 * 302, 3)
  assert drawn.dtype == np.uint8
  expected = np.full_like(drawn, 255)
  expected[2:152, 2:302] = 10
  expected[2:152, 304:604] = 20
  expected[154:304, 2:302] = 30
  np.testing.assert_array_equal(drawn, expected)


def test_grid_scales_down_large_and_up_small_cells():
  large = pictures.grid([[flat(1024, 2048, 7)]])
  # 512 wide, gap 512 // 128 = 4.
  assert large.shape == (4 + 256 + 4, 4 + 512 + 4, 3)
  np.testing.assert_array_equal(large[4:260, 4:516], flat(256, 512, 7))
  small = np.arange(64 * 128, dtype=np.uint32).reshape(64, 128) % 251
  drawn = pictures.grid([[small.astype(np.uint8)]])
  assert drawn.shape == (2 + 128 + 2, 2 + 256 + 2, 3)
  twice = small.repeat(2, axis=0).repeat(2, axis=1)
  np.testing.assert_array_equal(drawn[2:130, 2:258, 1], twice)


def test_grid_titles_stay_outside_the_pictures():
  rows = [[flat(200, 300, 9)] * 2] * 2
  plain = pictures.grid(rows)
  titled = pictures.grid(
    rows, ("label", "a title far too long" * 9), ("a", "b")
  )
  # Font 300 // 18 = 16, so 24 rows above and 24 columns beside.
  assert titled.shape == (plain.shape[0] + 24, plain.shape[1] + 24, 3)
  np.testing.assert_array_equal(titled[26:, 26:], plain[2:, 2:])
  dark = titled.min(axis=-1) < 128
  assert dark[:24, 26:326].any(), "a title above the first column"
  assert dark[26:226, :24].any(), "a title beside the first row"
  assert not dark[:24, 628:].any()


def test_shortened_names_keep_both_ends():
  assert pictures.shorten("val: x", 6, len) == "val: x"
  # 5 letters and 3 dots: 5 // 3 = 1 of the beginning, 4 of the end.
  assert pictures.shorten("aachen_000019", 8, len) == "a...0019"
  assert pictures.shorten("aachen_000019", 10, len, "…") == "aac…000019"
  assert pictures.shorten("aachen_000019", 0, len) == "a...9"
  assert pictures.shorten("a\nb", 99, len) == "a b"
  assert pictures.shorten("ab", 0, len) == "ab"


def test_long_titles_of_rows_are_smaller_before_they_are_shortened(monkeypatch):
  drawn = []

  class Draw(ImageDraw.ImageDraw):
    def text(self, xy, text, fill, font, **options):
      drawn.append((text, font.size))
      super().text(xy, text, fill, font, **options)

  monkeypatch.setattr(ImageDraw, "Draw", Draw)
  rows = [[flat(256, 512, 9)]] * 2
  name = "val: aachen_000000_000019_leftImg8bit"
  pictures.grid(rows, ("label",), ("val: b", name))
  # 512 // 18 is 28, of which 24 are taken; a row is 256 pixels long.
  (column, own), (short, one), (long, two) = drawn
  assert (column, own, short, long) == ("label", 24, "val: b", name)
  assert one == two and 12 <= one < 24
  assert ImageFont.load_default(one).getlength(name) <= 252
  assert ImageFont.load_default(one + 1).getlength(name) > 252
  drawn.clear()
  pictures.grid(rows, (), ("val: " + "x" * 60 + "_000019",) * 2)
  assert {size for _, size in drawn} == {12}
  assert drawn[0][0].startswith("val: ") and drawn[0][0].endswith("_000019")


def test_odd_shapes_are_fitted_and_centred():
  drawn = pictures.grid([[flat(300, 300, 1), flat(100, 300, 2)]])
  np.testing.assert_array_equal(drawn[102:202, 304:604], flat(100, 300, 2))
  assert (drawn[2:102, 304:604] == 255).all()


def test_save_png_round_trip(tmp_path):
  picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
  path = tmp_path / "samples" / "7.png"
  pictures.save_png(path, picture)
  pictures.save_png(path, picture[..., :1])
  with Image.open(path) as opened:
    assert opened.mode == "L"
    np.testing.assert_array_equal(np.asarray(opened), picture[..., 0])
  assert [p.name for p in path.parent.iterdir()] == ["7.png"]
  with pytest.raises(ValueError, match="float32, must be uint8"):
    pictures.save_png(path, picture.astype(np.float32))


def test_class_colours():
  classes = [
    {"id": 1, "color": (9, 8, 7)},
    {"id": 7, "color": (1, 1, 1)},  # beyond num_classes
  ]
  colors = pictures.class_colors(classes, 3)
  assert colors.shape == (3, 3) and colors.dtype == np.uint8
  assert tuple(colors[1]) == (9, 8, 7)
  assert len({tuple(c) for c in colors}) == 3


def test_a_legend_by_hand():
  classes = [
    {"id": 1, "name": "car", "color": (255, 8, 0)},
    {"id": 0, "name": "0", "color": (1, 2, 3)},
    {"id": 7, "name": "beyond", "color": (1, 1, 1)},
  ]
  rows = [("#010203", "0"), ("#ff0800", "1 car")]
  assert pictures.legend(classes, 2) == rows
  assert pictures.legend(classes, 2, 1) == rows
  black = ("#000000", "255 no class")
  assert pictures.legend(classes, 2, 255) == [*rows, black]
  assert pictures.legend((), 0, 255) == []


def test_label_pictures():
  colors = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
  shown = pictures.label_picture(np.array([[1, 0]]), colors, (0.0, 255.0))
  np.testing.assert_array_equal(shown, [[[40, 50, 60], [10, 20, 30]]])
  label = np.array([0, 500, 1000], np.uint16).reshape(1, 3, 1)
  shown = pictures.label_picture(label, colors, (0.0, 1000.0))
  assert shown.dtype == np.uint8
  assert shown[0, 0].max() == 0 and shown[0, 2].min() == 255
  assert set(shown[0, 1]) <= {127, 128}
