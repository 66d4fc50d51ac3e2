"""Convolutions, plain and transposed, in the form that is fast where they run.

XLA's CPU backend is fast on some forms of a convolution and up to a hundred
times slower on others. All forms that avoid the slow ones live in this file;
other platforms get the plain form. Values agree to float32 rounding.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hdgan.devices.mesh import sum_over_data


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
    taps = np.zeros((2, 2, 4), np.float32)
    taps[0, 0, 2] = taps[1, 0, 0] = taps[0, 1, 3] = taps[1, 1, 1] = 1.0
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = _to_space(_valid_conv(x, _sub_pixel_kernel(kernel, taps), 1))
    return y[:, 1:-1, 1:-1]
  taps = np.zeros((2, 2, 3), np.float32)  # [offset, parity, kernel row]
  taps[0, 0, 1] = taps[0, 1, 2] = taps[1, 1, 0] = 1.0
  x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
  return _to_space(_valid_conv(x, _sub_pixel_kernel(kernel, taps), 1))


def _sub_pixel_kernel(kernel: jax.Array, taps: np.ndarray) -> jax.Array:
  """Spreads [k, k, C, D] weights to [2, 2, C, 2 * 2 * D], one D per parity."""
  each = jnp.asarray(taps, kernel.dtype)
  # Each output is one weight or zero, so any precision but the highest may
  # round it; the product is tiny.
  spread = jnp.einsum(
    "apk,bql,klcd->abcpqd", each, each, kernel, precision="highest"
  )
  return spread.reshape(2, 2, kernel.shape[2], 4 * kernel.shape[3])


def _to_space(x: jax.Array) -> jax.Array:
  """Moves [B, H, W, C] channels to [B, 2H, 2W, C / 4] pixels, by parity."""
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, 2 * h, 2 * w, c // 4)


def _plain_conv(
  x: jax.Array, kernel: jax.Array, stride: int, end_padding: int = 0
) -> jax.Array:
  """Runs XLA's convolution on [B, H, W, C] with zeros at the far end only."""
  pad = (0, end_padding)
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), (pad, pad),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )  # fmt: skip


def _cpu_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """`_plain_conv`'s [B, h, w, D]; CPUs are slow without any padding."""
  if stride > 1:
    return _plain_conv(x, kernel, stride)
  return _plain_conv(x, kernel, stride, end_padding=1)[:, :-1, :-1]


def _cpu_input_gradient(
  x: jax.Array, kernel: jax.Array, stride: int, dy: jax.Array
) -> jax.Array:
  """Gradient of a convolution to its input x [B, H, W, C], from [B, h, w, D].

  A strided convolution's is a 2x2 convolution of dy to the four parities of
  the input: input row 2m + p is dy[m] w[p] + dy[m - 1] w[p + 2].
  """
  if stride == 1 or kernel.shape[2] < 16 or dy.shape[1] * dy.shape[2] < 4096:
    # At x, whose numbers are not used: zeros of its shape would count, inside
    # `shard_map`, as equal on all devices.
    return jax.vjp(lambda x: _plain_conv(x, kernel, stride), x)[1](dy)[0]
  size, (_, height, width, _) = kernel.shape[0], x.shape
  taps = np.zeros((2, 2, size), np.float32)
  for parity in (0, 1):
    taps[1, parity, parity] = 1.0
    if parity + 2 < size:
      taps[0, parity, parity + 2] = 1.0
  # A row of zeros before for dy[m - 1], and as many after as pairs are left.
  rows = -(-height // 2) - dy.shape[1]
  cols = -(-width // 2) - dy.shape[2]
  dy = jnp.pad(dy, ((0, 0), (1, rows), (1, cols), (0, 0)))
  flipped = _sub_pixel_kernel(kernel.transpose(0, 1, 3, 2), taps)
  return _to_space(_cpu_conv(dy, flipped, 1))[:, :height, :width]


# Its derivative is written out below: that of `_cpu_conv`, which pads, would
# have the slow weight gradient of a padded convolution.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _valid_conv(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Convolves [B, H, W, C] without padding, in the platform's best form."""
  return jax.lax.platform_dependent(
    x, kernel.astype(x.dtype),
    cpu=functools.partial(_cpu_conv, stride=stride),
    default=functools.partial(_plain_conv, stride=stride),
  )  # fmt: skip


def _valid_conv_forward(x: jax.Array, kernel: jax.Array, stride: int) -> Any:
  """[B, h, w, D], and what the backward pass needs of the forward one."""
  return _valid_conv(x, kernel, stride), (x, kernel)


def _valid_conv_backward(stride: int, saved: Any, dy: jax.Array) -> Any:
  """Gradients [B, H, W, C] and [k, k, C, D] from dy [B, h, w, D]."""
  x, kernel = saved
  short = kernel.astype(x.dtype)
  if x.dtype != kernel.dtype:
    dkernel = _summed_gradient(x, dy, stride, kernel)

  def plain(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    form = functools.partial(_plain_conv, stride=stride)
    return jax.vjp(form, x, kernel)[1](dy)

  def cpu(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> Any:
    form = functools.partial(_plain_conv, x, stride=stride)
    (dkernel,) = jax.vjp(form, kernel)[1](dy)
    return _cpu_input_gradient(x, kernel, stride, dy), dkernel

  dx, same = jax.lax.platform_dependent(x, short, dy, cpu=cpu, default=plain)
  return dx, same if x.dtype == kernel.dtype else dkernel


_valid_conv.defvjp(_valid_conv_forward, _valid_conv_backward)


def _summed_gradient(
  x: jax.Array, dy: jax.Array, stride: int, kernel: jax.Array
) -> jax.Array:
  """A convolution's gradient to a kernel of more digits than its arithmetic.

  The sum over pictures and pixels, and that over devices, is taken in the
  kernel's dtype. GPUs have no convolution of bfloat16 into float32: there each
  device's own sum is rounded to bfloat16 once, and so is the sum
  over devices that share a picture, unless it is mirrored at its border.

  Args:
    x: [B, H, W, C].
    dy: [B, h, w, D] of the same dtype.
    stride: of the convolution.
    kernel: [k, k, C, D].

  Returns:
    [k, k, C, D] of the kernel's dtype.
  """

  def form(x: jax.Array, dy: jax.Array, dtype: Any) -> jax.Array:
    """One convolution over pictures; rows that no window reaches are cut."""
    edges = [
      (0, (small - 1) * stride + kernel.shape[0] - large)
      for small, large in zip(dy.shape[1:3], x.shape[1:3], strict=True)
    ]
    return jax.lax.conv_general_dilated(
      x, dy, (1, 1), edges, rhs_dilation=(stride, stride),
      dimension_numbers=("CHWN", "IHWO", "HWNC"), preferred_element_type=dtype,
    ).astype(kernel.dtype)  # fmt: skip

  gpu = functools.partial(sum_over_data, functools.partial(form, dtype=x.dtype))
  default = functools.partial(form, dtype=kernel.dtype)
  return jax.lax.platform_dependent(x, dy, cuda=gpu, rocm=gpu, default=default)


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
