"""Pieces of pages about evaluations: tables, bars, heat tables, pictures."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from hdgan.errors import visible
from hdgan.evaluation.evaluation_text import percent

_WIDTH = 360  # Pixels of a picture on the page.


def text(value: object) -> str:
  """A text for HTML."""
  return html.escape(visible(str(value)))


def table(
  heads: Sequence[str],
  rows: Sequence[Sequence[str]],
  numbers: Sequence[int] = (),
  kinds: Sequence[str] = (),
) -> str:
  """A table.

  Args:
    heads: texts of the columns.
    rows: cells of HTML.
    numbers: columns that end at the right.
    kinds: a class of the style sheet per row; none by default.
  """
  aside = ['"number"' if k in numbers else '""' for k in range(len(heads))]
  head = "".join(
    f"<th class={kind}>{text(cell)}</th>"
    for kind, cell in zip(aside, heads, strict=True)
  )
  lines = [
    f'<tr class="{kinds[i] if kinds else ""}">'
    + "".join(
      f"<td class={kind}>{cell}</td>"
      for kind, cell in zip(aside, row, strict=True)
    )
    + "</tr>"
    for i, row in enumerate(rows)
  ]
  body = "\n".join(lines)
  return (
    f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
    f"<tbody>{body}</tbody></table></div>"
  )


def facts(pairs: Mapping[str, str]) -> str:
  """A list of names and what they are."""
  cells = "".join(
    f"<dt>{text(name)}</dt><dd>{text(value)}</dd>"
    for name, value in pairs.items()
  )
  return f"<dl>{cells}</dl>"


def class_bars(
  rows: Sequence[Mapping[str, Any]], colors: np.ndarray, has_oracle: bool
) -> str:
  """IoU of each class as a bar in its colour, and a mark for the photos'.

  Args:
    rows: `per_class` of evaluation.json; those without pixels are left out.
    colors: [N, 3] uint8.
    has_oracle: whether photos were labelled.
  """
  lines = []
  for row, color in zip(rows, colors, strict=True):
    iou, oracle = row["iou"], row.get("oracle_iou")
    if not row["share"] and iou is None:
      continue
    tint = f"#{bytes(color).hex()}"
    bar = f'<b style="width:{100 * (iou or 0):.2f}%;background:{tint}"></b>'
    if has_oracle and oracle is not None:
      bar += f'<i style="left:{100 * oracle:.2f}%"></i>'
    told = f"{percent(iou)}"
    if has_oracle:
      told += f" <small>of {percent(oracle)}</small>"
    lines.append(
      f'<span><em style="background:{tint}"></em>{text(row["name"])}</span>'
      f'<span class="soft">{percent(row["share"])}</span>'
      f'<span class="bar">{bar}</span><span>{told}</span>'
    )
  return f'<div class="bars">{"".join(lines)}</div>'


def heat_table(matrix: np.ndarray, names: Sequence[str], void: str) -> str:
  """A confusion matrix: of each true class, how much is seen as which.

  Args:
    matrix: [N + 1, N + 1] counts by truth and answer; the last row is void, the
      last column answers that are no class.
    names: of the N classes.
    void: what the last row is called.

  Returns:
    A table; rows and columns without any pixel are left out.
  """
  rows = np.flatnonzero(matrix.sum(1))
  columns = np.flatnonzero(matrix.sum(0))
  of_rows, of_columns = [*names, void], [*names, "no class"]
  heads = "".join(
    f"<th><span>{text(of_columns[j])}</span></th>" for j in columns
  )
  lines = []
  for i in rows:
    shares = matrix[i] / matrix[i].sum()
    cells = []
    for j in columns:
      share = float(shares[j])
      tip = f"{of_rows[i]} seen as {of_columns[j]}: {100 * share:.2f} %"
      cells.append(
        f'<td title="{text(tip)}" style="--a:{share:.3f}"'
        f"{_kind(int(i), int(j), len(names))}>{_brief(share)}</td>"
      )
    lines.append(f"<tr><th>{text(of_rows[i])}</th>{''.join(cells)}</tr>")
  return (
    f'<div class="wide"><table class="heat"><thead><tr><th></th>{heads}</tr>'
    f"</thead><tbody>{''.join(lines)}</tbody></table></div>"
  )


def _kind(i: int, j: int, count: int) -> str:
  """Of a cell: right, of void, where nothing is right or wrong, or wrong."""
  if i == count:
    return " class=void"
  return " class=right" if i == j else ""


def _brief(share: float) -> str:
  """A share in whole percent; nothing of less than a half."""
  return f"{100 * share:.0f}" if share >= 0.005 else ""


def picture(array: np.ndarray, title: str) -> str:
  """A picture inside the page with its title below.

  Args:
    array: [H, W, 1 or 3] uint8 photos, which become JPEGs, or [H, W, 3] maps in
      few colours, which become PNGs of a palette.
    title: below it.
  """
  image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
  few = image.convert("RGB").getcolors(256) is not None
  size = (_WIDTH, max(1, round(image.height * _WIDTH / image.width)))
  if image.width > _WIDTH:
    ways = Image.Resampling
    image = image.resize(size, ways.NEAREST if few else ways.BOX)
  buffer = io.BytesIO()
  if few:
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(
      buffer, "PNG", optimize=True
    )
  else:
    image.save(buffer, "JPEG", quality=88)
  data = base64.b64encode(buffer.getvalue()).decode()
  kind = "png" if few else "jpeg"
  sharp = ' class="sharp"' if few else ""
  return (
    f'<figure><img{sharp} alt="{text(title)}" width="{image.width}" '
    f'height="{image.height}" src="data:image/{kind};base64,{data}">'
    f"<figcaption>{text(title)}</figcaption></figure>"
  )
