"""What XLA compiled, kept for the next start.

An entry that is damaged, or a folder that cannot be used, costs a compilation
and one line, and never ends a command.
"""

import contextlib
import glob
import os
import pathlib
import re
import sys
import warnings
from typing import Any

import jax

from hdgan.whole_files import user_cache

OFF = "off"
_WARNING = "Error (reading|writing) persistent compilation cache entry for "


def use(folder: str = "") -> pathlib.Path | None:
  """Keeps from now on what is compiled, and takes what is kept.

  Args:
    folder: made when missing; "off" for none; "" for the one that
      `JAX_COMPILATION_CACHE_DIR` names, else for the user's cache folder.

  Returns:
    The folder; None where nothing is kept, as for a user without a home.
  """
  if folder == OFF:
    jax.config.update("jax_compilation_cache_dir", None)
    return None
  cache = user_cache()
  folder = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR", "")
  if folder:
    path = pathlib.Path(folder).expanduser().absolute()
  elif cache is not None:
    path = cache / "compiled"
  else:  # As in some containers: everything is compiled anew.
    return None
  jax.config.update("jax_compilation_cache_dir", str(path))
  # Python would show equal ones once.
  warnings.filterwarnings("always", _WARNING, UserWarning)
  warnings.showwarning = _Quiet(path, warnings.showwarning)
  return path


class _Quiet:
  """Says once, in one line, what JAX warns of for each entry."""

  def __init__(self, folder: pathlib.Path, show: Any):
    self._folder, self._show, self._said = folder, show, False

  def __call__(self, message: Any, *rest: Any, **more: Any) -> None:
    found = re.match(f"{_WARNING}'(.*?)': (.*)", str(message), re.DOTALL)
    if found is None:
      self._show(message, *rest, **more)
      return
    work, name, why = found.groups()
    # JAX writes no entry where one is: a damaged one, or half of one, would
    # stay for ever.
    for entry in self._folder.glob(f"{glob.escape(name)}-*-cache"):
      with contextlib.suppress(OSError):
        entry.unlink()
    if not self._said:
      self._said = True
      did = "read" if work == "reading" else "written"
      print(
        f"compile cache {self._folder}: {name} could not be {did} "
        f"({' '.join(why.split())}); it is compiled anew",
        file=sys.stderr,
      )
