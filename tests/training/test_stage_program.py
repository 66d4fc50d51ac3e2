"""Where a stage's state lives, and that its numbers do not depend on it."""

import pathlib
import shutil

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from tiny import leaves, null_bias, tiny_batch, tiny_config, validated

from hdgan.devices import mesh as meshes
from hdgan.devices.collectives import find_collectives, totals
from hdgan.runs import directory
from hdgan.train import train
from hdgan.training import schedule, train_step
from hdgan.training.stage_program import StageProgram


def program(config, devices) -> StageProgram:
  mesh = meshes.make_mesh(config.batch_size, devices)
  return StageProgram(config, schedule.plan_stages(config, 4, 64)[0], mesh)


@pytest.mark.parametrize(
  "shape, axes",
  [
    ((3, 3, 8, 4), (None, None, "data")),
    ((3, 3, 4, 8), (None, None, None, "data")), ((8,), ("data",)), ((6,), ()),
    ((7, 7, 3, 6), ()), ((), ()), ((4, 4, 6, 1), ("data",)),
  ],
)  # fmt: skip
def test_the_longest_axis_that_the_devices_divide_is_cut(shape, axes):
  mesh = meshes.make_mesh(4, 4)
  assert meshes.longest_cut(mesh, shape).spec == PartitionSpec(*axes)
  one = meshes.make_mesh(4, 1)
  assert meshes.longest_cut(one, shape).spec == PartitionSpec()


def test_only_moments_are_cut():
  config = validated(batch_size=4, shard_optimizer=True)
  state = program(config, 4).state()
  cut = {
    jax.tree_util.keystr(path, simple=True, separator="/").split("/")[0]
    for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    if not leaf.sharding.is_fully_replicated
  }
  assert cut == {"g_optimizer", "d_optimizer"}
  own = sum(
    np.prod(leaf.sharding.shard_shape(leaf.shape)) * 4
    for leaf in jax.tree.leaves(state.g_optimizer)
  )
  whole = sum(leaf.size * 4 for leaf in jax.tree.leaves(state.g_optimizer))
  # A quarter, but for arrays with no axis that four divide.
  assert whole / 4 <= own < 0.4 * whole


@pytest.mark.slow
def test_a_cut_optimizer_makes_the_same_steps_in_less_memory():
  """On four devices, three steps; arguments per device from the compiler."""
  results, sizes = [], []
  for cut in (False, True):
    config = validated(batch_size=4, shard_optimizer=cut)
    made = program(config, 4)
    where = jax.tree.map(lambda x: x.sharding, made.state())
    params = made.plan.model.init((0,))
    trainable = tuple(made.plan.stage.trainable)
    state = meshes.place(
      train_step.init_state(params, trainable, config), where
    )
    batch = meshes.put_batch(tiny_batch(made.plan.model, 4), made.mesh)
    compiled = made.lower(batch).compile()
    sizes.append(compiled.memory_analysis().argument_size_in_bytes)
    sent = totals(find_collectives(compiled.as_text()))
    # Without it only the few numbers that E has of each object.
    gathered = sent["all-gather"].bytes if "all-gather" in sent else 0
    assert (gathered > 10_000) == cut
    flag = meshes.put_flag(False, made.mesh)
    for _ in range(3):
      state, _, _ = compiled(state, batch, flag, {})
    results.append(state)
    assert jax.tree.all(
      jax.tree.map(lambda x, s: x.sharding == s, state, where)
    )
  moments = sum(
    x.nbytes
    for x in jax.tree.leaves((results[0].g_optimizer, results[0].d_optimizer))
  )
  assert 0.6 * moments < sizes[0] - sizes[1] <= 0.75 * moments
  one, other = map(leaves, results)
  for name in one:
    if not null_bias(name.removeprefix("params/").removeprefix("ema/")):
      largest = np.abs(one[name]).max()
      np.testing.assert_allclose(other[name], one[name], 0, 1e-3 * largest)


@pytest.mark.slow
def test_a_run_goes_on_with_its_optimizer_cut_or_whole(tmp_path):
  """Begun on 2 devices cut, ended on 1 whole; and begun whole, ended cut."""
  changes = {
    "batch_size": 2, "encoder.enabled": False, "keep": 99,
    "stages[0].trainable": ("G1",), "stages[0].constant": 4,
    "data.prepared_dir": str(tmp_path / "copies"),
  }  # fmt: skip

  def config(cut: bool, devices: int):
    made = tiny_config(
      **changes, **{"shard_optimizer": cut, "mesh.data": devices}
    )
    with made.unlocked():
      made.stages = made.stages[:1]
    return made

  def end(workdir: pathlib.Path) -> dict[str, np.ndarray]:
    checkpoints = directory.checkpoints_of(workdir)
    return leaves(checkpoints.restore_subtree(4, ["params", "g_optimizer"]))

  assert train(config(True, 2), tmp_path / "cut")
  whole = tmp_path / "whole"
  shutil.copytree(tmp_path / "cut", whole)
  for step in (3, 4):
    shutil.rmtree(whole / "checkpoints" / str(step))
  assert train(config(False, 1), whole)
  again = tmp_path / "again"
  shutil.copytree(whole, again)
  shutil.rmtree(again / "checkpoints" / "4")
  assert train(config(True, 2), again)
  want = end(tmp_path / "cut")
  for workdir in (whole, again):
    for name, value in end(workdir).items():
      assert value.shape == want[name].shape
      if not null_bias(name.removeprefix("params/")):
        largest = np.abs(want[name]).max()
        np.testing.assert_allclose(value, want[name], 0, 1e-2 * largest)
