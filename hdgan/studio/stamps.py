"""`stamps`: objects of the run's own maps, cut out to be put elsewhere."""

import dataclasses
import functools
import heapq
from collections import Counter
from typing import Any

import numpy as np
from scipy import ndimage

from hdgan.datasets.transforms import dense_objects
from hdgan.errors import InputError
from hdgan.rendering.renderer import Renderer
from hdgan.studio import frame
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header
from hdgan.studio.refusal import Refusal
from hdgan.studio.scenes import Example, Home, Shelf
from hdgan.styles.choice import Chooser

SCENES = 16  # That are looked through.
PER_CLASS = 8
PER_SCENE = 2  # Of a class; others shall come from elsewhere.
BYTES = 2**21  # Of all masks.
SMALLEST = 16  # Pixels.


@dataclasses.dataclass(frozen=True)
class Stamp:
  """An object that was cut out.

  Attributes:
    label: its class.
    style: number in the class, or features; None where there are no styles.
    scene: the name of its scene.
    mask: [h, w] uint8, 1 where it is.
    of: (H, W) of the scene, to put it elsewhere at the same scale.
    inside: whether it touches no edge of the scene.
  """

  label: int
  style: Any
  scene: str
  mask: np.ndarray
  of: tuple[int, int]
  inside: bool

  @functools.cached_property
  def rank(self) -> tuple[bool, bool, float]:
    """Those that are seen whole first, then large ones."""
    parts = int(ndimage.label(self.mask, np.ones((3, 3)))[1])
    share = float(self.mask.sum()) / (self.of[0] * self.of[1])
    return self.inside, parts == 1, share


def stamps(home: Home, header: Header, payload: bytes) -> Frame:
  """The largest objects of some scenes, and their masks as runs.

  The first call looks through the scenes; later ones take what it found.
  """
  found = home.shelf.once("stamps", lambda: collect(home.shelf))
  told, masks, total = list[dict[str, Any]](), [], 0
  names, numbers = home.renderer.class_names, Counter[int]()
  for one in found:
    runs = frame.pack_runs(one.mask)
    if total + len(runs) > BYTES:
      continue
    total += len(runs)
    masks.append(runs)
    numbers[one.label] += 1
    told.append({
      "label": one.label, "style": one.style, "scene": one.scene,
      "name": f"{names[one.label]} {numbers[one.label]}",
      "w": one.mask.shape[1], "h": one.mask.shape[0],
      "of": [one.of[1], one.of[0]], "bytes": len(runs),
    })  # fmt: skip
  return {"stamps": told}, b"".join(masks)


def collect(shelf: Shelf) -> list[Stamp]:
  """Cuts objects out of a bounded number of scenes.

  Args:
    shelf: with the scenes; bad ones are passed over.

  Returns:
    By class, the best first.
  """
  renderer = shelf.renderer
  # What flows into holes is a backdrop: nobody would put it elsewhere.
  things = [
    c["id"]
    for c in renderer.classes
    if c.get("has_instances") and not c.get("background")
  ]
  count = len(shelf.entries())
  found: dict[int, list[Stamp]] = {label: [] for label in things}
  for id in np.unique(np.linspace(0, count - 1, SCENES).astype(int)).tolist():
    if not things:
      break
    try:
      example = shelf.read(id)
    except (InputError, Refusal):
      continue
    for label, own in cut(renderer, example, things).items():
      found[label] += heapq.nlargest(PER_SCENE, own, key=lambda s: s.rank)
  return [
    one
    for label in things
    for one in heapq.nlargest(PER_CLASS, found[label], key=lambda s: s.rank)
  ]


def cut(
  renderer: Renderer, example: Example, things: list[int]
) -> dict[int, list[Stamp]]:
  """Cuts all objects of some classes out of a map.

  Args:
    renderer: of the run.
    example: name, label and instance [H, W].
    things: class ids.

  Returns:
    Stamps by class.
  """
  objects, pairs = dense_objects(example["label"], example["instance"])
  found: dict[int, list[Stamp]] = {}
  boxes = ndimage.find_objects(objects + 1, len(pairs))
  for row, ((label, id), box) in enumerate(
    zip(pairs.tolist(), boxes, strict=True)
  ):
    if label not in things or box is None:
      continue
    mask = (objects[box] == row).astype(np.uint8)
    if mask.sum() < SMALLEST:
      continue
    inside = all(
      side.start > 0 and side.stop < most
      for side, most in zip(box, objects.shape, strict=True)
    )
    found.setdefault(label, []).append(
      Stamp(
        label,
        style_of(renderer, example["name"], label, id),
        example["name"],
        mask=mask,
        of=objects.shape,
        inside=inside,
      )  # fmt: skip
    )
  return found


def style_of(renderer: Renderer, name: str, label: int, id: int) -> Any:
  """The style of an object: what it was trained with, else as it is drawn.

  Args:
    renderer: of the run.
    name: of the scene.
    label: class of the object.
    id: of the object.

  Returns:
    Its number, or None where its class has none.
  """
  bank = renderer.bank
  if bank is None or not len(bank.styles.of_class(label)):
    return None
  names = list(bank.about["names"])
  if name in names:
    own = (
      (bank.objects.picture_ids == names.index(name))
      & (bank.objects.labels == label)
      & (bank.objects.instances == id)
    )  # fmt: skip
    for member in bank.styles.members[own].tolist():
      if member >= 0:
        return member
  chooser = Chooser(renderer.class_names, renderer.channels, bank=bank)
  pairs = np.array([[label, id]], np.int64)
  return chooser.choose(pairs, name).styles[0]
