"""`style_bank.html`: what each style looks like, in one file without a network.

Per class the K styles, each rendered for all objects of the class in one
training picture while everything else keeps its own features, and beside it
real objects nearest to the centre.
"""

import base64
import html
import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from hdgan.datasets import prepared
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects, label_plane
from hdgan.errors import counted
from hdgan.rendering import thumbnails
from hdgan.rendering.outputs import photo_picture
from hdgan.rendering.renderer import Renderer
from hdgan.report import index_page, pictures
from hdgan.report.pages import fill_page
from hdgan.styles.bank import StyleBank
from hdgan.styles.choice import Chooser, photo_table
from hdgan.whole_files import write_text

FILE = index_page.STYLES
REAL_OBJECTS = 4
THUMBNAIL = 144  # Pixels of the longer side.

Box = tuple[int, int, int, int]


def crop_box(mask: np.ndarray, least: float = 0.25) -> Box:
  """A window around an object, with room on all sides.

  Args:
    mask: [H, W] bool, with at least one pixel.
    least: smallest share of the picture's height and width.

  Returns:
    top, left, bottom, right inside the picture.
  """
  sides = []
  for axis in (1, 0):
    there = np.flatnonzero(mask.any(axis=axis))
    low, high, full = there[0], there[-1] + 1, mask.shape[1 - axis]
    size = min(full, max(1.5 * (high - low), least * full))
    start = int(np.clip((low + high - size) / 2, 0, full - size))
    sides.append((start, int(np.ceil(start + size))))
  (top, bottom), (left, right) = sides
  return top, left, min(bottom, mask.shape[0]), min(right, mask.shape[1])


def thumbnail(picture: np.ndarray, box: Box, side: int = THUMBNAIL) -> str:
  """Cuts a window out of [H, W, 1 or 3] uint8 and makes it a data URL."""
  top, left, bottom, right = box
  window = picture[top:bottom, left:right]
  image = Image.fromarray(
    window[..., 0] if window.shape[-1] == 1 else window
  ).convert("RGB")
  scale = side / max(image.size)
  size = [max(1, round(n * scale)) for n in image.size]
  way = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
  out = io.BytesIO()
  image.resize(size, way).save(out, "JPEG", quality=88)
  return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def largest(bank: StyleBank, label: int) -> int:
  """Index of the largest object of a class; the first one of equals."""
  rows = np.flatnonzero(bank.objects.labels == label)
  return int(rows[np.argmax(bank.objects.areas[rows])])


def render_class(
  renderer: Renderer, bank: StyleBank, inputs: SynthesisInputs, label: int
) -> Iterator[tuple[np.ndarray, Box]]:
  """Renders every style of a class on the picture with its largest object.

  Args:
    renderer: of the run.
    bank: its styles.
    inputs: the training split at the stage's size.
    label: class id; it has styles.

  Yields:
    [H, W, 1 or 3] uint8, and the window around the object; first of the real
    photo, then of each style.
  """
  shown = largest(bank, label)
  which = int(bank.objects.picture_ids[shown])
  example = inputs[which]
  own = bank.objects.picture_ids == which
  pairs = np.stack(
    [bank.objects.labels[own], bank.objects.instances[own]], axis=-1
  )
  photo = photo_table(
    bank.objects.features[own], pairs, bank.objects.areas[own]
  )
  maps = example["label"], example["instance"]
  objects, pairs = dense_objects(*maps)
  chooser = Chooser(
    renderer.class_names, renderer.channels, bank=bank, photo=photo
  )
  table = chooser.choose(pairs, example["name"]).table
  row = (pairs[:, 0] == label) & (pairs[:, 1] == bank.objects.instances[shown])
  # At the stage's size the object may differ by a pixel, but it is there.
  mask = objects == np.flatnonzero(row)[0] if row.any() else objects >= 0
  box = crop_box(mask)
  yield photo_picture(renderer, example["image"]), box
  for center in bank.styles.of_class(label):
    styled = np.where((pairs[:, 0] == label)[:, None], center, table)
    yield pictures.to_uint8(renderer(*maps, objects, styled)), box


def real_objects(
  renderer: Renderer, bank: StyleBank, inputs: SynthesisInputs
) -> dict[tuple[int, int], list[tuple[str, str]]]:
  """Cuts the real objects nearest to every centre out of their photos.

  Returns:
    By class and style: data URL and title of each, the nearest first.
  """
  wanted = {}
  for label in np.unique(bank.styles.labels).tolist():
    for k in range(len(bank.styles.of_class(label))):
      wanted[label, k] = bank.nearest(label, k, REAL_OBJECTS).tolist()
  found: dict[int, tuple[str, str]] = {}
  rows = sorted({i for rows in wanted.values() for i in rows})
  # Picture by picture, so that each is read once.
  rows.sort(key=lambda i: bank.objects.picture_ids[i])
  seen, example, photo = -1, {}, np.zeros(0)
  for i in rows:
    picture, id = (
      int(bank.objects.picture_ids[i]),
      int(bank.objects.instances[i]),
    )
    if picture != seen:
      example, seen = inputs[picture], picture
      photo = photo_picture(renderer, example["image"])
    plane = label_plane(example["label"], example["instance"])
    mask = (plane == bank.objects.labels[i]) & (example["instance"] == id)
    if mask.any():
      box = crop_box(mask, 0.05)
      title = f"{example['name']}, object {id % 2**32}"
      found[i] = thumbnail(photo, box, THUMBNAIL // 2), title
  return {
    key: [found[i] for i in rows if i in found] for key, rows in wanted.items()
  }


def write(renderer: Renderer, bank: StyleBank, inputs: SynthesisInputs) -> None:
  """Renders and writes the page into the run directory, as a whole.

  The thumbnails that the studio shows are made of the same pictures.

  Args:
    renderer: of the run.
    bank: its styles.
    inputs: the training split at the stage's size.
  """
  tell = prepared.progress_line("rendering styles")
  real = real_objects(renderer, bank, inputs)
  sections, done = [], 0
  squares: dict[int, list[Image.Image]] = {}
  for label, name in enumerate(bank.about["classes"]):
    count = len(bank.styles.of_class(label))
    total = int(bank.styles.class_counts[label])
    counts = bank.styles.counts[bank.styles.labels == label]
    head = (
      f"<h2>{html.escape(name)} <small>class {label}, "
      f"{counted(count, 'style')} of {counted(int(counts.sum()), 'object')} "
      f"({total} in all)</small></h2>"
    )
    if not count:
      what = "mean of their class" if total else "mean of all objects"
      sections.append(f"{head}<p>No styles; objects take the {what}.</p>")
      continue
    cards = []
    renders = render_class(renderer, bank, inputs, label)
    photo, box = next(renders)
    cards.append(_card("real photo", thumbnail(photo, box), ()))
    for k, (picture, box) in enumerate(renders):
      title = f"style {k} <small>{counted(int(counts[k]), 'object')}</small>"
      cards.append(_card(title, thumbnail(picture, box), real[label, k]))
      squares.setdefault(label, []).append(thumbnails.square(picture, box))
      done += 1
      tell(done, len(bank.styles.labels))
    sections.append(f"{head}<div class=row>{''.join(cards)}</div>")
  page = fill_page(
    __file__,
    title=html.escape(renderer.workdir.resolve().name),
    about=html.escape(
      f"Step {bank.about['step']}, at most "
      f"{counted(bank.about['num_styles'], 'style')} per class, "
      f"objects above {bank.about['min_area']:.4g} of the picture, bank "
      f" {bank.digest[:12]}"
    ),
    sections="".join(sections),
  )
  thumbnails.write(renderer.workdir, bank.digest, squares)
  write_text(renderer.workdir / FILE, page)


def _card(title: str, picture: str, real: Sequence[tuple[str, str]]) -> str:
  """One style: its thumbnail, and small ones of real objects."""
  small = "".join(
    f'<img src="{url}" alt="{html.escape(text)}" title="{html.escape(text)}">'
    for url, text in real
  )
  return (
    f'<figure><img src="{picture}" alt=""><figcaption>{title}</figcaption>'
    f"<div class=real>{small}</div></figure>"
  )
