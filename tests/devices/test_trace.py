"""What a profile says of the operations of a program."""

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from hdgan.devices import trace
from hdgan.errors import InputError

PROGRAM = """
HloModule jit_f
%inner (x: f32[8,4]) -> f32[8,4] {
  %add.1 = f32[8,4]{1,0} add(%x, %x), metadata={op_name="jit(f)/jvp(G)/add"}
}
ENTRY %main {
  %conv.2 = (f32[1,9]{1,0}, u8[0]{0}) custom-call(%a), metadata={op_type="x" op_name="jit(f)/transpose(jvp(Disc))/D1/cond/branch_0_fun/transpose(jvp())/conv"}
  ROOT %copy.3 = bf16[] copy(%b)
}
"""  # noqa: E501


def call(name, start, long, pid=1, tid=7, **args):
  return {
    "ph": "X", "pid": pid, "tid": tid, "name": name, "ts": start, "dur": long,
    "args": args or {"hlo_op": name},
  }  # fmt: skip


def named(kind, name, pid, tid=0):
  return {
    "ph": "M", "pid": pid, "tid": tid, "name": kind, "args": {"name": name}
  }  # fmt: skip


def times_of(events, **settings):
  found = trace.rank(events, {}, **{"times": 1, "most": 9, **settings})
  return {one.name: one.ms for one in found}


def test_a_program_s_text():
  assert trace.read_program(PROGRAM) == {
    "add.1": ("f32[8,4]", "G/add"),
    "conv.2": ("f32[1,9]", "backward Disc/D1/conv"),
    "copy.3": ("bf16[]", ""),
  }


def test_what_runs_inside_counts_once():
  """A loop of 10 ms holds 2 x 3 ms, in one of which 1 ms is another's."""
  events = [
    call("loop", 0, 10_000),
    call("conv", 0, 3000), call("copy", 500, 1000), call("conv", 5000, 3000),
    call("conv", 10_000, 2000),  # Begins as the loop ends.
    call("conv", 1000, 4000, tid=8),  # Of another thread: beside it.
    call("ThunkExecutor", 0, 99_000, other="no operation"),
    {"ph": "B", "pid": 1, "tid": 7, "name": "x", "ts": 0},
  ]  # fmt: skip
  found = trace.rank(
    events, {"copy": ("f32[2]", "G1/copy")}, times=2, most=2
  )  # fmt: skip
  # conv: 2 + 3 + 2 + 4, loop: 10 - 6, copy: 1; 16 ms together, in two runs.
  assert [(o.name, o.ms, o.calls) for o in found] == [
    ("conv", 5.5, 2), ("loop", 2, 0.5)
  ]  # fmt: skip
  assert [o.share for o in found] == [11 / 16, 4 / 16]
  (copy,) = trace.rank(
    events, {"copy": ("f32[2]", "G1/copy")}, times=2, most=9
  )[2:]
  assert copy == trace.Operation("copy", "f32[2]", "G1/copy", 0.5, 0.5, 1 / 16)


def test_a_gpu_s_streams_and_not_the_host():
  events = [
    named("process_name", "/host:CPU", 1),
    named("process_name", "/device:GPU:0", 2),
    call("conv", 0, 5000, pid=1),
    call("sm90_xmma", 0, 2000, pid=2, hlo_op="conv"),
    call("memset", 0, 2000, pid=2, tid=9, bytes=4),
  ]
  assert times_of(events) == {"conv": 2}


def test_a_tpu_s_operations_and_not_their_sums():
  events = [
    named("process_name", "/device:TPU:0", 2),
    named("thread_name", "XLA Modules", 2, 1),
    named("thread_name", "XLA Ops", 2, 3),
    call("jit_f", 0, 9000, pid=2, tid=1, hlo_op="jit_f"),
    call("fusion.1", 0, 2000, pid=2, tid=3, bytes=4),
  ]
  assert times_of(events) == {"fusion.1": 2}


def test_a_real_profile(tmp_path):
  x = jnp.ones((64, 64))
  program = jax.jit(lambda x: jnp.sin(x @ x)).lower(x).compile()
  folder = tmp_path / "profile"
  trace.record(folder, lambda: program(x), 3)
  found = trace.dearest(folder, program.as_text(), 3)
  assert {one.result for one in found} == {"f32[64,64]"}
  assert sum(one.share for one in found) == pytest.approx(1)
  assert {one.calls for one in found} == {1}
  assert any("dot_general" in one.source for one in found)
  shown = trace.table(found).splitlines()
  assert len(shown) == len(found) + 1 and "f32[64,64]" in shown[1]


def test_a_profile_without_operations(tmp_path):
  assert trace.dearest(tmp_path, PROGRAM, 1) == []
  with gzip.open(tmp_path / "vm.trace.json.gz", "wt") as file:
    json.dump({"traceEvents": [call("python", 0, 1, a="b")]}, file)
  assert trace.dearest(tmp_path, PROGRAM, 1) == []


def test_folders_that_hold_something(tmp_path):
  trace.check_folder(tmp_path / "new" / "one")
  (tmp_path / "empty").mkdir()
  trace.check_folder(tmp_path / "empty")
  (tmp_path / "file").write_text("mine")
  for name, said in (("", "not empty"), ("file", "is a file"),
                     ("file/below", "is a file")):  # fmt: skip
    with pytest.raises(InputError, match=said):
      trace.check_folder(tmp_path / name)
