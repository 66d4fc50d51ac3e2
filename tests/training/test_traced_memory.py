"""Programs whose bytes are counted by hand."""

import jax
import jax.numpy as jnp

from hdgan.training.traced_memory import peak

ROW = jax.ShapeDtypeStruct((1000,), jnp.float32)  # 4000 bytes
PICTURE = jax.ShapeDtypeStruct((1, 10, 20, 5), jnp.float32)  # the same
KERNEL = jax.ShapeDtypeStruct((3, 3, 5, 5), jnp.float32)


def of(function, *shapes):
  return peak(jax.make_jaxpr(function)(*shapes).jaxpr)


def test_what_is_used_once_more_is_kept():
  def chain(x):
    a = jnp.sort(x)
    b = jnp.sort(a * 2)
    return jnp.sort(b + 1)

  def fork(x):
    a = jnp.sort(x)
    return jnp.sort(jnp.sort(a * 2) + 1) + a

  assert of(chain, ROW) == (8000, 0)
  assert of(fork, ROW) == (12000, 0)


def test_cheap_arithmetic_keeps_what_it_was_made_of():
  """Of 16 bits: what is computed in 32 on the way takes no memory."""

  def function(x):
    a = jnp.sort(x.astype(jnp.bfloat16))
    wide = jnp.exp(a.astype(jnp.float32)) + 1
    b = jnp.sort(wide.astype(jnp.bfloat16))
    return jnp.sort(b) + wide.astype(jnp.bfloat16)

  assert of(function, ROW) == (6000, 0)


def test_pictures_and_weights_are_told_apart():
  def function(x, kernel):
    sorted_kernel = jnp.sort(kernel, axis=3)
    y = jax.lax.conv_general_dilated(
      x, sorted_kernel, (1, 1), "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    return jnp.sort(y, axis=3), sorted_kernel

  assert of(function, PICTURE, KERNEL) == (900, 8000)


def test_a_kernel_is_rounded_once_and_kept():
  def function(x, kernel):
    def conv(x):
      return jax.lax.conv_general_dilated(
        x, kernel.astype(x.dtype), (1, 1), "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
      )  # fmt: skip

    return conv(conv(x.astype(jnp.bfloat16)))

  # 450 bytes of the kernel, twice 2000 of pictures.
  assert of(function, PICTURE, KERNEL) == (450, 4000)


def test_what_is_computed_anew_is_not_kept():
  def layers(x):
    for _ in range(4):
      x = jnp.sin(jnp.sort(x))
    return x.sum()

  kept = of(jax.grad(layers), ROW)[0]
  again = of(jax.grad(jax.checkpoint(layers)), ROW)[0]
  halves = jax.checkpoint(lambda x: jnp.sin(jnp.sort(jnp.sin(jnp.sort(x)))))
  less = of(jax.grad(lambda x: halves(halves(x)).sum()), ROW)[0]
  assert less < again <= kept
