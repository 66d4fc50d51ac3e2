"""What came after the paper, on your own folder at 512x256.

  python -m hdgan.main --config=configs/modern.py --workdir=runs/modern \\
    --config.data.root=DATA --config.num_classes=N

Three things that are off in all other configs, each an option of its own:

* the moving average of G (decay 0.999), which makes all pictures;
* `data.warp_labels`: in training, G's maps are bent by up to a twentieth of the
  shorter side, D and the losses see them as they are (after the idea of
  arXiv:2011.12636);
* `discriminator.kind = "segmentation"` with LabelMix: a D that names each
  pixel's class (after the idea of arXiv:2012.04781), with Adam (0, 0.999) and
  rates of 4e-4 of G and D.

Needs no VGG weights; G is the paper's. Not run yet at full length: see
configs/ablation_modern.py, which trains each of the three alone too.
"""

from ml_collections import ConfigDict

from configs import paired_folder


def get_config() -> ConfigDict:
  """Returns the locked config."""
  config = paired_folder.get_config()
  with config.unlocked():
    config.ema = 0.999
    config.data.warp_labels = 0.05
    config.discriminator.kind = "segmentation"
    config.loss.feature_matching = 0.0
    config.loss.vgg = 0.0
    config.optimizer.learning_rate = 4e-4
    config.optimizer.beta1 = 0.0
    config.stages[0].scales = 1
  return config.lock()
