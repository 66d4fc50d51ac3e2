"""Faces as curves through 68 landmarks, read from a table.

Nothing is detected here: dlib, OpenFace and others write such points. Which of
them a curve joins, and the upper half of the face as the mirrored lower half,
is as in vid2vid's released code (data/face_dataset.py); its curves are pieces
of three points as well, of which it fits the height, or the width, by a
parabola: here a parabola passes through all three in any direction.
"""

import csv
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from hdgan.errors import InputError, near_names, raise_faults, shown
from hdgan.outside import read_text

POINTS = 68
# Lists of curves; the points of each part bound what it covers. 68..82 are the
# mirrored ones.
_PARTS: tuple[tuple[tuple[int, ...], ...], ...] = (
  ((*range(17), *range(68, 83), 0),),  # Face.
  (tuple(range(17, 22)),),  # Brows.
  (tuple(range(22, 27)),),
  ((28, 31), tuple(range(31, 36)), (35, 28)),  # Nose.
  ((36, 37, 38, 39), (39, 40, 41, 36)),  # Eyes.
  ((42, 43, 44, 45), (45, 46, 47, 42)),
  (tuple(range(48, 55)), (54, 55, 56, 57, 58, 59, 48)),  # Lips, outside.
  (tuple(range(60, 65)), (64, 65, 66, 67, 60)),  # Lips, inside.
)
_NAMES = ("name", "file", "filename", "image")


def read_landmarks(path: pathlib.Path) -> dict[str, list[np.ndarray]]:
  """Reads a table of landmarks.

  Its first line names the columns: `name` (or `file`, `filename`, `image`) and
  x0, y0 to x67, y67, or x_0, y_0 and so on as OpenFace writes them, in any
  order and among others. Each further line is a face; a photo may have several.
  Coordinates are pixels of the upright photo, from its upper left corner.

  Args:
    path: of the CSV file.

  Returns:
    By photo, as it is called there: a [68, 2] float64 array of x and y for
    each face.

  Raises:
    InputError: all that is wrong with it, one line each.
  """
  rows = csv.reader(read_text(path).splitlines(), skipinitialspace=True)
  header = [column.strip().lower() for column in next(rows, [])]
  name = next((i for i, c in enumerate(header) if c in _NAMES), None)
  places = {c.replace("_", ""): i for i, c in enumerate(header)}
  wanted = [f"{axis}{i}" for i in range(POINTS) for axis in "xy"]
  missing = [column for column in wanted if column not in places]
  if name is None or missing:
    what = f"column {missing[0]!r}" if missing else "column 'name'"
    raise InputError(
      f"{path}: has no {what}; its first line must name the columns: name, x0, "
      "y0, ... x67, y67"
    )
  found: dict[str, list[np.ndarray]] = {}
  faults = []
  for line, row in enumerate(rows, start=2):
    if not row:
      continue
    try:
      values = np.array([float(row[places[c]]) for c in wanted])
      if not (np.abs(values) < 1e6).all():
        raise ValueError("a coordinate is not finite or too large")
    except (ValueError, IndexError) as error:
      why = "too few columns" if isinstance(error, IndexError) else str(error)
      faults.append(f"{path}: line {line}: {why}; correct it")
      continue
    face = values.reshape(POINTS, 2)
    found.setdefault(row[name].strip(), []).append(face)
  raise_faults(faults)
  return found


def faces_of(
  landmarks: dict[str, list[np.ndarray]], name: str
) -> list[np.ndarray]:
  """The faces of a photo, which the table may call with or without its ending.

  Args:
    landmarks: as `read_landmarks` gives them.
    name: of the photo, relative to its folder.

  Raises:
    InputError: if there is none.
  """
  path = pathlib.PurePosixPath(name)
  for one in (name, str(path.with_suffix("")), path.name, path.stem):
    if one in landmarks:
      return landmarks[one]
  raise InputError(
    f"{shown(name)}: has no line in the table of landmarks "
    f"({near_names(path.name, list(landmarks))}); add it, or remove the photo"
  )


def draw_faces(lines: np.ndarray, faces: list[np.ndarray]) -> np.ndarray:
  """Draws faces in place of what was found inside them.

  Args:
    lines: [H, W] bool, of the whole photo.
    faces: [68, 2] x and y each.

  Returns:
    [H, W] bool.
  """
  height, width = lines.shape
  inside, drawn = (Image.new("1", (width, height)) for _ in range(2))
  covers, draws = ImageDraw.Draw(inside), ImageDraw.Draw(drawn)
  for face in faces:
    points = _with_forehead(face)
    for part in _PARTS:
      outline = points[[i for curve in part for i in curve]]
      covers.polygon([(x, y) for x, y in outline], fill=1, outline=1)
      for curve in part:
        for piece in _pieces(points[list(curve)]):
          draws.line([(x, y) for x, y in piece], fill=1)
  return (lines & ~np.array(inside)) | np.array(drawn)


def _with_forehead(face: np.ndarray) -> np.ndarray:
  """[83, 2] points: the chin's, two thirds as far from the ears, above them."""
  jaw = face[1:16][::-1].copy()
  ears = (face[0, 1] + face[16, 1]) / 2
  jaw[:, 1] = ears + (ears - jaw[:, 1]) * 2 / 3
  return np.concatenate([face, jaw])


def _pieces(points: np.ndarray) -> Iterator[np.ndarray]:
  """Cuts a curve into pieces of three points and makes each smooth."""
  for start in range(0, len(points) - 1, 2):
    yield smooth_curve(points[start : start + 3])


def smooth_curve(points: np.ndarray) -> np.ndarray:
  """A parabola through three points, or a line through two.

  Args:
    points: [3, 2] or [2, 2] x and y.

  Returns:
    [N, 2] points on it, a pixel apart or less; the given ones are among them.
  """
  lengths = np.hypot(*np.diff(points, axis=0).T)
  if len(points) < 3 or not lengths.all():
    return points
  # How far along each point is; the middle one by the lengths of both sides.
  middle = lengths[0] / lengths.sum()
  count = int(np.ceil(2 * lengths.sum())) + 1
  t = np.union1d(np.linspace(0, 1, count), middle)[:, None]
  first = (t - middle) * (t - 1) / middle
  second = t * (t - 1) / (middle * (middle - 1))
  third = t * (t - middle) / (1 - middle)
  return first * points[0] + second * points[1] + third * points[2]
