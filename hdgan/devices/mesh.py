"""Where arrays live: one mesh, batches cut over it, everything else copied.

The mesh has two axes: "data" cuts a batch into groups of pictures, "space" cuts
each picture's height, so that several devices share one picture.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Shaped
from ml_collections import ConfigDict

from hdgan.devices import processes
from hdgan.errors import InputError, counted

DATA, SPACE = "data", "space"


class _Share(NamedTuple):
  """How processes and their devices form groups that share a picture.

  Attributes:
    readers: sets of processes that hold the same pictures.
    groups: of each reader.
  """

  readers: int
  groups: int


def _share(devices: int, processes: int, space: int) -> _Share:
  """Lays groups of `space` devices out over the processes.

  Raises:
    InputError: if they cannot be, or if there are too few devices.
  """
  there = devices * processes
  if space > there:
    raise InputError(
      f"config.mesh.space={space} is more than the "
      f"{counted(there, 'device')} here; say --config.mesh.space={there}"
    )
  if space <= devices:
    return _Share(processes, devices // space)
  # A picture spans processes, all devices of each.
  if space % devices or processes % (space // devices):
    raise InputError(
      f"config.mesh.space={space}: {processes} processes of "
      f"{counted(devices, 'device')} cannot form groups of it; say "
      f"--config.mesh.space={devices}"
    )
  return _Share(processes // (space // devices), 1)


def mesh_size(
  batch_size: int,
  devices: int,
  asked: int = 0,
  processes: int = 1,
  accumulate: int = 1,
  space: int = 1,
) -> int:
  """Chooses over how many devices, or groups of them, a batch is cut.

  Args:
    batch_size: global.
    devices: how many each process has.
    asked: `config.mesh.data`; 0 takes the most that divide the batch.
    processes: how many work as one.
    accumulate: parts of the batch that come one after the other; it divides
      the batch.
    space: devices of a group, which share each picture.

  Returns:
    A divisor of each part of the batch and a multiple of the processes, or of
    the sets of processes that share pictures.

  Raises:
    InputError: if the processes do not divide a part, or `asked` does not, or
      is more than there are, or leaves a process without a device; or if
      groups of `space` devices cannot be formed.
  """
  readers, groups = _share(devices, processes, space)
  part, there = batch_size // accumulate, readers * groups
  of_space = f" of config.mesh.space={space}" * (space > 1)
  kind = "process" if readers == processes else "group of processes"
  times = f" x config.accumulate={accumulate}" * (accumulate > 1)
  if part % readers:
    unit = readers * accumulate
    below = batch_size // unit * unit
    near = [f"--config.batch_size={n}" for n in (below, below + unit) if n]
    plural = "processes" if readers == processes else "groups of processes"
    raise InputError(
      f"config.batch_size={batch_size} must be a multiple of "
      f"{counted(readers, kind, plural)}{times}; say {' or '.join(near)}"
    )
  if asked > there:
    noun = "device" if space == 1 else "group"
    raise InputError(
      f"config.mesh.data={asked} is more than the "
      f"{counted(there, noun)}{of_space} here; say "
      "--config.mesh.data=0 to use what fits"
    )
  if asked % readers:
    raise InputError(
      f"config.mesh.data={asked} would leave some of the {readers} processes "
      "with fewer devices than others; say --config.mesh.data=0 to use what "
      f"fits, or --config.mesh.data={-(-asked // readers) * readers}"
    )
  if asked and part % asked:
    unit = asked * accumulate
    raise InputError(
      f"config.batch_size={batch_size} must be a multiple of "
      f"config.mesh.data={asked}{times}; say --config.mesh.data=0 to use what "
      f"fits, or --config.batch_size={-(-batch_size // unit) * unit}"
    )
  if asked:
    return asked
  share = part // readers
  return readers * max(n for n in range(1, groups + 1) if share % n == 0)


def make_mesh(
  batch_size: int,
  asked: int = 0,
  devices: Sequence[Any] | None = None,
  accumulate: int = 1,
  space: int = 1,
) -> Mesh:
  """Builds the mesh with its axes "data" and "space".

  Args:
    batch_size: global.
    asked: `config.mesh.data`.
    devices: all by default, of all processes.
    accumulate: `config.accumulate`.
    space: `config.mesh.space`.

  Returns:
    A mesh of as many devices of each process, in the processes' order.

  Raises:
    InputError: as from `mesh_size`, or if there are devices of processes that
      `processes.start` has not joined.
  """
  of_process: dict[int, list[Any]] = {}
  for device in jax.devices() if devices is None else devices:
    of_process.setdefault(device.process_index, []).append(device)
  if devices is None and len(of_process) != processes.count():
    # Each would think that it is alone, and write.
    raise InputError(
      f"JAX has devices of {len(of_process)} processes, but hdgan knows of "
      f"{processes.count()}; start each with --coordinator=HOST:PORT "
      "--processes=COUNT --process=INDEX"
    )
  fewest = min(map(len, of_process.values()))
  size = mesh_size(
    batch_size, fewest, asked, processes=len(of_process),
    accumulate=accumulate, space=space,
  )  # fmt: skip
  share = size * space // len(of_process)
  chosen = [d for i in sorted(of_process) for d in of_process[i][:share]]
  return Mesh(np.array(chosen).reshape(size, space), (DATA, SPACE))


def mesh_of(config: ConfigDict, devices: Sequence[Any] | None = None) -> Mesh:
  """`make_mesh` as a validated config asks for it."""
  return make_mesh(
    config.batch_size, config.mesh.data, devices=devices,
    accumulate=config.accumulate, space=config.mesh.space,
  )  # fmt: skip


def replicated(mesh: Mesh) -> NamedSharding:
  """A full copy on every device."""
  return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
  """A batch's arrays [B, H, ...]: pictures and their height are cut."""
  return NamedSharding(mesh, PartitionSpec(DATA, SPACE))


def longest_cut(mesh: Mesh, shape: Sequence[int]) -> NamedSharding:
  """An array's longest axis that "data" divides, cut over it; else a copy."""
  devices = mesh.shape[DATA]
  fits = [n if devices > 1 and n % devices == 0 else 0 for n in shape]
  if not any(fits):
    return replicated(mesh)
  axis = fits.index(max(fits))
  return NamedSharding(mesh, PartitionSpec(*[None] * axis, DATA))


def split_height(mesh: Mesh) -> NamedSharding:
  """The height of arrays [B, H, ...] alone: too few pictures to be cut."""
  return NamedSharding(mesh, PartitionSpec(None, SPACE))


def every_device(mesh: Mesh) -> NamedSharding:
  """The first axis, of one number a device, cut over all of them."""
  return NamedSharding(mesh, PartitionSpec((DATA, SPACE)))


def reading_share(mesh: Mesh) -> tuple[int, int]:
  """Which part of each batch this process reads: an index, and of how many.

  Processes that share pictures read the same ones.
  """
  own = [
    row
    for row, group in enumerate(mesh.devices)
    if any(d.process_index == processes.index() for d in group)
  ]
  return own[0] // len(own), mesh.shape[DATA] // len(own)


def sum_over_data(function: Callable[..., Any], *cut: Any) -> Any:
  """Sums over the axis "data" what a function gives for each part of a batch.

  The partitioner would take the sum where it arises, in the dtype that it has
  there; this one is taken of what the function returns. The mesh is that of
  `jax.set_mesh`. Where pictures are cut, too, all is left to the partitioner:
  inside a part of the batch it would gather whole pictures.

  Args:
    function: (*cut) to an array of any shape.
    *cut: arrays [B, ...]; the axis divides B.

  Returns:
    The sum, the same on all devices.
  """
  mesh = jax.sharding.get_abstract_mesh()
  groups, bands = mesh.shape.get(DATA, 1), mesh.shape.get(SPACE, 1)
  if groups == 1 or bands > 1:
    return function(*cut)
  return jax.shard_map(
    lambda *parts: jax.lax.psum(function(*parts), DATA),
    in_specs=PartitionSpec(DATA), out_specs=PartitionSpec(),
    axis_names={DATA},
  )(*cut)  # fmt: skip


def place(tree: Any, where: Any) -> Any:
  """Copies a tree of arrays to devices, into buffers of its own.

  On CPUs `jax.device_put` may share a numpy array's memory; a step that is
  given such a buffer to write into would write, and free, what numpy owns.

  Args:
    tree: of numpy or JAX arrays of any shape, the same in all processes.
    where: a sharding for all of them, or a tree of shardings.

  Returns:
    The same tree of JAX arrays, each safe to donate once.
  """
  return jax.tree.map(jnp.copy, put(tree, where))


def put(tree: Any, where: Any) -> Any:
  """Sends a tree of arrays to devices; it may share memory with what it was.

  Args:
    tree: of numpy or JAX arrays of any shape, the same in all processes.
    where: a sharding for all of them, or a tree of shardings.

  Returns:
    The same tree of JAX arrays.
  """

  def send(array: Any, sharding: Any) -> jax.Array:
    """One array of any shape, which stays that of all processes."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
      return jax.device_put(array, sharding)
    # `jax.device_put` would gather and compare what the processes hold.
    own = np.asarray(array)
    return jax.make_array_from_callback(own.shape, sharding, own.__getitem__)

  if processes.count() == 1:
    return jax.device_put(tree, where)
  if isinstance(where, jax.sharding.Sharding):
    where = jax.tree.map(lambda _: where, tree)
  return jax.tree.map(send, tree, where)


def put_batch(
  batch: Mapping[str, Shaped[np.ndarray, "b ..."]], mesh: Mesh
) -> dict[str, Shaped[Array, "_ ..."]]:
  """Sends a batch to the devices.

  Args:
    batch: arrays [b, H, ...], this process's part by `reading_share`.
    mesh: of the run.

  Returns:
    The whole batch's arrays [B, H, ...], cut as `split` says.
  """
  where, (index, parts) = split(mesh), reading_share(mesh)

  def send(array: np.ndarray) -> jax.Array:
    """All parts of one array of which this process has one."""
    first = index * len(array)

    def rows(where: tuple[slice, ...] | None) -> np.ndarray:
      """What one device holds."""
      assert where is not None  # It is so for keys alone.
      start, stop, _ = where[0].indices(parts * len(array))
      return array[(slice(start - first, stop - first), *where[1:])]

    shape = (parts * len(array), *array.shape[1:])
    return jax.make_array_from_callback(shape, where, rows)

  return {name: send(array) for name, array in batch.items()}


def put_flag(flag: bool, mesh: Mesh) -> jax.Array:
  """This process's answer on each of its devices: int32 [devices], 0 or 1."""
  own = sum(d.process_index == processes.index() for d in mesh.devices.flat)
  return jax.make_array_from_process_local_data(
    every_device(mesh), np.full(own, flag, np.int32)
  )
