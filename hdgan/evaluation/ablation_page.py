"""`ablation.html`: the table of an ablation, and pictures side by side."""

import base64
import html
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from hdgan import whole_files
from hdgan.errors import counted, visible
from hdgan.evaluation import ablation
from hdgan.report.pages import fill_page

FILE = "ablation.html"
_WIDTH = 512  # Pixels of a picture on the page, at most.


class Row(NamedTuple):
  """One held-out map and what was made of it.

  Attributes:
    name: of the map.
    pictures: [H, W, 1 or 3] uint8 by what they are: the map, each variant's
      picture, the photo.
  """

  name: str
  pictures: Mapping[str, np.ndarray]


def write(
  path: pathlib.Path, document: Mapping[str, Any], shown: Sequence[Row]
) -> None:
  """Writes the page, whole or not at all.

  Args:
    path: of the page.
    document: what ablation.json holds.
    shown: the same maps for all variants.
  """
  data, variants = document["data"], document["variants"]
  seeds = max(len(one["runs"]) for one in variants.values())
  page = fill_page(
    __file__,
    title=_text(document["config"]),
    status=f"{counted(len(variants), 'variant')}, {counted(seeds, 'seed')}, "
    f"judged on {counted(data['n'], 'picture')} of {_text(data['split'])}",
    notes="".join(f"<p>{_text(x)}</p>" for x in document["warnings"]),
    table=_table(ablation.rows(document)),
    variants="\n".join(
      f"<dt>{_text(name)}</dt><dd>{_fields(one['fields'])}</dd>"
      for name, one in variants.items()
    ),
    pictures="\n".join(map(_pictures, shown)),
  )
  whole_files.write_text(path, page)


def _text(words: str) -> str:
  return html.escape(visible(words))


def _table(rows: Sequence[Sequence[str]]) -> str:
  head, *body = rows
  lines = ["<tr>" + "".join(f"<th>{_text(x)}</th>" for x in head) + "</tr>"]
  for row in body:
    cells = "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
    lines.append(f"<tr><th>{_text(row[0])}</th>{cells}</tr>")
  return "\n".join(lines)


def _fields(fields: Mapping[str, Any]) -> str:
  """What a variant changes in the common config."""
  if not fields:
    return "the common config as it is"
  return ", ".join(
    f"<code>{_text(f'{name}={value}')}</code>" for name, value in fields.items()
  )


def _pictures(row: Row) -> str:
  figures = "".join(
    f'<figure><img src="{_image(picture)}" alt="{_text(name)}">'
    f"<figcaption>{_text(name)}</figcaption></figure>"
    for name, picture in row.pictures.items()
  )
  return f'<h3>{_text(row.name)}</h3>\n<div class="panels">{figures}</div>'


def _image(picture: np.ndarray) -> str:
  """A picture as a data URL, reduced where it is wide."""
  shown = Image.fromarray(
    picture[..., 0] if picture.shape[-1] == 1 else picture[..., :3]
  )
  shown.thumbnail((_WIDTH, _WIDTH))
  file = io.BytesIO()
  shown.save(file, "JPEG", quality=92)
  return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
