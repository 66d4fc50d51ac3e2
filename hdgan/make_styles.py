"""The style bank of a run: every object of its data encoded and clustered."""

import pathlib

import jax
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.datasets import pipeline
from hdgan.errors import InputError
from hdgan.rendering import style_page
from hdgan.rendering.encode import encode_split, training_inputs
from hdgan.rendering.renderer import open_renderer, require_encoder
from hdgan.runs import directory
from hdgan.styles import bank as style_bank
from hdgan.styles.bank import StyleBank
from hdgan.styles.clusters import MIN_AREA, NUM_STYLES, find_styles


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  step: int | None,
  num_styles: int,
  min_area: float,
  style_seed: int | None,
) -> None:
  """Runs `--mode=styles`, its flags by name; see `make_styles`."""
  directory.check_own_config(workdir, config, "styles")
  make_styles(
    workdir, step, num_styles=num_styles, min_area=min_area,
    seed=style_seed or 0,
  )  # fmt: skip


def make_styles(
  workdir: pathlib.Path,
  step: int | None = None,
  *,
  num_styles: int = NUM_STYLES,
  min_area: float = MIN_AREA,
  seed: int = 0,
) -> StyleBank:
  """Encodes the training split, clusters it, writes the bank and its page.

  Args:
    workdir: of a run that was trained with E.
    step: of the checkpoint; None for the newest.
    num_styles: K, the most styles of a class.
    min_area: share of the picture that an object must exceed to count.
    seed: of K-means.

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
  renderer = open_renderer(workdir, step, use_bank=False)
  require_encoder(renderer, "--mode=styles")
  config = renderer.config
  data = pipeline.prepare(config)
  inputs = training_inputs(data, tuple(config.stages[0].size))
  objects = encode_split(renderer, inputs)
  styles = find_styles(
    objects.features, objects.labels, objects.areas,
    num_classes=max(1, config.num_classes), num_styles=num_styles,
    min_area=min_area, seed=seed,
  )  # fmt: skip
  encoder = jax.device_get(renderer.params["E"])
  about = {
    "format": style_bank.FORMAT,
    "encoder": style_bank.parameters_digest(encoder),
    "classes": renderer.class_names,
    "num_styles": num_styles,
    "min_area": min_area,
    "seed": seed,
    "step": renderer.step,
    "config": config_lib.public(config, keep_names=False),
    "names": list(inputs.names),
  }
  bank = StyleBank(styles, objects, about)
  # Every process has the whole bank; one writes it.
  if jax.process_index() == 0:
    style_bank.save(workdir, bank)
    for line in describe(bank):
      print(line)
    style_page.write(renderer, bank, training_inputs(data, renderer.size))
    print(f"{style_bank.FILE} and {style_page.FILE} written to {workdir}")
  return bank


def describe(bank: StyleBank) -> list[str]:
  """Says how many styles there are, and which classes have fewer and why."""
  styles, about = bank.styles, bank.about
  lines = [
    f"{len(bank.objects.labels)} objects of {len(about['names'])} pictures: "
    f"{len(styles.labels)} styles"
  ]
  share = f"{about['min_area']:.3g} of the picture"
  for label, name in enumerate(about["classes"]):
    have = int((styles.labels == label).sum())
    used = int(styles.counts[styles.labels == label].sum())
    total = int(styles.class_counts[label])
    if have < about["num_styles"] and total:
      lines.append(
        f"{name}: {have} styles rather than {about['num_styles']}: {used} of "
        f"its {total} objects cover more than {share} (--min_area)"
      )
  return lines
