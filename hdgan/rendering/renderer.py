"""Maps and styles to a picture, with the generator of a trained run.

What synthesis, editing and the page of styles share; nothing is drawn or
written here.
"""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan.datasets.reading import reading_of
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError
from hdgan.networks import encoder
from hdgan.networks.encoder import FeatureEncoder
from hdgan.networks.model import Model, Params, build_model
from hdgan.report import pictures
from hdgan.runs import directory
from hdgan.styles import bank as style_bank
from hdgan.styles.clusters import Styles

# Tables of styles are padded to it, or to 4, 16, ... times it: a picture with
# a few objects more is not compiled anew.
OBJECTS_UNIT = 256


def pad_to_multiple(x: np.ndarray, unit: int, least: int = 2) -> np.ndarray:
  """Repeats the last row and column of [H, W, ...] up to multiples of `unit`.

  At least `least` units: most networks mirror pixels at their smallest size,
  which takes two.
  """
  height, width = (max(least, -(-n // unit)) * unit for n in x.shape[:2])
  pad = [(0, height - x.shape[0]), (0, width - x.shape[1])]
  return np.pad(x, pad + [(0, 0)] * (x.ndim - 2), mode="edge")


def to_levels(
  image: np.ndarray, image_range: tuple[float, float]
) -> np.ndarray:
  """Maps [H, W, C] in [-1, 1] to what a PNG holds.

  Args:
    image: float32.
    image_range: of the training photos; beyond 255 a grey picture gets 16
      bits.

  Returns:
    [H, W, 1 to 4] uint8, or [H, W] uint16.
  """
  low, high = image_range
  if high <= 255 or image.shape[-1] != 1:
    if image.shape[-1] not in (2, 4):
      return pictures.to_uint8(image)
    bands = np.split(image, image.shape[-1], axis=-1)
    return np.concatenate([pictures.to_uint8(band) for band in bands], -1)
  values = (image[..., 0].astype(np.float64) + 1) / 2 * (high - low) + low
  return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


# Models with the same settings are equal, and compiled once.
@functools.partial(jax.jit, static_argnums=0)
def _generate(model: Model, params: Params, batch: dict) -> jax.Array:
  """Runs G on maps [1, H, W] and, if there is one, styles [1, N, C_feat]."""
  features = model.no_features(batch)
  if "table" in batch:
    features = encoder.broadcast(batch["table"], batch["objects"])
  return model.generate(params, model.condition(batch), features)


def picture_mesh(config: ConfigDict) -> Mesh:
  """Devices of this process that share a picture, as in training.

  Args:
    config: of the run.

  Returns:
    A mesh of `config.mesh.space` devices, or of one where there are fewer.
  """
  devices, space = jax.local_devices(), config.mesh.space
  space = space if space <= len(devices) else 1
  return meshes.make_mesh(1, 1, devices=devices[:space], space=space)


def generate(
  model: Model,
  params: Params,
  label: np.ndarray,
  instance: np.ndarray,
  objects: np.ndarray | None = None,
  table: np.ndarray | None = None,
  mesh: Mesh | None = None,
) -> np.ndarray:
  """Makes one picture, at the map's size.

  Args:
    model: of the run's stage.
    params: of G.
    label: [H, W] int32, or [H, W, C] where the label is a picture.
    instance: [H, W] int32.
    objects: [H, W] int32, row of `table` per pixel; None for zero features.
    table: [N, C_feat] float32, one style per object.
    mesh: devices that share the picture, if bands of it are high enough; each
      has the parameters. None for one device.

  Returns:
    [H, W, C] float32 in [-1, 1].
  """
  unit, least = model.generator.unit, model.generator.least
  height, width = instance.shape
  maps = {"label": label, "instance": instance}
  if table is not None and objects is not None:
    maps["objects"] = objects
  batch = {k: pad_to_multiple(v, unit, least)[None] for k, v in maps.items()}
  styles = {}
  if table is not None:
    rows = OBJECTS_UNIT
    while rows < len(table):
      rows *= 4
    pad = ((0, rows - len(table)), (0, 0))
    styles["table"] = np.pad(table, pad)[None]
  if mesh is None or mesh.size == 1:
    made = _generate(model, params, {**batch, **styles})
  else:
    bands, rows = mesh.shape[meshes.SPACE], batch["instance"].shape[1]
    cut = rows % (bands * unit) == 0 and rows >= bands * unit * least
    where = meshes.split_height if cut else meshes.replicated
    batch = jax.device_put(batch, where(mesh))
    styles = jax.device_put(styles, meshes.replicated(mesh))
    # Else each draws the whole picture: what is cut must be high enough.
    with jax.set_mesh(mesh) if cut else contextlib.nullcontext():
      made = _generate(model, params, {**batch, **styles})
  return np.asarray(made)[0, :height, :width]


@dataclasses.dataclass(frozen=True, eq=False)
class Renderer:
  """A trained run, ready to make pictures.

  Attributes:
    workdir: of the run.
    config: it was trained with.
    step: of the checkpoint.
    stage: index in `config.stages`.
    model: that stage's networks.
    params: of G and, where the checkpoint has it, E.
    classes: id, name, color, has_instances per class; () for pictures.
    bank: its styles, checked against E; None where it has none.
    means: what classes fall back on without a bank; None where it is unknown.
    mesh: devices that share a picture, which have the parameters; None for
      one.
  """

  workdir: pathlib.Path
  config: ConfigDict
  step: int
  stage: int
  model: Model
  params: Params
  classes: Sequence[dict[str, Any]]
  bank: style_bank.StyleBank | None
  means: Styles | None = None
  mesh: Mesh | None = None

  @property
  def size(self) -> tuple[int, int]:
    """(H, W) of the stage."""
    return self.model.size

  @property
  def class_names(self) -> list[str]:
    """Names by class id."""
    return style_bank.class_names(self.config, self.classes)

  @property
  def named_classes(self) -> Sequence[dict[str, Any]]:
    """The classes by id, named by their ids where nothing says more."""
    return self.classes or [
      {"id": i, "name": name} for i, name in enumerate(self.class_names)
    ]

  @property
  def channels(self) -> int:
    """C_feat, numbers per style; 0 for a model without E."""
    return self.model.encoder.channels if self.model.encoder else 0

  @property
  def unit(self) -> int:
    """What sides are padded to a multiple of."""
    return self.model.generator.unit

  @property
  def least(self) -> int:
    """The fewest units of a side."""
    return self.model.generator.least

  def scaled(self, size: tuple[int, int], way: str) -> tuple[int, int]:
    """The (H, W) at which a map of (H, W) is rendered.

    Args:
      size: of the map.
      way: "stage" for the size that training gave it, "input" for its own.
    """
    if way == "input":
      return size
    return reading_of(self.config).geometry(self.size).scaled(size)

  def __call__(
    self,
    label: np.ndarray,
    instance: np.ndarray,
    objects: np.ndarray | None = None,
    table: np.ndarray | None = None,
  ) -> np.ndarray:
    """Makes one picture, [H, W, C] in [-1, 1]; see `generate`."""
    return generate(
      self.model, self.params, label, instance, objects, table, self.mesh
    )


def open_renderer(
  workdir: pathlib.Path,
  step: int | None = None,
  *,
  weights: str = "",
  use_bank: bool = True,
  config: ConfigDict | None = None,
) -> Renderer:
  """Loads a run's generator, its encoder and its styles.

  Args:
    workdir: of a trained or imported run.
    step: of the checkpoint; None for the newest.
    weights: "ema" for G's moving average, "live" for G as it was trained; ""
      for the average where there is one.
    use_bank: False ignores the style bank, to make another.
    config: from `directory.own_config`; None for the run's own as it is.

  Returns:
    A `Renderer`.

  Raises:
    InputError: for a workdir without that checkpoint or average, or a style
      bank of another encoder or other classes.
  """
  if config is None:
    config = directory.read_config(workdir)
  checkpoints = directory.checkpoints_of(workdir)
  step = directory.find_step(workdir, checkpoints, step)
  info = checkpoints.info(step)
  directory.check_config(workdir, config, info)
  index, means = info["stage"], info.get("class_means")
  stage = config.stages[index]
  # Nothing here pools features, so no bound on objects is needed.
  model = build_model(config, stage)
  units = [f"G{k + 1}" for k in range(stage.enhancers + 1)]
  # Imported weights may take styles and yet come without the E they are of.
  has_encoder = "E" in checkpoints.structure(step)["params"]
  if model.encoder is not None and has_encoder:
    units.append("E")
  params = directory.load_params(workdir, step, units, weights)
  classes = directory.read_classes(workdir, config.num_classes)
  bank = None
  if use_bank and model.encoder is not None:
    bank = style_bank.load(workdir)
  if bank is not None:
    digest = style_bank.parameters_digest(params["E"]) if has_encoder else ""
    names = style_bank.class_names(config, classes)
    style_bank.check(bank, workdir / style_bank.FILE, digest, names)
  mesh = picture_mesh(config)
  return Renderer(
    workdir=workdir,
    config=config,
    step=step,
    stage=index,
    model=model,
    params=jax.device_put(params, meshes.replicated(mesh)),
    classes=classes,
    bank=bank,
    means=style_bank.means_from_json(means) if means else None,
    mesh=mesh,
  )


def require_encoder(renderer: Renderer, what: str) -> FeatureEncoder:
  """Gives E; refuses a model that has no styles, or whose E is not there.

  Args:
    renderer: of the run.
    what: the flag or mode that needs E.

  Returns:
    E, without its parameters.

  Raises:
    InputError: saying which of the two.
  """
  if renderer.model.encoder is None:
    raise InputError(
      f"{what}: {renderer.workdir} was trained without an encoder and has no "
      "styles; train with --config.encoder.enabled=True"
    )
  if "E" not in renderer.params:
    raise InputError(
      f"{what}: {renderer.workdir} holds a generator that takes styles, but "
      "no E; import E with it"
    )
  return renderer.model.encoder
