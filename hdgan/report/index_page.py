"""`index.html` of a run: one static file that opens without a network.

It shows what lies in the run directory: `samples/<step>.png` and
`style_bank.html` (by relative links), `metrics.jsonl` as curves in SVG, and the
tables and the config that the caller gives.
"""

import html
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from hdgan import whole_files
from hdgan.report.curves import chart
from hdgan.report.log import read_metrics
from hdgan.report.meanings import meaning
from hdgan.report.pages import fill_page

# The script reloads a running page; this does where scripts are off.
_REFRESH = '<noscript><meta http-equiv="refresh" content="30"></noscript>'
# More classes than these are folded away.
_OPEN_CLASSES = 40
STYLES = "style_bank.html"
_NOT_CURVES = ("step", "epoch", "stage", "split")


def write_index(
  workdir: str | os.PathLike,
  *,
  title: str,
  status: str,
  running: bool,
  stages: Sequence[Mapping[str, Any]],
  boundaries: Sequence[tuple[int, str]],
  config: Mapping[str, Any] | str,
  parameters: Sequence[Mapping[str, Any]],
  data: Mapping[str, str],
  rows: Sequence[str],
  legend: Sequence[tuple[str, str]],
  gan: str,
) -> None:
  """Writes the page anew, whole or not at all.

  Args:
    workdir: the run directory.
    title: name of the run.
    status: one phrase, such as "running, step 300 of 900".
    running: True adds a reload each 30 seconds.
    stages: one row per stage, column heads as keys, those of the first row.
    boundaries: first step and name of each stage.
    config: the resolved config, nested or as text.
    parameters: one row per network, column heads as keys.
    data: what is trained on and what is held out, in words by heading.
    rows: titles of the samples' rows, the same at all steps.
    legend: colour, #rrggbb, and name of each class; () where there is none.
    gan: the adversarial loss, "lsgan" or "bce".
  """
  workdir = whole_files.path(workdir)
  if not isinstance(config, str):
    config = json.dumps(config, indent=2, default=str)
  page = fill_page(
    __file__,
    title=html.escape(title),
    status=html.escape(status),
    state="running" if running else "still",
    refresh=_REFRESH if running else "",
    samples=_samples(workdir, rows) + _styles(workdir),
    legend=_legend(legend),
    data=_facts(data),
    curves=_curves(read_metrics(workdir), boundaries, gan),
    stages=_table(stages),
    parameters=_table(parameters),
    config=html.escape(config),
  )
  whole_files.write_text(workdir / "index.html", page)


def _curves(
  lines: Sequence[Mapping[str, Any]],
  boundaries: Sequence[tuple[int, str]],
  gan: str,
) -> str:
  """One chart per number in metrics.jsonl, in order of appearance."""
  curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
  for line in lines:
    for name, value in line.items():
      if name not in _NOT_CURVES and isinstance(value, (int, float)):
        splits = curves.setdefault(name, {})
        split = line.get("split", "train")
        splits.setdefault(split, []).append((line["step"], value))
  if not curves:
    return "<p>No numbers yet.</p>"
  return "\n".join(
    f'<figure><div class="wide">{chart(name, splits, boundaries)}</div>'
    f"{_caption(meaning(name, splits, gan))}</figure>"
    for name, splits in curves.items()
  )


def _caption(text: str) -> str:
  return f"<figcaption>{html.escape(text)}</figcaption>" if text else ""


def _legend(legend: Sequence[tuple[str, str]]) -> str:
  """A chip for each class; very many are folded away."""
  if not legend:
    return ""
  chips = "\n".join(
    f'<li><i style="background:{color}"></i>{html.escape(name)}</li>'
    for color, name in legend
  )
  state = "" if len(legend) > _OPEN_CLASSES else " open"
  return (
    f"<details{state}><summary>Classes in the label's colours "
    f"({len(legend)})</summary>\n"
    f'<ul class="chips">{chips}</ul></details>'
  )


def _facts(facts: Mapping[str, str]) -> str:
  """Words by heading."""
  pairs = "\n".join(
    f"<dt>{html.escape(head)}</dt><dd>{html.escape(text)}</dd>"
    for head, text in facts.items()
  )
  return f"<dl>{pairs}</dl>"


def _samples(workdir: pathlib.Path, rows: Sequence[str]) -> str:
  """The newest sample, a slider and thumbnails to go back in time."""
  steps = sorted(
    int(path.stem)
    for path in (workdir / "samples").glob("*.png")
    if path.stem.isdecimal()
  )
  if not steps:
    return "<p>No samples yet.</p>"
  last = steps[-1]
  thumbnails = "\n".join(
    f'<a href="samples/{step}.png" data-step="{step}"><img loading="lazy" '
    f'src="samples/{step}.png" alt="Sample of step {step}">{step}</a>'
    for step in reversed(steps)
  )
  slider = (
    f'<input id="slider" type="range" min="0" max="{len(steps) - 1}" '
    f'value="{len(steps) - 1}" aria-label="Step of the sample">'
  )
  return (
    f'<figure class="sample"><a id="link" href="samples/{last}.png">'
    f'<img id="sample" src="samples/{last}.png" '
    f'alt="Sample grid of step {last}"></a>'
    f'<figcaption>Step <output id="step">{last}</output>{slider}</figcaption>'
    f"</figure>{_row_names(rows)}"
    f'\n<nav class="strip" aria-label="All samples">{thumbnails}</nav>'
  )


def _styles(workdir: pathlib.Path) -> str:
  """A link to the page of the style bank, once there is one."""
  if not (workdir / STYLES).is_file():
    return ""
  return f'<p><a href="{STYLES}">The styles of each class</a></p>'


def _row_names(rows: Sequence[str]) -> str:
  """The titles in words: in the picture they may be cut, and not be found."""
  names = "".join(f"<li>{html.escape(row)}</li>" for row in rows)
  return (
    f'<p class="rows" id="rows">Rows, from the top</p>\n'
    f'<ol class="rows" aria-labelledby="rows">{names}</ol>'
    if rows
    else ""
  )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
  if not rows:
    return "<p>None.</p>"

  def cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
      return f'<td class="number">{value:,}</td>'
    return f"<td>{html.escape(str(value))}</td>"

  heads = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in rows[0])
  body = "\n".join(
    "<tr>" + "".join(cell(row.get(head, "")) for head in rows[0]) + "</tr>"
    for row in rows
  )
  return (
    f'<div class="wide"><table><thead><tr>{heads}</tr></thead>'
    f"<tbody>{body}</tbody></table></div>"
  )
