"""Convolutions, plain and transposed, in the form that is fast where they run.

CPUs get the forms of `cpu_convolution.py`, other platforms the plain ones.
Values agree to float32 rounding.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hdgan.devices.mesh import sum_over_data
from hdgan.networks import cpu_convolution as cpu

_Rows = tuple[tuple[int | None, int | None], tuple[int | None, int | None]]


def conv(
  x: Float[Array, "b h w c"],
  kernel: Float[Array, "k k c d"],
  stride: int = 1,
  padding: int = 0,
) -> Float[
  Array,
  "b (h+2*{padding}-k)//{stride}+1 (w+2*{padding}-k)//{stride}+1 d",
]:
  """Cross-correlates a batch of pictures with a kernel.

  Args:
    x: [B, H, W, C] pictures.
    kernel: [k, k, C, D] weights; they are rounded to the pictures' dtype, but
      their gradient is not.
    stride: 1 or 2, on both axes.
    padding: rows and columns of zeros put on every side first.

  Returns:
    [B, (H + 2 * padding - k) // stride + 1, ..., D] pictures.
  """
  # Padding first: the weight gradient of a padded convolution is slow on CPUs.
  x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
  return _valid_conv(x, kernel, stride)


def up_conv(
  x: Float[Array, "b h w c"], kernel: Float[Array, "k k c d"]
) -> Float[Array, "b 2*h 2*w d"]:
  """Applies a transposed convolution of stride 2 in sub-pixel form.

  PyTorch's `ConvTranspose2d(3, stride=2, padding=1, output_padding=1)`: with
  w[i] a kernel row, output row 2m is x[m] w[1] and output row 2m + 1 is
  x[m] w[2] + x[m + 1] w[0]. All four parities of a pixel come out of one 2x2
  convolution, which stays local when the height is cut over devices.

  Or `ConvTranspose2d(4, stride=2, padding=1)`: output row 2m - 1 is
  x[m - 1] w[2] + x[m] w[0], output row 2m is x[m - 1] w[3] + x[m] w[1].

  Args:
    x: [B, H, W, C] pictures.
    kernel: [3, 3, C, D] or [4, 4, C, D] weights, not flipped; of a dtype as
      for `conv`.

  Returns:
    [B, 2H, 2W, D] pictures.
  """
  if kernel.shape[0] == 4:
    # The rows of the kernel for each of two pixels and each parity.
    rows: _Rows = ((2, 3), (0, 1))
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = cpu.to_space(_valid_conv(x, _sub_pixel_kernel(kernel, rows), 1))
    return y[:, 1:-1, 1:-1]
  fits = 9 * x[..., 0].size * kernel.shape[3] <= cpu.CACHED
  if x.dtype != kernel.dtype or not fits or cpu.is_simple(x, kernel, 1):
    return _sub_pixel_up(x, kernel)
  return jax.lax.platform_dependent(
    x, kernel, cpu=cpu.up_forward, default=_sub_pixel_up
  )


def _sub_pixel_up(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """`up_conv` by a 3x3 kernel, as one convolution."""
  rows: _Rows = ((1, 2), (None, 0))
  x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
  return cpu.to_space(_valid_conv(x, _sub_pixel_kernel(kernel, rows), 1))


def _sub_pixel_kernel(kernel: jax.Array, rows: _Rows) -> jax.Array:
  """Spreads [k, k, C, D] weights to [2, 2, C, 2 * 2 * D], one D per parity."""
  taps = np.zeros((2, 2, kernel.shape[0]), np.float32)
  for offset, of_parities in enumerate(rows):
    for parity, row in enumerate(of_parities):
      if row is not None:
        taps[offset, parity, row] = 1.0
  each = jnp.asarray(taps, kernel.dtype)
  # Each output is one weight or zero, so any precision but the highest may
  # round it. The gradient of slices put together takes more memory.
  spread = jnp.einsum(
    "apk,bql,klcd->abcpqd", each, each, kernel, precision="highest"
  )
  return spread.reshape(2, 2, kernel.shape[2], 4 * kernel.shape[3])


# Derivatives are written out below: what is the fast form of a convolution is
# not that of its derivatives.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _valid_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Convolves [B, H, W, C] without padding, in the platform's best form."""
  return jax.lax.platform_dependent(
    x, kernel.astype(x.dtype),
    cpu=functools.partial(cpu.forward, stride=stride),
    default=functools.partial(cpu.plain, stride=stride),
  )  # fmt: skip


def _valid_conv_forward(x: jax.Array, kernel: jax.Array, stride: int) -> Any:
  """[B, h, w, D], and what the backward pass needs of the forward one."""
  return _valid_conv(x, kernel, stride), (x, kernel)


def _valid_conv_backward(stride: int, saved: Any, dy: jax.Array) -> Any:
  """Gradients [B, H, W, C] and [k, k, C, D] from dy [B, h, w, D]."""

  x, kernel = saved
  short = kernel.astype(x.dtype)

  def plain(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    form = functools.partial(cpu.plain, stride=stride)
    return jax.vjp(form, x, kernel)[1](dy)

  def fast(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    return (
      cpu.input_gradient(x, kernel, stride, dy),
      cpu.weight_gradient(x, kernel, stride, dy),
    )

  dx, dkernel = jax.lax.platform_dependent(
    x, short, dy, cpu=fast, default=plain
  )
  if x.dtype != kernel.dtype:
    dkernel = _summed_gradient(x, dy, stride, kernel)
  return dx, dkernel


_valid_conv.defvjp(_valid_conv_forward, _valid_conv_backward)


def _summed_gradient(
  x: jax.Array, dy: jax.Array, stride: int, kernel: jax.Array
) -> jax.Array:
  """A convolution's gradient to a kernel of more digits than its arithmetic.

  The sum over pictures and pixels, and that over devices, is taken in the
  kernel's dtype. GPUs have no convolution of bfloat16 into float32: there each
  device's own sum is rounded to bfloat16 once. Where devices share a picture
  so is the sum over all of them, unless it is mirrored at its border.

  Args:
    x: [B, H, W, C].
    dy: [B, h, w, D] of the same dtype.
    stride: of the convolution.
    kernel: [k, k, C, D].

  Returns:
    [k, k, C, D] of the kernel's dtype.
  """

  def form(x: jax.Array, dy: jax.Array, dtype: Any) -> jax.Array:
    """One convolution over pictures."""
    found = cpu.plain_weight_gradient(x, kernel.shape, stride, dy, dtype)
    return found.astype(kernel.dtype)

  def fast(x: jax.Array, dy: jax.Array) -> jax.Array:
    """The form that CPUs are fast on."""
    return cpu.weight_gradient(x, kernel, stride, dy)

  gpu = functools.partial(sum_over_data, functools.partial(form, dtype=x.dtype))
  default = functools.partial(form, dtype=kernel.dtype)
  return jax.lax.platform_dependent(
    x, dy, cpu=fast, cuda=gpu, rocm=gpu, default=default
  )


def exact_conv(
  x: Float[Array, "b h w c"],
  kernel: Float[Array, "k l c d"],
  stride: int = 1,
  padding: tuple[int, int] = (0, 0),
) -> Float[Array, "b _ _ d"]:
  """Cross-correlates with float32 products, which accelerators else shorten.

  For networks that measure: two machines should find the same. Not meant for
  training, where its gradient is slow on CPUs.

  Args:
    x: [B, H, W, C] pictures.
    kernel: [k, l, C, D] weights.
    stride: any, on both axes.
    padding: rows and columns of zeros put on every side first.

  Returns:
    [B, (H + 2 * padding[0] - k) // stride + 1, ..., D] pictures.
  """
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), [(p, p) for p in padding],
    dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest",
  )  # fmt: skip
