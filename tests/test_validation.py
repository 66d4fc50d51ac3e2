"""Every rule of a config and its line."""

import json

import pytest
from tiny import tiny_config

from hdgan import config as config_lib
from hdgan.errors import InputError
from hdgan.validation import validate

# Another generator, with what goes with it.
CRN = {
  "generator.kind": "crn", "generator.blocks": 9,
  "generator.enhancer_blocks": 3,
}  # fmt: skip


def fault(files=True, **changes) -> str:
  with pytest.raises(InputError) as error:
    validate(tiny_config(**changes), files)
  (line,) = str(error.value).splitlines()
  return line


@pytest.mark.parametrize(
  "changes, said",
  [
    ({"batch_size": 0}, "config.batch_size=0 must be at least 1"),
    ({"seed": 2**63}, "config.seed=9223372036854775808 must fit 64 bits"),
    ({"loss.feature_matching": float("nan")},
     "config.loss.feature_matching=nan must be a finite number"),
    ({"data.label_range": (0.0, float("inf"))},
     "config.data.label_range[1]=inf must be a finite number"),
    ({"data.root": "a\0b"},
     "config.data.root='a\\x00b' holds a control character; rename it"),
    ({"num_classes": -1}, "config.num_classes=-1 must be at least 0"),
    ({"keep": 0}, "config.keep=0 must be at least 1"),
    ({"data.transform": "pad"}, "config.data.transform='pad' must be one of"),
    ({"loss.gan": "wgan"}, "config.loss.gan='wgan' must be one of ('lsgan',"),
    ({"precision": "fp8"}, "config.precision='fp8' must be one of"),
    ({"ema": 1.0}, "config.ema=1.0 must be in [0, 1)"),
    ({"optimizer.beta1": -0.5}, "config.optimizer.beta1=-0.5 must be in"),
    ({"stages": ()}, "config.stages is empty: at least one stage is needed"),
    ({"stages[1].scales": 0}, "config.stages[1].scales=0 must be at least 1"),
    ({"stages[1].constant": 0}, "config.stages[1]: constant + decay must be"),
    ({"stages[1].enhancers": 4}, "config.stages[1].enhancers=4 must be one of"),
    ({"stages[2].name": "global"}, "config.stages: names ['global', 'enh"),
    ({"generator.width": 3},
     "config.stages[1].enhancers=1 halves generator.width = 3 so often that it "
     "must be a multiple of 2"),
    ({"data.image_range": (255.0, 0.0)}, "config.data.image_range=(255.0, 0"),
    # Bands of 16 rows: a unit of 2, two units each.
    ({"mesh.space": 3},
     "config.mesh.space=3 cuts the height of config.stages[0].size=16,32, "
     "which must be a multiple of 3 x 2, at least 12; say "
     "--config.mesh.space=2, or --config.stages[0].size=18,32"),
    ({"mesh.space": 8},
     "config.mesh.space=8 cuts the height of config.stages[0].size=16,32, "
     "which must be a multiple of 8 x 2, at least 32; say "
     "--config.mesh.space=4, or --config.stages[0].size=32,32"),
    ({"mesh.space": 2, "loss.vgg_form": "crn"},
     "config.mesh.space=2 needs loss.vgg_form = 'pix2pixhd', not 'crn'; say "
     "--config.mesh.space=1"),
    ({"mesh.space": 0}, "config.mesh.space=0 must be at least 1"),
    ({"keep_best": True},
     "config.keep_best=True has no effect with evaluate_every = 0; say "),
    ({"evaluate_features": "i.safetensors"},
     "config.evaluate_features='i.safetensors' has no effect with evaluate_"),
    ({"evaluate_every": 5, "num_classes": 0, "boundary": False},
     "config.evaluate_every=5: with num_classes = 0 (label is a picture) ther"),
    ({"data.load_width": 99},
     "config.data.load_width=99 has no effect with data.transform = 'resize'; "
     "say --config.data.load_width=0"),
    ({"num_classes": 0, "ignore_label": 255},
     "config.ignore_label=255 has no effect with num_classes = 0 (label is a "
     "picture); say --config.ignore_label=-1"),
    ({"data.label_map": "a.json"},
     "config.data.label_map='a.json' has no effect with data.name = 'synthetic_"
     "streets'; say --config.data.label_map="),
    ({"data.instances": "rgb24"},
     "config.data.instances='rgb24' has no effect with data.name = 'synthetic_"
     "streets'; say --config.data.instances=folder"),
    ({"data.name": "paired_folder", "data.variant": "top500"},
     "config.data.variant='top500' has no effect with data.name = 'paired_fold"
     "er'; say --config.data.variant="),
    ({"data.name": "paired_folder", "data.split": "a"},
     "config.data.split='a' has no effect with data.name = 'paired_folder'"),
    ({"data.name": "paired_folder", "num_classes": 0, "data.label_map": "a"},
     "config.data.label_map='a' has no effect with num_classes = 0 (label is"),
    ({"data.name": "paired_folder", "num_classes": 0,
      "data.instances": "components"},
     "config.data.instances='components' has no effect with num_classes = 0"),
    ({"loss.vgg": 10.0},
     "config.loss.vgg=10.0 needs weights: make a file with `python -m "
     "hdgan.convert vgg "),
    ({"loss.gan": "none"},
     "config.loss.feature_matching=10.0 has no effect with loss.gan = 'none'"),
    ({"loss.gan": "none", "loss.feature_matching": 0.0},
     "config.loss.gan='none' leaves no loss with loss.vgg = 0 and loss.l1 = 0"),
    ({"generator.pictures": 9},
     "config.generator.pictures=9 needs generator.kind = 'crn', not 'global'; "
     "say --config.generator.pictures=1, or --config.generator.kind=crn"),
    ({"generator.pictures": 9, **CRN},
     "config.generator.pictures=9 needs loss.gan = 'none', not 'lsgan'; say "),
    ({"generator.pictures": 9, **CRN, "loss.gan": "none", "loss.l1": 1.0,
      "loss.feature_matching": 0.0, "loss.vgg_form": "crn"},
     "config.generator.pictures=9 needs the loss of VGG19 alone, not loss.vgg "
     "= 0.0 and loss.l1 = 1.0; say --config.generator.pictures=1, or "),
    (CRN,
     "config.stages[1].enhancers=1 halves generator.width = 4 so often that "
     "it must be a multiple of 8"),
    ({"data.image_channels": 5},
     "config.data.image_channels=5 must be 1 to 4, as a PNG has; say "),
    ({"loss.vgg": 10.0, "loss.vgg_file": "x", "data.image_channels": 1},
     "config.loss.vgg=10.0 needs 3 image channels, not data.image_channels = "),
    ({"data.warp_labels": 0.25},
     "config.data.warp_labels=0.25 must be in [0, 0.25)"),
    ({"loss.label_mix": 5.0},
     "config.loss.label_mix=5.0 has no effect with discriminator.kind = 'multi"
     "scale'; say --config.loss.label_mix=10.0"),
    ({"discriminator.kind": "segmentation", "num_classes": 0},
     "config.discriminator.kind='segmentation' names each pixel's class; with "
     "num_classes = 0 (label is a picture) there are none; say --config.discr"),
    ({"discriminator.kind": "segmentation"},
     "config.loss.feature_matching=10.0 has no effect with discriminator.kind "
     "= 'segmentation'; say --config.loss.feature_matching=0.0"),
    ({"discriminator.kind": "segmentation", "loss.gan": "bce"},
     "config.loss.gan=bce has no effect with discriminator.kind = 'segmentat"),
    ({"discriminator.kind": "segmentation", "loss.feature_matching": 0.0},
     "config.stages[0].scales=2 must be 1 with discriminator.kind = 'segment"),
  ],
)  # fmt: skip
def test_rules(changes, said):
  assert fault(**changes).startswith(said)


@pytest.mark.parametrize(
  "changes, said",
  [
    # Widths 2 ** (1 down-sampling + 1 enhancer) = 4, so that 34 is 2 off.
    ({"stages[1].size": (34, 64)},
     "config.stages[1].size=(34, 64) must be multiples of 4, at least 8 (1 "
     "down-sampling + 1 enhancer); nearest is --config.stages[1].size=32,64"),
    ({"stages[0].size": (2, 30)},
     "config.stages[0].size=(2, 30) must be multiples of 2, at least 4 (1 "
     "down-sampling); nearest is --config.stages[0].size=4,30"),
    ({"stages[0].size": (16,)}, "config.stages[0].size=(16,) must be (height,"),
    ({"encoder.downsamples": 3, "stages[0].size": (20, 32)},
     "config.stages[0].size=(20, 32) must be multiples of 8"),
  ],
)  # fmt: skip
def test_sizes_that_the_networks_cannot_take(changes, said):
  assert fault(**changes).startswith(said)


@pytest.mark.parametrize(
  "changes, said",
  [
    ({"stages[0].trainable": ("G1", "G2")},
     "config.stages[0].trainable names 'G2', which has no effect in this "
     "stage; it has G1, E"),
    ({"stages[1].trainable": ("D",)}, "config.stages[1].trainable names 'D',"),
    ({"encoder.enabled": False}, "config.stages[0].trainable names 'E', which"),
    ({"stages[0].trainable": ("E",)}, "config.stages[0].trainable=('E',) must"),
    ({"stages[2].trainable": ("G1", "G1")}, "config.stages[2].trainable=('G1"),
    ({"stages[1].trainable": ("G1",)},
     "config.stages[1].trainable=('G1',): G2 would stay at its random start; "
     "train it in an earlier stage or here: --config.stages[1].trainable=G1,"),
    ({"stages[0].trainable": ("G1",)},
     "config.stages[0].trainable=('G1',): E would stay at its random start"),
    ({"stages[2].enhancers": 0, "stages[2].trainable": ("G1",)},
     "config.stages[2].enhancers=0 must not be fewer than the 1 of the stage "
     "before"),
  ],
)  # fmt: skip
def test_what_a_stage_may_train(changes, said):
  assert fault(**changes).startswith(said)


def test_a_first_stage_may_be_joint_or_start_from_weights():
  whole = tiny_config()
  with whole.unlocked():
    whole.stages = whole.stages[1:2]
  with pytest.raises(InputError, match="G1 would stay at its random start"):
    validate(whole)
  with whole.unlocked():
    whole.init_from = "W"
  validate(whole)


@pytest.mark.parametrize(
  "where, name, value, said",
  [
    ("", "sead", 1, "config.sead: there is no such field; did you mean 'seed'"),
    ("data", "rot", "", "config.data.rot: there is no such field; did you"),
    ("stages[1]", "epoch", 9, "config.stages[1].epoch: there is no such field"),
    ("stages[1]", "scale", 9,
     "config.stages[1].scale: there is no such field; did you mean 'scales'?"),
    ("", "seed", "1", "config.seed='1' must be of type int"),
    ("", "seed", True, "config.seed=True must be of type int"),
    ("", "boundary", 1, "config.boundary=1 must be of type bool"),
    ("stages[0]", "size", (16, 32.0), "config.stages[0].size[1]=32.0 must be"),
    ("stages[0]", "trainable", "G1", "config.stages[0].trainable='G1' must be"),
    ("", "data", 3, "config.data=3 must be a ConfigDict"),
  ],
)  # fmt: skip
def test_names_and_types(where, name, value, said):
  plain = node = config_lib.plain(tiny_config())
  if where:
    node = plain["stages"][int(where[7])] if where[0] == "s" else plain[where]
  node[name] = value
  with pytest.raises(InputError) as error:
    validate(config_lib.from_json(json.dumps(plain)))
  assert str(error.value).startswith(said)


def test_a_missing_field_takes_its_default():
  """As runs were before the field existed: published values, no EMA."""
  config = tiny_config()
  with config.unlocked():
    del config.ema
    del config.optimizer
  filled = validate(config)
  assert filled.ema == 0.0
  assert filled.optimizer.to_dict() == {
    "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999,
  }  # fmt: skip


def test_an_int_may_stand_for_a_float():
  plain = config_lib.to_json(tiny_config()).replace('"ema": 0.9', '"ema": 0')
  assert validate(config_lib.from_json(plain)).ema == 0
