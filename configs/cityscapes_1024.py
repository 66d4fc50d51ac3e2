"""Cityscapes at 2048x1024: the whole published schedule, G1 then G2.

  python -m hdgan.main --config=configs/cityscapes_1024.py \
    --workdir=runs/c1024 --config.data.root=DIR \
    --config.loss.vgg_file=vgg19.safetensors

G1 for 100 + 100 epochs at 1024x512 with two discriminators; the enhancer alone
for 10 and both together for 40 + 50 at 2048x1024 with three. Not run yet at
full length.
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def enhancer_stages(
  level: int, size: tuple[int, int], scales: int
) -> tuple[ConfigDict, ...]:
  """The published pair of stages that adds one enhancer.

  Args:
    level: of the enhancer: 1 adds G2, 2 adds G3.
    size: (height, width).
    scales: discriminators.

  Returns:
    The enhancer alone, then all of G.
  """
  networks = tuple(f"G{k + 1}" for k in range(level + 1))
  alone = ConfigDict(
    {
      "name": f"enhancer_{level}",
      "size": size,
      "enhancers": level,
      "scales": scales,
      "trainable": networks[-1:],
      "constant": 10,
      "decay": 0,
    }
  )
  joint = ConfigDict(
    {
      "name": f"joint_{level}",
      "size": size,
      "enhancers": level,
      "scales": scales,
      "trainable": networks,
      "constant": 40,
      "decay": 50,
    }
  )
  return alone, joint


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    config.stages += enhancer_stages(1, (1024, 2048), 3)
  return config.lock()
