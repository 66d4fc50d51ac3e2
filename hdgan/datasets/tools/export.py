"""What the readers of exports share: photos, names of classes, splits."""

import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.folder import first_names
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError, near_names, visible

BACKGROUND = ("background", "_background_")
IGNORED = "__ignore__"
# Lists of classes that people keep beside an export, one name a line.
CLASS_LISTS = ("labels.txt", "class_names.txt", "classes.txt")


class Photos:
  """The pictures of a tree, found by the names that a tool keeps of them."""

  def __init__(self, tree: Tree, without: Sequence[str] = ()):
    """Lists them.

    Args:
      tree: of the export.
      without: names of folders that hold maps.
    """
    self._root = tree.root
    self._by_name: dict[str, list[str]] = {}
    self._parts = tree.parts
    self._folders = tree.folders()
    for name in tree.parts:
      above, _, last = name.rpartition("/")
      if last.lower().endswith(files.SUFFIXES) and not any(
        folder in without for folder in above.split("/")
      ):
        for key in {last, without_ending(last)}:
          self._by_name.setdefault(key, []).append(name)

  def has(self, folder: str) -> bool:
    """Whether there is such a folder of the tree, with anything below it."""
    return any(f"{name}/".startswith(f"{folder}/") for name in self._folders)

  def directly(self, folder: str, wanted: str) -> Part:
    """The one photo of a name in a folder of the tree.

    Raises:
      InputError: as `find` does.
    """
    tail = f"{folder}/{wanted}"
    some = self._by_name.get(wanted.rpartition("/")[2], [])
    return self._only([n for n in some if without_ending(n) == tail], tail)

  def find(self, wanted: str, near: str = "", split: str = "") -> Part:
    """The one photo of a name.

    Of several those count that the whole of `wanted` fits, then those in the
    folder `near`, in a folder of the split, and highest up.

    Args:
      wanted: as the tool has it: a path, the end of one, with its ending or
        not.
      near: a folder of the tree.
      split: 'train', 'val', 'test' or ''.

    Raises:
      InputError: half a sentence: there is none, or there are several.
    """
    parts = [one for one in wanted.split("/") if one not in ("", ".", "..")]
    fits = self._by_name.get(parts[-1], []) if parts else []
    tail = without_ending("/".join(parts))
    least = min((name.count("/") for name in fits), default=0)
    for fit in (
      lambda name: f"/{without_ending(name)}".endswith(f"/{tail}"),
      lambda name: name.startswith(f"{near}/"),
      lambda name: split and split_of(name.rpartition("/")[0]) == split,
      lambda name: name.count("/") == least,
    ):
      fits = list(filter(fit, fits)) or fits
    return self._only(fits, wanted)

  def _only(self, fits: Sequence[str], wanted: str) -> Part:
    if len(fits) > 1:
      raise InputError(
        f"photo {visible(wanted)} is there {len(fits)} times "
        f"({first_names(fits, 2)}); keep one"
      )
    if not fits:
      raise InputError(
        f"photo {visible(wanted)} is missing; put it into {self._root} "
        "(sub-folders are searched)"
      )
    return self._parts[fits[0]]


def without_ending(name: str) -> str:
  """A name without the ending of a picture, whatever its case."""
  ending = next((e for e in files.SUFFIXES if name.lower().endswith(e)), "")
  return name[: len(name) - len(ending)]


def stem_of(name: str) -> str:
  """What an example is called: its picture's path without its ending."""
  return without_ending(name).strip("/").replace("/", "_")


def read_lines(part: Part) -> list[str]:
  """The lines of a text that say something.

  Raises:
    InputError: if it is not UTF-8.
  """
  try:
    text = part.read().decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(
      f"{part.name}: byte {error.start} is not UTF-8; save it in that form"
    ) from error
  lines = [line.strip() for line in text.splitlines()]
  return [line for line in lines if line and not line.startswith("#")]


def class_names(
  tree: Tree, used: Iterable[str], faults: list[str], notes: list[str]
) -> list[str]:
  """Names of classes in their order; the background is first or where listed.

  A list beside the export gives the order; without one they are sorted, so that
  ids do not depend on which picture comes first.

  Args:
    tree: of the export.
    used: names that annotations have.
    faults: gets names that the list lacks.
    notes: gets where the order is from.
  """
  used = sorted(set(used) - {IGNORED})
  lists = [tree.parts[name] for name in CLASS_LISTS if name in tree.parts]
  if lists:
    names = [one for one in read_lines(lists[0]) if one != IGNORED]
    doubled = sorted({one for one in names if names.count(one) > 1})
    faults += [
      f"{lists[0].name}: {visible(one)!r} is there twice; keep one"
      for one in doubled
    ]
    faults += [
      f"{lists[0].name}: lacks the label {visible(one)!r} "
      f"({near_names(one, names)}); add it, or rename it in the tool"
      for one in used
      if not class_of(one, names) and one not in BACKGROUND
    ]
  else:
    names = [one for one in used if one not in BACKGROUND]
    notes.append(
      f"{tree.root}: no {CLASS_LISTS[0]}: classes are numbered in the order of "
      "their names, after the background"
    )
  if not any(one.lower() in BACKGROUND for one in names):
    names.insert(0, "background")
  return names


def class_of(label: str, names: Sequence[str]) -> str:
  """The class of a label: itself, the background, or cat for cat-1; or ''."""
  if label in names:
    return label
  if label in BACKGROUND:
    return next((one for one in names if one.lower() in BACKGROUND), "")
  plain = re.sub(r"-\d+$", "", label)
  return plain if plain in names else ""


def void_of(count: int) -> int:
  """The number of what has no class, for a number of classes."""
  return 255 if count <= 255 else 65535


def class_faults(
  config: ConfigDict, rows: Sequence[Mapping[str, Any]], void: bool
) -> list[str]:
  """Says which fields do not fit the classes that an export has.

  Args:
    config: of the experiment.
    rows: name, and what else `class_entry` takes, of each class.
    void: whether pixels have no class.
  """
  faults = listing.class_faults(
    config, len(rows), void_of(len(rows)) if void else -1
  )
  names = ", ".join(
    f"{i} {visible(row['name'])}" for i, row in enumerate(rows[:8])
  )
  more = ", ..." if len(rows) > 8 else ""
  return [
    line.replace(" classes", f" classes ({names}{more})", 1) for line in faults
  ]


def found(
  config: ConfigDict,
  tree: Tree,
  examples: Mapping[str, Sequence[ExampleFiles]],
  *,
  rows: Sequence[Mapping[str, Any]],
  void: bool = False,
  faults: Sequence[str] = (),
  notes: Sequence[str] = (),
) -> Found:
  """Brings what a reader found into the form that all data sets have.

  Args:
    config: of the experiment.
    tree: of the export.
    examples: by the tool's own names of splits; '' where it has none.
    rows: of the classes.
    void: whether pixels have no class.
    faults: so far.
    notes: so far.
  """
  faults = [*class_faults(config, rows, void), *faults]
  notes = list(notes)
  splits = _splits(config, tree, examples, faults=faults, notes=notes)
  for name, some in splits.items():
    counts = Counter(one.stem for one in some)
    faults += [
      f"{tree.root}: {count} pictures of split '{name}' are called "
      f"{visible(stem)}; rename them"
      for stem, count in sorted(counts.items())
      if count > 1
    ]
  faults += _used_twice(one for some in splits.values() for one in some)
  if not splits["train"] and not faults:
    faults.append(
      f"{tree.root}: no picture to train on; export pictures that are annotated"
    )
  return Found(
    splits,
    classes=listing.class_entries(rows),
    faults=tuple(faults),
    notes=tuple(notes),
  )


def _used_twice(examples: Iterable[ExampleFiles]) -> list[str]:
  """Says which photo two examples were given: one of theirs is missing."""
  stems: dict[Any, str] = {}
  faults = []
  for one in examples:
    if one.image is not None:
      first = stems.setdefault((one.image.path, one.image.name), one.stem)
      if first != one.stem:
        faults.append(
          f"{one.image.name}: is the only photo that {visible(first)} and "
          f"{visible(one.stem)} fit; add the other one"
        )
  return faults


def split_of(name: str) -> str:
  """'train', 'val', 'test', or '' for another name of a split or file."""
  # Neither trainval nor values.
  match = re.search(
    r"(?<![a-z])(train|val|test)(ing|id|idation)?(?![a-z])", name.lower()
  )
  return match[1] if match else ""


def _splits(
  config: ConfigDict,
  tree: Tree,
  examples: Mapping[str, Sequence[ExampleFiles]],
  *,
  faults: list[str],
  notes: list[str],
) -> dict[str, list[ExampleFiles]]:
  """What is trained on and what is held out, in name order."""
  by_split: dict[str, list[ExampleFiles]] = {}
  for name, some in examples.items():
    by_split.setdefault(split_of(name) or "train", []).extend(some)
  wanted = config.data.split
  others = [name for name in ("val", "test") if by_split.get(name)]
  if wanted and wanted not in others:
    raise InputError(
      f"config.data.split={wanted!r}: {tree.root} has no such split to hold "
      f"out; say --config.data.split={others[0] if others else repr('')}"
    )
  train, held_out = by_split.get("train", []), wanted or (others or [""])[0]
  splits = {"train": train}
  if held_out:
    splits[held_out] = by_split[held_out]
    unused = [name for name in others if name != held_out]
    notes += [
      f"{tree.root}: the {len(by_split[name])} pictures of '{name}' are not "
      f"used; --config.data.split={name} holds them out instead"
      for name in unused
    ]
    if not train:
      faults.append(
        f"{tree.root}: only pictures of '{held_out}', none to train on; export "
        "the training split too"
      )
  elif "val.txt" in tree.parts:
    splits = _listed(tree, train, faults)
  else:
    packed = pathlib.Path(tree.root).is_file()
    where = "val.txt beside the zip in a folder of their own, and name that"
    notes.append(
      f"{tree.root}: no split of its own: nothing is held out; to hold some "
      "pictures out, list their names, one a line, in "
      + (where if packed else f"{tree.root}/val.txt")
    )
  return {
    name: sorted(some, key=lambda one: one.stem)
    for name, some in splits.items()
  }


def _listed(
  tree: Tree, examples: Sequence[ExampleFiles], faults: list[str]
) -> dict[str, list[ExampleFiles]]:
  """Holds out what val.txt lists."""
  names = {stem_of(line) for line in read_lines(tree.parts["val.txt"])}
  unknown = sorted(names - {one.stem for one in examples})
  if unknown:
    faults.append(
      f"{tree.root}/val.txt: {len(unknown)} names are of no picture: "
      f"{first_names(unknown)}; correct them"
    )
  return {
    "train": [one for one in examples if one.stem not in names],
    "val": [one for one in examples if one.stem in names],
  }
