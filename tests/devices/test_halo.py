"""Bands of rows on 4 devices against the whole picture in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import draw

from hdgan.devices import halo
from hdgan.devices.mesh import make_mesh


def on(mesh, function, *arrays):
  with jax.set_mesh(mesh):
    return jax.jit(function)(*arrays)


def test_bands_are_those_of_the_mesh_that_is_set():
  assert halo.bands() == 1
  with jax.set_mesh(make_mesh(2, space=2)):
    assert halo.bands() == 2
  assert halo.bands() == 1


@pytest.mark.parametrize("space", [2, 4])
@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_neighbours_lend_rows(space, mode):
  x = np.asarray(draw(2, 16, 3, 2))
  wide = np.pad(x, ((0, 0), (2, 2), (0, 0), (0, 0)), mode=mode)

  def run(x):
    def sums(which, x, _):
      mirrored = which if mode == "reflect" else None
      wide = halo.with_neighbours(x, 2, mirrored)
      return sum((i + 1) * wide[:, i : i + x.shape[1]] for i in range(5))

    return halo.on_bands(sums, (x,))

  want = sum((i + 1) * wide[:, i : i + 16] for i in range(5))
  got = on(make_mesh(4 // space, space=space), run, x)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_band_that_is_too_low():
  def run(x):
    return halo.on_bands(lambda _, x, __: halo.with_neighbours(x, 4), (x,))

  with pytest.raises(ValueError, match="a band of 4 rows cannot lend 4"):
    on(make_mesh(1, space=4), run, draw(1, 16, 2, 1))


def test_what_is_copied_gets_the_gradient_of_all_bands():
  x = np.asarray(draw(1, 8, 2, 1))

  def run(x, scale):
    each = halo.on_bands(lambda _, x, scale: x * scale, (x,), scale)
    return jnp.sum(each)

  got = on(make_mesh(1, space=4), jax.grad(run, 1), x, jnp.float32(3))
  np.testing.assert_allclose(got, x.sum(), rtol=1e-5)


@pytest.mark.parametrize("pictures", [2, 3])
def test_what_is_copied_gets_the_gradient_of_all_pictures(pictures):
  """Also of three that two devices cannot share evenly."""
  x = np.asarray(draw(pictures, 8, 2, 1))
  weight = np.arange(1, pictures + 1, dtype=np.float32)

  def run(x, scale):
    each = halo.on_bands(lambda _, x, scale: x * scale, (x,), scale)
    return jnp.sum(each * weight[:, None, None, None]), each

  mesh = make_mesh(2, space=2)
  got, each = on(mesh, jax.grad(run, 1, has_aux=True), x, jnp.float32(3))
  np.testing.assert_allclose(each, 3 * x, rtol=1e-6)
  want = (x.sum((1, 2, 3)) * weight).sum()
  np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("pictures, own", [(2, 1), (3, 3)])
def test_a_device_has_its_share_of_pictures_alone(pictures, own):
  def run(x):
    def how_many(_, x, __):
      return jnp.full_like(x, x.shape[0])

    return halo.on_bands(how_many, (x,))

  got = on(make_mesh(2, space=2), run, draw(pictures, 8, 2, 1))
  np.testing.assert_array_equal(got, np.full_like(got, own))


def test_numbers_of_all_bands():
  def run(x):
    def first_rows(which, x, _):
      # [1, N]: what each band's first number is.
      every = halo.of_all_bands(x[:, 0, 0, 0], which)
      total = jnp.sum(every * jnp.arange(4, dtype=jnp.float32)[None])
      return x * 0 + total

    return halo.on_bands(first_rows, (x,))

  x = np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)
  # Bands begin at 0, 2, 4 and 6: 2 * 1 + 4 * 2 + 6 * 3.
  got = on(make_mesh(1, space=4), run, x)
  np.testing.assert_array_equal(got, np.full_like(x, 28))
