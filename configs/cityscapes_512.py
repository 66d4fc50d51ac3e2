"""Cityscapes at 1024x512 pixels: G1 alone, the paper's first stage.

  python -m hdgan.main --config=configs/cityscapes_512.py --workdir=runs/c512 \
    --config.data.root=DIR --config.loss.vgg_file=vgg19.safetensors

DIR holds train_label/, train_inst/, train_img/ and the same for val; or, with
--config.data.name=cityscapes, the data set as it is downloaded. The
original's settings: 100 epochs at the full rate, 100 more down to zero, batch
of one. Not run yet at full length.

The other configs start from this one. It has every field at its default; what
each means is in configs/README.md.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = ConfigDict()
  config.seed = 0
  config.batch_size = 1
  config.num_classes = 35
  config.ignore_label = -1
  config.max_instances = 0
  config.boundary = True
  config.data = ConfigDict(
    {
      "name": "paired_folder",
      "root": "",
      "variant": "",
      "split": "",
      "label_map": "",
      "instances": "folder",
      "store_size": 0,
      "store": "files",
      "prepared_dir": "",
      "suffixes": {"label": "", "instance": "", "image": ""},
      "transform": "resize",
      "load_width": 0,
      "flip": True,
      "warp_labels": 0.0,
      "workers": 2,
      "label_channels": 3,
      "label_range": (0.0, 255.0),
      "image_channels": 3,
      "image_range": (0.0, 255.0),
      "num_train": 0,
      "num_val": 0,
      "size": (0, 0),
    }
  )
  config.generator = ConfigDict(
    {
      "kind": "global",
      "width": 64,
      "downsamples": 4,
      "blocks": 9,
      "enhancer_blocks": 3,
      "dropout": 0.0,
      "pictures": 1,
    }
  )
  config.discriminator = ConfigDict(
    {
      "kind": "multiscale",
      "width": 64,
      "layers": 3,
    }
  )
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
      "gan": "lsgan",
      "feature_matching": 10.0,
      "l1": 0.0,
      "label_mix": 10.0,
      "vgg": 10.0,
      "vgg_form": "pix2pixhd",
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
  config.ema = 0.0
  config.stages = (
    ConfigDict(
      {
        "name": "global",
        "size": (512, 1024),
        "enhancers": 0,
        "scales": 2,
        "trainable": ("G1",),
        "constant": 100,
        "decay": 100,
      }
    ),
  )
  config.precision = "float32"
  config.mesh = ConfigDict({"data": 0, "space": 1})
  config.remat = "none"
  config.shard_optimizer = False
  config.accumulate = 1
  config.max_skipped = 5
  config.init_from = ""
  config.log_every = 100
  config.sample_every = 5000
  config.checkpoint_every = 5000
  config.keep = 3
  config.evaluate_every = 0
  config.evaluate_features = ""
  config.keep_best = False
  return config.lock()
