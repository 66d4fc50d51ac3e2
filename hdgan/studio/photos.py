"""`render` and `previews`: what a scene looks like as a photo."""

import io
import time
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from hdgan.editing.scene import Scene
from hdgan.errors import shown
from hdgan.report import pictures
from hdgan.studio import fields, generation, limits, picture_frame, scene_frame
from hdgan.studio.desk import Desk, Frame
from hdgan.studio.generation import DRAFT
from hdgan.studio.picture_frame import PictureScene
from hdgan.studio.refusal import Refusal

QUALITY = 90  # Of what is shown; what is exported is lossless.


def render(desk: Desk, header: Mapping[str, Any], payload: bytes) -> Frame:
  """The photo of a scene as JPEG, and what was decided for its rows.

  Raises:
    Refusal: for what is no scene, or a newer request came.
  """
  start = time.perf_counter()
  scene = picture_frame.read(header, payload, desk.renderer)
  seed, scale = fields.seed_of(header), _scale_of(header)
  seq = fields.integer_of(header, "seq", 0, limits.SEED, default=0)
  unpacked = time.perf_counter()

  def work() -> tuple[np.ndarray, float, float]:
    begun = time.perf_counter()
    picture = make_shown(desk, scene, seed, scale)
    return picture, begun, time.perf_counter()

  picture, begun, made = desk.run(header, "render", work)
  photo = encoded(picture, "JPEG")
  plain, rows = _plain(scene), [0]
  if plain is scene:
    rows = [
      i for i, r in enumerate(header["table"]) if r.get("instance") is None
    ]
  return {
    "seq": seq,
    "scale": scale,
    "type": "image/jpeg",
    "resolved": scene_frame.resolved(plain, desk.renderer, seed, rows),
    "timing": {
      "unpack": unpacked - start,
      "wait": begun - unpacked,
      "model": made - begun,
      "encode": time.perf_counter() - made,
    },
  }, photo


def make_shown(
  desk: Desk, scene: Scene | PictureScene, seed: int = 0, scale: int = 1
) -> np.ndarray:
  """Makes a photo [H, W, 1 or 3] uint8 to be shown, and learns how long.

  Args:
    desk: of the studio; this is in its device's thread.
    scene: at its map's own size.
    seed: of its styles.
    scale: its sides are divided by it.
  """
  start = time.perf_counter()
  made = generation.make(scene, desk.renderer, seed, desk.size, scale)
  seconds = time.perf_counter() - start
  desk.progress.measured(scale, seconds, made.instance.shape)
  return pictures.to_uint8(made.fake)


def _scale_of(header: Mapping[str, Any]) -> int:
  scale = header.get("scale", 1)
  if type(scale) is not int or scale not in (1, DRAFT):
    raise Refusal(
      "scale", f"scale = {shown(scale)} must be 1, or {DRAFT} for a draft",
      field="scale",
    )  # fmt: skip
  return scale


def previews(desk: Desk, header: Mapping[str, Any], payload: bytes) -> Frame:
  """One object in every style of its class, side by side.

  None for a class without styles. Others have their turns on the device
  between the pictures. Nothing is lost: the crops are small.

  Raises:
    Refusal: for a row that is none or has no pixels, or a newer request came.
  """
  scene = picture_frame.read(header, payload, desk.renderer)
  plain, seed = _plain(scene), fields.seed_of(header)
  row = fields.integer_of(header, "row", 0, len(plain.table) - 1)
  row = scene_frame.first_rows(plain).get(row, row)
  if not plain.sizes[row]:
    raise Refusal("row", f"row {row} has no pixels", field="row")
  bank, label = desk.renderer.bank, plain.table[row].label
  if bank is None or not len(bank.styles.of_class(label)):
    return {"type": "", "count": 0, "w": 0, "h": 0}, b""

  def work() -> Generator[None, None, list[np.ndarray]]:
    crops = []
    for crop in generation.in_every_style(
      scene, row, desk.renderer, seed, desk.size
    ):
      crops.append(crop)
      yield
    return crops

  crops = desk.run(header, "previews", work)
  height, width = crops[0].shape[:2]
  return {
    "type": "image/webp", "count": len(crops), "w": width, "h": height
  }, encoded(np.concatenate(crops, axis=1), "WEBP", lossless=True)  # fmt: skip


def _plain(scene: Scene | PictureScene) -> Scene:
  """The objects of a scene of either kind."""
  return scene.scene if isinstance(scene, PictureScene) else scene


def encoded(picture: np.ndarray, kind: str, **how: Any) -> bytes:
  """[H, W, 1 or 3] uint8 as a file of a kind that Pillow writes."""
  flat = picture[..., 0] if picture.shape[-1] == 1 else picture
  out = io.BytesIO()
  Image.fromarray(flat).save(out, kind, quality=QUALITY, **how)
  return out.getvalue()
