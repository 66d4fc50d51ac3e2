"""Every form that a CPU may take gives what the plain convolution gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw

from hdgan.networks import convolution, cpu_convolution

CASES = {  # size, stride, height, width, channels in, channels out
  "more weights than pixels": (3, 1, 5, 6, 3, 12),
  "more pixels than weights": (3, 1, 9, 11, 3, 4),
  "few channels out": (7, 1, 11, 8, 8, 2),
  "parities, a row left over": (4, 2, 9, 12, 3, 4),
  "parities, a row missing": (3, 2, 7, 10, 3, 4),
  "parities, a column of each": (3, 2, 8, 9, 3, 4),
  "strided, deep": (3, 2, 9, 8, 64, 4),
  "strided, deep, few pixels": (3, 2, 5, 6, 64, 8),
}


@pytest.mark.parametrize("cached", [0, 2**20], ids=["large", "small"])
@pytest.mark.parametrize("name", CASES)
def test_forms(name, cached, monkeypatch):
  size, stride, height, width, c, d = CASES[name]
  monkeypatch.setattr(cpu_convolution, "CACHED", cached)
  monkeypatch.setattr(cpu_convolution, "BLOCK", 16 if cached == 0 else 2**17)
  x, kernel = draw(2, height, width, c), draw(size, size, c, d, seed=1)

  def plain(x, kernel):
    return jax.lax.conv_general_dilated(
      x, kernel, (stride, stride), "VALID",
      dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest",
    )  # fmt: skip

  want, pull = jax.vjp(plain, x, kernel)
  close(cpu_convolution.forward(x, kernel, stride), np.asarray(want))
  dy = jnp.asarray(draw(*want.shape, seed=2))
  dx, dkernel = pull(dy)
  got = cpu_convolution.input_gradient(x, kernel, stride, dy)
  close(got, np.asarray(dx))
  got = cpu_convolution.weight_gradient(x, kernel, stride, dy)
  close(got, np.asarray(dkernel))


@pytest.mark.parametrize("block, loops", [(2**17, False), (2, True)])
def test_large_gradients_are_taken_in_blocks(block, loops, monkeypatch):
  monkeypatch.setattr(cpu_convolution, "BLOCK", block)
  x, kernel, dy = draw(1, 9, 7, 3), draw(3, 3, 3, 4), draw(1, 7, 5, 4)
  form = jax.jit(cpu_convolution.weight_gradient, static_argnums=2)
  text = form.lower(x, kernel, 1, dy).as_text()
  assert ("stablehlo.while" in text) == loops


@pytest.mark.parametrize("cached", [0, 2**20], ids=["one", "taps"])
def test_both_forms_of_a_transposed_convolution(cached, monkeypatch):
  """A picture of one pixel draws the kernel, less its first row and column."""
  monkeypatch.setattr(cpu_convolution, "CACHED", cached)
  kernel = draw(3, 3, 2, 3)
  x = jnp.zeros((1, 3, 3, 2)).at[0, 1, 1, 0].set(1.0)
  drawn = convolution.up_conv(x, kernel)
  want = np.zeros((1, 6, 6, 3), np.float32)
  want[0, 1:4, 1:4] = np.asarray(kernel)[:, :, 0]
  np.testing.assert_allclose(drawn, want, atol=1e-6)
  text = jax.jit(convolution.up_conv).lower(x, kernel).as_text()
  assert ("stablehlo.convolution" in text) == (cached == 0)


def test_pictures_that_are_cut_keep_the_simple_forms():
  """The partitioner would gather rows for the others."""
  assert not cpu_convolution.pictures_are_cut()
  mesh = jax.sharding.Mesh(jax.devices()[:2], ("space",))
  cut = jax.sharding.PartitionSpec(None, "space")

  def inside(x):
    assert not cpu_convolution.pictures_are_cut()
    return x

  with jax.set_mesh(mesh):
    assert cpu_convolution.pictures_are_cut()
    x = jnp.zeros((1, 4, 2, 1))
    jax.eval_shape(jax.shard_map(inside, in_specs=cut, out_specs=cut), x)
  with jax.set_mesh(jax.sharding.Mesh(jax.devices()[:2], ("data",))):
    assert not cpu_convolution.pictures_are_cut()
