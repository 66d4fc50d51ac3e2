"""Evaluates a trained run: its pictures of a split, shown to every measure."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError
from hdgan.evaluation import evaluation, protocols
from hdgan.evaluation.distances import check_count
from hdgan.evaluation.evaluation import Data, Evaluation, Options
from hdgan.evaluation.measure import Pair
from hdgan.rendering import outputs
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.styles.bank import parameters_digest


def judge_run(
  workdir: pathlib.Path,
  source: str,
  options: Options,
  *,
  config: ConfigDict | None = None,
  step: int | None = None,
  weights: str = "",
  size: str = "stage",
  styles: StyleOptions = StyleOptions(),  # noqa: B008
) -> tuple[Renderer, Evaluation]:
  """Evaluates one checkpoint of a run.

  Args:
    workdir: of a trained run.
    source: a folder of maps with photos, or the name of a split.
    options: what to measure.
    config: see `open_renderer`.
    step: of the checkpoint; None for the newest.
    weights: "ema" or "live"; see `open_renderer`.
    size: "stage" scales maps as training did, "input" keeps their own size.
    styles: which styles objects get.

  Returns:
    The run, and what came out.

  Raises:
    InputError: for a workdir without a checkpoint, bad maps or styles, or what
      `evaluation.open_measures` refuses.
  """
  renderer = open_renderer(workdir, step, weights=weights, config=config)
  return renderer, judge(renderer, source, options, size=size, styles=styles)


def judge(
  renderer: Renderer,
  source: str,
  options: Options,
  *,
  size: str = "stage",
  styles: StyleOptions = StyleOptions(),  # noqa: B008
  checked: bool = True,
) -> Evaluation:
  """Evaluates a generator; see `judge_run`.

  Args:
    renderer: of a checkpoint, or of a training that goes on.
    source: a folder of maps with photos, or the name of a split.
    options: what to measure.
    size: "stage" or "input".
    styles: which styles objects get.
    checked: False where the files have been looked at.

  Returns:
    What came out.

  Raises:
    InputError: as `judge_run`.
  """
  config, classes = renderer.config, renderer.classes
  if size == "stage" and config.data.transform == "resize":
    protocols.check_size(options.protocol, renderer.size, "the run's picture")
  inputs = pipeline.synthesis_inputs(
    config, source, stage_size=renderer.size, size=size, classes=classes,
    checked=checked,
  )  # fmt: skip
  split = pathlib.Path(source).name
  data = Data(
    config, classes, split=split, size=renderer.size, sizes=inputs.sizes
  )
  if options.features:
    check_count(len(inputs), "made")
  measures = evaluation.open_measures(options, data)
  chosen = style_sources(renderer, inputs, styles, size, options.draws)
  own = None
  if options.score_at == "label":
    own = dataclasses.replace(inputs, own_size=True)
  made_by = {
    "run": renderer.workdir.resolve().name, "step": renderer.step,
    "weights_sha256": parameters_digest(renderer.params), "size": size,
  }  # fmt: skip
  pairs = pairs_of(renderer, inputs, chosen, own)
  return evaluation.evaluate(
    pairs, measures, data, options=options, source=made_by
  )


def style_sources(
  renderer: Renderer,
  inputs: SynthesisInputs,
  styles: StyleOptions,
  size: str,
  draws: int,
) -> list[StyleSource]:
  """Styles of the picture that is scored, then of the further draws.

  Raises:
    InputError: for draws without a style bank, or bad style flags.
  """
  if draws and renderer.bank is None:
    raise InputError(
      f"--draws={draws} draws from a style bank, which {renderer.workdir} does "
      "not hold; leave it out"
    )
  first = styles.style_seed or 0
  several = [styles] + [
    dataclasses.replace(styles, style_seed=first + 1 + i, styles="")
    for i in range(draws)
  ]
  return [
    StyleSource(renderer, one, inputs.names, size=size) for one in several
  ]


def pairs_of(
  renderer: Renderer,
  inputs: Iterable[dict[str, Any]],
  styles: Sequence[StyleSource],
  own: SynthesisInputs | None = None,
) -> Iterator[Pair]:
  """Makes the pictures of every map.

  Args:
    renderer: of the run.
    inputs: the maps as they are rendered.
    styles: of the picture that is scored, then of the further draws.
    own: the maps at their own size, where classes are compared there.

  Yields:
    A pair per map, in order.
  """
  for i, example in enumerate(inputs):
    made, *draws = (_picture(renderer, example, one) for one in styles)
    real = example["image"]
    yield Pair(
      example["name"],
      example["label"] if own is None else own[i]["label"],
      made=made,
      real=None if real is None else outputs.photo_picture(renderer, real),
      draws=tuple(draws),
    )


def _picture(
  renderer: Renderer, example: Mapping[str, Any], styles: StyleSource
) -> np.ndarray:
  """[H, W, C] uint8 of a map, in its styles where the model has any."""
  maps = example["label"], example["instance"]
  if not renderer.channels:
    return pictures.to_uint8(renderer(*maps))
  objects, rows = dense_objects(*maps)
  table = styles.choose(example["name"], rows).table
  return pictures.to_uint8(renderer(*maps, objects, table))
