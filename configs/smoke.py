"""Everything in small: three stages with E, EMA and 8 pictures, in seconds.

  python -m hdgan.main --config=configs/smoke.py --workdir=runs/smoke

For tests and for a first look at a new machine; its pictures mean nothing.
"""

from ml_collections import ConfigDict

from configs import demo


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = demo.get_config()
  with config.unlocked():
    config.batch_size = 1
    config.data.num_train = 4
    config.data.num_val = 2
    config.data.size = (64, 128)
    config.generator.width = 8
    config.generator.downsamples = 2
    config.generator.blocks = 1
    config.generator.enhancer_blocks = 1
    config.discriminator.width = 4
    config.discriminator.layers = 2
    config.encoder.enabled = True
    config.encoder.width = 4
    config.encoder.downsamples = 2
    config.ema = 0.9
    for stage, trainable in zip(
      config.stages, (("G1", "E"), ("G2",), ("G1", "G2")), strict=True
    ):
      stage.size = (32, 64) if stage.enhancers == 0 else (64, 128)
      stage.trainable = trainable
      stage.constant = 1
      stage.decay = 0
    config.stages[2].decay = 1
    config.log_every = 2
    config.sample_every = 4
    config.checkpoint_every = 3
  return config.lock()
