"""`plan.html`: a bar for each stage against the memory of a device."""

import html
from typing import Any

from hdgan.errors import counted
from hdgan.report.check_report import Table
from hdgan.report.pages import fill_page
from hdgan.report.plan_text import (
  GIB,
  PARTS,
  devices_of,
  gib,
  headline,
  tables,
  verdicts,
)


def plan_page(plan: dict[str, Any]) -> str:
  """Draws a plan.

  Args:
    plan: as `hdgan.plan.plan` gives it.

  Returns:
    A page that opens without a network.
  """
  fits = [stage["fits"] for stage in plan["stages"]]
  state = "wrong" if False in fits else "right" if all(fits) else "open"
  return fill_page(
    __file__,
    title=html.escape(f"Plan for {plan['target']}"),
    machine=html.escape(headline(plan)),
    state=state,
    status="<br>".join(html.escape(line) for line in verdicts(plan)),
    legend=_legend(),
    bars=_bars(plan),
    tables="\n".join(_table(table) for table in tables(plan)),
    notes="\n".join(f"<li>{html.escape(n)}</li>" for n in plan["notes"]),
    versions=html.escape(_versions(plan)),
  )


def _versions(plan: dict[str, Any]) -> str:
  parts = [f"hdgan {plan['hdgan']}", f"JAX {plan['jax']}", plan["compiler"]]
  return ", ".join(part for part in parts if part)


def _legend() -> str:
  marks = [f'<span><i class="{k}"></i>{v}</span>' for k, v in PARTS.items()]
  return "\n".join([*marks, '<span><i class="line"></i>memory</span>'])


def _bars(plan: dict[str, Any]) -> str:
  """A row for each stage, and one for each change that was tried."""
  memory = plan["memory_bytes"]
  rows = []
  for stage in plan["stages"]:
    height, width = stage["size"]
    name = html.escape(stage["stage"])
    name += f" <small>{height}x{width}; {_layout(stage)}</small>"
    rows.append((name, stage["bytes"], stage["fits"], ""))
    for change in stage["changes"]:
      words = " ".join(f.removeprefix("--config.") for f in change["flags"])
      name = f"<small>with {html.escape(words)}</small>"
      rows.append((name, change["bytes"], change["fits"], " change"))
  sizes = [row[1]["total"] for row in rows]
  most = max([*sizes, memory or 0])
  if memory and max(sizes) < memory / 20:
    most = max(sizes) * 1.25  # The line would leave nothing to see.
  lines = [
    _bar(name, size, fits, kind=kind, most=most, memory=memory)
    for name, size, fits, kind in rows
  ]
  return "\n".join(lines)


def _layout(stage: dict[str, Any]) -> str:
  """4 devices (data 4)."""
  count, _, axes = devices_of(stage).partition(" ")
  return f"{counted(int(count), 'device')} {axes}".strip()


def _bar(
  name: str,
  size: dict[str, int],
  fits: bool | None,
  *,
  kind: str,
  most: float,
  memory: int | None,
) -> str:
  parts = "".join(
    f'<b class="{part}" style="width:{100 * size[part] / most:.3f}%" '
    f'title="{label}: {gib(size[part])} GiB"></b>'
    for part, label in PARTS.items()
    if size[part]
  )
  line = ""
  if memory and memory <= most:
    line = (
      f'<u style="left:{100 * memory / most:.3f}%" '
      f'title="memory: {memory / GIB:.1f} GiB"></u>'
    )
  over = " over" if fits is False else ""
  return (
    f'<div class="name{kind}">{name}</div>'
    f'<div class="track{kind}">{parts}{line}</div>'
    f'<div class="total{over}">{gib(size["total"])} GiB</div>'
  )


def _table(table: Table) -> str:
  def line(cells: tuple[str, ...], tag: str) -> str:
    """One row."""
    kinds = [
      ' class="number"' if k in table.numbers else "" for k in range(len(cells))
    ]
    inside = "".join(
      f"<{tag}{kind}>{html.escape(cell)}</{tag}>"
      for kind, cell in zip(kinds, cells, strict=True)
    )
    return f"<tr>{inside}</tr>"

  body = "\n".join(line(row, "td") for row in table.rows)
  return (
    f"<h2>{html.escape(table.title)}</h2>\n"
    f'<div class="wide"><table><thead>{line(table.heads, "th")}</thead>'
    f"<tbody>{body}</tbody></table></div>"
  )
