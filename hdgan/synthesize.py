"""Photos from label maps, with a trained run's generator and its styles."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError, near_names
from hdgan.rendering import outputs
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.runs import directory
from hdgan.styles import file as style_file
from hdgan.styles.bank import StyleBank

GRID_ROWS = 8


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  output: pathlib.Path,
  step: int | None,
  size: str,
  map: str,
  **style_flags: Any,
) -> None:
  """Runs `--mode=synthesize`, its flags by name; see `synthesize`."""
  directory.check_own_config(workdir, config, "synthesize")
  options = StyleOptions(**style_flags)
  synthesize(
    workdir, input, output, step=step, size=size, name=map, options=options
  )


def synthesize(
  workdir: pathlib.Path,
  source: str,
  output: pathlib.Path,
  step: int | None = None,
  size: str = "stage",
  name: str = "",
  options: StyleOptions = StyleOptions(),  # noqa: B008
) -> None:
  """Writes one PNG per label map, of the same name, and a grid.

  Beside each picture of a model with E lies `<name>.styles.json`.

  Args:
    workdir: of a trained run.
    source: a folder of maps, or the name of a split of the run's data.
    output: folder to write to; made when missing.
    step: of the checkpoint; None for the newest.
    size: "stage" scales as training did, "input" keeps each map's own size.
    name: of the one map to take; '' for all.
    options: which styles.

  Raises:
    InputError: for a workdir without a checkpoint, bad maps, styles that do
      not fit, or an output folder that holds one of the names already.
  """
  renderer = open_renderer(workdir, step)
  inputs = pipeline.synthesis_inputs(
    renderer.config, source, stage_size=renderer.size, size=size
  )
  if name:
    inputs = inputs.only(name)
  styles = StyleSource(renderer, options, inputs.names, size=size)
  if options.style_grid and renderer.bank is not None:
    write_style_grid(renderer, renderer.bank, inputs, styles, output)
    return
  outputs.check_output(output, inputs.names)
  if options.styles:
    # Every fault of the files is told before the first picture is made.
    for example in inputs:
      _, pairs = dense_objects(example["label"], example["instance"])
      styles.choose(example["name"], pairs)
  if styles.line():
    print(styles.line())
  rows: list[tuple[str, list[np.ndarray]]] = []
  output.mkdir(parents=True, exist_ok=True)
  for example, fake, text in generate_all(renderer, inputs, styles):
    outputs.write_result(output, example["name"], renderer, fake, text)
    if len(rows) < GRID_ROWS:
      row = [
        outputs.label_picture(renderer, example["label"]),
        pictures.to_uint8(fake),
      ]
      if example["image"] is not None:
        row.append(outputs.photo_picture(renderer, example["image"]))
      rows.append((example["name"], row))
  columns = ["label", "synthesised", "real"][: max(len(r) for _, r in rows)]
  grid = pictures.grid([r for _, r in rows], columns, [n for n, _ in rows])
  pictures.save_png(output / outputs.GRID, grid)
  print(f"{len(inputs)} pictures and {outputs.GRID} written to {output}")


def generate_all(
  renderer: Renderer,
  inputs: SynthesisInputs,
  styles: StyleSource,
) -> Iterator[tuple[dict[str, Any], np.ndarray, str]]:
  """Runs G on every map, at the map's size.

  Args:
    renderer: of the run.
    inputs: maps as `synthesis_inputs` gives them.
    styles: of their objects.

  Yields:
    The example, its picture [H, W, C] float32 in [-1, 1], and the text of its
    style file, '' for a model without E.
  """
  for example in inputs:
    maps = example["label"], example["instance"]
    if not renderer.channels:
      yield example, renderer(*maps), ""
      continue
    objects, pairs = dense_objects(example["label"], example["instance"])
    choice = styles.choose(example["name"], pairs)
    fake = renderer(*maps, objects, choice.table)
    yield example, fake, styles.text(example["name"], pairs, choice.styles)


def write_style_grid(
  renderer: Renderer,
  bank: StyleBank,
  inputs: SynthesisInputs,
  styles: StyleSource,
  output: pathlib.Path,
) -> None:
  """Writes one map in every style of a class or of one object.

  Args:
    renderer: of the run.
    bank: its style bank.
    inputs: the first map that has the class or object is taken.
    styles: of everything else; its grid option names a class or an object.
    output: gets `<map>_style_<k>.png`, their style files, and a grid.

  Raises:
    InputError: if no map has it, or the class has no styles.
  """
  example, objects, pairs, rows = find_grid_rows(renderer, inputs, styles)
  name, maps = example["name"], (example["label"], example["instance"])
  label = int(pairs[rows[0], 0])
  centers = bank.styles.of_class(label)
  what = renderer.class_names[label]
  if not len(centers):
    raise InputError(
      f"--style_grid={styles.options.style_grid}: the style bank has no styles "
      f"of {what!r}; make one with a smaller --min_area"
    )
  names = [f"{name}_style_{k}" for k in range(len(centers))]
  outputs.check_output(output, names)
  if styles.line():
    print(styles.line())
  output.mkdir(parents=True, exist_ok=True)
  choice, shown = styles.choose(name, pairs), []
  for k, center in enumerate(centers):
    table = choice.table.copy()
    table[rows] = center
    chosen = [k if i in rows else s for i, s in enumerate(choice.styles)]
    fake = renderer(*maps, objects, table)
    text = styles.text(name, pairs, chosen)
    outputs.write_result(output, names[k], renderer, fake, text)
    shown.append(pictures.to_uint8(fake))
  across = min(4, len(shown))
  cells = [
    [outputs.label_picture(renderer, example["label"])],
    *(shown[i : i + across] for i in range(0, len(shown), across)),
  ]
  titles = ["label"] + [
    f"{i} to {min(i + across, len(shown)) - 1}"
    for i in range(0, len(shown), across)
  ]
  pictures.save_png(output / outputs.GRID, pictures.grid(cells, (), titles))
  print(
    f"{name} in {len(shown)} styles of {what} ({len(rows)} objects) and "
    f"{outputs.GRID} written to {output}"
  )


def find_grid_rows(
  renderer: Renderer,
  inputs: SynthesisInputs,
  styles: StyleSource,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray, list[int]]:
  """The first map with the class or object, its objects, and which they are.

  Returns:
    The example, its objects [H, W] int32, their pairs [N, 2] of label and
    instance id, and the rows of these that are meant.
  """
  wanted = styles.options.style_grid
  names = renderer.class_names
  # A number is an object's id here; only a name stands for a class.
  label = style_file.class_id(wanted, names) if wanted in names else None
  for example in inputs:
    objects, pairs = dense_objects(example["label"], example["instance"])
    if label is not None:
      rows = np.flatnonzero(pairs[:, 0] == label).tolist()
    else:
      by_key = style_file.rows_by_key(pairs)
      row = by_key.get(style_file.normal_key(wanted))
      rows = [] if row is None else [row]
    if rows:
      return example, objects, pairs, rows
  raise InputError(
    f"--style_grid={wanted}: none of the {len(inputs)} maps has a class or an "
    f"object of that name; {near_names(wanted, names)}"
  )
