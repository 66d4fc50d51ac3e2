"""Checkpoints: bits, manifests, pruning, kills, devices."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.runs import checkpoint, manifest
from hdgan.runs.checkpoint import Checkpoints


def make_state(seed=0):
  """Params of G1 and D, an Adam that knows only G1, a count of steps."""
  rng = np.random.default_rng(seed)
  kernel = rng.standard_normal((3, 3, 4, 8)).astype(np.float32)
  params = {
    "G1": {"conv_in": {"kernel": jnp.asarray(kernel), "bias": jnp.ones(8)}},
    "D": {"D1": {"bias": jnp.full(4, -0.5)}},
  }
  optimizer = optax.multi_transform(
    {"on": optax.adam(2e-4), "off": optax.set_to_zero()},
    {"G1": "on", "D": "off"},
  )
  return {
    "step": jnp.int32(seed),
    "params": params,
    "optimizer": optimizer.init(params),
    "ema": {"G1": params["G1"]},
  }


def abstract(state, sharding=None):
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
      leaf.shape, leaf.dtype, sharding=sharding
    ),
    state,
  )


def assert_same(actual, expected):
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  for one, two in zip(
    jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True
  ):
    assert one.dtype == two.dtype
    assert np.asarray(one).tobytes() == np.asarray(two).tobytes()


def files_of(folder):
  return {
    path.relative_to(folder): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file()
  }


@pytest.fixture
def saved(tmp_path):
  """Steps 10 and 20, closed."""
  with Checkpoints(tmp_path / "checkpoints") as checkpoints:
    for step in (10, 20):
      checkpoints.save(step, make_state(step), {"stage": "global", "n": step})
  return checkpoints


def test_round_trip_is_bit_equal(saved):
  assert saved.steps() == [10, 20]
  assert saved.latest() == 20
  for step in (10, 20):
    state = make_state(step)
    restored = saved.restore(step, abstract(state))
    assert_same(restored, state)
    assert restored["step"].dtype == jnp.int32


def test_info_needs_no_arrays(saved):
  for path in (saved.directory / "20" / "state").rglob("*"):
    if path.is_file():
      path.unlink()
  assert saved.info(20) == {"stage": "global", "n": 20}


def test_a_folder_that_is_not_there_is_empty_and_stays_away(tmp_path):
  checkpoints = Checkpoints(tmp_path / "none")
  assert checkpoints.steps() == []
  assert checkpoints.latest() is None
  with pytest.raises(InputError, match="step 5; there are: none"):
    checkpoints.info(5)
  assert not checkpoints.directory.exists()


def test_buffers_may_be_donated_as_soon_as_save_returns(tmp_path):
  add = jax.jit(lambda x: x + jnp.float32(1), donate_argnums=0)
  x = jnp.zeros((512, 512))
  with Checkpoints(tmp_path, keep=4) as checkpoints:
    for step in range(4):
      checkpoints.save(step, {"x": x}, {})
      x = add(add(x))
  for step in range(4):
    saved = checkpoints.restore_subtree(step, ("x",))["x"]
    np.testing.assert_array_equal(np.unique(saved), 2.0 * step)


def test_keep_prunes_the_oldest_but_never_a_stages_last(tmp_path):
  with Checkpoints(tmp_path, keep=2) as checkpoints:
    for step in range(1, 7):
      checkpoints.save(step, {"x": jnp.ones(2)}, {}, keep_forever=step == 2)
  assert checkpoints.steps() == [2, 5, 6]
  assert sorted(p.name for p in tmp_path.iterdir()) == ["2", "5", "6"]


def test_a_step_saved_twice_stays_and_can_still_be_kept(tmp_path):
  with Checkpoints(tmp_path, keep=1) as checkpoints:
    checkpoints.save(3, {"x": jnp.ones(2)}, {"first": True})
    checkpoints.save(3, {"x": jnp.zeros(2)}, {}, keep_forever=True)
    checkpoints.save(4, {"x": jnp.ones(2)}, {})
  assert checkpoints.steps() == [3, 4]
  assert checkpoints.info(3) == {"first": True}


def test_keep_of_zero_is_an_error(tmp_path):
  with pytest.raises(InputError, match="keep = 0"):
    Checkpoints(tmp_path, keep=0)


def test_one_flipped_bit_anywhere_is_found_or_harmless(saved):
  state = make_state(20)
  paths = [p for p in (saved.directory / "20").rglob("*") if p.is_file()]
  assert len(paths) > 8
  for path in paths:
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(flipped)
    orbax_only = path.parent.name == "20" and path.name != manifest.NAME
    if orbax_only:  # Time stamps of the commit, which nothing here reads.
      assert_same(saved.restore(20, abstract(state)), state)
    else:
      with pytest.raises(InputError) as caught:
        saved.restore(20, abstract(state))
      message = str(caught.value)
      assert "step 20 is damaged" in message
      assert f"delete the folder {saved.directory / '20'}" in message
      assert "go on from step 10" in message
      if path.name != manifest.NAME:
        assert str(path) in message
    path.write_bytes(whole)
  assert_same(saved.restore(20, abstract(state)), state)


def test_missing_and_added_files_are_found(saved):
  folder = saved.directory / "20"
  (folder / "state" / "extra").write_text("x")
  with pytest.raises(InputError, match="state/extra: differs"):
    saved.verify(20)
  (folder / "state" / "extra").unlink()
  (folder / "info" / "metadata").unlink()
  with pytest.raises(InputError, match="info/metadata: differs"):
    saved.info(20)


def test_an_empty_manifest_is_not_a_pass(saved):
  (saved.directory / "20" / manifest.NAME).write_text("")
  with pytest.raises(InputError, match="damaged"):
    saved.info(20)


def test_a_step_without_manifest_is_not_trusted(saved, caplog):
  (saved.directory / "20" / manifest.NAME).unlink()
  (saved.directory / "30.orbax-checkpoint-tmp").mkdir()
  reader = Checkpoints(saved.directory)
  assert reader.latest() == 10
  with pytest.raises(InputError, match="there are: 10"):
    reader.restore(20, abstract(make_state()))
  assert (saved.directory / "20").exists(), "a reader removes nothing"
  with reader:
    reader.save(20, make_state(5), {})
  assert reader.steps() == [10, 20]
  assert_same(reader.restore(20, abstract(make_state(5))), make_state(5))
  names = sorted(p.name for p in saved.directory.iterdir())
  assert names == ["10", "20", "20.without-manifest"]


def test_what_has_a_steps_name_is_never_removed(saved):
  """Whatever the folder holds, its bytes are there after a save."""
  folder = saved.directory
  kept = {}
  for step in (10, 20):
    (folder / str(step) / manifest.NAME).unlink()
    kept[step] = files_of(folder / str(step))
  (folder / "10.without-manifest").mkdir()  # That name is taken.
  with Checkpoints(folder, keep=1) as checkpoints:
    assert checkpoints.unsealed() == [10, 20]
    checkpoints.save(30, make_state(), {})
  assert files_of(folder / "10.without-manifest2") == kept[10]
  assert files_of(folder / "20.without-manifest") == kept[20]
  assert checkpoints.steps() == [30] and checkpoints.unsealed() == []


def test_names_that_are_nearly_a_steps_are_left_alone(saved):
  for name in ("0020", "0009"):
    (saved.directory / name).mkdir()
  (saved.directory / "0020" / manifest.NAME).write_text("")
  assert saved.steps() == [10, 20] and saved.unsealed() == []
  with Checkpoints(saved.directory, keep=1) as checkpoints:
    checkpoints.save(30, make_state(), {})
  names = sorted(p.name for p in saved.directory.iterdir())
  assert names == ["0009", "0020", "30"]


@pytest.mark.parametrize("acts", range(5))
def test_a_kill_while_pruning_leaves_no_half_step(saved, monkeypatch, acts):
  """After none to all of the acts that removing a step is made of."""
  left = [acts]

  def counted(act):
    def do(*args, **kwargs):
      if not left[0]:
        raise KeyboardInterrupt
      left[0] -= 1
      return act(*args, **kwargs)

    return do

  checkpoints = Checkpoints(saved.directory, keep=1)
  with monkeypatch.context() as patch:
    for name in ("touch", "unlink"):
      patch.setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))
    patch.setattr(
      whole_files, "remove_folder", counted(whole_files.remove_folder)
    )
    with pytest.raises(KeyboardInterrupt):
      checkpoints._prune()
  # The manifest goes third: until then the step is whole.
  assert checkpoints.steps() == ([10, 20] if acts < 3 else [20])
  for step in checkpoints.steps():
    checkpoints.verify(step)
  assert checkpoints.unsealed() == []
  with Checkpoints(saved.directory, keep=1) as checkpoints:
    checkpoints.save(30, make_state(), {})
  assert sorted(p.name for p in saved.directory.iterdir()) == ["30"]


def test_what_a_killed_save_left_is_told_from_a_lost_manifest(saved):
  """The first is removed; the other stays, with any marks or none."""
  folder = saved.directory
  for step in (30, 40, 50):
    shutil.copytree(folder / "20", folder / str(step))
    (folder / str(step) / manifest.NAME).unlink()
  (folder / "30/commit_success.txt").unlink()
  (folder / "30.unfinished").touch()  # Killed while it was written.
  (folder / "40/commit_success.txt").unlink()  # Of an older orbax.
  (folder / "50.unfinished").touch()  # Whole, but for the manifest.
  assert Checkpoints(folder).unsealed() == [40, 50]
  with Checkpoints(folder, keep=9) as checkpoints:
    checkpoints.save(60, make_state(), {})
  names = sorted(p.name for p in folder.iterdir())
  assert names == [
    "10", "20", "40.without-manifest", "50.without-manifest", "60",
  ]  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_not_read(tmp_path, value):
  state = make_state()
  state["params"]["D"]["D1"]["bias"] = jnp.array([0.0, value, 0.0, 0.0])
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(1, make_state(1), {})
    checkpoints.save(2, state, {})
  for read in (
    lambda: checkpoints.restore(2, abstract(state)),
    lambda: checkpoints.restore_subtree(2, ["params"]),
  ):
    with pytest.raises(InputError) as caught:
      read()
    assert "params/D/D1/bias holds numbers that are not" in str(caught.value)
    assert f"delete the folder {tmp_path / '2'} to go" in str(caught.value)
  checkpoints.restore_subtree(2, ["params/G1"])


KILLED = """
  import os, signal, sys
  import jax.numpy as jnp
  from hdgan.runs import checkpoint, manifest
  checkpoints = checkpoint.Checkpoints(sys.argv[1])
  checkpoints.save(1, {"x": jnp.arange(8)}, {"n": 1})
  checkpoints.wait()
  seal = checkpoint.Checkpoints._seal
  def kill(self):
    if sys.argv[2] == "after":
      seal(self)
    os.kill(os.getpid(), signal.SIGKILL)
  checkpoint.Checkpoints._seal = kill
  checkpoints._manager.close()
  checkpoints._manager = None
  checkpoints.save(2, {"x": jnp.ones(8)}, {"n": 2})
  checkpoints.close()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_sigkill_around_the_manifest_leaves_whole_steps(tmp_path, when):
  root = pathlib.Path(checkpoint.__file__).parents[2]
  done = subprocess.run(
    [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), when],
    cwd=root,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
    timeout=60,
    capture_output=True,
  )
  assert done.returncode == -signal.SIGKILL, done.stderr.decode()
  names = sorted(p.name for p in tmp_path.iterdir())
  assert names == ["1", "2", "2.unfinished"]
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.steps() == ([1] if when == "before" else [1, 2])
    assert checkpoints.unsealed() == []
    checkpoints.save(2, {"x": jnp.ones(8)}, {"n": 3})
    checkpoints.save(3, {"x": jnp.ones(8)}, {"n": 4})
  # orbax had not set its own mark, and none is needed.
  assert checkpoints.info(2) == {"n": 3 if when == "before" else 2}
  read = checkpoints.restore_subtree(2, ["x"])["x"]
  np.testing.assert_array_equal(read, np.ones(8))
  assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2", "3"]


def test_without_orbaxs_call_the_manifest_comes_with_wait(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(
    checkpoint.ocp, "AsyncOptions", lambda **_: None, raising=True
  )
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(1, {"x": jnp.ones(2)}, {})
    checkpoints._manager.wait_until_finished()
    assert (tmp_path / "1").is_dir()
    assert checkpoints.steps() == []
    checkpoints.wait()
    assert checkpoints.steps() == [1]
  checkpoints.verify(1)


def test_a_run_that_was_removed_is_not_made_anew(tmp_path):
  """Not even an empty manifest: the next start would take it for a step."""
  checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
  checkpoints.save(1, make_state(), {"stage": 0})
  checkpoints._manager.wait_until_finished()
  shutil.rmtree(tmp_path / "run")
  with pytest.raises(FileNotFoundError):
    checkpoints.close()
  assert not list(tmp_path.rglob("*"))


def test_one_that_ends_with_an_error_waits_for_no_other(tmp_path, monkeypatch):
  """The others may be in a step, and are told once it has ended."""
  waited = []
  monkeypatch.setattr(checkpoint.processes, "wait", waited.append)
  with Checkpoints(tmp_path / "good") as checkpoints:
    checkpoints.save(1, make_state(), {"stage": 0})
  assert "saved" in waited
  waited.clear()
  with pytest.raises(KeyError), Checkpoints(tmp_path / "bad") as checkpoints:
    checkpoints.save(1, make_state(), {"stage": 0})
    raise KeyError
  assert "saved" not in waited
  assert Checkpoints(tmp_path / "bad").steps() == [1]


def test_saved_on_one_device_restored_on_four(saved):
  mesh = jax.make_mesh((4,), ("data",))
  spread = jax.sharding.NamedSharding(mesh, jax.P())
  split = jax.sharding.NamedSharding(mesh, jax.P(None, None, None, "data"))
  state = make_state(20)
  wanted = abstract(state, spread)
  conv = wanted["params"]["G1"]["conv_in"]
  conv["kernel"] = jax.ShapeDtypeStruct(
    (3, 3, 4, 8), np.float32, sharding=split
  )
  restored = saved.restore(20, wanted)
  assert_same(restored, state)
  kernel = restored["params"]["G1"]["conv_in"]["kernel"]
  assert kernel.sharding == split
  assert kernel.addressable_shards[0].data.shape == (3, 3, 4, 2)
  assert len(restored["step"].sharding.device_set) == 4


def test_subtree_needs_no_knowledge_of_the_rest(saved):
  state = make_state(20)
  part = saved.restore_subtree(20, ("params/G1", "ema"))
  assert sorted(part) == ["ema", "params"]
  assert list(part["params"]) == ["G1"]
  expected = jax.device_get(state["params"]["G1"])
  assert_same(part["params"]["G1"], expected)
  assert_same(part["ema"]["G1"], expected)
  assert isinstance(part["ema"]["G1"]["conv_in"]["bias"], np.ndarray)
  with pytest.raises(InputError, match="under 'params/G'; there are ema/G1"):
    saved.restore_subtree(20, ("params/G",))


def test_other_networks_are_named(saved):
  wanted = abstract(make_state(20))
  wanted["params"]["D"]["D1"]["bias"] = jax.ShapeDtypeStruct((5,), np.float32)
  wanted["params"]["G2"] = jax.ShapeDtypeStruct((), np.int32)
  with pytest.raises(InputError) as caught:
    saved.restore(20, wanted)
  assert "2 arrays differ" in str(caught.value)
  assert "params/D/D1/bias: float32[4] in the" in str(caught.value)
  assert "float32[5] wanted" in str(caught.value)


def test_full_disk_is_one_line_and_leaves_the_step_before(saved, monkeypatch):
  def full(folder, items):
    raise OSError(28, "No space left on device")

  checkpoints = Checkpoints(saved.directory)
  monkeypatch.setattr(manifest, "write", full)
  checkpoints.save(30, make_state(30), {})
  with pytest.raises(InputError, match="disk is full.*step: 20"):
    checkpoints.wait()
  monkeypatch.undo()
  checkpoints.close()
  assert sorted(p.name for p in saved.directory.iterdir()) == ["10", "20"]
  with Checkpoints(saved.directory) as again:
    again.save(30, make_state(30), {})
  assert again.latest() == 30
