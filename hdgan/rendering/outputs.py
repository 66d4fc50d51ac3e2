"""What `synthesize` and `edit` write: pictures with their style files."""

import pathlib
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from hdgan.errors import InputError, counted
from hdgan.rendering.renderer import Renderer, to_levels
from hdgan.report import pictures
from hdgan.styles import file as style_file
from hdgan.whole_files import write_text

GRID = "grid.png"


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
  output: pathlib.Path,
  name: str,
  renderer: Renderer,
  fake: np.ndarray,
  text: str,
) -> None:
  """Writes a picture [H, W, C] in [-1, 1] and the text of its style file."""
  picture = to_levels(fake, renderer.model.pictures.image_range)
  if text:
    # First: a picture is never without its styles.
    write_text(output / f"{name}{style_file.SUFFIX}", text)
  pictures.save_png(output / f"{name}.png", picture)


def check_output(output: pathlib.Path, names: Sequence[str]) -> None:
  """Refuses to write over pictures and style files."""
  if output.exists() and not output.is_dir():
    raise InputError(f"--output={output} is a file; name a folder")
  there = [
    f"{name}{ending}"
    for name in names
    for ending in (".png", style_file.SUFFIX)
    if (output / f"{name}{ending}").exists()
  ]
  if there:
    raise InputError(
      f"--output={output} holds {there[0]} already ("
      f"{counted(len(there), 'file')} of {counted(len(names), 'name')}); "
      "name another folder, or empty this one"
    )
