"""How much of a device's memory a stage's step takes, by tracing alone.

Nothing is compiled, so that it takes seconds where a compiler takes minutes.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError, counted, out_of_memory
from hdgan.networks.model import build_model
from hdgan.training import traced_memory, train_step
from hdgan.training.schedule import StagePlan
from hdgan.training.stage_program import StageProgram
from hdgan.validation import least_units, size_unit, validate

_LEAST = 0.02  # Of the whole: what saves less is not worth a word.


@dataclasses.dataclass(frozen=True)
class Estimate:
  """Bytes of one device.

  Attributes:
    state: parameters, Adam's moments, averages, and VGG19's parameters.
    batch: its pictures and maps.
    temporaries: what a step keeps at most besides, gradients among it; without
      the workspaces of GPU libraries.
  """

  state: int
  batch: int
  temporaries: int

  @property
  def total(self) -> int:
    """All of it."""
    return self.state + self.batch + self.temporaries


@dataclasses.dataclass(frozen=True)
class Change:
  """What would make a step smaller.

  Attributes:
    flag: as it is typed.
    saving: bytes of each device, about.
  """

  flag: str
  saving: int


def estimate(
  config: ConfigDict, plan: StagePlan, data: int = 1, space: int = 1
) -> Estimate:
  """Estimates what a stage's step takes on each device.

  Against what XLA compiles for an H100 its total was 5 % low to 8 % high, in
  six cases at 1024x512 and 2048x1024 pixels.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    data: groups of devices that share a batch; they divide it.
    space: devices that share a picture.

  Returns:
    Bytes; all of one device.
  """
  parts = config.accumulate
  share = max(config.batch_size // (data * parts), 1)
  one, plan = _changed(
    config, plan, {"batch_size": share, "accumulate": 1, "mesh.space": 1}
  )
  mesh = meshes.make_mesh(share, 1, jax.devices()[:1])
  program = StageProgram(one, plan, mesh)
  state, batch, vgg = program.state(), program.batch(), program.vgg()
  step = train_step.bind_step(
    plan.model, plan.stage, one, first_step=0, steps_per_epoch=1
  )
  traced = jax.make_jaxpr(step)(state, batch, vgg).jaxpr
  of_weights, of_pictures = traced_memory.peak(traced)
  moments = _bytes((state.g_optimizer, state.d_optimizer))
  # The sums of the parts' gradients wait while another part is worked on.
  waiting = moments // 2 if parts > 1 else 0
  return Estimate(
    state=_bytes((state.params, state.ema, vgg))
    + moments // (data if config.shard_optimizer else 1),
    batch=_bytes(batch) * parts // space,
    temporaries=of_weights + waiting + of_pictures // space,
  )


def _bytes(tree: Any) -> int:
  return sum(
    math.prod(leaf.shape) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(tree)
  )


def _changed(
  config: ConfigDict, plan: StagePlan, changes: Mapping[str, Any]
) -> tuple[ConfigDict, StagePlan]:
  """Another config, and the stage as it is then; "size" is the stage's."""
  other = config_lib.from_json(config_lib.to_json(config)).unlock()
  stage = other.stages[plan.index].unlock()
  for name, value in changes.items():
    if name == "size":
      stage.size = value
    else:
      config_lib.set_field(other, name, value)
  model = build_model(other, stage, plan.model.max_instances)
  return other, dataclasses.replace(plan, stage=stage, model=model)


def cheapest_changes(
  config: ConfigDict,
  plan: StagePlan,
  data: int = 1,
  space: int = 1,
  *,
  devices: int = 1,
  begun: bool = False,
  count: int = 3,
) -> list[Change]:
  """Finds what can still be changed for less memory, the least loss first.

  Args:
    config: of the experiment, validated.
    plan: of the stage.
    data: as for `estimate`.
    space: as for `estimate`.
    devices: that are there.
    begun: whether the run has made steps: then only what a resumed run may
      change.
    count: of changes.

  Returns:
    At most so many, each for itself.
  """
  now, found = estimate(config, plan, data, space), []
  for changes, bands in _ways(config, plan, data, space, devices, begun):
    there = estimate(*_changed(config, plan, changes), data, bands)
    if now.total - there.total > _LEAST * now.total:
      found.append(Change(_flags(changes, plan), now.total - there.total))
    if len(found) == count:
      break
  return found


def _ways(
  config: ConfigDict,
  plan: StagePlan,
  data: int,
  space: int,
  devices: int,
  begun: bool,
) -> Iterator[tuple[dict[str, Any], int]]:
  """Changes that are still open, and how many then share a picture."""
  if not begun and config.precision == "float32":
    yield {"precision": "bf16"}, space
  if data > 1 and not config.shard_optimizer:
    yield {"shard_optimizer": True}, space
  share = config.batch_size // data
  if share > config.accumulate:
    more = range(config.accumulate + 1, share + 1)
    yield {"accumulate": next(n for n in more if share % n == 0)}, space
  names = next(f for f in config_lib.FIELDS if f.name == "remat").choices
  for name in names[names.index(config.remat) + 1 :]:
    yield {"remat": name}, space
  bands = {"mesh.space": 2 * space}
  if devices >= 2 * space * data and _allowed(config, plan, bands):
    yield bands, 2 * space
  height, width = plan.stage.size
  unit = size_unit(config, plan.index)
  least = unit * least_units(config, plan.index)
  small = (height // 2 // unit * unit, width // 2 // unit * unit)
  if not begun and min(small) >= least:
    yield {"size": small, "data.transform": "crop"}, space


def _allowed(
  config: ConfigDict, plan: StagePlan, changes: Mapping[str, Any]
) -> bool:
  """Whether no rule of any stage is against changes."""
  try:
    validate(_changed(config, plan, changes)[0], files=False)
  except InputError:
    return False
  return True


def _flags(changes: Mapping[str, Any], plan: StagePlan) -> str:
  """Changes as a command line takes them."""
  words = []
  for name, value in changes.items():
    if name == "size":
      name, value = f"stages[{plan.index}].size", ",".join(map(str, value))
    words.append(f"--config.{name}={value}")
  return " ".join(words)


@contextlib.contextmanager
def told(
  config: ConfigDict, plan: StagePlan, mesh: Mesh, begun: bool
) -> Iterator[None]:
  """Says what helps where a device's memory is not enough.

  Args:
    config: of the experiment, validated.
    plan: of the stage whose step is compiled, placed or run inside.
    mesh: of the run.
    begun: as for `cheapest_changes`.

  Raises:
    InputError: in the place of the error that says that it is not enough.
  """
  try:
    yield
  except Exception as error:
    if not out_of_memory(error):
      raise
    ways = "make the pictures smaller, or say --config.remat=networks"
    with contextlib.suppress(MemoryError):  # Hardly any is left.
      ways = _say(config, plan, mesh, begun)
    height, width = plan.stage.size
    raise InputError(
      f"stage {plan.stage.name} ({width}x{height} pixels, batch of "
      f"{config.batch_size}, {counted(mesh.size, 'device')}): out of memory; "
      f"{ways}"
    ) from error


def _say(config: ConfigDict, plan: StagePlan, mesh: Mesh, begun: bool) -> str:
  data, space = mesh.shape[meshes.DATA], mesh.shape[meshes.SPACE]
  need = estimate(config, plan, data, space).total
  changes = cheapest_changes(
    config, plan, data, space, devices=jax.device_count(), begun=begun
  )
  each = " of each" if mesh.size > 1 else ""
  said = f"a step takes about {in_gib(need)}{each}"
  if not changes:
    return f"{said}; nothing is left to change but the pictures' size"
  ways = [f"{one.flag} ({in_gib(one.saving)} less)" for one in changes]
  return f"{said}; say {', or '.join(ways)}"


def in_gib(size: int) -> str:
  """A number of bytes for people: 0.0012 GiB, 1.2 GiB, 12 GiB."""
  return f"{size / 2**30:.2g} GiB"
