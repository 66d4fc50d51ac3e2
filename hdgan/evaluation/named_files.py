"""Files that somebody made of maps, each found by the name of its map."""

import os
import pathlib
from collections.abc import Collection, Sequence

from hdgan.errors import Faults, shortened


def find(
  folder: pathlib.Path,
  names: Sequence[str],
  suffixes: Collection[str],
  faults: Faults,
) -> dict[str, pathlib.Path]:
  """Finds one file per map.

  Args:
    folder: that holds them, and maybe others.
    names: of the maps.
    suffixes: endings of such files, in lower case.
    faults: gets a line for maps without a file, and one per map with two.

  Returns:
    The files by the maps' names; only those that were found.
  """
  found: dict[str, list[pathlib.Path]] = {}
  for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
    path = pathlib.Path(entry.path)
    if path.suffix.lower() in suffixes:
      found.setdefault(path.stem, []).append(path)
  lost = [name for name in names if name not in found]
  if lost:
    faults.add(
      f"{folder}: nothing is called {shortened(lost)}, as {len(lost)} of "
      f"{len(names)} maps are; each map needs a file of its name"
    )
  for name in names:
    if len(found.get(name, ())) > 1:
      both = " and ".join(path.name for path in found[name][:2])
      faults.add(f"{folder}: {both} are both of the map {name}; keep one")
  return {name: found[name][0] for name in names if name in found}
