"""What the builders of published data sets share: finding, pairing, saying.

A builder says by a table which files of a download it wants: `Wanted` by role.
Folders above the download's own may have any name, so that it is found as it
was unpacked, or packed.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ml_collections import ConfigDict

from hdgan.datasets.classes import class_entry
from hdgan.datasets.examples import WHAT, ExampleFiles, MadePart, Part
from hdgan.datasets.folder import first_names
from hdgan.datasets.tree import Tree, open_tree
from hdgan.errors import InputError

T = TypeVar("T")
# Without random access: a file in them cannot be read where it lies.
_PACKED = (
  ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".7z", ".rar",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Wanted:
  """Files of one role in a download.

  Attributes:
    pattern: regular expression for the end of a file's name in the tree, from
      the start of a folder or of the name; groups `split` (theirs) and `stem`.
    looks: the same for people, `{split}` where the split's name is.
    source: the archive that holds them and where it is to be had.
  """

  pattern: str
  looks: str
  source: str


def open_download(config: ConfigDict, holds: str) -> Tree:
  """Lists the folder (or zip) that `data.root` names.

  Args:
    config: of the experiment.
    holds: what has to lie there, for the error.

  Raises:
    InputError: without a root, for one that cannot be listed, and for a
      `data.label_map`, which would be passed over.
  """
  if config.data.label_map:
    raise InputError(
      f"config.data.label_map={config.data.label_map}: the data set "
      f"{config.data.name} knows its own classes; say "
      "--config.data.label_map=''"
    )
  if not config.data.root:
    raise InputError(
      f"config.data.root='' must name a folder with {holds}; say "
      "--config.data.root=DIR"
    )
  return open_tree(config.data.root)


def choose(config: ConfigDict, field: str, known: Mapping[str, T]) -> T:
  """What a data set makes of `data.variant` or `data.split`.

  Args:
    config: of the experiment.
    field: 'variant', 'split' or 'instances'.
    known: the values that the data set has, the usual one first.

  Raises:
    InputError: for another value.
  """
  value = config.data[field]
  if value not in known:
    some = " or ".join(
      f"--config.data.{field}={one or repr('')}" for one in known
    )
    raise InputError(
      f"config.data.{field}={value!r}: the data set {config.data.name} has no "
      f"such {field}; say {some}"
    )
  return known[value]


def wants_instances(config: ConfigDict) -> bool:
  """Whether `data.instances` asks for a data set's own object ids.

  Raises:
    InputError: for a way that is for folders of one's own.
  """
  return choose(config, "instances", {"folder": True, "none": False})


def class_faults(
  config: ConfigDict, classes: int, ignored: int = -1
) -> list[str]:
  """Says in one line which fields do not fit a data set's classes.

  Args:
    config: of the experiment.
    classes: how many there are.
    ignored: the id of pixels without a class; -1 where there are none.
  """
  fields = {"num_classes": classes}
  if ignored >= 0:
    fields["ignore_label"] = ignored
  wrong = [name for name in fields if config[name] != fields[name]]
  if not wrong:
    return []
  void = f", and {ignored} where there is none" if ignored >= 0 else ""
  have = ", ".join(f"{name} = {config[name]}" for name in wrong)
  say = " ".join(f"--config.{name}={fields[name]}" for name in wrong)
  of = config.data.name + f" ({config.data.variant})" * bool(
    config.data.variant
  )
  return [
    f"config.data.name={of} has {classes} classes{void}; {have} does "
    f"not fit: say {say}"
  ]


def find_file(tree: Tree, name: str) -> Part | None:
  """The first file of a name, in whichever folder of a download."""
  return next(
    (
      part
      for path, part in tree.parts.items()
      if path.rpartition("/")[2] == name
    ),
    None,
  )


def missing(tree: Tree, looks: Sequence[str], source: str) -> str:
  """The line for what a download lacks.

  Args:
    tree: of `data.root`.
    looks: how the kinds of files are called.
    source: the archive that holds them and where it is to be had.
  """
  line = f"{tree.root}: no {first_names(looks, 2)}; take {source}"
  packed = [n for n in tree.parts if n.lower().endswith(_PACKED)]
  if packed:
    return f"{line}; {packed[0]} cannot be read while it is packed: unpack it"
  return line


def pair_splits(
  config: ConfigDict,
  tree: Tree,
  wanted: Mapping[str, Wanted],
  *,
  splits: Mapping[str, str],
  faults: list[str],
) -> dict[str, list[ExampleFiles]]:
  """Finds and pairs the files of a download.

  Args:
    config: of the experiment; `data.instances` may leave instances out.
    tree: of `data.root`.
    wanted: by role: label and image, which have to be there, and instance,
      which both splits have or neither.
    splits: our names of splits by the download's.
    faults: gets what is missing, doubled or without a partner.

  Returns:
    Examples in name order by our names of splits.
  """
  if not wants_instances(config):
    wanted = {
      role: files for role, files in wanted.items() if role != "instance"
    }
  found = gather(tree, wanted, faults)
  with_instances = any("instance" in found.get(split, {}) for split in splits)
  paired = {}
  gone: dict[str, list[str]] = {}
  for theirs, ours in splits.items():
    roles = found.get(theirs, {})
    for role, files in wanted.items():
      if role not in roles and (role != "instance" or with_instances):
        looks = files.looks.format(split=theirs)
        gone.setdefault(files.source, []).append(looks)
    faults += _lonely(tree, roles, theirs)
    paired[ours] = [
      ExampleFiles(
        stem,
        label=part,
        instance=roles.get("instance", {}).get(stem),
        image=roles.get("image", {}).get(stem),
      )
      for stem, part in sorted(roles.get("label", {}).items())
    ]
  # One line for each archive that has to be got.
  faults += [missing(tree, looks, source) for source, looks in gone.items()]
  return paired


def gather(
  tree: Tree, wanted: Mapping[str, Wanted], faults: list[str]
) -> dict[str, dict[str, dict[str, Part]]]:
  """Sorts the files of a download: split (theirs), role, stem, part."""
  patterns = {
    role: re.compile(f"(?:.*/)?{files.pattern}")
    for role, files in wanted.items()
  }
  found: dict[str, dict[str, dict[str, Part]]] = {}
  twice: dict[str, list[str]] = {}
  for name, part in tree.parts.items():
    for role, pattern in patterns.items():
      match = pattern.fullmatch(name)
      if match is None:
        continue
      stems = found.setdefault(match["split"], {}).setdefault(role, {})
      if match["stem"] in stems:
        twice.setdefault(role, []).append(name)
      stems[match["stem"]] = part
  for role, names in twice.items():
    what = f"{len(names)} {WHAT.get(role, role)}s"
    faults.append(
      f"{tree.root}: {what} are there twice, such as {names[0]}; keep one copy "
      "of the data set"
    )
  return found


def _lonely(
  tree: Tree, roles: Mapping[str, Mapping[str, Part]], split: str
) -> list[str]:
  """Says which files of a split lack a partner of a role that is there."""
  faults = []
  labels = roles.get("label", {})
  for role in [role for role in roles if role != "label"]:
    for have, lack, what in (
      (labels, roles[role], WHAT[role]),
      (roles[role], labels, WHAT["label"]),
    ):
      stems = sorted(set(have) - set(lack)) if have and lack else []
      if stems:
        faults.append(
          f"{tree.root}: {split}: {len(stems)} of {len(have)} have no {what}: "
          f"{first_names(stems)}; unpack or download the archive anew"
        )
  return faults


def made(
  make: Callable[..., bytes], *sources: Part, how: str, **settings: Any
) -> MadePart:
  """A part that a function makes of the name and the bytes of others.

  Args:
    make: from the first source's name and the bytes of all to an encoded file;
      of a module, so that processes can be given it.
    sources: at least one.
    how: names the recipe; another text where its result changes.
    settings: more that `make` is given.
  """
  return MadePart(sources, _Making(make, sources[0].name, settings), how)


@dataclasses.dataclass(frozen=True)
class _Making:
  make: Callable[..., bytes]
  name: str
  settings: Mapping[str, Any]

  def __call__(self, *read: bytes) -> bytes:
    return self.make(self.name, *read, **self.settings)


def table(name: str) -> list[dict[str, Any]]:
  """Reads the rows of a data set's table of classes, `<name>.json` here."""
  path = pathlib.Path(__file__).with_name(f"{name}.json")
  return json.loads(path.read_text("utf-8"))


def class_entries(rows: Sequence[Mapping[str, Any]]) -> tuple[dict, ...]:
  """Classes of a table in its order, numbered from 0.

  Args:
    rows: what `class_entry` takes besides the id; other keys are passed over.
  """
  keys = ("name", "color", "has_instances", "ignore", "background")
  return tuple(
    class_entry(i, **{key: row[key] for key in keys if key in row})
    for i, row in enumerate(rows)
  )
