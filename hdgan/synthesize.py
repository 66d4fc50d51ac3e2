"""Photos from label maps, with a trained run's generator and its styles."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan import whole_files
from hdgan.datasets import pipeline
from hdgan.datasets.examples import ExampleFiles
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError, counted, near_names
from hdgan.rendering import outputs
from hdgan.rendering.output_folder import (
  OutputFolder,
  free_name,
  keep_apart_from_inputs,
)
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.runs import directory
from hdgan.styles import file as style_file
from hdgan.styles.bank import StyleBank, parameters_digest
from hdgan.styles.file import Style

GRID = "grid"
GRID_ROWS = 8


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  output: pathlib.Path,
  step: int | None,
  weights: str,
  size: str,
  map: str,
  overwrite: bool,
  show_objects: bool,
  **style_flags: Any,
) -> None:
  """Runs `--mode=synthesize`, its flags by name; see `synthesize`."""
  config = directory.own_config(workdir, config, "synthesize")
  options = StyleOptions(**style_flags)
  synthesize(
    workdir, input, output, step=step, weights=weights, size=size, name=map,
    options=options,
    overwrite=overwrite, show_objects=show_objects, config=config,
  )  # fmt: skip


def synthesize(
  workdir: pathlib.Path,
  source: str,
  output: pathlib.Path,
  step: int | None = None,
  weights: str = "",
  size: str = "stage",
  name: str = "",
  options: StyleOptions = StyleOptions(),  # noqa: B008
  overwrite: bool = False,
  show_objects: bool = False,
  config: ConfigDict | None = None,
) -> None:
  """Writes one PNG per label map, of the same name, and a grid.

  Beside each picture of a model with E lies `<name>.styles.json`. The grid is
  `grid.png`, or `grid_.png` where a map is called grid.

  Args:
    workdir: of a trained run.
    source: a folder of maps, or the name of a split of the run's data.
    output: folder to write to; made when missing.
    step: of the checkpoint; None for the newest.
    weights: "ema" or "live"; see `open_renderer`.
    size: "stage" scales as training did, "input" keeps each map's own size.
    name: of the one map to take; '' for all.
    options: which styles.
    overwrite: replace what hdgan wrote to the folder before.
    config: see `open_renderer`.
    show_objects: also write `objects/<name>.png`, the keys of all objects.

  Raises:
    InputError: for a workdir without a checkpoint, bad maps, styles that do
      not fit, or an output folder that holds one of the names already.
  """
  if options.style_grid and show_objects:
    raise InputError(
      "--show_objects draws no map of a --style_grid; leave one of them out"
    )
  renderer = open_renderer(workdir, step, weights=weights, config=config)
  inputs = pipeline.synthesis_inputs(
    renderer.config,
    source,
    stage_size=renderer.size,
    size=size,
    classes=renderer.classes,
  )
  if name:
    inputs = inputs.only(name)

  def open_output(names: Sequence[str]) -> OutputFolder:
    """Lists what is written for these names; refuses what is in the way."""
    files = [file for one in names for file in outputs.result_names(one)]
    job = ""
    if not options.style_grid:
      job = describe(renderer, inputs, [size, options, show_objects])
    folder = OutputFolder(
      output, [*files, free_name(GRID, names)], overwrite, job=job
    )
    given = options.styles, options.style_from
    root = renderer.config.data.root
    keep_apart_from_inputs(folder, workdir, root, inputs, given)
    return folder

  if options.style_grid and renderer.bank is not None:
    styles = StyleSource(renderer, options, inputs.names, size=size)
    write_style_grid(renderer, renderer.bank, inputs, styles, open_output)
    return
  folder = open_output(inputs.names)
  styles = StyleSource(renderer, options, inputs.names, size=size)
  if options.styles:
    # Every fault of the files is told before the first picture is made.
    for example in inputs:
      _, pairs = dense_objects(example["label"], example["instance"])
      styles.choose(example["name"], pairs)
  if styles.line():
    print(styles.line())
  own = dataclasses.replace(inputs, own_size=True)
  rows: list[tuple[str, list[np.ndarray]]] = []
  # Those of the grid are made again: it shows them beside their maps.
  left = [
    i
    for i, one in enumerate(inputs.names)
    if i < GRID_ROWS or not folder.has(made_names(renderer, one, show_objects))
  ]
  if folder.goes_on and len(left) < len(inputs):
    kept = counted(len(inputs) - len(left), "picture is", "pictures are")
    print(f"{output}: goes on where it was stopped; {kept} there")
  rest = dataclasses.replace(
    inputs,
    names=tuple(inputs.names[i] for i in left),
    examples=[inputs.examples[i] for i in left],
  )
  for i, (example, fake, text) in zip(
    left, generate_all(renderer, rest, styles), strict=True
  ):
    outputs.write_result(folder, example["name"], renderer, fake, text)
    if show_objects:
      show(folder, renderer, example, own[i], styles)
    if len(rows) < GRID_ROWS:
      row = [
        outputs.label_picture(renderer, example["label"]),
        pictures.to_uint8(fake),
      ]
      if example["image"] is not None:
        row.append(outputs.photo_picture(renderer, example["image"]))
      rows.append((example["name"], row))
  columns = ["label", "synthesised", "real"][: max(len(r) for _, r in rows)]
  name = free_name(GRID, inputs.names)
  folder.png(
    name, pictures.grid([r for _, r in rows], columns, [n for n, _ in rows])
  )
  folder.finish()
  print(f"{counted(len(inputs), 'picture')} and {name} written to {output}")


def made_names(renderer: Renderer, name: str, show_objects: bool) -> list[str]:
  """The files that a map of this name gets."""
  picture, style, objects = outputs.result_names(name)
  made = [picture] + [style] * bool(renderer.channels)
  return made + [objects] * show_objects


def describe(
  renderer: Renderer, inputs: SynthesisInputs, settings: Sequence[Any]
) -> str:
  """A sum of all that pictures follow from: weights, maps, styles, options.

  Args:
    renderer: of the run.
    inputs: the maps; files are known by their facts.
    settings: what else was asked for.
  """
  told = [renderer.step, parameters_digest(renderer.params), *settings]
  told += [renderer.bank.digest if renderer.bank is not None else ""]
  for one in settings:
    if isinstance(one, StyleOptions):
      told += [
        whole_files.files_below(pathlib.Path(given).expanduser())
        for given in (one.styles, one.style_from)
        if given
      ]
  for stem, example in zip(inputs.names, inputs.examples, strict=True):
    told.append(stem)
    if isinstance(example, ExampleFiles):
      parts = example.parts().values()
      told += [(str(part.path), part.facts) for part in parts]
  return hashlib.sha256(repr(told).encode()).hexdigest()


def show(
  folder: OutputFolder,
  renderer: Renderer,
  example: dict[str, Any],
  own: dict[str, Any],
  styles: StyleSource,
) -> None:
  """Writes which object of a map has which key, and its style if it is seen.

  Args:
    folder: gets `objects/<map>.png`.
    renderer: of the run.
    example: the map as it was rendered.
    own: the same at its own size, in which edits count pixels.
    styles: of its objects.
  """
  chosen: dict[tuple[int, int], Style] = {}
  if renderer.channels:
    _, pairs = dense_objects(example["label"], example["instance"])
    choice = styles.choose(example["name"], pairs)
    chosen = dict(zip(map(tuple, pairs.tolist()), choice.styles, strict=True))
  maps = own["label"], own["instance"]
  outputs.write_objects(folder, own["name"], renderer, maps, chosen)


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
  open_output: Callable[[Sequence[str]], OutputFolder],
) -> None:
  """Writes one map in every style of a class or of one object.

  Args:
    renderer: of the run.
    bank: its style bank.
    inputs: the first map that has the class or object is taken.
    styles: of everything else; its grid option names a class or an object.
    open_output: gives the folder for pictures of these names; it gets
      `<map>_style_<k>.png`, their style files, and a grid.

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
  folder = open_output(names)
  if styles.line():
    print(styles.line())
  choice, shown = styles.choose(name, pairs), []
  for k, center in enumerate(centers):
    table = choice.table.copy()
    table[rows] = center
    chosen = [k if i in rows else s for i, s in enumerate(choice.styles)]
    fake = renderer(*maps, objects, table)
    text = styles.text(name, pairs, chosen)
    outputs.write_result(folder, names[k], renderer, fake, text)
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
  grid = free_name(GRID, names)
  folder.png(grid, pictures.grid(cells, (), titles))
  print(
    f"{name} in {counted(len(shown), 'style')} of {what} "
    f"({counted(len(rows), 'object')}) and {grid} written to {folder.path}"
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
    f"--style_grid={wanted}: no map of {len(inputs)} has a class or an "
    f"object of that name; {near_names(wanted, names)}"
  )
