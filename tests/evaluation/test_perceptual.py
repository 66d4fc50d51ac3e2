"""LPIPS as a measure: against photos, and between draws of styles."""

import jax.numpy as jnp
import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.evaluation import perceptual
from hdgan.evaluation.measure import Pair
from hdgan.networks import lpips


@pytest.fixture
def distance(tmp_path, monkeypatch):
  """Half the difference of means in the place of a network."""
  path = tmp_path / "lpips.safetensors"
  path.write_bytes(b"weights")
  monkeypatch.setattr(lpips, "load", lambda path, name: ("vgg", {}))

  def half(params, first, second, network):
    assert network == "vgg" and first.shape == second.shape == (1, 16, 20, 3)
    return abs(jnp.mean(first - second, axis=(1, 2, 3))) / 2

  monkeypatch.setattr(perceptual, "_compiled", half)
  return perceptual.Lpips(str(path))


def flat(value, channels=3):
  return np.full((16, 20, channels), value, np.uint8)


def pair(name, made, real=None, draws=()):
  label = np.zeros((16, 20), np.int32)
  return Pair(name, label, made, real=real, draws=tuple(draws))


def test_made_against_real(distance):
  measure = perceptual.Perceptual(distance)
  measure.add(pair("a", flat(255), flat(0)))
  measure.add(pair("b", flat(51, 1), flat(102, 1)))
  measure.add(pair("c", flat(9)))  # Has no photo.
  result = measure.result()
  assert result["per_picture"] == pytest.approx({"a": 1, "b": 0.2}, 1e-5)
  assert result["mean"] == pytest.approx(0.6, 1e-5)
  assert result["spread"] == pytest.approx(0.4, 1e-5) and result["n"] == 2
  assert measure.settings["network"] == "vgg"
  assert len(measure.settings["sha256"]) == 64


def test_draws_two_by_two(distance):
  """0, 51 and 255 are 0.2, 0.8 and 1 apart; what was made does not count."""
  measure = perceptual.Diversity(distance)
  measure.add(pair("a", flat(9), draws=map(flat, (0, 51, 255))))
  measure.add(pair("b", flat(9), draws=map(flat, (7, 7, 7))))
  measure.add(pair("c", flat(9), draws=[flat(1)]))
  result = measure.result()
  assert result["mean"] == pytest.approx(1 / 3, 1e-5)
  assert result["spread"] == pytest.approx(1 / 3, 1e-5)
  assert (result["n"], result["draws"]) == (2, 3)


def test_nothing_to_compare(distance):
  for kind in perceptual.Perceptual, perceptual.Diversity:
    measure = kind(distance)
    measure.add(pair("a", flat(9)))
    result = measure.result()
    assert result["mean"] is None and result["n"] == 0


def test_pictures_that_cannot_be_compared(distance):
  other = np.zeros((16, 21, 3), np.uint8)
  with pytest.raises(InputError, match="^a: pictures of 16x20 and 16x21 "):
    distance(flat(0), other, "a")
  small = np.zeros((40, 15, 3), np.uint8)
  with pytest.raises(InputError, match="^a: has 40x15 .* vgg .* at least 16"):
    distance(small, small, "a")
  with pytest.raises(InputError, match="^a: has 4 channels"):
    distance(flat(0, 4), flat(0, 4), "a")


def test_a_file_that_is_missing():
  with pytest.raises(InputError, match="^--lpips=x.safetensors: no such file"):
    perceptual.Lpips("x.safetensors")
