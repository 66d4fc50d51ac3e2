"""What is written: all of it is listed, and nothing of anybody's is lost."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.rendering.output_folder import (
  WRITTEN,
  OutputFolder,
  free_name,
  map_names,
  places,
)
from hdgan.runs import directory


def test_only_what_is_listed_can_be_written(tmp_path):
  out = OutputFolder(tmp_path / "O", ["a.txt"])
  with pytest.raises(ValueError, match=r"b\.txt is not among"):
    out.text("b.txt", "")
  assert not (tmp_path / "O").exists()


def test_what_comes_there_meanwhile_stays(tmp_path):
  names = ["b.txt", *map_names("label/x")]
  out = OutputFolder(tmp_path, names, overwrite=True)
  (tmp_path / "b.txt").write_text("mine")
  with pytest.raises(InputError, match="b.txt has come there meanwhile"):
    out.text("b.txt", "ours")
  (tmp_path / "label").mkdir()
  (tmp_path / "label/x.npy").write_text("mine")
  out.ids("label/x", np.zeros((2, 2), np.int32))
  assert (tmp_path / "b.txt").read_text() == "mine"
  assert (tmp_path / "label/x.npy").read_text() == "mine"


@pytest.mark.parametrize("name", ["caf\udce9.txt", "two\u2028lines.txt"])
def test_names_of_any_bytes_are_known_again(tmp_path, name):
  OutputFolder(tmp_path, [name]).text(name, "one")
  OutputFolder(tmp_path, [name], overwrite=True).text(name, "two")
  assert (tmp_path / name).read_text() == "two"


@pytest.mark.parametrize("name", ["a.png", "label/a.png", "objects/a.png"])
def test_whatever_lies_in_the_way_is_told(tmp_path, name):
  (tmp_path / name).parent.mkdir(exist_ok=True)
  (tmp_path / name).write_text("mine")
  for overwrite in (False, True):
    with pytest.raises(InputError, match=f"holds {name}.*another folder$"):
      OutputFolder(tmp_path, ["x.png", name], overwrite)
  assert (tmp_path / name).read_text() == "mine"


def test_a_link_that_leads_nowhere_is_in_the_way(tmp_path):
  (tmp_path / "a").symlink_to(tmp_path / "gone")
  with pytest.raises(InputError, match="holds a already"):
    OutputFolder(tmp_path, ["a"])


def test_a_file_where_a_folder_should_be(tmp_path):
  (tmp_path / "label").write_text("")
  for path, name in ((tmp_path, "label/a.png"), (tmp_path / "label/x", "a")):
    with pytest.raises(InputError, match="label is a file; name a folder"):
      OutputFolder(path, [name])


def test_overwrite_takes_only_what_nobody_changed(tmp_path):
  names = ["a.txt", "b.txt"]
  out = OutputFolder(tmp_path, names)
  out.text("a.txt", "one")
  with pytest.raises(InputError, match=r"already \(1 file .* --overwrite"):
    OutputFolder(tmp_path, names)
  again = OutputFolder(tmp_path, names, overwrite=True)
  again.text("a.txt", "two")
  # The sums are those of sha256sum, of the first file and of the second.
  sums = (tmp_path / ".hdgan_written").read_text().splitlines()
  assert sums[1:] == [
    f"{hashlib.sha256(text).hexdigest()}  a.txt" for text in (b"one", b"two")
  ]
  (tmp_path / "a.txt").write_text("two, and mine")
  with pytest.raises(InputError, match=r"a\.txt, which hdgan did not write or"):
    OutputFolder(tmp_path, names, overwrite=True)
  # A copy under another name is a person's file.
  (tmp_path / "a.txt").unlink()
  (tmp_path / "b.txt").write_text("two")
  with pytest.raises(InputError, match=r"b\.txt, which hdgan did not write or"):
    OutputFolder(tmp_path, names, overwrite=True)


def test_a_failure_leaves_no_half_file(tmp_path):
  out = OutputFolder(tmp_path / "O", ["a.png"])
  with (
    pytest.raises(InputError, match=r"a\.png was not written \(No space"),
    out.file("a.png") as draft,
  ):
    draft.write_text("half")
    raise OSError(28, "No space left on device")
  assert list((tmp_path / "O").iterdir()) == []


def test_a_torn_list_of_sums_loses_one_file_and_no_more(tmp_path):
  names = ["a.txt", "b.txt", "c.txt"]
  OutputFolder(tmp_path, names).text("a.txt", "a")
  with (tmp_path / ".hdgan_written").open("a") as log:
    log.write("\n0123")  # A kill came here, before b had its name.
  OutputFolder(tmp_path, names, overwrite=True).text("c.txt", "c")
  OutputFolder(tmp_path, names, overwrite=True).text("a.txt", "new")
  assert (tmp_path / "a.txt").read_text() == "new"


def write_all(folder, value):
  """What a command writes: a picture, a text and a map, which grows .npy."""
  names = ["a.png", "a.json", *map_names("label/a")]
  out = OutputFolder(folder, names, overwrite=True)
  out.png("a.png", np.full((4, 4, 3), value % 256, np.uint8))
  out.text("a.json", str(value))
  out.ids("label/a", np.full((2, 2), value, np.int32))


def files_in(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file() and path.name != WRITTEN
  }


@pytest.mark.parametrize("before", [None, 1])
def test_a_kill_at_any_moment_and_the_same_command(
  before, tmp_path, monkeypatch
):
  """With --overwrite it ends as if nothing had been, and leaves no drafts."""
  out, killed, replace = tmp_path / "out", [], os.replace

  def kill(cut=0):
    """Keeps what lies there now, the end of the list of sums cut off."""
    copy = tmp_path / f"killed{len(killed)}"
    killed.append(shutil.copytree(out, copy))
    if cut:
      sums = (copy / WRITTEN).read_bytes()
      (copy / WRITTEN).write_bytes(sums[:-cut])

  def watched(draft, path):
    kill()
    if not path.name.startswith("."):  # Its sum has just been written.
      kill(cut=1)
      kill(cut=70)
    replace(draft, path)
    kill()

  if before is not None:
    write_all(out, before)
  with monkeypatch.context() as patch:
    patch.setattr(os, "replace", watched)
    write_all(out, 70_000)
  assert len(killed) == 3 * 4 + 2  # Pictures are written in two steps.
  assert any(name.endswith(".tmp") for one in killed for name in files_in(one))
  write_all(tmp_path / "whole", 70_000)
  for one in killed:
    write_all(one, 70_000)
    assert files_in(one) == files_in(tmp_path / "whole"), one


def test_large_ids_are_kept_in_npy(tmp_path):
  ids = np.array([[70000, -5]], np.int32)
  out = OutputFolder(tmp_path, map_names("a"))
  out.ids("a", ids)
  np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), ids)
  # Two files of one name would be no input; the later one is the map.
  out = OutputFolder(tmp_path, map_names("a"), overwrite=True)
  out.ids("a", np.array([[3]], np.int32))
  assert {p.name for p in tmp_path.iterdir()} == {".hdgan_written", "a.png"}


def test_a_map_keeps_its_name():
  assert free_name("grid", ["a", "b"]) == "grid.png"
  assert free_name("grid", ["Grid", "grid_"]) == "grid__.png"


@pytest.mark.parametrize(
  ("output", "refused"),
  [
    ("D", True),  # which holds the folders
    ("D/label", True),
    ("D/img/new", True),
    ("D/val_img", True),  # not there yet, but photos if it were
    ("link/img", True),
    ("W/checkpoints", True),
    ("W/samples/x", True),
    ("D/pictures", False),
    ("D/pictures/label", False),
    ("W/pictures", False),
    ("W", False),
    ("elsewhere", False),
  ],
)
def test_places_that_are_read(tmp_path, output, refused):
  for role in ("label", "img"):
    (tmp_path / "D" / role).mkdir(parents=True)
  (tmp_path / "link").symlink_to(tmp_path / "D")
  homes, closed = places(tmp_path / "D" / "label")
  closed += [tmp_path / "W" / part for part in directory.FOLDERS]
  out = OutputFolder(tmp_path / output, ["a.png"])
  if not refused:
    out.keep_apart(homes, closed)
    return
  with pytest.raises(InputError, match="would lie among the files of"):
    out.keep_apart(homes, closed)


def test_maps_that_lie_flat_may_have_pictures_below_them(tmp_path):
  homes, closed = places(tmp_path / "maps")
  OutputFolder(tmp_path / "maps/pictures", ["a.png"]).keep_apart(homes, closed)
  # But no label/, or the folder would be read in another way.
  for output, name in (("maps", "a.png"), ("maps", "label/a.png")):
    with pytest.raises(InputError, match="would lie among"):
      OutputFolder(tmp_path / output, [name]).keep_apart(homes, closed)


def test_no_file_that_is_read_is_written(tmp_path):
  out = OutputFolder(tmp_path, ["label/m.png"], overwrite=True)
  with pytest.raises(InputError, match=r"label/m\.png would be written over"):
    out.keep_apart([], [], [tmp_path / "label" / "m.png"])
