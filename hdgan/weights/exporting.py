"""Writes a checkpoint's networks for the released code, or for release."""

import pathlib
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import classes
from hdgan.runs import directory
from hdgan.weights import options, pth, release
from hdgan.weights import state_dict as names
from hdgan.weights.options import NETS, OPTIONS
from hdgan.whole_files import whole_folder, write_text


class Saved:
  """A checkpoint to export: what it holds, read one network at a time."""

  def __init__(self, workdir: pathlib.Path, step: int | None, weights: str):
    """Finds the checkpoint.

    Args:
      workdir: of a run, or of an import.
      step: of the checkpoint; None for the newest.
      weights: "live", "ema", or "" for EMA where there is one.

    Raises:
      InputError: if there is no such checkpoint, or no EMA in it.
    """
    self.config = directory.read_config(workdir)
    self.checkpoints = directory.checkpoints_of(workdir)
    self.step = directory.find_step(workdir, self.checkpoints, step)
    self.info = self.checkpoints.info(self.step)
    directory.check_config(workdir, self.config, self.info)
    self.stage = self.config.stages[self.info["stage"]]
    structure = self.checkpoints.structure(self.step)
    self.weights = directory.which_weights(workdir, structure, weights)
    self.has = {net: bool(structure["params"].get(net)) for net in NETS}
    self.shapes = options.shapes_of(self.config, self.stage, self.has)

  def read(self, net: str) -> dict[str, Any]:
    """Reads the parameters of "G", "E" or "D", under their usual paths."""
    root = "ema" if net == "G" and self.weights == "ema" else "params"
    units = sorted({name.partition(".")[0] for name in self.shapes[net]})
    paths = [f"{root}/{unit}" for unit in units]
    return self.checkpoints.restore_subtree(self.step, paths)[root]


def export(saved: Saved, target: pathlib.Path, which_epoch: str) -> None:
  """Writes the files that the released code loads, and an opt.txt.

  Args:
    saved: the checkpoint.
    target: a new or empty folder.
    which_epoch: how the files' names begin.

  Raises:
    InputError: for networks that the released code does not have.
  """
  config, stage, has = saved.config, saved.stage, saved.has
  options.check_released(config)
  tables = options.tables_of(config, stage, has)
  with whole_folder(target, "--to") as folder:
    for net, table in tables.items():
      params = saved.read(net)
      state_dict: dict[str, np.ndarray] = {}
      for layer in table:
        state_dict |= names.to_state_dict([layer], params)
        _drop(params, layer.path)  # One copy of a large network is enough.
      pth.write(folder / f"{which_epoch}_net_{net}.pth", state_dict)
    networks = options.networks_of(config, stage, has["E"], has["D"])
    said = options.options_of(config, stage, networks)
    said |= {"name": target.name, "which_epoch": which_epoch}
    options.write_options(folder / OPTIONS, said)
  for note in differences(config, stage):
    print(f"note: {note}")
  print(f"step {saved.step}, {saved.weights} weights, written to {target}")


def _drop(params: dict[str, Any], path: tuple[str, ...]) -> None:
  for key in path[:-1]:
    params = params[key]
  del params[path[-1]]


def differences(config: ConfigDict, stage: ConfigDict) -> list[str]:
  """What the released code does otherwise with the same weights."""
  notes = []
  if config.ignore_label >= 0:
    notes.append(
      f"pixels of ignore_label = {config.ignore_label} have no class here; the "
      "released code has no such thing"
    )
  if config.encoder.enabled and stage.size != config.stages[0].size:
    notes.append(
      f"E works at {config.stages[0].size} here, at {stage.size} in the "
      "released code; styles differ by that"
    )
  if config.loss.gan == "none":
    notes.append("there is no D here; the released code trains G with one")
  if config.loss.gan == "bce" and config.loss.feature_matching:
    notes.append(
      "the released code cannot train loss.gan = 'bce' with feature matching; "
      "testing works"
    )
  return notes


def write_release(saved: Saved, target: pathlib.Path) -> None:
  """Writes a release: safetensors, classes, sums and a model card.

  Args:
    saved: the checkpoint.
    target: a new or empty folder.
  """
  metadata = release.metadata_of(saved.config, saved.info, saved.weights)
  workdir = saved.checkpoints.directory.parent
  with whole_folder(target, "--to") as folder:
    for net, shapes in saved.shapes.items():
      path = folder / f"{net}.safetensors"
      release.write_network(path, shapes, saved.read(net), metadata)
    known = directory.read_classes(workdir, saved.config.num_classes)
    if known:
      write_text(folder / classes.FILE, classes.to_json(known))
    text = release.card(saved.config, metadata, saved.shapes)
    write_text(folder / release.CARD, text)
    release.write_sums(folder)
  print(f"step {saved.step}, {saved.weights} weights, written to {target}")
