"""A stage's training step as a program for a mesh, from shapes alone.

Training compiles it for the devices at hand, the benchmark times it, the plan
compiles it for machines that are not here.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan.datasets.id_types import id_types
from hdgan.devices import mesh as meshes
from hdgan.networks import vgg
from hdgan.networks.model import Model
from hdgan.training import train_step
from hdgan.training.schedule import StagePlan
from hdgan.training.train_step import TrainState


@dataclasses.dataclass(frozen=True)
class StageProgram:
  """What a stage's step takes, where that lies, and the step itself.

  Attributes:
    config: of the experiment, validated.
    plan: of the stage.
    mesh: of the run.
  """

  config: ConfigDict
  plan: StagePlan
  mesh: Mesh

  def state(self) -> TrainState:
    """Shapes, dtypes and shardings of the state."""
    init = functools.partial(
      train_step.init_state,
      trainable=tuple(self.plan.stage.trainable),
      config=self.config,
    )
    shapes = jax.eval_shape(init, self.plan.model.shapes())
    return _sharded(shapes, state_shardings(shapes, self.config, self.mesh))

  def batch(self) -> dict[str, jax.ShapeDtypeStruct]:
    """The same of a batch."""
    shapes = batch_shapes(self.plan.model, self.config.batch_size)
    return _sharded(shapes, meshes.split(self.mesh))

  def vgg(self) -> dict[str, Any]:
    """The same of VGG19's parameters; {} without that loss."""
    if not self.config.loss.vgg:
      return {}
    shapes = {
      name: {
        leaf: jax.ShapeDtypeStruct(shape, jnp.float32)
        for leaf, shape in leaves.items()
      }
      for name, leaves in vgg.shapes(self.config.loss.vgg_form).items()
    }
    return _sharded(shapes, meshes.replicated(self.mesh))

  def lower(self, batch: Any = None) -> jax.stages.Lowered:
    """Traces the step and lowers it for the mesh's devices.

    Args:
      batch: as for `trace`.

    Returns:
      What `trace` describes, before its compilation.
    """
    with jax.set_mesh(self.mesh):
      return self.trace(batch).lower()

  def trace(self, batch: Any = None) -> jax.stages.Traced:
    """Traces the step; the state is donated.

    Args:
      batch: arrays or shapes [B, H, ...]; None for those of `batch`.

    Returns:
      (state, batch, flag, vgg parameters) to the state after the step, its
      metrics, and whether any device's flag is up.
    """
    step = train_step.bind_step(
      self.plan.model, self.plan.stage, self.config,
      first_step=self.plan.first,
      steps_per_epoch=self.plan.steps_per_epoch,
    )  # fmt: skip

    def flagged(state, batch, flag, vgg_params):  # type: ignore[no-untyped-def]
      """The step, and what the devices agree on."""
      return *step(state, batch, vgg_params), jnp.max(flag)

    state, copied = self.state(), meshes.replicated(self.mesh)
    flag = jax.ShapeDtypeStruct(
      (self.mesh.size,), jnp.int32, sharding=meshes.every_device(self.mesh)
    )
    where = jax.tree.map(lambda x: x.sharding, state)
    # The new state takes the old one's memory: the devices hold one copy.
    jitted = jax.jit(
      flagged, out_shardings=(where, copied, copied), donate_argnums=0
    )
    if batch is not None:
      batch = {
        name: jax.ShapeDtypeStruct(
          x.shape, x.dtype, sharding=meshes.split(self.mesh)
        )
        for name, x in batch.items()
      }
    # Layers ask this mesh whether pictures are cut.
    with jax.set_mesh(self.mesh):
      return jitted.trace(state, batch or self.batch(), flag, self.vgg())


def state_shardings(
  shapes: TrainState, config: ConfigDict, mesh: Mesh
) -> TrainState:
  """Where a state's arrays live.

  Args:
    shapes: of the state, arrays or their shapes.
    config: of the experiment.
    mesh: of the run.

  Returns:
    A sharding for each array: a copy on every device; with
    `config.shard_optimizer` Adam's moments cut over "data", each along its
    longest axis that the devices divide. A step then updates on each device
    what it holds the moments of, and gathers the parameters.
  """
  where = jax.tree.map(lambda _: meshes.replicated(mesh), shapes)
  if not config.shard_optimizer:
    return where
  g_optimizer, d_optimizer = jax.tree.map(
    lambda x: meshes.longest_cut(mesh, x.shape),
    (shapes.g_optimizer, shapes.d_optimizer),
  )
  return where.replace(g_optimizer=g_optimizer, d_optimizer=d_optimizer)


def batch_shapes(
  model: Model, batch_size: int
) -> dict[str, jax.ShapeDtypeStruct]:
  """Shapes and dtypes of a batch as the data gives it.

  Of `instance` the data decides whether it is smaller than int32.

  Args:
    model: of the stage.
    batch_size: B, global.

  Returns:
    `label`, `instance` [B, H, W] (`label` [B, H, W, C] where it is a picture),
    `image` [B, H, W, C], and `objects` [B, H, W] for models with E.
  """
  pixels, spec = (batch_size, *model.size), model.pictures
  types = id_types(spec, model.max_instances)
  label, instance, objects = (jax.ShapeDtypeStruct(pixels, t) for t in types)
  if not spec.num_classes:
    label = jax.ShapeDtypeStruct((*pixels, spec.label_channels), np.uint8)
  channels = model.generator.channels
  found = {
    "label": label,
    "instance": instance,
    "image": jax.ShapeDtypeStruct((*pixels, channels), np.uint8),
  }
  return found | ({"objects": objects} if model.encoder else {})


def _sharded(shapes: Any, where: Any) -> Any:
  """Shapes that know where their arrays live."""
  if isinstance(where, jax.sharding.Sharding):
    where = jax.tree.map(lambda _: where, shapes)
  return jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
    shapes, where,
  )  # fmt: skip
