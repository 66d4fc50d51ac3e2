"""What is compiled is kept, and a damaged entry is made good."""

import subprocess
import sys
import warnings

import jax

from hdgan.devices import compile_cache

# Says after each word what was there before it.
CODE = """
import pathlib, shutil, sys
import jax
from hdgan.devices import compile_cache

folder = compile_cache.use(sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)

def compile():
  jax.clear_caches()
  jax.jit(lambda x: x + x).lower(1.0).compile()

def entries():
  return list(folder.glob("*-cache"))

compile()
(entry,) = entries()
whole = entry.read_bytes()
half = len(whole) // 2
flipped = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1:]
for damaged in (flipped, whole[:half], b""):
  entry.write_bytes(damaged)
  compile()
  assert entries() == [entry]
  healed = entry.read_bytes()
  assert healed != damaged
  compile()
  assert entry.read_bytes() == healed
shutil.rmtree(folder)
folder.touch()
compile_cache.use(sys.argv[1])
compile()
compile()
"""


def test_a_damaged_entry_is_compiled_again_and_replaced(tmp_path):
  """One line for all of it; then a folder that cannot be used: one more."""
  folder = tmp_path / "cache"
  done = subprocess.run(
    [sys.executable, "-c", CODE, str(folder)], capture_output=True, text=True,
    timeout=300,
  )  # fmt: skip
  assert (done.returncode, done.stdout) == (0, ""), done.stderr
  read, written = done.stderr.splitlines()
  start = f"compile cache {folder}: jit__lambda could not be"
  assert read.startswith(f"{start} read (")
  assert written.startswith(f"{start} written (")
  assert read.endswith("); it is compiled anew")


def test_where_it_lies(tmp_path, monkeypatch):
  """`off`, a folder, JAX's own variable, the user's cache folder."""
  field = "jax_compilation_cache_dir"
  before = getattr(jax.config, field)
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  try:
    with warnings.catch_warnings():
      for named, folder, path in (
        ("", "", tmp_path / "hdgan/compiled"),
        (str(tmp_path / "y"), "", tmp_path / "y"),
        (str(tmp_path / "y"), str(tmp_path / "x"), tmp_path / "x"),
        (str(tmp_path / "y"), "off", None),
      ):
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", named)
        assert compile_cache.use(folder) == path
        assert getattr(jax.config, field) == (path and str(path))
  finally:
    jax.config.update(field, before)
