"""What is refused of files and paths that somebody wrote, and its line."""

import os
import socket

import pytest

from hdgan import outside
from hdgan.errors import InputError


def fault(act, *args) -> str:
  with pytest.raises(InputError) as error:
    act(*args)
  (line,) = str(error.value).split("\n")
  return line


@pytest.mark.parametrize(
  ("text", "said"),
  [
    (b"", "not JSON (Expecting value"),
    (b"[1", "not JSON (Expecting"),
    (b"{}", "must be a list, not {}; correct it"),
    (b"3", "must be a list, not 3"),
    (b"[NaN]", "not JSON (NaN is no number of JSON)"),
    (b"[-Infinity]", "-Infinity is no number"),
    (b"[1e400]", "1e400 is too large a number"),
    (b"[9223372036854775808]", "92233720368547758080"[:19] + "... is too"),
    (b"[" + b"9" * 5000 + b"]", "9" * 20 + "... is too large a number"),
    (b'[{"a": 1, "b": 2, "a": 3}]', "'a' is there twice"),
    (b'["\\ud800"]', "surrogates not allowed"),
    (b'[{"\\udfff": 1}]', "surrogates not allowed"),
    (b"[" * 51 + b"]" * 51, "more than 50 lists and objects lie inside one"),
    (b'{"a":' * 51 + b"1" + b"}" * 51, "more than 50 lists and objects"),
    (b"[" * 100000, "more than 50 lists and objects lie inside one"),
    (b'["\xff"]', "byte 2 is not UTF-8; save it in that form"),
    ("[1]".encode("utf-16"), "byte 0 is not UTF-8"),
  ],
)  # fmt: skip
def test_json_that_is_refused(tmp_path, text, said):
  (tmp_path / "x.json").write_bytes(text)
  line = fault(outside.read_json, tmp_path / "x.json", list)
  assert line.startswith(f"{tmp_path / 'x.json'}: ") and said in line
  assert fault(outside.parse_json, text, list, "y").startswith("y: ")


def test_json_at_the_bounds(tmp_path):
  deep = b"[" * 50 + b"1" + b"]" * 50
  for text, value in (
    (b"\xef\xbb\xbf[1]", [1]),
    (b"[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
    (b"[1.7e308, 1e-400]", [1.7e308, 0.0]),
    ('["\u00e4", "\\ud83d\\ude00"]'.encode(), ["\u00e4", "\U0001f600"]),
  ):
    (tmp_path / "x").write_bytes(text)
    assert outside.read_json(tmp_path / "x", list) == value
  value = outside.parse_json(deep, list, "x")
  for _ in range(50):
    (value,) = value
  assert value == 1


def test_only_regular_files_are_read(tmp_path):
  """The others have no end, or none ever comes."""
  os.mkfifo(tmp_path / "pipe")
  one = socket.socket(socket.AF_UNIX)
  one.bind(str(tmp_path / "socket"))
  one.close()
  os.symlink("/dev/zero", tmp_path / "link")
  before = len(os.listdir("/proc/self/fd"))
  for path in (
    tmp_path, tmp_path / "pipe", tmp_path / "socket", tmp_path / "link",
    "/dev/zero",
  ):  # fmt: skip
    line = fault(outside.read_bytes, path)
    assert line == f"{path}: is no regular file; replace or remove it"
  assert len(os.listdir("/proc/self/fd")) == before


def test_what_cannot_be_opened(tmp_path):
  os.symlink(tmp_path / "loop", tmp_path / "loop")
  for name, why in (
    ("gone", "cannot be read (No such file or directory)"),
    ("loop", "cannot be read (Too many levels of symbolic links)"),
    ("x" * 256, "cannot be read (File name too long)"),
    ("a\x1b\udce9", "cannot be read (No such file or directory)"),
    ("a\0b", "the name holds a control character; rename it"),
    ("a\ud800", "the name is not UTF-8; rename it"),
  ):
    assert why in fault(outside.read_bytes, f"{tmp_path}/{name}", "f")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
  (tmp_path / "x").touch()
  os.truncate(tmp_path / "x", 2**26 + 1)
  line = fault(outside.read_text, tmp_path / "x")
  assert "has 67,108,865 bytes, such a file has at most 67,108,864" in line
  assert len(outside.read_bytes(tmp_path / "x")) == 2**26 + 1


def test_a_folder_that_is_closed(tmp_path, monkeypatch):
  # To root no folder is.
  monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.X_OK)
  line = fault(outside.check_path, tmp_path, "--workdir")
  assert line.endswith(
    "cannot be looked into (Permission denied); name another"
  )
  (tmp_path / "file").touch()
  outside.check_path(tmp_path / "file", "--styles")


def test_paths_of_flags(tmp_path):
  os.symlink(tmp_path / "loop", tmp_path / "loop")
  for path in (tmp_path, tmp_path / "not yet", tmp_path / "caf\u00e9", "val"):
    outside.check_path(path, "--input")
  (tmp_path / "file").touch()
  outside.check_path(tmp_path / "file/below", "--input")
  for name, said in (
    ("loop", "loop cannot be looked into (Too many levels of symbolic links)"),
    ("a\x1b[2J", "a\\x1b[2J holds a control character; rename it"),
    ("x" * 256, "x is too long for a path; shorten it"),
    ("y/" * 2048, "y is too long for a path; shorten it"),
    ("\u00e4" * 128, "\u00e4 is too long for a path; shorten it"),
  ):
    line = fault(outside.check_path, tmp_path / name, "--input")
    assert line.startswith("--input=") and said in line
