"""Helen at 512x512: faces of eleven parts, G1 and E.

  python -m hdgan.main --config=configs/helen.py --workdir=runs/helen \
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors
  python -m hdgan.main --mode=styles --workdir=runs/helen

DIR holds SmithCVPR2013_dataset_resized.zip, see hdgan/datasets/README.md. The
paper edits faces of this set, which needs E; it does not say at which size.
There are no instances: a style is of a whole part. Listing and reading were run
on files of the same layout; not run on the data itself, and no training at full
length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512_styles


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512_styles.get_config()
  with config.unlocked():
    config.data.name = "helen"
    config.num_classes = 11
    config.stages[0].size = (512, 512)
  return config.lock()
