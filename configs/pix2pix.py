"""pix2pix as a baseline: its U-Net, its discriminator and its losses, 512x256.

  python -m hdgan.main --config=configs/pix2pix.py --workdir=runs/pix2pix \\
    --config.data.root=DATA

Isola et al., CVPR 2017, which section 4 of the paper compares with, in the form
of the authors' PyTorch code: 54,447,747 parameters in G and 2,802,497 in D for
35 classes and a boundary map. Dropout is where their Torch code has it, and
stays on in pictures that are made with the trained model, as do the statistics
of the picture at hand. Sides are multiples of 256.

Differs from pix2pix in one thing: there D is stepped first and judges G anew;
here both losses of a step are taken before either update, as for the other
networks. Not run yet at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.generator.kind = "unet"
    config.generator.downsamples = 8
    config.generator.dropout = 0.5
    config.discriminator.kind = "pix2pix"
    config.loss.gan = "bce"
    config.loss.feature_matching = 0.0
    config.loss.l1 = 100.0
    config.loss.vgg = 0.0
    config.stages[0].size = (256, 512)
    config.stages[0].scales = 1
  return config.lock()
