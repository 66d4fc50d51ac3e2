"""Scores of pictures and photos, means over seeds, and what ranks nothing."""

import dataclasses

import numpy as np
import pytest

from hdgan.evaluation.measure import Pair
from hdgan.evaluation.segmentation import Segmentation, Segmenter, shares

NAMES = ("sky", "road", "car", "hood")


class Stand(Segmenter):
  """Says what lies in the first channel of a picture, plus a shift."""

  def __init__(self, seed=0, shift=0, **more):
    self.name = f"stand (seed {seed})"
    self.settings = {"kind": "stand", "seed": seed}
    self.shift = shift
    for key, value in more.items():
      setattr(self, key, value)

  def __call__(self, name, picture, real):
    return picture[..., 0].astype(np.int32) + self.shift * (not real)


def picture(rows):
  """[H, W, 3] uint8 that a `Stand` reads."""
  return np.repeat(np.array(rows, np.uint8)[..., None], 3, -1)


def pair(name, label, made, real=None):
  real = None if real is None else picture(real)
  return Pair(name, np.array(label, np.int32), picture(made), real)


def judge(segmenters, pairs, **more):
  more = {"void": [3], "things": [2], **more}
  measure = Segmentation(segmenters, NAMES, **more)
  for one in pairs:
    measure.add(one)
  return measure


A = pair("a", [[0, 0, 1, 2]], [[0, 1, 1, 2]], [[0, 0, 1, 2]])
B = pair("b", [[1, 1, 3, 2]], [[1, 1, 2, 1]], [[1, 1, 2, 0]])


def test_one_segmenter_counted_by_hand():
  measure = judge([Stand()], [A, B])
  result = measure.result()
  assert (result["segmenter"], result["ranked"], result["reason"]) == (
    "stand (seed 0)", True, ""
  )  # fmt: skip
  # Known pixels 0 0 1 2 1 1 2, seen 0 1 1 2 1 1 1; and 0 0 1 2 1 1 0.
  assert result["result"]["accuracy"] == pytest.approx(5 / 7)
  assert result["result"]["accuracy_void_wrong"] == pytest.approx(5 / 8)
  assert result["result"]["miou"] == pytest.approx((1 / 2 + 3 / 5 + 1 / 2) / 3)
  assert result["oracle"]["accuracy"] == pytest.approx(6 / 7)
  assert result["share_of_oracle"]["accuracy"] == pytest.approx(5 / 6)
  assert "classes" not in result["share_of_oracle"]
  assert "spread" not in result and "members" not in result
  # Class 1 everywhere: 3 of 7 pixels, one class of three.
  assert result["constant"]["class"] == "road"
  assert result["constant"]["miou"] == pytest.approx(3 / 7 / 3)
  sky, road, car, hood = result["per_class"]
  assert sky == {
    "name": "sky", "group": "stuff", "share": pytest.approx(2 / 7),
    "accuracy": 0.5, "iou": 0.5, "oracle_accuracy": 1.0,
    "oracle_iou": pytest.approx(2 / 3),
  }  # fmt: skip
  assert (road["accuracy"], car["group"], car["iou"]) == (1.0, "things", 0.5)
  assert (hood["group"], hood["iou"], hood["share"]) == ("void", None, 0.0)
  things, stuff = result["groups"]["things"], result["groups"]["stuff"]
  assert things["result"] == {"class_accuracy": 0.5, "miou": 0.5, "classes": 1}
  assert stuff["result"]["miou"] == pytest.approx((1 / 2 + 3 / 5) / 2)
  assert things["share_of_oracle"]["miou"] == pytest.approx(0.5 / 0.5)
  assert result["by_picture"]["a"] == {
    "miou": pytest.approx((1 / 2 + 1 / 2 + 1) / 3), "accuracy": 0.75,
    "oracle_miou": 1.0,
  }  # fmt: skip
  assert measure.matrices["made"].shape == (1, 5, 5)
  assert measure.matrices["made"].sum() == measure.matrices["real"].sum() == 8


def test_an_ignored_class_is_no_answer():
  """Whoever says it is wrong, and it has no IoU of its own."""
  result = judge([Stand()], [pair("a", [[0, 0]], [[0, 3]])]).result()
  assert result["result"]["accuracy"] == 0.5
  assert (result["result"]["miou"], result["result"]["classes"]) == (0.5, 1)


def test_seeds_have_a_mean_and_a_spread():
  result = judge([Stand(0), Stand(1, shift=1)], [A, B]).result()
  assert result["segmenter"] == "stand"
  # The second says 1 2 2 3 and 2 2 3 2 of what was made.
  one, two = result["members"]
  assert [one["name"], two["name"]] == ["stand (seed 0)", "stand (seed 1)"]
  assert (one["result"]["accuracy"], two["result"]["accuracy"]) == (
    pytest.approx(5 / 7), pytest.approx(1 / 7)
  )  # fmt: skip
  assert result["result"]["accuracy"] == pytest.approx(3 / 7)
  # Two numbers that are 4/7 apart: 2/7 either side, by n - 1.
  spread = result["spread"]
  assert spread["result"]["accuracy"] == pytest.approx(2 / 7 * 2**0.5)
  assert spread["oracle"]["accuracy"] == 0.0
  assert result["share_of_oracle"]["accuracy"] == pytest.approx(
    (5 / 6 + 1 / 6) / 2
  )


def test_without_photos_nothing_is_ranked():
  photoless = [dataclasses.replace(one, real=None) for one in (A, B)]
  result = judge([Stand()], photoless).result()
  assert result["oracle"] is result["share_of_oracle"] is None
  assert not result["ranked"] and "no photos" in result["reason"]
  assert result["per_class"][0]["oracle_iou"] is None
  assert "oracle_miou" not in result["by_picture"]["a"]


def test_a_weak_oracle_ranks_nothing():
  blind = pair("a", [[0, 0, 0, 1]], [[0, 0, 0, 1]], [[0, 0, 0, 0]])
  result = judge([Stand()], [blind]).result()
  assert not result["ranked"]
  assert result["reason"] == (
    "the photos themselves reach a mIoU of 0.375 only; that of sky everywhere "
    "is 0.375, and an oracle must be twice as good"
  )
  # What is most frequent is known from the training maps.
  rare = judge([Stand(usual=1)], [blind]).result()
  assert rare["constant"]["class"] == "road"
  assert rare["constant"]["miou"] == pytest.approx(1 / 4 / 2)
  assert rare["ranked"]


def test_a_segmenter_that_knows_the_photos_ranks_nothing():
  result = judge([Stand(unranked="seen before")], [A]).result()
  assert (result["ranked"], result["reason"]) == (False, "seen before")


def test_the_worst_and_the_best_are_kept():
  label = np.zeros((1, 20), np.int32)
  pairs = []
  for right in (7, 3, 12, 20, 1, 18, 9, 15, 5, 11):
    made = np.where(np.arange(20) < right, 0, 2)[None]
    pairs.append(pair(f"{right}", label, made, label))
  nothing = pair("void", np.full((1, 20), 3), made)
  measure = judge([Stand()], [*pairs, nothing])
  names = [one.pair.name for one in measure.shown()]
  assert names == ["1", "3", "5", "7", "12", "15", "18", "20"]
  first = measure.shown()[0]
  assert (first.found == first.pair.made[..., 0]).all()
  assert (first.found_real == 0).all() and first.miou == pytest.approx(1 / 40)


def test_predictions_come_to_the_size_of_the_map():
  small = pair("a", np.repeat([[0, 1]], 2, 1), [[0, 1]])
  assert judge([Stand()], [small]).result()["result"]["accuracy"] == 1.0


def test_a_share_of_nothing_is_none():
  made, oracle = {"miou": 0.5, "accuracy": None}, {"miou": 0.0, "accuracy": 0.5}
  assert shares(made, oracle) == {"miou": None, "accuracy": None}
