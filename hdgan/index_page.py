"""`index.html` of a run: one static file that opens without a network.

It shows what lies in the run directory: `samples/<step>.png` (by relative
links), `metrics.jsonl` as curves in SVG, and the tables and the config that the
caller gives.
"""

import html
import json
import os
import pathlib
import string
from collections.abc import Mapping, Sequence
from typing import Any

from hdgan import report
from hdgan.curves import chart

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
  """
  workdir = pathlib.Path(workdir)
  if not isinstance(config, str):
    config = json.dumps(config, indent=2, default=str)
  page = string.Template(_PAGE).substitute(
    title=html.escape(title),
    status=html.escape(status),
    state="running" if running else "still",
    refresh=_REFRESH if running else "",
    reload=_RELOAD if running else "",
    samples=_samples(workdir),
    curves=_curves(report.read_metrics(workdir), boundaries),
    stages=_table(stages),
    parameters=_table(parameters),
    config=html.escape(config),
  )
  draft = workdir / ".index.html.tmp"
  draft.write_text(page, encoding="utf-8")
  os.replace(draft, workdir / "index.html")


def _curves(
  lines: Sequence[Mapping[str, Any]], boundaries: Sequence[tuple[int, str]]
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
  charts = (chart(name, splits, boundaries) for name, splits in curves.items())
  return "\n".join(f"<figure>{drawn}</figure>" for drawn in charts)


def _samples(workdir: pathlib.Path) -> str:
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
    f'</figure>\n<nav class="strip" aria-label="All samples">{thumbnails}</nav>'
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


_REFRESH = '<noscript><meta http-equiv="refresh" content="30"></noscript>'

# Nobody who looks at an old sample is thrown back to the newest.
_RELOAD = """
setTimeout(() => {
  if (!slider || slider.value === slider.max) location.reload();
}, 30000);"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
$refresh
<title>$title</title>
<style>
:root { --ink: #202124; --soft: #5f6368; --line: #dadce0; --paper: #ffffff;
  --card: #f8f9fa; --train: #1a66c9; --held_out: #c2500a; --on: #188038; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a6abb1;
  --line: #3c4043; --paper: #16181b; --card: #202327; --train: #8ab4f8;
  --held_out: #fba15f; --on: #81c995; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 24px; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 12px; }
a { color: inherit; }
.status { color: var(--soft); margin: 4px 0 0; }
.status::before { content: ""; display: inline-block; width: 10px;
  height: 10px; border-radius: 50%; margin-right: 8px;
  background: var(--soft); }
.running::before { background: var(--on); }
figure { margin: 0; }
img { max-width: 100%; display: block; }
.sample img { border: 1px solid var(--line); border-radius: 6px;
  margin: 0 auto; }
figcaption { display: flex; gap: 14px; align-items: center; margin: 10px 0;
  color: var(--soft); font-variant-numeric: tabular-nums; }
#step { min-width: 5ch; color: var(--ink); font-weight: 600; }
#slider { flex: 1; accent-color: var(--train); }
.strip { display: flex; gap: 8px; overflow-x: auto; padding-bottom: 8px; }
.strip a { flex: none; font-size: 12px; text-align: center;
  text-decoration: none; color: var(--soft); }
.strip img { height: 84px; border: 1px solid var(--line); border-radius: 4px; }
.curves { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
.curves figure { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: 8px; }
svg { width: 100%; display: block; }
svg text { fill: var(--soft); font-size: 12px; }
svg .name { fill: var(--ink); font-size: 14px; font-weight: 600; }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
.rule { stroke: var(--line); }
.stage { stroke: var(--soft); stroke-dasharray: 4 3; }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round;
  stroke: var(--soft); }
polyline.train { stroke: var(--train); }
polyline.held_out { stroke: var(--held_out); stroke-width: 2.4; }
circle.train { fill: var(--train); }
circle.held_out { fill: var(--held_out); }
.legend { color: var(--soft); margin: 0 0 10px; }
.legend b { display: inline-block; width: 22px; height: 3px;
  vertical-align: middle; margin: 0 6px 0 0; }
.legend span { margin-right: 22px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 22px 6px 0;
  border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
.number { text-align: right; }
summary { cursor: pointer; font-size: 18px; font-weight: 700;
  margin: 36px 0 12px; }
pre { background: var(--card); border: 1px solid var(--line); padding: 14px;
  border-radius: 8px; overflow-x: auto; font-size: 13px; margin: 0; }
</style>
</head>
<body>
<header>
<h1>$title</h1>
<p class="status $state">$status</p>
</header>
<main>
<h2>Samples</h2>
$samples
<h2>Curves over the training steps</h2>
<p class="legend"><span><b style="background:var(--train)"></b>training</span>
<span><b style="background:var(--held_out)"></b>held out</span>
dashed: a stage begins</p>
<div class="curves">
$curves
</div>
<h2>Stages</h2>
$stages
<h2>Parameters</h2>
$parameters
<details>
<summary>Config</summary>
<pre>$config</pre>
</details>
</main>
<script>
const slider = document.getElementById("slider");
const links = document.querySelectorAll(".strip a");
if (slider) slider.oninput = () => {
  const chosen = links[slider.max - slider.value];  // The newest comes first.
  const name = chosen.getAttribute("href");
  const step = chosen.dataset.step;
  document.getElementById("sample").src = name;
  document.getElementById("sample").alt = "Sample grid of step " + step;
  document.getElementById("link").href = name;
  document.getElementById("step").value = step;
};$reload
</script>
</body>
</html>
"""
