"""Cityscapes at 2048x1024 with styles: the whole published schedule with E.

  python -m hdgan.main --config=configs/cityscapes_1024_styles.py \
    --workdir=runs/c1024_styles --config.data.root=DIR \
    --config.loss.vgg_file=vgg19.safetensors
  python -m hdgan.main --mode=styles --workdir=runs/c1024_styles

E is trained with G1 in the first stage and frozen afterwards, as published; it
always sees photos at 1024x512. To go on training it in the last stage, say
--config.stages[2].trainable="('G1', 'G2', 'E')". Not run yet at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512_styles
from configs.cityscapes_1024 import enhancer_stages


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512_styles.get_config()
  with config.unlocked():
    config.stages += enhancer_stages(1, (1024, 2048), 3)
  return config.lock()
