"""A scene that is drawn, for a model whose data is not here.

A street where the model's classes have the names of one, else a region of one
class, or a white picture: the page is never empty.
"""

import re
from typing import Any

import numpy as np

from hdgan.datasets.streets.builder import CLASSES
from hdgan.datasets.streets.scene import draw_street
from hdgan.rendering.renderer import Renderer

NAME = "drawn_street"
# What data sets call the classes of our drawn streets.
_WORDS = {
  "sky": ("sky",),
  "road": ("road", "street"),
  "pavement": ("pavement", "sidewalk"),
  "building": ("building", "house", "buildings"),
  "tree": ("tree", "trees", "vegetation"),
  "car": ("car", "cars"),
  "person": ("person", "people", "pedestrian"),
  "lamp": ("lamp", "pole", "streetlight"),
}
# Where a model lacks a class, the one that its pixels get.
_INSTEAD = {
  "pavement": "road", "tree": "building", "car": "road", "person": "pavement",
  "lamp": "building",
}  # fmt: skip
_NEEDED = ("sky", "road", "building")


def draw_scene(renderer: Renderer) -> dict[str, Any]:
  """Draws a scene of the stage's size for a model's classes.

  Args:
    renderer: of the run.

  Returns:
    name, label [H, W] int32 or [H, W, C], instance [H, W] int32, and no image.
  """
  spec, size = renderer.model.pictures, renderer.size
  zeros = np.zeros(size, np.int32)
  blank = {"name": "blank", "image": None, "label": zeros, "instance": zeros}
  if not spec.num_classes:
    white = np.full((*size, spec.label_channels), 255, np.uint8)
    return {**blank, "label": white}
  found = street_classes(renderer.class_names)
  if not found:
    return blank
  street = draw_street(0, 0, *size)
  names = [str(one["name"]) for one in CLASSES]
  table = np.array([found[name] for name in names], np.int32)
  label = table[street.label]
  things = [
    one["id"] for one in renderer.classes if one.get("has_instances")
  ]  # fmt: skip
  thing = np.isin(label, things)
  instance = np.where(thing, street.instance, label)
  for number, id in enumerate(np.unique(instance[thing]).tolist()):
    own = thing & (street.instance == id)
    kind = int(label[own][0])
    instance[own] = (kind or spec.num_classes) * 1000 + number
  return {**blank, "name": NAME, "label": label, "instance": instance}


def street_classes(names: list[str]) -> dict[str, int]:
  """Id of a model's class for each class of our drawn streets.

  Args:
    names: of the model's classes, by id.

  Returns:
    By the street's names; {} for a model that has no sky, road and building.
  """
  words = [set(re.split(r"[^a-z]+", name.lower())) for name in names]
  found = {}
  for name, meant in _WORDS.items():
    ids = [i for word in meant for i, own in enumerate(words) if word in own]
    if ids:
      found[name] = ids[0]
  if not all(name in found for name in _NEEDED):
    return {}
  for name, other in _INSTEAD.items():
    found.setdefault(name, found[other])
  return found
