"""What is said of label values that are no class: once, and what to do."""

import pytest

from hdgan.datasets.label_values import LabelValues, few_classes, way_out
from hdgan.picture_spec import PictureSpec


def numbering(text: str) -> str:
  return f"number them by echo '{text}' > label_map.json, and say "


USE = "--config.data.label_map=label_map.json"
IGNORE = "--config.ignore_label=255"


@pytest.mark.parametrize(
  ("values", "classes", "said"),
  [
    # Masks of two values.
    ([0, 255], 2,
     "a mask of two values: " + numbering('{"0": 0, "255": 1}') + USE),
    ([0, 225], 4, "a mask of two values: "
     + numbering('{"0": 0, "225": 1}') + USE + " --config.num_classes=2"),
    # Gaps between them; 255 as a border beside them.
    ([0, 50, 100, 200], 4,
     numbering('{"0": 0, "50": 1, "100": 2, "200": 3}') + USE),
    ([0, 50, 100, 255], 3,
     numbering('{"0": 0, "50": 1, "100": 2, "255": 255}') + f"{USE} {IGNORE}"),
    # From 1 on, and one class too few: none of them is to be ignored.
    ([1, 2, 3], 3, numbering('{"1": 0, "2": 1, "3": 2}') + USE
     + ", or say --config.num_classes=4, which leaves class 0 unused"),
    ([0, 1, 2, 3], 3, "say --config.num_classes=4"),
    # A border alone, and with too few classes.
    ([0, 1, 2, 255], 3,
     f"say {IGNORE} if these pixels have no class (borders), or "
     + numbering('{"0": 0, "1": 1, "2": 2, "255": 3}') + USE
     + " --config.num_classes=4"),
    ([*range(21), 255], 8, f"say --config.num_classes=21 {IGNORE}"),
    # One value that is far off, or near.
    ([0, 1, 200], 2, "say --config.ignore_label=200 if these pixels have no "
     "class, or " + numbering('{"0": 0, "1": 1, "200": 2}') + USE
     + " --config.num_classes=3"),
    ([0, 1, 2, 4], 3, "say --config.ignore_label=4 if these pixels have no "
     "class, or --config.num_classes=5 if they have one"),
    ([-1, 0, 1], 2, "numbers below 0 are no classes: ignore them by "
     + numbering('{"0": 0, "1": 1, "-1": 255}').split("by ")[1]
     + f"{USE} {IGNORE}"),
  ],
)  # fmt: skip
def test_ways_out(values, classes, said):
  assert way_out(values, PictureSpec(classes)) == said


def test_object_ids_are_not_class_ids():
  said = way_out([7, 8001, 26001, 26002], PictureSpec(35))
  assert "these are instance maps" in said and "num_classes" not in said


def test_numbers_leave_the_ignored_one_free():
  said = way_out([0, 50, 100], PictureSpec(2, ignore_label=0))
  assert '{"50": 1, "100": 2, "0": 0}' in said
  assert said.endswith(" --config.num_classes=3 --config.ignore_label=0")


def test_tables_of_many_values_are_begun():
  said = way_out(range(0, 1000, 10), PictureSpec(5))
  assert '{"0": 0, "10": 1, "20": 2, ...}' in said and len(said) < 300
  assert said.endswith("--config.num_classes=100")


def test_one_line_for_all_files():
  """20 masks of 0 and 255 and one that is all 0."""
  values = LabelValues(PictureSpec(2))
  for i in range(20):
    values.add(f"train_label/{i}.png", {0: 60, 255: 40})
  values.add("train_label/empty.png", {0: 100})
  (line,) = values.fault.splitlines()
  assert line.startswith(
    "train_label/0.png: label value 255 (800 pixels) outside 0..1 (num_classes "
    "= 2) in 20 of 21 files (also train_label/1.png, train_label/2.png, "
    "train_label/3.png, train_label/4.png, ...), which hold 0 (62 %), 255 "
    "(38 %); a mask of two values: "
  )


def test_a_trained_model_s_rule():
  values = LabelValues(PictureSpec(2, ignore_label=9), trained=True)
  values.add("maps/a.png", {0: 60, 255: 4})
  assert values.fault == (
    "maps/a.png: label value 255 (4 pixels) outside 0..1 (num_classes = 2); "
    "the model knows classes 0..1 and 9, which has none; correct the map"
  )


def test_values_that_are_classes():
  values = LabelValues(PictureSpec(2, ignore_label=255))
  values.add("a.png", {0: 1, 1: 1, 255: 1})
  assert values.fault == ""
  assert LabelValues(PictureSpec(0)).fault == ""


def test_far_too_many_classes():
  said = few_classes([0, 1, 2, 3, 255], PictureSpec(35, ignore_label=255))
  assert said.startswith("label maps hold 4 classes, the highest 3, of num_")
  assert "--config.num_classes=4" in said
  assert few_classes([0, 3], PictureSpec(7)) == ""
  assert few_classes([255], PictureSpec(35, ignore_label=255)) == ""
