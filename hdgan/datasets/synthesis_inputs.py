"""Finds the maps from which photos are to be made, and reads them."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from hdgan.datasets import files, folder, prepared
from hdgan.datasets.check import Rules, check, rules_of
from hdgan.datasets.examples import ExampleFiles
from hdgan.datasets.instances import recode
from hdgan.datasets.label_map import LabelMap, load_label_map
from hdgan.datasets.reading import Encoded, Reading, decode_maps
from hdgan.datasets.transforms import (
  Geometry,
  Size,
  place_map,
  place_picture,
  whole_placement,
)
from hdgan.datasets.tree import open_tree
from hdgan.errors import InputError, raise_faults
from hdgan.outside import read_json

# What a folder of a single split may call its parts.
PARTS = {
  "label": ("label", "A"),
  "instance": ("inst", "instance"),
  "image": ("img", "image", "B"),
}
# Lies beside the maps of a studio's export, which hold class ids and object
# ids whatever the files of the data hold.
SESSION = "session.json"


@dataclasses.dataclass(frozen=True)
class SynthesisInputs(Sequence[dict[str, Any]]):
  """Full-size inputs in name order, read when asked for.

  Attributes:
    names: the stems, without the suffixes that roles add.
    examples: files, or the bytes of label, instance and image.
    reading: how they are decoded.
    geometry: how training scales pictures.
    own_size: keep each map's own size instead.
  """

  names: tuple[str, ...]
  examples: Sequence[ExampleFiles | Encoded]
  reading: Reading
  geometry: Geometry
  own_size: bool

  def __len__(self) -> int:
    return len(self.names)

  def __getitem__(self, i: Any) -> Any:
    """Reads one input.

    Args:
      i: which, in name order; an integer.

    Returns:
      name; label [H, W] int32 or [H, W, C]; instance [H, W] int32; image
      [H, W, C] or None. Neither cropped nor padded.
    """
    name, example = self.names[i], self.examples[i]
    if isinstance(example, ExampleFiles):
      example = {
        key: files.checked(value, name) if key != "name" else value
        for key, value in example.read().items()
      }
    arrays: dict[str, Any] = decode_maps(example, self.reading, name)
    if example["image"]:
      channels = self.reading.pictures.image_channels
      arrays["image"] = files.read_picture(example["image"], channels, name)
    size = arrays["label"].shape[:2]
    scaled = size if self.own_size else self.geometry.scaled(size)
    placement = whole_placement(scaled)
    for key, array in arrays.items():
      bring = place_map if array.ndim == 2 else place_picture
      arrays[key] = bring(array, placement)
    return {"image": None, **arrays, "name": name}

  def sizes(self) -> dict[str, tuple[Size, Size]]:
    """Of each map its own (H, W) and that at which it is given, by name."""
    found = {}
    for name, example in zip(self.names, self.examples, strict=True):
      data = (
        example.label.read()
        if isinstance(example, ExampleFiles)
        else example["label"]
      )
      own = files.facts(data, name).size
      found[name] = own, own if self.own_size else self.geometry.scaled(own)
    return found

  @property
  def paths(self) -> list[pathlib.Path]:
    """Files on the disk that are read; none where the data is drawn."""
    files = [one for one in self.examples if isinstance(one, ExampleFiles)]
    return [part.path for one in files for part in one.parts().values()]

  def only(self, name: str, flag: str = "--map") -> "SynthesisInputs":
    """Keeps the one input of a name.

    Args:
      name: one of `names`.
      flag: that asked for it, for the error.

    Returns:
      Inputs of length one.

    Raises:
      InputError: if there is no such input.
    """
    if name not in self.names:
      raise InputError(
        f"{flag}={name}: there is no map of that name; there are "
        f"{folder.first_names(self.names)}"
      )
    example = self.examples[self.names.index(name)]
    return dataclasses.replace(self, names=(name,), examples=[example])


def find_examples(
  source: str, config: ConfigDict, classes: Sequence[Mapping[str, Any]] = ()
) -> list[ExampleFiles]:
  """Lists the files that a user named.

  Args:
    source: a split of data.root, or a folder: FOLDER/<split>, one that holds
      the folders of one split, or the label maps themselves.
    config: of the model; data.root may be ''.
    classes: of the model.

  Returns:
    Examples in name order, with the maps that data.label_map and
    data.instances make of the files, unless a studio exported them; photos
    only where there are any.

  Raises:
    InputError: nothing there, several splits, or instance maps without
      partners.
  """
  faults: list[str] = []
  folders = _find_folders(source, config.data.root, faults)
  raise_faults(faults)
  names = open_tree(folders["label"]).parts
  labels = [pathlib.PurePath(name).stem for name in names]
  suffixes: Mapping[str, str] = config.data.suffixes
  exported = _is_export(folders["label"].parent)
  ending = suffixes.get("label", "")
  if exported or not any(stem.endswith(ending) for stem in labels):
    suffixes = {}  # Another folder's names need not follow the training's.
  notes: list[str] = []
  examples = folder.pair(folders, suffixes, faults, trained=True, notes=notes)
  raise_faults(faults)
  for note in notes:
    prepared.say(note)
  if "image" in folders and not any(one.image for one in examples):
    prepared.say(
      f"{folders['image']}: no photo has the name of a map: none is shown"
    )
  if exported:
    return examples
  return recode(examples, config, table_of(config, classes), classes)


def _is_export(folder: pathlib.Path) -> bool:
  """Whether a folder is what a studio exported."""
  try:
    return read_json(folder / SESSION, dict).get("maps") == "ids"
  except InputError:
    return False


def table_of(
  config: ConfigDict, classes: Sequence[Mapping[str, Any]]
) -> LabelMap | None:
  """The table that the model was trained with, where it is still there."""
  path = pathlib.Path(os.path.expanduser(config.data.label_map))
  if config.data.label_map and not path.exists():
    prepared.say(
      f"{config.data.label_map}: the table of colours or numbers that this "
      "model was trained with (data.label_map) is not there: maps are taken to "
      f"hold class ids 0..{config.num_classes - 1}"
    )
    return None
  return load_label_map(config, {one["name"]: one["id"] for one in classes})


def synthesis_rules(config: ConfigDict) -> Rules:
  """The rules for maps that photos are made of.

  Nothing is pooled at training's static bound, nor cut.
  """
  return dataclasses.replace(
    rules_of(config), trained=True, max_instances=0, geometries=()
  )


def check_inputs(
  source: str, examples: Sequence[ExampleFiles], config: ConfigDict
) -> None:
  """Checks the files before anything is computed, and tells what is missing.

  Raises:
    InputError: every fault of the files, one line each.
  """
  rules = synthesis_rules(config)
  progress = prepared.progress_line(f"checking {source}")
  check(
    {source: examples}, rules, workers=config.data.workers, progress=progress
  )
  if rules.pictures.num_classes and not any(one.instance for one in examples):
    prepared.say(
      f"{source}: no instance maps: boundaries are taken from the labels"
    )


def _find_folders(
  source: str, root: str, faults: list[str]
) -> dict[str, pathlib.Path]:
  """Finds the folders of the maps by role."""
  path = pathlib.Path(os.path.expanduser(source))
  home = pathlib.Path(os.path.expanduser(root))
  # A bare name is a split of the run's data before it is a folder here.
  if root and path.name == source and folder.has_split(home, source):
    return folder.split_folders(home, source, faults)
  if not path.is_dir():
    if path.name and folder.has_split(path.parent, path.name):
      return folder.split_folders(path.parent, path.name, faults)
    raise InputError(
      f"{source}: neither a folder nor a split"
      f"{f' of {root}' if root else ''}; name one with label maps: "
      "--input=FOLDER"
    )
  for ending in folder.FOLDERS["label"]:
    split = path.name.removesuffix(f"_{ending}")
    if split and split != path.name:
      return folder.split_folders(path.parent, split, faults)
  found = {}
  for role, names in PARTS.items():
    there = [path / name for name in names if (path / name).is_dir()]
    found.update({role: there[0]} if there else {})
  if "label" in found:
    return found
  splits = folder.splits(path)
  if len(splits) > 1:
    ways = " or ".join(
      f"--input={source.rstrip('/')}/{split}" for split in splits
    )
    raise InputError(
      f"{source}: holds {len(splits)} splits ({', '.join(splits)}); say {ways}"
    )
  if splits:
    return folder.split_folders(path, splits[0], faults)
  return {"label": path}
