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
from hdgan.editing.file import apply, read_edits
from hdgan.editing.operations import render, styles_of
from hdgan.editing.scene import Scene, open_scene
from hdgan.errors import InputError
from hdgan.rendering import outputs
from hdgan.rendering.renderer import Renderer, open_renderer
from hdgan.rendering.source import StyleOptions, StyleSource
from hdgan.report import pictures
from hdgan.runs import directory
from hdgan.styles import file as style_file
from hdgan.whole_files import whole_file, write_text

GRID = "before_after.png"


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  output: pathlib.Path,
  edits: pathlib.Path,
  step: int | None,
  size: str,
  map: str,
  **style_flags: Any,
) -> None:
  """Runs `--mode=edit`, its flags by name; see `edit`."""
  directory.check_own_config(workdir, config, "edit")
  edit(
    workdir, input, output, edits, step=step, size=size, name=map,
    options=StyleOptions(**style_flags),
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
) -> None:
  """Edits one map and writes maps, picture, styles, and before beside after.

  Args:
    workdir: of a trained run.
    source: a folder of maps, or the name of a split of the run's data.
    output: gets `<map>.png`, `<map>.styles.json`, label/, inst/ and a grid;
      itself an input of `--mode=synthesize`.
    edits: file of edits.
    step: of the checkpoint; None for the newest.
    size: "stage" or "input", see `synthesize`.
    name: of the map; '' for the one that the file names, or the only one.
    options: styles before the edits.

  Raises:
    InputError: for anything that keeps an edit from being made.
  """
  entries, meant = read_edits(edits)
  renderer = open_renderer(workdir, step)
  if not renderer.config.num_classes:
    raise InputError(
      f"--mode=edit: the labels of {workdir} are pictures, without classes "
      "and objects to edit"
    )
  inputs = pipeline.synthesis_inputs(
    renderer.config, source, stage_size=renderer.size, size=size
  )
  example = _pick(inputs, name or meant)
  name = example["name"]
  styles = StyleSource(renderer, options, [name], size=size)
  before = open_with_styles(renderer, example, styles)
  outputs.check_output(output, (name,))
  scene = before
  for i, entry in enumerate(entries):
    try:
      scene = apply(scene, entry, edits.parent, renderer)
    except InputError as error:
      raise InputError(
        "\n".join(
          f"{edits}: edit {i}: {line}" for line in str(error).split("\n")
        )
      ) from error
  if styles.line():
    print(styles.line())
  seed = options.style_seed or 0
  _write(renderer, styles, output, name, before, scene, seed)
  old, new = len(before.rows()), len(scene.rows())
  print(
    f"{len(entries)} edits of {name}, {old} objects before and {new} after: "
    f"picture, maps, styles and {GRID} written to {output}"
  )


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
  classes = renderer.classes or [
    {"id": i, "name": n} for i, n in enumerate(renderer.class_names)
  ]
  maps = example["label"], example["instance"]
  if not renderer.channels:
    return open_scene(*maps, classes)
  _, pairs = dense_objects(*maps)
  chosen = styles.choose(example["name"], pairs).styles
  return open_scene(*maps, classes, chosen)


def _write(
  renderer: Renderer,
  styles: StyleSource,
  output: pathlib.Path,
  name: str,
  before: Scene,
  after: Scene,
  seed: int,
) -> None:
  """Writes everything about an edited map."""
  cells = []
  for scene in (before, after):
    shown = render(scene, renderer, seed)
    if shown.dtype != np.uint8:
      # 65535 is 255 * 257.
      shown = (shown // 257).astype(np.uint8)
    cells.append([outputs.label_picture(renderer, scene.label), shown])
  write_map(output / "label", name, after.label)
  write_map(output / "inst", name, after.instance)
  if renderer.channels:
    _, pairs, chosen = styles_of(after, renderer, seed)
    text = styles.text(name, pairs, chosen)
    write_text(output / f"{name}{style_file.SUFFIX}", text)
  picture = render(after, renderer, seed)
  pictures.save_png(output / f"{name}.png", picture)
  grid = pictures.grid(cells, ["label", "synthesised"], ["before", "after"])
  pictures.save_png(output / GRID, grid)


def write_map(folder: pathlib.Path, name: str, ids: np.ndarray) -> None:
  """Writes [H, W] int32 ids as PNG of 8 or 16 bits, as .npy if they need more.

  Args:
    folder: made when missing.
    name: of the file, without its ending.
    ids: class or instance ids.
  """
  low, high = int(ids.min()), int(ids.max())
  if low < 0 or high > 65535:
    with whole_file(folder / f"{name}.npy") as draft, draft.open("wb") as file:
      np.save(file, ids)
    return
  levels = ids.astype(np.uint8 if high < 256 else np.uint16)
  pictures.save_png(folder / f"{name}.png", levels)
