"""opt.txt, and options against shapes."""

import pytest
from ml_collections import ConfigDict

from configs import cityscapes_512, cityscapes_1024
from hdgan.errors import InputError
from hdgan.weights import options
from hdgan.weights.options import Networks
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
)

NETWORKS = Networks(
  GeneratorSpec(39, 3, 64, 4, 9, 1, 3), EncoderSpec(3, 3, 16, 4),
  DiscriminatorSpec(39, 64, 3, 2),
)  # fmt: skip


def test_options_are_read_as_they_are_written(tmp_path):
  path = tmp_path / "opt.txt"
  options.write_options(path, {"ngf": 32, "no_flip": False, "dataroot": "a: b"})
  assert path.read_text().splitlines()[1:-1] == [
    "dataroot: a: b", "ngf: 32", "no_flip: False"
  ]  # fmt: skip
  said = options.read_options(path)
  assert said == {"ngf": "32", "no_flip": "False", "dataroot": "a: b"}
  assert options.read_options(tmp_path / "none.txt") == {}


def test_ngf_is_the_outermost_enhancers():
  found = options.network_options(NETWORKS)
  assert found["netG"] == "local" and found["ngf"] == 32
  assert found["nef"] == 16 and found["num_D"] == 2


def test_options_that_the_weights_contradict():
  said = {"ngf": "64", "num_D": "3", "netG": "local", "unknown": "1"}
  with pytest.raises(InputError) as error:
    options.check_options(said, NETWORKS, "opt.txt")
  assert "ngf: 64 where the weights have 32" in str(error.value)
  assert "num_D: 3 where the weights have 2" in str(error.value)
  assert "netG" not in str(error.value)
  options.check_options({"ngf": "32"}, NETWORKS, "opt.txt")


def test_numbers_and_switches():
  said = {"lr": "0.0001", "no_flip": "True", "niter": "many"}
  assert options.number(said, "lr", 1.0) == 1e-4
  assert options.number(said, "beta1", 0.5) == 0.5
  assert options.is_true(said, "no_flip")
  assert not options.is_true(said, "no_vgg_loss")
  with pytest.raises(InputError, match="niter: 'many' must be a number"):
    options.number(said, "niter", 1.0)


def test_options_of_a_published_config():
  config = cityscapes_1024.get_config()
  stage = config.stages[-1]
  networks = options.networks_of(config, stage, False, True)
  assert networks.generator == GeneratorSpec(36, 3, 64, 4, 9, 1, 3)
  assert networks.discriminator == DiscriminatorSpec(39, 64, 3, 3, True)
  said = options.options_of(config, stage, networks)
  want = {
    "label_nc": 35, "no_instance": False, "instance_feat": False,
    "netG": "local", "ngf": 32, "num_D": 3, "loadSize": 2048, "niter": 40,
    "niter_decay": 50, "lambda_feat": 10.0, "resize_or_crop": "scale_width",
  }  # fmt: skip
  assert {name: said[name] for name in want} == want


def test_variants_of_the_losses():
  config = cityscapes_512.get_config().unlock()
  config.loss = ConfigDict(
    {"gan": "bce", "feature_matching": 0.0, "vgg": 0.0, "vgg_file": ""}
  )
  config.boundary = False
  networks = options.networks_of(config, config.stages[0], False, True)
  assert networks.generator.inputs == 35
  assert not networks.discriminator.features
  said = options.options_of(config, config.stages[0], networks)
  switches = ("no_lsgan", "no_ganFeat_loss", "no_vgg_loss", "no_instance")
  assert all(said[name] for name in switches)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "ten", ""])
def test_numbers_that_are_none(text):
  with pytest.raises(InputError) as error:
    options.number({"niter": text}, "niter", 0)
  assert str(error.value) == (
    f"opt.txt: niter: {text!r} must be a number; correct it"
  )
