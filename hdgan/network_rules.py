"""Rules of a config: which networks and losses go together.

A field that the chosen ones would pass over is refused, not ignored.
"""

from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.config import get
from hdgan.errors import InputError

# Fields that only residual blocks have, with their defaults.
_OF_BLOCKS = {
  field.name.partition(".")[2]: field.default
  for field in config_lib.FIELDS
  if field.name in ("generator.blocks", "generator.enhancer_blocks")
}


def check_kinds(config: ConfigDict) -> None:
  """Refuses what the chosen networks would pass over, or cannot be.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  g = f"generator.kind = {config.generator.kind!r}"
  d = f"discriminator.kind = {config.discriminator.kind!r}"
  without: list[tuple[str, Any, str]] = []
  if config.generator.kind != "global":
    without += [(f"generator.{x}", y, g) for x, y in _OF_BLOCKS.items()]
  if config.generator.kind != "unet":
    without.append(("generator.dropout", 0.0, g))
  segments = config.discriminator.kind == "segmentation"
  if segments:
    # It has one loss of its own, and nothing that is matched layer by layer.
    without += [("loss.gan", "lsgan", d), ("loss.feature_matching", 0.0, d)]
  else:
    without.append(("loss.label_mix", 10.0, d))
  if segments and not config.num_classes:
    raise InputError(
      "config.discriminator.kind='segmentation' names each pixel's class; with "
      "num_classes = 0 (label is a picture) there are none; say "
      "--config.discriminator.kind=multiscale"
    )
  for field, default, why in without:
    if get(config, field) != default:
      raise InputError(
        f"config.{field}={get(config, field)} has no effect with {why}; say "
        f"--config.{field}={default}"
      )
  for i, stage in enumerate(config.stages):
    rules = (
      ("enhancers", 0, g, config.generator.kind == "unet"),
      ("scales", 1, d, config.discriminator.kind != "multiscale"),
    )
    for name, only, why, asked in rules:
      if asked and stage[name] != only:
        raise InputError(
          f"config.stages[{i}].{name}={stage[name]} must be {only} with {why}; "
          f"say --config.stages[{i}].{name}={only}"
        )


def check_cut(config: ConfigDict) -> None:
  """Refuses to cut what only stays whole.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  needed = (
    ("generator.kind", "global"),
    ("discriminator.kind", "multiscale"),
    ("loss.vgg_form", "pix2pixhd"),
  )
  for field, value in needed if config.mesh.space > 1 else ():
    if get(config, field) != value:
      raise InputError(
        f"config.mesh.space={config.mesh.space} needs {field} = {value!r}, not "
        f"{get(config, field)!r}; say --config.mesh.space=1"
      )


def check_losses(config: ConfigDict) -> None:
  """Refuses losses that nothing computes, and a G that nothing trains.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  loss = config.loss
  if loss.gan != "none":
    return
  if loss.feature_matching > 0:
    raise InputError(
      f"config.loss.feature_matching={loss.feature_matching} has no effect "
      "with loss.gan = 'none': there is no D; say "
      "--config.loss.feature_matching=0"
    )
  if not loss.vgg and not loss.l1:
    raise InputError(
      "config.loss.gan='none' leaves no loss with loss.vgg = 0 and loss.l1 = "
      "0; say --config.loss.vgg=1, or --config.loss.gan=lsgan"
    )


def check_pictures(config: ConfigDict) -> None:
  """Several pictures at once are compared by CRN's loss, and nothing else.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  count = config.generator.pictures
  if count == 1:
    return
  needed = (
    ("generator.kind", "crn"),
    ("loss.gan", "none"),
    ("loss.vgg_form", "crn"),
  )
  for field, value in needed:
    if get(config, field) != value:
      raise InputError(
        f"config.generator.pictures={count} needs {field} = {value!r}, not "
        f"{get(config, field)!r}; say --config.generator.pictures=1, or "
        f"--config.{field}={value}"
      )
  if not config.loss.vgg or config.loss.l1:
    raise InputError(
      f"config.generator.pictures={count} needs the loss of VGG19 alone, not "
      f"loss.vgg = {config.loss.vgg} and loss.l1 = {config.loss.l1}; say "
      "--config.generator.pictures=1, or --config.loss.vgg=1 "
      "--config.loss.l1=0"
    )
  if not config.num_classes:
    raise InputError(
      f"config.generator.pictures={count} needs classes, not num_classes = 0 "
      "(label is a picture); say --config.generator.pictures=1"
    )
