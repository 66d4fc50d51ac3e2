"""SHA-256 sums of files, in the one format that `sha256sum -c` reads too.

One line per file: 64 hexadecimal digits, two blanks, the path relative to the
folder that the sums lie in. Checkpoints keep theirs in `manifest.sha256`,
releases in `SHA256SUMS`.
"""

import hashlib
import pathlib
from collections.abc import Iterable

from hdgan import whole_files

NAME = "manifest.sha256"


def text(folder: pathlib.Path, parts: Iterable[str]) -> str:
  """The sums that some files deserve now.

  Args:
    folder: where the paths start.
    parts: names of files, and of sub-folders whose files all count.

  Returns:
    One line per file, in the order of parts, then of paths.
  """
  lines = []
  for part in parts:
    for name in whole_files.files_below(folder / part):
      relative = f"{part}/{name}" if name else part
      with (folder / relative).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
      lines.append(f"{digest}  {relative}\n")
  return "".join(lines)


def write(folder: pathlib.Path, parts: Iterable[str], name: str = NAME) -> None:
  """Writes the sums of `parts` into the file `name` of their folder."""
  whole_files.write_text(folder / name, text(folder, parts))


def listed(folder: pathlib.Path, name: str = NAME) -> list[str]:
  """The paths that a file of sums lists, in its order."""
  lines = (folder / name).read_bytes().splitlines()
  return [line[66:].decode("utf-8", "replace") for line in lines]


def first_difference(
  folder: pathlib.Path, parts: Iterable[str], name: str = NAME
) -> pathlib.Path | None:
  """Compares files with the sums that are kept of them.

  Args:
    folder: holds the file of sums.
    parts: files and sub-folders to look at; what is said of others is skipped.
    name: of the file of sums.

  Returns:
    A file that is changed, missing or not listed; the file of sums itself if
    it says nothing of these parts; None if all is well.
  """
  parts = tuple(parts)
  kept = (folder / name).read_bytes().splitlines(keepends=True)
  now = text(folder, parts).encode().splitlines(keepends=True)

  def concerns(line: bytes) -> bool:
    path = line[66:].rstrip(b"\n").decode("utf-8", "replace")
    return any(path == part or path.startswith(f"{part}/") for part in parts)

  # Bytes are compared, so that a bit flipped in the sums shows as well.
  said = [line for line in kept if concerns(line)]
  odd = sorted(set(said) ^ set(now), key=lambda line: line[64:])
  if odd:
    return folder / odd[0][66:].strip().decode("utf-8", "replace")
  return None if said else folder / name
