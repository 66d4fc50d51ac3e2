"""Looks at a data set before anything trains: what it holds, what is wrong."""

import hashlib
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.config import Typed
from hdgan.datasets import pipeline, prepared, undeclared
from hdgan.datasets.check import check, rules_of
from hdgan.datasets.classes import given_classes
from hdgan.datasets.distortion import best_sizes, squash_line
from hdgan.datasets.examples import Found
from hdgan.datasets.survey import Survey
from hdgan.errors import InputError
from hdgan.report.check_page import write_page
from hdgan.report.check_report import CheckReport, as_text, make_report
from hdgan.validation import validate

PAGE = "check.html"


def run(config: ConfigDict, output: pathlib.Path | None, typed: Typed) -> None:
  """Runs `--mode=check`, its flags by name; see `check_data`.

  Raises:
    InputError: if training would not start, with every fault.
  """
  report, page = check_data(config, typed, output)
  print(f"Pictures: {page}", flush=True)
  if report.faults:
    raise InputError("\n".join(report.faults))


def check_data(
  config: ConfigDict, typed: Typed, output: pathlib.Path | None = None
) -> tuple[CheckReport, pathlib.Path]:
  """Checks all files, prints what was found, and draws a page of it.

  Args:
    config: of the experiment; what is not typed of a config to start from is
      found from the files where that can be.
    typed: what was typed.
    output: the page's folder; by default beside the prepared copies.

  Returns:
    What was found, and where the page is.

  Raises:
    InputError: if there is nothing to look at, or the page cannot be written.
  """
  config = validate(config, files=False)
  folder = _page_folder(config, output)
  found = pipeline.find_files(config)
  workers = max(config.data.workers, prepared.cores())
  settled = _settle(config, found, typed, workers)
  if settled:
    config = _with_fields(config, settled)
    found = pipeline.find_files(config)
  survey, faults, notes = _judge(config, found, workers)
  sizes = {f"{h}x{w}": count for (h, w), count in survey.sizes.items()}
  if typed.start:
    better = {
      f"stages[{i}].size": size
      for i, size in best_sizes(config, sizes).items()
      if f"stages[{i}].size" not in typed.fields
    }
    settled |= better
    config = _with_fields(config, better)
  line = squash_line(config, sizes)
  report = make_report(
    config,
    found,
    survey,
    rules=rules_of(config),
    notes=[*notes, *([line] if line else [])],
    faults=faults,
    command=() if faults else _command(config, typed, settled),
  )
  width = shutil.get_terminal_size((80, 24)).columns
  print(as_text(report, found, width), end="\n\n")
  page = write_page(folder / PAGE, report, config, found=found, survey=survey)
  return report, page


def _judge(
  config: ConfigDict, found: Found, workers: int
) -> tuple[Survey, list[str], list[str]]:
  """What training's own check says: the sums, faults and notes."""
  survey = Survey()
  try:
    summary = check(
      found.splits,
      rules_of(config),
      faults=found.faults,
      workers=workers,
      progress=prepared.progress_line(f"checking {config.data.root}"),
      survey=survey,
    )
  except InputError as error:
    return survey, str(error).split("\n"), []
  return survey, [], summary.notes


def _page_folder(
  config: ConfigDict, output: pathlib.Path | None
) -> pathlib.Path:
  """Where the page goes: never into the data."""
  root = pathlib.Path(os.path.expanduser(config.data.root)).absolute()
  if output is None:
    name = f"{root.name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"
    output = prepared.copies_folder(config.data.prepared_dir) / "check" / name
  output = output.absolute()
  if config.data.root and output.resolve().is_relative_to(root.resolve()):
    raise InputError(
      f"{output}: lies in the data, where nothing is written; say "
      "--output=FOLDER of another"
    )
  return output


def _settle(
  config: ConfigDict, found: Found, typed: Typed, workers: int
) -> dict[str, Any]:
  """Fields that nobody has decided, as the files have them."""
  own = pipeline.find_data_set(config).from_folders
  if typed.file.endswith(".json") or not (own or typed.start):
    return {}
  # A config of another experiment has decided all but how many classes.
  names = undeclared.OPEN if typed.start else ("num_classes", "ignore_label")
  if "num_classes" in typed.fields and not typed.start:
    return {}
  classes = {entry["id"]: entry for entry in found.classes}
  if own:  # Those that are not in the file were made up for the config.
    classes = given_classes(os.path.expanduser(config.data.root))
  return undeclared.find_fields(
    config,
    found.splits,
    open_fields=set(names) - set(typed.fields),
    classes=classes,
    workers=workers,
  )


def _with_fields(config: ConfigDict, fields: Mapping[str, Any]) -> ConfigDict:
  """A validated copy of a config with other values of some fields."""
  copy = config_lib.from_json(config_lib.to_json(config)).unlock()
  for name, value in fields.items():
    if name.startswith("stages["):
      number, _, last = name.removeprefix("stages[").partition("].")
      with copy.stages[int(number)].unlocked():
        copy.stages[int(number)][last] = value
    else:
      config_lib.set_field(copy, name, value)
  return validate(copy, files=False)


def _command(
  config: ConfigDict, typed: Typed, settled: Mapping[str, Any]
) -> list[str]:
  """The command line that trains, by words."""
  name = pathlib.Path(os.path.expanduser(config.data.root)).absolute().name
  fields: dict[str, Any] = {"data.root": config.data.root}
  if typed.start:
    fields["num_classes"] = config.num_classes
  fields |= dict(typed.fields) | dict(settled)
  if config.loss.vgg and not config.loss.vgg_file:
    fields["loss.vgg"] = 0.0
  return [
    "python", "-m", "hdgan.main", f"--config={typed.file}",
    f"--workdir=runs/{name or config.data.name}",
    *(f"--config.{field}={_text(value)}" for field, value in fields.items()),
  ]  # fmt: skip


def _text(value: Any) -> str:
  """A value as it is typed."""
  if isinstance(value, tuple | list):
    return ",".join(map(_text, value))
  if isinstance(value, float) and value.is_integer():
    return str(int(value))
  return str(value)
