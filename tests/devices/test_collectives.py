"""Programs written by hand, and bytes counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hdgan.devices.collectives import (
  Collective,
  Total,
  find_collectives,
  totals,
)

PLAIN = """\
HloModule jit_step, num_partitions=4

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

ENTRY %main (x: f32[2,3], y: bf16[5]) -> f32[] {
  %x = f32[2,3]{1,0} parameter(0), metadata={op_name="all-gather(x)"}
  %y = bf16[5]{0:T(512)(128)(2,1)S(1)} parameter(1)
  %all-reduce.7 = (f32[2,3]{1,0}, /*index=1*/bf16[5]{0}) all-reduce(%x, %y), \
replica_groups={{0,1},{2,3}}, to_apply=%add
  %whole = f32[8,3]{1,0} all-gather(%x), dimensions={0}
  %part = f32[2]{0} reduce-scatter(%wide), dimensions={0}, to_apply=%add
  %moved = f32[2,3]{1,0} collective-permute(%x), source_target_pairs={{0,1}}
  %mixed = (f32[1,3]{1,0}, f32[1,3]{1,0}) all-to-all(%one, %two)
  %wide = f32[8]{0} iota(), iota_dimension=0
  %user = f32[] custom-call(%all-reduce.7), custom_call_target="all-reduce"
  ROOT %out = f32[] constant(0)
}
"""


def test_each_kind():
  assert find_collectives(PLAIN) == [
    Collective("all-reduce", 1, 2 * 3 * 4 + 5 * 2, "(f32[2,3], bf16[5])"),
    Collective("all-gather", 1, 8 * 3 * 4, "f32[8,3]"),
    # What goes in is four times what comes out.
    Collective("reduce-scatter", 1, 8 * 4, "f32[2]"),
    Collective("collective-permute", 1, 2 * 3 * 4, "f32[2,3]"),
    Collective("all-to-all", 1, 2 * 3 * 4, "(f32[1,3], f32[1,3])"),
  ]


STARTED = """\
HloModule jit_step

ENTRY %main (x: f32[2,3], y: u8[6]) -> f32[] {
  %x = f32[2,3]{1,0} parameter(0)
  %y = u8[6]{0} parameter(1)
  %r = (f32[2,3]{1,0}, f32[7]{0}) all-reduce-start(%x, %z), to_apply=%add
  %r2 = (f32[2,3]{1,0}, f32[7]{0}) all-reduce-done(%r)
  %g = (f32[2,3]{1,0}, f32[4,3]{1,0}) all-gather-start(%x), dimensions={0}
  %g2 = f32[4,3]{1,0} all-gather-done(%g)
  %h = ((f32[2,3]{1,0}, u8[6]{0}), (f32[4,3]{1,0}, u8[12]{0})) \
all-gather-start(%x, %y), dimensions={0}
  %p = (f32[2,3]{1,0:T(8,128)}, f32[2,3]{1,0:T(8,128)}, u32[]{:S(2)}, \
u32[]{:S(2)}) collective-permute-start(%x), source_target_pairs={{0,1}}
  %p2 = f32[2,3]{1,0} collective-permute-done(%p)
  %s = ((f32[2,3]{1,0}), f32[1,3]{1,0}) reduce-scatter-start(%x)
  %s2 = f32[1,3]{1,0} reduce-scatter-done(%s)
  ROOT %out = f32[] constant(0)
}
"""


def test_what_is_started_counts_once():
  assert totals(find_collectives(STARTED)) == {
    "all-gather": Total(2, 48 + 48 + 12),
    "all-reduce": Total(1, 24 + 28),
    "collective-permute": Total(1, 24),
    "reduce-scatter": Total(1, 24),
  }


LOOPS = """\
HloModule jit_step

%wrapped (p: f32[4]) -> f32[4] {
  %p = f32[4]{0} parameter(0)
  ROOT %r = f32[4]{0} all-reduce(%p), to_apply=%add
}

%inner_body (p: f32[4]) -> f32[4] {
  %p.1 = f32[4]{0} parameter(0)
  ROOT %w = f32[4]{0} fusion(%p.1), kind=kLoop, calls=%wrapped
}

%body (p: f32[4]) -> f32[4] {
  %p.2 = f32[4]{0} parameter(0)
  %g = f32[4]{0} all-gather(%half), dimensions={0}
  ROOT %l = f32[4]{0} while(%p.2), condition=%c, body=%inner_body, \
backend_config={"known_trip_count":{"n":"5"},"x":"y"}
}

%no (p: f32[4]) -> f32[4] {
  ROOT %q = f32[4]{0} collective-permute(%half), source_target_pairs={{0,1}}
}

%never (p: f32[4]) -> f32[4] {
  ROOT %n = f32[4]{0} all-to-all(%half), dimensions={0}
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  %l.1 = f32[4]{0} while(%x), condition=%c, body=%body, \
backend_config={"known_trip_count":{"n":"3"}}
  %c = f32[4]{0} conditional(%t, %x, %x), branch_computations={%no, %no}
  ROOT %u = f32[4]{0} while(%c), condition=%c, body=%inner_body
}
"""


def test_loops_branches_and_what_is_never_called():
  assert totals(find_collectives(LOOPS)) == {
    # 3 x 5 in the nested loop, once in the one that XLA knows nothing of.
    "all-reduce": Total(16, 16 * 16),
    "all-gather": Total(3, 3 * 16),
    "collective-permute": Total(2, 2 * 16),
  }


def test_bytes_of_types():
  line = "  %x.1 = ({}) all-reduce(%a), to_apply=%add\n"
  for text, size in {
    "pred[3]": 3, "s4[3]": 2, "f8e4m3fn[2]": 2, "c64[2,2]": 32, "f64[]": 8,
    "f32[0,4]": 0, "f32[<=4]{0}": 16, "token[]": 0,
  }.items():  # fmt: skip
    program = "ENTRY %m (x: f32[]) -> f32[] {\n" + line.format(text) + "}\n"
    assert find_collectives(program)[0].bytes == size, text


def test_a_program_that_xla_compiled():
  """Three turns of a loop that adds up over 4 devices, and one all-gather."""
  mesh = Mesh(np.array(jax.devices()[:4]), ("data",))
  cut = NamedSharding(mesh, PartitionSpec(None, "data"))
  whole = NamedSharding(mesh, PartitionSpec())

  def turn(total, row):
    return total + jnp.sum(row, 0), None

  def program(rows):
    return jax.lax.scan(turn, jnp.zeros(6), rows)[0], rows

  rows = jax.ShapeDtypeStruct((3, 8, 6), jnp.float32, sharding=cut)
  jitted = jax.jit(program, out_shardings=whole)
  text = jitted.lower(rows).compile().as_text()
  assert totals(find_collectives(text)) == {
    "all-gather": Total(1, 3 * 8 * 6 * 4),
    "all-reduce": Total(3, 3 * 6 * 4),
  }
