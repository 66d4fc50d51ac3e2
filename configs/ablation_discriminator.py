"""What further scales of D are worth: one, two or three discriminators.

  python -m hdgan.main --mode=ablate \\
    --config=configs/ablation_discriminator.py --workdir=runs/scales \\
    --config.data.root=DATA --config.num_classes=N

Section 3.2, "multi-scale discriminators". Not run yet at full length.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config that all variants start from."""
  return paired_folder.get_config()


def get_variants() -> dict[str, dict[str, Any]]:
  """By name, the fields in which a variant differs."""
  return {f"scales_{n}": {"stages[0].scales": n} for n in (1, 2, 3)}
