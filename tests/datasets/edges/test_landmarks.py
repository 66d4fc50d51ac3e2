"""The table of landmarks, and the curves that are drawn through them."""

import numpy as np
import pytest

from hdgan.datasets.edges import landmarks
from hdgan.errors import InputError

XY = [f"{axis}{i}" for i in range(68) for axis in "xy"]


def face(scale=1.0):
  """A jaw on a half circle of radius 40 round (50, 45), the rest within."""
  angle = np.linspace(np.pi, 0, 17)
  points = np.full((68, 2), [50.0, 45.0])
  points[:17] += 40 * np.stack([np.cos(angle), np.sin(angle)], 1)
  inner = np.linspace(0, 2 * np.pi, 51, endpoint=False)
  points[17:] += 15 * np.stack([np.cos(inner), np.sin(inner)], 1)
  return points * scale


def written(path, rows, header=None):
  lines = [",".join(header or ["name", *XY])]
  lines += [",".join(map(str, row)) for row in rows]
  path.write_text("\n".join(lines) + "\n")
  return path


def test_names_and_openface_columns_in_any_order(tmp_path):
  points = face()
  values = points.ravel().tolist()
  plain = landmarks.read_landmarks(
    written(tmp_path / "a.csv", [["a.jpg", *values], ["a.jpg", *values]])
  )
  assert [len(f) for f in plain.values()] == [2]
  header = ["confidence", *[f" x_{i}" for i in range(68)],
            *[f" y_{i}" for i in range(68)], "file"]  # fmt: skip
  row = [0.9, *points[:, 0], *points[:, 1], "a"]
  other = landmarks.read_landmarks(written(tmp_path / "b.csv", [row], header))
  for table, photo in ((plain, "x/a.jpg"), (other, "x/a.png")):
    np.testing.assert_allclose(landmarks.faces_of(table, photo)[0], points)
  with pytest.raises(InputError, match=r"'b.png': has no line in the table"):
    landmarks.faces_of(plain, "b.png")


@pytest.mark.parametrize(
  "row, says",
  [
    (["a", *range(100)], "line 2: too few columns"),
    (["a", "here", *range(135)], "line 2: could not convert .*'here'"),
    (["a", "nan", *range(135)], "line 2: a coordinate is not finite"),
  ],
)
def test_what_is_no_table(tmp_path, row, says):
  with pytest.raises(InputError, match=says):
    landmarks.read_landmarks(written(tmp_path / "a.csv", [row]))
  with pytest.raises(InputError, match="has no column 'y67'"):
    landmarks.read_landmarks(
      written(tmp_path / "b.csv", [], ["name", *XY[:-1]])
    )
  with pytest.raises(InputError, match="has no column 'name'"):
    landmarks.read_landmarks(written(tmp_path / "c.csv", [], ["x", *XY]))


def test_a_piece_is_a_parabola_through_its_three_points():
  """A height of x^2 / 4 between -2 and 2, whose sides are equally long."""
  curve = landmarks.smooth_curve(np.array([[-2.0, 1], [0, 0], [2, 1]]))
  np.testing.assert_allclose(curve[:, 1], curve[:, 0] ** 2 / 4, atol=1e-12)
  assert np.hypot(*np.diff(curve, axis=0).T).max() <= 1
  # Upright ones as well, and what has two points is straight.
  turned = landmarks.smooth_curve(np.array([[1.0, -2], [0, 0], [1, 2]]))
  np.testing.assert_allclose(turned[:, 0], turned[:, 1] ** 2 / 4, atol=1e-12)
  two = np.array([[0.0, 0], [3, 4]])
  np.testing.assert_array_equal(landmarks.smooth_curve(two), two)


def test_a_face_takes_the_place_of_what_was_inside():
  found = np.ones((100, 100), bool)
  drawn = landmarks.draw_faces(found, [face()])
  assert drawn[2, 2] and drawn[98, 98]  # Outside it stays.
  assert drawn[85, 50]  # The chin, (50, 85).
  assert not drawn[80, 50]  # Inside there is nothing.
  # The forehead is the chin mirrored at the ears, two thirds as high.
  assert drawn[45 - round(40 * 2 / 3), 50]
  assert not drawn[45 - 24, 50]
  np.testing.assert_array_equal(landmarks.draw_faces(found, []), found)
