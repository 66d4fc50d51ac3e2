"""`--mode=edit`: one map edited by a file of edits, before beside after.

Nothing is written unless every edit applies.
"""

import pathlib
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.editing.file import apply, mask_reader, read_edits
from hdgan.editing.operations import at_size, generate, styles_of
from hdgan.editing.scene import Scene, open_scene
from hdgan.errors import InputError, counted
from hdgan.rendering import outputs
from hdgan.rendering.output_folder import (
  OutputFolder,
  free_name,
  keep_apart_from_inputs,
  map_names,
)
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.report.object_map import outline
from hdgan.runs import directory

GRID = "before_after"
# Pixels of a picture's width in the grid.
CELL = 512


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  output: pathlib.Path,
  edits: pathlib.Path,
  step: int | None,
  size: str,
  map: str,
  overwrite: bool,
  **style_flags: Any,
) -> None:
  """Runs `--mode=edit`, its flags by name; see `edit`."""
  config = directory.own_config(workdir, config, "edit")
  edit(
    workdir, input, output, edits, step=step, size=size, name=map,
    options=StyleOptions(**style_flags), overwrite=overwrite, config=config,
  )  # fmt: skip


def edit(
  workdir: pathlib.Path,
  source: str,
  output: pathlib.Path,
  edits: pathlib.Path,
  step: int | None = None,
  size: str = "stage",
  name: str = "",
  options: StyleOptions = StyleOptions(),  # noqa: B008
  overwrite: bool = False,
  config: ConfigDict | None = None,
) -> None:
  """Edits one map and writes maps, picture, styles, and before beside after.

  Edits are in pixels of the map itself; its picture is made at `size`.

  Args:
    workdir: of a trained run.
    source: a folder of maps, or the name of a split of the run's data.
    output: gets `<map>.png`, `<map>.styles.json`, label/, inst/, objects/ and
      a grid; itself an input of `--mode=synthesize`.
    edits: file of edits.
    step: of the checkpoint; None for the newest.
    size: "stage" or "input", see `synthesize`.
    name: of the map; '' for the one that the file names, or the only one.
    options: styles before the edits.
    overwrite: replace what hdgan wrote to the folder before.
    config: see `open_renderer`.

  Raises:
    InputError: for anything that keeps an edit from being made.
  """
  entries, meant = read_edits(edits)
  renderer = open_renderer(workdir, step, config=config)
  if not renderer.config.num_classes:
    raise InputError(
      f"--mode=edit: the labels of {workdir} are pictures, without classes "
      "and objects to edit"
    )
  inputs = pipeline.synthesis_inputs(
    renderer.config,
    source,
    stage_size=renderer.size,
    size="input",
    classes=renderer.classes,
  )
  example = _pick(inputs, name or meant)
  name = example["name"]
  masks = [edits.parent / entry["mask"] for entry in entries if "mask" in entry]
  folder = OutputFolder(output, written_names(name), overwrite)
  keep_apart_from_inputs(
    folder, workdir, renderer.config.data.root, inputs,
    (options.styles, options.style_from, edits, *masks),
  )  # fmt: skip
  styles = StyleSource(renderer, options, [name], size=size)
  before = open_with_styles(renderer, example, styles)
  scene, read_mask = before, mask_reader(edits.parent)
  for i, entry in enumerate(entries):
    try:
      scene = apply(scene, entry, read_mask, renderer)
    except InputError as error:
      raise InputError(
        "\n".join(
          f"{edits}: edit {i}: {line}" for line in str(error).split("\n")
        )
      ) from error
  if styles.line():
    print(styles.line())
  _write(renderer, styles, folder, before, scene)
  old, new = len(before.rows()), len(scene.rows())
  parts = "picture, styles, maps" if renderer.channels else "picture, maps"
  print(
    f"{counted(len(entries), 'edit')} of {name}, {counted(old, 'object')} "
    f"before and {new} after: {parts}, {grid_name(name)} and "
    f"{outputs.OBJECTS}/{name}.png written to {output}"
  )


def grid_name(name: str) -> str:
  """`before_after.png`, or another where the map is called so."""
  return free_name(GRID, [name])


def written_names(name: str) -> list[str]:
  """All files that an edit of a map may write, below its output."""
  return [
    *outputs.result_names(name),
    *map_names(f"label/{name}"),
    *map_names(f"inst/{name}"),
    grid_name(name),
  ]


def _pick(inputs: SynthesisInputs, name: str) -> dict[str, Any]:
  """The map to edit."""
  if name:
    return inputs.only(name)[0]
  if len(inputs) > 1:
    raise InputError(
      f"--input holds {len(inputs)} maps; pick one with --map, such as "
      f"--map={inputs.names[0]}"
    )
  return inputs[0]


def open_with_styles(
  renderer: Renderer, example: dict[str, Any], styles: StyleSource
) -> Scene:
  """Opens a map as a scene whose objects have their styles."""
  classes = renderer.named_classes
  name, maps = example["name"], (example["label"], example["instance"])
  if not renderer.channels:
    return open_scene(*maps, classes, name=name)
  _, pairs = dense_objects(*maps)
  chosen = styles.choose(name, pairs).styles
  return open_scene(*maps, classes, chosen, name)


def _write(
  renderer: Renderer,
  styles: StyleSource,
  folder: OutputFolder,
  before: Scene,
  after: Scene,
) -> None:
  """Writes everything about an edited map."""
  name, text = after.name, ""
  seed, draw, size = styles.chooser.seed, styles.chooser.draw, styles.size
  fakes = [
    generate(scene, renderer, seed, size, draw) for scene in (before, after)
  ]
  # All objects of the map itself have styles, those of the picture are kept.
  known = {}
  if renderer.channels:
    _, pairs, chosen = styles_of(after, renderer, seed, draw)
    known = dict(zip(map(tuple, pairs.tolist()), chosen, strict=True))
    shown = at_size(after, renderer, size)
    _, pairs, chosen = styles_of(shown, renderer, seed, draw)
    text = styles.text(name, pairs, chosen)
  cells = [
    _cells(renderer, at_size(scene, renderer, size), fake, after.edited)
    for scene, fake in zip((before, after), fakes, strict=True)
  ]
  folder.ids(f"label/{name}", after.label)
  folder.ids(f"inst/{name}", after.instance)
  outputs.write_result(folder, name, renderer, fakes[1], text)
  maps = after.label, after.instance
  outputs.write_objects(folder, name, renderer, maps, known)
  titles = ["label", "synthesised, border: what was edited"]
  grid = pictures.grid(cells, titles, ["before", "after"], CELL)
  folder.png(grid_name(name), grid)


def _cells(
  renderer: Renderer, scene: Scene, fake: np.ndarray, edited: frozenset[int]
) -> list[np.ndarray]:
  """Label and picture of a scene, thin borders around the edited rows."""
  # From 1; 0 is what no edit concerned.
  numbers = np.zeros(len(scene.table), np.int32)
  rows = sorted(row for row in edited if row < len(numbers))
  numbers[rows] = np.arange(len(rows)) + 1
  regions = numbers[scene.objects]
  # Enlarged first, so that the border is thin; where the grid will make it
  # smaller, thicker by as much.
  factor = max(1, min(4, CELL // regions.shape[1]))
  thick = max(1, round(regions.shape[1] / CELL))
  label = outputs.label_picture(renderer, scene.label)
  regions, *shown = (
    plane.repeat(factor, 0).repeat(factor, 1)
    for plane in (regions, label, pictures.to_uint8(fake))
  )
  return [outline(picture, regions, thick) for picture in shown]
