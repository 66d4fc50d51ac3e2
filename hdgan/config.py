"""Rules and text form of an experiment's config.

A config is an `ml_collections.ConfigDict` made by a file in `configs/`. Every
rule that spans fields is checked here, in `validate`, before anything compiles.
"""

import difflib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict


class InputError(ValueError):
  """Something that a user gave is wrong: one clear line, no traceback.

  The message names the file or field, the value, the rule and the way out.
  """


_STAGE = {
  "name": str, "size": (int, int), "enhancers": int, "scales": int,
  "trainable": (str,), "constant": int, "decay": int,
}  # fmt: skip

# Every field and its type; tuples stand for tuples of any length.
_FIELDS = {
  "seed": int, "batch_size": int, "num_classes": int, "ignore_label": int,
  "max_instances": int, "boundary": bool,
  "data": {
    "name": str, "root": str, "prepared_dir": str,
    "suffixes": {"label": str, "instance": str, "image": str},
    "transform": str, "load_width": int, "flip": bool, "workers": int,
    "label_channels": int, "label_range": (float,), "image_channels": int,
    "image_range": (float,), "num_train": int, "num_val": int, "size": (int,),
  },
  "generator": {
    "width": int, "downsamples": int, "blocks": int, "enhancer_blocks": int,
  },
  "discriminator": {"width": int, "layers": int},
  "encoder": {
    "enabled": bool, "channels": int, "width": int, "downsamples": int,
  },
  "loss": {
    "gan": str, "feature_matching": float, "vgg": float, "vgg_file": str,
  },
  "optimizer": {"learning_rate": float, "beta1": float, "beta2": float},
  "ema": float, "stages": (_STAGE,), "precision": str, "mesh": {"data": int},
  "remat": bool, "init_from": str, "log_every": int, "sample_every": int,
  "checkpoint_every": int, "keep": int,
}  # fmt: skip

_CHOICES = {
  "data.name": ("synthetic_streets", "paired_folder"),
  "data.transform": ("resize", "scale_width", "crop"),
  "loss.gan": ("lsgan", "bce"),
  "precision": ("float32", "bf16"),
}

_LEAST = {
  "seed": 0, "batch_size": 1, "num_classes": 0, "ignore_label": -1,
  "max_instances": 0, "data.workers": 0, "data.load_width": 0,
  "data.num_train": 0, "data.num_val": 0, "data.label_channels": 1,
  "data.image_channels": 1, "generator.width": 1, "generator.downsamples": 1,
  "generator.blocks": 0, "generator.enhancer_blocks": 0,
  "discriminator.width": 1, "discriminator.layers": 1, "encoder.channels": 1,
  "encoder.width": 1, "encoder.downsamples": 1, "loss.feature_matching": 0,
  "loss.vgg": 0, "optimizer.learning_rate": 0, "mesh.data": 0, "log_every": 1,
  "sample_every": 1, "checkpoint_every": 1, "keep": 1,
}  # fmt: skip


def validate(config: ConfigDict, files: bool = True) -> ConfigDict:
  """Checks every rule and locks the config and its stages.

  Args:
    config: as `get_config()` of a file in `configs/` gives it.
    files: also ask for the data and weights that training reads.

  Returns:
    A locked copy.

  Raises:
    InputError: naming the field, its value, the rule and the way out.
  """
  _check_fields(config, _FIELDS, "config")
  for field, choices in _CHOICES.items():
    _require(
      get(config, field) in choices, config, field, f"must be one of {choices}"
    )
  for field, least in _LEAST.items():
    _require(
      get(config, field) >= least, config, field, f"must be at least {least}"
    )
  for field in ("ema", "optimizer.beta1", "optimizer.beta2"):
    _require(
      0 <= get(config, field) < 1, config, field, "must be in [0, 1)"
    )  # fmt: skip
  _check_data(config)
  if config.loss.vgg > 0 and config.data.image_channels != 3:
    raise InputError(
      f"config.loss.vgg={config.loss.vgg} needs 3 image channels, not "
      f"data.image_channels={config.data.image_channels}; set loss.vgg to 0"
    )
  if files:
    _check_files(config)
  if not config.stages:
    raise InputError("config.stages is empty: at least one stage is needed")
  for i in range(len(config.stages)):
    _check_stage(config, i)
  names = [stage.name for stage in config.stages]
  if len(set(names)) < len(names):
    raise InputError(f"config.stages: names {names} must differ")
  return from_json(to_json(config))


def _check_fields(config: Mapping, fields: Mapping, path: str) -> None:
  """Compares names and types with the table above."""
  for name in config:
    if name not in fields:
      near = difflib.get_close_matches(str(name), list(fields), 1)
      hint = f"did you mean {near[0]!r}?" if near else f"has {sorted(fields)}"
      raise InputError(f"{path}.{name}: there is no such field; {hint}")
  for name, kind in fields.items():
    where = f"{path}.{name}"
    if name not in config:
      raise InputError(f"{where} is missing; the files in configs/ set it")
    value = config[name]
    if isinstance(kind, dict):
      if not isinstance(value, Mapping | ConfigDict):
        raise InputError(f"{where}={value!r} must be a ConfigDict")
      _check_fields(value, kind, where)
    elif isinstance(kind, tuple):
      if not isinstance(value, tuple):
        raise InputError(f"{where}={value!r} must be a tuple")
      for i, item in enumerate(value):
        _check_type(item, kind[0], f"{where}[{i}]")
    else:
      _check_type(value, kind, where)


def _check_type(value: Any, kind: Any, where: str) -> None:
  if isinstance(kind, dict):
    _check_fields(value, kind, where)
  elif kind is float and type(value) is int:
    pass
  elif type(value) is not kind:
    raise InputError(f"{where}={value!r} must be of type {kind.__name__}")


def get(config: ConfigDict, field: str) -> Any:
  """Value of a dotted field such as "data.root"."""
  for name in field.split("."):
    config = config[name]
  return config


def _require(ok: bool, config: ConfigDict, field: str, rule: str) -> None:
  if not ok:
    raise InputError(f"config.{field}={get(config, field)!r} {rule}")


def _check_data(config: ConfigDict) -> None:
  data = config.data
  if data.name == "synthetic_streets":
    rule = "(synthetic_streets) must be at least 1"
    _require(data.num_train >= 1, config, "data.num_train", rule)
    rule = "must be (height, width) of at least 32"
    ok = len(data.size) == 2 and min(data.size) >= 32
    _require(ok, config, "data.size", rule)
  for field in ("data.label_range", "data.image_range"):
    value = get(config, field)
    ok = len(value) == 2 and value[0] < value[1]
    _require(ok, config, field, "must be (lowest, highest)")
  if not config.num_classes and config.ignore_label >= 0:
    raise InputError(
      f"config.ignore_label={config.ignore_label} has no effect with "
      "num_classes=0 (label is a picture); set it to -1"
    )
  if data.load_width and data.transform != "scale_width":
    raise InputError(
      f"config.data.load_width={data.load_width} has no effect with "
      f"data.transform={data.transform!r}; set it to 0"
    )


def _check_files(config: ConfigDict) -> None:
  """Asks for the fields that name what training reads."""
  if config.data.name == "paired_folder" and not config.data.root:
    raise InputError(
      "config.data.root='' must name a folder with <split>_label/ and "
      "<split>_img/; say --config.data.root=DIR"
    )
  if config.loss.vgg > 0 and not config.loss.vgg_file:
    raise InputError(
      f"config.loss.vgg={config.loss.vgg} needs weights: make a file with "
      "`python -m hdgan.convert vgg --from=vgg19.pth --to=vgg19.safetensors` "
      "and say --config.loss.vgg_file=vgg19.safetensors, or say "
      "--config.loss.vgg=0"
    )


def units(enhancers: int, encoder: bool) -> tuple[str, ...]:
  """Names of the networks that one optimizer may train: G1, G2, ..., E."""
  names = tuple(f"G{k + 1}" for k in range(enhancers + 1))
  return (*names, "E") if encoder else names


def _check_stage(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}]"
  least = {"enhancers": 0, "scales": 1, "constant": 0, "decay": 0}
  for name, low in least.items():
    if stage[name] < low:
      raise InputError(f"{path}.{name}={stage[name]} must be at least {low}")
  if stage.constant + stage.decay < 1:
    raise InputError(f"{path}: constant + decay must be at least one epoch")
  if stage.enhancers > 2:
    raise InputError(f"{path}.enhancers={stage.enhancers} must be 0, 1 or 2")
  if config.generator.width % 2**stage.enhancers:
    raise InputError(
      f"{path}.enhancers={stage.enhancers} halves generator.width="
      f"{config.generator.width} so often that it must be a multiple of "
      f"{2**stage.enhancers}"
    )
  _check_size(config, i)
  _check_trainable(config, i)


def _check_size(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}].size"
  if len(stage.size) != 2:
    raise InputError(f"{path}={stage.size} must be (height, width)")
  halvings = config.generator.downsamples + stage.enhancers
  why = f"{config.generator.downsamples} down-samplings"
  if stage.enhancers:
    why += f" + {stage.enhancers} enhancers"
  if i == 0 and config.encoder.enabled:
    halvings = max(halvings, config.encoder.downsamples)
  unit = 2**halvings
  # Reflection by one pixel needs two at the smallest size.
  nearest = tuple(max(2, round(n / unit)) * unit for n in stage.size)
  if any(n % unit or n < 2 * unit for n in stage.size):
    raise InputError(
      f"{path}={stage.size} must be multiples of {unit}, at least {2 * unit} "
      f"({why}); nearest is {nearest}"
    )


def _check_trainable(config: ConfigDict, i: int) -> None:
  stage, path = config.stages[i], f"config.stages[{i}].trainable"
  known = units(stage.enhancers, config.encoder.enabled)
  for unit in stage.trainable:
    if unit not in known:
      raise InputError(
        f"{path} names {unit!r}, which has no effect in this stage; it has "
        f"{', '.join(known)}"
      )
  if len(set(stage.trainable)) < len(stage.trainable):
    raise InputError(f"{path}={stage.trainable} names a network twice")
  if not any(unit.startswith("G") for unit in stage.trainable):
    raise InputError(f"{path}={stage.trainable} must name one of G1, G2, G3")
  before = config.stages[i - 1] if i else None
  if before and stage.enhancers < before.enhancers:
    raise InputError(
      f"config.stages[{i}].enhancers={stage.enhancers} must not be fewer than "
      f"the {before.enhancers} of the stage before"
    )
  if before:
    old = units(before.enhancers, config.encoder.enabled)
  else:
    old = known if config.init_from else ()
  for unit in known:
    if unit not in old and unit not in stage.trainable:
      raise InputError(
        f"{path}={stage.trainable}: {unit} would stay at its random start; "
        "train it here or in an earlier stage"
      )


def plain(value: Any) -> Any:
  """Turns ConfigDicts and tuples into dicts and lists, as JSON has them."""
  if isinstance(value, Mapping | ConfigDict):
    return {name: plain(item) for name, item in value.items()}
  if isinstance(value, tuple | list):
    return [plain(item) for item in value]
  return value


def _unplain(value: Any) -> Any:
  if isinstance(value, dict):
    return ConfigDict({name: _unplain(item) for name, item in value.items()})
  if isinstance(value, list):
    return tuple(_unplain(item) for item in value)
  return value


def to_json(config: ConfigDict) -> str:
  """Writes a config as indented JSON text."""
  return json.dumps(plain(config), indent=2) + "\n"


def from_json(text: str) -> ConfigDict:
  """Reads what `to_json` wrote; equal to a validated config, and locked."""
  config = _unplain(json.loads(text))
  # Locking does not reach into tuples.
  for stage in config.get("stages", ()):
    stage.lock()
  return config.lock()


def get_config(path: str) -> ConfigDict:
  """Reads a run's config.json, so that `--config` can name this file.

  `main` says `--config=hdgan/config.py:W/config.json` for a user who gave
  only `--workdir=W`; overrides then work as for any config.
  """
  try:
    return from_json(pathlib.Path(path).read_text())
  except (AttributeError, TypeError, ValueError) as error:
    raise InputError(f"{path}: not a config of hdgan's ({error})") from error


def flatten(value: Any, path: str = "") -> dict[str, Any]:
  """Dotted names and values of all leaves, stages as `stages[0].size`."""
  if isinstance(value, Mapping | ConfigDict):
    items = [(f"{path}.{k}" if path else k, v) for k, v in value.items()]
  elif path == "stages":
    items = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
  else:
    return {path: value}
  return {k: v for name, item in items for k, v in flatten(item, name).items()}


def learning_rate(base: float, constant: int, decay: int, epoch: int) -> float:
  """Rate in an epoch of a stage: constant, then linear towards zero.

  Args:
    base: rate of the first epochs, 2e-4 as published.
    constant: epochs at the full rate; one more runs at it, as released.
    decay: epochs until zero is reached, after the stage's last; or 0.
    epoch: counted from 1; may be a traced int32.

  Returns:
    base * (1 - max(0, epoch - 1 - constant) / decay).
  """
  past = epoch - 1 - constant
  past = (past + abs(past)) / 2  # max(0, past), also of a traced value
  return base * (1.0 - past / max(decay, 1))
