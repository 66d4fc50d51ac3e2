"""Where arrays live: one mesh, batches cut over it, everything else copied."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Shaped

from hdgan.devices import processes
from hdgan.errors import InputError, counted


def mesh_size(
  batch_size: int,
  devices: int,
  asked: int = 0,
  processes: int = 1,
  accumulate: int = 1,
) -> int:
  """Chooses how many devices share a batch, as many of each process.

  Args:
    batch_size: global.
    devices: how many each process has.
    asked: `config.mesh.data`; 0 takes the most that divide the batch.
    processes: how many work as one.
    accumulate: parts of the batch that come one after the other; it divides
      the batch.

  Returns:
    A divisor of each part of the batch and a multiple of the processes.

  Raises:
    InputError: if the processes do not divide a part, or `asked` does not, or
      is more than there are, or leaves a process without a device.
  """
  part, there = batch_size // accumulate, devices * processes
  times = f" x config.accumulate={accumulate}" * (accumulate > 1)
  if part % processes:
    unit = processes * accumulate
    below = batch_size // unit * unit
    near = [f"--config.batch_size={n}" for n in (below, below + unit) if n]
    raise InputError(
      f"config.batch_size={batch_size} must be a multiple of {processes} "
      f"processes{times}; say {' or '.join(near)}"
    )
  if asked > there:
    raise InputError(
      f"config.mesh.data={asked} is more than the "
      f"{counted(there, 'device')} here; say "
      "--config.mesh.data=0 to use what fits"
    )
  if asked % processes:
    raise InputError(
      f"config.mesh.data={asked} would leave some of the {processes} processes "
      "with fewer devices than others; say --config.mesh.data=0 to use what "
      f"fits, or --config.mesh.data={-(-asked // processes) * processes}"
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
  share = part // processes
  return processes * max(n for n in range(1, devices + 1) if share % n == 0)


def make_mesh(
  batch_size: int,
  asked: int = 0,
  devices: Sequence[Any] | None = None,
  accumulate: int = 1,
) -> Mesh:
  """Builds the mesh with its one axis "data".

  Args:
    batch_size: global.
    asked: `config.mesh.data`.
    devices: all by default, of all processes.
    accumulate: `config.accumulate`.

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
    batch_size, fewest, asked, processes=len(of_process), accumulate=accumulate
  )
  share = size // len(of_process)
  chosen = [d for i in sorted(of_process) for d in of_process[i][:share]]
  return Mesh(np.array(chosen), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
  """A full copy on every device."""
  return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
  """The first axis, a batch's, cut over the devices."""
  return NamedSharding(mesh, PartitionSpec("data"))


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
  """Sends this process's part of a batch, arrays [B, ...], to its devices."""
  where = split(mesh)
  return {
    name: jax.make_array_from_process_local_data(where, array)
    for name, array in batch.items()
  }


def put_flag(flag: bool, mesh: Mesh) -> jax.Array:
  """This process's answer on each of its devices: int32 [devices], 0 or 1."""
  own = sum(d.process_index == processes.index() for d in mesh.devices.flat)
  return jax.make_array_from_process_local_data(
    split(mesh), np.full(own, flag, np.int32)
  )
