"""Cityscapes at 4096x2048: a second enhancer, G3, on the published schedule.

  python -m hdgan.main --config=configs/cityscapes_2048.py \
    --workdir=runs/c2048 --config.data.root=DIR \
    --config.loss.vgg_file=vgg19.safetensors --config.precision=bf16

The paper says that more enhancers can be added in the same way; sizes and
epochs of G3's two stages are ours. Photos of 2048x1024 are scaled up. Not run
yet.
"""

from ml_collections import ConfigDict

from configs import cityscapes_1024


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_1024.get_config()
  with config.unlocked():
    config.stages += cityscapes_1024.enhancer_stages(2, (2048, 4096), 4)
    config.remat = "norms"
  return config.lock()
