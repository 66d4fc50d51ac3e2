"""One draw for all arrays, nearest maps, dense object numbers."""

import numpy as np
import pytest

from hdgan.datasets import transforms
from hdgan.datasets.transforms import Geometry, Placement


@pytest.mark.parametrize(
  ("geometry", "size", "scaled"),
  [
    (Geometry("resize", (64, 128)), (100, 50), (64, 128)),
    (Geometry("crop", (64, 128)), (100, 150), (100, 150)),
    # 360 * 512 / 480 = 384 exactly; 546.5 and 341.33 are rounded.
    (Geometry("scale_width", (256, 512)), (360, 480), (384, 512)),
    (Geometry("scale_width", (256, 512)), (1093, 1024), (547, 512)),
    (Geometry("scale_width", (64, 128), 256), (400, 300), (341, 256)),
  ],
)
def test_scaled_size(geometry, size, scaled):
  assert geometry.scaled(size) == scaled


def test_nearest_takes_the_pixel_under_each_centre():
  ids = np.array([[1, 2, 3, 4, 5]])
  # Centres of 3 pixels over 5: 0.83, 2.5, 4.17 lie in pixels 0, 2, 4.
  smaller = transforms.place_map(ids, transforms.whole_placement((1, 3)))
  np.testing.assert_array_equal(smaller, [[1, 3, 5]])
  larger = transforms.place_map(ids, transforms.whole_placement((2, 10)))
  np.testing.assert_array_equal(larger, [[1, 1, 2, 2, 3, 3, 4, 4, 5, 5]] * 2)


def test_window_and_mirror_by_hand():
  ids = np.arange(20).reshape(4, 5)
  placement = Placement((4, 5), 1, 2, (2, 3), True)
  expected = [[9, 8, 7], [14, 13, 12]]
  np.testing.assert_array_equal(transforms.place_map(ids, placement), expected)
  picture = ids[..., None].astype(np.uint8)
  cut = transforms.place_picture(picture, placement)
  np.testing.assert_array_equal(cut[..., 0], expected)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
  ("size", "scaled", "top", "left", "window"),
  [
    ((6, 10), (6, 10), 0, 0, (6, 10)),  # As it is.
    ((6, 10), (6, 10), 2, 3, (4, 5)),  # Cut.
    ((6, 10), (3, 5), 0, 0, (3, 5)),  # To a half, whose steps are even,
    ((9, 12), (3, 4), 1, 1, (2, 3)),  # to a third,
    ((6, 10), (5, 7), 1, 2, (3, 4)),  # to what has uneven steps,
    ((6, 10), (12, 20), 3, 4, (7, 11)),  # to twice,
    ((1, 1), (3, 4), 0, 0, (3, 4)),  # and of a single pixel.
    ((6, 10), (6, 10), 5, 9, (1, 1)),
  ],
)
def test_maps_against_an_index_for_each_pixel(
  size, scaled, top, left, window, flip
):
  ids = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)
  placement = Placement(scaled, top=top, left=left, size=window, flip=flip)
  want = np.zeros(window, np.uint16)
  for y in range(window[0]):
    for x in range(window[1]):
      column = window[1] - 1 - x if flip else x
      # The source pixel that holds the centre, in halves of a pixel.
      row = (2 * (top + y) + 1) * size[0] // (2 * scaled[0])
      want[y, x] = ids[
        row, (2 * (left + column) + 1) * size[1] // (2 * scaled[1])
      ]
  got = transforms.place_map(ids, placement)
  np.testing.assert_array_equal(got, want)
  assert got.dtype == ids.dtype and got.flags.c_contiguous
  # Label and instance may be one array: what is placed is not.
  assert not np.shares_memory(got, ids)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_mirrored_pictures_by_their_pixels(channels):
  picture = np.random.default_rng(0).random((4, 6, channels), np.float32)
  placement = Placement((4, 6), top=1, left=2, size=(3, 4), flip=True)
  got = transforms.place_picture(picture, placement)
  for y in range(3):
    for x in range(4):
      assert got[y, x].tolist() == picture[1 + y, 2 + 3 - x].tolist()
  assert got.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_keep_type_and_constant_value(dtype, channels):
  picture = np.full((40, 60, channels), 200, dtype)
  scaled = transforms.place_picture(
    picture, transforms.whole_placement((16, 32))
  )
  assert scaled.dtype == dtype
  np.testing.assert_array_equal(scaled, np.full((16, 32, channels), 200))


def test_photos_are_antialiased():
  # Stripes one pixel wide become their mean, not one of the two values.
  stripes = np.zeros((8, 64, 1), np.uint8)
  stripes[:, ::2] = 200
  scaled = transforms.place_picture(
    stripes, transforms.whole_placement((8, 16))
  )
  assert abs(int(scaled[4, 8, 0]) - 100) < 10


def test_bicubic_does_not_leave_the_range_of_its_source():
  edge = np.zeros((8, 8, 1), np.float32)
  edge[:, 4:] = 0.5
  scaled = transforms.place_picture(edge, transforms.whole_placement((8, 32)))
  assert scaled.min() == 0 and scaled.max() == 0.5


def test_draws_cover_all_windows_and_both_mirrors():
  geometry = Geometry("crop", (3, 4), flip=True)
  rng = np.random.default_rng(0)
  drawn = {
    transforms.random_placement((4, 6), geometry, rng) for _ in range(300)
  }
  assert len(drawn) == 2 * 3 * 2
  straight = Geometry("crop", (3, 4))
  drawn = {
    transforms.random_placement((4, 6), straight, rng) for _ in range(300)
  }
  assert len(drawn) == 2 * 3
  middle = transforms.centre_placement((5, 6), geometry)
  assert (middle.top, middle.left, middle.flip) == (1, 1, False)


def test_flip_does_not_shift_the_other_draws():
  places = [
    transforms.random_placement(
      (40, 60), Geometry("crop", (8, 8), flip=flip), np.random.default_rng(3)
    )
    for flip in (False, True)
  ]
  assert (places[0].top, places[0].left) == (places[1].top, places[1].left)


def test_dense_objects_against_a_slow_twin():
  rng = np.random.default_rng(0)
  label = rng.integers(0, 4, (6, 9))
  # Small ids that repeat over classes, and bit-cast 32-bit ones.
  instance = rng.choice([0, 3, -5, 2**31 - 1, -(2**31)], (6, 9)).astype(
    np.int32
  )
  objects, pairs = transforms.dense_objects(label, instance)
  expected = sorted(
    set(zip(label.ravel().tolist(), instance.ravel().tolist(), strict=True))
  )
  assert [tuple(pair) for pair in pairs.tolist()] == expected
  assert objects.dtype == np.int32
  for y in range(6):
    for x in range(9):
      pair = (int(label[y, x]), int(instance[y, x]))
      assert expected[objects[y, x]] == pair


@pytest.mark.parametrize(
  "types", [(np.uint8, np.uint16), (np.uint16, np.uint8)]
)
def test_objects_of_small_types_are_those_of_large_ones(types):
  rng = np.random.default_rng(1)
  label, instance = (rng.integers(0, 200, (5, 8)).astype(t) for t in types)
  wide = label.astype(np.int64), instance.astype(np.int32)
  objects, pairs = transforms.dense_objects(label, instance, np.uint8)
  expected, same = transforms.dense_objects(*wide)
  assert objects.dtype == np.uint8
  np.testing.assert_array_equal(objects, expected)
  np.testing.assert_array_equal(pairs, same)


@pytest.mark.parametrize("part", [1, 5, 9, 54, 100])
def test_objects_are_counted_a_part_at_a_time(part, monkeypatch):
  rng = np.random.default_rng(0)
  label = rng.integers(0, 3, (6, 9)).astype(np.uint8)
  instance = rng.choice([-7, -7, -7, 2**31 - 1], (6, 9)).astype(np.int32)
  whole, pairs = transforms.dense_objects(label, instance)
  monkeypatch.setattr(transforms, "_PIXELS", part)
  objects, same = transforms.dense_objects(label, instance)
  np.testing.assert_array_equal(objects, whole)
  np.testing.assert_array_equal(same, pairs)
  assert len(transforms.object_pairs(label, instance)) == len(
    set(zip(label.ravel().tolist(), instance.ravel().tolist(), strict=True))
  )


@pytest.mark.parametrize("channels", [2, 4])
def test_no_channel_weighs_the_others(channels):
  """Pillow takes the last of two or four for how much a pixel counts."""
  rng = np.random.default_rng(0)
  picture = rng.integers(0, 256, (9, 11, channels), np.uint8)
  placement = transforms.whole_placement((5, 7))
  scaled = transforms.place_picture(picture, placement)
  for i in range(channels):
    alone = transforms.place_picture(picture[..., i : i + 1], placement)
    np.testing.assert_array_equal(scaled[..., i : i + 1], alone)
