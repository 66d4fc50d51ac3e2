"""How many devices share a batch."""

import jax
import numpy as np
import pytest

from hdgan.devices import mesh as meshes
from hdgan.errors import InputError


@pytest.mark.parametrize(
  "batch, devices, size",
  [
    (1, 1, 1), (1, 8, 1), (2, 8, 2), (3, 2, 1), (4, 3, 2), (6, 4, 3),
    (6, 8, 6), (7, 8, 7), (8, 8, 8), (9, 8, 3), (12, 8, 6), (16, 8, 8),
  ],
)  # fmt: skip
def test_most_devices_that_divide_the_batch(batch, devices, size):
  assert meshes.mesh_size(batch, devices) == size


def test_an_explicit_size():
  assert meshes.mesh_size(8, 8, 2) == 2
  assert meshes.mesh_size(8, 8, 8) == 8
  with pytest.raises(InputError, match="batch_size=4 .* multiple of .*data=3"):
    meshes.mesh_size(4, 8, 3)
  with pytest.raises(InputError, match="data=16 is more than the 8 devices"):
    meshes.mesh_size(16, 8, 16)


@pytest.mark.parametrize(
  "batch, devices, processes, parts, size",
  [(4, 8, 2, 1, 4), (8, 2, 4, 1, 8), (6, 4, 2, 1, 6), (8, 4, 2, 2, 4),
   (12, 1, 3, 4, 3), (16, 8, 1, 4, 4)],
)  # fmt: skip
def test_as_many_devices_of_each_process(
  batch, devices, processes, parts, size
):
  got = meshes.mesh_size(batch, devices, 0, processes, parts)
  assert got == size


@pytest.mark.parametrize(
  "arguments, said",
  [
    ((4, 2, 0, 3), "say --config.batch_size=3 or --config.batch_size=6"),
    ((1, 2, 0, 2), "of 2 processes; say --config.batch_size=2"),
    # Parts of 3 pictures cannot be shared by 2; those of 2 and 4 can.
    ((12, 1, 0, 2, 4), "2 processes x config.accumulate=4; say "
     "--config.batch_size=8 or --config.batch_size=16"),
    ((8, 4, 4, 1, 4), "mesh.data=4 x config.accumulate=4; say "
     "--config.mesh.data=0 to use what fits, or --config.batch_size=16"),
    ((6, 4, 3, 2), "or --config.mesh.data=4"),
    ((4, 8, 0, 1, 1, 16), "say --config.mesh.space=8"),
    ((4, 4, 0, 4, 1, 12), "of 4 devices cannot form groups of it; say "
     "--config.mesh.space=4"),
    ((2, 8, 4, 1, 1, 4), "mesh.data=4 is more than the 2 groups of "
     "config.mesh.space=4 here"),
    ((3, 4, 0, 4, 1, 8), "of 2 groups of processes; say "
     "--config.batch_size=2 or --config.batch_size=4"),
  ],
)  # fmt: skip
def test_the_nearest_that_fits_is_said(arguments, said):
  with pytest.raises(InputError) as error:
    meshes.mesh_size(*arguments)
  assert said in str(error.value)


def test_mesh_and_places():
  mesh = meshes.make_mesh(6)
  assert mesh.shape == {"data": 3, "space": 1}
  assert list(mesh.devices.flat) == jax.devices()[:3]
  label = np.arange(6 * 2).reshape(6, 1, 2).astype(np.int32)
  placed = meshes.put_batch({"label": label}, mesh)["label"]
  assert placed.dtype == np.int32
  for i, shard in enumerate(placed.addressable_shards):
    assert shard.device == mesh.devices[i, 0]
    np.testing.assert_array_equal(shard.data, label[2 * i : 2 * i + 2])
  everywhere = jax.device_put(label, meshes.replicated(mesh))
  assert [s.data.shape for s in everywhere.addressable_shards] == [
    (6, 1, 2)
  ] * 3


@pytest.mark.parametrize(
  "batch, devices, processes, space, size",
  [(1, 8, 1, 8, 1), (4, 8, 1, 4, 2), (3, 8, 1, 2, 3), (2, 4, 2, 4, 2),
   (2, 4, 4, 8, 2), (1, 4, 4, 16, 1), (4, 3, 1, 2, 1)],
)  # fmt: skip
def test_groups_that_share_pictures(batch, devices, processes, space, size):
  got = meshes.mesh_size(batch, devices, 0, processes, 1, space)
  assert got == size


def test_pictures_are_cut_along_their_height():
  mesh = meshes.make_mesh(2, space=2)
  assert mesh.shape == {"data": 2, "space": 2}
  assert meshes.reading_share(mesh) == (0, 1)
  label = np.arange(2 * 8 * 3).reshape(2, 8, 3)
  placed = meshes.put_batch({"label": label}, mesh)["label"]
  where = {d: at for at, d in np.ndenumerate(mesh.devices)}
  for shard in placed.addressable_shards:
    b, s = where[shard.device]
    np.testing.assert_array_equal(
      shard.data, label[b : b + 1, 4 * s : 4 * s + 4]
    )
  np.testing.assert_array_equal(meshes.put_flag(True, mesh), np.ones(4))


def test_sums_over_data_are_those_of_all_devices():
  mesh = jax.sharding.Mesh(jax.devices()[:2], ("data",))
  x = np.arange(8.0, dtype=np.float32).reshape(4, 2)

  def total(x):
    return meshes.sum_over_data(lambda part: part.max(0), x)

  with jax.set_mesh(mesh):
    np.testing.assert_array_equal(jax.jit(total)(x), [2 + 6, 3 + 7])
  np.testing.assert_array_equal(total(x), [6, 7])
  # Where pictures are cut, too, the partitioner has it all.
  with jax.set_mesh(meshes.make_mesh(2, space=2)):
    np.testing.assert_array_equal(jax.jit(total)(x), [6, 7])
