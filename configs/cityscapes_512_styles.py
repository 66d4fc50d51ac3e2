"""Cityscapes at 1024x512 with styles: E and G1 are trained together.

  python -m hdgan.main --config=configs/cityscapes_512_styles.py \
    --workdir=runs/c512_styles --config.data.root=DIR \
    --config.loss.vgg_file=vgg19.safetensors
  python -m hdgan.main --mode=styles --workdir=runs/c512_styles

Section 3.4 of the paper: three features per object, pooled over its pixels;
then K = 10 styles per class. E has the original's size. Not run yet at full
length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.encoder.enabled = True
    config.stages[0].trainable = ("G1", "E")
  return config.lock()
