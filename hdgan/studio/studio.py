"""The studio without a network: each call takes a frame and gives a frame.

The server and the notebook's widget call `Studio.call` and nothing else. A
call is a row of `CALLS`; the README beside this file describes each.
"""

import dataclasses
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import place_map, whole_placement
from hdgan.editing import file as edit_file
from hdgan.editing.operations import at_size, generate, styles_of
from hdgan.errors import InputError
from hdgan.rendering.renderer import Renderer
from hdgan.report import pictures
from hdgan.studio import export, scene_frame, scenes, sprites, stamps, uploads
from hdgan.studio.device import Device
from hdgan.studio.refusal import Refusal, of_input
from hdgan.studio.scenes import Shelf

Frame = tuple[dict[str, Any], bytes]
QUALITY = 90  # Of the JPEGs that are shown; what is exported is lossless.
DRAFT = 4  # Drafts have a side of 1 / DRAFT.


class Studio:
  """A trained run and its maps, at the service of pages."""

  def __init__(
    self, renderer: Renderer, inputs: SynthesisInputs | Shelf | None, size: str
  ):
    """Keeps what calls need.

    Args:
      renderer: of the run.
      inputs: maps on offer, at their own size; None for none.
      size: "stage" or "input", at which pictures are made.
    """
    if not isinstance(inputs, Shelf):
      inputs = Shelf(renderer, inputs)
    self.renderer, self.shelf, self.size = renderer, inputs, size
    self.device = Device()
    self.state, self.seconds = "ready", 0.0

  def call(self, name: str, header: Mapping[str, Any], payload: bytes) -> Frame:
    """Answers one call; blocks until it is done.

    Raises:
      Refusal: for an unknown call, or what is wrong with this one.
    """
    if name not in CALLS:
      raise Refusal("call", f"there is no call {name!r}", field="path")
    try:
      return CALLS[name](self, header, payload)
    except InputError as error:
      raise of_input(error) from error

  def _on_device(
    self, header: Mapping[str, Any], kind: str, work: Callable[[], Any]
  ) -> Any:
    """Runs work in the device's thread; the latest of a session wins."""
    session = str(header.get("session", ""))[:64]
    return self.device.submit(session, kind, work).result()

  run = _on_device

  def meta(self, header: Mapping[str, Any], payload: bytes) -> Frame:
    """What this studio can do, and how it is."""
    renderer = self.renderer
    spec = renderer.model.pictures
    colors = pictures.class_colors(renderer.classes, spec.num_classes)
    classes = scene_frame.classes_of(renderer) if spec.num_classes else []
    bank = renderer.bank
    for one in classes:
      id = one["id"]
      one["color"] = colors[id].tolist()
      one["has_instances"] = bool(one.get("has_instances"))
      one["styles"] = len(bank.styles.of_class(id)) if bank else 0
    return {
      "kind": "classes" if spec.num_classes else "picture",
      "classes": classes,
      "ignore_label": spec.ignore_label,
      "label_channels": 0 if spec.num_classes else spec.label_channels,
      "style_channels": renderer.channels,
      "stage_size": list(renderer.size),
      "size": self.size,
      "step": renderer.step,
      "run": renderer.workdir.resolve().name,
      "state": self.state,
      "seconds": self.seconds,
    }, b""

  def edit(self, header: Mapping[str, Any], payload: bytes) -> Frame:
    """A scene after edits of the schema of `--mode=edit`."""
    scene = scene_frame.to_scene(header, payload, self.renderer)
    for entry in header.get("edits", ()):
      scene = edit_file.apply(scene, entry, None, self.renderer)
    head, runs = scene_frame.of_scene(scene)
    return head, runs

  def render(self, header: Mapping[str, Any], payload: bytes) -> Frame:
    """The photo of a scene as JPEG, and what was decided for its rows."""
    start = time.perf_counter()
    renderer = self.renderer
    scene = scene_frame.to_scene(header, payload, renderer)
    seed, scale = header.get("seed", 0), header.get("scale", 1)
    unpacked = time.perf_counter()

    def work() -> tuple[np.ndarray, float, float]:
      begun = time.perf_counter()
      shown = at_size(scene, renderer, self.size)
      if scale != 1:
        h, w = shown.objects.shape
        small = max(1, h // DRAFT), max(1, w // DRAFT)
        objects = place_map(shown.objects, whole_placement(small))
        shown = dataclasses.replace(shown, objects=objects)
      fake = generate(shown, renderer, seed, "input")
      return pictures.to_uint8(fake), begun, time.perf_counter()

    picture, begun, made = self._on_device(header, "render", work)
    out = io.BytesIO()
    image = Image.fromarray(
      picture[..., 0] if picture.shape[-1] == 1 else picture
    )
    image.save(out, "JPEG", quality=QUALITY)
    done = time.perf_counter()
    resolved = []
    if renderer.channels:
      rows = scene.rows().tolist()
      _, _, styles = styles_of(scene, renderer, seed)
      resolved = [
        [r, scene.table[r].instance, s]
        for r, s in zip(rows, styles, strict=True)
      ]
    else:
      resolved = [[i, o.instance, None] for i, o in enumerate(scene.table)]
    return {
      "seq": header.get("seq", 0),
      "scale": scale,
      "type": "image/jpeg",
      "resolved": resolved,
      "timing": {
        "unpack": unpacked - start,
        "wait": begun - unpacked,
        "model": made - begun,
        "encode": done - made,
      },
    }, out.getvalue()


# The one table of calls.
CALLS: dict[str, Callable[[Studio, Mapping[str, Any], bytes], Frame]] = {
  "meta": Studio.meta,
  "scenes": scenes.scenes,
  "thumb": scenes.thumb,
  "scene": scenes.scene,
  "photo": scenes.photo,
  "blank": scenes.blank,
  "open": uploads.open_files,
  "sprite": sprites.sprite,
  "stamps": stamps.stamps,
  "export": export.export,
  "edit": Studio.edit,
  "render": Studio.render,
}
