"""`--segmenter=own`: a small U-Net that learns classes from the real photos.

It is trained once on the photos and maps that the generator learned from, at
the size of the run's pictures, and kept beside the prepared copy of the data:
whatever is scored on the same data and size is scored by the same weights. It
has seen those photos too, so only held-out maps tell anything.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from ml_collections import ConfigDict

from hdgan import whole_files
from hdgan.datasets import pipeline, prepared
from hdgan.datasets.prepared import Prepared
from hdgan.datasets.reading import Reading, reading_of
from hdgan.datasets.transforms import place_picture, whole_placement
from hdgan.errors import InputError, counted
from hdgan.evaluation.segmentation import Segmenter
from hdgan.evaluation.segmenter_training import (
  Recipe,
  inputs,
  predict,
  train,
)
from hdgan.networks.layers import Params
from hdgan.styles.bank import parameters_digest
from hdgan.weights.release import save_arrays

SEEDS, RECIPE = 3, Recipe()
LEAST_PHOTOS = 10  # From fewer nothing is learned that holds elsewhere.
FOLDER = "segmenters"
KEY = "hdgan"  # Of the metadata: a single entry, several have no fixed order.


class OwnSegmenter(Segmenter):
  """One that is trained; see `segmentation.Segmenter`."""

  def __init__(
    self,
    params: Params,
    usual: int,
    *,
    reading: Reading,
    settings: dict[str, Any],
    unranked: str = "",
  ):
    """Takes weights.

    Args:
      params: of the network.
      usual: the most frequent class of the training maps.
      reading: of the data.
      settings: all that the weights follow from.
      unranked: why its scores rank nothing, or "".
    """
    self.name = f"own (seed {settings['seed']})"
    self.settings = {**settings, "sha256": parameters_digest(params)}
    self.usual, self.unranked = usual, unranked
    self._params = jax.tree.map(jnp.asarray, params)
    self._recipe = Recipe(**settings["recipe"])
    self._geometry = reading.geometry(settings["size"])
    self._classes = np.array(settings["classes"], np.int32)

  def __call__(self, name: str, picture: np.ndarray, real: bool) -> np.ndarray:
    """Labels a picture at the size at which it was trained."""
    del name, real
    size = self._geometry.scaled((picture.shape[0], picture.shape[1]))
    picture = place_picture(picture, whole_placement(size))
    label = predict(self._recipe, len(self._classes))
    found = label(self._params, inputs(picture[None]))
    return self._classes[np.asarray(found)[0]]


def open_own(
  config: ConfigDict,
  void: Sequence[int],
  *,
  split: str,
  size: Sequence[int],
) -> list[OwnSegmenter]:
  """Opens the segmenters of a data set; trains those that are not kept.

  Args:
    config: of the data, validated.
    void: ids of classes that are not scored, and never predicted.
    split: that is scored.
    size: (H, W) of the pictures.

  Returns:
    One per seed.

  Raises:
    InputError: for data that none can be trained on, or a folder that cannot
      be written.
  """
  classes = [i for i in range(config.num_classes) if i not in set(void)]
  if len(classes) < 2:
    raise InputError(
      f"--segmenter=own: {counted(len(classes), 'class', 'classes')} of "
      f"{config.num_classes} is scored; it takes two to tell apart, see "
      '"ignore" in classes.json and config.ignore_label'
    )
  data = pipeline.prepare(config)
  if data.num_train < LEAST_PHOTOS:
    raise InputError(
      f"--segmenter=own: there are {data.num_train} training photos, it learns "
      f"from at least {LEAST_PHOTOS}; say --segmenter=labels:DIR or onnx:FILE"
    )
  unranked = ""
  if re.fullmatch(r"train(_[a-z]+)?|.*_train", split, re.IGNORECASE):
    unranked = "it was trained on these very photos; score held-out maps"
    prepared.say(f"--segmenter=own: {unranked}: --input=val")
  settings = {
    "kind": "own", "size": [int(side) for side in size], "classes": classes,
    "transform": config.data.transform, "load_width": config.data.load_width,
    "flip": config.data.flip, "photos": data.contents or _drawn(config),
    "recipe": dataclasses.asdict(RECIPE),
  }  # fmt: skip
  folder = prepared.copies_folder(config.data.prepared_dir) / FOLDER
  found = []
  for seed in range(SEEDS):
    params, usual = _kept_or_trained(folder, data, {**settings, "seed": seed})
    found.append(
      OwnSegmenter(
        params, usual, reading=reading_of(config),
        settings={**settings, "seed": seed}, unranked=unranked,
      )
    )  # fmt: skip
  return found


def _drawn(config: ConfigDict) -> str:
  """What drawn photos follow from."""
  data = config.data
  facts = (data.name, config.seed, data.num_train, data.num_val, *data.size)
  return " ".join(map(str, facts))


def _kept_or_trained(
  folder: pathlib.Path, data: Prepared, settings: dict[str, Any]
) -> tuple[Params, int]:
  """Weights and the most frequent class, one process at a time."""
  told = json.dumps(settings, sort_keys=True)
  name = hashlib.sha256(told.encode()).hexdigest()[:20]
  path = folder / f"{name}.safetensors"
  kept = _load(path, settings)
  if kept is not None:
    return kept
  with prepared.writing(folder), _one_at_a_time(folder / f"{name}.lock"):
    # Another process may have been first while this one waited.
    kept = _load(path, settings)
    if kept is None:
      params, usual = kept = train(data, settings)
      about = {**settings, "usual": usual, "sha256": parameters_digest(params)}
      flat = flax.traverse_util.flatten_dict(params, sep="/")
      with whole_files.whole_file(path) as draft:
        save_arrays(draft, flat, {KEY: json.dumps(about, sort_keys=True)})
  return kept


@contextlib.contextmanager
def _one_at_a_time(path: pathlib.Path) -> Iterator[None]:
  """Waits for who trains the same, and says so."""
  try:
    with whole_files.locked(path, wait=False):
      yield
      return
  except BlockingIOError:
    prepared.say("another process trains the same segmenter: waiting for it")
  with whole_files.locked(path):
    yield


def _load(
  path: pathlib.Path, settings: dict[str, Any]
) -> tuple[Params, int] | None:
  """Reads what was kept; None where there is none, or it is damaged."""
  if not path.is_file():
    return None
  try:
    with safetensors.safe_open(path, "numpy") as file:
      flat = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
      about = json.loads(file.metadata()[KEY])
    params = flax.traverse_util.unflatten_dict(flat, sep="/")
    if parameters_digest(params) == about["sha256"]:
      return params, int(about["usual"])
    why = "another sum than when it was written"
  except Exception as error:  # Damaged files raise half a dozen kinds.
    why = " ".join(str(error).split())
  prepared.say(f"{path}: damaged ({why}); it is trained again")
  return None
