"""What is said of pictures that training squashes."""

import pytest
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.datasets.distortion import best_sizes, squash_line
from hdgan.validation import validate


# Worked by hand at units of 16. 70 x 200 is 2.86 wide: 32 x 96 (3072 pixels) is
# the nearest to 64 x 64 (4096), 48 x 144 (6912) is further off.
@pytest.mark.parametrize(
  "sizes, stages, transform, said",
  [
    ({"64x64": 3, "70x200": 2}, [(64, 64)], "resize",
     "2 of 5 pictures change their shape by more than a quarter: 70x200 "
     "pictures become 64x64 (height x width); cut instead: "
     "--config.data.transform=crop"),
    ({"64x64": 3, "50x100": 2}, [(64, 64)], "resize",
     "2 of 5 pictures change their shape by more than a quarter: 50x100 "
     "pictures become 64x64 (height x width); cut these to the shape of the "
     "others"),
    ({"64x64": 2, "70x200": 3}, [(64, 64)], "resize",
     "3 of 5 pictures change their shape by more than a quarter: 70x200 "
     "pictures become 64x64 (height x width); say --config.stages[0].size="
     "32,96, or cut instead: --config.data.transform=crop"),
    ({"70x50": 1}, [(64, 64)], "resize",
     "1 of 1 pictures change their shape by more than a quarter: 70x50 "
     "pictures become 64x64 (height x width); say --config.stages[0].size="
     "64,48"),
    ({"80x64": 1}, [(64, 64)], "resize", ""),  # A quarter, not more.
    ({"81x64": 9}, [(96, 96), (80, 64)], "resize",
     "9 of 9 pictures change their shape by more than a quarter: 81x64 "
     "pictures become 96x96 (height x width); say --config.stages[0].size="
     "96,80"),
    ({"70x200": 2}, [(64, 64)], "crop", ""),
  ],
)  # fmt: skip
def test_distortion_is_said(sizes, stages, transform, said):
  """A size to type keeps the shape, or crops where all are large enough."""
  config = config_lib.defaults()
  config.data.transform = transform
  config.stages = tuple(
    ConfigDict({**config.stages[0].to_dict(), "name": str(s), "size": s})
    for s in stages
  )
  assert squash_line(config, sizes) == said
  if "].size=" in said:
    size = said.partition("].size=")[2].split(", or")[0].split(",")
    config.stages[0].size = tuple(map(int, size))
    validate(config, files=False)
    name = said.split(": ")[1].split(" ")[0]
    assert squash_line(config, {name: sizes[name]}) == ""


def test_the_size_that_squashes_the_fewest():
  """Multiples of 16 of about 32x64 pixels: 48x48 for squares."""
  config = validate(config_lib.defaults(), files=False).unlock()
  config.stages[0].unlock().size = (32, 64)
  assert best_sizes(config, {"100x100": 3, "100x200": 1}) == {0: (48, 48)}
  assert best_sizes(config, {"100x100": 1, "100x200": 3}) == {}
  # The stage's own where another is no better.
  assert best_sizes(config, {"100x100": 2, "100x200": 2}) == {}
  config.data.transform = "crop"
  assert best_sizes(config, {"100x100": 3}) == {}
