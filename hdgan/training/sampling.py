"""Sample grids and held-out losses on fixed examples, the same at every step.

Rows are held-out and training examples; columns are label | synthesised |
real, and for models with E a second synthesised one without the photo's
features: with styles of the run's bank where it has one of this E, else zeros.
"""

import functools
import pathlib

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.datasets.prepared import Prepared
from hdgan.datasets.transforms import dense_objects
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.networks.model import Model
from hdgan.report import pictures
from hdgan.styles import bank as style_bank
from hdgan.styles.choice import Chooser
from hdgan.training import train_step

HELD_OUT_ROWS = 4
TRAIN_ROWS = 2
WITHOUT_PHOTO = "without the photo's features"
WITH_BANK = "in styles of the bank"


def spread(count: int, rows: int) -> list[int]:
  """Takes up to `rows` of `count` indices, evenly spread from the first."""
  rows = min(rows, count)
  return [i * count // rows for i in range(rows)]


class Sampler:
  """Renders one stage's samples."""

  def __init__(
    self,
    config: ConfigDict,
    model: Model,
    data: Prepared,
    mesh: Mesh,
    workdir: pathlib.Path | None = None,
  ):
    """Reads the fixed examples at the stage's size.

    Args:
      config: of the experiment.
      model: the stage's networks.
      data: prepared splits.
      mesh: of the run.
      workdir: of the run, where a style bank may lie.
    """
    self.workdir = workdir
    self.names = style_bank.class_names(config, data.classes)
    self.colors = pictures.class_colors(data.classes, config.num_classes)
    self.model, self.data, self.mesh = model, data, mesh
    self.rows: list[tuple[str, dict[str, np.ndarray]]] = []
    wanted = {data.held_out: HELD_OUT_ROWS, "train": TRAIN_ROWS}
    for split, rows in wanted.items():
      if split:
        self.rows += self._read(split, rows)
    loss = train_step.bind_losses(model, config)
    step = functools.partial(train_step.evaluate_step, model=model, loss=loss)
    self._evaluate = jax.jit(step)

  def _read(self, split: str, rows: int) -> list[tuple[str, dict]]:
    indices = spread(len(self.data.sources[split]), rows)
    return [
      (
        f"{split} {i}",
        pipeline.fixed_examples(
          self.data, split, [i], stage_size=self.model.size,
          objects=self.model.encoder is not None,
        ),
      )
      for i in indices
    ]  # fmt: skip

  def render(
    self, params: train_step.Params, vgg_params: dict
  ) -> tuple[np.ndarray, dict[str, float]]:
    """Generates all rows.

    Args:
      params: of all networks; the average's G where there is one.
      vgg_params: of VGG19, or {}.

    Returns:
      The grid [H, W, 3] uint8, and the mean losses over the held-out rows
      ({} where no split is held out).
    """
    cells, titles, held_out = [], [], []
    bank = self._bank(params)
    for title, batch in self.rows:
      # Every device draws the same picture: a batch of one cannot be cut.
      inputs = jax.device_put(batch, meshes.replicated(self.mesh))
      styles = None if bank is None else self._styles(bank, batch)
      fake, plain, metrics = self._evaluate(params, inputs, vgg_params, styles)
      real = self.model.image(inputs)
      shown = [x for x in (fake, plain, real) if x is not None]
      label = pictures.label_picture(
        batch["label"][0], self.colors, self.model.pictures.label_range
      )
      cells.append([
        label, *(pictures.to_uint8(np.asarray(x))[0] for x in shown)
      ])  # fmt: skip
      titles.append(title)
      if not title.startswith("train"):
        held_out.append(jax.device_get(metrics))
    columns = ["label", "synthesised", "real"]
    if self.model.encoder is not None:
      columns.insert(2, WITHOUT_PHOTO if bank is None else WITH_BANK)
    means = {
      name: float(np.mean([m[name] for m in held_out]))
      for name in (held_out[0] if held_out else {})
    }
    return pictures.grid(cells, columns, titles), means

  def _bank(self, params: train_step.Params) -> style_bank.StyleBank | None:
    """The run's style bank, if it has one that was made with this E."""
    if self.model.encoder is None or self.workdir is None:
      return None
    try:
      bank = style_bank.load(self.workdir)
      if bank is not None:
        digest = style_bank.parameters_digest(jax.device_get(params["E"]))
        path = self.workdir / style_bank.FILE
        style_bank.check(bank, path, digest, self.names)
    except InputError:
      return None  # An older bank is no fault of a run that goes on.
    return bank

  def _styles(
    self, bank: style_bank.StyleBank, batch: dict[str, np.ndarray]
  ) -> jax.Array:
    """Seeded styles [1, N, C_feat] for the objects of a fixed example."""
    _, pairs = dense_objects(batch["label"][0], batch["instance"][0])
    chosen = Chooser(self.names, bank.channels, bank=bank).choose(pairs, "")
    # Padded to one size, so that all examples share one compilation.
    rows = self.model.max_instances - len(pairs)
    table = np.pad(chosen.table, ((0, rows), (0, 0)))[None]
    return jax.device_put(table, meshes.replicated(self.mesh))


def save(workdir: pathlib.Path, step: int, grid: np.ndarray) -> None:
  """Writes a grid [H, W, 3] uint8 to W/samples/<step>.png."""
  pictures.save_png(workdir / "samples" / f"{step}.png", grid)
