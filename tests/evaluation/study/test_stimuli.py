import io

import numpy as np
from PIL import Image

from hdgan.evaluation.study import stimuli


def noise(size):
  return np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)


def test_a_jpeg_with_padding_is_the_same_picture():
  data = stimuli.encoded(noise((16, 24)))
  longer = stimuli.padded(data, len(data) + 1000)
  assert len(longer) == len(data) + 1000
  one, other = (np.asarray(Image.open(io.BytesIO(d))) for d in (data, longer))
  np.testing.assert_array_equal(one, other)


def test_colours_have_full_resolution_and_nothing_is_said_beside():
  image = Image.open(io.BytesIO(stimuli.encoded(noise((16, 24)))))
  # Sampling factors of Y, Cb and Cr, and the tables of quality 95.
  assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
  assert image.quantization[0][0] == round(16 * (200 - 2 * 95) / 100)
  assert not image.getexif() and "comment" not in image.info


def test_large_pictures_are_fitted_and_small_ones_kept():
  assert stimuli.fitted(noise((50, 100)), 25).shape == (25, 50, 3)
  small = noise((40, 50))
  assert stimuli.fitted(small, 25) is small


def test_a_blurred_picture_has_lost_its_detail():
  board = np.indices((48, 48)).sum(0) // 4 % 2 * 255
  picture = np.stack([board.astype(np.uint8)] * 3, -1)
  assert picture.std() > 120 and stimuli.blurred(picture).std() < 40


def test_names_hang_on_all_that_they_stand_for():
  names = {
    stimuli.published_name(data, seed, method)
    for data in (b"a", b"b")
    for seed in (0, 1)
    for method in ("x", "y")
  }
  assert len(names) == 8 and all(len(name) == 16 for name in names)
