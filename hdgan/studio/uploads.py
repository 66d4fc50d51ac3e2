"""`open`: a scene from files that the page sends, or from an exported zip."""

from hdgan.errors import shown
from hdgan.studio import limits
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header
from hdgan.studio.refusal import Refusal
from hdgan.studio.reopening import open_export
from hdgan.studio.scenes import Home, frame_of
from hdgan.studio.sent_files import NAMED, SentPart, check_kind, read_maps

ROLES = ("label", "instance", "image", "export")


def open_files(home: Home, header: Header, payload: bytes) -> Frame:
  """A scene from a label map, with or without an instance map and a photo.

  Or from one zip that `export` made: then with its table and styles. `notes`
  are sentences to tell, `photo` says whether there was a (sound) photo.

  Raises:
    Refusal: naming the role of the file, what is wrong with it, the way out.
  """
  parts = _split(header, payload)
  if "export" in parts:
    return open_export(home, parts["export"])
  for part in parts.values():
    check_kind(part, home.renderer)
  example, notes = read_maps(home.renderer, parts, as_ids=False)
  try:
    return frame_of(home, example, notes=notes, photo="image" in parts)
  except Refusal as refusal:  # More objects than a page can hold.
    refusal.field = "instance" if "instance" in parts else "label"
    raise


def _split(header: Header, payload: bytes) -> dict[str, SentPart]:
  """The files of a request, by role."""
  listed, parts, start = header.get("files"), dict[str, SentPart](), 0
  if not isinstance(listed, list) or not 1 <= len(listed) <= len(ROLES):
    raise Refusal(
      "files", "files must list a label map, or one exported zip",
      field="files",
    )  # fmt: skip
  for one in listed:
    role, name, size = (
      one.get(key) if isinstance(one, dict) else None
      for key in ("role", "name", "size")
    )
    role = "image" if role == "photo" else role
    if role not in ROLES or role in parts:
      raise Refusal(
        "files", f"role {shown(role)} must be one of {', '.join(ROLES)}, "
        "each once", field="files",
      )  # fmt: skip
    if type(size) is not int or not 0 <= size <= len(payload) - start:
      raise Refusal(
        "files", f"{NAMED[role]}: size {shown(size)} is not that of what "
        "was sent", field=role, hint="send it again",
      )  # fmt: skip
    title = name if isinstance(name, str) else ""
    parts[role] = SentPart(
      role, title[-limits.NAME :], payload[start : start + size]
    )
    start += size
  if start != len(payload):
    raise Refusal(
      "files", f"{len(payload) - start:,} bytes are of no file", field="files"
    )
  if "export" in parts and len(parts) > 1:
    raise Refusal("files", "a zip is opened alone", field="export")
  if "export" not in parts and "label" not in parts:
    raise Refusal("files", "a label map is needed", field="label")
  return parts
