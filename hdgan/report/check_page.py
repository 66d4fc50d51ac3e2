"""`check.html`: what a check found, with pictures; it opens without a network.

Pictures are shown as training will see them, at the largest stage's size, so
that what is cut, squashed or lost by scaling is seen too.
"""

import base64
import html
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from hdgan import whole_files
from hdgan.datasets import files
from hdgan.datasets.examples import ExampleFiles, Found
from hdgan.datasets.reading import decode, place, reading_of
from hdgan.datasets.survey import Survey
from hdgan.datasets.transforms import centre_placement, dense_objects
from hdgan.errors import InputError, visible
from hdgan.report.check_report import (
  CheckReport,
  Table,
  class_table,
  command_text,
  stage_of,
  unseen,
)
from hdgan.report.object_map import with_borders
from hdgan.report.pages import fill_page
from hdgan.report.pictures import class_colors, label_picture, to_uint8

_WIDTH = 620  # Pixels of a picture on the page.
_MOST_UNSEEN = 200


def write_page(
  path: pathlib.Path,
  report: CheckReport,
  config: ConfigDict,
  *,
  found: Found,
  survey: Survey,
) -> pathlib.Path:
  """Writes the page, whole or not at all, and makes its folder.

  Args:
    path: of the page.
    report: what it tells.
    config: that the files were checked by.
    found: the files.
    survey: which examples to show.

  Returns:
    The path.
  """
  page = fill_page(
    __file__,
    title=html.escape(visible(report.title)),
    status=report.verdict,
    state="wrong" if report.faults else "right",
    faults=_lines("Faults", report.faults),
    facts=_facts(report.facts),
    notes=_lines("Notes", report.notes),
    classes=_classes(report, found),
    sizes=_table(report.sizes),
    pictures=_pictures(config, found, survey),
    command=_command(report.command),
  )
  path.parent.mkdir(parents=True, exist_ok=True)
  whole_files.write_text(path, page)
  return path


def _lines(title: str, lines: Sequence[str]) -> str:
  """A list under a heading, '' without any."""
  if not lines:
    return ""
  items = "\n".join(f"<li>{html.escape(visible(line))}</li>" for line in lines)
  return f'<h2>{title}</h2>\n<ul class="{title.lower()}">{items}</ul>'


def _facts(facts: Mapping[str, str]) -> str:
  pairs = "\n".join(
    f"<dt>{html.escape(head)}</dt><dd>{html.escape(visible(text))}</dd>"
    for head, text in facts.items()
  )
  return f"<dl>{pairs}</dl>"


def _classes(report: CheckReport, found: Found) -> str:
  """The table, with a colour and a bar for each class."""
  if not report.classes:
    return ""
  most = max(row.share for row in report.classes)
  marks = [f'<i style="background:{row.color}"></i>' for row in report.classes]
  bars = [
    f'<b style="width:{100 * row.share / most:.2f}%;background:{row.color}">'
    "</b>"
    for row in report.classes
  ]
  missing = unseen(report, found)
  more = ""
  if missing:
    names = html.escape(", ".join(missing[:_MOST_UNSEEN]))
    more = (
      f"<details><summary>In no picture ({len(missing)})</summary>"
      f"<p>{names}</p></details>"
    )
  return f"<h2>Classes</h2>\n{_table(class_table(report), marks, bars)}{more}"


def _table(
  table: Table, marks: Sequence[str] = (), bars: Sequence[str] = ()
) -> str:
  """A table; marks stand before the second column, bars behind the last."""
  if not table.rows:
    return ""

  def line(cells: Sequence[str], tag: str, row: int) -> str:
    parts = []
    for k, cell in enumerate(cells):
      kind = ' class="number"' if k in table.numbers else ""
      mark = marks[row] if marks and k == 1 and row >= 0 else ""
      parts.append(f"<{tag}{kind}>{mark}{html.escape(cell)}</{tag}>")
    if bars:
      bar = bars[row] if row >= 0 else ""
      parts.append(f'<{tag} class="bar">{bar}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"

  body = "\n".join(line(row, "td", i) for i, row in enumerate(table.rows))
  return (
    f'<div class="wide"><table><thead>{line(table.heads, "th", -1)}</thead>'
    f"<tbody>{body}</tbody></table></div>"
  )


def _command(command: Sequence[str]) -> str:
  if not command:
    return ""
  text = html.escape(command_text(command, 100))
  return f"<h2>Train on it with</h2>\n<pre>{text}</pre>"


def examples_to_show(
  survey: Survey, found: Found
) -> list[tuple[str, ExampleFiles]]:
  """A handful of examples, each with why it is shown.

  Args:
    survey: of all examples.
    found: for the names of classes.

  Returns:
    The first of each split, the one with the most objects, those that show
    most of the two rarest classes; none twice.
  """
  wanted: list[tuple[str, ExampleFiles]] = [
    (f"the first of {split}", example)
    for split, example in survey.first.items()
  ]
  most, fullest = survey.fullest
  if fullest is not None:
    wanted.insert(1, (f"the most objects, {most}", fullest))
  names = {entry["id"]: visible(entry["name"]) for entry in found.classes}
  rare = sorted(
    survey.shows.keys() & names.keys(),
    key=lambda value: (survey.pictures[value], survey.pixels[value]),
  )
  for value in rare[:2]:
    share, example = survey.shows[value]
    wanted.append(
      (
        f"most of the rare class {names[value]}: {100 * share:.2g} % of it",
        example,
      )
    )
  reasons: dict[str, tuple[list[str], ExampleFiles]] = {}
  for why, example in wanted:
    reasons.setdefault(example.label.name, ([], example))[0].append(why)
  return [("; ".join(whys), example) for whys, example in reasons.values()]


def _pictures(config: ConfigDict, found: Found, survey: Survey) -> str:
  """Photo, map, outlines and boundary of a handful of examples."""
  blocks = []
  for why, example in examples_to_show(survey, found):
    if example.image is None:
      continue
    try:
      panels = draw(example, config, found)
    except (InputError, OSError):
      continue  # What is wrong with it is among the faults.
    cells = "\n".join(
      f"<figure>{_image(picture, title)}<figcaption>{html.escape(title)}"
      "</figcaption></figure>"
      for title, picture in panels.items()
    )
    name = html.escape(example.label.name)
    blocks.append(
      f"<h3>{name} <span>{html.escape(why)}</span></h3>\n"
      f'<div class="panels">{cells}</div>'
    )
  if not blocks:
    return ""
  stage = stage_of(config)
  where = (
    f"As training sees them at the stage {stage.name}, "
    f"{stage.size[0]}x{stage.size[1]} (height x width), not mirrored."
  )
  if config.data.transform != "resize":
    where += " Where it cuts at random, the middle is shown."
  return f"<h2>Pictures</h2>\n<p>{html.escape(where)}</p>\n" + "\n".join(blocks)


def draw(
  example: ExampleFiles, config: ConfigDict, found: Found
) -> dict[str, np.ndarray]:
  """The pictures of one example at the largest stage's size.

  Args:
    example: its files.
    config: how they are read.
    found: with the classes' colours.

  Returns:
    By title [H, W, 1 or 3] uint8: the photo, the map in its colours, the
    objects' outlines on the photo, and the boundary that G is fed.

  Raises:
    InputError: if a file cannot be read, or is too small to be cut.
  """
  reading, stage = reading_of(config), stage_of(config)
  encoded = {
    key: files.checked(value, example.stem) if key != "name" else value
    for key, value in example.read().items()
    if value or key == "instance"
  }
  arrays = decode(encoded, reading)
  geometry = reading.geometry(stage.size)
  placement = centre_placement(arrays["image"].shape[:2], geometry)
  if placement.top < 0 or placement.left < 0:
    raise InputError(f"{example.stem}: too small")
  arrays = place(arrays, placement, objects=False)
  label, instance = arrays["label"], arrays["instance"]
  spec = reading.pictures
  low, high = spec.image_range
  photo = arrays["image"].astype(np.float32)
  photo = to_uint8((photo - low) * (2 / (high - low)) - 1)
  shown = label_picture(
    np.where(label == spec.ignore_label, -1, label)
    if spec.num_classes and spec.ignore_label >= 0
    else label,
    class_colors(found.classes, spec.num_classes),
    spec.label_range,
  )
  title = "label map" if not spec.num_classes else "classes in their colours"
  panels = {"photo": photo, title: shown}
  if spec.num_classes or example.instance is not None:
    objects, pairs = dense_objects(label, instance)
    # Half as bright, so that lines are seen on any photo.
    dim = np.broadcast_to(photo, (*objects.shape, 3)) // 2
    count = len(pairs)
    panels[f"outlines of {count} objects"] = with_borders(dim, objects)
    fed = "as G is fed it" if config.boundary else "G is not fed it"
    panels[f"boundary, {fed}"] = 255 * boundary(instance)[..., None]
  return panels


def boundary(instance: np.ndarray) -> np.ndarray:
  """Marks pixels with another instance id among their 4 neighbours.

  Args:
    instance: [H, W] integer ids.

  Returns:
    [H, W] uint8, 1 at boundaries and 0 elsewhere, as `networks` has it.
  """
  edges = np.zeros(instance.shape, np.uint8)
  # Once by rows, once by columns: views of the same pixels.
  for marks, ids in ((edges, instance), (edges.T, instance.T)):
    differs = ids[:-1] != ids[1:]
    marks[:-1] |= differs
    marks[1:] |= differs
  return edges


def _image(picture: np.ndarray, title: str) -> str:
  """A picture inside the page; photos as JPEG, which is a tenth of the size."""
  image = Image.fromarray(
    picture[..., 0] if picture.shape[-1] == 1 else picture
  )
  if image.width > _WIDTH:
    # Of thin lines the mean is kept.
    height = max(1, round(image.height * _WIDTH / image.width))
    image = image.resize((_WIDTH, height), Image.Resampling.BOX)
  photo = title == "photo" or title.startswith("outlines")
  format, buffer = ("JPEG", io.BytesIO()) if photo else ("PNG", io.BytesIO())
  image.save(buffer, format, **({"quality": 88} if photo else {}))
  data = base64.b64encode(buffer.getvalue()).decode()
  return (
    f'<img alt="{html.escape(title)}" width="{image.width}" '
    f'height="{image.height}" '
    f'src="data:image/{format.lower()};base64,{data}">'
  )
