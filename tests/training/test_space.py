"""Steps whose pictures are cut over devices: the same numbers, little sent."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import draw, tiny_config

from hdgan.devices import mesh as meshes
from hdgan.devices.collectives import find_collectives, totals
from hdgan.networks import layers, losses, vgg
from hdgan.training import schedule
from hdgan.training.made_up import random_vgg
from hdgan.training.stage_program import StageProgram
from hdgan.validation import validate

TWIN = pathlib.Path(__file__).parents[1] / "space_twin.py"
# Compiles four times faster; what is sent stays the same.
FAST = {
  "xla_backend_optimization_level": 0,
  "xla_llvm_disable_expensive_passes": True,
}


def run(function, mesh, *arrays, cut=1):
  """Gradients to all arrays; the first `cut` of them are cut."""

  def total(*arrays):
    y = function(*arrays)
    return jnp.sum(
      y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
    )

  where = [meshes.split_height(mesh)] * cut
  where += [meshes.replicated(mesh)] * (len(arrays) - cut)
  both = jax.value_and_grad(total, range(len(arrays)))
  with jax.set_mesh(mesh):
    jitted = jax.jit(both, in_shardings=where, compiler_options=FAST)
    return jax.device_get(jitted(*arrays))


@pytest.mark.parametrize("space", [2, 4])
@pytest.mark.parametrize("size", [3, 7])
def test_a_mirrored_convolution_and_norm(space, size):
  def layer(x, kernel):
    return layers.instance_norm(layers.reflect_conv(x, kernel))

  x, kernel = draw(2, 16, 5, 3), draw(size, size, 3, 4)
  whole = run(layer, meshes.make_mesh(1), x, kernel)
  bands = run(layer, meshes.make_mesh(1, space=space), x, kernel)
  for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(bands), strict=True):
    np.testing.assert_allclose(b, a, atol=2e-4 * np.abs(a).max())


def test_a_norm_of_bands_with_a_large_mean():
  """One sum of squares over the devices would cancel; bands differ by far."""
  x = np.asarray(draw(1, 16, 8, 1)) + 3000
  x[:, 8:] += 100
  want = x.astype(np.float64)
  want = (want - want.mean()) / np.sqrt(want.var() + 1e-5)
  with jax.set_mesh(meshes.make_mesh(1, space=4)):
    got = jax.jit(layers.instance_norm)(x)
  np.testing.assert_allclose(got, want, atol=2e-4)


@pytest.mark.slow
def test_the_vgg_loss_of_bands():
  weights = jax.tree.map(jnp.asarray, random_vgg())

  def loss(x, y):
    maps = [vgg.vgg_features(weights, each) for each in (x, y)]
    return losses.vgg_loss(*maps)[None]

  x, y = draw(1, 64, 16, 3), draw(2, 64, 16, 3)[1:]
  whole, bands = (
    run(loss, meshes.make_mesh(1, space=space), x, y, cut=2) for space in (1, 4)
  )
  np.testing.assert_allclose(bands[0], whole[0], rtol=1e-5)
  a, b = whole[1][0], bands[1][0]
  # A difference's sign may turn where two features are all but equal.
  assert np.abs(a - b).max() < 1e-2 * np.abs(a).max()
  assert np.abs(a - b).mean() < 1e-5 * np.abs(a).max()


def compiled(data: int, space: int, **changes: object) -> str:
  """The text of the joint step with E: 2 pictures a group."""
  config = tiny_config(
    **{"batch_size": 2 * data, "mesh.space": space, "mesh.data": data,
       "stages[2].size": (128, 64),
       "stages[0].size": (64, 32), "max_instances": 64, **changes}
  )  # fmt: skip
  with config.unlocked():
    config.stages = (config.stages[0], config.stages[2])
    config.stages[1].trainable = ("G1", "G2", "E")
  config = validate(config, files=False)
  plan = schedule.plan_stages(config, 8, 64)[-1]
  mesh = meshes.mesh_of(config)
  lowered = StageProgram(config, plan, mesh).lower()
  return lowered.compile(compiler_options=FAST).as_text()


@pytest.mark.slow
@pytest.mark.parametrize("data, space, vgg", [(1, 4, 10.0), (2, 2, 0.0)])
def test_what_devices_send_each_other(data, space, vgg):
  """No picture is ever gathered or sent about whole."""
  found = find_collectives(compiled(data, space, **{"loss.vgg": vgg}))
  sent = totals(found)
  assert set(sent) == {"all-reduce", "collective-permute"}
  # A few border rows each time: the widest is D1's map after its first layer,
  # 64 of whose channels take 4 rows of 33 pixels of both pictures.
  rows = max(one.bytes for one in found if one.kind == "collective-permute")
  assert rows <= 2 * 4 * 64 * 64 * 4
  assert sent["collective-permute"].bytes < 10 * 2**20
  # One an instance norm each way, and what gradients and losses take: without
  # joining them there were twice as many.
  assert sent["all-reduce"].count < 100


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
  """All that 5 steps in float64 give, by mesh."""
  folder = tmp_path_factory.mktemp("numbers")
  found = {}
  for mesh in ("1x1", "8x1", "2x4", "1x8"):
    out = folder / f"{mesh}.npz"
    done = subprocess.run(
      [sys.executable, TWIN, out, mesh, "5"], capture_output=True, text=True,
      env={**os.environ, "PYTHONPATH": os.pathsep.join(
        [str(TWIN.parents[1]), str(TWIN.parent)])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as arrays:
      found[mesh] = dict(arrays)
  return found


@pytest.mark.slow
def test_every_mesh_gives_the_same(numbers):
  """Losses, every gradient, parameters after 5 steps; D's heights are odd."""
  one = numbers.pop("1x1")
  # Biases before a norm: their gradient is rounding, Adam moves them by it.
  null = {
    name.removeprefix("gradient/").split("]", 1)[1]
    for name, x in one.items()
    if name.startswith("gradient/") and np.abs(x).max() < 1e-12
  }
  assert 15 < len(null) < 30 and all("bias" in name for name in null)
  for mesh, other in numbers.items():
    assert one.keys() == other.keys() and len(one) > 100
    for name, x in one.items():
      if not any(name.endswith(bias) for bias in null):
        # Some numbers are 0, such as how many steps were left out.
        scale = max(np.abs(x).max(), 1e-9)
        worst = np.abs(x - other[name]).max() / scale
        assert worst <= 1e-10, (mesh, name, worst)
