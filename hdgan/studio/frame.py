"""Frames, what page and server send each other: a JSON header and a payload.

  u32 length of the header | header, JSON padded with blanks | payload

in little endian, the header padded so that the payload begins at a multiple of
4. The same bytes go over HTTP and over a notebook's channel. Planes are sent
as runs: u32 value, u32 length, row by row.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan.errors import InputError
from hdgan.outside import parse_json
from hdgan.studio.refusal import Refusal

LARGEST_HEADER = 2**23  # Bytes: a table of 65,535 objects fits.
_LENGTH = struct.Struct("<I")


def pack(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
  """Joins a header and a payload."""
  text = json.dumps(header, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 4)
  return _LENGTH.pack(len(text)) + text + payload


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
  """Takes a frame apart.

  Args:
    data: as `pack` made it, or as somebody sent it.

  Returns:
    The header and the payload.

  Raises:
    Refusal: for what is no frame.
  """
  if len(data) < _LENGTH.size:
    raise Refusal("frame", f"{len(data)} bytes are no frame", field="body")
  (length,) = _LENGTH.unpack_from(data)
  end = _LENGTH.size + length
  if length > LARGEST_HEADER or length % 4 or end > len(data):
    raise Refusal(
      "frame", f"a header of {length} bytes in a frame of {len(data)}",
      field="body",
    )  # fmt: skip
  try:
    header = parse_json(data[_LENGTH.size : end], dict, "header")
  except InputError as error:
    raise Refusal("frame", str(error), field="header") from error
  return header, data[end:]


def pack_runs(plane: np.ndarray) -> bytes:
  """Codes a plane [H, W] of integers 0 to 2^32-1 as runs."""
  flat = plane.ravel()
  starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
  runs = np.empty((len(starts), 2), "<u4")
  runs[:, 0] = flat[starts]
  runs[:, 1] = np.diff(starts, append=flat.size)
  return runs.tobytes()


def unpack_runs(
  data: bytes, shape: tuple[int, int], largest: int
) -> np.ndarray:
  """Decodes runs; nothing is expanded before their sum is known to be right.

  Args:
    data: of the runs.
    shape: (H, W) of the plane; its size has been checked.
    largest: value that a pixel may have, below 2^31.

  Returns:
    [H, W] int32.

  Raises:
    Refusal: for runs that do not fill the plane, or too large a value.
  """
  pixels = shape[0] * shape[1]
  if len(data) % 8 or not data:
    raise Refusal(
      "runs", f"{len(data)} bytes are no runs of 8 bytes", field="payload"
    )
  runs = np.frombuffer(data, "<u4").reshape(-1, 2)
  total = int(runs[:, 1].sum(dtype=np.uint64))
  if total != pixels or len(runs) > pixels:
    raise Refusal(
      "runs", f"{len(runs):,} runs of {total:,} pixels for a plane of "
      f"{pixels:,}", field="payload",
    )  # fmt: skip
  top = int(runs[:, 0].max())
  if top > largest:
    raise Refusal(
      "runs", f"a pixel of value {top}, the largest is {largest}",
      field="payload",
    )  # fmt: skip
  values, lengths = runs[:, 0].astype(np.int32), runs[:, 1].astype(np.int64)
  return np.repeat(values, lengths).reshape(shape)
