"""What G is worth: pix2pix's U-Net, CRN's network, or the paper's G1.

  python -m hdgan.main --mode=ablate --config=configs/ablation_generator.py \\
    --workdir=runs/generators --config.data.root=DATA --config.num_classes=N \\
    --config.loss.vgg_file=vgg19.safetensors

As in the paper's section 4, all else is the same: the multi-scale D and the
losses of the published first stage. Not run yet at full length.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config that all variants start from."""
  config = paired_folder.get_config()
  with config.unlocked():
    config.loss.vgg = 10.0
  return config.lock()


def get_variants() -> dict[str, dict[str, Any]]:
  """By name, the fields in which a variant differs."""
  return {
    "unet": {
      "generator.kind": "unet",
      "generator.downsamples": 8,
      "generator.dropout": 0.5,
    },
    "crn": {
      "generator.kind": "crn",
      "generator.width": 1024,
      "generator.downsamples": 6,
    },
    "global": {"generator.kind": "global"},
  }
