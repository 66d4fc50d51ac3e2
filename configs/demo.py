"""The demo: streets that hdgan draws itself; all three stages on a CPU.

python -m hdgan.main --config=configs/demo.py --workdir=runs/demo
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.num_classes = 8
    config.batch_size = 2
    config.data.name = "synthetic_streets"
    config.data.num_train = 280
    config.data.num_val = 24
    config.data.size = (128, 256)
    config.generator.width = 16
    config.generator.downsamples = 3
    config.generator.blocks = 4
    config.generator.enhancer_blocks = 2
    config.discriminator.width = 16
    config.encoder.enabled = True  # colours that the labels do not tell
    config.encoder.width = 16
    config.encoder.downsamples = 2
    config.loss.vgg = 0.0
    config.optimizer.learning_rate = 5e-4
    config.stages = (
      ConfigDict(
        {
          "name": "global",
          "size": (64, 128),
          "enhancers": 0,
          "scales": 2,
          "trainable": ("G1", "E"),
          "constant": 4,
          "decay": 2,
        }
      ),
      ConfigDict(
        {
          "name": "enhancer",
          "size": (128, 256),
          "enhancers": 1,
          "scales": 2,
          "trainable": ("G2",),
          "constant": 1,
          "decay": 0,
        }
      ),
      ConfigDict(
        {
          "name": "joint",
          "size": (128, 256),
          "enhancers": 1,
          "scales": 2,
          "trainable": ("G1", "G2"),
          "constant": 1,
          "decay": 1,
        }
      ),
    )
    config.log_every = 50
    config.sample_every = 500
    config.checkpoint_every = 500
  return config.lock()
