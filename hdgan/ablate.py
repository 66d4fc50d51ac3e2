"""Trains the variants of a config alike, judges each, and makes one table."""

import contextlib
import dataclasses
import pathlib
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan import interrupts, whole_files
from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.evaluation import ablation, ablation_page, evaluation, protocols
from hdgan.evaluation.ablation_page import Row
from hdgan.evaluation.evaluation import Data, Options
from hdgan.rendering.judged import judge, pairs_of
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.training.variants import (
  Trial,
  check_typed,
  is_finished,
  plan_trials,
  read_variants,
)

SHOWN = 4  # Held-out maps on the page.
_STOPPED = 75  # Status by which a training says that it can go on.


def run(
  config: ConfigDict,
  workdir: pathlib.Path,
  seeds: int,
  input: str,
  segmenter: list[str],
  score_at: str | None,
  protocol: str,
  features: list[str],
  lpips: str,
  draws: int,
  stopped_status: int,
  typed: config_lib.Typed,
) -> int:
  """Runs `--mode=ablate`, its flags by name; the exit status."""
  if seeds < 1:
    raise InputError(f"--seeds={seeds} must be at least 1")
  variants = read_variants(typed.file)
  check_typed(typed.fields, variants)
  trials = plan_trials(config, variants, workdir, seeds)
  done = [is_finished(trial) for trial in trials]
  data = pipeline.prepare(trials[0].config)
  split = input or data.held_out
  if not split:
    raise InputError(
      f"--config.data.root={config.data.root}: nothing is held out to judge "
      "variants on; add val_label/ and val_img/, or name a folder by --input"
    )
  first = trials[0].config
  asked = Options(tuple(segmenter), features=tuple(features))
  if not (segmenter or features or lpips or draws):
    asked = evaluation.while_training(first)
  kinds, at = protocols.resolve(protocol, asked.segmenter, score_at)
  options = dataclasses.replace(
    asked, segmenter=kinds, score_at=at, protocol=protocol, lpips=lpips,
    draws=draws,
  )  # fmt: skip
  # What is wrong with a flag is told before the first training.
  if any(spec.startswith("labels:") for spec in segmenter):
    raise InputError(
      f"--segmenter={','.join(segmenter)}: labels of one run's pictures cannot "
      "judge the others; say --segmenter=own, or onnx:FILE"
    )
  inputs = pipeline.synthesis_inputs(
    first, split, stage_size=first.stages[-1].size, size="stage",
    classes=data.classes,
  )  # fmt: skip
  if first.data.transform == "resize":
    size = first.stages[-1].size
    protocols.check_size(protocol, size, "a run's picture")
  name = pathlib.Path(split).name
  evaluation.open_measures(
    options, Data(first, data.classes, split=name, sizes=inputs.sizes)
  )
  for number, (trial, finished) in enumerate(
    zip(trials, done, strict=True), start=1
  ):
    print(
      f"[{number}/{len(trials)}] {trial.variant}, seed {trial.seed}: "
      + ("is trained" if finished else f"trains in {trial.workdir}"),
      flush=True,
    )
    if not finished and not train_in_process(trial):
      print("Stopped; the same command goes on.")
      return stopped_status
  document, shown = judge_trials(trials, split, options)
  document = {
    "version": ablation.VERSION, "config": pathlib.Path(typed.file).name,
    **document,
  }  # fmt: skip
  for variant, fields in variants.items():
    document["variants"][variant]["fields"] = config_lib.plain(fields)
  page = workdir / ablation_page.FILE
  whole_files.write_text(workdir / ablation.FILE, ablation.to_json(document))
  ablation_page.write(page, document, shown)
  for line in (*document["warnings"], ablation.text(document), f"open {page}"):
    print(line)
  return 0


def train_in_process(trial: Trial) -> bool:
  """Trains one run by `--mode=train`, in a process whose memory ends with it.

  Returns:
    Whether it is finished; else it was asked to stop, and is saved.

  Raises:
    InputError: if it failed, which it has told itself.
  """
  cache = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
  with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "config.json"
    file.write_text(config_lib.to_json(trial.config))
    # In a group of its own: a terminal's Ctrl-C reaches it once, through here.
    child = subprocess.Popen(
      [
        sys.executable, "-m", "hdgan.main", f"--config={file}",
        f"--workdir={trial.workdir}", f"--stopped_status={_STOPPED}",
        f"--compile_cache={cache or 'off'}",
      ],
      stdin=subprocess.DEVNULL, process_group=0,
    )  # fmt: skip
    with _signals_to(child) as asked:
      status = child.wait()
  if status not in (0, _STOPPED) and not asked:
    raise InputError(
      f"{trial.workdir}: the training of variant {trial.variant!r}, seed "
      f"{trial.seed}, ended with status {status}, see above; the same command "
      "goes on from there"
    )
  return status == 0 and not asked


@contextlib.contextmanager
def _signals_to(child: subprocess.Popen) -> Iterator[list[int]]:
  """Hands Ctrl-C and SIGTERM on; gives those that came."""
  asked: list[int] = []

  def hand_on(number: int, frame: types.FrameType | None) -> None:
    asked.append(number)
    interrupts.answer("the training is asked to stop")
    child.send_signal(number)

  numbers = (signal.SIGINT, signal.SIGTERM)
  before = [signal.signal(number, hand_on) for number in numbers]
  try:
    yield asked
  finally:
    for number, handler in zip(numbers, before, strict=True):
      signal.signal(number, handler)


def judge_trials(
  trials: list[Trial], split: str, options: Options
) -> tuple[dict[str, Any], list[Row]]:
  """Evaluates all runs on the same maps.

  Args:
    trials: finished, those of a variant one after the other.
    split: a split's name, or a folder.
    options: what to measure.

  Returns:
    What ablation.json holds, and the pictures that the page shows.

  Raises:
    InputError: if runs cannot be compared, or see `judge`.
  """
  first: dict[str, Any] = {}
  found: dict[str, list[dict[str, Any]]] = {}
  rows: list[dict[str, np.ndarray]] = []
  names: list[str] = []
  for trial in trials:
    renderer = open_renderer(trial.workdir)
    print(f"judging {trial.variant}, seed {trial.seed}", flush=True)
    # `run` has looked at the files: once for all variants is enough.
    result = judge(renderer, split, options, checked=False).result
    first = first or result
    for part in ("protocol", "data"):
      if result[part] != first[part]:
        raise InputError(
          f"{trial.workdir}: its pictures cannot be compared with the others': "
          "they are of other maps or sizes; give all variants the same data "
          "and the same size"
        )
    runs = found.setdefault(trial.variant, [])
    source = {k: result["source"][k] for k in ("step", "weights_sha256")}
    runs.append({
      "seed": trial.seed, **source, "scores": ablation.scores_of(result)
    })  # fmt: skip
    if len(runs) == 1:
      names, made = pictures_of(renderer, split, trial.variant)
      rows = [
        {**a, **b} for a, b in zip(rows or [{}] * len(made), made, strict=True)
      ]
  for row in rows:  # The photo comes last.
    if "photo" in row:
      row["photo"] = row.pop("photo")
  document = {
    "data": first["data"],
    "protocol": first["protocol"],
    "warnings": ablation.warnings_of(first),
    "oracle": ablation.oracle_of(first),
    "variants": {
      name: {
        "fields": {},
        "scores": ablation.summary([one["scores"] for one in runs]),
        "runs": runs,
      }
      for name, runs in found.items()
    },
  }
  return document, [Row(*pair) for pair in zip(names, rows, strict=True)]


def pictures_of(
  renderer: Renderer, split: str, variant: str
) -> tuple[list[str], list[dict[str, np.ndarray]]]:
  """A few held-out maps, and what a run makes of them.

  Returns:
    The maps' names, and for each the map, the picture and the photo.
  """
  config, spec = renderer.config, renderer.model.pictures
  inputs = pipeline.synthesis_inputs(
    config, split, stage_size=renderer.size, size="stage",
    classes=renderer.classes, checked=False,
  )  # fmt: skip
  styles = StyleSource(renderer, StyleOptions(), inputs.names, size="stage")
  colors = pictures.class_colors(renderer.classes, config.num_classes)
  count = min(SHOWN, len(inputs.names))
  chosen = [inputs[i * len(inputs.names) // count] for i in range(count)]
  names, rows = [], []
  for pair in pairs_of(renderer, chosen, [styles]):
    label = pictures.label_picture(pair.label, colors, spec.label_range)
    row = {"map": label, variant: pair.made}
    if pair.real is not None:
      row["photo"] = pair.real
    names.append(pair.name)
    rows.append(row)
  return names, rows
