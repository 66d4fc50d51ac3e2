"""Cityscapes at 1024x512 pixels: G1 alone, the paper's first stage.

  python -m hdgan.main --config=configs/cityscapes_512.py --workdir=runs/c512 \
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors

DIR holds train_label/, train_inst/, train_img/ and the same for val. The
original's settings: 100 epochs at the full rate, 100 more down to zero, batch
of one. Not run yet at full length.

The other configs start from this one, so every field is explained here.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = ConfigDict()
  config.seed = 0
  config.batch_size = 1  # over all devices
  config.num_classes = 35  # 0: the label is itself a picture
  config.ignore_label = -1  # its pixels get an all-zero vector; -1: none
  config.max_instances = 0  # bound on objects per image; 0: the most found
  config.boundary = True  # feed the instance boundary map
  config.data = ConfigDict(
    {
      "name": "paired_folder",
      "root": "",
      "prepared_dir": "",  # where prepared copies go; '': the user's cache
      # What file stems end in besides the shared part; Cityscapes' are known.
      "suffixes": {"label": "", "instance": "", "image": ""},
      "transform": "resize",  # or 'scale_width' then crop, or 'crop'
      "load_width": 0,  # width to scale to before the crop; 0: the stage's
      "flip": True,
      "workers": 2,  # threads that read and decode
      "label_channels": 3,  # for num_classes = 0
      "label_range": (0.0, 255.0),
      "image_channels": 3,
      "image_range": (0.0, 255.0),  # becomes [-1, 1]
      "num_train": 0,  # for synthetic_streets: how many, and how large
      "num_val": 0,
      "size": (0, 0),
    }
  )
  config.generator = ConfigDict(
    {
      "width": 64,  # G1's; enhancer k has width / 2**k
      "downsamples": 4,
      "blocks": 9,
      "enhancer_blocks": 3,
    }
  )
  config.discriminator = ConfigDict({"width": 64, "layers": 3})
  config.encoder = ConfigDict(
    {
      "enabled": False,
      "channels": 3,
      "width": 16,
      "downsamples": 4,
    }
  )
  config.loss = ConfigDict(
    {
      "gan": "lsgan",  # or 'bce': sigmoid and cross-entropy
      "feature_matching": 10.0,
      "vgg": 10.0,  # 0: the paper's variant without it
      "vgg_file": "",
    }
  )
  config.optimizer = ConfigDict(
    {
      "learning_rate": 2e-4,
      "beta1": 0.5,
      "beta2": 0.999,
    }
  )
  config.ema = 0.0  # decay of the generator's moving average; 0: off
  config.stages = (
    ConfigDict(
      {
        "name": "global",
        "size": (512, 1024),  # height, width
        "enhancers": 0,
        "scales": 2,  # discriminators
        "trainable": ("G1",),
        "constant": 100,  # epochs at the full rate
        "decay": 100,  # epochs down to zero
      }
    ),
  )
  config.precision = "float32"  # or 'bf16', with float32 parameters
  config.mesh = ConfigDict({"data": 0})  # 0: most devices that divide a batch
  config.remat = False  # recompute G in the backward pass to save memory
  config.init_from = ""  # workdir whose weights start this run
  config.log_every = 100  # steps
  config.sample_every = 5000
  config.checkpoint_every = 5000
  config.keep = 3  # checkpoints, besides the last of every stage
  return config.lock()
