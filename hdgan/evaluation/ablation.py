"""The table of an ablation: what each variant scores, over its seeds.

Numbers only; `--mode=ablate` trains the variants and has them judged.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FILE = "ablation.json"
VERSION = 1
# What a column says, and whether the photos have it too.
SCORES = {"miou": "mIoU", "accuracy": "accuracy"}


def scores_of(result: Mapping[str, Any]) -> dict[str, float]:
  """The numbers of one evaluation that a table shows.

  Args:
    result: what evaluation.json holds.

  Returns:
    By the column's name; those of one segmenter's seeds are averaged.
  """
  found: dict[str, float] = {}
  for prefix, group in _segmenters(result):
    for name, title in SCORES.items():
      found |= _mean(prefix + title, (one["result"][name] for one in group))
    shares = [one["share_of_oracle"] for one in group]
    if None not in shares:
      title = f"{prefix}mIoU / photos'"
      found |= _mean(title, (one.get("miou") for one in shares))
  for one in result.get("distances", ()):
    # Of several features each pair of columns is told apart by its network.
    several = len(result["distances"]) > 1
    prefix = f"{one.get('name', 'features')}: " if several else ""
    for name in ("kid", "fid"):
      found |= _mean(prefix + name.upper(), [one.get(name, {}).get("value")])
  for key, title in (("lpips", "LPIPS"), ("diversity", "diversity")):
    found |= _mean(title, (one["mean"] for one in result.get(key, ())))
  return found


def oracle_of(result: Mapping[str, Any]) -> dict[str, float]:
  """What the real photos score, by the columns that they have."""
  found: dict[str, float] = {}
  for prefix, group in _segmenters(result):
    oracles = [one["oracle"] for one in group]
    if None not in oracles:
      for name, title in SCORES.items():
        found |= _mean(prefix + title, (one[name] for one in oracles))
  return found


def warnings_of(result: Mapping[str, Any]) -> list[str]:
  """Why numbers must not rank the variants; none where they may."""
  return [
    f"{one['segmenter']}: {one.get('reason') or 'its oracle is weak'}"
    for one in result.get("segmentation", ())
    if one.get("ranked") is False
  ]


def _segmenters(
  result: Mapping[str, Any],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
  """Entries by segmenter, with what stands before its columns' names."""
  groups: dict[str, list[Mapping[str, Any]]] = {}
  for one in result.get("segmentation", ()):
    groups.setdefault(one["segmenter"].partition(" (seed")[0], []).append(one)
  return [
    (f"{name}: " if len(groups) > 1 else "", group)
    for name, group in groups.items()
  ]


def _mean(title: str, values: Iterable[float | None]) -> dict[str, float]:
  """One column; none where a value is not known."""
  known = list(values)
  if not known or None in known:
    return {}
  return {title: statistics.fmean(x for x in known if x is not None)}


def summary(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
  """Mean and spread of each score over a variant's runs.

  Args:
    runs: from `scores_of`, one per seed.

  Returns:
    By the score "mean", "spread" (the standard deviation with n - 1; None of a
    single run) and "values", in the order of the runs.
  """
  table = {}
  for name in runs[0]:
    values = [run[name] for run in runs if name in run]
    spread = statistics.stdev(values) if len(values) > 1 else None
    mean = statistics.fmean(values)
    table[name] = {"mean": mean, "spread": spread, "values": values}
  return table


def rows(document: Mapping[str, Any]) -> list[list[str]]:
  """The table as text: a head, a row per variant, one of the photos.

  Args:
    document: what ablation.json holds.

  Returns:
    Rows of equal length; '' where a score is not known.
  """
  variants = document["variants"]
  columns = list(
    dict.fromkeys(name for one in variants.values() for name in one["scores"])
  )
  table = [["variant", "runs", *columns]]
  for name, one in variants.items():
    cells = [_cell(one["scores"].get(c), _digits(c)) for c in columns]
    table.append([name, str(len(one["runs"])), *cells])
  if document["oracle"]:
    oracle = document["oracle"]
    cells = [f"{oracle[c]:.4f}" if c in oracle else "" for c in columns]
    table.append(["real photos", "", *cells])
  return table


def _digits(column: str) -> int:
  return 2 if column.endswith("FID") else 4


def _cell(score: Mapping[str, Any] | None, digits: int) -> str:
  if score is None:
    return ""
  if score["spread"] is None:
    return f"{score['mean']:.{digits}f}"
  return f"{score['mean']:.{digits}f} ± {score['spread']:.{digits}f}"


def text(document: Mapping[str, Any]) -> str:
  """The table for a terminal, in columns."""
  table = rows(document)
  widths = [max(map(len, column)) for column in zip(*table, strict=True)]
  lines = []
  for row in table:
    cells = (cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))
    lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
  return "\n".join(lines)


def to_json(document: Mapping[str, Any]) -> str:
  """The text of ablation.json."""
  return json.dumps(document, indent=1) + "\n"
