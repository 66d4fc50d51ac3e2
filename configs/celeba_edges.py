"""Edges -> photo on CelebA-HQ at 512x512 (Fig. 2): G1 alone.

  python -m hdgan.datasets.edges --from=DIR/train_B --to=DIR/train_A \
    --method=canny
  python -m hdgan.main --config=configs/celeba_edges.py --workdir=runs/edges \
    --config.data.root=DIR

DIR/train_B holds the photos; likewise val_B and val_A for what is held out. The
paper does not say how its edges were made, nor its sizes and epochs: the
schedule here is the one of its streets. `--config.stages[0].size=1024,1024`
takes four times the time and memory. Not run yet on CelebA-HQ or at this size.
Run: 367 steps at 96x64 with G1 of width 16 on 367 photos of streets, after
which sky, road and trees are told apart; nothing finer (2 CPU cores).
"""

from ml_collections import ConfigDict

from configs import cityscapes_512


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = cityscapes_512.get_config()
  with config.unlocked():
    # The label is itself a picture of one channel, without objects.
    config.data.name = "edges"
    config.num_classes = 0
    config.boundary = False
    config.data.label_channels = 1
    config.loss.vgg = 0.0  # 10 once there is a weight file, see the README
    config.stages[0].size = (512, 512)
  return config.lock()
