"""`export`: a scene as a zip that `--mode=synthesize` makes the photo of anew.

Nothing is written on the server: the zip is made in memory, which the size of
a scene bounds.
"""

import os
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdgan.datasets.synthesis_inputs import SESSION
from hdgan.editing.operations import at_size, styles_of
from hdgan.editing.scene import Scene, open_scene
from hdgan.errors import shown
from hdgan.rendering.renderer import Renderer, to_levels
from hdgan.report import pictures
from hdgan.studio import bundle, scene_frame
from hdgan.studio.refusal import Refusal
from hdgan.studio.scenes import Frame, Home
from hdgan.styles import file as style_file

MODULE = "python -m hdgan.main"


def export(home: Home, header: Mapping[str, Any], payload: bytes) -> Frame:
  """The zip of a scene: maps, photo, styles, session; see `bundle`.

  Its photo is made by the path of `--mode=synthesize`, not of what the page
  shows, and equals what the session's command writes byte for byte.

  Raises:
    Refusal: for a scene that is none.
  """
  renderer, size = home.renderer, home.size
  scene = scene_frame.to_scene(header, payload, renderer)
  seed = seed_of(header)
  stem = bundle.stem_of(scene.name)
  photo, pairs, styles = home.run(
    header, "export", lambda: photo_of(scene, renderer, seed, size)
  )
  members = {}
  for folder, ids in (("label", scene.label), ("inst", scene.instance)):
    data, ending = bundle.encode_ids(ids)
    members[f"{folder}/{stem}{ending}"] = data
  members[bundle.PHOTO] = photo
  if renderer.channels:
    about = {"map": stem, "step": renderer.step, "size": size}
    if renderer.bank is not None:
      about["bank"] = renderer.bank.digest
    text = style_file.to_text(pairs, styles, about)
    members[bundle.STYLES] = text.encode()
  height, width = scene.objects.shape
  session = {
    "version": bundle.VERSION,
    "maps": "ids",
    "kind": "classes",
    "name": scene.name,
    "w": width,
    "h": height,
    "seed": seed,
    "size": size,
    "step": renderer.step,
    "bank": renderer.bank.digest if renderer.bank is not None else "",
    "run": os.path.basename(os.path.abspath(renderer.workdir)),
    "command": command(renderer, size, stem),
    "table": [
      {"label": o.label, "instance": o.instance, "style": o.style}
      for o in scene.table
    ],
  }
  members[SESSION] = bundle.session_text(session)
  return {"name": f"{stem}.zip"}, bundle.pack(members)


def photo_of(
  scene: Scene, renderer: Renderer, seed: int, size: str
) -> tuple[bytes, np.ndarray, tuple[style_file.Style, ...]]:
  """Makes the photo as `--mode=synthesize` does, of the maps alone.

  Args:
    scene: to be made.
    renderer: of the run.
    seed: draws the styles that the scene leaves open.
    size: "stage" or "input".

  Returns:
    A PNG; pairs [N, 2] of label and instance id of the objects that are seen
    at this size, and their styles; none for a model without E.
  """
  shown = at_size(scene, renderer, size)
  label, instance = shown.label, shown.instance
  if not renderer.channels:
    fake = renderer(label, instance)
    pairs, styles = np.zeros((0, 2), np.int64), tuple[style_file.Style, ...]()
  else:
    _, pairs, chosen = styles_of(shown, renderer, seed)
    known = dict(zip(map(tuple, pairs.tolist()), chosen, strict=True))
    # Numbered as the maps alone tell, so that sums are of the same order.
    bare = open_scene(label, instance, scene.classes, name=scene.name)
    own = [known[one.label, one.instance] for one in bare.table]
    bare = open_scene(label, instance, scene.classes, own, scene.name)
    table, pairs, styles = styles_of(bare, renderer, seed)
    fake = renderer(label, instance, bare.objects, table)
  levels = to_levels(fake, renderer.model.pictures.image_range)
  return pictures.png_bytes(levels), pairs, styles


def command(renderer: Renderer, size: str, stem: str) -> str:
  """What makes the photo again, where the zip was unpacked to ./STEM."""
  words = [
    f"--workdir={renderer.workdir}", f"--step={renderer.step}",
    f"--size={size}", f"--input=./{stem}", f"--output={stem}_photo",
  ]  # fmt: skip
  if renderer.channels:
    words.append(f"--styles={stem}/{bundle.STYLES}")
  return " ".join([MODULE, "--mode=synthesize", *map(shlex.quote, words)])


def seed_of(header: Mapping[str, Any]) -> int:
  """The seed of a scene.

  Raises:
    Refusal: for what is none.
  """
  seed = header.get("seed", 0)
  if type(seed) is not int or not 0 <= seed < 2**53:
    raise Refusal(
      "seed", f"seed = {shown(seed)} must be 0 or more", field="seed"
    )
  return seed
