"""Sample grids and held-out losses on fixed examples, the same at every step.

Rows are held-out and training examples; columns are label | synthesised |
real, and for models with E a second synthesised one without the photo's
features: in styles of the run's bank where it has one of this E, else every
class in the mean of its own features.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.datasets.prepared import Prepared
from hdgan.datasets.transforms import dense_objects, label_plane
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.networks.model import Model
from hdgan.report import pictures
from hdgan.styles import bank as style_bank
from hdgan.styles.choice import Chooser
from hdgan.styles.clusters import Styles, find_styles
from hdgan.training import train_step

HELD_OUT_ROWS = 4
TRAIN_ROWS = 2
MEAN_PICTURES = 16  # Training pictures that classes are averaged over.
WITHOUT_PHOTO = "without the photo's features"
WITH_BANK = "in styles of the bank"


def spread(count: int, rows: int) -> list[int]:
  """Takes up to `rows` of `count` indices, evenly spread from the first."""
  rows = min(rows, count)
  return [i * count // rows for i in range(rows)]


@dataclasses.dataclass(frozen=True)
class Row:
  """A fixed example: its split, its place there, and its file's name."""

  split: str
  index: int
  name: str

  @property
  def title(self) -> str:
    """What the grid and the page call it: `val: street_00064`."""
    return f"{self.split}: {self.name}"


def fixed_rows(data: Prepared) -> list[Row]:
  """The rows of every sample grid of a run, held-out ones first."""
  wanted = {data.held_out: HELD_OUT_ROWS, "train": TRAIN_ROWS}
  return [
    Row(split, i, data.names[split][i])
    for split, rows in wanted.items()
    if split
    for i in spread(len(data.names[split]), rows)
  ]


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
    self.rows = [
      (row, self._example(row.split, row.index)) for row in fixed_rows(data)
    ]
    loss = train_step.bind_losses(model, config)
    step = functools.partial(
      train_step.evaluate_step, model=model, loss=loss, seed=config.seed
    )
    self._evaluate = self._compiled(step)
    self._features = self._compiled(model.features)

  def _example(self, split: str, i: int) -> dict[str, np.ndarray]:
    """Arrays [1, ...] of one example, the same each time."""
    return pipeline.fixed_examples(
      self.data, split, [i], stage_size=self.model.size,
      objects=self.model.encoder is not None,
    )  # fmt: skip

  def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles for the mesh; what comes out every device has whole."""
    whole = meshes.replicated(self.mesh)
    jitted = jax.jit(function, out_shardings=whole)

    def run(*arguments: Any) -> Any:
      """The function where layers know the mesh."""
      with jax.set_mesh(self.mesh):
        return jitted(*arguments)

    return run

  def _put(self, arrays: Any, cut: bool = False) -> Any:
    """Every device draws the same picture, or a band of it: there is one."""
    where = meshes.split_height if cut else meshes.replicated
    return meshes.put(arrays, where(self.mesh))

  def class_means(self, params: train_step.Params) -> Styles | None:
    """What each class looks like on average, of a few training pictures.

    Args:
      params: with E's.

    Returns:
      Styles without centres, which fall back on their means; None without E.
    """
    if self.model.encoder is None:
      return None
    features, labels = [], []
    for i in spread(self.data.num_train, MEAN_PICTURES):
      batch = self._example("train", i)
      painted = np.asarray(self._features(params, self._put(batch, cut=True)))
      # Features are constant inside an object: its first pixel has them.
      pixels = np.unique(batch["objects"], return_index=True)[1]
      features.append(painted.reshape(-1, painted.shape[-1])[pixels])
      plane = label_plane(batch["label"][0], batch["instance"][0])
      labels.append(plane.ravel()[pixels])
    every, count = np.concatenate(labels), len(self.names)
    known = (every >= 0) & (every < count)
    if self.model.pictures.num_classes:
      known &= every != self.model.pictures.ignore_label
    return find_styles(
      np.concatenate(features)[known],
      every[known],
      np.zeros(known.sum(), np.float32),  # None is large enough to count.
      num_classes=count,
    )

  def render(
    self,
    params: train_step.Params,
    vgg_params: dict,
    means: Styles | None = None,
  ) -> tuple[np.ndarray, dict[str, float]]:
    """Generates all rows.

    Args:
      params: of all networks; the average's G where there is one.
      vgg_params: of VGG19, or {}.
      means: from `class_means`, for models with E.

    Returns:
      The grid [H, W, 3] uint8, and the mean losses over the held-out rows
      ({} where no split is held out).
    """
    cells, titles, held_out = [], [], []
    bank = self._bank(params)
    for row, batch in self.rows:
      inputs = self._put(batch, cut=True)
      styles = self._styles(row.name, batch, bank, means)
      fake, plain, metrics = self._evaluate(params, inputs, vgg_params, styles)
      # Whole: other processes may hold the other bands.
      real = self.model.image({"image": self._put(batch["image"])})
      shown = [x for x in (fake, plain, real) if x is not None]
      label = pictures.label_picture(
        batch["label"][0], self.colors, self.model.pictures.label_range
      )
      cells.append([
        label, *(pictures.to_uint8(np.asarray(x))[0] for x in shown)
      ])  # fmt: skip
      titles.append(row.title)
      if row.split == self.data.held_out:
        held_out.append(jax.device_get(metrics))
    columns = ["label", "synthesised", "real"]
    if self.model.encoder is not None:
      columns.insert(2, WITHOUT_PHOTO if bank is None else WITH_BANK)
    return pictures.grid(cells, columns, titles), _mean(held_out)

  def losses(
    self, params: train_step.Params, vgg_params: dict
  ) -> dict[str, float]:
    """The losses on the training rows: whether a state is fit for a step.

    Args:
      params: of all networks, as they train.
      vgg_params: of VGG19, or {}.

    Returns:
      Means over the rows by name.
    """
    found = []
    for row, batch in self.rows:
      if row.split == "train":
        styles = self._styles("", batch, None, None)
        inputs = self._put(batch, cut=True)
        metrics = self._evaluate(params, inputs, vgg_params, styles)[2]
        found.append(jax.device_get(metrics))
    return _mean(found)

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
    self,
    name: str,
    batch: dict[str, np.ndarray],
    bank: style_bank.StyleBank | None,
    means: Styles | None,
  ) -> jax.Array | None:
    """Styles [1, N, C_feat] for the objects of a fixed example; None without E.

    Drawn from the bank, else the means of the classes.
    """
    if self.model.encoder is None:
      return None
    _, pairs = dense_objects(batch["label"][0], batch["instance"][0])
    chooser = Chooser(
      self.names, self.model.encoder.channels, bank=bank, means=means
    )
    table = chooser.choose(pairs, name).table
    # Padded to one size, so that all examples share one compilation.
    rows = self.model.max_instances - len(pairs)
    return self._put(np.pad(table, ((0, rows), (0, 0)))[None])


def _mean(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  """Means by name; {} of nothing."""
  names = found[0] if found else {}
  return {name: float(np.mean([m[name] for m in found])) for name in names}


def save(workdir: pathlib.Path, step: int, grid: np.ndarray) -> None:
  """Writes a grid [H, W, 3] uint8 to W/samples/<step>.png."""
  pictures.save_png(workdir / "samples" / f"{step}.png", grid)
