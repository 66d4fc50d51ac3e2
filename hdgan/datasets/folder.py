"""Scans a folder of label maps, instance maps and photos.

The layout is the released code's: `<split>_label/`, `<split>_inst/`,
`<split>_img/`, or `<split>_A/` and `<split>_B/`. Files are paired by their
stems, never by position.
"""

import pathlib
import unicodedata
from collections.abc import Collection, Mapping, Sequence

from hdgan.datasets import files
from hdgan.datasets.examples import (
  ROLES,
  WHAT,
  ExampleFiles,
  Part,
)
from hdgan.datasets.tree import open_tree
from hdgan.errors import counted, visible
from hdgan.outside import path_fault

FOLDERS = {
  "label": ("label", "A", "labels"),
  "instance": ("inst", "instance", "instances"),
  "image": ("img", "B", "image", "images"),
}
# Files that hold pictures but are not read: left out, they would be missed.
_OTHER_PICTURES = {
  ".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".dng", ".cr2", ".nef",
  ".arw", ".exr", ".hdr", ".svg", ".pdf", ".npz", ".mat", ".h5", ".mp4", ".mov",
  ".webp", ".bmp", ".gif", ".tga", ".ppm", ".pgm", ".pbm", ".pfm", ".raw",
}  # fmt: skip
# The endings that Cityscapes puts behind the common part of its names.
KNOWN_SUFFIXES = {
  "label": "_gtFine_labelIds",
  "instance": "_gtFine_instanceIds",
  "image": "_leftImg8bit",
}


def split_folders(
  root: pathlib.Path | str, split: str, faults: list[str]
) -> dict[str, pathlib.Path]:
  """Finds the folders of a split by role; says what is missing or doubled."""
  root = pathlib.Path(root)
  folders = {}
  for role in ROLES:
    names = [f"{split}_{ending}" for ending in FOLDERS[role]]
    there = [root / name for name in names if (root / name).is_dir()]
    if len(there) > 1:
      both = " and ".join(f"{path.name}/" for path in there[:2])
      faults.append(f"{root}: has both {both}; keep one")
    if there:
      folders[role] = there[0]
  if not root.is_dir():
    faults.append(f"{root}: no such folder; say --config.data.root=FOLDER")
  elif "label" not in folders:
    faults.append(
      f"{root}: split '{split}' has no {split}_label/ (or {split}_A/); "
      f"found {_listing(root)}"
    )
  return folders


def splits(root: pathlib.Path) -> list[str]:
  """Names the splits that a folder has label maps of."""
  names = {
    path.name.removesuffix(f"_{ending}")
    for ending in FOLDERS["label"]
    for path in root.glob(f"?*_{ending}")
    if path.is_dir()
  }
  return sorted(names)


def has_split(root: pathlib.Path, split: str) -> bool:
  """Whether a folder has label maps of a split."""
  return any((root / f"{split}_{e}").is_dir() for e in FOLDERS["label"])


def held_out_split(root: pathlib.Path | str) -> str:
  """Names the split to hold out: val, else test, with photos; else ''."""
  for split in ("val", "test"):
    folders = split_folders(root, split, [])
    if "label" in folders and "image" in folders:
      return split
  return ""


def pair(
  folders: Mapping[str, pathlib.Path],
  suffixes: Mapping[str, str],
  faults: list[str],
  *,
  trained: bool = False,
  notes: list[str] | None = None,
) -> list[ExampleFiles]:
  """Pairs the files of a split's folders by stem, across their sub-folders.

  Args:
    folders: of the split, by role.
    suffixes: data.suffixes.
    faults: gets what is wrong.
    trained: the model is there: photos are only shown, where there are any,
      and no field of its config can be set any more.
    notes: gets what is left aside.

  Returns:
    Examples in name order, one per label map. A name is the file's stem; where
    sub-folders of a folder hold the same stem, SUBFOLDER_STEM.
  """
  found: dict[str, _Files] = {}
  for role, folder in folders.items():
    one = _Files(folder, role, suffixes.get(role, ""), trained)
    if not (trained and role == "image"):
      faults += one.faults
    if notes is not None:
      notes += one.notes
    found[role] = one
  with_folder = any(one.repeated for one in found.values())
  by_role = {}
  for role, one in found.items():
    told: list[str] = []
    by_role[role] = one.by_stem(with_folder, told)
    if not (trained and role == "image"):
      faults += told
  labels = by_role.get("label", {})
  for role in ROLES[1:2] if trained else ROLES[1:]:
    # An empty folder has been told as one fault already.
    if role in by_role and by_role[role] and labels:
      _partner_faults(folders, by_role, role, faults, trained)
  return [
    ExampleFiles(
      stem,
      label=part,
      instance=by_role.get("instance", {}).get(stem),
      image=by_role.get("image", {}).get(stem),
    )
    for stem, part in sorted(labels.items())
  ]


def _listing(folder: pathlib.Path) -> str:
  """Names what a folder holds, for errors."""
  names = sorted(
    visible(p.name) + "/" * p.is_dir()
    for p in folder.iterdir()
    if not p.name.startswith(".")
  )
  return first_names(names) if names else "nothing"


def first_names(names: Sequence[str], most: int = 5) -> str:
  """Joins the first few names."""
  return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


class _Files:
  """The files of one folder, and what of it is no map or photo.

  Attributes:
    faults: what is wrong, one line each.
    notes: what is left aside, one line each.
    repeated: whether two of its sub-folders hold the same stem.
  """

  def __init__(
    self, folder: pathlib.Path, role: str, suffix: str, trained: bool
  ):
    self.faults, self.notes = list[str](), list[str]()
    self._folder = folder
    # Sub-folder, stem, name in the folder, file.
    self._files: list[tuple[str, str, str, Part]] = []
    deep, others = list[str](), list[str]()
    way = "" if trained else f"say --config.data.suffixes.{role}=SUFFIX, or "
    parts = open_tree(folder).parts
    top = any("/" not in name and _is_read(name) for name in parts)
    for name, part in parts.items():
      above, _, last = name.rpartition("/")
      if not _is_read(name):
        others += [name] * (not last.lower().endswith(".zip"))
      # Beside a user's own maps may lie a folder of anything.
      elif "/" in above or (above and top and trained):
        deep.append(name)
      else:
        stem = last.rpartition(".")[0]
        self._name_faults(name, stem, suffix, f"data.suffixes.{role}", way)
        stem = stem.removesuffix(suffix or KNOWN_SUFFIXES[role])
        # macOS and others write one letter in two ways.
        stem = unicodedata.normalize("NFC", stem)
        self._files.append((above, stem, name, part))
    if not self._files and not deep:
      self.faults.append(
        f"{folder.name}/: no {WHAT[role]} found ({files.FORMATS}); "
        f"it holds {_listing(folder)}"
      )
    else:
      self._left_out(deep, others, trained)
    places: dict[str, set[str]] = {}
    for above, stem, _, _ in self._files:
      places.setdefault(stem, set()).add(above)
    self.repeated = any(len(aboves) > 1 for aboves in places.values())

  def by_stem(self, with_folder: bool, faults: list[str]) -> dict[str, Part]:
    """Files by the name of their example; says which of them are doubled."""
    found: dict[str, tuple[str, Part]] = {}
    for above, stem, name, part in self._files:
      key = f"{above}_{stem}" if with_folder and above else stem
      if key in found:
        other = found[key][0]
        looks = ""
        if len({unicodedata.normalize("NFC", x) for x in (name, other)}) == 1:
          looks = " (they differ in how an accent is coded)"
        faults.append(
          f"{self._folder.name}/{visible(name)}: the same name as "
          f"{visible(other)}{looks}; keep one"
        )
      found[key] = name, part
    return {key: part for key, (_, part) in found.items()}

  def _name_faults(
    self, name: str, stem: str, suffix: str, field: str, way: str
  ) -> None:
    where = f"{self._folder.name}/{visible(name)}"
    fault = path_fault(name)
    if fault:
      self.faults.append(f"{where}: the name {fault}")
    if suffix and not stem.endswith(suffix):
      self.faults.append(
        f"{where}: does not end in {field} = '{suffix}'; {way}rename the file"
      )

  def _left_out(
    self, deep: list[str], others: list[str], trained: bool
  ) -> None:
    """Says which files are neither maps nor photos, or lie too deep."""
    here = f"{self._folder.name}/"
    pictures = [
      name
      for name in others
      if pathlib.PurePath(name).suffix.lower() in _OTHER_PICTURES
    ]
    if pictures:
      self.faults.append(
        f"{here}: {counted(len(pictures), 'file is', 'files are')} of a kind "
        f"that is not read: {first_names([*map(visible, pictures)])}; convert "
        "to PNG, or move away"
      )
    if deep and trained:
      self.notes.append(
        f"{here}: {counted(len(deep), 'file')} in sub-folders left aside: "
        f"{first_names([*map(visible, deep)])}"
      )
    elif deep:
      self.faults.append(
        f"{here}: {counted(len(deep), 'file lies', 'files lie')} deeper than "
        f"one sub-folder: {first_names([*map(visible, deep)])}; move them up"
      )
    rest = [name for name in others if name not in set(pictures)]
    if rest:
      self.notes.append(
        f"{here}: {counted(len(rest), 'other file')} left aside: "
        f"{first_names([*map(visible, rest)])}"
      )


def _is_read(name: str) -> bool:
  return pathlib.PurePath(name).suffix.lower() in files.SUFFIXES


def _partner_faults(
  folders: Mapping[str, pathlib.Path],
  by_role: Mapping[str, Mapping[str, Part]],
  role: str,
  faults: list[str],
  trained: bool,
) -> None:
  """Says which label maps lack a partner, and which partners a label map."""
  way = "rename them where names differ"
  if not trained:
    way = suffix_way(by_role["label"], by_role[role], role)
  by_case = {stem.casefold(): stem for stem in by_role[role]}
  for stem in by_role["label"].keys() - by_role[role].keys():
    if stem.casefold() in by_case:
      way = f"'{stem}' and '{by_case[stem.casefold()]}' differ in case"
  for a, b in (("label", role), (role, "label")):
    lonely = [
      visible(by_role[a][stem].name.rpartition("/")[2])
      for stem in sorted(by_role[a].keys() - by_role[b].keys())
    ]
    if lonely:
      faults.append(
        f"{folders[a].name}/: {len(lonely)} of {len(by_role[a])} files have "
        f"no {WHAT[b]} in {folders[b].name}/: {first_names(lonely)}; add or "
        f"remove them (files pair by name; {way})"
      )


def suffix_way(
  labels: Collection[str], others: Collection[str], role: str
) -> str:
  """What to say about stems that do not pair: the suffix, where one fits."""
  for own, theirs, name in ((labels, others, "label"), (others, labels, role)):
    # What all names end in, one of them shows.
    one = min(own)
    for suffix in {one.removeprefix(x) for x in theirs if one.startswith(x)}:
      if {stem.removesuffix(suffix) for stem in own} == set(theirs):
        return f"say --config.data.suffixes.{name}={suffix}"
  return (
    "where names differ, say --config.data.suffixes.label=SUFFIX "
    f"--config.data.suffixes.{role}=SUFFIX"
  )
