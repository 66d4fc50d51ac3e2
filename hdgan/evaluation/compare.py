"""Several evaluations in one table: `--compare=A.json,B.json,...`.

Numbers of different protocols, data or versions are never put side by side:
the first setting that differs is named instead.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hdgan.errors import InputError, counted, shown, visible
from hdgan.evaluation.evaluation_text import (
  aligned,
  made_by,
  number,
  percent,
  protocol_name,
)
from hdgan.evaluation.page_parts import facts, table, text
from hdgan.outside import read_json
from hdgan.report.pages import fill_page

PAGE, FILE = "compare.html", "compare.json"
_WAYS = {
  "protocol": "evaluate both with the same flags and the same version of hdgan",
  "data": "evaluate both on the same maps and photos",
}


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Evaluations that may be compared.

  Attributes:
    heads: of the columns.
    rows: a cell per column and evaluation, the best first where they are
      ranked.
    reason: why they are not ranked; "" where they are.
    result: what compare.json holds.
  """

  heads: list[str]
  rows: list[list[str]]
  reason: str
  result: dict[str, Any]

  def lines(self) -> list[str]:
    """What the terminal says."""
    note = [f"note: not ranked: {self.reason}"] if self.reason else []
    return [*aligned([self.heads, *self.rows]), *note]

  def files(self) -> dict[str, bytes]:
    """compare.html and compare.json."""
    data = self.result["data"]
    count = len(self.rows)
    page = fill_page(
      __file__,
      title=text(f"{counted(count, 'evaluation')} on {data['split']}"),
      status=text(f"protocol {protocol_name(self.result)}"),
      facts=facts({
        "maps and photos": f"{data['n']} of {data['split']}, SHA-256 "
        f"{data['sha256']}",
        "order": f"as given: {self.reason}" if self.reason
        else f"by {self.result['ranked_by']}, the best first",
      }),
      table=table(
        self.heads, [list(map(text, row)) for row in self.rows],
        numbers=range(1, len(self.heads) - 1),
      ),
    )  # fmt: skip
    said = json.dumps(self.result, indent=1)
    return {PAGE: page.encode(), FILE: f"{said}\n".encode()}


def compare(paths: Sequence[str]) -> Comparison:
  """Puts evaluations side by side.

  Args:
    paths: of evaluation.json files, at least two.

  Returns:
    A row each.

  Raises:
    InputError: for fewer than two, what is no evaluation, and evaluations of
      another protocol, version or other data.
  """
  if len(paths) < 2:
    raise InputError(
      f"--compare={','.join(paths)}: names {counted(len(paths), 'file')}, must "
      "name two or more evaluation.json files; add another"
    )
  found = [_read(path) for path in paths]
  for path, one in zip(paths[1:], found[1:], strict=True):
    for part, way in _WAYS.items():
      _check_alike(part, way, (paths[0], found[0]), (path, one))
  try:
    rows = [_row(path, one) for path, one in zip(paths, found, strict=True)]
  except (KeyError, TypeError, AttributeError, ValueError) as error:
    raise InputError(
      f"--compare: not all of {', '.join(map(visible, paths))} are whole "
      f"evaluations ({shown(str(error), 60)}); evaluate anew"
    ) from error
  reason = next((row["reason"] for row in rows if row["reason"]), "")
  by, order = _merit(rows)
  if not by:
    reason = reason or "nothing was measured that all of them have"
  elif not reason:
    rows.sort(key=order)
  heads, cells = _cells(rows)
  result = {
    "protocol": found[0]["protocol"], "data": found[0]["data"],
    "ranked": not reason, "reason": reason, "ranked_by": by,
    "evaluations": rows,
  }  # fmt: skip
  return Comparison(heads, cells, reason=reason, result=result)


def _read(path: str) -> dict[str, Any]:
  """Reads an evaluation.json and looks whether it is one."""
  one = read_json(path, dict)
  parts = ("protocol", "data", "source")
  lost = [part for part in parts if not isinstance(one.get(part), dict)]
  if lost or not {"name", "version"} <= one["protocol"].keys():
    raise InputError(
      f"{visible(path)}: is no evaluation of hdgan (it has no "
      f"{lost[0] if lost else 'protocol.name'}); give files called "
      "evaluation.json, by --mode=evaluate"
    )
  return one


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
  """All values of JSON by their places, such as protocol.measures[0].key."""
  if isinstance(value, dict):
    for key, below in value.items():
      yield from _leaves(below, f"{at}.{key}")
  elif isinstance(value, list):
    for i, below in enumerate(value):
      yield from _leaves(below, f"{at}[{i}]")
  else:
    yield at, value


def _check_alike(
  part: str,
  way: str,
  first: tuple[str, Mapping[str, Any]],
  other: tuple[str, Mapping[str, Any]],
) -> None:
  """Refuses what differs, by the first place that does."""
  one, two = (dict(_leaves(x[part], part)) for _, x in (first, other))
  for place in [*one, *(p for p in two if p not in one)]:
    if place not in one or place not in two or one[place] != two[place]:
      have, had = (
        shown(x[place], 80) if place in x else "not there" for x in (two, one)
      )
      raise InputError(
        f"{visible(other[0])}: {place} is {have}, in {visible(first[0])} "
        f"{had}: their numbers are not to be compared; {way}"
      )


def _row(path: str, one: Mapping[str, Any]) -> dict[str, Any]:
  """What the table says of one evaluation."""
  source = one["source"]
  segmentation = [
    {
      "segmenter": each["segmenter"],
      **{
        part: None if each[part] is None else {
          name: each[part][name] for name in ("miou", "accuracy")
        }
        for part in ("result", "oracle", "share_of_oracle")
      },
    }
    for each in one.get("segmentation", ())
  ]  # fmt: skip
  reasons = [
    f"{visible(path)}: {each['segmenter']}: {each['reason']}"
    for each in one.get("segmentation", ())
    if not each.get("ranked", True)
  ]
  distances = [
    {name: each[name]["value"] for name in ("kid", "fid")}
    for each in one.get("distances", ())
    if each["kid"] is not None
  ]
  return {
    "file": path,
    "source": source,
    "n": one["data"]["n"],
    "segmentation": segmentation,
    "distances": distances,
    "lpips": [each["mean"] for each in one.get("lpips", ())],
    "diversity": [each["mean"] for each in one.get("diversity", ())],
    "reason": reasons[0] if reasons else "",
  }


def _merit(rows: Sequence[Mapping[str, Any]]) -> tuple[str, Any]:
  """By what rows are ordered, in words and as a key; "" where by nothing."""

  def share(row: Mapping[str, Any]) -> float:
    return -row["segmentation"][0]["share_of_oracle"]["miou"]

  def distance(row: Mapping[str, Any]) -> float:
    return row["distances"][0]["kid"]

  for by, key in (
    ("share of the oracle's mIoU", share), ("KID", distance),
  ):  # fmt: skip
    try:
      for row in rows:
        key(row)
    except (IndexError, TypeError):
      continue
    return by, key
  return "", None


def _cells(
  rows: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
  """Heads and a line of texts per row."""
  first = rows[0]
  heads = ["made by", "step", "n"]
  several = len(first["segmentation"]) > 1
  for each in first["segmentation"]:
    tail = f" ({each['segmenter']})" if several else ""
    heads += [f"mIoU{tail}", f"share{tail}", f"accuracy{tail}", f"share{tail}"]
  for _ in first["distances"]:
    heads += ["KID", "FID"]
  heads += ["LPIPS" for _ in first["lpips"]]
  heads += ["diversity" for _ in first["diversity"]]
  cells = []
  for row in rows:
    source = row["source"]
    name = made_by(source).removesuffix(f", step {source.get('step')}")
    line = [name, str(source.get("step", "-")), str(row["n"])]
    for each in row["segmentation"]:
      for name in ("miou", "accuracy"):
        line.append(number(each["result"][name]))
        of = each["share_of_oracle"]
        line.append(percent(of[name]) if of else "-")
    for each in row["distances"]:
      line += [number(each["kid"], 5), number(each["fid"], 2)]
    for key in ("lpips", "diversity"):
      line += [number(value, 4) for value in row[key]]
    cells.append([*line, visible(row["file"])])
  return [*heads, "file"], cells
