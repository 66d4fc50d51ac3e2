"""`--mode=studio`: the editor in the browser."""

import pathlib

from ml_collections import ConfigDict

from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory
from hdgan.studio import scenes
from hdgan.studio.server import serve
from hdgan.studio.studio import Studio


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  step: int | None,
  size: str,
  host: str,
  port: int,
) -> None:
  """Runs `--mode=studio`, its flags by name."""
  config = directory.own_config(workdir, config, "studio")
  renderer = open_renderer(workdir, step, config=config)
  shelf = scenes.find(renderer, input)
  serve(Studio(renderer, shelf, size), host, port)
