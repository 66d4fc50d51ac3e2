"""What each loss of G is worth: GAN alone, with feature matching, and with VGG.

  python -m hdgan.main --mode=ablate --config=configs/ablation_losses.py \\
    --workdir=runs/losses --config.data.root=DATA --config.num_classes=N \\
    --config.loss.vgg_file=vgg19.safetensors

The paper's section 4 compares the same three. Not run yet at full length.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config that all variants start from."""
  return paired_folder.get_config()


def get_variants() -> dict[str, dict[str, Any]]:
  """By name, the fields in which a variant differs."""
  return {
    "gan": {"loss.feature_matching": 0.0, "loss.vgg": 0.0},
    "fm": {"loss.feature_matching": 10.0, "loss.vgg": 0.0},
    "vgg": {"loss.feature_matching": 10.0, "loss.vgg": 10.0},
  }
