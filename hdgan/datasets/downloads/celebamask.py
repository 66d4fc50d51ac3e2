"""CelebA-HQ with CelebAMask-HQ (Lee et al., CVPR 2020): 30,000 faces.

Reads CelebAMask-HQ.zip: `CelebA-HQ-img/ID.jpg` (1024x1024) and one mask of
512x512 for each part of a face, `CelebAMask-HQ-mask-anno/*/IDIDI_<part>.png`,
RGB of 0 and 255; a part that cannot be seen has no file. Parts are painted over
one another in the order of the authors' g_mask.py, which numbers them 1..18, 0
being background. Other face parsers number the same parts in another order, so
that masks are told by their names alone. Left and right are the person's. There
are no instances.

`data.variant`: '' for photos as they are, maps doubled by their nearest pixel;
'512' for photos reduced to 512x512 (Lanczos), maps as they are.

Held out is CelebA's `val`, or with `data.split=test` its `test`, where CelebA's
own list_eval_partition.txt lies in the folder too, photos being found in it by
CelebA-HQ-to-CelebA-mapping.txt (24,183 to train on, 2,993 and 2,824, as usually
reported). Without that list the ids from 28000 on are held out.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from hdgan.datasets import files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.listing import Wanted
from hdgan.datasets.examples import ExampleFiles, Found, Part
from hdgan.datasets.files_builder import FilesBuilder
from hdgan.datasets.folder import first_names
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError

PAGE = "https://github.com/switchablenorms/CelebAMask-HQ"
_ARCHIVE = f"CelebAMask-HQ.zip from {PAGE}"
# Name in the files, name for people, colour (g_color.py); index = class.
PARTS = (
  ("", "background", (0, 0, 0)),
  ("skin", "skin", (204, 0, 0)),
  ("nose", "nose", (76, 153, 0)),
  ("eye_g", "eyeglasses", (204, 204, 0)),
  ("l_eye", "left eye", (51, 51, 255)),
  ("r_eye", "right eye", (204, 0, 204)),
  ("l_brow", "left brow", (0, 255, 255)),
  ("r_brow", "right brow", (255, 204, 204)),
  ("l_ear", "left ear", (102, 51, 0)),
  ("r_ear", "right ear", (255, 0, 0)),
  ("mouth", "mouth", (102, 204, 0)),
  ("u_lip", "upper lip", (255, 255, 0)),
  ("l_lip", "lower lip", (0, 0, 153)),
  ("hair", "hair", (0, 0, 204)),
  ("hat", "hat", (255, 51, 153)),
  ("ear_r", "earring", (0, 204, 204)),
  ("neck_l", "necklace", (0, 51, 0)),
  ("neck", "neck", (255, 153, 51)),
  ("cloth", "cloth", (0, 204, 0)),
)
_IDS = {part[0]: i for i, part in enumerate(PARTS) if i}
# The group `split` only stands where others have one.
WANTED = {
  "image": Wanted(
    r"(?P<split>CelebA-HQ-img)/(?P<stem>[0-9]+)\.jpg",
    "CelebA-HQ-img/ID.jpg",
    _ARCHIVE,
  ),
  "mask": Wanted(
    r"(?P<split>CelebAMask-HQ-mask-anno)/[^/]+/(?P<stem>[0-9]+_[^/]+)\.png",
    "CelebAMask-HQ-mask-anno/*/ID_PART.png",
    _ARCHIVE,
  ),
}
_LIST, _MAPPING = "list_eval_partition.txt", "CelebA-HQ-to-CelebA-mapping.txt"
# Number in the list, and our name of the split.
HELD_OUT = {"": ("1", "val"), "test": ("2", "test")}
_FIRST_HELD_OUT = 28000  # Without the list.
_MASK = 512  # Height and width of the masks.


class Celebamask(FilesBuilder):
  """TFDS builder over photos, masks of parts, and the lists beside them."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists the photos, each with the masks of its parts.

    Raises:
      InputError: without a root, for an unknown variant or split.
    """
    size = listing.choose(config, "variant", {"": 1024, "512": 512})
    number, held_out = listing.choose(config, "split", HELD_OUT)
    listing.wants_instances(config)
    tree = listing.open_download(config, "CelebAMask-HQ.zip")
    faults = listing.class_faults(config, len(PARTS))
    found = listing.gather(tree, WANTED, faults)
    images = found.get("CelebA-HQ-img", {}).get("image", {})
    masks = found.get("CelebAMask-HQ-mask-anno", {}).get("mask", {})
    gone = [WANTED["image"].looks] * (not images)
    gone += [WANTED["mask"].looks] * (not masks)
    if gone:
      faults.append(listing.missing(tree, gone, _ARCHIVE))
    photos = {int(stem): part for stem, part in images.items()}
    faces = _faces(tree, masks, faults)
    if photos and faces:
      faults += _lonely(tree, photos, faces)
    partition = _partition(tree, faults)
    if partition is None and number == "2":
      faults.append(
        f"{tree.root}: without CelebA's {_LIST} there is no test split; put "
        "it there (https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html), or say "
        "--config.data.split=''"
      )
    names = {"0": "train", number: held_out}
    splits: dict[str, list[ExampleFiles]] = {
      name: [] for name in names.values()
    }
    for id in sorted(photos.keys() & faces.keys()):
      which = "1" if id >= _FIRST_HELD_OUT else "0"
      which = which if partition is None else partition.get(id, "")
      if which in names:
        splits[names[which]].append(_example(id, photos[id], faces[id], size))
    notes = [
      f"{tree.root}: no instance maps: boundaries are taken from the labels"
    ]
    if partition is None:
      notes.append(
        f"{tree.root}: no {_LIST} of CelebA: held out are the faces from "
        f"{_FIRST_HELD_OUT} on"
      )
    if not splits[held_out]:
      splits.pop(held_out)
      notes.append(f"{tree.root}: no face of {held_out}: nothing is held out")
    rows = [{"name": name, "color": color} for _, name, color in PARTS]
    return Found(
      splits,
      classes=listing.class_entries(rows),
      faults=tuple(faults),
      notes=tuple(notes),
    )


def _faces(
  tree: Tree, masks: Mapping[str, Part], faults: list[str]
) -> dict[int, dict[int, Part]]:
  """Masks by the class that they show, by the number of the face."""
  faces: dict[int, dict[int, Part]] = {}
  unknown = []
  for stem, part in masks.items():
    number, _, name = stem.partition("_")
    if name in _IDS:
      faces.setdefault(int(number), {})[_IDS[name]] = part
    else:
      unknown.append(f"{stem}.png")
  if unknown:
    faults.append(
      f"{tree.root}: {len(unknown)} masks are of no part that is known "
      f"({', '.join(_IDS)}): {first_names(unknown)}; take them away"
    )
  return faces


def _lonely(
  tree: Tree, photos: Mapping[int, Part], faces: Mapping[int, object]
) -> list[str]:
  """Says which photos have no mask at all, and which masks no photo."""
  faults = []
  for have, lack, what in ((photos, faces, "mask"), (faces, photos, "photo")):
    ids = [str(id) for id in sorted(have.keys() - lack.keys())]
    if ids:
      faults.append(
        f"{tree.root}: {len(ids)} of {len(have)} faces have no {what}: "
        f"{first_names(ids)}; unpack or download the archive anew"
      )
  return faults


def _partition(tree: Tree, faults: list[str]) -> dict[int, str] | None:
  """CelebA's split ('0', '1', '2') of each face; None without its list."""
  found, mapping = (listing.find_file(tree, n) for n in (_LIST, _MAPPING))
  if found is None:
    return None
  if mapping is None:
    faults.append(
      f"{tree.root}: {_LIST} is of no use without {_MAPPING}; take {_ARCHIVE}"
    )
    return {}
  numbers = {row[0]: row[1] for row in _rows(found, 2, faults)}
  # Its second column counts from 0, the files' names from 1.
  return {
    int(row[0]): numbers.get(row[2], "")
    for row in _rows(mapping, 3, faults)
    if row[0].isdigit()
  }


def _rows(part: Part, columns: int, faults: list[str]) -> list[list[str]]:
  """The lines of a list, cut at blanks."""
  lines = part.read().decode("utf-8", "replace").splitlines()
  rows = [line.split() for line in lines if line.strip()]
  bad = [" ".join(row) for row in rows if len(row) != columns]
  if bad:
    faults.append(
      f"{part.name}: line {bad[0][:40]!r} has not {columns} columns; take the "
      "file as it was downloaded"
    )
  return [row for row in rows if len(row) == columns]


def _example(
  id: int, photo: Part, parts: Mapping[int, Part], size: int
) -> ExampleFiles:
  """A face with its masks in the order in which they are painted."""
  order = tuple(sorted(parts))
  label = listing.made(
    paint,
    *(parts[i] for i in order),
    how=f"celebamask {size} {order}",
    order=order,
    size=size,
  )
  image = listing.made(bring_to, photo, how=f"celebamask {size}", size=size)
  return ExampleFiles(f"{id:05d}", label=label, instance=None, image=image)


def paint(name: str, *masks: bytes, order: Sequence[int], size: int) -> bytes:
  """Paints masks over one another.

  Args:
    name: of the face's first mask.
    *masks: each a picture that is not black where the part is.
    order: the class of each.
    size: of the photo; a multiple of the masks'.

  Returns:
    An encoded map [size, size] of classes.
  """
  label = np.zeros((_MASK, _MASK), np.uint8)
  for mask, id in zip(masks, order, strict=True):
    there = files.read_picture(mask, 3, name).any(-1)
    if there.shape != label.shape:
      raise InputError(
        f"{name}: the mask of {PARTS[id][1]} is {there.shape[0]}x"
        f"{there.shape[1]}, the data set's are {_MASK}x{_MASK}; take the masks "
        "as they were downloaded"
      )
    label[there] = id
  return files.encode_map(
    label.repeat(size // _MASK, 0).repeat(size // _MASK, 1)
  )


def bring_to(name: str, photo: bytes, *, size: int) -> bytes:
  """Gives a photo of [size, size], its own bytes where it has that size."""
  height, width = files.facts(photo, name).size
  if height == width == size:
    return photo
  if min(height, width) < size:
    raise InputError(
      f"{name}: {height}x{width}, the data set's photos are 1024x1024; say "
      "--config.data.variant=512 if they were reduced, or take them as they "
      "were downloaded"
    )
  pixels = files.read_picture(photo, 3, name)
  image = Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)
  return files.encode_png(np.asarray(image))
