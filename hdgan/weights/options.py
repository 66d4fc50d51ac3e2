"""The released code's options: opt.txt, and what a model of ours is in them."""

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping

import flax.traverse_util
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.config import Field
from hdgan.errors import InputError, shown
from hdgan.networks.model import build_model
from hdgan.outside import LARGEST, read_bytes
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  Layer,
  table_of,
)
from hdgan.whole_files import write_text

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
  lines = read_bytes(path, most=LARGEST).decode(errors="replace").splitlines()
  pairs = (line.partition(":") for line in lines if ":" in line)
  return {name.strip(): value.strip() for name, _, value in pairs}


def write_options(path: pathlib.Path, options: Mapping[str, object]) -> None:
  """Writes options as the released code does: sorted, between two rules."""
  lines = [f"{name}: {value}" for name, value in sorted(options.items())]
  first = "------------ Options -------------"
  last = "-------------- End ----------------"
  write_text(path, "\n".join([first, *lines, last, ""]))


def network_options(networks: Networks) -> dict[str, object]:
  """The options that the networks' shapes decide."""
  g, e, d = networks.generator, networks.encoder, networks.discriminator
  options: dict[str, object] = {
    "netG": "local" if g.enhancers else "global",
    # Counted from the outermost enhancer; each level in has twice as many.
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
    value = float(options.get(name, default))
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise InputError(
      f"{OPTIONS}: {name}: {shown(options.get(name))} must be a number; "
      "correct it"
    )
  return value


def _as_option(field: Field, value: object) -> object:
  """A field's value as the released code's option."""
  return not value if field.option.startswith("no_") else value


def copy_options(
  config: ConfigDict, fields: Iterable[Field], options: Mapping[str, str]
) -> None:
  """Takes over what opt.txt says of fields that are copies of an option.

  Args:
    config: unlocked; the experiment's, or one of its stages.
    fields: of it.
    options: of opt.txt; fields that it does not mention stay as they are.

  Raises:
    InputError: if an option that must be a number is none.
  """
  for field in fields:
    if not field.option or field.option not in options:
      continue
    value: object = options[field.option]
    if field.kind is bool:
      value = _as_option(field, is_true(options, field.option))
    elif field.kind in (int, float):
      value = field.kind(number(options, field.option, 0))
    if value != "":
      config_lib.set_field(config, field.name, value)


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
  fields = [(field, config) for field in config_lib.FIELDS]
  fields += [(field, stage) for field in config_lib.STAGE_FIELDS]
  options = {
    field.option: _as_option(field, config_lib.get(where, field.name))
    for field, where in fields
    if field.option and not field.local
  }
  options |= {
    "label_nc": config.num_classes,
    "input_nc": data.label_channels,
    "no_instance": not config.boundary,
    "instance_feat": config.encoder.enabled,
    "norm": "instance",
    "loadSize": data.load_width or width,
    # Its crops are square.
    "fineSize": min(height, width),
    "resize_or_crop": mode + "_and_crop" * bool(data.load_width),
    "niter_fix_global": 0,
    # One weight for both losses there.
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
    generator=GeneratorSpec(
      inputs=label + (e.channels if e.enabled else 0), channels=colors,
      width=g.width, downsamples=g.downsamples, blocks=g.blocks,
      enhancers=stage.enhancers,
      enhancer_blocks=g.enhancer_blocks if stage.enhancers else 0,
    ),
    encoder=EncoderSpec(
      inputs=colors, channels=e.channels, width=e.width,
      downsamples=e.downsamples,
    ) if encoder else None,
    discriminator=DiscriminatorSpec(
      inputs=label + colors, width=d.width, layers=d.layers,
      scales=stage.scales, features=config.loss.feature_matching > 0,
    ) if discriminator else None,
  )  # fmt: skip


def tables_of(
  config: ConfigDict, stage: ConfigDict, has: Mapping[str, bool]
) -> dict[str, list[Layer]]:
  """The layers of the networks that exist, by "G", "E", "D"."""
  networks = networks_of(config, stage, has["E"], has["D"])
  specs = (networks.generator, networks.encoder, networks.discriminator)
  pairs = zip(NETS, specs, strict=True)
  return {net: table_of(spec) for net, spec in pairs if spec}


def shapes_of(
  config: ConfigDict, stage: ConfigDict, has: Mapping[str, bool]
) -> dict[str, dict[str, tuple[int, ...]]]:
  """All arrays of the networks that exist, of any kind.

  Args:
    config: of the run, validated.
    stage: one of its stages.
    has: whether weights of "E" and "D" exist.

  Returns:
    By "G", "E", "D" the shapes by names such as "G1.conv_in.kernel".
  """
  found: dict[str, dict[str, tuple[int, ...]]] = {net: {} for net in NETS}
  shapes = build_model(config, stage).shapes()
  for path, leaf in flax.traverse_util.flatten_dict(shapes).items():
    found[path[0][0]][".".join(path)] = leaf.shape
  return {
    net: arrays
    for net, arrays in found.items()
    if arrays and (net == "G" or has[net])
  }


def check_released(config: ConfigDict) -> None:
  """Refuses networks that the released code does not have.

  Raises:
    InputError: naming the field.
  """
  for field, kind in (("generator", "global"), ("discriminator", "multiscale")):
    if config[field].kind != kind:
      raise InputError(
        f"{field}.kind = {config[field].kind!r}: the released code has no such "
        "network; `python -m hdgan.convert release` writes it for hdgan"
      )
