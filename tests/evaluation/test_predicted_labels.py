"""Labels that another program predicted, and what is said of bad ones."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from hdgan.errors import InputError
from hdgan.evaluation.predicted_labels import PredictedLabels

OWN, PICTURE = (4, 6), (2, 3)
SIZES = {"a": (OWN, PICTURE), "b": (OWN, PICTURE)}


def write(path, label):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.asarray(label, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Good predictions of two maps: one at each size, as PNG and as TIFF."""
  monkeypatch.chdir(tmp_path)
  for part in ("result", "real"):
    write(tmp_path / "p" / part / "a.png", np.full(OWN, 2))
    write(tmp_path / "p" / part / "b.tif", np.full(PICTURE, 1))
  return (tmp_path / "p").relative_to(tmp_path)


def opened(folder, ignored=-1):
  return PredictedLabels(folder, SIZES, classes=3, ignored=ignored)


def test_they_are_read_as_they_are(folder):
  labels = opened(folder)
  photo = np.zeros((2, 3, 3), np.uint8)
  got = labels("b", photo, real=True)
  assert got.dtype == np.int32
  np.testing.assert_array_equal(got, np.full(PICTURE, 1))
  total = hashlib.sha256()
  for name in ("a.png", "b.tif"):
    data = (folder / "real" / name).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    total.update(f"{name[0]}\0{digest}\n".encode())
  assert labels.settings == {"kind": "labels", "real_sha256": total.hexdigest()}
  assert labels.has_oracle and labels.about["folder"] == "p"
  # Those that belong to no map of this split are nobody's business.
  write(folder / "result" / "of_another_split.png", np.full((9, 9), 77))
  assert opened(folder).about == labels.about
  write(folder / "result" / "a.png", np.zeros(OWN))
  changed = opened(folder)
  assert changed.settings == labels.settings
  assert changed.about["result_sha256"] != labels.about["result_sha256"]


def test_without_those_of_photos_there_is_no_oracle(folder):
  for path in (folder / "real").iterdir():
    path.unlink()
  (folder / "real").rmdir()
  labels = opened(folder)
  assert not labels.has_oracle and labels.settings["real_sha256"] is None


def spoil(folder, what):
  path = folder / "result" / "a.png"
  if what == "size":
    write(path, np.zeros((5, 6)))
  elif what == "class":
    write(path, np.full(OWN, 19))
  elif what == "colour":
    write(path, np.full((*OWN, 3), [0, 128, 255]))
  elif what == "unreadable":
    path.write_bytes(b"no picture")
  elif what == "partner":
    path.rename(path.with_name("a_pred.png"))
  elif what == "two":
    write(folder / "result" / "a.tif", np.zeros(OWN))
  elif what == "result":
    (folder / "result").rename(folder / "results")


BAD = {
  "size": (
    "p/result/a.png: is 5x6 (height x width), the map is 4x6, the picture 2x3; "
    "predict at one of both"
  ),
  "class": (
    "p/result/a.png: holds 19, which is no class: the data has 0..2; write the "
    "ids of classes.json, not those of another numbering"
  ),
  "partner": (
    "p/result: nothing is called a, as 1 of 2 maps are; each map needs a file "
    "of its name"
  ),
  "two": "p/result: a.png and a.tif are both of the map a; keep one",
  "colour": (
    "p/result/a.png: a map needs one channel of class ids, this one is "
    "coloured (RGB, 3 channels); replace each colour by its class id and save "
    "one grey channel"
  ),
  "unreadable": (
    "p/result/a.png: damaged or unreadable (none of PNG, JPEG, TIFF, WebP, "
    "BMP, GIF or .npy); replace or remove the file"
  ),
  "result": (
    "--segmenter=labels:p: there is no folder result/ in it; put the predicted "
    "label maps there, named as the maps"
  ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit(folder, what):
  spoil(folder, what)
  with pytest.raises(InputError) as error:
    opened(folder)
  assert str(error.value) == BAD[what]


def test_all_faults_are_told_at_once(folder):
  spoil(folder, "class")
  write(folder / "real" / "a.png", np.full((1, 1), 9))
  (folder / "real" / "b.tif").unlink()
  with pytest.raises(InputError) as error:
    opened(folder)
  lines = str(error.value).split("\n")
  assert sorted(line.partition(":")[0] for line in lines) == [
    "p/real", "p/real/a.png", "p/real/a.png", "p/result/a.png"
  ]  # fmt: skip


def test_an_id_of_no_class_may_stand_for_none(folder):
  write(folder / "result" / "a.png", np.full(OWN, 255))
  with pytest.raises(InputError, match="holds 255"):
    opened(folder)
  found = opened(folder, ignored=255)("a", np.zeros((2, 3, 3)), real=False)
  assert (found == 255).all()
