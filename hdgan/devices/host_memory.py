"""What the C library does with memory that a step has given back."""

import ctypes
import importlib.util
import os

# Of glibc's <malloc.h>.
TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8
# Each of these, set by the user, is left as it is.
_VARIABLES = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
# What JAX finds accelerators by.
_PLUGINS = ("jax_plugins", "libtpu")


def keep_freed() -> bool:
  """Has glibc keep freed memory for the next step, where CPUs train.

  XLA's CPU backend asks for a step's temporaries anew at each step. glibc takes
  so large a block from the system and gives it back at once, and the system
  clears it page by page each time. Here the process keeps what it needed at
  most, which is what the next step needs anyway. To be called before threads
  begin, which would have heaps of their own.

  Returns:
    Whether it does: not where an accelerator may be, with another C library, or
    where the user has set the allocator up by environment variables.
  """
  platforms = os.environ.get("JAX_PLATFORMS")
  plugged = any(importlib.util.find_spec(name) for name in _PLUGINS)
  if platforms != "cpu" if platforms else plugged:
    return False
  if any(name.startswith(_VARIABLES) for name in os.environ):
    return False
  try:
    set_option = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError, TypeError):
    return False
  # All blocks come from one heap that never shrinks.
  options = {ARENA_MAX: 1, MMAP_MAX: 0, TRIM_THRESHOLD: -1}
  return all([set_option(name, value) for name, value in options.items()])
