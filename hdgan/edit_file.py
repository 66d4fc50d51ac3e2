"""`--mode=edit`: the edits of `edit`, read from a file and applied to a map.

The schema is in the README. Nothing is written unless every edit applies.
"""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdgan import edit as scenes
from hdgan import (
  input_pipeline,
  pictures,
  render,
  run_directory,
  style_file,
  synthesize,
)
from hdgan.config import InputError
from hdgan.datasets import files
from hdgan.edit import Scene
from hdgan.render import Renderer
from hdgan.style_options import StyleOptions, StyleSource

VERSION = 1
GRID = "before_after.png"
# Fields of each operation: those it must have, those it may have.
_TARGETS = ("object", "every")
OPERATIONS = {
  "change_class": (("to",), _TARGETS),
  "restyle": (("style",), _TARGETS),
  "add": (("class",), ("box", "mask", "style")),
  "remove": ((), (*_TARGETS, "fill")),
  "move": (("object", "dy", "dx"), ()),
  "undo": ((), ()),
}


def read_edits(path: pathlib.Path) -> tuple[list[dict[str, Any]], str]:
  """Reads a file of edits and checks each for itself.

  Args:
    path: of the JSON file.

  Returns:
    The edits, and the name of the map that they are for, or ''.

  Raises:
    InputError: every fault, one line each.
  """
  try:
    data = json.loads(path.read_text(encoding="utf-8"))
  except OSError as error:
    raise InputError(
      f"--edits={path}: cannot be read ({error.strerror})"
    ) from error
  except ValueError as error:
    raise InputError(f"--edits={path}: not JSON ({error})") from error
  if not isinstance(data, dict) or not isinstance(data.get("edits"), list):
    raise InputError(f"{path}: must be an object with a list 'edits'")
  faults = [
    f"{path}: there is no field {key!r}; "
    + style_file.near_names(key, ("version", "map", "edits"))
    for key in data
    if key not in ("version", "map", "edits")
  ]
  if data.get("version", VERSION) != VERSION:
    faults.append(f"{path}: version = {data['version']!r} must be {VERSION}")
  for i, entry in enumerate(data["edits"]):
    rule = _edit_fault(entry)
    if rule:
      faults.append(f"{path}: edit {i}: {rule}")
  if faults:
    raise InputError("\n".join(faults[:20]))
  return data["edits"], str(data.get("map", ""))


def _edit_fault(entry: Any) -> str:
  """What is wrong with one edit as JSON gives it, or ''."""
  if not isinstance(entry, dict) or not isinstance(entry.get("op"), str):
    return f"{entry!r} must be an object with 'op'"
  name = entry["op"]
  if name not in OPERATIONS:
    hint = style_file.near_names(name, list(OPERATIONS))
    return f"there is no operation {name!r}; {hint}"
  needs, may = OPERATIONS[name]
  for field in entry:
    if field not in ("op", *needs, *may):
      hint = style_file.near_names(field, (*needs, *may))
      return f"{name} has no field {field!r}; {hint}"
  for field in needs:
    if field not in entry:
      return f"{name} needs {field!r}"
  pair = ("box", "mask") if name == "add" else _TARGETS
  if pair[0] in may and sum(field in entry for field in pair) != 1:
    return f"{name} needs either {pair[0]!r} or {pair[1]!r}"
  for field in ("dy", "dx"):
    if field in entry and type(entry[field]) is not int:
      return f"{field} = {entry[field]!r} must be an integer"
  return _value_fault(entry)


def _value_fault(entry: Mapping[str, Any]) -> str:
  """What is wrong with the values of an edit whose fields are right."""
  for field in ("to", "class", "every", "fill"):
    if field in entry and type(entry[field]) not in (str, int):
      return f"{field} = {entry[field]!r} must be a class"
  keys = entry.get("object", "")
  keys = keys if isinstance(keys, list) else [keys]
  if any(type(key) not in (str, int) for key in keys):
    return f"object = {entry['object']!r} must be an id or a list of ids"
  if entry["op"] == "move" and isinstance(entry["object"], list):
    return "move takes one object"
  box = entry.get("box", [0, 0, 1, 1])
  if (
    not isinstance(box, list)
    or len(box) != 4
    or any(type(x) is not int for x in box)
    or not (0 <= box[0] < box[2] and 0 <= box[1] < box[3])
  ):
    return f"box = {box!r} must be [top, left, bottom, right], not negative"
  return ""


def apply(
  scene: Scene,
  entry: Mapping[str, Any],
  folder: pathlib.Path,
  renderer: Renderer,
) -> Scene:
  """Applies one edit that has been checked for itself.

  Args:
    scene: before.
    entry: the edit.
    folder: where relative paths of masks start.
    renderer: knows which styles there are.

  Returns:
    The scene after.

  Raises:
    InputError: for objects, classes or styles that are not there.
  """
  if "every" in entry:
    keys: Any = scenes.objects_of(scene, entry["every"])
    if not keys:
      raise InputError(f"the scene has no object of class {entry['every']!r}")
  else:
    keys = entry.get("object", "")
  style = entry.get("style")
  if style is not None:
    if not renderer.channels:
      render.require_encoder(renderer, "style")
    rule = style_file.style_fault(style, renderer.channels)
    if rule:
      raise InputError(f"style: {rule}")
  actions: dict[str, Callable[[], Scene]] = {
    "change_class": lambda: scenes.change_class(scene, keys, entry["to"]),
    "restyle": lambda: scenes.restyle(scene, keys, style),
    "add": lambda: scenes.add(
      scene, _mask(scene, entry, folder), entry["class"], style
    ),
    "remove": lambda: scenes.remove(scene, keys, entry.get("fill")),
    "move": lambda: scenes.move(scene, keys, entry["dy"], entry["dx"]),
    "undo": lambda: scenes.undo(scene),
  }
  after = actions[entry["op"]]()
  if style is not None:
    # Said here, with the number of the edit, rather than by the renderer.
    scenes.styles_of(after, renderer)
  return after


def _mask(
  scene: Scene, entry: Mapping[str, Any], folder: pathlib.Path
) -> np.ndarray:
  """[H, W] bool of an added object, from a box or a picture."""
  if "box" in entry:
    mask = np.zeros(scene.objects.shape, bool)
    top, left, bottom, right = entry["box"]
    mask[top:bottom, left:right] = True
    return mask
  path = folder / str(entry["mask"])
  return files.read_map(path, f"mask {path}") != 0


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
  renderer = render.open_renderer(workdir, step)
  if not renderer.config.num_classes:
    raise InputError(
      f"--mode=edit: the labels of {workdir} are pictures, without classes "
      "and objects to edit"
    )
  inputs = input_pipeline.synthesis_inputs(
    renderer.config, source, stage_size=renderer.size, size=size
  )
  example = _pick(inputs, name or meant)
  name = example["name"]
  styles = StyleSource(renderer, options, [name], size)
  before = open_with_styles(renderer, example, styles)
  synthesize.check_output(output, (name,))
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
  seed = options.seed or 0
  _write(renderer, styles, output, name, before, scene, seed)
  old, new = len(before.rows()), len(scene.rows())
  print(
    f"{len(entries)} edits of {name}, {old} objects before and {new} after: "
    f"picture, maps, styles and {GRID} written to {output}"
  )


def _pick(inputs: input_pipeline.SynthesisInputs, name: str) -> dict[str, Any]:
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
    return scenes.open_scene(*maps, classes)
  _, pairs = synthesize.number_objects(example)
  chosen = styles.choose(example["name"], pairs).styles
  return scenes.open_scene(*maps, classes, chosen)


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
    shown = scenes.render(scene, renderer, seed)
    if shown.dtype != np.uint8:
      shown = (shown // 257).astype(np.uint8)
    cells.append([synthesize.label_picture(renderer, scene.label), shown])
  write_map(output / "label", name, after.label)
  write_map(output / "inst", name, after.instance)
  if renderer.channels:
    _, pairs, chosen = scenes.styles_of(after, renderer, seed)
    text = styles.text(name, pairs, chosen)
    run_directory.write_text(output / f"{name}{style_file.SUFFIX}", text)
  picture = scenes.render(after, renderer, seed)
  synthesize.write_picture(output / f"{name}.png", picture)
  grid = pictures.grid(cells, ["label", "synthesised"], ["before", "after"])
  pictures.save_png(output / GRID, grid)


def write_map(folder: pathlib.Path, name: str, ids: np.ndarray) -> None:
  """Writes [H, W] int32 ids as PNG of 8 or 16 bits, as .npy if they need more.

  Args:
    folder: made when missing.
    name: of the file, without its ending.
    ids: class or instance ids.
  """
  folder.mkdir(parents=True, exist_ok=True)
  low, high = int(ids.min()), int(ids.max())
  if low < 0 or high > 65535:
    draft = folder / f".{name}.npy.tmp"
    with draft.open("wb") as file:
      np.save(file, ids)
    draft.replace(folder / f"{name}.npy")
    return
  levels = ids.astype(np.uint8 if high < 256 else np.uint16)
  synthesize.write_picture(folder / f"{name}.png", levels)
