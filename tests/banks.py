"""A small style bank with numbers that can be checked by hand."""

import numpy as np

from hdgan.styles import bank as style_bank
from hdgan.styles.bank import Objects, StyleBank
from hdgan.styles.clusters import find_styles

ENCODER = {"conv_out": {"kernel": np.ones((1, 1, 2, 3)), "bias": np.zeros(3)}}


def make_bank(**about):
  features = np.array([[0, 0], [0, 2], [8, 0], [8.5, 2], [5, 5]], np.float32)
  labels = np.array([1, 1, 1, 1, 0], np.int32)
  areas = np.array([0.5, 0.5, 0.5, 0.25, 0.001], np.float32)
  objects = Objects(
    features=features,
    labels=labels,
    instances=np.array([11, 12, 13, 14, -5], np.int64),
    picture_ids=np.array([0, 1, 0, 1, 1], np.int32),
    areas=areas,
  )
  found = find_styles(features, labels, areas, num_classes=2, num_styles=2)
  made = style_bank.parameters_digest(ENCODER)
  return StyleBank(found, objects, {
    "format": style_bank.FORMAT, "encoder": made, "classes": ["road", "car"],
    "num_styles": 2, "min_area": 1 / 64, "seed": 0, "step": 7,
    "names": ["a", "b"], **about,
  })  # fmt: skip
