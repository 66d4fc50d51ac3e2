"""Prepared copies that are damaged, or cannot be made."""

import errno
import os
import pathlib
import shutil

import pytest
from tiny import data_config, file_limit

from hdgan.datasets import examples, pipeline, prepared
from hdgan.datasets.streets import builder as streets
from hdgan.errors import InputError, ending

COPY = "synthetic_streets/32x64_3_1_seed0/1.0.0"


@pytest.mark.parametrize(("there", "used"), [(1, 1), (3, 3), (224, 16)])
def test_threads_of_a_large_host_are_few(there, used, monkeypatch):
  """Each holds an example of any size."""
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(there)))
  assert prepared.cores() == used


def prepare(folder):
  """All that the copy holds: bytes by split, index and key."""
  sources, most = streets.prepare(
    size=(32, 64), num_train=3, num_val=1, seed=0, folder=folder
  )
  read = {
    (split, i, key): record[key]
    for split, source in sources.items()
    for i, record in enumerate(source)
    for key in ("name", "label", "instance", "image")
  }
  return read, most


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """A folder with a copy, and what it holds."""
  folder = tmp_path_factory.mktemp("whole")
  return folder, prepare(folder)


def records(copy):
  """The file of the training examples."""
  return next(copy.glob("*train*array_record*"))


def flip(path, place):
  """Changes one bit."""
  data = bytearray(path.read_bytes())
  data[place] ^= 1
  path.write_bytes(data)


DAMAGES = {
  "a bit of a record": lambda copy: flip(records(copy), 3000),
  "a record file cut": lambda copy: os.truncate(records(copy), 1000),
  "a record file empty": lambda copy: os.truncate(records(copy), 0),
  "a record file gone": lambda copy: records(copy).unlink(),
  "all files gone": lambda copy: [path.unlink() for path in copy.iterdir()],
  "the info gone": lambda copy: (copy / "dataset_info.json").unlink(),
  "the info empty": lambda copy: os.truncate(copy / "dataset_info.json", 0),
  "the info no JSON": lambda copy: flip(copy / "dataset_info.json", 0),
  "the features cut": lambda copy: os.truncate(copy / "features.json", 9),
}


# A copy of an earlier hdgan has no sizes; TFDS and Riegeli still notice.
@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_copy_is_prepared_again(
  damage, sizes, whole, tmp_path, capsys
):
  """At once where it shows, else by the start after the one that met it."""
  kept, told = whole
  shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
  copy = tmp_path / COPY
  if not sizes:
    (copy / prepared.SIZES).unlink()
  DAMAGES[damage](copy)
  # Opened when they are read; and a bit is only told by the record's sum.
  late = damage.startswith("a record file") and not sizes
  if late or damage == "a bit of a record":
    with pytest.raises(InputError) as error:
      prepare(tmp_path)
    said = str(error.value)
    assert said.startswith(f"{copy}: the prepared copy is damaged (")
    assert said.endswith("); run the same command again, which prepares it "
                         "again") and "\n" not in said  # fmt: skip
  elif damage == "the features cut" and not sizes:
    assert prepare(tmp_path) == told  # The builder knows its features.
    return
  capsys.readouterr()
  assert prepare(tmp_path) == told
  line, drawn = capsys.readouterr().err.splitlines()
  assert drawn == "drawing streets: 4 of 4"
  assert line.startswith(f"{copy}: damaged (")
  assert line.endswith("); it is prepared again")
  assert prepare(tmp_path) == told
  assert capsys.readouterr().err == ""
  assert {p.name for p in copy.parent.iterdir()} == {
    "1.0.0", "check.json", ".lock",
  }  # fmt: skip


def test_what_is_not_of_a_copy_is_kept(whole, tmp_path):
  shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
  copy = tmp_path / COPY
  (copy / "mine.txt").write_text("precious")
  records(copy).unlink()
  assert prepare(tmp_path) == whole[1]
  (kept,) = copy.parent.glob("1.0.0.damaged*")
  assert (kept / "mine.txt").read_text() == "precious"


def test_a_copy_that_is_only_read(whole, tmp_path, monkeypatch):
  """Whole it serves; damaged it can be neither replaced nor marked."""
  shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
  copy = tmp_path / COPY

  def refuse(path, *rest):
    raise PermissionError(errno.EACCES, "Permission denied", str(path))

  monkeypatch.setattr(prepared, "locked", refuse)
  monkeypatch.setattr(pathlib.Path, "write_text", refuse)
  assert prepare(tmp_path) == whole[1]
  flip(records(copy), 3000)
  for _ in range(2):
    with pytest.raises(InputError) as error:
      prepare(tmp_path)
    assert str(error.value).endswith(
      "); say --config.data.prepared_dir=FOLDER, it cannot be written"
    )
  os.truncate(records(copy), 1000)
  with pytest.raises(InputError) as error:
    prepare(tmp_path)
  assert str(error.value).startswith(
    f"{copy.parent}: the copy is damaged ({records(copy).name}: 1000 of "
  )
  assert str(error.value).endswith(
    " bytes) and cannot be written (Permission denied); give this user the "
    "right to it, or say --config.data.prepared_dir=FOLDER"
  )


@pytest.mark.parametrize("size", [0, 50, 1000, 40_000])
def test_a_disk_that_fills_up(size, whole, tmp_path):
  """Whichever file does not fit; with room the same call goes on."""
  with file_limit(size), pytest.raises(InputError) as error:
    prepare(tmp_path)
  home = tmp_path / COPY
  assert str(error.value) == (
    f"{home.parent}: cannot be written (File too large); make room, or say "
    "--config.data.prepared_dir=FOLDER"
  )
  assert [p.name for p in home.parent.iterdir()] == [".lock"]
  assert prepare(tmp_path) == whole[1]


def test_a_photo_that_may_not_be_read(tmp_path, monkeypatch):
  """It is named, not the folder of the copies."""
  streets.write_folder(tmp_path / "data", num_train=1, size=(32, 64))
  config = data_config(tmp_path)
  photo = str(tmp_path / "data/train_img/street_00000.png")

  def refuse(*args):
    raise PermissionError(errno.EACCES, "Permission denied", photo)

  monkeypatch.setattr(examples.ExampleFiles, "read", refuse)
  with pytest.raises(PermissionError) as error:
    pipeline.prepare(config)
  line, status = ending(error.value)
  assert status == 2
  assert line.startswith(f"error: {photo}: Permission denied; give this user")
