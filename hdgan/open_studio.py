"""`--mode=studio`: the editor in the browser."""

import pathlib

from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory
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
  inputs = pipeline.synthesis_inputs(
    renderer.config, input or "val", stage_size=renderer.size, size="input",
    classes=renderer.classes,
  )  # fmt: skip
  serve(Studio(renderer, inputs, size), host, port)
