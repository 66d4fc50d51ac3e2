"""`--style_from=PHOTO`: the styles that E reads off a photo with its maps."""

import os
import pathlib

from hdgan.datasets import folder, pipeline, synthesis_inputs
from hdgan.datasets.examples import ExampleFiles
from hdgan.datasets.reading import reading_of
from hdgan.errors import InputError
from hdgan.rendering.encode import Example, encode_all, pool_objects
from hdgan.rendering.renderer import Renderer
from hdgan.styles.choice import PhotoStyles, photo_table


def photo_styles(renderer: Renderer, example: Example) -> PhotoStyles:
  """Encodes one photo: features per object, and per class its pixels' mean.

  Args:
    renderer: with E's parameters.
    example: image [h, w, C], label and instance [h, w] (or label [h, w, C]),
      at stage one's size.

  Returns:
    `PhotoStyles`.
  """
  ((_, raw),) = encode_all(renderer, iter([example]))
  means, pairs, shares = pool_objects(
    raw, example["label"], example["instance"]
  )
  return photo_table(means, pairs, shares)


def find_photo(renderer: Renderer, photo: str) -> Example:
  """Finds a photo with its maps.

  Args:
    renderer: of the run.
    photo: a file in `<split>_img/` (or `img/`) with its maps beside that
      folder, or SPLIT/NAME of the run's data.

  Returns:
    name, image, label and instance, at stage one's size.

  Raises:
    InputError: no such photo, no maps for it, or faults of these files.
  """
  config, flag = renderer.config, f"--style_from={photo}"
  stage_one = tuple(config.stages[0].size)
  path = pathlib.Path(os.path.expanduser(photo))
  source, _, name = photo.rpartition("/")
  if path.is_file():
    source = _source_of(path, flag)
  elif not source:
    raise InputError(
      f"{flag}: there is no such file; name a photo, or SPLIT/NAME of the "
      "run's data"
    )
  elif not pipeline.find_data_set(config).from_folders:
    inputs = pipeline.synthesis_inputs(config, source, stage_size=stage_one)
    return inputs.only(name, "--style_from")[0]
  found = synthesis_inputs.find_examples(source, config, renderer.classes)
  for one in found:
    here = one.image and one.image.path.resolve() == path.resolve()
    if here or (not path.is_file() and one.stem == name and one.image):
      return _read_photo(renderer, one)
  raise InputError(
    f"{flag}: found no photo with a label map of that name; {source} has "
    f"{folder.first_names([one.stem for one in found])}"
  )


def _source_of(path: pathlib.Path, flag: str) -> str:
  """What `find_examples` is to be asked for, to find a photo's maps."""
  parent = path.absolute().parent
  for ending in folder.FOLDERS["image"]:
    split = parent.name.removesuffix(f"_{ending}")
    if split != parent.name and folder.has_split(parent.parent, split):
      return str(parent.parent / split)
  if parent.name in synthesis_inputs.PARTS["image"]:
    return str(parent.parent)
  raise InputError(
    f"{flag}: a photo is encoded object by object and needs its maps; put it "
    "into DIR/NAME_img/ with the label map in DIR/NAME_label/ (and the "
    "instance map in DIR/NAME_inst/)"
  )


def _read_photo(renderer: Renderer, one: ExampleFiles) -> Example:
  """Checks and reads one photo with its maps, at stage one's size."""
  config = renderer.config
  photo = one.image.name if one.image else one.stem
  synthesis_inputs.check_inputs(photo, [one], config)
  reading = reading_of(config)
  inputs = synthesis_inputs.SynthesisInputs(
    (one.stem,),
    [one],
    reading=reading,
    geometry=reading.geometry(config.stages[0].size),
    own_size=False,
  )
  return inputs[0]
