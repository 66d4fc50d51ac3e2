"""The style bank of a run: every object of its data encoded and clustered."""

import pathlib

from ml_collections import ConfigDict

from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.rendering.make_bank import make_bank
from hdgan.rendering.renderer import open_renderer, require_encoder
from hdgan.runs import directory
from hdgan.styles.bank import StyleBank
from hdgan.styles.clusters import MIN_AREA, NUM_STYLES


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  step: int | None,
  num_styles: int,
  min_area: float,
  style_seed: int | None,
) -> None:
  """Runs `--mode=styles`, its flags by name; see `make_styles`."""
  config = directory.own_config(workdir, config, "styles")
  make_styles(
    workdir, step, num_styles=num_styles, min_area=min_area,
    seed=style_seed or 0, config=config,
  )  # fmt: skip


def make_styles(
  workdir: pathlib.Path,
  step: int | None = None,
  *,
  num_styles: int = NUM_STYLES,
  min_area: float = MIN_AREA,
  seed: int = 0,
  config: ConfigDict | None = None,
) -> StyleBank:
  """Encodes the training split, clusters it, writes the bank and its page.

  Args:
    workdir: of a run that was trained with E.
    step: of the checkpoint; None for the newest.
    num_styles: K, the most styles of a class.
    min_area: share of the picture that an object must exceed to count.
    seed: of K-means.
    config: see `open_renderer`.

  Returns:
    The bank.

  Raises:
    InputError: for a run without E, or numbers out of range.
  """
  if num_styles < 1:
    raise InputError(f"--num_styles={num_styles} must be at least 1")
  if not 0 <= min_area < 1:
    raise InputError(
      f"--min_area={min_area} is a share of the picture: 0 or more, below 1"
    )
  if seed < 0:
    raise InputError(f"--style_seed={seed} must be at least 0")
  renderer = open_renderer(workdir, step, use_bank=False, config=config)
  require_encoder(renderer, "--mode=styles")
  data = pipeline.prepare(renderer.config)
  return make_bank(
    renderer, data, num_styles=num_styles, min_area=min_area, seed=seed
  )
