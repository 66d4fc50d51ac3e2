"""What the pixels of label maps and photos stand for."""

import dataclasses

from ml_collections import ConfigDict

# Before the name of a map in a batch: bent, and what G sees in its place.
BENT = "bent_"


@dataclasses.dataclass(frozen=True)
class PictureSpec:
  """What label maps and photos mean: shared by data, checks and networks.

  Attributes:
    num_classes: C_label; 0 where the label is itself a picture.
    ignore_label: class id without a one-hot vector; -1 for none.
    label_channels: C of a label that is a picture.
    label_range: its lowest and highest value.
    image_channels: C of the photos.
    image_range: their lowest and highest value, which become -1 and 1.
  """

  num_classes: int
  ignore_label: int = -1
  label_channels: int = 3
  label_range: tuple[float, float] = (0.0, 255.0)
  image_channels: int = 3
  image_range: tuple[float, float] = (0.0, 255.0)


def picture_spec(config: ConfigDict) -> PictureSpec:
  """What pictures mean, from a validated config."""
  data = config.data
  low, high = data.label_range
  darkest, brightest = data.image_range
  return PictureSpec(
    num_classes=config.num_classes,
    ignore_label=config.ignore_label,
    label_channels=data.label_channels,
    label_range=(float(low), float(high)),
    image_channels=data.image_channels,
    image_range=(float(darkest), float(brightest)),
  )
