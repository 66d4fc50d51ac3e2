"""The manifest against coreutils' own and against each kind of damage."""

import shutil
import subprocess

import pytest

from hdgan.runs import manifest

# printf abc | sha256sum: the first example of FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def folder(tmp_path):
  (tmp_path / "state" / "deep").mkdir(parents=True)
  (tmp_path / "info").mkdir()
  (tmp_path / "state" / "deep" / "b").write_bytes(b"abc")
  (tmp_path / "state" / "z").write_bytes(b"")
  (tmp_path / "info" / "a").write_bytes(b"abc")
  (tmp_path / "beside").write_bytes(b"not a part")
  manifest.write(tmp_path, ("info", "state"))
  return tmp_path


def test_text_by_hand(folder):
  lines = (folder / manifest.NAME).read_text().splitlines()
  assert lines[:2] == [f"{ABC}  info/a", f"{ABC}  state/deep/b"]
  assert lines[2].startswith("e3b0c442") and lines[2].endswith("  state/z")
  assert len(lines) == 3
  assert not (folder / f"{manifest.NAME}.tmp").exists()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no coreutils")
def test_coreutils_agree(folder):
  subprocess.run(["sha256sum", "-c", manifest.NAME], cwd=folder, check=True)


def test_changed_missing_added(folder):
  parts = ("info", "state")
  assert manifest.first_difference(folder, parts) is None
  (folder / "state" / "deep" / "b").write_bytes(b"abC")
  assert manifest.first_difference(folder, parts) == folder / "state/deep/b"
  assert manifest.first_difference(folder, ("info",)) is None
  (folder / "info" / "a").unlink()
  assert manifest.first_difference(folder, ("info",)) == folder / "info/a"
  (folder / "info" / "new").touch()
  (folder / "info" / "a").write_bytes(b"abc")
  assert manifest.first_difference(folder, ("info",)) == folder / "info/new"


def test_every_bit_of_the_manifest_counts(folder):
  path = folder / manifest.NAME
  whole = path.read_bytes()
  for index in range(len(whole)):
    flipped = bytearray(whole)
    flipped[index] ^= 1 << index % 8
    path.write_bytes(flipped)
    assert manifest.first_difference(folder, ("info", "state")) is not None


def test_a_manifest_that_says_nothing_is_no_pass(folder):
  (folder / manifest.NAME).write_text("")
  shutil.rmtree(folder / "info")
  assert manifest.first_difference(folder, ("info",)) == folder / manifest.NAME
