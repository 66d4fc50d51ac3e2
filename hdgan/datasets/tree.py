"""A data set's folder as one tree of names, whether or not it is unpacked.

The files of zips that lie in the folder, and of tars that are not compressed,
are listed as though each had been unpacked where it lies, so that a reader need
not know which ones were.
"""

import dataclasses
import fnmatch
import os
import pathlib
import tarfile
from collections.abc import Iterable, Iterator

from hdgan.datasets.examples import FilePart, Part, TarPart, ZipPart, open_zip
from hdgan.errors import InputError

# What systems and their file servers leave behind.
_SYSTEM = {"__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini", "lost+found"}


def is_hidden(name: str) -> bool:
  """Whether a file or folder is hidden, or the system's own."""
  return name.startswith(".") or name in _SYSTEM


@dataclasses.dataclass(frozen=True)
class Tree:
  """Files by their names relative to a folder, '/' between the parts.

  Attributes:
    root: the folder, or the one zip that is all of it.
    parts: in the order of names; hidden and system files are left out.
  """

  root: pathlib.Path
  parts: dict[str, Part]

  def glob(self, pattern: str) -> list[str]:
    """Names that match a pattern; its `*` stays within one folder."""
    want = pattern.split("/")
    return [
      name
      for name in self.parts
      if name.count("/") == len(want) - 1
      and all(map(fnmatch.fnmatchcase, name.split("/"), want))
    ]

  def folder(self, name: str) -> dict[str, Part]:
    """Files directly in a folder, by their own names."""
    return {
      path.rpartition("/")[2]: part
      for path, part in self.parts.items()
      if path.rpartition("/")[0] == name
    }

  def folders(self) -> list[str]:
    """Names of the folders that hold a file directly, in order."""
    return sorted({name.rpartition("/")[0] for name in self.parts})


def open_tree(root: pathlib.Path | str) -> Tree:
  """Lists a folder and the zips in it, or a zip.

  Args:
    root: of the folder, or a zip.

  Returns:
    The tree; nothing but the zips' lists is read.

  Raises:
    InputError: no such folder, or one that may not be looked into.
  """
  root = pathlib.Path(os.path.expanduser(root)).absolute()
  if root.is_file():
    return Tree(root, _in_order(_members(root, "")))
  if not root.is_dir():
    raise InputError(f"{root}: no such folder; say --config.data.root=FOLDER")
  return Tree(root, _in_order(_walk(root)))


def _in_order(found: Iterable[tuple[str, Part]]) -> dict[str, Part]:
  """By name; of a file that lies there and in a zip the former is taken."""
  return dict(sorted(found, key=lambda x: (x[0], isinstance(x[1], FilePart))))


def _walk(root: pathlib.Path) -> Iterator[tuple[str, Part]]:
  """Names and parts below a folder."""

  def refuse(error: OSError) -> None:
    """What cannot be looked into would be left out in silence."""
    raise InputError(
      f"{error.filename}: cannot be looked into ({error.strerror})"
    ) from error

  for folder, inner, names in os.walk(root, onerror=refuse, followlinks=True):
    here = pathlib.Path(folder)
    inner[:] = [
      name
      for name in inner
      if not is_hidden(name) and not _is_above(here / name, here)
    ]
    above = "" if here == root else here.relative_to(root).as_posix() + "/"
    for name in names:
      if is_hidden(name):
        continue
      if name.lower().endswith(".zip"):
        yield from _members(here / name, above)
      if name.lower().endswith(".tar"):
        yield from _tar_members(here / name, above)
      yield above + name, FilePart(here / name)


def _is_above(folder: pathlib.Path, here: pathlib.Path) -> bool:
  """Whether a link leads back to a folder that it lies in: without an end."""
  return folder.is_symlink() and here.resolve().is_relative_to(folder.resolve())


def _members(path: pathlib.Path, above: str) -> Iterator[tuple[str, Part]]:
  """Names and parts of the files in a zip."""
  for info in open_zip(path).infolist():
    name = info.filename
    if not info.is_dir() and not any(map(is_hidden, name.split("/"))):
      yield above + name, ZipPart(path, name)


def _tar_members(path: pathlib.Path, above: str) -> Iterator[tuple[str, Part]]:
  """Names and parts of the files in a tar without compression."""
  try:
    with tarfile.open(path, "r:") as tar:
      for info in tar:
        name = info.name.removeprefix("./")
        if info.isfile() and not any(map(is_hidden, name.split("/"))):
          start, size = info.offset_data, info.size
          part = TarPart(path, info.name, start=start, size=size)
          yield above + name, part
  except (OSError, tarfile.TarError) as error:
    raise InputError(
      f"{path}: cannot be read as a tar ({error}); download or copy it anew"
    ) from error
