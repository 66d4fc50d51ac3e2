"""Pictures cut along their height: rows of the neighbours, sums over all.

With a mesh whose axis "space" is longer than 1 each device holds a band of
rows. XLA's partitioner keeps most layers so by itself; what it would gather or
send about whole is done here, in code that runs on one band.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

from hdgan.devices.mesh import DATA, SPACE


def bands() -> int:
  """How many devices share a picture where this is traced; 1 without a mesh.

  The mesh is that of `jax.set_mesh`.
  """
  mesh = jax.sharding.get_abstract_mesh()
  return 1 if mesh.empty else int(mesh.shape.get(SPACE, 1))


def on_bands(
  function: Callable[..., Any], cut: tuple[Any, ...], copied: Any = ()
) -> Any:
  """Runs a function on each device's band of rows.

  Where the axis "data" divides the batch, a device has its share of pictures
  alone, too.

  Args:
    function: (which band, *cut, copied) to one array [b, h, W, ...], all of one
      band; which one is an int32 scalar. It takes each picture by itself.
    cut: arrays [B, H, W, ...]; the bands divide H.
    copied: tree of arrays that all devices have whole; their gradients are
      summed over the devices.

  Returns:
    [B, H, W, ...], cut in the same way.
  """
  # So gradients of what is copied are summed in its dtype, once. Pictures that
  # "data" does not divide are left to the partitioner, which does not know
  # `jax.lax.axis_index` everywhere: each band is told which it is.
  groups = jax.sharding.get_abstract_mesh().shape[DATA]
  alone = all(x.shape[0] % groups == 0 for x in cut)
  axes = (DATA, SPACE) if alone else (SPACE,)

  def local(which: jax.Array, cut: tuple[Any, ...], copied: Any) -> Any:
    """One band. What is copied differs in its gradient, so it is told apart."""
    varying = jax.tree.map(
      lambda x: jax.lax.pcast(x, axes, to="varying"), copied
    )
    return function(which[0], *cut, varying)

  rows = PartitionSpec(DATA if alone else None, SPACE)
  return jax.shard_map(
    local, in_specs=(PartitionSpec(SPACE), rows, PartitionSpec()),
    out_specs=rows, axis_names=set(axes),
  )(jnp.arange(bands()), cut, copied)  # fmt: skip


def with_neighbours(
  x: Float[Array, "b h w c"], rows: int, mirrored: jax.Array | None = None
) -> Float[Array, "b h+2*{rows} w c"]:
  """Adds the neighbours' rows to a band, inside `on_bands`.

  Args:
    x: [B, h, W, C] of one band.
    rows: from each neighbour, fewer than h.
    mirrored: which band it is: then rows are mirrored at the picture's own
      border, and the border's is not repeated. Without it zeros are there.

  Returns:
    [B, h + 2 * rows, W, C].

  Raises:
    ValueError: if the band is too low.
  """
  if x.shape[1] <= rows:
    raise ValueError(
      f"a band of {x.shape[1]} rows cannot lend {rows} and mirror them"
    )
  count = jax.lax.axis_size(SPACE)
  down = [(i, i + 1) for i in range(count - 1)]
  above = jax.lax.ppermute(x[:, -rows:], SPACE, down)
  below = jax.lax.ppermute(x[:, :rows], SPACE, [(b, a) for a, b in down])
  if mirrored is not None:  # Where nobody sends, zeros came.
    above = jnp.where(mirrored == 0, x[:, rows:0:-1], above)
    below = jnp.where(mirrored == count - 1, x[:, -2 : -rows - 2 : -1], below)
  return jnp.concatenate([above, x, below], axis=1)


def of_all_bands(
  x: Float[Array, "k *rest"], which: jax.Array
) -> Float[Array, "k n *rest"]:
  """Gives each band the numbers of all, inside `on_bands`.

  Args:
    x: [K, ...] of one band, few numbers.
    which: band it is.

  Returns:
    [K, N, ...], by band; the same on all devices.
  """
  own = jnp.arange(jax.lax.axis_size(SPACE)) == which
  own = jnp.expand_dims(own, (0, *range(2, x.ndim + 1)))
  return jax.lax.psum(jnp.where(own, x[:, None], 0.0), SPACE)
