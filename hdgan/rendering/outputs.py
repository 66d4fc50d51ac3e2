"""What `synthesize` and `edit` write: pictures with their style files."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from hdgan.datasets.transforms import dense_objects
from hdgan.rendering.output_folder import OutputFolder
from hdgan.rendering.renderer import Renderer, to_levels
from hdgan.report import pictures
from hdgan.report.object_map import Entry, draw_objects
from hdgan.styles import file as style_file
from hdgan.styles.file import Style

# A folder: no map's picture can have a name in it.
OBJECTS = "objects"


def label_picture(renderer: Renderer, label: np.ndarray) -> np.ndarray:
  """[H, W, 3] uint8: class colours of a label, or the picture that it is."""
  spec = renderer.model.pictures
  colors = pictures.class_colors(renderer.classes, spec.num_classes)
  return pictures.label_picture(label, colors, spec.label_range)


def photo_picture(renderer: Renderer, image: np.ndarray) -> np.ndarray:
  """A photo [H, W, C] of the run's data as [H, W, 1 or 3] uint8."""
  photo = renderer.model.image({"image": jnp.asarray(image)[None]})
  return pictures.to_uint8(np.asarray(photo)[0])


def write_result(
  output: OutputFolder,
  name: str,
  renderer: Renderer,
  fake: np.ndarray,
  text: str,
) -> None:
  """Writes a picture [H, W, C] in [-1, 1] and the text of its style file."""
  picture = to_levels(fake, renderer.model.pictures.image_range)
  if text:
    # First: a picture is never without its styles.
    output.text(f"{name}{style_file.SUFFIX}", text)
  output.png(f"{name}.png", picture)


def result_names(name: str) -> list[str]:
  """The files that `write_result` and `write_objects` write for a map."""
  return [f"{name}.png", f"{name}{style_file.SUFFIX}", f"{OBJECTS}/{name}.png"]


def write_objects(
  output: OutputFolder,
  name: str,
  renderer: Renderer,
  maps: tuple[np.ndarray, np.ndarray],
  styles: Mapping[tuple[int, int], Style],
) -> None:
  """Writes the picture of which object has which key.

  Args:
    output: gets `objects/<name>.png`.
    name: of the map.
    renderer: knows the classes and their colours.
    maps: label [H, W] or [H, W, C] and instance [H, W], at their own size.
    styles: by label and instance id; of the objects that have one.
  """
  objects, pairs = dense_objects(*maps)
  names, colors = renderer.class_names, label_picture(renderer, maps[0])
  entries = []
  for key, (label, id) in zip(
    style_file.keys_of(pairs), pairs.tolist(), strict=True
  ):
    known = 0 <= label < len(names)
    kind = names[label] if known else f"no class ({label})"
    single = label < len(renderer.classes) and renderer.classes[label].get(
      "has_instances"
    )
    # A region is known by its class, yet edits name it by its key.
    text = key if single or kind == key else f"{kind} {key}"
    style = _style_text(styles.get((label, id)))
    entries.append(Entry(text, (key, kind, style)))
  picture = draw_objects(colors, objects, entries, name)
  output.png(f"{OBJECTS}/{name}.png", picture)


def _style_text(style: Style | None) -> str:
  """A style as the list of objects shows it."""
  if style is None or isinstance(style, int):
    return "" if style is None else str(style)
  numbers = ", ".join(f"{x:.2f}" for x in style[:4])
  return f"[{numbers}{', ...' if len(style) > 4 else ''}]"
