"""Faults told together, hints for names, and how a command ends."""

import errno

import pytest

from hdgan.errors import (
  Faults,
  InputError,
  Terminated,
  counted,
  ending,
  near_names,
  printed_lines,
  raise_faults,
  shown,
  visible,
)


def test_the_first_faults_and_the_number_of_the_rest():
  raise_faults([])
  with pytest.raises(InputError) as error:
    raise_faults([f"fault {i}" for i in range(33)])
  lines = str(error.value).split("\n")
  assert lines[:20] == [f"fault {i}" for i in range(20)]
  assert lines[20:] == ["... and 13 more faults"]
  with pytest.raises(InputError, match=r"\.\.\. and 1 more fault$"):
    raise_faults(["fault"] * 21)


def test_faults_are_counted_by_what_is_to_be_done():
  """Numbers in a way out make no other kind; names in front of it neither."""
  faults = Faults()
  for i in range(25):
    faults.add(f"a{i}.png: 3x{i} pixels; say --config.max_instances={64 * i}")
    faults.add(f"b{i}.png: broken; replace it")
  faults.add("c.png: too dark")
  faults.add("d.png: too dark", times=4)
  lines = faults.lines()
  assert len(faults) == 55
  assert lines[0] == "a0.png: 3x0 pixels; say --config.max_instances=0"
  assert lines[20] == lines[41] == "... and 5 more faults of this kind"
  assert lines[21] == "b0.png: broken; replace it"
  assert lines[42:] == [
    "c.png: too dark", "d.png: too dark", "... and 3 more faults of this kind"
  ]  # fmt: skip


def test_very_many_kinds_of_faults_stay_few_lines():
  faults = Faults(f"x: bad; do {'a' * i}" for i in range(1000))
  lines = faults.lines()
  assert len(lines) == 21 and len(faults) == 1000
  assert lines[20] == "... and 980 more faults of other kinds"


def test_a_number_and_its_noun():
  assert [counted(n, "style") for n in (0, 1, 2)] == [
    "0 styles", "1 style", "2 styles"
  ]  # fmt: skip
  assert counted(1, "class", "classes") == "1 class"
  assert counted(150, "class", "classes") == "150 classes"
  assert counted(1, "weight is", "weights are") == "1 weight is"


def test_the_nearest_name_else_what_there_is():
  assert near_names("tre", ["car", "tree"]) == "did you mean 'tree'?"
  assert near_names("x", ["car", "tree"]) == "there are car, tree"
  names = [f"class_{i}" for i in range(9)]
  assert near_names("x", names).endswith("class_6, class_7, ...")


def test_how_a_command_ends():
  assert ending(InputError("one\ntwo")) == ("error: one\nerror: two", 2)
  whole = "files that are there are whole"
  assert ending(KeyboardInterrupt()) == (f"stopped by Ctrl-C; {whole}", 130)
  assert ending(Terminated()) == (f"stopped by SIGTERM; {whole}", 143)


# As the libraries word them: TFDS, tensorstore, safetensors.
@pytest.mark.parametrize(
  "error, said",
  [
    (OSError(errno.ENOSPC, "", "/w/a.png"), "/w/a.png: the disk is full; make"),
    (OSError(errno.ENOSPC, ""), "W: the disk is full; make room, then run the"),
    (OSError(errno.EDQUOT, ""), "W: Disk quota exceeded; make room"),
    (OSError(errno.EFBIG, ""), "W: File too large; make room"),
    (OSError(errno.EROFS, "", b"/w/a"), "/w/a: Read-only file system; give "),
    (OSError(errno.EACCES, "", "/w/a"), "/w/a: Permission denied; give this "),
    (OSError(errno.EIO, ""), "W: Input/output error; see to the disk or"),
    (OSError(errno.EPIPE, ""), "Broken pipe; write the output to a file"),
    (RuntimeError(
      'Failed to finalize writing of split "train": write() failed: No space '
      "left on device; writing /c/x.array_record; at byte 9"
     ), "/c/x.array_record: the disk is full; make room"),
    (ValueError('PERMISSION_DENIED: Error writing "a/0" in local file "/w/c/"'),
     "/w/c/: Permission denied; give this user the right"),
    (ValueError('NOT_FOUND: Error writing "a" in local file "/gone/w/c/": [1]'),
     "/gone: removed, or not mounted; bring it back, then run the"),
  ],
)  # fmt: skip
def test_a_machine_that_refuses(error, said):
  line, status = ending(error, "W")
  assert status == 2 and said in line and "\n" not in line
  # However it is wrapped.
  wrapped = KeyError("x")
  wrapped.__cause__ = error
  assert ending(ExceptionGroup("several", [wrapped]), "W") == (line, 2)


def test_a_bucket_that_cannot_be_reached():
  """Of the libraries behind it; protobuf's lie below `google` too."""
  gcsfs = pytest.importorskip("gcsfs.retry")
  from google.protobuf.json_format import ParseError

  line, status = ending(gcsfs.HttpError({"message": "try\nlater"}), "gs://b/w")
  assert status == 2 and line.startswith(
    "error: gs://b/w: the bucket cannot be"
  )
  assert "later" in line and "\n" not in line
  assert ending(ParseError("no JSON"), "W") is None


def test_folders_that_are_not_there(tmp_path):
  run = tmp_path / "run"
  with pytest.raises(FileNotFoundError) as error:
    (run / "samples/1.png").write_bytes(b"")
  assert ending(error.value)[0].startswith(f"error: {run}: removed, or not")
  run.write_text("")
  said = f"error: {run}: a file where a folder is needed; move it away, then"
  for make in ((run / "samples/1.png").touch, lambda: run.mkdir(exist_ok=True)):
    with pytest.raises(OSError) as error:
      make()
    assert ending(error.value)[0].startswith(said)


def test_a_fault_of_our_own_keeps_its_traceback(tmp_path):
  """It has to be reported, and nothing about the machine explains it."""
  for error in (
    KeyError("x"), RuntimeError("shapes (3,) and (4,)"), ValueError("/w/a"),
    AssertionError(), SystemExit(3), OSError("no number"),
    FileNotFoundError(errno.ENOENT, "", str(tmp_path / "forgotten")),
  ):  # fmt: skip
    assert ending(error, "W") is None


def test_long_values_are_cut():
  assert shown([1, "a"]) == "[1, 'a']"
  assert shown("x" * 300) == "'" + "x" * 199 + "... (302 characters)"
  assert shown("x" * 300, 10) == "'xxxxxxxxx... (302 characters)"
  assert near_names("x" * 10**7, ["x" * 9]).startswith("there are")


def test_nothing_moves_the_cursor():
  assert visible("a\x1b[2J\rb\x9b\u202e") == "a\\x1b[2J\\rb\\x9b\\u202e"
  assert visible("stra\u00dfe \u9053") == "stra\u00dfe \u9053"
  assert visible("caf\udce9.png") == "caf\\udce9.png"


def test_lines_that_are_printed():
  error = InputError("a: \x1b[31mred\nb: " + "x" * 10**6 + "; name another")
  one, two = printed_lines(error)
  assert one == "a: \\x1b[31mred"
  assert len(two) == 1200 + 5 + 300
  assert two.startswith("b: xxx") and two.endswith("xxx; name another")


@pytest.mark.parametrize(
  "error",
  [
    MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
    ExceptionGroup("two", [ValueError("a"), MemoryError("Unable")]),
  ],
  ids=["host", "device", "in a group"],
)  # fmt: skip
def test_a_machine_without_memory_is_told_in_a_line(error):
  line, status = ending(error)
  assert status == 2 and line.startswith("error: out of memory (")
  assert "\n" not in line
