"""`evaluation.html`: an evaluation on one page that needs no network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdgan.errors import counted
from hdgan.evaluation import evaluation_text
from hdgan.evaluation.evaluation_text import SCORES, number, with_spread
from hdgan.evaluation.page_parts import (
  class_bars,
  facts,
  heat_table,
  picture,
  table,
  text,
)
from hdgan.evaluation.segmentation import Segmentation, Shown
from hdgan.report.pages import fill_page
from hdgan.report.pictures import label_colors

FILE = "evaluation.html"


def make_page(
  result: Mapping[str, Any],
  segmentations: Sequence[Segmentation],
  colors: np.ndarray,
) -> str:
  """Makes the page.

  Args:
    result: what evaluation.json holds.
    segmentations: what is no JSON of its "segmentation", in the same order:
      matrices and pictures.
    colors: [N, 3] uint8 of the classes.

  Returns:
    HTML with its style sheet and pictures inside.
  """
  data, source = result["data"], result["source"]
  scored = zip(result.get("segmentation", ()), segmentations, strict=True)
  return fill_page(
    __file__,
    title=text(f"{evaluation_text.made_by(source)}, on {data['split']}"),
    status=text(
      f"{counted(data['n'], 'picture')}, protocol "
      f"{evaluation_text.protocol_name(result)}"
    ),
    facts=_facts(result),
    notes=_notes(evaluation_text.notes(result)),
    segmentation="\n".join(_segmentation(*pair, colors) for pair in scored),
    distances=_distances(result),
    protocol=text_block(json.dumps(result["protocol"], indent=1)),
  )


def text_block(value: str) -> str:
  """Lines for HTML that stay lines."""
  return "\n".join(map(text, value.split("\n")))


def _facts(result: Mapping[str, Any]) -> str:
  data, source = result["data"], result["source"]
  at = result["protocol"]["score_at"]
  told = {}
  if "weights_sha256" in source:
    told["sum of the weights"] = f"SHA-256 {source['weights_sha256']}"
  return facts({
    **told,
    "maps and photos": f"{data['split']}, SHA-256 {data['sha256']}",
    "classes are compared": "at the picture's size" if at == "image"
    else "at the map's own size",
  })  # fmt: skip


def _notes(notes: Sequence[str]) -> str:
  if not notes:
    return ""
  return f"<ul>{''.join(f'<li>{text(note)}</li>' for note in notes)}</ul>"


def _segmentation(
  one: Mapping[str, Any], measure: Segmentation, colors: np.ndarray
) -> str:
  """All that one segmenter, or several of one kind, has told."""
  matrix = measure.matrices["made"].sum(0)
  void = matrix[-1].sum() / max(matrix.sum(), 1)
  bars = class_bars(one["per_class"], colors, one["oracle"] is not None)
  known = "IoU of each class; the mark is what the photos reach" if (
    one["oracle"]
  ) else "IoU of each class"  # fmt: skip
  return "\n".join([
    f"<h2>Seen by {text(one['segmenter'])}</h2>",
    _scores(one),
    f'<p class="note">{100 * void:.1f} % of all pixels are void: nobody says '
    "what they are.</p>",
    _members(one),
    f"<h3>Classes <span>{known}; beside the name its share of the known "
    "pixels</span></h3>",
    bars,
    _confusion(measure, one["oracle"] is not None),
    *_shown(measure.shown(), colors),
  ])  # fmt: skip


def _scores(one: Mapping[str, Any]) -> str:
  """Result, oracle and share; what one class everywhere would reach."""
  spread, constant = one.get("spread") or {}, one.get("constant")
  rows = []
  for name, title in SCORES.items():
    cells = [text(title)]
    for part in ("result", "oracle", "share_of_oracle"):
      share = part == "share_of_oracle"
      cells.append(
        with_spread(one[part], spread.get(part), name, share=share)
      )  # fmt: skip
    rows.append([*cells, number(constant[name]) if constant else "-"])
  for name, group in (one.get("groups") or {}).items():
    if group["result"] and group["result"].get("miou") is not None:
      cells = [
        with_spread(group[part], None, "miou", share=part == "share_of_oracle")
        for part in ("result", "oracle", "share_of_oracle")
      ]
      count = counted(group["result"]["classes"], "class", "classes")
      rows.append([f"mIoU of {text(name)} ({count})", *cells, "-"])
  everywhere = f"{constant['class']} everywhere" if constant else "-"
  heads = ["", "result", "photos (oracle)", "share of oracle", everywhere]
  kinds = ["first", *[""] * (len(rows) - 1)]
  return table(heads, rows, numbers=range(1, 5), kinds=kinds)


def _members(one: Mapping[str, Any]) -> str:
  """A row per seed."""
  members = one.get("members") or ()
  if not members:
    return ""
  rows = [
    [text(member["name"])]
    + [
      with_spread(member[part], None, name, share=part == "share_of_oracle")
      for name in ("miou", "accuracy")
      for part in ("result", "oracle", "share_of_oracle")
    ]
    for member in members
  ]
  heads = ["", "mIoU", "oracle", "share", "accuracy", "oracle", "share"]
  return (
    f"<details><summary>Each of {len(members)} seeds; above are their mean and "
    f"spread (standard deviation)</summary>{table(heads, rows, range(1, 7))}"
    "</details>"
  )


def _confusion(measure: Segmentation, has_oracle: bool) -> str:
  """What is taken for what, in the pictures and, folded, in the photos."""
  made = heat_table(measure.matrices["made"].sum(0), measure.names, "void")
  parts = [
    "<h3>Taken for <span>of each row's pixels, percent that are seen as the "
    f"column's class</span></h3>{made}"
  ]
  if has_oracle:
    real = heat_table(measure.matrices["real"].sum(0), measure.names, "void")
    parts.append(
      f"<details><summary>The same of the photos</summary>{real}</details>"
    )
  return "".join(parts)


def _shown(shown: Sequence[Shown], colors: np.ndarray) -> list[str]:
  """The worst pictures and the best ones, each with all that is known."""
  half = (len(shown) + 1) // 2
  blocks = []
  for title, part in (
    ("Worst pictures", shown[:half]),
    ("Best pictures", shown[half:][::-1]),
  ):
    if part:
      blocks.append(f"<h3>{title} <span>by their own mIoU</span></h3>")
    for one in part:
      pair = one.pair
      panels = {"map": label_colors(pair.label, colors), "made": pair.made}
      if pair.real is not None:
        panels["photo"] = pair.real
      panels["seen in it"] = label_colors(one.found, colors)
      if one.found_real is not None:
        panels["seen in the photo"] = label_colors(one.found_real, colors)
      figures = "".join(picture(p, name) for name, p in panels.items())
      blocks.append(
        f'<p class="note">{text(pair.name)}, mIoU {one.miou:.3f}</p>'
        f'<div class="panels">{figures}</div>'
      )
  return blocks


def _distances(result: Mapping[str, Any]) -> str:
  """KID first, then FID, LPIPS and diversity."""
  rows, plus = [], "\N{PLUS-MINUS SIGN}"
  measured = [
    entry for entry in result["protocol"]["measures"]
    if entry["key"] == "distances"
  ]  # fmt: skip
  for one, entry in zip(result.get("distances", ()), measured, strict=True):
    if one["kid"] is None:
      continue
    kid, fid, features = one["kid"], one["fid"], entry["features"]
    told = f"{features['name']}, {one['n_made']} made, {one['n_real']} real of "
    told += str(one["reference"])
    value = f"{kid['value']:.5f} {plus} {kid['spread']:.5f}"
    rows.append(["KID", value, text(f"{told}; {kid['how']}")])
    note = f"; {fid['note']}" if fid.get("note") else ""
    rows.append(["FID", f"{fid['value']:.2f}", text(told + note)])
  for key, title, what in (
    ("lpips", "LPIPS to the photo", "pictures"),
    ("diversity", "diversity", "maps"),
  ):
    for one in result.get(key, ()):
      if one["mean"] is None:
        continue
      told = f"mean and spread of {one['n']} {what}"
      if key == "diversity":
        told += f": mean LPIPS between {one['draws']} draws of styles"
      rows.append(
        [title, f"{one['mean']:.4f} {plus} {one['spread']:.4f}", text(told)]
      )
  if not rows:
    return ""
  heads = ["", "value", "of"]
  return f"<h2>Distances</h2>{table(heads, rows, numbers=[1])}"
