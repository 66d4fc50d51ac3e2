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


def test_mesh_and_places():
  mesh = meshes.make_mesh(6)
  assert (mesh.axis_names, mesh.size) == (("data",), 3)
  assert list(mesh.devices) == jax.devices()[:3]
  label = np.arange(6 * 2).reshape(6, 1, 2).astype(np.int32)
  placed = meshes.put_batch({"label": label}, mesh)["label"]
  assert placed.dtype == np.int32
  for i, shard in enumerate(placed.addressable_shards):
    assert shard.device == mesh.devices[i]
    np.testing.assert_array_equal(shard.data, label[2 * i : 2 * i + 2])
  everywhere = jax.device_put(label, meshes.replicated(mesh))
  assert [s.data.shape for s in everywhere.addressable_shards] == [
    (6, 1, 2)
  ] * 3
