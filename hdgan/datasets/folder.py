"""Scans a folder of label maps, instance maps and photos.

The layout is the released code's: `<split>_label/`, `<split>_inst/`,
`<split>_img/`, or `<split>_A/` and `<split>_B/`. Files are paired by their
stems, never by position.
"""

import pathlib
from collections.abc import Collection, Mapping, Sequence

from hdgan.datasets import files
from hdgan.datasets.examples import (
  ROLES,
  WHAT,
  ExampleFiles,
  FilePart,
)
from hdgan.errors import visible
from hdgan.outside import path_fault

FOLDERS = {
  "label": ("label", "A"),
  "instance": ("inst",),
  "image": ("img", "B"),
}
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
      faults.append(f"{root}: has both {names[0]}/ and {names[1]}/; keep one")
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
  trained: bool = False,
) -> list[ExampleFiles]:
  """Pairs the files of a split's folders by stem.

  Args:
    folders: of the split, by role.
    suffixes: data.suffixes.
    faults: gets what is wrong.
    trained: the model is there: photos are only shown, where there are any,
      and no field of its config can be set any more.

  Returns:
    Examples in name order, one per label map.
  """
  by_role = {}
  for role, folder in folders.items():
    found: list[str] = []
    by_role[role] = _stems(folder, role, suffixes.get(role, ""), found, trained)
    if not (trained and role == "image"):
      faults += found
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


def _stems(
  folder: pathlib.Path,
  role: str,
  suffix: str,
  faults: list[str],
  trained: bool,
) -> dict[str, FilePart]:
  """Maps the stem of each file in a folder to its part."""
  way = "" if trained else f"say --config.data.suffixes.{role}=SUFFIX, or "
  stems: dict[str, FilePart] = {}
  names = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
  known = [p for p in names if p.suffix.lower() in files.SUFFIXES]
  if not known:
    faults.append(
      f"{folder.name}/: no {WHAT[role]} found ({files.FORMATS}); "
      f"it holds {_listing(folder)}"
    )
  for path in known:
    part = FilePart(path)
    fault = path_fault(path.name)
    if fault:
      faults.append(f"{part.name}: the name {fault}")
    if suffix and not path.stem.endswith(suffix):
      faults.append(
        f"{part.name}: does not end in data.suffixes.{role} = "
        f"'{suffix}'; {way}rename the file"
      )
    stem = path.stem.removesuffix(suffix or KNOWN_SUFFIXES[role])
    if stem in stems:
      faults.append(
        f"{part.name}: the same name as {stems[stem].path.name}; keep one"
      )
    stems[stem] = part
  return stems


def _partner_faults(
  folders: Mapping[str, pathlib.Path],
  by_role: Mapping[str, Mapping[str, FilePart]],
  role: str,
  faults: list[str],
  trained: bool,
) -> None:
  """Says which label maps lack a partner, and which partners a label map."""
  way = "rename them where names differ"
  if not trained:
    way = suffix_way(by_role["label"], by_role[role], role)
  for a, b in (("label", role), (role, "label")):
    lonely = [
      by_role[a][stem].path.name
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
