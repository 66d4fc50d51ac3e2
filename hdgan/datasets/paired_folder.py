"""One's own data: a folder of maps and photos in the released code's layout."""

import os
import pathlib
from collections.abc import Mapping

from ml_collections import ConfigDict

from hdgan.datasets import folder
from hdgan.datasets.classes import class_ids, load_classes
from hdgan.datasets.examples import Found
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.instances import OF_FOLDERS, recode, things_of
from hdgan.datasets.label_map import load_label_map
from hdgan.datasets.tools.guess import guess
from hdgan.datasets.tree import open_tree
from hdgan.errors import InputError


class PairedFolder(FilesBuilder):
  """TFDS builder over `<split>_label/`, `<split>_inst/` and `<split>_img/`."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files of the training and of the held-out split.

    Raises:
      InputError: without a root, or for a classes.json with a fault.
    """
    if not config.data.root:
      raise InputError(
        "config.data.root='' must name a folder with <split>_label/ and "
        "<split>_img/; say --config.data.root=DIR"
      )
    root = pathlib.Path(os.path.expanduser(config.data.root)).absolute()
    held_out = folder.held_out_split(root)
    faults: list[str] = []
    notes: list[str] = []
    splits, instances = {}, {}
    for split in ["train", *([held_out] if held_out else [])]:
      found = folder.split_folders(root, split, faults)
      if "label" in found and "image" not in found:
        faults.append(
          f"{root}: split '{split}' has no photos to train on; add {split}_img/"
          f" (or {split}_B/)"
        )
      splits[split] = folder.pair(
        found, config.data.suffixes, faults, notes=notes
      )
      instances[split] = "instance" in found
    coding = config.data.instances
    faults += _instance_faults(root, coding, instances)
    if not splits["train"]:
      faults = _other_tool(root) or faults
    table = load_label_map(config, class_ids(root))
    named = table.classes if table else ()
    classes = load_classes(root, config.num_classes, named)
    if coding == "components" and not things_of(classes):
      faults.append(
        f"{root}: config.data.instances='components' numbers objects of classes"
        ' with "has_instances": true, but classes.json has none (or is not '
        'there); write it there, such as [{"id": 2, "name": "car", '
        '"has_instances": true}], or say --config.data.instances=none'
      )
    splits = {
      split: recode(examples, config, table, classes)
      for split, examples in splits.items()
    }
    if not held_out:
      notes.append(
        f"{root}: no val or test split with photos: nothing is held out"
      )
    if coding not in OF_FOLDERS and any(instances.values()):
      notes.append(
        f"{root}: the instance maps are left aside (data.instances = "
        f"'{coding}')"
      )
    if not any(instances.values()) and coding != "components":
      notes.append(
        f"{root}: no instance maps: boundaries are taken from the labels"
        if config.num_classes
        else f"{root}: no instance maps and the labels are pictures: no "
        "boundaries"
      )
    return Found(
      splits,
      classes=classes,
      faults=tuple(faults),
      notes=tuple(notes),
    )


def _other_tool(root: pathlib.Path) -> list[str]:
  """Says which data set reads what an annotation tool exported, if it did."""
  try:
    name = guess(open_tree(root))
  except InputError:
    return []
  if not name:
    return []
  return [
    f"{root}: no train_label/ (or train_A/), but what an annotation tool "
    f"exports; say --config.data.name={name}"
  ]


def _instance_faults(
  root: pathlib.Path, coding: str, there: Mapping[str, bool]
) -> list[str]:
  """Says which splits lack the instance maps that a coding is of."""
  if coding not in OF_FOLDERS:
    return []
  without = [split for split in there if not there[split]]
  if coding != "folder":
    return [
      f"{root}: config.data.instances='{coding}' needs {split}_inst/; add it, "
      "or say --config.data.instances=none"
      for split in without
    ]
  if 0 < len(without) < len(there):
    return [
      f"{root}: {without[0]}_inst/ is missing, the other split has instance "
      "maps; give both splits instance maps, or say "
      "--config.data.instances=none"
    ]
  return []
