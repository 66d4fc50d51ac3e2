"""Frames and runs: against numpy, and what is no frame."""

import json
import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays

from hdgan.studio import frame
from hdgan.studio.refusal import Refusal

JSON = strategies.recursive(
  strategies.none() | strategies.booleans() | strategies.text()
  | strategies.integers(-(2**63), 2**63 - 1)
  | strategies.floats(allow_nan=False, allow_infinity=False),
  lambda inner: strategies.lists(inner)
  | strategies.dictionaries(strategies.text(), inner),
  max_leaves=5,
)  # fmt: skip
QUICK = hypothesis.settings(max_examples=30, deadline=None)


@QUICK
@hypothesis.given(
  strategies.dictionaries(strategies.text(), JSON, max_size=3),
  strategies.binary(),
)
def test_a_frame_comes_back(header, payload):
  data = frame.pack(header, payload)
  assert frame.unpack(data) == (header, payload)
  assert (len(data) - len(payload)) % 4 == 0


def test_the_bytes_of_a_frame():
  """As the page reads them: worked by hand."""
  data = frame.pack({"a": 1}, b"xyz")
  assert data == b'\x08\x00\x00\x00{"a":1} xyz'


@QUICK
@hypothesis.given(
  arrays.arrays(
    np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=strategies.integers(0, 3),
  )
)  # fmt: skip
def test_runs_against_repeat(plane):
  data = frame.pack_runs(plane)
  runs = np.frombuffer(data, "<u4").reshape(-1, 2)
  np.testing.assert_array_equal(np.repeat(*runs.T), plane.ravel())
  # None could be joined with the next.
  assert (runs[1:, 0] != runs[:-1, 0]).all() and runs[:, 1].all()
  back = frame.unpack_runs(data, plane.shape, 3)
  np.testing.assert_array_equal(back, plane)
  assert back.dtype == np.int32 and back.flags.writeable


def test_runs_by_hand():
  data = frame.pack_runs(np.array([[7, 7, 0], [0, 0, 9]]))
  assert data == struct.pack("<6I", 7, 2, 0, 3, 9, 1)


@pytest.mark.parametrize(
  ("data", "field"),
  [
    (b"", "body"),
    (b"\0\0\0", "body"),
    (struct.pack("<I", 2) + b"{}", "body"),
    (struct.pack("<I", 8) + b"{}  ", "body"),
    (struct.pack("<I", 2**32 - 4) + b"{}  ", "body"),
    (struct.pack("<I", frame.LARGEST_HEADER + 4) + b"{}  ", "body"),
    (struct.pack("<I", 0), "header"),
    (struct.pack("<I", 4) + b"[]  ", "header"),
    (struct.pack("<I", 4) + b"{,} ", "header"),
    (struct.pack("<I", 4) + b"\xff\xfe{}", "header"),
    (struct.pack("<I", 12) + b'{"a":1,"a":2', "header"),
    (struct.pack("<I", 12) + b'{"a":NaN}   ', "header"),
    (struct.pack("<I", 12) + b'{"a":1e999} ', "header"),
    (struct.pack("<I", 28) + b'{"a":' + b"9" * 22 + b"}", "header"),
    (struct.pack("<I", 16) + rb'{"a":"\ud800"}  ', "header"),
  ],
)
def test_what_is_no_frame(data, field):
  with pytest.raises(Refusal) as error:
    frame.unpack(data)
  assert (error.value.code, error.value.field) == ("frame", field)
  assert error.value.message and "\n" not in error.value.message


def test_lists_inside_lists_have_a_bound():
  text = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
  text += b" " * (-len(text) % 4)
  with pytest.raises(Refusal, match="inside one another"):
    frame.unpack(struct.pack("<I", len(text)) + text)
  with pytest.raises(Refusal, match="inside one another"):
    frame.unpack(frame.pack({"a": json.loads("[" * 60 + "]" * 60)}))


@pytest.mark.parametrize(
  ("runs", "said"),
  [
    ([], "0 bytes are no runs"),
    ([0], "4 bytes are no runs"),
    ([0, 5], "1 runs of 5 pixels for a plane of 6"),
    ([0, 7], "1 runs of 7 pixels for a plane of 6"),
    # Sums that would be right modulo 2^32.
    ([0, 2**32 - 1, 0, 7], "2 runs of 4,294,967,302 pixels"),
    ([4, 6], "a pixel of value 4, the largest is 3"),
    ([2**31, 3, 2**32 - 1, 3], "a pixel of value 4294967295"),
    ([0, 0] * 6 + [0, 6], "7 runs of 6 pixels"),
  ],
)
def test_runs_that_do_not_add_up(runs, said):
  data = struct.pack(f"<{len(runs)}I", *runs)
  with pytest.raises(Refusal) as error:
    frame.unpack_runs(data, (2, 3), 3)
  assert said in error.value.message and error.value.field == "payload"
