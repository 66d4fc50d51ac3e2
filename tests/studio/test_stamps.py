"""Objects that are cut out of the run's maps."""

import dataclasses

import numpy as np
import pytest
from studio.stand_in import CAR, PERSON, TREE, stand_in, street_inputs

from hdgan.datasets import files
from hdgan.studio import frame, stamps
from hdgan.studio.scenes import Shelf
from hdgan.studio.studio import Studio
from hdgan.styles.choice import Chooser


def library(studio):
  """What a page gets: dicts with the mask [h, w] of each."""
  head, payload = studio.call("stamps", {}, b"")
  found, start = [], 0
  for one in head["stamps"]:
    runs = payload[start : start + one["bytes"]]
    start += one["bytes"]
    mask = frame.unpack_runs(runs, (one["h"], one["w"]), 1)
    found.append({**one, "mask": mask})
  assert start == len(payload)
  return found


def maps(renderer, *pairs):
  """A shelf of maps that are given as label and instance."""
  inputs = street_inputs(renderer, len(pairs))
  examples = [
    {**example, "label": files.encode_png(a), "instance": files.encode_png(b)}
    for example, (a, b) in zip(inputs.examples, pairs, strict=True)
  ]
  return Shelf(renderer, dataclasses.replace(inputs, examples=examples))


def cars(*boxes, size=(32, 64)):
  """A map of cars in boxes [top, left, bottom, right], on sky."""
  label, instance = np.zeros(size, np.int32), np.zeros(size, np.int32)
  for i, (top, left, bottom, right) in enumerate(boxes):
    label[top:bottom, left:right] = CAR
    instance[top:bottom, left:right] = 4000 + i
  return label, instance


def test_an_object_is_cut_out_as_it_is():
  renderer = stand_in()
  label, instance = cars((4, 10, 12, 30))
  label[4:6, 10:15] = instance[4:6, 10:15] = 0  # A corner is missing.
  studio = Studio(renderer, maps(renderer, (label, instance)), "stage")
  (one,) = library(studio)
  want = np.ones((8, 20))
  want[:2, :5] = 0
  np.testing.assert_array_equal(one["mask"], want)
  assert (one["label"], one["name"]) == (CAR, "car 1")
  assert one["scene"] == "street_0"
  assert one["of"] == [64, 32]
  chooser = Chooser(renderer.class_names, 3, bank=renderer.bank)
  drawn = chooser.choose(np.array([[CAR, 4000]]), "street_0").styles[0]
  assert one["style"] == drawn


def test_an_object_of_the_training_has_the_style_it_was_clustered_into():
  """The stand-in's bank: object 1000 c + k of picture "street" has style k."""
  renderer = stand_in()
  shelf = maps(renderer, cars((4, 10, 12, 30), (4, 40, 12, 60)))
  inputs = dataclasses.replace(shelf.maps[0][0], names=("street",))
  found = library(Studio(renderer, inputs, "stage"))
  assert [one["style"] for one in found] == [0, 1]


def test_whole_and_large_ones_come_first_few_of_each_scene():
  renderer = stand_in()
  one = cars((0, 0, 20, 30), (2, 32, 8, 42), (10, 32, 20, 52), (22, 2, 30, 22))
  two = cars((8, 8, 16, 28), (0, 60, 32, 64))
  found = library(Studio(renderer, maps(renderer, one, two), "stage"))
  sizes = [(s["h"], s["w"]) for s in found]
  # Of the first map the two largest whole ones; an edge is no whole.
  assert sizes == [(10, 20), (8, 20), (8, 20), (32, 4)]


def test_what_is_hidden_in_part_comes_later():
  """The larger car stands behind something that cuts it in two."""
  renderer = stand_in()
  label, instance = cars((4, 10, 14, 30), (20, 10, 25, 20))
  label[:, 18:20] = instance[:, 18:20] = 1
  instance[20:25, 20:] = label[20:25, 20:] = 0
  found = library(Studio(renderer, maps(renderer, (label, instance)), "stage"))
  assert [(one["h"], one["w"]) for one in found] == [(5, 8), (10, 20)]


def test_a_backdrop_is_no_stamp():
  renderer = stand_in()
  classes = [dict(one) for one in renderer.classes]
  classes[CAR]["background"] = True
  object.__setattr__(renderer, "classes", classes)
  studio = Studio(renderer, maps(renderer, cars((4, 10, 12, 30))), "stage")
  assert library(studio) == []


def test_classes_without_instances_and_specks_are_left_out():
  renderer = stand_in()
  found = library(Studio(renderer, street_inputs(renderer, 3), "stage"))
  assert {one["label"] for one in found} <= {CAR, PERSON, TREE}
  assert {one["label"] for one in found} >= {CAR, TREE}
  # Persons have no styles in the stand-in's bank.
  styles = {one["label"]: one["style"] for one in found}
  assert styles.get(PERSON) is None and isinstance(styles[CAR], int)
  speck = cars((3, 3, 6, 8))
  assert library(Studio(renderer, maps(renderer, speck), "stage")) == []


def test_scenes_classes_and_bytes_are_bounded(monkeypatch):
  renderer = stand_in()
  reads = []
  shelf = maps(renderer, *[cars((4, 10, 12, 30))] * 40)
  read = shelf.read
  monkeypatch.setattr(shelf, "read", lambda id: reads.append(id) or read(id))
  studio = Studio(renderer, shelf, "stage")
  assert len(library(studio)) == stamps.PER_CLASS
  assert len(reads) == stamps.SCENES and (reads[0], reads[-1]) == (0, 39)
  monkeypatch.setattr(stamps, "BYTES", 3 * 8)  # A full box is one run.
  assert len(library(studio)) == 3
  assert len(reads) == stamps.SCENES  # Looked through once.


def test_a_bad_map_is_passed_over():
  renderer = stand_in()
  shelf = maps(renderer, cars((4, 10, 12, 30)), cars((4, 10, 12, 31)))
  shelf.maps[0][0].examples[0]["label"] = b"no picture"
  assert [one["w"] for one in library(Studio(renderer, shelf, "stage"))] == [21]


@pytest.mark.parametrize("styles", [0, 4])
def test_without_maps_the_drawn_scene_gives_some(styles):
  studio = Studio(stand_in(styles=styles), None, "stage")
  found = library(studio)
  assert found and all((one["style"] is None) == (not styles) or
                       one["label"] == PERSON for one in found)  # fmt: skip
