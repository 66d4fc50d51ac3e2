"""`export`: a scene as a zip that `--mode=synthesize` makes the photo of anew.

Nothing is written on the server: the zip is made in memory, which the size of
a scene bounds.
"""

import os
import shlex
from typing import Any

from hdgan.datasets.synthesis_inputs import SESSION
from hdgan.editing.operations import at_size, styles_of
from hdgan.editing.scene import Scene, open_scene
from hdgan.rendering.renderer import Renderer, to_levels
from hdgan.report import pictures
from hdgan.studio import bundle, generation, picture_frame
from hdgan.studio.desk import Frame
from hdgan.studio.fields import Header, seed_of
from hdgan.studio.generation import Made
from hdgan.studio.picture_frame import PictureScene
from hdgan.studio.scenes import Home
from hdgan.styles import file as style_file

MODULE = "python -m hdgan.main"


def export(home: Home, header: Header, payload: bytes) -> Frame:
  """The zip of a scene: maps, photo, styles, session; see `bundle`.

  Its photo is made by the path of `--mode=synthesize`, not of what the page
  shows, and equals what the session's command writes byte for byte.

  Raises:
    Refusal: for a scene that is none.
  """
  renderer, size = home.renderer, home.size
  scene = picture_frame.read(header, payload, renderer)
  seed, stem = seed_of(header), bundle.stem_of(scene.name)
  made = home.run(header, "export", lambda: make(scene, renderer, seed, size))
  members = _maps(scene, stem)
  levels = to_levels(made.fake, renderer.model.pictures.image_range)
  members[bundle.PHOTO] = pictures.png_bytes(levels)
  bank = renderer.bank.digest if renderer.bank is not None else ""
  if renderer.channels:
    about = {"map": stem, "step": renderer.step, "size": size}
    about |= {"bank": bank} if bank else {}
    text = style_file.to_text(made.pairs, made.styles, about)
    members[bundle.STYLES] = text.encode()
  session = {
    "version": bundle.VERSION,
    "maps": "ids",
    "kind": "picture" if isinstance(scene, PictureScene) else "classes",
    "name": scene.name,
    "seed": seed,
    "size": size,
    "step": renderer.step,
    "bank": bank,
    "run": os.path.basename(os.path.abspath(renderer.workdir)),
    "command": command(renderer, size, stem),
    "table": _table(scene),
  }
  members[SESSION] = bundle.session_text(session)
  told = {"name": f"{stem}.zip", "command": session["command"]}
  return told, bundle.pack(members)


def make(
  scene: Scene | PictureScene, renderer: Renderer, seed: int, size: str
) -> Made:
  """Makes the photo of a scene as whoever reads its maps makes it.

  Objects are numbered as the maps alone tell: the sums of a network could else
  be of another order.

  Args:
    scene: as the page has it.
    renderer: of the run.
    seed: draws the styles that the scene leaves open.
    size: "stage" or "input".
  """
  if isinstance(scene, PictureScene):
    return generation.make(scene, renderer, seed, size)
  shown = at_size(scene, renderer, size)
  maps = shown.label, shown.instance
  plain = open_scene(*maps, scene.classes, name=scene.name)
  if renderer.channels:
    _, pairs, styles = styles_of(shown, renderer, seed)
    known = dict(zip(map(tuple, pairs.tolist()), styles, strict=True))
    own = [known[one.label, one.instance] for one in plain.table]
    plain = open_scene(*maps, scene.classes, own, scene.name)
  return generation.make(plain, renderer, seed, "input")


def _maps(scene: Scene | PictureScene, stem: str) -> dict[str, bytes]:
  """The maps of a scene by their names in the zip."""
  if isinstance(scene, PictureScene):
    return {f"label/{stem}.png": pictures.png_bytes(scene.label)}
  members = {}
  for folder, ids in (("label", scene.label), ("inst", scene.instance)):
    data, ending = bundle.encode_ids(ids)
    members[f"{folder}/{stem}{ending}"] = data
  return members


def _table(scene: Scene | PictureScene) -> list[dict[str, Any]]:
  plain = scene.scene if isinstance(scene, PictureScene) else scene
  return [
    {"label": o.label, "instance": o.instance, "style": o.style}
    for o in plain.table
  ]


def command(renderer: Renderer, size: str, stem: str) -> str:
  """What makes the photo again, where the zip was unpacked to ./STEM."""
  words = [
    f"--workdir={renderer.workdir}", f"--step={renderer.step}",
    f"--size={size}", f"--input=./{stem}", f"--output={stem}_photo",
  ]  # fmt: skip
  if renderer.channels:
    words.append(f"--styles={stem}/{bundle.STYLES}")
  return " ".join([MODULE, "--mode=synthesize", *map(shlex.quote, words)])
