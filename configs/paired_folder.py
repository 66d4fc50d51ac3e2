"""One's own folder of maps and photos, at 512x256: the place to start from.

  python -m hdgan.main --config=configs/paired_folder.py --workdir=runs/mine \
    --config.data.root=DIR --config.num_classes=N

DIR holds train_label/, train_img/ and, where there are any, train_inst/ and
the same for val. Not run yet at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.loss.vgg = 0.0  # 10 once there is a weight file, see the README
    config.stages[0].size = (256, 512)
    config.log_every = 50
    config.sample_every = 1000
    config.checkpoint_every = 1000
  return config.lock()
