"""A strict session: checked shapes, 4 virtual CPU devices, no promotion."""

import os

os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pathlib

import jax
import jaxtyping
import pytest

# Every call of these rooms' functions is checked against its shapes and types.
jaxtyping.install_import_hook(
  ["hdgan.networks", "hdgan.styles", "hdgan.devices"], "beartype.beartype"
)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def no_user_cache(tmp_path_factory, monkeypatch):
  """Prepared data sets never land in the real user's cache folder."""
  cache = tmp_path_factory.getbasetemp() / "cache"
  monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="session")
def test_data() -> pathlib.Path:
  """The folder with parity/ and data/, named by HDGAN_TEST_DATA."""
  folder = os.environ.get("HDGAN_TEST_DATA", "")
  if not folder:
    pytest.skip("HDGAN_TEST_DATA is unset")
  return pathlib.Path(folder)
