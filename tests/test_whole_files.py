"""Files and folders that are there whole, or not at all."""

import errno

import pytest

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
