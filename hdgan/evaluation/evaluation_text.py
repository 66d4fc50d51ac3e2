"""An evaluation in words: what the terminal and the pages say of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from hdgan.errors import counted, shortened, visible

Result = Mapping[str, Any]

# What is told of a segmentation, the most telling first.
SCORES = {
  "miou": "mIoU",
  "accuracy": "pixel accuracy",
  "class_accuracy": "class accuracy",
  "frequency_weighted_iou": "frequency-weighted IoU",
  "miou_void_fp": "mIoU, answers on void are false",
  "accuracy_void_wrong": "pixel accuracy, void is wrong",
}
FEW = 2048  # Pictures; below, a Frechet distance says little.


def number(value: float | None, digits: int = 3) -> str:
  """A number with so many digits behind its point; - for None."""
  return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
  """A share as 93.2 %; - for None."""
  return "-" if value is None else f"{100 * value:.1f} %"


def with_spread(
  part: Mapping[str, Any] | None,
  spread: Mapping[str, Any] | None,
  name: str,
  *,
  share: bool = False,
) -> str:
  """A score, with that of several seeds its spread."""
  if part is None:
    return "-"
  told = percent if share else number
  around = (spread or {}).get(name)
  if around is None or part[name] is None:
    return told(part[name])
  return f"{told(part[name])} \N{PLUS-MINUS SIGN} {told(around)}"


def made_by(source: Mapping[str, Any]) -> str:
  """What made the pictures, such as `mine, step 2000`."""
  if "pictures" in source:
    return f"pictures of {visible(str(source['pictures']))}"
  return f"{visible(str(source['run']))}, step {source['step']}"


def protocol_name(result: Result) -> str:
  """Name and version, such as `own-v1, version 1`."""
  protocol = result["protocol"]
  return f"{protocol['name']}, version {protocol['version']}"


def summary(result: Result) -> list[str]:
  """What the terminal says: a few aligned lines.

  Args:
    result: what evaluation.json holds.

  Returns:
    A head, a line per segmenter and per distance, and notes.
  """
  data = result["data"]
  head = (
    f"{made_by(result['source'])}: {counted(data['n'], 'picture')} of "
    f"{visible(data['split'])}, protocol {protocol_name(result)}"
  )
  rows = []
  for one in result.get("segmentation", ()):
    spread = one.get("spread") or {}
    cells = [visible(one["segmenter"])]
    for name in ("miou", "accuracy"):
      got = with_spread(one["result"], spread.get("result"), name)
      if one["oracle"]:
        share = percent(one["share_of_oracle"][name])
        got += f" of {number(one['oracle'][name])} ({share})"
      cells.append(f"{SCORES[name]} {got}")
    rows.append(cells)
  for one in result.get("distances", ()):
    if one["kid"] is None:
      continue
    kid, fid = one["kid"], one["fid"]
    rows.append([
      "distances", f"KID {kid['value']:.5f} \N{PLUS-MINUS SIGN} "
      f"{kid['spread']:.5f}", f"FID {fid['value']:.2f}"
    ])  # fmt: skip
  for key in ("lpips", "diversity"):
    for one in result.get(key, ()):
      if one["mean"] is not None:
        rows.append([key, f"LPIPS {one['mean']:.4f}"])
  return [head, *aligned(rows), *(f"note: {text}" for text in notes(result))]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Rows of cells as lines, each column as wide as its widest cell."""
  count = max(map(len, rows), default=0)
  widths = [max(len(row[i]) for row in rows if len(row) > i) for i in
            range(count)]  # fmt: skip
  return [
    "  ".join(cell.ljust(width) for cell, width in zip(row, widths))  # noqa: B905
    .rstrip()
    for row in rows
  ]  # fmt: skip


def notes(result: Result) -> list[str]:
  """What must be known to read the numbers, one sentence each."""
  found = []
  for one in result.get("segmentation", ()):
    name, about = visible(one["segmenter"]), one.get("about") or {}
    if not one.get("ranked", True):
      found.append(f"{name} ranks nothing: {visible(one['reason'])}")
    for key, text in (
      ("unmatched", "also answers what is no class of the data, which counts "
       "as wrong"),
      ("never_answered", "never answers these classes of the data"),
    ):  # fmt: skip
      if about.get(key):
        found.append(f"{name} {text}: {visible(shortened(about[key], 20))}")
  for one in result.get("distances", ()):
    if one["kid"] is None:
      found.append("no distances: there are no real photos")
    elif min(one["n_real"], one["n_made"]) < FEW:
      found.append(
        f"FID of {one['n_real']} real and {one['n_made']} made pictures says "
        f"little (below {FEW:,}{_because(one['fid'])}): read KID"
      )
  return found


def _because(fid: Mapping[str, Any]) -> str:
  return f", {fid['note']}" if fid.get("note") else ""
