"""Makes a config of ours for weights of the released code.

A weight file says nothing about classes, sizes and losses; `opt.txt`, which the
released code writes beside its weights, and the user's answers do.
"""

import dataclasses
from collections.abc import Mapping

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.errors import InputError, counted
from hdgan.validation import validate
from hdgan.weights.options import (
  OPTIONS,
  Networks,
  copy_options,
  is_true,
  number,
)
from hdgan.weights.state_dict import DiscriminatorSpec, EncoderSpec


@dataclasses.dataclass(frozen=True)
class Answers:
  """What shapes cannot tell; None or '' where nobody said.

  Attributes:
    num_classes: 0 where the label is a picture.
    boundary: whether the boundary map is a channel.
    label_range: lowest and highest value of a picture label.
    features: channels of styles that G takes, where E itself is not given.
    size: (H, W) of the training pictures.
    vgg_file: for further training with the VGG loss.
  """

  num_classes: int | None = None
  boundary: bool | None = None
  label_range: tuple[float, float] | None = None
  features: int | None = None
  size: tuple[int, int] | None = None
  vgg_file: str = ""


def merge(answers: Answers, options: Mapping[str, str]) -> Answers:
  """Fills in from opt.txt what the user did not say.

  Raises:
    InputError: if an option that is needed is no number.
  """
  said = dataclasses.asdict(answers)
  if "label_nc" in options and answers.num_classes is None:
    said["num_classes"] = int(number(options, "label_nc", 0))
    if said["num_classes"] == 0 and answers.label_range is None:
      said["label_range"] = (0.0, 255.0)  # It reads 8-bit pictures only.
  if "no_instance" in options and answers.boundary is None:
    said["boundary"] = not is_true(options, "no_instance")
  if "crop" in options.get("resize_or_crop", "") and answers.size is None:
    fine = int(number(options, "fineSize", 512))
    said["size"] = (fine, fine)
  return Answers(**said)


@dataclasses.dataclass(frozen=True)
class Inputs:
  """What G's input channels are."""

  num_classes: int
  boundary: bool
  label_channels: int
  features: int


def explain_channels(networks: Networks, answers: Answers) -> Inputs:
  """Tells classes, boundary map and styles apart.

  Args:
    networks: of one model.
    answers: from flags and opt.txt.

  Returns:
    Parts that add up to G's channels.

  Raises:
    InputError: if something must be said, or what is said does not add up.
  """
  classes, total = answers.num_classes, networks.generator.inputs
  features = answers.features
  if networks.encoder:
    features = networks.encoder.channels
  if networks.discriminator:
    label = networks.discriminator.inputs - networks.generator.channels
  elif features is not None:
    label = total - features
  elif classes:
    boundary = answers.boundary
    # Nobody said: one channel more than the classes is a boundary map.
    label = classes + (total > classes if boundary is None else boundary)
    label = min(label, total)
  else:
    label = total
  _check_features(networks, total, label, features)
  if classes is None:
    raise InputError(_ask(total, label))
  boundary = answers.boundary
  if classes:
    _check_classes(classes, boundary, label)
    return Inputs(
      classes, label > classes, label_channels=3, features=total - label
    )
  if boundary is None or answers.label_range is None:
    raise InputError(
      f"--num_classes=0: G takes {counted(label, 'channel')} of a picture "
      f"label, or {label - 1} and a boundary map, and nothing tells its "
      "values' range; say --boundary=false or true, and "
      "--label_range=LOWEST,HIGHEST"
    )
  return Inputs(
    0, boundary, label_channels=label - boundary, features=total - label
  )


def _check_features(
  networks: Networks, total: int, label: int, features: int | None
) -> None:
  """Compares what is left of G's channels with E's."""
  left = total - label
  if left > 0 and features is None:
    raise InputError(
      f"G takes {total} channels, {label} of them from the label: styles of "
      f"width {left} expected; give the model's net_E.pth too, or say "
      f"--features={left} to have all styles zero"
    )
  if label < 1 or left != (features or 0):
    d, by_d = networks.discriminator, ""
    if d:
      by_d = f", D {d.inputs} with {networks.generator.channels} of a picture"
    raise InputError(
      f"G takes {counted(total, 'channel')}{by_d}, and styles have "
      f"{features or 0}: that does not add up; give the files of one model"
    )


def _check_classes(classes: int, boundary: bool | None, label: int) -> None:
  with_boundary = label - classes
  if with_boundary not in (0, 1) or boundary not in (None, with_boundary == 1):
    said = {None: "", True: " with a", False: " without a"}[boundary]
    raise InputError(
      f"--num_classes={classes}{said and said + ' boundary map'} does not fit: "
      f"{_allowed(label)}"
    )


def _allowed(label: int) -> str:
  return (
    f"{label} = {counted(label - 1, 'class', 'classes')} + boundary map; say "
    f"--num_classes={label - 1}, or --num_classes={label} for no boundary map"
  )


def _ask(total: int, label: int) -> str:
  styles = f" beside {total - label} of styles" if total > label else ""
  return (
    f"--num_classes is needed: G takes {counted(label, 'channel')}"
    f"{styles}, and {_allowed(label)}, or --num_classes=0 where the label is "
    "a picture"
  )


# Fields that have flags of their own here.
_FLAGS = {
  "stages[0].size": "size",
  "data.label_range": "label_range",
  "loss.vgg_file": "vgg_file",
}


def config_of(
  networks: Networks, answers: Answers, options: Mapping[str, str]
) -> ConfigDict:
  """Makes the config of an imported model: one stage that trains all of G.

  Args:
    networks: as recognised.
    answers: of flags and opt.txt, merged.
    options: of opt.txt; the released code's defaults where it is silent.

  Returns:
    A validated config.

  Raises:
    InputError: if something must be said, or does not fit.
  """
  g, inputs = networks.generator, explain_channels(networks, answers)
  if answers.size is None:
    unit = 2 ** (g.downsamples + g.enhancers)
    width = f" ({OPTIONS} has loadSize: {options.get('loadSize')})"
    raise InputError(
      "--size is needed: no weight tells the training pictures' size"
      f"{width if 'loadSize' in options else ''}; say --size=HEIGHT,WIDTH, "
      f"multiples of {unit}"
    )
  halvings = min(4, g.downsamples)  # A new E must not ask for larger sizes.
  e = networks.encoder or EncoderSpec(
    g.channels, inputs.features or 3, width=16, downsamples=halvings
  )
  d = networks.discriminator or DiscriminatorSpec(
    inputs=0, width=64, layers=3, scales=2
  )
  matching = not is_true(options, "no_ganFeat_loss") and d.features
  weight = number(options, "lambda_feat", 10.0)
  vgg = not is_true(options, "no_vgg_loss") and bool(answers.vgg_file)
  config = config_lib.defaults()
  copy_options(config, config_lib.FIELDS, options)
  config.num_classes = inputs.num_classes
  config.boundary = inputs.boundary
  config.data.update(_data(inputs, answers, options))
  config.data.image_channels = g.channels
  config.generator.update(
    width=g.width, downsamples=g.downsamples, blocks=g.blocks
  )
  if g.enhancers:
    config.generator.enhancer_blocks = g.enhancer_blocks
  config.discriminator.update(width=d.width, layers=d.layers)
  config.encoder.update(
    enabled=inputs.features > 0, channels=e.channels, width=e.width,
    downsamples=e.downsamples,
  )  # fmt: skip
  config.loss.gan = "bce" if is_true(options, "no_lsgan") else "lsgan"
  config.loss.feature_matching = weight if matching else 0.0
  config.loss.vgg = weight if vgg else 0.0
  config.loss.vgg_file = answers.vgg_file if vgg else ""
  stage = config.stages[0]
  copy_options(stage, config_lib.STAGE_FIELDS, options)
  stage.update(
    name="imported", size=answers.size, enhancers=g.enhancers, scales=d.scales,
    trainable=config_lib.units(g.enhancers, inputs.features > 0),
  )  # fmt: skip
  try:
    return validate(config)
  except InputError as error:
    line = str(error)
    for field, flag in _FLAGS.items():
      line = line.replace(f"--config.{field}=", f"--{flag}=")
    raise InputError(line) from error


def _data(
  inputs: Inputs, answers: Answers, options: Mapping[str, str]
) -> dict[str, object]:
  """Fields of `data` for which more than a copy of an option is needed."""
  mode = options.get("resize_or_crop", "")
  # Its scale_width has no fixed height: resize is the same for pictures of the
  # stage's proportions, and takes others too.
  transform = "crop" if mode in ("crop", "none") else "resize"
  wide = "and_crop" in mode
  return {
    "root": options.get("dataroot", "") or "DIR",
    "transform": "scale_width" if wide else transform,
    "load_width": int(number(options, "loadSize", 1024)) if wide else 0,
    "label_channels": inputs.label_channels,
    "label_range": answers.label_range or (0.0, 255.0),
  }
