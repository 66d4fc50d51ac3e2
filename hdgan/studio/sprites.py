"""The styles of a class, for the page: thumbnails and numbers."""

from hdgan.rendering import thumbnails
from hdgan.studio import fields
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header
from hdgan.studio.refusal import Refusal
from hdgan.studio.scenes import Home
from hdgan.styles.bank import short_floats


def sprite(home: Home, header: Header, payload: bytes) -> Frame:
  """The bank's thumbnails of a class side by side, and each style's numbers.

  Thumbnails of another bank are not shown: then there are the numbers alone,
  and `side` is 0.

  Raises:
    Refusal: for a class without styles.
  """
  bank, names = home.renderer.bank, home.renderer.class_names
  label = fields.integer_of(header, "label", 0, len(names) - 1, code="label")
  centers = bank.styles.of_class(label) if bank else ()
  if bank is None or not len(centers):
    why, hint = f"{names[label]!r} has no styles", ""
    if bank is not None:
      hint = "--mode=styles with a smaller --min_area finds some"
    elif home.renderer.channels:
      why, hint = "this run has no style bank yet", "--mode=styles makes one"
    raise Refusal("none", why, field="label", hint=hint)
  told = {
    "type": "", "count": len(centers), "side": 0,
    "values": [short_floats(center) for center in centers],
  }  # fmt: skip
  found = thumbnails.read(home.renderer.workdir, bank.digest, label)
  if found is None:
    return told, b""
  data, count = found
  side = thumbnails.SIDE
  return {**told, "type": "image/webp", "count": count, "side": side}, data
