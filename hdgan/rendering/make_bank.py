"""Makes the style bank of a trained run: E on all its photos, clustered."""

import jax

from hdgan import config as config_lib
from hdgan.datasets.prepared import Prepared
from hdgan.devices import processes
from hdgan.errors import counted
from hdgan.rendering import style_page
from hdgan.rendering.encode import encode_split, training_inputs
from hdgan.rendering.renderer import Renderer
from hdgan.styles import bank as style_bank
from hdgan.styles.bank import StyleBank
from hdgan.styles.clusters import MIN_AREA, NUM_STYLES, find_styles


def make_bank(
  renderer: Renderer,
  data: Prepared,
  *,
  num_styles: int = NUM_STYLES,
  min_area: float = MIN_AREA,
  seed: int = 0,
  keep_old: bool = False,
) -> StyleBank:
  """Encodes the training split, clusters it, writes the bank and its page.

  Args:
    renderer: of the run, with E's parameters.
    data: that the run was trained on.
    num_styles: K, the most styles of a class.
    min_area: share of the picture that an object must exceed to count.
    seed: of K-means.
    keep_old: whether a bank that is there is moved aside rather than replaced.

  Returns:
    The bank.
  """
  config = renderer.config
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
  if processes.first():
    workdir = renderer.workdir
    for kept in style_bank.move_aside(workdir) if keep_old else ():
      print(f"{kept}: of another E, moved aside")
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
    f"{counted(len(bank.objects.labels), 'object')} of "
    f"{counted(len(about['names']), 'picture')}: "
    f"{counted(len(styles.labels), 'style')}"
  ]
  share = f"{about['min_area']:.3g} of the picture"
  for label, name in enumerate(about["classes"]):
    have = int((styles.labels == label).sum())
    used = int(styles.counts[styles.labels == label].sum())
    total = int(styles.class_counts[label])
    if have < about["num_styles"] and total:
      lines.append(
        f"{name}: {counted(have, 'style')} rather than {about['num_styles']}; "
        f"objects that cover more than {share} (--min_area): {used} of {total}"
      )
  return lines
