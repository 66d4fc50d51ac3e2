"""Edge maps of all photos of a folder, beside a record of how they were made.

The record, `edges.json` in the folder above, holds the settings of each folder
of edges by its name: maps of other settings never mix with these, and whoever
synthesizes knows how the maps were made that a model was trained on.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from concurrent import futures
from typing import Any

import numpy as np

import hdgan
from hdgan import whole_files
from hdgan.datasets import files, prepared
from hdgan.datasets.edges import landmarks
from hdgan.datasets.edges.methods import SMALLEST, Method, edges_of
from hdgan.datasets.examples import Part
from hdgan.datasets.tree import open_tree
from hdgan.errors import Faults, InputError, counted, raise_faults, shortened
from hdgan.outside import read_bytes, read_json

RECORD = "edges.json"
_EDITION = 1  # Another one where the same settings give other edges.
RANGE = (0.0, 255.0)


def make_edges(
  source: pathlib.Path,
  target: pathlib.Path,
  how: Method,
  *,
  points: pathlib.Path | None = None,
  value_range: tuple[float, float] = RANGE,
) -> str:
  """Makes the edge maps that are missing or older than their photos.

  Each is an 8-bit PNG called as its photo is, black lines on white. All cores
  work; a run that was stopped goes on where it was.

  Args:
    source: a folder of photos, with folders in it or not, or a zip.
    target: a folder, which is made; no maps of other settings may be in it.
    how: by which method.
    points: a CSV file of landmarks, which every photo must have then.
    value_range: of the photos' samples, where these are no 8 bits.

  Returns:
    A line that says what was done.

  Raises:
    InputError: all that is wrong with the photos, one line each; the maps of
      the others are there.
  """
  photos, left_out = find_photos(source, target)
  table = landmarks.read_landmarks(points) if points else {}
  faces = _faces(photos, table) if points else dict.fromkeys(photos)
  how.open()
  told = _settings(how, points, value_range)
  try:
    target.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(
      f"--to={target}: cannot be made ({error.strerror}); name another folder"
    ) from error
  try:
    with whole_files.locked(target / ".lock", wait=False):
      _record(target, told)
      missing = {
        name: part
        for name, part in photos.items()
        if not _is_there(target / name, part)
      }
      empty = _make(missing, target, faces, how, value_range)
  except BlockingIOError as error:
    raise InputError(
      f"--to={target}: another process makes edges there; wait for it"
    ) from error
  if left_out:
    prepared.say(f"left out, no pictures: {shortened(left_out)}")
  if empty:
    prepared.say(f"without any line: {shortened(empty)}")
  return (
    f"{counted(len(missing), 'edge map')} written to {target}, "
    f"{len(photos) - len(missing)} were there; how: {target.parent / RECORD}"
  )


def find_photos(
  source: pathlib.Path, target: pathlib.Path
) -> tuple[dict[str, Part], list[str]]:
  """Lists photos by the names of their edge maps.

  Args:
    source: a folder or a zip.
    target: the folder of the maps, outside of `source`.

  Returns:
    Parts by names relative to `target`, such as `a.png` or `b/a.png`; and the
    names of files that are no pictures.

  Raises:
    InputError: if there are none, or two would get one name.
  """
  if not source.exists():
    raise InputError(f"--from={source}: there is no such folder; name another")
  if source.resolve() in (target.resolve(), *target.resolve().parents):
    raise InputError(
      f"--to={target}: lies in --from={source}; name a folder beside it"
    )
  parts = open_tree(source).parts
  known = {n: p for n, p in parts.items() if _ending(n) in files.SUFFIXES}
  photos: dict[str, Part] = {}
  faults = []
  for name, part in known.items():
    made = name[: -len(_ending(name))] + ".png"
    if made in photos:
      faults.append(
        f"{part.name}: the same name as {photos[made].name} but for the "
        "ending; rename one"
      )
    photos[made] = part
  raise_faults(faults)
  if not photos:
    raise InputError(
      f"--from={source}: no photo found ({', '.join(files.SUFFIXES)}); name "
      "the folder that holds them"
    )
  # A zip beside others is listed as itself too.
  rest = [n for n in parts if n not in known and _ending(n) != ".zip"]
  return photos, rest


def _ending(name: str) -> str:
  return pathlib.PurePosixPath(name).suffix.lower()


def _faces(
  photos: dict[str, Part], table: dict[str, list[np.ndarray]]
) -> dict[str, Any]:
  """The faces of each photo, by the name of its map."""
  found, faults = {}, []
  for name, part in photos.items():
    ending = pathlib.PurePosixPath(part.name).suffix
    own = name.removesuffix(".png") + ending
    try:
      found[name] = landmarks.faces_of(table, own)
    except InputError as error:
      faults.append(str(error))
  raise_faults(faults)
  return found


def _settings(
  how: Method, points: pathlib.Path | None, value_range: tuple[float, float]
) -> dict[str, Any]:
  """What the maps of a folder depend on besides their photos."""
  told: dict[str, Any] = {"edition": _EDITION, **how.record()}
  told["landmarks"] = points is not None
  if points:
    table = read_bytes(points, f"--landmarks={points}")
    told["landmarks_sha256"] = hashlib.sha256(table).hexdigest()
  if value_range != RANGE:
    told["range"] = list(value_range)
  return told


def _record(target: pathlib.Path, told: dict[str, Any]) -> None:
  """Compares a folder's settings with those of its maps, and keeps them.

  Raises:
    InputError: if the folder has maps that were made otherwise.
  """
  path = target.parent / RECORD
  records = read_json(path, dict) if path.exists() else {}
  known = records.get(target.name)
  before = known.get("settings") if isinstance(known, dict) else None
  if before == told:
    return
  if any(target.rglob("*.png")):
    why = "were made by other settings"
    if not isinstance(before, dict):
      why = f"are not in {path}"
    else:
      other = [k for k in {**before, **told} if before.get(k) != told.get(k)]
      why += f" ({', '.join(f'{k} was {before.get(k)}' for k in other)})"
    raise InputError(
      f"--to={target}: its pictures {why}; name another folder, or remove it"
    )
  records[target.name] = {"hdgan": hdgan.__version__, "settings": told}
  whole_files.write_text(path, json.dumps(records, indent=1) + "\n")


def _is_there(path: pathlib.Path, part: Part) -> bool:
  """Whether a map is there and no older than its photo's file."""
  try:
    return path.stat().st_mtime_ns >= part.path.stat().st_mtime_ns
  except OSError:
    return False


def _make(
  missing: dict[str, Part],
  target: pathlib.Path,
  faces: dict[str, Any],
  how: Method,
  value_range: tuple[float, float],
) -> list[str]:
  """Makes maps; returns the names of those without a line."""

  def one(name: str) -> bool:
    photo = read_photo(missing[name], value_range)
    edges = edges_of(photo, how, faces[name])
    with whole_files.whole_file(target / name) as draft:
      draft.write_bytes(files.encode_png(edges))
    return bool(edges.all())

  progress, faults, empty = prepared.progress_line("edges"), Faults(), []
  pool = futures.ThreadPoolExecutor(os.cpu_count() or 1)
  try:
    tasks: Sequence[tuple[str, futures.Future]] = [
      (name, pool.submit(one, name)) for name in missing
    ]
    for done, (name, task) in enumerate(tasks, start=1):
      try:
        if task.result():
          empty.append(name)
      except InputError as error:
        faults.add(str(error))
      progress(done, len(tasks))
  finally:
    pool.shutdown(cancel_futures=True)
  faults.raise_any()
  return empty


def read_photo(part: Part, value_range: tuple[float, float]) -> np.ndarray:
  """Reads a photo with 8 bits.

  Args:
    part: its file.
    value_range: lowest and highest sample, where these are no 8 bits.

  Returns:
    [H, W, 3] uint8.

  Raises:
    InputError: unreadable, too small, or with samples beyond the range.
  """
  data = files.checked(part.read(), part.name)
  photo = files.read_picture(data, 3, part.name)
  if min(photo.shape[:2]) < SMALLEST:
    raise InputError(
      f"{part.name}: {photo.shape[0]}x{photo.shape[1]} pixels (height x "
      f"width), must be {SMALLEST} or more on each side; remove it"
    )
  if photo.dtype == np.uint8 and value_range == RANGE:
    return photo
  low, high = value_range
  least, most = float(photo.min()), float(photo.max())
  if value_range == RANGE or not low <= least <= most <= high:
    raise InputError(
      f"{part.name}: holds {photo.dtype} of {least:g}..{most:g}, not in "
      f"{low:g}..{high:g}; say --range=LOW,HIGH of all photos, such as "
      "--range=0,65535"
    )
  scaled = (photo.astype(np.float64) - low) * (255 / (high - low))
  return np.rint(scaled).astype(np.uint8)
