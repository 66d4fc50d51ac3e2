"""Convolutions in the forms that XLA's CPU backend is fast on.

It is up to a hundred times slower on others, and what is slow with AVX2 is not
what is slow with AVX-512: the rules here were measured on both. Small layers
keep the simplest forms, which compile faster. So do pictures that are cut over
devices (axis `space`): for other forms the partitioner would exchange whole
pictures.
"""

import math

import jax
import jax.numpy as jnp

from hdgan.devices.mesh import SPACE

# Fewer products than this are done before the other forms would be compiled.
LARGE = 2**28
CACHED = 5 * 2**20  # The most numbers of an array that a CPU's cache holds.
BLOCK = 2**17  # As many that a core has at hand.


def plain(
  x: jax.Array, kernel: jax.Array, stride: int, end_padding: int = 0
) -> jax.Array:
  """Runs XLA's convolution on [B, H, W, C] with zeros at the far end only."""
  pad = (0, end_padding)
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), (pad, pad),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )  # fmt: skip


def plain_weight_gradient(
  x: jax.Array,
  shape: tuple[int, ...],
  stride: int,
  dy: jax.Array,
  dtype: jnp.dtype,
) -> jax.Array:
  """Gradient of `plain` to its kernel of `shape`, as one convolution."""
  # Rows that no window reaches are cut.
  edges = [
    (0, (small - 1) * stride + shape[0] - large)
    for small, large in zip(dy.shape[1:3], x.shape[1:3], strict=True)
  ]
  return jax.lax.conv_general_dilated(
    x, dy, (1, 1), edges, rhs_dilation=(stride, stride),
    dimension_numbers=("CHWN", "IHWO", "HWNC"), preferred_element_type=dtype,
  )  # fmt: skip


def forward(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
  """Convolves [B, H, W, C] with [k, k, C, D] to [B, h, w, D], no padding."""
  if not is_simple(x, kernel, stride):
    if _by_parity(kernel, stride):
      return forward(_parities(x, kernel), _parity_kernel(kernel), 1)
    if math.prod(_result(x, kernel, stride)) <= kernel.shape[3]:
      # Fewer pixels than channels: one product of matrices.
      windows = jnp.concatenate(_windows(x, kernel, stride), axis=3)
      flat = kernel.reshape(-1, kernel.shape[3])
      return _product(windows, flat, (3,), (0,)).astype(x.dtype)
  if stride > 1:
    return plain(x, kernel, stride)
  # XLA is slow where there is no padding at all.
  return plain(x, kernel, stride, end_padding=1)[:, :-1, :-1]


def input_gradient(
  x: jax.Array, kernel: jax.Array, stride: int, dy: jax.Array
) -> jax.Array:
  """Gradient of `forward` to its x [B, H, W, C], from dy [B, h, w, D]."""
  simple = is_simple(x, kernel, stride)
  cached = dy[..., 0].size * kernel[..., 0].size <= CACHED
  if not simple and stride == 2 and (not cached or _by_parity(kernel, stride)):
    small, pull = jax.vjp(lambda x: _parities(x, kernel), x)
    return pull(input_gradient(small, _parity_kernel(kernel), 1, dy))[0]
  if simple or not cached:
    # At x, whose numbers are not used: zeros of its shape would count, inside
    # `shard_map`, as equal on all devices.
    return jax.vjp(lambda x: plain(x, kernel, stride), x)[1](dy)[0]
  # What each pixel gives its window, added up where windows overlap: the
  # kernel, in deep layers the largest array, is not turned around.
  flat = kernel.reshape(-1, kernel.shape[3])
  parts = jnp.split(_product(dy, flat, (3,), (1,)), kernel.shape[0] ** 2, 3)
  wide = x.astype(parts[0].dtype)
  _, pull = jax.vjp(lambda x: _windows(x, kernel, stride), wide)
  return pull(parts)[0].astype(x.dtype)


def weight_gradient(
  x: jax.Array, kernel: jax.Array, stride: int, dy: jax.Array
) -> jax.Array:
  """Gradient of `forward` to its [k, k, C, D] kernel, from dy [B, h, w, D].

  The kernel, of which only shape and dtype count, may have more digits.
  """
  size, _, channels, kinds = kernel.shape
  if is_simple(x, kernel, stride):
    shape, dtype = kernel.shape, kernel.dtype
    return plain_weight_gradient(x, shape, stride, dy, dtype)
  if _by_parity(kernel, stride):
    small, pull = jax.vjp(_parity_kernel, kernel)
    return pull(weight_gradient(_parities(x, kernel), small, 1, dy))[0]
  if stride > 1:
    parts = [
      _product(part, dy, (0, 1, 2), (0, 1, 2))
      for part in _windows(x, kernel, stride)
    ]
    return jnp.stack(parts).reshape(kernel.shape).astype(kernel.dtype)
  if 4 * kinds <= channels:
    # A picture as the kernel is faster the more channels it has.
    rest = size - 1
    dy = jnp.pad(dy, ((0, 0), (rest, rest), (rest, rest), (0, 0)))
    turned = weight_gradient(dy, kernel.transpose(0, 1, 3, 2), 1, x)
    return turned[::-1, ::-1].transpose(0, 1, 3, 2)
  return _blockwise(x, kernel, dy).astype(kernel.dtype)


def is_simple(x: jax.Array, kernel: jax.Array, stride: int) -> bool:
  """Whether a layer keeps the simplest forms, here where it is traced."""
  mesh = jax.sharding.get_abstract_mesh()
  cut = mesh.shape.get(SPACE, 1) > 1 and SPACE not in mesh.manual_axes
  products = math.prod(_result(x, kernel, stride)) * kernel.size
  return cut or products < LARGE


def to_space(x: jax.Array) -> jax.Array:
  """Moves [B, H, W, C] channels to [B, 2H, 2W, C / 4] pixels, by parity."""
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, 2 * h, 2 * w, c // 4)


def up_forward(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """`up_conv` by a 3x3 kernel, each weight multiplied once: [B, 2H, 2W, D]."""

  # Split up, so that their gradients are put together once.
  taps = jnp.split(kernel.reshape(9 * kernel.shape[2], -1), 9)

  def tap(row: int, col: int) -> jax.Array:
    """[B, H, W, D]: the part of all pixels that one weight gives."""
    part = _product(x, taps[3 * row + col], (3,), (0,))
    # Row and column 0 are those of the next pixel.
    down, right = int(row == 0), int(col == 0)
    part = jnp.pad(part, ((0, 0), (0, down), (0, right), (0, 0)))
    return part[:, down:, right:]

  even = [tap(1, 1), tap(1, 2) + tap(1, 0)]
  odd = [tap(2, 1) + tap(0, 1), tap(2, 2) + tap(2, 0) + tap(0, 2) + tap(0, 0)]
  return to_space(jnp.concatenate([*even, *odd], axis=3)).astype(x.dtype)


def _by_parity(kernel: jax.Array, stride: int) -> bool:
  """Whether a convolution is done on four times the channels instead.

  A stride of 2 is slow on CPUs, most of all without AVX-512. A 4x4 kernel is a
  2x2 one of the four parities; a 3x3 one is, with zeros.
  """
  size, _, channels, _ = kernel.shape
  return stride == 2 and (size == 4 or (size == 3 and channels < 64))


def _result(
  x: jax.Array, kernel: jax.Array, stride: int
) -> tuple[int, int, int]:
  """B, h and w of what a convolution gives."""
  h, w = ((n - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
  return x.shape[0], h, w


def _parities(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Moves [B, H, W, C] pixels to [B, h + 1, w + 1, 4C], for a stride of 2."""
  b, h, w = _result(x, kernel, 2)
  x = x[:, : 2 * h + 2, : 2 * w + 2]
  pads = ((0, 2 * h + 2 - x.shape[1]), (0, 2 * w + 2 - x.shape[2]))
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  x = x.reshape(b, h + 1, 2, w + 1, 2, -1).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h + 1, w + 1, -1)


def _parity_kernel(kernel: jax.Array) -> jax.Array:
  """[2, 2, 4C, D] of [k, k, C, D], k 3 or 4."""
  size, _, c, d = kernel.shape
  kernel = jnp.pad(kernel, ((0, 4 - size), (0, 4 - size), (0, 0), (0, 0)))
  kernel = kernel.reshape(2, 2, 2, 2, c, d).transpose(0, 2, 1, 3, 4, 5)
  return kernel.reshape(2, 2, 4 * c, d)


def _windows(x: jax.Array, kernel: jax.Array, stride: int) -> list[jax.Array]:
  """For each of k * k weights the [B, h, w, C] pixels that it multiplies."""
  _, h, w = _result(x, kernel, stride)
  down, right = stride * (h - 1) + 1, stride * (w - 1) + 1
  return [
    x[:, i : i + down : stride, j : j + right : stride]
    for i in range(kernel.shape[0])
    for j in range(kernel.shape[1])
  ]


def _blockwise(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
  """The weight gradient at stride 1, in blocks of rows that a cache holds."""
  b, h, w, d = dy.shape
  size = kernel.shape[0]
  if dy.size <= 16 * BLOCK:
    return _by_columns(x, kernel, dy)
  rows = max(1, BLOCK // (b * w * d))
  blocks = h // rows

  def block(start: jax.Array | int, count: int) -> jax.Array:
    """That of `count` rows of dy."""
    part = jax.lax.dynamic_slice_in_dim(x, start, count + size - 1, 1)
    some = jax.lax.dynamic_slice_in_dim(dy, start, count, 1)
    return _by_columns(part, kernel, some)

  first = h - (blocks - 1) * rows
  return jax.lax.fori_loop(
    0,
    blocks - 1,
    lambda i, total: total + block(first + i * rows, rows),
    block(0, first),
  )


def _by_columns(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
  """The weight gradient at stride 1, as a convolution over rows.

  Pixels of a row are its features, and channels, shifted by each column of the
  kernel, its pictures.
  """
  b, h, w, d = dy.shape
  size, _, c, _ = kernel.shape
  turned = x.transpose(3, 1, 0, 2)  # [C, H, B, W]
  shifted = jnp.stack([turned[..., i : i + w] for i in range(size)])
  found = jax.lax.conv_general_dilated(
    shifted.reshape(size * c, -1, b * w),
    dy.transpose(1, 0, 2, 3).reshape(h, b * w, d), (1,), [(0, 0)],
    dimension_numbers=("NWC", "WIO", "NWC"),
    preferred_element_type=_wide(x),
  )  # fmt: skip
  return found.reshape(size, c, size, d).transpose(2, 0, 1, 3)


def _product(
  x: jax.Array, y: jax.Array, over: tuple[int, ...], with_: tuple[int, ...]
) -> jax.Array:
  """Sums products over axes of x and of y, in float32 at least."""
  return jax.lax.dot_general(
    x, y, ((over, with_), ((), ())), preferred_element_type=_wide(x)
  )


def _wide(x: jax.Array) -> jnp.dtype:
  """The type in which products of x are summed up."""
  return jnp.dtype(jnp.float32) if x.dtype.itemsize < 4 else x.dtype
