"""The studio without a network: each call takes a frame and gives a frame.

The server and the notebook's widget call `Studio.call` and nothing else. A
call is a row of `CALLS`; the README beside this file describes each.
"""

from collections.abc import Callable, Hashable, Mapping
from http import HTTPStatus
from typing import Any

import jax
import numpy as np

from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.editing.scene import Scene, SceneObject
from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer
from hdgan.report import pictures
from hdgan.studio import (
  edits,
  export,
  limits,
  photos,
  scenes,
  sprites,
  stamps,
  uploads,
)
from hdgan.studio.desk import Desk, Frame, session_of
from hdgan.studio.picture_frame import PictureScene, check_model
from hdgan.studio.refusal import Refusal, of_error
from hdgan.studio.scenes import Shelf


class Studio(Desk):
  """A trained run and its maps, at the service of pages."""

  def __init__(
    self, renderer: Renderer, inputs: SynthesisInputs | Shelf | None, size: str
  ):
    """Keeps what calls need; `warm_up` readies the device.

    Args:
      renderer: of the run.
      inputs: maps on offer, at their own size; None for none.
      size: "stage" or "input", at which pictures are made.

    Raises:
      InputError: for a model whose labels a page cannot paint.
    """
    check_model(renderer.model.pictures)
    super().__init__(renderer, size)
    if not isinstance(inputs, Shelf):
      inputs = Shelf(renderer, inputs)
    self.shelf = inputs

  def call(
    self,
    name: str,
    header: Mapping[str, Any],
    payload: bytes,
    caller: Hashable = None,
  ) -> Frame:
    """Answers one call; blocks until it is done.

    Args:
      name: of the call.
      header: of its frame.
      payload: of its frame.
      caller: this request, see `drop`.

    Raises:
      Refusal: for an unknown call, or whatever keeps this one from being done.
    """
    if name not in CALLS:
      raise Refusal(
        "call", f"there is no call {shown(name)}", field="path",
        status=HTTPStatus.NOT_FOUND,
      )  # fmt: skip
    try:
      with self.serving(caller):
        return CALLS[name](self, header, payload)
    except Exception as error:
      raise of_error(error) from error

  def drop(self, caller: Hashable) -> bool:
    """Takes back what a caller waits for: its call ends, 409 `cancelled`."""
    return self.device.drop(caller)

  def warm_up(self) -> None:
    """Compiles in the background what photos need; returns at once.

    What is asked for meanwhile has its turn in between.
    """
    self.progress.begin()
    future = self.device.submit(
      "", "warm_up", lambda: self.progress.steps(self._make_empty)
    )

    def finish(done: Any) -> None:
      error = done.exception()
      if error is not None:
        self.progress.failed(of_error(error).message)

    future.add_done_callback(finish)

  def _make_empty(self, scale: int) -> None:
    """Makes a photo of the first map's size with nothing in it."""
    spec = self.renderer.model.pictures
    try:
      size = self.shelf.read(0)["label"].shape[:2]
    except Exception:  # Whoever opens it is told.
      size = self.renderer.size
    scene: Scene | PictureScene
    if spec.num_classes:
      classes = tuple(self.renderer.named_classes)
      plane = np.zeros(size, np.int32)
      scene = Scene(plane, (SceneObject(0, 0),), classes)
    else:
      scene = PictureScene(np.zeros((*size, spec.label_channels), np.uint8))
    photos.make_shown(self, scene, scale=scale)

  def close(self) -> None:
    """Ends the device's thread after what runs; what waits is refused."""
    self.device.close()


def meta(desk: Desk, header: Mapping[str, Any], payload: bytes) -> Frame:
  """What this studio can do, and how it is."""
  renderer, spec = desk.renderer, desk.renderer.model.pictures
  progress, bank = desk.progress, desk.renderer.bank
  return {
    "kind": "classes" if spec.num_classes else "picture",
    "classes": _classes(renderer),
    "ignore_label": spec.ignore_label,
    "label_channels": 0 if spec.num_classes else spec.label_channels,
    "style_channels": renderer.channels,
    # Of the one object that a picture is.
    "styles": _style_count(renderer, 0) if not spec.num_classes else 0,
    "stage_size": list(renderer.size),
    "size": desk.size,
    "unit": renderer.unit,
    "largest": {
      "pixels": limits.PIXELS, "side": limits.SIDE, "objects": limits.OBJECTS
    },
    "run": renderer.workdir.resolve().name,
    "step": renderer.step,
    "bank": bank.digest if bank is not None else "",
    "device": jax.devices()[0].device_kind,
    "state": progress.state,
    "fault": progress.fault,
    **progress.times,
    "seconds": progress.seconds,
  }, b""  # fmt: skip


def _classes(renderer: Renderer) -> list[dict[str, Any]]:
  """id, name, color, has_instances and count of styles of each class."""
  spec = renderer.model.pictures
  if not spec.num_classes:
    return []
  colors = pictures.class_colors(renderer.classes, spec.num_classes).tolist()
  return [
    {
      "id": one["id"],
      "name": str(one["name"]),
      "color": colors[one["id"]],
      "has_instances": bool(one.get("has_instances")),
      "styles": _style_count(renderer, one["id"]),
    }
    for one in renderer.named_classes
  ]


def _style_count(renderer: Renderer, label: int) -> int:
  bank = renderer.bank
  return len(bank.styles.of_class(label)) if bank is not None else 0


def cancel(desk: Desk, header: Mapping[str, Any], payload: bytes) -> Frame:
  """Takes back what waits or runs of this session and a call."""
  name = header.get("call")
  if not isinstance(name, str) or name not in CALLS:
    raise Refusal("call", f"there is no call {shown(name)}", field="call")
  return {"cancelled": desk.device.cancel(session_of(header), name)}, b""


# The one table of calls.
CALLS: dict[str, Callable[[Any, Mapping[str, Any], bytes], Frame]] = {
  "meta": meta,
  "scenes": scenes.scenes,
  "thumb": scenes.thumb,
  "scene": scenes.scene,
  "photo": scenes.photo,
  "blank": scenes.blank,
  "sprite": sprites.sprite,
  "stamps": stamps.stamps,
  "open": uploads.open_files,
  "edit": edits.edit,
  "render": photos.render,
  "previews": photos.previews,
  "export": export.export,
  "cancel": cancel,
}
