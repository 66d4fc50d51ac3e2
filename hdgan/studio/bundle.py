"""The zip that an export is: a folder for `--mode=synthesize`, and a session.

| file | what it is |
|---|---|
| label/NAME.png | class ids, or the picture that the label is |
| inst/NAME.png | object ids; .tif of 32 bits where 16 are too few |
| photo.png | the photo, lossless |
| styles.json | a style file; where the model has styles |
| session.json | table, seed, and the command that makes the photo again |

Equal exports are equal byte for byte. A zip from outside is read within
bounds, its names are looked for and never used as paths.
"""

import io
import json
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from hdgan.datasets.files import encode_png
from hdgan.datasets.folder import KNOWN_SUFFIXES
from hdgan.datasets.synthesis_inputs import SESSION
from hdgan.outside import parse_json
from hdgan.studio import limits
from hdgan.studio.refusal import Refusal

STYLES, PHOTO = "styles.json", "photo.png"
VERSION = 1
_MAP = re.compile(r"(?:[^/]+/)?(label|inst)/[^/]+\.(?:png|tif)")
_TEXT = re.compile(r"(?:[^/]+/)?(styles|session)\.json")
_LONGEST = 200  # Bytes of a file's name.
_EPOCH = (1980, 1, 1, 0, 0, 0)  # The first day that a zip knows.


def stem_of(name: str) -> str:
  """What a scene's maps are called in a zip, so that they are read as such.

  Args:
    name: of a scene, without slashes.

  Returns:
    The name; without a dot in front, not too long, with a `_` behind where
    folders of maps have a known ending that would be cut off.
  """
  stem = unicodedata.normalize("NFC", name).lstrip(".").strip() or "scene"
  stem = stem.encode()[:_LONGEST].decode("utf-8", "ignore")
  return stem + "_" * stem.endswith(KNOWN_SUFFIXES["label"])


def encode_ids(ids: np.ndarray) -> tuple[bytes, str]:
  """Encodes ids [H, W] int32; with the ending of their file.

  Returns:
    A PNG of 8 or 16 bits, or a TIFF of 32.
  """
  if ids.min() >= 0 and ids.max() <= 65535:
    return encode_png(ids.astype(np.uint16)), ".png"
  out = io.BytesIO()
  Image.fromarray(ids.astype(np.int32)).save(out, "TIFF", compression="raw")
  return out.getvalue(), ".tif"


def pack(members: Mapping[str, bytes]) -> bytes:
  """Makes the zip of files by name, in this order."""
  out = io.BytesIO()
  with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
    for name, data in members.items():
      info = zipfile.ZipInfo(name, _EPOCH)
      info.create_system, info.external_attr = 3, 0o644 << 16
      archive.writestr(info, data)
  return out.getvalue()


def session_text(session: Mapping[str, Any]) -> bytes:
  """A session as JSON, a row of its table per line."""
  head = {k: v for k, v in session.items() if k != "table"}
  lines = [f" {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
  rows = ",\n".join(f"  {json.dumps(row)}" for row in session["table"])
  text = "\n".join(["{", *lines, ' "table": [', rows, " ]", "}"])
  return (text + "\n").encode()


def unpack(data: bytes) -> dict[str, bytes]:
  """Takes a zip apart that somebody sent.

  Args:
    data: of the zip.

  Returns:
    What it holds of label, inst, styles and session.

  Raises:
    Refusal: for what is no such zip, or unpacks to too much.
  """
  found: dict[str, bytes] = {}
  try:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
      for info in archive.infolist():
        part = _part(info.filename)
        if not part:
          continue
        if part in found:
          raise _refusal(f"holds two of {part!r}, as no export does")
        most = limits.TEXT if part in ("styles", "session") else limits.BODY
        with archive.open(info) as file:
          # What it says of its size may be a lie.
          found[part] = file.read(most + 1)
        if len(found[part]) > most:
          raise _refusal(f"{part} unpacks to more than {most:,} bytes")
  except (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError,
  ) as error:  # fmt: skip
    # RuntimeError: it wants a password, or a way of packing nobody knows.
    raise _refusal(f"cannot be unpacked ({error})") from error
  if "label" not in found:
    raise _refusal("holds no label/NAME.png")
  return found


def read_json(found: Mapping[str, bytes], part: str) -> dict[str, Any]:
  """The session or the styles of a zip; {} where it has none.

  Raises:
    InputError: for what is no JSON.
    Refusal: for a session of another version.
  """
  if part not in found:
    return {}
  name = SESSION if part == "session" else STYLES
  told = parse_json(found[part], dict, name)
  if part == "session" and told.get("version") != VERSION:
    raise _refusal(f"{name} is of version {told.get('version')!r}, not 1")
  return told


def _part(name: str) -> str:
  """Which part of an export a member is, or ''."""
  found = _MAP.fullmatch(name) or _TEXT.fullmatch(name)
  return "" if found is None or name.startswith("__MACOSX/") else found[1]


def _refusal(why: str) -> Refusal:
  return Refusal(
    "export", f"the zip {why}", field="export",
    hint="take one that the studio exported",
  )  # fmt: skip
