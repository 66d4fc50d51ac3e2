"""Examples of a data set before they are prepared: where their files lie.

A part is one encoded file of an example: on a disk, inside a zip, or made of
others when it is read (masks that are put together, colours that become class
ids). Whoever lists a data set gives parts; the check, the prepared copy and
synthesis read them all alike.
"""

import dataclasses
import functools
import pathlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from hdgan.datasets import files
from hdgan.errors import InputError, visible
from hdgan.outside import read_bytes

ROLES = ("label", "instance", "image")
WHAT = {"label": "label map", "instance": "instance map", "image": "photo"}


class Part(Protocol):
  """One encoded file of an example."""

  @property
  def path(self) -> pathlib.Path:
    """The file on the disk that it comes from: itself, or an archive."""

  @property
  def name(self) -> str:
    """How errors call it, such as `train_label/a.png`."""

  @property
  def facts(self) -> tuple[Any, ...]:
    """What tells, without reading, whether it is still the same.

    Raises:
      OSError: if it is gone.
    """

  def read(self) -> bytes:
    """The encoded bytes, for `files.checked`, `read_map` and `read_picture`.

    Raises:
      InputError: if it cannot be read or made.
    """


@dataclasses.dataclass(frozen=True, slots=True)
class FilePart:
  """A file on a disk."""

  path: pathlib.Path

  @property
  def name(self) -> str:
    """Its folder and its name."""
    return visible(f"{self.path.parent.name}/{self.path.name}")

  @property
  def facts(self) -> tuple[Any, ...]:
    """Its size, and when it was changed, of which only one can be set."""
    found = self.path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns

  def read(self) -> bytes:
    """All of the file."""
    return read_bytes(self.path, self.name, files.MOST_BYTES)


@dataclasses.dataclass(frozen=True)
class ZipPart:
  """A file inside a zip, which stays packed.

  Attributes:
    path: of the zip.
    member: its full name in it.
  """

  path: pathlib.Path
  member: str

  @property
  def name(self) -> str:
    """The zip's name and its own."""
    return visible(f"{self.path.name}/{self.member}")

  @property
  def facts(self) -> tuple[Any, ...]:
    """Its size and its sum, which a zip keeps beside it."""
    found = open_zip(self.path).getinfo(self.member)
    return found.file_size, found.CRC

  def read(self) -> bytes:
    """Unpacks it."""
    try:
      return open_zip(self.path).read(self.member)
    except Exception as error:  # zlib's, zipfile's and the system's.
      reason = " ".join(str(error).split())
      raise InputError(
        f"{self.name}: cannot be unpacked ({reason}); download the archive anew"
      ) from error


@dataclasses.dataclass(frozen=True)
class TarPart:
  """A file inside a tar that is not compressed, which stays packed.

  Attributes:
    path: of the tar.
    member: its full name in it.
    start: first byte of its content.
    size: of its content, in bytes.
  """

  path: pathlib.Path
  member: str
  start: int
  size: int

  @property
  def name(self) -> str:
    """The tar's name and its own."""
    return visible(f"{self.path.name}/{self.member}")

  @property
  def facts(self) -> tuple[Any, ...]:
    """Its size and place, and when the tar was changed: no sum is kept."""
    found = self.path.stat()
    return self.size, self.start, found.st_mtime_ns, found.st_ctime_ns

  def read(self) -> bytes:
    """Copies it out."""
    try:
      with self.path.open("rb") as file:
        file.seek(self.start)
        data = file.read(self.size)
    except OSError as error:
      raise InputError(
        f"{self.name}: cannot be read ({error.strerror}); copy the archive anew"
      ) from error
    if len(data) < self.size:
      raise InputError(f"{self.name}: cut short; download the archive anew")
    return data


@dataclasses.dataclass(frozen=True)
class MadePart:
  """A file that is made of others each time that it is read.

  Attributes:
    sources: what it is made of, at least one.
    make: from their bytes, in that order, to its own; raises InputError.
    how: names the recipe and its settings: another text, another content.
  """

  sources: tuple[Part, ...]
  make: Callable[..., bytes]
  how: str

  @property
  def path(self) -> pathlib.Path:
    """That of the first source."""
    return self.sources[0].path

  @property
  def name(self) -> str:
    """That of the first source."""
    return self.sources[0].name

  @property
  def facts(self) -> tuple[Any, ...]:
    """Those of all sources, and how it is made."""
    return (self.how, *(source.facts for source in self.sources))

  def read(self) -> bytes:
    """Reads the sources and makes it."""
    read = [files.checked(one.read(), one.name) for one in self.sources]
    return self.make(*read)


@dataclasses.dataclass(frozen=True, slots=True)
class ExampleFiles:
  """The files of one scene; `stem` is the name that they share."""

  stem: str
  label: Part
  instance: Part | None
  image: Part | None

  def parts(self) -> dict[str, Part]:
    """Those that there are, by role."""
    return {role: getattr(self, role) for role in ROLES if getattr(self, role)}

  def read(self) -> dict[str, Any]:
    """The example as a prepared copy holds it.

    Returns:
      name, and the bytes of label, instance and image; empty where there is
      no such part.

    Raises:
      InputError: if a part cannot be read or made.
    """
    read = {role: part.read() for role, part in self.parts().items()}
    return {"name": self.stem, **dict.fromkeys(ROLES, b""), **read}


@dataclasses.dataclass(frozen=True)
class Found:
  """What was found where a config says that data lies; nothing is read yet.

  Attributes:
    splits: examples in name order of 'train', which is first, and of the split
      that is held out, where there is one.
    classes: as `classes.load_classes` gives them; () where labels are pictures.
    faults: what is wrong already, one line each.
    notes: what to tell once the data is prepared, one line each.
  """

  splits: Mapping[str, Sequence[ExampleFiles]]
  classes: tuple[dict[str, Any], ...] = ()
  faults: tuple[str, ...] = ()
  notes: tuple[str, ...] = ()


@functools.lru_cache(maxsize=64)
def _opened(path: pathlib.Path, *facts: int) -> zipfile.ZipFile:
  return zipfile.ZipFile(path)


def open_zip(path: pathlib.Path) -> zipfile.ZipFile:
  """Opens a zip, or gives the one that is open; threads may share it.

  Raises:
    InputError: if it is none, or cannot be read.
  """
  try:
    found = path.stat()
    return _opened(path, found.st_size, found.st_mtime_ns)
  except (OSError, zipfile.BadZipFile) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise InputError(
      f"{path}: cannot be opened as a zip ({reason}); download or copy it anew"
    ) from error
