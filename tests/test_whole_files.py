"""Files and folders that are there whole, or not at all."""

import errno
import pathlib
import shutil
import sys
import urllib.request

import pytest
from tiny import file_limit

from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.whole_files import whole_file, whole_folder, write_text


def test_a_file_is_replaced_whole(tmp_path):
  path = tmp_path / "a" / "b.txt"
  write_text(path, "grün\n")
  assert path.read_bytes() == b"gr\xc3\xbcn\n"
  with pytest.raises(RuntimeError), whole_file(path) as draft:
    draft.write_text("half")
    raise RuntimeError("the writer fails")
  assert path.read_bytes() == b"gr\xc3\xbcn\n"
  with whole_file(path) as draft:
    draft.write_text("new")
    assert path.read_bytes() == b"gr\xc3\xbcn\n"
  assert path.read_text() == "new"
  # What a killed process left is taken away by the next.
  path.with_name(".b.txt.tmp").write_text("half")
  write_text(path, "newer")
  assert path.read_text() == "newer"
  assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_whole_folder_appears_at_the_end(tmp_path):
  target = tmp_path / "a" / "b"
  with whole_folder(target, "--to") as made:
    (made / "x").write_text("1")
    assert not target.exists()
  assert (target / "x").read_text() == "1"
  assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
  "failure, says",
  [
    (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
    (InputError("something else"), "something else"),
  ],
)
def test_nothing_half_written_stays(tmp_path, failure, says):
  target = tmp_path / "b"
  with (
    pytest.raises(InputError, match=says),
    whole_folder(target, "--to") as made,
  ):
    (made / "x").write_text("1")
    raise failure
  assert list(tmp_path.iterdir()) == []


def test_room_is_asked_for_first(tmp_path):
  with (
    pytest.raises(InputError, match="--to=.*the disk is full"),
    whole_folder(tmp_path / "b", "--to", 2**62),
  ):
    pytest.fail("began to write")
  assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_removed(tmp_path):
  """But not of a process that is still at work, nor what looks alike."""
  others = [".b.tmp1234567", ".bc.tmp12345678", ".b.tmp12345678.png"]
  for name in (".b.tmp12345678", *others):
    (tmp_path / name).mkdir()
    (tmp_path / name / "x").write_text("half")
  with whole_folder(tmp_path / "b", "--to") as first:
    with whole_folder(tmp_path / "b", "--to") as second:
      (second / "x").write_text("2")
    assert first.is_dir()
    # As it looks to the other one: what is there has to be kept.
    shutil.rmtree(tmp_path / "b")
    (first / "x").write_text("1")
  assert (tmp_path / "b/x").read_text() == "1"
  assert {p.name for p in tmp_path.iterdir()} == {"b", *others}


def test_a_library_that_meets_a_full_disk(tmp_path):
  """Its error names the folder by the name that it has meanwhile."""
  with (
    pytest.raises(InputError) as error,
    whole_folder(tmp_path / "b", "--to") as made,
  ):
    raise InputError("checkpoint not written") from ValueError(
      f'Error writing "{made}/c/": No space left on device'
    )
  assert str(error.value) == (
    f"--to={tmp_path / 'b'}: not written, nothing of it stays (the disk is "
    "full); make room or name another folder"
  )
  with (
    pytest.raises(InputError, match="^of another folder$"),
    whole_folder(tmp_path / "b", "--to"),
  ):
    raise InputError("of another folder") from ValueError(
      'Error reading "/elsewhere/x": Permission denied'
    )
  assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_says_of_which_file(tmp_path):
  with file_limit(3), pytest.raises(OSError) as error:
    write_text(tmp_path / "a.txt", "1234")
  assert error.value.filename == str(tmp_path / "a.txt")
  assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_alone(tmp_path):
  (tmp_path / "x").write_text("mine")
  with (
    pytest.raises(InputError, match="holds files already"),
    whole_folder(tmp_path, "--to"),
  ):
    pass
  with (
    pytest.raises(InputError, match="is a file"),
    whole_folder(tmp_path / "x", "--to"),
  ):
    pass
  assert (tmp_path / "x").read_text() == "mine"


def test_paths():
  assert whole_files.path("a/b") == pathlib.Path("a/b")
  assert whole_files.path(pathlib.Path("gs/b")) == pathlib.Path("gs/b")
  for text in ("s3://bucket/run", "http://host/run", "file:///run"):
    with pytest.raises(InputError, match="is not read or written; mount") as e:
      whole_files.path(text)
    (line,) = str(e.value).splitlines()
    assert line.startswith(f"{text}: {text.split('/')[0]}//")


def test_what_is_missing_for_buckets_is_said(monkeypatch):
  monkeypatch.setitem(sys.modules, "gcsfs", None)
  whole_files._open_buckets.cache_clear()
  with pytest.raises(InputError, match=r"needs more packages: .*hdgan\[gcs\]"):
    whole_files.path("gs://bucket/run")


def test_files_in_a_bucket(bucket, storage):
  run = whole_files.path(f"{bucket}/run")
  assert str(run / "a") == f"{bucket}/run/a" and not run.exists()
  write_text(run / "a.txt", "grün\n")
  with pytest.raises(RuntimeError), whole_file(run / "a.txt") as draft:
    draft.write_text("half")
    raise RuntimeError("the writer fails")
  assert (run / "a.txt").read_bytes() == b"gr\xc3\xbcn\n"
  write_text(run / "a.txt", "new")
  with whole_files.local_copy(run / "a.txt") as copy:
    assert isinstance(copy, pathlib.Path) and copy.read_text() == "new"
  # What another process puts is seen at once, and so is what it removes.
  address = f"{storage}/upload/storage/v1/b/{bucket[5:]}/o?uploadType=media"
  assert [path.name for path in run.iterdir()] == ["a.txt"]
  urllib.request.urlopen(f"{address}&name=run/deep/b", b"123").close()
  assert sorted(path.name for path in run.iterdir()) == ["a.txt", "deep"]
  below = whole_files.files_below(run)
  assert [(name, size) for name, (size, _) in below.items()] == [
    ("a.txt", 3), ("deep/b", 3),
  ]  # fmt: skip
  assert list(whole_files.files_below(run / "a.txt")) == [""]
  gone = f"{storage}/storage/v1/b/{bucket[5:]}/o/run%2Fa.txt"
  urllib.request.urlopen(urllib.request.Request(gone, method="DELETE")).close()
  assert [path.name for path in run.iterdir()] == ["deep"]
  # Folders: other names, and none.
  aside = whole_files.free_name(run, "old")
  whole_files.move_folder(run, aside)
  assert str(aside) == f"{bucket}/run.old" and not run.exists()
  assert list(whole_files.files_below(aside)) == ["deep/b"]
  whole_files.remove_folder(aside)
  assert not aside.exists()


def test_a_bucket_that_is_not_there(bucket):
  whole_files.check_bucket(whole_files.path(f"{bucket}/run"))
  assert not whole_files.files_below(whole_files.path(bucket))
  with pytest.raises(InputError, match="gs://none-such/run cannot be written"):
    whole_files.check_bucket(whole_files.path("gs://none-such/run"))


def test_folders_on_a_disk_get_other_names(tmp_path):
  (tmp_path / "run/deep").mkdir(parents=True)
  (tmp_path / "run/deep/b").write_text("123")
  (tmp_path / "run.old").mkdir()
  assert {k: v[0] for k, v in whole_files.files_below(tmp_path).items()} == {
    "run/deep/b": 3
  }
  aside = whole_files.free_name(tmp_path / "run", "old")
  whole_files.move_folder(tmp_path / "run", aside)
  assert aside.name == "run.old2" and (aside / "deep/b").is_file()
