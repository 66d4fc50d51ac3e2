"""Scaling of maps and photos on the device, also where they are cut."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from hdgan.devices import halo


def scale(
  x: Shaped[Array, "b h w *c"], size: tuple[int, int], method: str
) -> Shaped[Array, "b _ _ *c"]:
  """Scales pictures or maps as `jax.image.resize` does.

  Args:
    x: [B, H, W] or [B, H, W, C].
    size: (h, w) of the result. Where the height is cut over devices, they
      divide both heights.
    method: "nearest", or "cubic", which is antialiased and for floats.

  Returns:
    [B, h, w, ...] of the same dtype.
  """
  if x.shape[1:3] == size:
    return x
  if halo.bands() == 1:
    return jax.image.resize(x, (x.shape[0], *size, *x.shape[3:]), method)
  height = size[0] // halo.bands()

  def on_band(which: jax.Array, x: jax.Array, weights: Any) -> jax.Array:
    """The same of a band of rows; its columns are all there."""
    if method == "cubic":
      rows = (weights.shape[1] - x.shape[1]) // 2
      own = weights[which]
      x = halo.with_neighbours(x, rows)
      x = jnp.einsum("bhwc,ho->bowc", x, own, precision="highest")
    # Of whole bands the nearest rows lie in the band itself.
    shape = (x.shape[0], height, size[1], *x.shape[3:])
    return jax.image.resize(x, shape, method)

  weights: Any = ()
  if method == "cubic":
    weights = jnp.asarray(
      band_weights(x.shape[1], size[0], halo.bands()), x.dtype
    )
  return halo.on_bands(on_band, (x,), weights)


def band_weights(before: int, after: int, bands: int) -> np.ndarray:
  """What each band's rows after scaling are made of.

  Keys' cubic kernel with a = -0.5, widened where the picture gets smaller;
  weights of rows beyond the picture are left out and the rest sum to 1.

  Args:
    before: H, a multiple of `bands`.
    after: h, another.
    bands: N.

  Returns:
    [N, H / N + 2 * R, h / N] float64: of the band's rows and R of each
    neighbour.
  """
  factor = before / after
  wide = max(factor, 1.0)
  rows = math.ceil(2 * wide) + 1
  centers = (np.arange(after) + 0.5) * factor - 0.5
  at = np.arange(-rows, before + rows)[:, None]
  x = np.abs(centers - at) / wide
  near = ((1.5 * x - 2.5) * x) * x + 1
  far = ((-0.5 * x + 2.5) * x - 4) * x + 2
  weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
  weights *= (at >= 0) & (at < before)
  weights /= weights.sum(0)
  high, low = before // bands, after // bands
  return np.stack(
    [
      weights[i * high : (i + 1) * high + 2 * rows, i * low : (i + 1) * low]
      for i in range(bands)
    ]
  )
