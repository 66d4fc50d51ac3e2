"""Scores a run's pictures, or anybody's, against the maps they were made of."""

import pathlib
from typing import Any

from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.evaluation import evaluation, evaluation_page, history, protocols
from hdgan.evaluation.compare import compare as put_side_by_side
from hdgan.evaluation.distances import check_count
from hdgan.evaluation.evaluation import Data, Evaluation, Options
from hdgan.evaluation.evaluation_text import summary
from hdgan.evaluation.picture_folder import PictureFolder
from hdgan.rendering.judged import judge_run
from hdgan.rendering.output_folder import OutputFolder
from hdgan.rendering.source import StyleOptions
from hdgan.runs import directory
from hdgan.validation import validate
from hdgan.whole_files import is_remote

FOLDER = "evaluations"  # Of a run, with a folder per step and split.


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path | None,
  input: str,
  pictures: pathlib.Path | None,
  output: pathlib.Path | None,
  step: int | None,
  weights: str,
  size: str,
  segmenter: list[str],
  score_at: str | None,
  protocol: str,
  features: list[str],
  lpips: str,
  draws: int,
  compare: list[str],
  overwrite: bool,
  **style_flags: Any,
) -> None:
  """Runs `--mode=evaluate`, its flags by name."""
  if compare:
    _compare(compare, output, overwrite)
    return
  if not input:
    raise InputError(
      "--mode=evaluate needs --input=SPLIT, or --input=FOLDER with maps and "
      "photos"
    )
  kinds, at = protocols.resolve(protocol, segmenter, score_at)
  options = Options(
    segmenter=kinds, score_at=at, protocol=protocol, features=tuple(features),
    lpips=lpips, draws=draws,
  )  # fmt: skip
  if pictures is not None:
    if config is None:
      raise InputError(
        "--pictures needs --config=FILE and --config.data.root=FOLDER, or "
        "--workdir=RUN, which say where the maps and photos are"
      )
    name = pictures.resolve().name
    folder = output or pictures.parent / f"{name}_{FOLDER}"
    writer = OutputFolder(folder, evaluation.FILES, overwrite)
    judged = judge_folder(config, input, pictures, options)
  elif workdir is not None:
    if output is None and is_remote(workdir):
      raise InputError(
        f"--workdir={workdir} is in a bucket, where no pages are written: say "
        "--output=FOLDER, on a disk"
      )
    config = directory.own_config(workdir, config, "evaluate")
    step = directory.find_step(workdir, directory.checkpoints_of(workdir), step)
    name = f"{step}_{pathlib.Path(input).name}"
    if weights == "live":  # Both can lie side by side.
      name += "_live"
    folder = output or workdir / FOLDER / name
    writer = OutputFolder(folder, evaluation.FILES, overwrite)
    _, judged = judge_run(
      workdir, input, options, config=config, step=step, weights=weights,
      size=size, styles=StyleOptions(**style_flags),
    )  # fmt: skip
  else:
    raise InputError(
      "--mode=evaluate needs --workdir=RUN, or --pictures=FOLDER"
    )
  _write(evaluation.files(judged), writer)
  if workdir is not None:
    history.add(workdir / FOLDER, judged.result, folder)
  for line in summary(judged.result):
    print(line)
  print(folder / evaluation_page.FILE)


def _write(files: dict[str, bytes], writer: OutputFolder) -> None:
  for name, data in files.items():
    with writer.file(name) as draft:
      draft.write_bytes(data)


def _compare(
  paths: list[str], output: pathlib.Path | None, overwrite: bool
) -> None:
  """Puts evaluations side by side."""
  if overwrite and output is None:
    raise InputError(
      "--overwrite has no effect with --compare alone, which only prints; say "
      "--output=FOLDER too, or leave it out"
    )
  found = put_side_by_side(paths)
  if output is not None:
    files = found.files()
    _write(files, OutputFolder(output, list(files), overwrite))
  for line in found.lines():
    print(line)


def judge_folder(
  config: ConfigDict, source: str, folder: pathlib.Path, options: Options
) -> Evaluation:
  """Evaluates pictures that lie in a folder.

  Args:
    config: of the data.
    source: a folder of maps with photos, or the name of a split.
    folder: of pictures, named as the maps.
    options: what to measure.

  Returns:
    What came out.

  Raises:
    InputError: for maps without a picture, and what measures refuse.
  """
  config = validate(config, files=False)
  classes = pipeline.prepare(config).classes
  inputs = pipeline.synthesis_inputs(
    config, source, stage_size=config.stages[-1].size, size="input",
    classes=classes,
  )  # fmt: skip
  made = PictureFolder(folder, inputs)
  if options.features:
    check_count(len(inputs), "made")
  split = pathlib.Path(source).name
  data = Data(config, classes, split=split, sizes=made.sizes)
  measures = evaluation.open_measures(options, data)
  pairs = made.pairs(options.score_at)
  made_by = {"pictures": folder.resolve().name}
  return evaluation.evaluate(
    pairs, measures, data, options=options, source=made_by
  )
