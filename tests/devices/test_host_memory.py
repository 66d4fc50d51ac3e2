"""Memory that is given back serves again, without the system."""

import json
import os
import pathlib
import platform
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = 2**16  # Of 4 KiB: 256 MiB.
# How many pages the system hands out for the second of two equal arrays, made
# in a thread of their own as XLA's are.
TWICE = f"""
from hdgan.devices import host_memory
kept, faults = host_memory.keep_freed(), []
import json, resource, threading
import numpy as np

def fill():
  for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones({PAGES} * 4096, np.int8)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=fill)
thread.start()
thread.join()
print(json.dumps([kept, *faults]))
"""


@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="an option of glibc"
)
@pytest.mark.parametrize("variable", ["", "MALLOC_TOP_PAD_"])
def test_freed_memory_is_kept_unless_the_user_says_how(variable):
  env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC")}
  env |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
  if variable:
    env[variable] = "131072"  # The default.
  done = subprocess.run(
    [sys.executable, "-c", TWICE], env=env, capture_output=True, text=True,
    check=True,
  )  # fmt: skip
  kept, first, second = json.loads(done.stdout)
  assert kept == (not variable)
  # numpy asks for huge pages, of which one counts for 512.
  assert first > PAGES / 512 / 2
  assert (second < first / 10) == kept
