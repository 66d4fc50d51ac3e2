"""What shapes cannot tell is asked for; answers that do not fit are refused."""

import pytest

from hdgan.errors import InputError
from hdgan.weights import original
from hdgan.weights.options import Networks
from hdgan.weights.original import Answers, Inputs
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
)


def networks(inputs, d_inputs=0, features=0, **fields):
  g = GeneratorSpec(inputs, 3, 8, 2, 1, **fields)
  e = EncoderSpec(3, features, 4, 2) if features else None
  d = DiscriminatorSpec(d_inputs, 4, 3, 2) if d_inputs else None
  return Networks(g, e, d)


@pytest.mark.parametrize(
  "nets, answers, want",
  [
    (networks(36), Answers(35), Inputs(35, True, 3, 0)),
    (networks(35), Answers(35), Inputs(35, False, 3, 0)),
    (networks(36), Answers(36), Inputs(36, False, 3, 0)),
    (networks(39, features=3), Answers(35), Inputs(35, True, 3, 3)),
    (networks(39), Answers(35, features=3), Inputs(35, True, 3, 3)),
    (networks(39, 39, 3), Answers(35), Inputs(35, True, 3, 3)),
    (networks(36, 39), Answers(35), Inputs(35, True, 3, 0)),
    (networks(4), Answers(0, True, (0.0, 1.0)), Inputs(0, True, 3, 0)),
    (networks(1), Answers(0, False, (0.0, 1.0)), Inputs(0, False, 1, 0)),
  ],
)
def test_channels_are_told_apart(nets, answers, want):
  assert original.explain_channels(nets, answers) == want


@pytest.mark.parametrize(
  "nets, answers, says",
  [
    (networks(36), Answers(), "36 = 35 classes \\+ boundary map; say "
     "--num_classes=35"),
    (networks(36), Answers(34), "styles of width 1"),
    (networks(36, 39), Answers(34), "--num_classes=34 does not fit: 36 = 35"),
    (networks(36), Answers(40), "--num_classes=40 does not fit: 36 = 35"),
    (networks(36), Answers(36, True), "36 = 35 classes"),
    (networks(39), Answers(35), "styles of width 3 expected; .*net_E.pth.*"
     "--features=3"),
    (networks(39, 39), Answers(), "styles of width 3 expected"),
    (networks(39, 39, 2), Answers(35), "does not add up"),
    (networks(36, 20), Answers(35), "styles of width 19"),
    (networks(36, 60), Answers(35), "does not add up"),
    (networks(4), Answers(0), "--boundary=false or true, and --label_range"),
  ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_said(nets, answers, says):
  with pytest.raises(InputError, match=says):
    original.explain_channels(nets, answers)


def test_opt_txt_fills_in_what_flags_leave_open():
  said = {"label_nc": "0", "no_instance": "True"}
  merged = original.merge(Answers(), said)
  assert merged == Answers(0, False, (0.0, 255.0))
  assert original.merge(Answers(5), said).num_classes == 5
  said = {"resize_or_crop": "scale_width_and_crop", "fineSize": "256"}
  assert original.merge(Answers(), said).size == (256, 256)


def test_config_of_an_enhancer_with_styles():
  nets = networks(39, 39, 3, enhancers=1, enhancer_blocks=2)
  said = {"niter": "50", "niter_decay": "30", "no_ganFeat_loss": "False"}
  config = original.config_of(nets, Answers(35, size=(64, 128)), said)
  stage = config.stages[0]
  assert (stage.size, stage.enhancers, stage.scales) == ((64, 128), 1, 2)
  assert stage.trainable == ("G1", "G2", "E")
  assert (stage.constant, stage.decay) == (50, 30)
  assert config.generator.to_dict() == {
    "kind": "global", "width": 8, "downsamples": 2, "blocks": 1,
    "enhancer_blocks": 2, "pictures": 1, "dropout": 0.0,
  }  # fmt: skip
  assert config.encoder.enabled and config.encoder.width == 4
  assert config.loss.feature_matching == 10 and config.loss.vgg == 0


def test_losses_and_transforms_of_opt_txt():
  said = {
    "no_lsgan": "True", "no_ganFeat_loss": "True", "lambda_feat": "5",
    "resize_or_crop": "scale_width_and_crop", "loadSize": "300",
    "no_flip": "True", "batchSize": "2", "dataroot": "data/city",
  }  # fmt: skip
  answers = Answers(35, size=(64, 64), vgg_file="vgg.safetensors")
  config = original.config_of(networks(36), answers, said)
  assert config.loss.gan == "bce" and config.loss.feature_matching == 0
  assert config.loss.vgg == 5 and config.batch_size == 2
  data = config.data
  assert (data.transform, data.load_width) == ("scale_width", 300)
  assert data.root == "data/city" and not data.flip


def test_size_must_be_said_and_fit():
  with pytest.raises(InputError, match="--size=HEIGHT,WIDTH, multiples of 4"):
    original.config_of(networks(36), Answers(35), {})
  with pytest.raises(InputError, match="loadSize: 1024"):
    original.config_of(networks(36), Answers(35), {"loadSize": "1024"})
  with pytest.raises(InputError, match=r"nearest is --size=64,100"):
    original.config_of(networks(36), Answers(35, size=(64, 99)), {})
