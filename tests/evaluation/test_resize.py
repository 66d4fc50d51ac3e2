"""Scaling against a slow count in float64, and against PyTorch."""

import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.evaluation import resize


@pytest.fixture
def picture():
  return np.random.default_rng(0).integers(0, 256, (23, 40, 3), np.uint8)


def cubic(x):
  """The bicubic kernel with a = -1/2."""
  x = abs(x)
  if x < 1:
    return 1.5 * x**3 - 2.5 * x**2 + 1
  return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def slow(line, wanted):
  """One row of floats scaled; the kernel widens where fewer are wanted."""
  have = len(line)
  step = have / wanted
  wide = max(step, 1.0)
  result = []
  for i in range(wanted):
    centre = (i + 0.5) * step
    first, last = (int(centre + s * 2 * wide + 0.5) for s in (-1, 1))
    at = range(max(first, 0), min(last, have))
    weights = [cubic((j + 0.5 - centre) / wide) for j in at]
    total = sum(w * line[j] for w, j in zip(weights, at, strict=True))
    result.append(total / sum(weights))
  return np.array(result)


@pytest.mark.parametrize("size", [(11, 13), (37, 52), (23, 40)])
def test_bicubic_is_the_slow_count(picture, size):
  """Smaller, larger and the same; float32 sums in Pillow, hence 1e-3."""
  want = picture.astype(np.float64)
  for axis in (0, 1):
    want = np.apply_along_axis(slow, axis, want, size[axis])
  got = resize.pil_f_bicubic(picture, size)
  assert got.shape == (*size, 3) and got.dtype == np.float32
  np.testing.assert_allclose(got, want.clip(0, 255), atol=1e-3)


def test_what_overshoots_is_cut_off_and_nothing_is_rounded():
  edge = np.zeros((8, 8, 3), np.uint8)
  edge[:, 4:] = 255
  got = resize.pil_f_bicubic(edge, (32, 32))
  assert got.min() == 0 and got.max() == 255
  assert np.any(got != np.round(got))
  # Without the cut it would be beyond both.
  assert slow(edge[0, :, 0].astype(float), 32).max() > 255


@pytest.mark.parametrize("size", [(11, 13), (37, 52), (23, 40)])
def test_bilinear_is_pytorch_s(picture, size):
  torch = pytest.importorskip("torch")
  given = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float()
  want = torch.nn.functional.interpolate(
    given, size=size, mode="bilinear", align_corners=False
  )
  got = resize.torch_bilinear(picture, size)
  assert got.dtype == np.float32
  want = want[0].numpy().transpose(1, 2, 0)
  np.testing.assert_allclose(got, want, atol=1e-3)


def test_grey_is_seen_three_times():
  grey = np.array([[[7], [9]]], np.uint8)
  np.testing.assert_array_equal(resize.as_rgb(grey), [[[7, 7, 7], [9, 9, 9]]])
  with pytest.raises(InputError, match="the map: has 4 channels"):
    resize.as_rgb(np.zeros((2, 2, 4), np.uint8), "the map")
