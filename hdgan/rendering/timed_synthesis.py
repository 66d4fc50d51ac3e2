"""Seconds of the whole way from one map to a PNG, part by part."""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets.reading import reading_of
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.rendering import outputs
from hdgan.rendering.output_folder import OutputFolder
from hdgan.rendering.renderer import Renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.training import made_up, timing
from hdgan.training.schedule import StagePlan

# In the order in which a map goes through them.
PARTS = ("read", "styles", "render", "write")


def random_renderer(config: ConfigDict, plan: StagePlan) -> Renderer:
  """A stage's networks with random weights, as if a run had trained them.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
  """
  return Renderer(
    workdir=pathlib.Path(), config=config, step=0, stage=plan.index,
    model=plan.model,
    params=jax.device_put(plan.model.init((config.seed,))),
    classes=(), bank=None,
  )  # fmt: skip


def made_up_map(renderer: Renderer) -> SynthesisInputs:
  """One map of blocks at the stage's own size, as the bytes of its files."""
  batch = made_up.random_batch(renderer.model, 1)
  label, ids = batch["label"][0], batch["instance"][0]
  if label.ndim == 2:
    label = label.astype(np.uint8 if label.max() < 256 else np.uint16)
  reading = reading_of(renderer.config)
  example = {
    "name": "map",
    "label": pictures.png_bytes(label),
    "instance": pictures.png_bytes(ids.astype(np.uint16)),
    "image": b"",
  }
  return SynthesisInputs(
    ("map",), [example], reading=reading,
    geometry=reading.geometry(renderer.size), own_size=False,
  )  # fmt: skip


def time_synthesis(renderer: Renderer, repeats: int) -> dict[str, Any]:
  """Times what `--mode=synthesize` does with a map.

  Args:
    renderer: of a run, or of random weights.
    repeats: maps that count, after `timing.WARM_UP` that do not.

  Returns:
    `timing.summary`, "first_call_s" (with compilation), and "parts_ms", the
    median milliseconds of each part: "read" from the files' bytes, "styles"
    chosen for the objects, "render" to numbers on the host, "write" a file.
  """
  inputs = made_up_map(renderer)
  styles = StyleSource(renderer, StyleOptions(), inputs.names)
  count = timing.WARM_UP + repeats
  names = [f"map_{i}" for i in range(count)]
  files = [file for name in names for file in outputs.result_names(name)]
  with (
    tempfile.TemporaryDirectory() as folder,
    timing.watch_compilations() as seen,
  ):
    output = OutputFolder(pathlib.Path(folder), files)
    took = [
      list(_parts(renderer, inputs, styles, output, name)) for name in names
    ]
  counted = np.array(took[timing.WARM_UP :])
  return {
    **timing.summary(counted.sum(axis=1).tolist()),
    "first_call_s": sum(took[0]),
    **seen.facts(),
    "parts_ms": {
      part: 1000 * statistics.median(seconds)
      for part, seconds in zip(PARTS, counted.T.tolist(), strict=True)
    },
  }


def _parts(
  renderer: Renderer,
  inputs: SynthesisInputs,
  styles: StyleSource,
  output: OutputFolder,
  name: str,
) -> Iterator[float]:
  """Makes one picture; yields the seconds of each of `PARTS`."""
  start = time.perf_counter()

  def lap() -> float:
    """Seconds since the last part ended."""
    nonlocal start
    before, start = start, time.perf_counter()
    return start - before

  example = inputs[0]
  maps = example["label"], example["instance"]
  yield lap()
  objects, choice, text = None, None, ""
  if renderer.channels:
    objects, pairs = dense_objects(*maps)
    choice = styles.choose(name, pairs)
    text = styles.text(name, pairs, choice.styles)
  yield lap()
  fake = renderer(*maps, objects, None if choice is None else choice.table)
  yield lap()
  outputs.write_result(output, name, renderer, fake, text)
  yield lap()
