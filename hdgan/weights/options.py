"""The released code's options: opt.txt, and what a model of ours is in them."""

import dataclasses
import pathlib
from collections.abc import Mapping

from ml_collections import ConfigDict

from hdgan.config import InputError
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  Layer,
  table_of,
)

OPTIONS = "opt.txt"
NETS = ("G", "E", "D")


@dataclasses.dataclass(frozen=True)
class Networks:
  """What was found; E and D may be absent."""

  generator: GeneratorSpec
  encoder: EncoderSpec | None = None
  discriminator: DiscriminatorSpec | None = None


def read_options(path: pathlib.Path) -> dict[str, str]:
  """Reads `name: value` lines of an opt.txt; {} if there is none."""
  if not path.is_file():
    return {}
  lines = path.read_text(errors="replace").splitlines()
  pairs = (line.partition(":") for line in lines if ":" in line)
  return {name.strip(): value.strip() for name, _, value in pairs}


def write_options(path: pathlib.Path, options: Mapping[str, object]) -> None:
  """Writes options as the released code does: sorted, between two rules."""
  lines = [f"{name}: {value}" for name, value in sorted(options.items())]
  text = ["------------ Options -------------", *lines]
  path.write_text("\n".join([*text, "-------------- End ----------------", ""]))


def network_options(networks: Networks) -> dict[str, object]:
  """The options that the networks' shapes decide."""
  g, e, d = networks.generator, networks.encoder, networks.discriminator
  options: dict[str, object] = {
    "netG": "local" if g.enhancers else "global",
    "ngf": g.width >> g.enhancers,
    "n_downsample_global": g.downsamples,
    "n_blocks_global": g.blocks,
    "output_nc": g.channels,
  }
  if g.enhancers:
    options["n_local_enhancers"] = g.enhancers
    options["n_blocks_local"] = g.enhancer_blocks
  if e:
    options |= {
      "feat_num": e.channels, "nef": e.width, "n_downsample_E": e.downsamples,
    }  # fmt: skip
  if d:
    options |= {
      "ndf": d.width, "n_layers_D": d.layers, "num_D": d.scales,
      "no_ganFeat_loss": not d.features,
    }  # fmt: skip
  return options


def check_options(
  options: Mapping[str, str], networks: Networks, source: str
) -> None:
  """Compares opt.txt with the shapes.

  Raises:
    InputError: listing each option that the weights contradict.
  """
  found = network_options(networks)
  faults = [
    f"{name}: {options[name]} where the weights have {value}"
    for name, value in found.items()
    if name in options and options[name] != str(value)
  ]
  if faults:
    raise InputError(
      f"{source} is of another model than the weights beside it: "
      f"{'; '.join(faults)}; give the files of one model, or take {source} away"
    )


def is_true(options: Mapping[str, str], name: str) -> bool:
  """Whether a switch is on; off where opt.txt is silent."""
  return options.get(name, "False") == "True"


def number(options: Mapping[str, str], name: str, default: float) -> float:
  """Value of an option.

  Raises:
    InputError: if it is no number.
  """
  try:
    return float(options.get(name, default))
  except ValueError as error:
    raise InputError(
      f"{OPTIONS}: {name}: {options[name]!r} must be a number; correct it"
    ) from error


def options_of(
  config: ConfigDict, stage: ConfigDict, networks: Networks
) -> dict[str, object]:
  """The released code's options that run a model of ours.

  Args:
    config: of the run.
    stage: of the checkpoint.
    networks: that are exported.

  Returns:
    Names and values, for its training and its tests.
  """
  data, loss = config.data, config.loss
  mode = "crop" if data.transform == "crop" else "scale_width"
  height, width = stage.size
  options = {
    "label_nc": config.num_classes,
    "input_nc": data.label_channels,
    "no_instance": not config.boundary,
    "instance_feat": config.encoder.enabled,
    "norm": "instance",
    "batchSize": config.batch_size,
    "loadSize": data.load_width or width,
    "fineSize": min(height, width),
    "resize_or_crop": mode + "_and_crop" * bool(data.load_width),
    "no_flip": not data.flip,
    "lr": config.optimizer.learning_rate,
    "beta1": config.optimizer.beta1,
    "niter": stage.constant,
    "niter_decay": stage.decay,
    "niter_fix_global": 0,
    "lambda_feat": loss.feature_matching or loss.vgg or 10.0,
    "no_vgg_loss": not loss.vgg,
    "no_lsgan": loss.gan == "bce",
    "no_ganFeat_loss": not loss.feature_matching,
  }
  return options | network_options(networks)


def networks_of(
  config: ConfigDict, stage: ConfigDict, encoder: bool, discriminator: bool
) -> Networks:
  """What a stage of a config is made of.

  Args:
    config: of the run.
    stage: one of its stages.
    encoder: whether E's weights exist.
    discriminator: whether D's do.

  Returns:
    The same description that `recognise.infer` reads from the weights.
  """
  g, e, d = config.generator, config.encoder, config.discriminator
  colors = config.data.image_channels
  label = (config.num_classes or config.data.label_channels) + config.boundary
  return Networks(
    GeneratorSpec(
      label + (e.channels if e.enabled else 0), colors, g.width, g.downsamples,
      g.blocks, stage.enhancers, g.enhancer_blocks if stage.enhancers else 0,
    ),
    EncoderSpec(colors, e.channels, e.width, e.downsamples)
    if encoder
    else None,
    DiscriminatorSpec(
      label + colors, d.width, d.layers, stage.scales,
      config.loss.feature_matching > 0,
    )
    if discriminator
    else None,
  )  # fmt: skip


def tables_of(
  config: ConfigDict, stage: ConfigDict, has: Mapping[str, bool]
) -> dict[str, list[Layer]]:
  """The layers of the networks that exist, by "G", "E", "D"."""
  networks = networks_of(config, stage, has["E"], has["D"])
  specs = (networks.generator, networks.encoder, networks.discriminator)
  pairs = zip(NETS, specs, strict=True)
  return {net: table_of(spec) for net, spec in pairs if spec}
