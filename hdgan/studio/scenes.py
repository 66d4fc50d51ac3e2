"""Scenes on offer: a folder's maps, the run's held-out ones, templates.

They are named by numbers. Listing them reads no picture; one that turns out
bad when it is read is refused by its name.
"""

import dataclasses
import io
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from hdgan.datasets import pipeline, prepared
from hdgan.datasets.check import check
from hdgan.datasets.examples import ExampleFiles
from hdgan.datasets.reading import reading_of
from hdgan.datasets.synthesis_inputs import SynthesisInputs, synthesis_rules
from hdgan.editing.scene import Scene
from hdgan.errors import InputError, counted, printed_lines, shown
from hdgan.rendering import outputs
from hdgan.rendering.renderer import Renderer
from hdgan.report import pictures
from hdgan.studio import fields, limits, picture_frame, scene_frame
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header
from hdgan.studio.first_scene import draw_scene
from hdgan.studio.picture_frame import PictureScene
from hdgan.studio.refusal import Refusal

Example = dict[str, Any]
T = TypeVar("T")
QUALITY = 90  # Of photos as JPEG.
THUMB = 192  # Pixels of a thumbnail's longer side.


class Shelf:
  """The scenes of one studio, read when they are asked for.

  The maps first, then templates of the training split; without any the scene
  that `draw_scene` draws.
  """

  def __init__(
    self,
    renderer: Renderer,
    inputs: SynthesisInputs | None,
    templates: SynthesisInputs | None = None,
  ):
    """Keeps the maps.

    Args:
      renderer: of the run.
      inputs: maps at their own size, or None.
      templates: of the training split, or None.
    """
    self.renderer = renderer
    self.maps = [
      (one, i, template)
      for one, template, most in (
        (inputs, False, limits.LISTED),
        (templates, True, limits.TEMPLATES),
      )
      if one is not None
      for i in range(min(most, len(one)))
    ]
    self.more = max(0, len(inputs or ()) - limits.LISTED)
    self._kept: dict[Any, Any] = {}
    self._locks: dict[Any, threading.Lock] = {}

  def entries(self) -> list[dict[str, Any]]:
    """id, name, photo and template of each scene."""
    if not self.maps:
      return [_entry(0, draw_scene(self.renderer)["name"], False, True)]
    return [
      _entry(id, one.names[i], _has_photo(one, i), template)
      for id, (one, i, template) in enumerate(self.maps)
    ]

  def checked(self, id: Any) -> int:
    """The number of a scene.

    Args:
      id: of `entries`, or what somebody sent.

    Raises:
      Refusal: for another id.
    """
    count = max(1, len(self.maps))
    if type(id) is not int or not 0 <= id < count:
      raise Refusal(
        "scene", f"there is no scene {shown(id)}, ids are 0..{count - 1}",
        field="id", hint="list them again",
      )  # fmt: skip
    return id

  def read(self, id: Any, photo: bool = False) -> Example:
    """Reads a map at its own size.

    Args:
      id: of `entries`, or what somebody sent.
      photo: whether its photo is wanted, and not its maps alone.

    Returns:
      As `SynthesisInputs` gives it.

    Raises:
      Refusal: for another id.
      InputError: for files that are bad, or gone.
    """
    id = self.checked(id)
    if not self.maps:
      return draw_scene(self.renderer)
    inputs, i, _ = self.maps[id]
    return read_example(inputs, i, self.renderer, photo)

  def thumb(self, id: Any) -> bytes:
    """A small JPEG of a map in its colours, made once; see `read`."""
    id = self.checked(id)

    def make() -> bytes:
      label = outputs.label_picture(self.renderer, self.read(id)["label"])
      image = to_image(label)
      image.thumbnail((THUMB, THUMB), Image.Resampling.BOX)
      return _jpeg(image)

    return self.once(("thumb", id), make)

  def once(self, key: Hashable, make: Callable[[], T]) -> T:
    """What a function makes, made at the first call alone."""
    with self._locks.setdefault(key, threading.Lock()):
      if key not in self._kept:
        self._kept[key] = make()
    return self._kept[key]


class Home(Protocol):
  """What the calls here and beside need of a studio: a `Desk` with a shelf."""

  renderer: Renderer
  shelf: Shelf
  size: str

  def run(self, header: Header, kind: str, work: Callable[[], Any]) -> Any:
    """See `Desk.run`."""


def _entry(id: int, name: str, photo: bool, template: bool) -> dict[str, Any]:
  return {"id": id, "name": name, "photo": photo, "template": template}


def _has_photo(inputs: SynthesisInputs, i: int) -> bool:
  """Whether a map has a photo; of prepared copies, which are not read, yes."""
  if not isinstance(inputs.examples, list | tuple):
    return True
  example = inputs.examples[i]
  if isinstance(example, ExampleFiles):
    return example.image is not None
  return bool(example["image"])


def find(renderer: Renderer, source: str) -> Shelf:
  """Finds the scenes of a studio; lists files, reads none.

  Args:
    renderer: of the run.
    source: a folder or a split, '' for what the run held out.

  Returns:
    A shelf, which has at least one scene.

  Raises:
    InputError: for a folder or a split without maps. That the run's own data
      is not there is told, and no fault.
  """
  config, inputs = renderer.config, None
  if source:
    inputs = pipeline.synthesis_inputs(
      config, source, stage_size=renderer.size, size="input",
      classes=renderer.classes, checked=False,
    )  # fmt: skip
  try:
    splits = _own_splits(renderer)
  except (InputError, OSError) as error:
    splits = {}
    if not source:
      prepared.say(
        f"the data of {renderer.workdir} is not here "
        f"({printed_lines(error)[0]}): the studio "
        "begins with a scene that is drawn; name maps by --input=FOLDER"
      )
  templates = splits.pop("train", None)
  own = next(iter(splits.values()), None)
  return Shelf(renderer, inputs if source else own, templates)


def _own_splits(renderer: Renderer) -> dict[str, SynthesisInputs]:
  """The splits of the run's data, as far as they hold maps."""
  config = renderer.config
  names: Mapping[str, Sequence[str]]
  sources: Mapping[str, Sequence[Any]]
  if pipeline.is_drawn(config):
    data = pipeline.prepare(config)
    names, sources = data.names, data.sources
  else:
    found = pipeline.find_files(config)
    if found.faults:
      raise InputError(found.faults[0])
    sources = found.splits
    names = {k: [one.stem for one in v] for k, v in sources.items()}
  reading = reading_of(config)
  return {
    split: SynthesisInputs(
      tuple(names[split]), examples, reading=reading,
      geometry=reading.geometry(renderer.size), own_size=True,
    )
    for split, examples in sources.items()
    if len(examples)
  }  # fmt: skip


def read_example(
  inputs: SynthesisInputs, i: int, renderer: Renderer, photo: bool = False
) -> Example:
  """Checks and reads one map, without its photo if that is not wanted.

  Raises:
    InputError: every fault of its files.
  """
  example = inputs.examples[i]
  if isinstance(example, ExampleFiles):
    example = dataclasses.replace(
      example, image=example.image if photo else None
    )
    check({"": [example]}, synthesis_rules(renderer.config), workers=1)
  elif not photo:
    example = {**example, "image": b""}
  one = dataclasses.replace(
    inputs, names=(inputs.names[i],), examples=[example]
  )
  return one[0]


def frame_of(home: Home, example: Example, seed: int = 0, **more: Any) -> Frame:
  """The frame of a map as a scene.

  Args:
    home: the studio.
    example: name, label and instance, at their own size.
    seed: draws the styles.
    **more: goes into the header.

  Raises:
    Refusal: for a map that is too large.
    InputError: for a picture of more than 8 bits.
  """
  name, renderer = fields.usable_name(example["name"]), home.renderer
  height, width = example["label"].shape[:2]
  try:
    fields.size_of({"h": height, "w": width})
  except Refusal as refusal:
    raise Refusal(
      refusal.code, f"{name}: {refusal.message}", field="id",
      hint=refusal.hint,
    ) from refusal  # fmt: skip
  scene: Scene | PictureScene
  if renderer.config.num_classes:
    scene = scene_frame.open_maps(renderer, {**example, "name": name})
  else:
    scene = picture_frame.open_picture(example["label"], name)
  return frame_of_scene(home, scene, seed, **more)


def frame_of_scene(
  home: Home, scene: Scene | PictureScene, seed: int = 0, **more: Any
) -> Frame:
  """As `frame_of`, of a scene; with the styles that are drawn for it."""
  if isinstance(scene, PictureScene):
    head, runs = picture_frame.of_picture(scene)
    plain = scene.scene
  else:
    head, runs = scene_frame.of_scene(scene)
    plain = scene
  if len(plain.table) > limits.OBJECTS:
    raise Refusal(
      "objects", f"{plain.where} has {len(plain.table):,} objects, more than "
      f"{limits.OBJECTS:,}", field="id", hint="cut the map into smaller ones",
    )  # fmt: skip
  found = []
  if home.renderer.bank is not None:
    found = scene_frame.resolved(plain, home.renderer, seed)
  return {**head, "seed": seed, "resolved": found, **more}, runs


def to_image(picture: np.ndarray) -> Image.Image:
  """[H, W, 1 or 3] uint8 as RGB."""
  flat = picture[..., 0] if picture.shape[-1] == 1 else picture
  return Image.fromarray(flat).convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
  out = io.BytesIO()
  image.save(out, "JPEG", quality=QUALITY)
  return out.getvalue()


def scenes(home: Home, header: Header, payload: bytes) -> Frame:
  """The scenes on offer; `note` says of how many nothing is shown."""
  more = home.shelf.more
  note = f"{counted(more, 'more map is', 'more maps are')} not listed"
  return {
    "scenes": home.shelf.entries(), "note": note if more else ""
  }, b""  # fmt: skip


def thumb(home: Home, header: Header, payload: bytes) -> Frame:
  """A small picture of a scene's map."""
  return {"type": "image/jpeg"}, home.shelf.thumb(header.get("id"))


def scene(home: Home, header: Header, payload: bytes) -> Frame:
  """One of the scenes on offer, at its own size."""
  id = header.get("id")
  return frame_of(home, home.shelf.read(id), id=id)


def photo(home: Home, header: Header, payload: bytes) -> Frame:
  """The real photo of a scene.

  Raises:
    Refusal: where there is none.
  """
  image = home.shelf.read(header.get("id"), photo=True)["image"]
  if image is None:
    raise Refusal("none", "this scene has no photo", field="id")
  low_high = home.renderer.model.pictures.image_range
  shown = pictures.label_picture(image, np.zeros((0, 3), np.uint8), low_high)
  return {"type": "image/jpeg"}, _jpeg(to_image(shown))


def blank(home: Home, header: Header, payload: bytes) -> Frame:
  """A scene of one region, or a white picture.

  Raises:
    Refusal: for a size or a class that cannot be.
  """
  renderer = home.renderer
  height, width = fields.size_of(header)
  unit, least = renderer.unit, renderer.least
  for key, side in (("w", width), ("h", height)):
    if side % unit or side < least * unit:
      near = max(least, round(side / unit)) * unit
      raise Refusal(
        "size", f"{key} = {side} must be a multiple of {unit}, at least "
        f"{least * unit}", field=key, hint=f"take {near}",
      )  # fmt: skip
  spec, zeros = renderer.model.pictures, np.zeros((height, width), np.int32)
  example: Example = {"name": "blank", "instance": zeros}
  if not spec.num_classes:
    shape = height, width, spec.label_channels
    example["label"] = np.full(shape, 255, np.uint8)
    return frame_of(home, example)
  most = spec.num_classes - 1
  label = fields.integer_of(header, "label", 0, most, code="label", default=0)
  maps = zeros + np.int32(label)
  return frame_of(home, {**example, "label": maps, "instance": maps})
