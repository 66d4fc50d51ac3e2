"""What is written of what G gives."""

import numpy as np
import pytest

from hdgan.rendering.renderer import to_levels


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_channel_is_written(channels):
  fake = np.array([[[-1.0, 0.0, 1.0, 0.2][:channels]]], np.float32)
  # (x + 1) * 127.5, halves to the even number.
  wanted = [0, 128, 255, 153][:channels]
  assert to_levels(fake, (0, 255)).tolist() == [[wanted]]
