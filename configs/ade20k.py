"""ADE20K (SceneParse150) at 512x384: any scene, 150 classes, G1 alone.

  python -m hdgan.main --config=configs/ade20k.py --workdir=runs/ade20k \
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors

DIR holds ADEChallengeData2016.zip and, for objects, annotations_instance.tar,
see hdgan/datasets/README.md; --config.data.name=ade20k_full reads the release
of 2021 instead. The paper shows pictures of ADE20K and says neither size nor
schedule: pictures of all shapes are brought to 4:3, and 20 + 20 epochs of
20,210 pictures are more steps than the 100 + 100 of Cityscapes' 2,975. Listing
and reading were run on files of the same layout and on the few samples that
the authors show; no training at full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.data.name = "ade20k"
    config.num_classes = 150
    config.ignore_label = 255
    config.stages[0].size = (384, 512)
    config.stages[0].constant = config.stages[0].decay = 20
  return config.lock()
