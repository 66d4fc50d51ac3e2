"""Variants of one config, each with several seeds, and the runs they make.

An ablation's config file has, beside `get_config()`, a function
`get_variants()`: by the name of each variant the fields in which it differs.
"""

import dataclasses
import importlib.util
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.errors import InputError
from hdgan.runs import directory
from hdgan.styles import bank
from hdgan.training import schedule
from hdgan.validation import validate

_NAME = re.compile(r"\w[\w.+-]*")


@dataclasses.dataclass(frozen=True)
class Trial:
  """One run of an ablation.

  Attributes:
    variant: its name.
    seed: of the run.
    config: validated.
    workdir: of the run.
  """

  variant: str
  seed: int
  config: ConfigDict
  workdir: pathlib.Path


def read_variants(file: str) -> dict[str, dict[str, Any]]:
  """Calls `get_variants()` of a config's file.

  Raises:
    InputError: if there is none, or it gives something else.
  """
  path = pathlib.Path(file.partition(":")[0])
  what = f"--config={path}: an ablation needs a function get_variants()"
  if path.suffix != ".py":
    raise InputError(f"{what}; give a file such as configs/ablation_losses.py")
  spec = importlib.util.spec_from_file_location("ablation_config", path)
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  if not hasattr(module, "get_variants"):
    raise InputError(
      f"{what} beside get_config(); configs/ablation_losses.py has one"
    )
  variants = module.get_variants()
  if not isinstance(variants, Mapping) or not variants:
    raise InputError(f"{what} that gives a dict of at least one variant")
  for name, fields in variants.items():
    if not isinstance(name, str) or not _NAME.fullmatch(name):
      raise InputError(
        f"{path}: the variant {name!r} names a folder: letters, digits and "
        "._+- in it, a letter or digit first"
      )
    if not isinstance(fields, Mapping):
      raise InputError(
        f"{path}: the variant {name!r} must be a dict of fields, such as "
        '{"loss.vgg": 0.0}'
      )
  return {name: dict(fields) for name, fields in variants.items()}


def check_typed(
  typed: Mapping[str, Any], variants: Mapping[str, Mapping[str, Any]]
) -> None:
  """Refuses fields on the command line that no run would have."""
  if "seed" in typed:
    raise InputError(
      "--config.seed has no effect with --mode=ablate, whose runs have the "
      "seeds 0, 1, ...; say how many by --seeds"
    )
  for field in typed:
    if all(field in fields for fields in variants.values()):
      raise InputError(
        f"--config.{field} has no effect: every variant says it itself; change "
        "get_variants() in a copy of the file"
      )


def plan_trials(
  config: ConfigDict,
  variants: Mapping[str, Mapping[str, Any]],
  workdir: pathlib.Path,
  seeds: int,
) -> list[Trial]:
  """All runs, each with its validated config, in the order of the table.

  Raises:
    InputError: for a variant that is no valid config, or data that is drawn
      anew for each seed.
  """
  if seeds > 1 and config.data.name == "synthetic_streets":
    raise InputError(
      f"--seeds={seeds}: data.name = 'synthetic_streets' draws other streets "
      "for every seed; say --seeds=1"
    )
  trials = []
  for variant, fields in variants.items():
    for seed in range(seeds):
      try:
        own = validate(changed(config, {**fields, "seed": seed}))
      except InputError as error:
        raise InputError(f"variant {variant!r}: {error}") from error
      folder = workdir / variant / f"seed_{seed}"
      trials.append(Trial(variant, seed, config=own, workdir=folder))
  return trials


def changed(config: ConfigDict, fields: Mapping[str, Any]) -> ConfigDict:
  """A config with some dotted fields set, `stages[0].scales` among them.

  Raises:
    InputError: for a field that there is not.
  """
  config = config_lib.from_json(config_lib.to_json(config)).unlock()
  known = config_lib.flatten(config)
  for field, value in fields.items():
    if field not in known:
      raise InputError(f"there is no field {field!r}")
    number = re.match(r"stages\[(\d+)\]\.", field)
    node = config.stages[int(number[1])] if number else config
    name = field[number.end() :] if number else field
    with node.unlocked():
      config_lib.set_field(node, name, value)
  return config


def is_finished(trial: Trial) -> bool:
  """Whether a run needs no more training.

  Raises:
    InputError: if another run lies there, or one that cannot go on.
  """
  config = trial.config
  if (trial.workdir / directory.CONFIG).is_file():
    old = directory.read_config(trial.workdir)
    # Places may have changed: a file of weights that lies elsewhere now.
    config = changed(config, {
      f.name: config_lib.get(old, f.name) for f in config_lib.FIELDS if f.local
    })  # fmt: skip
    free = {field.name for field in config_lib.FIELDS if field.free}
    for field, was, now in config_lib.differences(old, config):
      if field not in free:
        raise InputError(
          f"{trial.workdir} holds a run with {field} = {was!r}, this ablation "
          f"asks for {now!r}; name another --workdir, or move that run away"
        )
  info = directory.resume_point(trial.workdir, config)
  if info is None:
    return False
  plans = schedule.plan_stages(config, info["images"], info["max_instances"])
  styled = (trial.workdir / bank.FILE).is_file()
  return info["step"] >= plans[-1].end and (
    styled or not config.encoder.enabled
  )
