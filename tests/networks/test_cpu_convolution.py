"""Every form that a CPU may take gives what the plain convolution gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw

from hdgan.networks import convolution, cpu_convolution


# Otherwise all cases here would be too small for any other form.
@pytest.fixture(autouse=True)
def every_layer_counts_as_large(monkeypatch):
  monkeypatch.setattr(cpu_convolution, "LARGE", 0)


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

  # A function of its own: JAX keeps what it traced.
  @jax.jit
  def form(x, kernel, dy):
    return cpu_convolution.weight_gradient(x, kernel, 1, dy)

  text = form.lower(x, kernel, dy).as_text()
  assert ("stablehlo.while" in text) == loops


@pytest.mark.parametrize("cached", [0, 2**20], ids=["one", "taps"])
def test_both_forms_of_a_transposed_convolution(cached, monkeypatch):
  """A picture of one pixel draws the kernel, less its first row and column."""
  monkeypatch.setattr(cpu_convolution, "CACHED", cached)
  kernel = draw(3, 3, 2, 3)
  x = jnp.zeros((1, 5, 5, 2)).at[0, 2, 2, 0].set(1.0)
  form = jax.jit(lambda x, kernel: convolution.up_conv(x, kernel))
  drawn = form(x, kernel)
  want = np.zeros((1, 10, 10, 3), np.float32)
  want[0, 3:6, 3:6] = np.asarray(kernel)[:, :, 0]
  np.testing.assert_allclose(drawn, want, atol=1e-6)
  text = form.lower(x, kernel).as_text()
  assert ("stablehlo.convolution" in text) == (cached == 0)


def test_pictures_that_are_cut_keep_the_simple_forms():
  """The partitioner would gather rows for the others."""
  kernel = jnp.zeros((1, 1, 1, 1))

  def is_simple(x):
    return cpu_convolution.is_simple(x, kernel, 1)

  x = jnp.zeros((1, 4, 2, 1))
  assert not is_simple(x)
  mesh = jax.sharding.Mesh(jax.devices()[:2], ("space",))
  cut = jax.sharding.PartitionSpec(None, "space")

  def inside(x):
    assert not is_simple(x)
    return x

  with jax.set_mesh(mesh):
    assert is_simple(x)
    jax.eval_shape(jax.shard_map(inside, in_specs=cut, out_specs=cut), x)
  with jax.set_mesh(jax.sharding.Mesh(jax.devices()[:2], ("data",))):
    assert not is_simple(x)


@pytest.mark.parametrize("large, simple", [(539, False), (541, True)])
def test_small_layers_keep_the_simple_forms(large, simple, monkeypatch):
  """3 x 5 pixels, 3 x 3 weights, 2 channels to 2: 540 products."""
  monkeypatch.setattr(cpu_convolution, "LARGE", large)
  x, kernel = jnp.zeros((1, 5, 7, 2)), jnp.zeros((3, 3, 2, 2))
  assert cpu_convolution.is_simple(x, kernel, 1) == simple
