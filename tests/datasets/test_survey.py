"""Sums over a data set, worked by hand."""

import numpy as np
import pytest

from hdgan.datasets.examples import ExampleFiles, FilePart
from hdgan.datasets.files import FileFacts
from hdgan.datasets.palettes import Palettes
from hdgan.datasets.survey import Coding, Look, Survey, digest, kind_of

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def pairs(*rows) -> np.ndarray:
  return np.array(rows, np.int64)


@pytest.mark.parametrize(
  "maps, text",
  [
    ([pairs((0, 0), (7, 7))], "the same as the labels: no two objects of a "),
    ([pairs((7, 7), (26, 26001), (26, 26))], "label * 1000 + number, and the"),
    ([pairs((0, 0), (5, 1), (5, 2))] * 2, "running numbers 0..2 (8 bits)"),
    ([pairs((0, 5), (3, 70000))], "numbers 5..70000 (24 bits)"),
    # As it is read: 32 bits without a sign, bit-cast.
    ([pairs((0, 0), (3, -1))], "numbers 0..4294967295 (32 bits)"),
    (
      [pairs((0, 0), (3, 3)), pairs((0, 1), (3, 1), (4, 9))],
      "numbers 0..9 (8 bits); in 1 of 2 maps one number lies in several ",
    ),
  ],
)
def test_how_object_ids_are_written(maps, text):
  coding = Coding()
  for one in maps:
    coding.add(one)
  assert coding.text().startswith(text)


def example(name: str, tmp_path) -> ExampleFiles:
  part = FilePart(tmp_path / f"{name}.png")
  return ExampleFiles(name, part, part, part)


def test_sums(tmp_path):
  survey = Survey()
  one, two, three = (example(name, tmp_path) for name in "abc")
  photo = np.zeros((2, 4, 3), np.uint8)
  survey.add("train", one, Look(
    size=(2, 4), objects=2, values={0: 6, 3: 2}, photo=digest(photo),
    pairs=pairs((0, 0), (3, 1)), ranges={"image": (3.0, 200.0)},
  ))  # fmt: skip
  survey.add("train", two, Look(
    size=(2, 2), objects=3, values={0: 1, 3: 3}, photo=digest(photo + 1),
    pairs=pairs((0, 0), (3, 1), (3, 2)), ranges={"image": (0.0, 9.0)},
  ))  # fmt: skip
  survey.add("val", three, Look(
    size=(2, 4), objects=1, values={1: 8}, photo=digest(photo),
    pairs=pairs((1, 0)), faults=["c: broken"],
  ))  # fmt: skip
  assert survey.sizes == {(2, 4): 2, (2, 2): 1}
  assert survey.pixels == {0: 7, 3: 5, 1: 8}
  assert survey.pictures == {0: 2, 3: 2, 1: 1}
  assert survey.objects == {0: 2, 3: 3, 1: 1}
  assert survey.counts == {2: 1, 3: 1, 1: 1}
  assert survey.ranges == {"image": (0.0, 200.0)}
  folder = tmp_path.name
  assert survey.twins == [(f"{folder}/c.png", f"{folder}/a.png", True)]
  assert survey.num_twins == [0, 1]
  # What has faults is not shown.
  assert survey.first == {"train": one} and survey.fullest == (3, two)
  assert survey.shows == {0: (0.75, one), 3: (0.75, two)}


def test_a_photo_is_known_by_its_pixels_and_shape():
  photo = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
  assert digest(photo) == digest(photo.copy())
  others = (
    photo.astype(np.uint16),
    photo.reshape(1, 4, 3),
    photo + np.uint8(1),
  )
  assert digest(photo) not in {digest(other) for other in others}


@pytest.mark.parametrize(
  "facts, text",
  [
    (("PNG", "P", 8, 1), "PNG, 8 bits, palette"),
    (("JPEG", "RGB", 8, 3), "JPEG, 8 bits, RGB"),
    (("TIFF", "I;16", 16, 1), "TIFF, 16 bits, grey"),
    (("PNG", "1", 1, 1), "PNG, one bit"),
    (("NPY", "float32", 32, 3), "NPY, float32, 3 channels"),
  ],
)
def test_kinds_of_files(facts, text):
  format, mode, bits, channels = facts
  assert text == kind_of(
    FileFacts(format, mode, bits=bits, channels=channels, size=(2, 2))
  )


def test_palettes():
  """Colours that stand for two classes in one palette say nothing."""
  palettes = Palettes()
  assert palettes.fault("a", [0, 1], [RED, GREEN, BLUE]) == ""
  assert palettes.fault("b", [0, 1, 2], [RED, GREEN, RED]) == ""
  assert palettes.fault("c", [1, 200], [BLUE, GREEN]) == ""
  fault = palettes.fault("d", [0, 1], [GREEN, RED])
  assert fault.startswith(
    "d: index 0 has the colour (0, 255, 0), which is index 1 in a, where 0 is "
    "(255, 0, 0): "
  )
  trained = Palettes(trained=True)
  trained.fault("a", [0, 1], [RED, GREEN])
  fault = trained.fault("b", [0, 1], [GREEN, RED])
  assert fault.endswith("save the class ids of each map as grey")
