"""What the options of configs/modern.py are worth, one by one and together.

  python -m hdgan.main --mode=ablate --config=configs/ablation_modern.py \\
    --workdir=runs/modern_parts --config.data.root=DATA --config.num_classes=N

`published` is the paper's without the VGG loss, which --config.loss.vgg=10
--config.loss.vgg_file=vgg19.safetensors gives to all variants. The average's
decay is meant for 10,000 steps and more. Not run yet at full length.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config that all variants start from."""
  return paired_folder.get_config()


def get_variants() -> dict[str, dict[str, Any]]:
  """By name, the fields in which a variant differs."""
  ema = {"ema": 0.999}
  warp = {"data.warp_labels": 0.05}
  segmentation = {
    "discriminator.kind": "segmentation",
    "loss.feature_matching": 0.0,
    "optimizer.learning_rate": 4e-4,
    "optimizer.beta1": 0.0,
    "stages[0].scales": 1,
  }
  return {
    "published": {},
    "ema": ema,
    "warp": warp,
    "segmentation": segmentation,
    "modern": ema | warp | segmentation,
  }
