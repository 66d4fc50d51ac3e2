"""Every rule of a config, checked before anything compiles.

Types and bounds come from the table in `config`; the rules that span fields are
written out here, those of the kinds of networks and losses in `network_rules`.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan import network_rules
from hdgan.config import Field, fill, from_json, get, to_json, units
from hdgan.errors import InputError, counted, near_names, shown
from hdgan.outside import path_fault


def validate(config: ConfigDict, files: bool = True) -> ConfigDict:
  """Checks every rule and locks the config and its stages.

  Args:
    config: as `get_config()` of a file in `configs/` gives it; fields that it
      lacks take their defaults.
    files: also ask for the weights that training reads.

  Returns:
    A locked copy.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  _check_names(
    config, [f.name for f in config_lib.FIELDS] + ["stages"], "config"
  )
  config = fill(_copy(config))
  _check_values(config, config_lib.FIELDS, "config")
  if not isinstance(config.stages, tuple):
    raise InputError(f"config.stages={shown(config.stages)} must be a tuple")
  if not config.stages:
    raise InputError("config.stages is empty: at least one stage is needed")
  for i, stage in enumerate(config.stages):
    path = f"config.stages[{i}]"
    _check_names(stage, [f.name for f in config_lib.STAGE_FIELDS], path)
    _check_values(stage, config_lib.STAGE_FIELDS, path)
  _check_batch(config)
  _check_data(config)
  _check_evaluation(config)
  network_rules.check_kinds(config)
  network_rules.check_cut(config)
  network_rules.check_losses(config)
  network_rules.check_pictures(config)
  if files and config.loss.vgg > 0 and not config.loss.vgg_file:
    raise InputError(
      f"config.loss.vgg={config.loss.vgg} needs weights: make a file with "
      "`python -m hdgan.convert vgg --from=vgg19.pth --to=vgg19.safetensors` "
      "and say --config.loss.vgg_file=vgg19.safetensors, or say "
      "--config.loss.vgg=0"
    )
  for i in range(len(config.stages)):
    _check_stage(config, i)
    _check_size(config, i)
    _check_bands(config, i)
    _check_trainable(config, i)
  names = [stage.name for stage in config.stages]
  if len(set(names)) < len(names):
    i = next(i for i, name in enumerate(names) if name in names[:i])
    raise InputError(
      f"config.stages: names {names} must differ; say "
      f"--config.stages[{i}].name={names[i]}_{i}"
    )
  # As config.json gives it back: a resumed run compares like with like.
  return from_json(to_json(config))


def _copy(value: Any) -> Any:
  """The same config, unlocked, that can be changed."""
  if isinstance(value, Mapping | ConfigDict):
    return ConfigDict({name: _copy(item) for name, item in value.items()})
  if isinstance(value, tuple):
    return tuple(_copy(item) for item in value)
  return value


def _check_names(config: Any, fields: Iterable[str], path: str) -> None:
  """Refuses fields that the table does not have, and values above fields."""
  if not isinstance(config, Mapping | ConfigDict):
    raise InputError(f"{path}={shown(config)} must be a ConfigDict")
  below: dict[str, list[str]] = {}
  for field in fields:
    name, _, rest = field.partition(".")
    below.setdefault(name, []).extend([rest] if rest else [])
  for name, value in config.items():
    if name not in below:
      hint = near_names(name, list(below))
      raise InputError(f"{path}.{name}: there is no such field; {hint}")
    if below[name]:
      _check_names(value, below[name], f"{path}.{name}")


def _check_values(config: Any, fields: Iterable[Field], path: str) -> None:
  """Compares every value with its type, its choices and its bounds."""
  for field in fields:
    value, where = get(config, field.name), f"{path}.{field.name}"
    if not isinstance(field.kind, tuple):
      _check_type(value, field.kind, where)
    elif not isinstance(value, tuple):
      raise InputError(f"{where}={shown(value)} must be a tuple")
    else:
      for i, item in enumerate(value):
        _check_type(item, field.kind[0], f"{where}[{i}]")
    rule = path_fault(value) if field.local else ""
    if field.choices and value not in field.choices:
      rule = f"must be one of {field.choices}"
    elif field.below is not None and not field.least <= value < field.below:
      rule = f"must be in [{field.least}, {field.below})"
    elif field.least is not None and not value >= field.least:
      rule = f"must be at least {field.least}"
    if rule:
      raise InputError(f"{where}={shown(value)} {rule} ({field.meaning})")


def _check_type(value: Any, kind: type, where: str) -> None:
  # Not isinstance: True is an int in Python.
  if type(value) is not kind and not (kind is float and type(value) is int):
    raise InputError(f"{where}={shown(value)} must be of type {kind.__name__}")
  # JSON has no other numbers: the run's config.json could not be read again.
  if isinstance(value, float) and not math.isfinite(value):
    raise InputError(f"{where}={value} must be a finite number")
  if isinstance(value, int) and not -(2**63) <= value < 2**63:
    raise InputError(f"{where}={shown(value, 40)} must fit 64 bits")


def _check_batch(config: ConfigDict) -> None:
  size, parts = config.batch_size, config.accumulate
  if size % parts:
    below = max(n for n in range(1, parts) if size % n == 0)
    raise InputError(
      f"config.accumulate={parts} must divide config.batch_size={size}; say "
      f"--config.accumulate={below}, or --config.batch_size="
      f"{-(-size // parts) * parts}"
    )


def _check_data(config: ConfigDict) -> None:
  data = config.data
  for field in ("data.label_range", "data.image_range"):
    value = get(config, field)
    if len(value) != 2 or not value[0] < value[1]:
      raise InputError(
        f"config.{field}={value!r} must be (lowest, highest), such as "
        f"--config.{field}=0,255"
      )
  if not config.num_classes and config.ignore_label >= 0:
    raise InputError(
      f"config.ignore_label={config.ignore_label} has no effect with "
      "num_classes = 0 (label is a picture); say --config.ignore_label=-1"
    )
  _check_folder_fields(config)
  if data.load_width and data.transform != "scale_width":
    raise InputError(
      f"config.data.load_width={data.load_width} has no effect with "
      f"data.transform = {data.transform!r}; say --config.data.load_width=0"
    )
  if data.image_channels > 4:
    raise InputError(
      f"config.data.image_channels={data.image_channels} must be 1 to "
      "4, as a PNG has; say --config.data.image_channels=4"
    )
  if config.loss.vgg > 0 and data.image_channels != 3:
    raise InputError(
      f"config.loss.vgg={config.loss.vgg} needs 3 image channels, not "
      f"data.image_channels = {data.image_channels}; say --config.loss.vgg=0"
    )


def _check_evaluation(config: ConfigDict) -> None:
  """Refuses what would never be measured."""
  if not config.evaluate_every:
    for field in ("keep_best", "evaluate_features"):
      if config[field]:
        raise InputError(
          f"config.{field}={config[field]!r} has no effect with "
          "evaluate_every = 0; say --config.evaluate_every=1000"
        )
  elif not (config.num_classes or config.evaluate_features):
    raise InputError(
      f"config.evaluate_every={config.evaluate_every}: with num_classes = 0 "
      "(label is a picture) there are no classes to be told; say "
      "--config.evaluate_features=inception.safetensors, or "
      "--config.evaluate_every=0"
    )


def _check_folder_fields(config: ConfigDict) -> None:
  """Refuses what the data set would pass over; published ones say it too."""
  data, drawn = config.data, config.data.name == "synthetic_streets"
  by_name = f"data.name = {data.name!r}"
  by_label = "num_classes = 0 (label is a picture)"
  without: list[tuple[str, str, str]] = []
  if drawn or data.name == "paired_folder":
    without += [("variant", "", by_name), ("split", "", by_name)]
  if drawn:
    without += [("label_map", "", by_name), ("instances", "folder", by_name)]
  if not config.num_classes:
    without.append(("label_map", "", by_label))
    if data.instances in ("components", "label*1000+id"):
      without.append(("instances", "folder", by_label))
  for field, default, why in without:
    if data[field] != default:
      raise InputError(
        f"config.data.{field}={data[field]!r} has no effect with {why}; say "
        f"--config.data.{field}={default}"
      )


def _check_stage(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}]"
  if stage.constant + stage.decay < 1:
    raise InputError(
      f"{path}: constant + decay must be at least one epoch; say "
      f"--{path}.constant=1"
    )
  # CRN's modules: see `networks.crn`.
  crn = config.generator.kind == "crn"
  unit = (2, 8, 32, 128)[stage.enhancers] if crn else 2**stage.enhancers
  width = config.generator.width
  if width % unit:
    raise InputError(
      f"{path}.enhancers={stage.enhancers} halves generator.width = {width} so "
      f"often that it must be a multiple of {unit}; say "
      f"--config.generator.width={-(-width // unit) * unit}"
    )


def size_unit(config: ConfigDict, i: int) -> int:
  """What height and width of a stage must be multiples of."""
  halvings = config.generator.downsamples + config.stages[i].enhancers
  # E works at stage one's size in every stage.
  if i == 0 and config.encoder.enabled:
    halvings = max(halvings, config.encoder.downsamples)
  return 2**halvings


def least_units(config: ConfigDict, i: int) -> int:
  """How many units height and width of a stage have at least."""
  unit = size_unit(config, i)
  # Reflection by one pixel needs two at the smallest size.
  least = 2 * unit if config.generator.kind == "global" else 1
  if i == 0 and config.encoder.enabled:
    least = max(least, 2 * 2**config.encoder.downsamples)
  if config.discriminator.kind == "pix2pix" and config.loss.gan != "none":
    # Each of its two convolutions of stride 1 takes a pixel away.
    least = max(least, 3 * 2**config.discriminator.layers)
  return -(-least // unit)


def _check_size(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}].size"
  if len(stage.size) != 2:
    raise InputError(
      f"{path}={stage.size} must be (height, width), such as --{path}=256,512"
    )
  unit, least = size_unit(config, i), least_units(config, i)
  why = counted(config.generator.downsamples, "down-sampling")
  if stage.enhancers:
    why += f" + {counted(stage.enhancers, 'enhancer')}"
  nearest = tuple(max(least, round(n / unit)) * unit for n in stage.size)
  if any(n % unit or n < least * unit for n in stage.size):
    raise InputError(
      f"{path}={stage.size} must be multiples of {unit}, at least "
      f"{least * unit} ({why}); nearest is --{path}={nearest[0]},{nearest[1]}"
    )
  if config.loss.vgg and config.loss.vgg_form == "crn":
    _check_poolings(config, i)


def _check_bands(config: ConfigDict, i: int) -> None:
  """Every device's band of rows must be as if it were a picture itself."""
  bands, (height, width) = config.mesh.space, config.stages[i].size
  unit, least = size_unit(config, i), least_units(config, i)

  def fits(bands: int, height: int) -> bool:
    return height % (bands * unit) == 0 and height >= bands * unit * least

  if bands == 1 or fits(bands, height):
    return
  fewer = max(n for n in range(1, bands) if n == 1 or fits(n, height))
  nearest = max(least, round(height / bands / unit)) * bands * unit
  raise InputError(
    f"config.mesh.space={bands} cuts the height of config.stages[{i}].size="
    f"{height},{width}, which must be a multiple of {bands} x {unit}, at least "
    f"{bands * unit * least}; say --config.mesh.space={fewer}, or "
    f"--config.stages[{i}].size={nearest},{width}"
  )


def _check_poolings(config: ConfigDict, i: int) -> None:
  """CRN's loss averages class masks down as often as VGG19 does its maps."""
  size, path = config.stages[i].size, f"config.stages[{i}].size"
  unit = max(16, size_unit(config, i))
  if any(n % 16 for n in size):
    nearest = ",".join(str(max(1, round(n / unit)) * unit) for n in size)
    raise InputError(
      f"{path}={size} must be multiples of 16 with loss.vgg_form = 'crn'; "
      f"nearest is --{path}={nearest}"
    )


def _check_trainable(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}].trainable"
  known = units(stage.enhancers, config.encoder.enabled)
  right = [u for u in dict.fromkeys(stage.trainable) if u in known]
  if not any(unit.startswith("G") for unit in right):
    right = [known[stage.enhancers], *right]
  way = f"say --{path}={','.join(right)}"
  for unit in stage.trainable:
    if unit not in known:
      raise InputError(
        f"{path} names {unit!r}, which has no effect in this stage; it has "
        f"{', '.join(known)}; {way}"
      )
  if len(set(stage.trainable)) < len(stage.trainable):
    raise InputError(f"{path}={stage.trainable} names a network twice; {way}")
  if not any(unit.startswith("G") for unit in stage.trainable):
    ours = ", ".join(known[: stage.enhancers + 1])
    raise InputError(f"{path}={stage.trainable} must name one of {ours}; {way}")
  before = config.stages[i - 1] if i else None
  if before and stage.enhancers < before.enhancers:
    raise InputError(
      f"config.stages[{i}].enhancers={stage.enhancers} must not be fewer than "
      f"the {before.enhancers} of the stage before; say "
      f"--config.stages[{i}].enhancers={before.enhancers}"
    )
  if before:
    old = units(before.enhancers, config.encoder.enabled)
  else:
    old = known if config.init_from else ()
  for unit in known:
    if unit not in old and unit not in stage.trainable:
      raise InputError(
        f"{path}={stage.trainable}: {unit} would stay at its random start; "
        f"train it in an earlier stage or here: --{path}="
        f"{','.join((*stage.trainable, unit))}"
      )
