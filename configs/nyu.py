"""NYU Depth v2 at 544x416: rooms of 40 classes, G1 alone.

  python -m hdgan.main --config=configs/nyu.py --workdir=runs/nyu \
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors

DIR holds nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat, see
hdgan/datasets/README.md; `pip install -e '.[data]'` reads the first. Its
pictures are 561x427; the size is the next smaller of multiples of 32. The paper
shows rooms beside those of CRN (Chen and Koltun, ICCV 2017) and does not say
which classes and pictures it trained on; --config.data.split=crn takes 1,200 to
train on instead of the official 795. Listing and reading were run on files of
the same layout; not run on the data itself, and no training at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.data.name = "nyu"
    config.num_classes = 40
    config.ignore_label = 255
    config.stages[0].size = (416, 544)
  return config.lock()
