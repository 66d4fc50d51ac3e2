"""What the instance boundary map is worth (section 3.3).

  python -m hdgan.main --mode=ablate --config=configs/ablation_boundary.py \\
    --workdir=runs/boundary --config.data.root=DATA --config.num_classes=N

The data needs object ids. Not run yet at full length.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config that all variants start from."""
  return paired_folder.get_config()


def get_variants() -> dict[str, dict[str, Any]]:
  """By name, the fields in which a variant differs."""
  return {"without": {"boundary": False}, "with": {"boundary": True}}
