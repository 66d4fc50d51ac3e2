"""What `--features` names, and what Inception-v3 is given of a picture."""

import hashlib

import jax.numpy as jnp
import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.evaluation import features, resize
from hdgan.networks import inception


@pytest.fixture
def file(tmp_path, monkeypatch):
  """A file of weights, and a network that gives back what it is shown."""
  path = tmp_path / "inception.safetensors"
  path.write_bytes(b"weights")
  monkeypatch.setattr(inception, "load", lambda path, name: {})
  monkeypatch.setattr(
    features, "_compiled",
    lambda params, image: jnp.reshape(image, (len(image), -1)),
  )  # fmt: skip
  return str(path)


@pytest.mark.parametrize(
  "prefix, way, shift, scale",
  [
    ("", resize.pil_f_bicubic, 128, 128),
    # 2 x / 255 - 1.
    ("pytorch-fid:", resize.torch_bilinear, 127.5, 127.5),
  ],
  ids=["clean-fid", "pytorch-fid"],
)
def test_pictures_are_scaled_as_the_other_packages_do(
  file, prefix, way, shift, scale
):
  picture = np.random.default_rng(0).integers(0, 256, (40, 61, 3), np.uint8)
  given = features.open_features(prefix + file)
  want = (way(picture, (299, 299)).astype(np.float64) - shift) / scale
  got = given(picture)
  assert got.shape == (299 * 299 * 3,) and got.dtype == np.float32
  np.testing.assert_allclose(got, want.ravel(), atol=1e-6)
  assert given.settings["resize"] == way.__name__
  assert given.settings["sha256"] == hashlib.sha256(b"weights").hexdigest()
  # How a file is called decides nothing.
  assert "inception.safetensors" not in str(given.settings)


@pytest.mark.parametrize(
  "spec", ["", "inception.pth", "other:inception.safetensors", "val"]
)
def test_what_it_cannot_be(spec):
  with pytest.raises(InputError, match=f"^--features={spec}: must be FILE"):
    features.open_features(spec)


def test_a_file_that_is_missing():
  with pytest.raises(
    InputError, match="^--features=pytorch-fid:x.safetensors: no such file; ma"
  ):
    features.open_features("pytorch-fid:x.safetensors")
