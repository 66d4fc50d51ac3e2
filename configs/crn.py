"""CRN as a baseline: cascaded refinement of Cityscapes, 512x256 to 2048x1024.

  python -m hdgan.main --config=configs/crn.py --workdir=runs/crn \\
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors

Chen and Koltun, ICCV 2017, which section 4 of the paper compares with, as in
their released code: no discriminator, Adam at 1e-4, batch of one, 19 classes
and the rest; 200 epochs at 512x256 with nine pictures at once, of which each
class takes the best; 20 at 1024x512, where everything trains on; 5 at
2048x1024, where the two finest modules do. 98,674,531 parameters in the end.
DIR is the data set as it is downloaded.

Two things differ. Their code reads photos of 1024x512 and 2048x1024 that were
tone-mapped before ("vivid"), so that its models learned other colours; here
photos are as they are. And VGG19 is torchvision's, not MatConvNet's: see
`in_levels` in hdgan/networks/vgg.py. Not run yet at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.num_classes = 19
    config.ignore_label = 255
    config.boundary = False
    config.data.name = "cityscapes"
    config.data.variant = "fine19"
    config.data.flip = False
    config.generator.kind = "crn"
    config.generator.width = 1024
    config.generator.downsamples = 6
    config.generator.pictures = 9
    config.loss.gan = "none"
    config.loss.feature_matching = 0.0
    config.loss.vgg = 1.0
    config.loss.vgg_form = "crn"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.beta1 = 0.9
    config.stages = tuple(
      ConfigDict(
        {
          "name": name,
          "size": size,
          "enhancers": enhancers,
          "scales": 1,
          "trainable": trainable,
          "constant": epochs,
          "decay": 0,
        }
      )
      for name, size, enhancers, trainable, epochs in (
        ("256", (256, 512), 0, ("G1",), 200),
        ("512", (512, 1024), 1, ("G1", "G2"), 20),
        ("1024", (1024, 2048), 2, ("G2", "G3"), 5),
      )
    )
  return config.lock()
