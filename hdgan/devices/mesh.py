"""Where arrays live: one mesh, batches cut over it, everything else copied."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Shaped

from hdgan.errors import InputError, counted


def mesh_size(batch_size: int, devices: int, asked: int = 0) -> int:
  """Chooses how many devices share a batch.

  Args:
    batch_size: global.
    devices: how many there are.
    asked: `config.mesh.data`; 0 takes the most that divide the batch.

  Returns:
    A divisor of the batch size.

  Raises:
    InputError: if `asked` does not divide the batch or is more than there are.
  """
  if asked > devices:
    raise InputError(
      f"config.mesh.data={asked} is more than the "
      f"{counted(devices, 'device')} here; say "
      "--config.mesh.data=0 to use what fits"
    )
  if asked and batch_size % asked:
    raise InputError(
      f"config.batch_size={batch_size} must be a multiple of "
      f"config.mesh.data={asked}; say --config.mesh.data=0 to use what fits, "
      f"or --config.batch_size={-(-batch_size // asked) * asked}"
    )
  if asked:
    return asked
  return max(n for n in range(1, devices + 1) if batch_size % n == 0)


def make_mesh(
  batch_size: int, asked: int = 0, devices: Sequence[Any] | None = None
) -> Mesh:
  """Builds the mesh with its one axis "data".

  Args:
    batch_size: global.
    asked: `config.mesh.data`.
    devices: all by default.

  Returns:
    A mesh of the first `mesh_size(...)` devices.
  """
  devices = list(jax.devices() if devices is None else devices)
  size = mesh_size(batch_size, len(devices), asked)
  return Mesh(np.array(devices[:size]), ("data",))


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
    tree: of numpy or JAX arrays of any shape.
    where: a sharding for all of them, or a tree of shardings.

  Returns:
    The same tree of JAX arrays, each safe to donate once.
  """
  return jax.tree.map(jnp.copy, jax.device_put(tree, where))


def put_batch(
  batch: Mapping[str, Shaped[np.ndarray, "b ..."]], mesh: Mesh
) -> dict[str, Shaped[Array, "_ ..."]]:
  """Sends this process's part of a batch, arrays [B, ...], to its devices."""
  where = split(mesh)
  return {
    name: jax.make_array_from_process_local_data(where, array)
    for name, array in batch.items()
  }
