"""Declared ranges beside what all files together hold."""

import math

import pytest

from hdgan.datasets.ranges import Ranges


def told(declared, *files, trained=False, role="image"):
  """Faults and notes of files of (low, high)."""
  ranges = Ranges(role, declared, trained)
  for i, values in enumerate(files):
    ranges.add(f"{i}.png", values, "uint16")
  return [line for line, _ in ranges.faults()], ranges.notes()


@pytest.mark.parametrize(
  "low, high, way",
  [
    (0, 300, "--config.data.image_range=0,1023"),
    (0, 4095, "--config.data.image_range=0,4095"),
    (-0.5, 1.0, "--config.data.image_range=-1,1"),
    (0.0, 70000.515625, "--config.data.image_range=0,70000.515625"),
    (0.0, math.inf, "replace what is not finite"),
    (math.nan, math.nan, "replace what is not finite"),
  ],
)
def test_values_that_leave_the_range(low, high, way):
  (fault,), notes = told((0, 255), (low, high))
  assert fault.startswith(f"0.png: values {low:g}..{high:g} leave data.image_")
  assert fault.endswith(way) and notes == []


def test_the_way_out_holds_all_files():
  faults, _ = told((0, 255), (0, 300), (5, 200), (0, 60000))
  assert [fault.split(":")[0] for fault in faults] == ["0.png", "2.png"]
  for fault in faults:
    assert fault.endswith("all files, say --config.data.image_range=0,65535")


@pytest.mark.parametrize(
  "declared, files, refused, way",
  [
    # Floats of 0..1 and 8 bits of 16: 0.4 % of the range.
    ((0, 255), [(0, 1), (0.2, 0.9)], True, "0,1"),
    ((0, 65535), [(0, 255), (7, 31)], True, "0,255"),
    # 12 bits of 16 are 6 %.
    ((0, 65535), [(0, 4095)], False, "0,4095"),
    # No usual range is much smaller.
    ((0, 255), [(120, 130)], False, "120,130"),
  ],
)
def test_a_range_that_is_hardly_used(declared, files, refused, way):
  faults, notes = told(declared, *files)
  (line,), none = (faults, notes) if refused else (notes, faults)
  assert line.endswith(f"say --config.data.image_range={way}") and not none
  # A model that is trained has its range; one dark picture is none of it.
  assert told(declared, *files, trained=True) == ([], [])


def test_a_range_that_is_used():
  """A tenth, by all files together; pictures of one value have no range."""
  assert told((0, 255), (0, 3), (20, 26)) == ([], [])
  assert told((0, 255), (0, 0), (0, 0)) == ([], [])
  assert told((0, 255)) == ([], [])


def test_very_many_files_outside_are_counted():
  ranges = Ranges("label", (0, 255))
  for i in range(50):
    ranges.add(f"{i}.npy", (0, 256), "uint16")
  lines = list(ranges.faults())
  assert len(lines) == 20 and sum(times for _, times in lines) == 50
