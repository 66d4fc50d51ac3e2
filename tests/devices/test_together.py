"""Real processes over gloo: agreement, barriers, and one end for all."""

import textwrap

import pytest

from tests.together import Together

_JOIN = """
import os, sys, jax
from hdgan.devices import mesh, place, processes
from hdgan.errors import InputError
processes.start(place.find_place())
me = processes.index()
"""


def run(tmp_path, code, count=2, **more):
  codes = [_JOIN + textwrap.dedent(code)] * count
  return Together(tmp_path, codes, **more).ended()


def test_what_they_agree_on(tmp_path):
  """Each answer is worked out by hand for two processes."""
  told = run(
    tmp_path,
    """
    assert processes.count() == 2 and processes.first() == (me == 0)
    for word in ("one", "two"):  # A name may be used again.
      assert processes.agreed("word", f"{word} of {me}") == f"{word} of 0"
    assert not processes.anyone("asked", False)
    assert processes.anyone("asked", me == 1)
    assert not processes.anyone("asked", False)
    processes.require_same("size", "3", "")
    with processes.first_goes_first("file"):
      mine = os.path.join(os.environ["FOLDER"], "file")
      if me == 0:
        open(mine, "w").close()
      assert os.path.exists(mine)
    try:
      if me == 1:
        processes.wait("late", timeout=0.5)
    except InputError as error:
      print(error)
    processes.say("said once")
    processes.finish()
    """,
    FOLDER=str(tmp_path),
  )
  assert [t.status for t in told] == [0, 0], told
  assert "said once" in told[0].text and "said once" not in told[1].text
  assert (
    "process 1 of 2 cannot go on without the others at 'late'" in told[1].text
  )


def test_a_mesh_over_processes(tmp_path):
  """2 devices each: as many of each, in order; global values are equal."""
  told = run(
    tmp_path,
    """
    import numpy as np, jax.numpy as jnp
    devices = jax.devices()
    for batch, size in ((2, 2), (4, 4), (6, 2), (8, 4)):
      found = mesh.make_mesh(batch)
      of = [d.process_index for d in found.devices.flat]
      assert of == [0] * (size // 2) + [1] * (size // 2), (batch, of)
    for batch, asked, words in (
      (3, 0, "--config.batch_size=2 or --config.batch_size=4"),
      (1, 0, "2 processes; say --config.batch_size=2"),
      (4, 1, "--config.mesh.data=2"),
    ):
      try:
        mesh.make_mesh(batch, asked)
      except InputError as error:
        assert words in str(error), error
      else:
        raise AssertionError(batch)
    all_of_them = mesh.make_mesh(4)
    own = np.arange(2)[:, None] + 10 * me
    whole = mesh.put_batch({"x": own}, all_of_them)["x"]
    total = jax.jit(jnp.sum, out_shardings=mesh.replicated(all_of_them))
    assert int(total(whole)) == 0 + 1 + 10 + 11
    flag = mesh.put_flag(me == 1, all_of_them)
    top = jax.jit(jnp.max, out_shardings=mesh.replicated(all_of_them))
    assert flag.shape == (4,) and int(top(flag)) == 1
    tree = mesh.place({"a": np.eye(2), "b": jnp.ones(3)}, mesh.replicated(
        all_of_them))
    assert not tree["a"].is_fully_addressable
    np.testing.assert_array_equal(np.asarray(tree["a"]), np.eye(2))
    again = mesh.place(tree, mesh.replicated(all_of_them))
    np.testing.assert_array_equal(np.asarray(again["b"]), np.ones(3))
    processes.finish()
    """,
    XLA_FLAGS="--xla_force_host_platform_device_count=2",
  )
  assert [t.status for t in told] == [0, 0], told


def test_one_that_fails_tells_the_others_why(tmp_path):
  told = run(
    tmp_path,
    """
    processes.wait("begin")
    if me == int(os.environ["WHO"]):
      processes.end(2, "the disk of this host is full")
    processes.wait("never")
    """,
    WHO="1",
  )
  assert [t.status for t in told] == [2, 2], told
  (line,) = told[0].errors
  assert line.startswith("error: ended because of process 1 of 2 on ")
  assert line.endswith(": the disk of this host is full")


def test_process_0_tells_before_it_goes(tmp_path):
  """With it goes the service that the others ask."""
  told = run(
    tmp_path,
    """
    processes.wait("begin")
    if processes.first():
      processes.end(2, "the shared disk is full")
    processes.wait("never")
    """,
    count=3,
  )
  assert [t.status for t in told] == [2, 2, 2], told
  for other in told[1:]:
    (line,) = other.errors
    assert "process 0 of 3" in line and "the shared disk is full" in line


def test_other_data_is_noticed(tmp_path):
  told = run(
    tmp_path,
    """
    try:
      processes.require_same("data", f"{4 + me} images", "give all the same")
    except InputError as error:
      print(error)
      processes.end(2, str(error))
    processes.wait("never")
    """,
  )
  words = (
    "process 1 of 2 sees another data than process 0 (5 images here, 4 images "
    "there); give all the same"
  )
  assert all(t.status == 2 and words in t.text for t in told), told


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_that_is_killed_is_missed(tmp_path, victim):
  """Within a minute; of process 0's death JAX itself tells the others."""
  told = run(
    tmp_path,
    """
    import signal
    processes.wait("begin")
    if me == int(os.environ["VICTIM"]):
      import time
      time.sleep(3)  # The others have heard of it.
      os.kill(os.getpid(), signal.SIGKILL)
    processes.wait("never")
    """,
    VICTIM=str(victim),
  )
  other = told[1 - victim]
  assert told[victim].status == -9 and other.status != 0
  if victim == 1:
    assert "process 1 of 2 is gone (no sign of it for 30 s" in other.text
  else:
    assert "another task died" in other.text
