"""SHA-256 sums of the files of a folder, kept beside them.

`manifest.sha256` has the format of `sha256sum`, so that `sha256sum -c` reads it
too: one line per file, 64 hexadecimal digits, two blanks, the relative path.
"""

import hashlib
import os
import pathlib
from collections.abc import Sequence

NAME = "manifest.sha256"


def text(folder: pathlib.Path, parts: Sequence[str]) -> str:
  """The manifest that the files below some sub-folders deserve now.

  Args:
    folder: where the paths start.
    parts: names of sub-folders; all their files count, at any depth.

  Returns:
    One line per file, in the order of parts, then of paths.
  """
  lines = []
  for part in parts:
    for path in sorted((folder / part).rglob("*")):
      if path.is_file():
        with path.open("rb") as file:
          digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
  return "".join(lines)


def write(folder: pathlib.Path, parts: Sequence[str]) -> None:
  """Writes the manifest of some sub-folders, whole or not at all."""
  draft = folder / f"{NAME}.tmp"
  draft.write_text(text(folder, parts), encoding="utf-8")
  os.replace(draft, folder / NAME)


def first_difference(
  folder: pathlib.Path, parts: Sequence[str]
) -> pathlib.Path | None:
  """Compares files with the manifest of their folder.

  Args:
    folder: holds the manifest.
    parts: sub-folders to look at; what the manifest says of others is skipped.

  Returns:
    A file that is changed, missing or not in the manifest; the manifest itself
    if it says nothing of these parts; None if all is well.
  """
  kept = (folder / NAME).read_bytes().splitlines(keepends=True)
  heads = tuple(f"  {part}/".encode() for part in parts)
  now = text(folder, parts).encode().splitlines(keepends=True)
  # Bytes are compared, so that a bit flipped in the manifest shows as well.
  said = [line for line in kept if line[64:].startswith(heads)]
  odd = sorted(set(said) ^ set(now), key=lambda line: line[64:])
  if odd:
    return folder / odd[0][66:].strip().decode("utf-8", "replace")
  return None if said else folder / NAME
