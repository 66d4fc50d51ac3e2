"""Canny, suppression, thinning, short lines: by hand, and slow twins."""

import numpy as np
import pytest

from hdgan.datasets.edges import lines
from hdgan.datasets.edges.canny import canny, grey_of


def drawn(*rows):
  return np.array([[c == "#" for c in row] for row in rows])


def test_grey_is_luma_in_0_to_1():
  photo = np.zeros((1, 3, 3), np.uint8)
  photo[0] = 255 * np.eye(3, dtype=np.uint8)
  np.testing.assert_allclose(grey_of(photo)[0], [0.299, 0.587, 0.114])


@pytest.mark.parametrize("turn", [0, 1])
def test_canny_of_a_step_is_one_line_on_its_bright_side(turn):
  """A step has Sobel 4 on both its sides, of which the brighter is kept."""
  grey = np.zeros((8, 9), np.float32)
  grey[:, 5:] = 1
  want = np.zeros((8, 9), bool)
  want[:, 5] = True
  for high, found in ((3.9, want), (4.1, want & False)):
    got = canny(np.rot90(grey, turn), 0, 0.1, high)
    np.testing.assert_array_equal(got, np.rot90(found, turn))


def test_canny_keeps_what_is_weak_only_where_it_meets_what_is_strong():
  """A step that grows from 0.1, with a gradient of 0.4, to 0.48, with 1.9."""
  grey = np.zeros((20, 9), np.float32)
  grey[:, 5:] = 0.1 + 0.02 * np.arange(20)[:, None]
  assert canny(grey, 0, 0.3, 1)[:, 5].all()
  assert not canny(grey[:6], 0, 0.3, 1).any()
  assert canny(grey, 0, 0.8, 1)[:, 5].tolist() == [False] * 5 + [True] * 15


def test_canny_of_a_disc_is_a_closed_ring():
  y, x = np.mgrid[:41, :41]
  radius = np.hypot(y - 20, x - 20)
  found = canny((radius < 12).astype(np.float32), 1.0, 0.1, 0.2)
  assert np.abs(radius[found] - 12).max() < 1.5
  # Eight directions at least have exactly one or two pixels on their way.
  for row in (found[20, 20:], found[20, :20], found[20:, 20], found[:20, 20]):
    assert row.sum() == 1


def slow_suppress(edge, angle):
  """Pixel by pixel, as the edge toolbox describes it."""
  height, width = edge.shape

  def at(y, x):
    y, x = min(max(y, 0), height - 1.001), min(max(x, 0), width - 1.001)
    i, j = int(y), int(x)
    v, u = y - i, x - j
    return (
      edge[i, j] * (1 - v) * (1 - u) + edge[i, j + 1] * (1 - v) * u
      + edge[i + 1, j] * v * (1 - u) + edge[i + 1, j + 1] * v * u
    )  # fmt: skip

  result = edge.copy()
  for i in range(height):
    for j in range(width):
      s, c = np.sin(angle[i, j]), np.cos(angle[i, j])
      if 1.01 * edge[i, j] < max(at(i + s, j + c), at(i - s, j - c)):
        result[i, j] = 0
      near = min(i, j, height - 1 - i, width - 1 - j)
      near_y, near_x = min(i, height - 1 - i), min(j, width - 1 - j)
      if near < 5:
        result[i, j] *= min(near_y / 5, 1) * min(near_x / 5, 1)
  return result


def slow_orientation(edge):
  """Derivatives after a triangle of nine pixels, the border mirrored."""
  weights = [min(i, 10 - i) / 25 for i in range(1, 10)]
  smooth = edge.astype(np.float64)
  for axis in (0, 1):
    padded = np.pad(smooth, [(4, 4) if a == axis else (0, 0) for a in (0, 1)],
                    "symmetric")  # fmt: skip
    smooth = sum(
      w * np.take(padded, range(i, i + smooth.shape[axis]), axis)
      for i, w in enumerate(weights)
    )
  gy, gx = np.gradient(smooth)
  gxx, gyy = np.gradient(gx)[1], np.gradient(gy)[0]
  gxy = np.gradient(gy)[1]
  return np.mod(np.arctan(gyy * np.sign(-gxy) / (gxx + 1e-5)), np.pi)


def test_suppression_is_the_slow_twin_s():
  rng = np.random.default_rng(0)
  y, x = np.mgrid[:30, :34]
  ridge = np.exp(-((x - y * 0.7 - 5) ** 2) / 8) + 0.2 * rng.random((30, 34))
  edge = (ridge / ridge.max()).astype(np.float32)
  angle = lines.orientation(edge)
  np.testing.assert_allclose(angle, slow_orientation(edge), atol=2e-2)
  np.testing.assert_allclose(lines.suppress(edge), slow_suppress(edge, angle),
                             atol=1e-5)  # fmt: skip


def test_a_slanted_ridge_becomes_one_line():
  """Across a line that falls to the right is up and right."""
  y, x = np.mgrid[:40, :40]
  edge = np.exp(-((x - y) ** 2) / 18).astype(np.float32)
  found = lines.lines_of(edge)
  inner = found[8:32]
  assert (inner.sum(axis=1) == 1).all()
  assert (np.abs((x - y)[found]) <= 1).all()
  # The border fades out: nothing on its first pixel.
  assert not found[0].any() and not found[:, 0].any()


@pytest.mark.parametrize(
  "before, after",
  [
    (("#####", "#####", "#####"), (".....", ".###.", ".....")),
    (("##", "##"), ("..", "#.")),
    (("...#", "..#.", ".#.."), ("...#", "..#.", ".#..")),
    (
      ("#####", "#...#", "#...#", "#####"),
      (".###.", "#...#", "#...#", ".###."),
    ),
  ],
  ids=["bar", "block", "diagonal", "ring"],
)
def test_thinning_by_hand(before, after):
  np.testing.assert_array_equal(lines.thin(drawn(*before)), drawn(*after))


def slow_thin(shape):
  """Lam, Lee and Suen's conditions, pixel by pixel."""
  shape = np.pad(shape, 1)
  changed = True
  while changed:
    changed = False
    for odd in (0, 4):
      gone = []
      for i, j in np.argwhere(shape):
        x = [shape[i + di, j + dj] for di, dj in (
          (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)
        )]  # fmt: skip
        x.append(x[0])
        once = sum(not x[k] and (x[k + 1] or x[k + 2]) for k in range(0, 8, 2))
        n = min(
          sum(x[k] or x[k + 1] for k in range(0, 8, 2)),
          sum(x[k] or x[k + 1] for k in range(1, 8, 2)),
        )
        third = (x[1 + odd] or x[2 + odd] or not x[(7 + odd) % 8]) and x[odd]
        if once == 1 and 2 <= n <= 3 and not third:
          gone.append((i, j))
      for i, j in gone:
        shape[i, j], changed = False, True
  return shape[1:-1, 1:-1]


def test_thinning_is_the_slow_twin_s():
  shape = np.random.default_rng(3).random((40, 50)) < 0.7
  np.testing.assert_array_equal(lines.thin(shape), slow_thin(shape))


def test_short_lines_go_and_corners_join():
  shape = drawn("#...#####", ".#.......", "..#..##..", "...#.....", "....#....")
  kept = drawn("#...#####", ".#.......", "..#......", "...#.....", "....#....")
  np.testing.assert_array_equal(lines.drop_small(shape, 5), kept)
  assert not lines.drop_small(shape, 6).any()


def test_lines_are_black_on_white():
  got = lines.picture_of(drawn("#."))
  assert got.dtype == np.uint8 and got.tolist() == [[0, 255]]
