"""What `--mode=check` tells of a data set: facts, tables, faults, a command.

Made once, and written as text for a terminal and as a page.
"""

import dataclasses
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from hdgan.datasets.check import Rules
from hdgan.datasets.examples import Found
from hdgan.datasets.prepared import bound_instances
from hdgan.datasets.survey import Survey
from hdgan.datasets.transforms import Geometry, Size
from hdgan.errors import counted, shortened, visible
from hdgan.report.pictures import class_colors, shorten

_MOST_SIZES = 12  # Rows of the table of sizes.
_MOST_TWINS = 5
ROLES = {"label": "label maps", "instance": "instance maps", "image": "photos"}


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows under heads; columns of numbers stand at the right.

  Attributes:
    title: what stands above.
    heads: of the columns.
    rows: cells as text.
    numbers: indices of the columns that hold numbers.
  """

  title: str
  heads: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]
  numbers: frozenset[int] = frozenset()


@dataclasses.dataclass(frozen=True)
class ClassRow:
  """A class as the table and the bars show it."""

  id: int
  name: str
  color: str
  pixels: int
  share: float
  pictures: int
  objects: int


@dataclasses.dataclass(frozen=True)
class CheckReport:
  """All that is told.

  Attributes:
    title: the data set and where it lies.
    facts: words by heading.
    classes: those that occur, by id; then the values without a class.
    sizes: what becomes of each size at each stage.
    notes: what is not wrong but worth a line.
    faults: what is wrong, one line each.
    command: what trains on it, by words; () where it could not.
  """

  title: str
  facts: Mapping[str, str]
  classes: tuple[ClassRow, ...]
  sizes: Table
  notes: tuple[str, ...]
  faults: tuple[str, ...]
  command: tuple[str, ...]

  @property
  def verdict(self) -> str:
    """Whether training would start."""
    if not self.faults:
      return "Training would start."
    return "Training would not start: mend the faults below, and look again."


def make_report(
  config: ConfigDict,
  found: Found,
  survey: Survey,
  *,
  rules: Rules,
  notes: Sequence[str] = (),
  faults: Sequence[str] = (),
  command: Sequence[str] = (),
) -> CheckReport:
  """Puts into words what the check found.

  Args:
    config: that the files were checked by.
    found: the files.
    survey: of all examples.
    rules: of the config.
    notes: of the check.
    faults: its lines.
    command: that trains, by words.
  """
  return CheckReport(
    title=f"{config.data.root} ({config.data.name})",
    facts=_facts(config, found, survey),
    classes=_classes(config, found, survey),
    sizes=_sizes(config, survey, rules.geometries),
    notes=(*found.notes, *_twins(survey), *notes),
    faults=tuple(faults),
    command=tuple(command),
  )


def _facts(config: ConfigDict, found: Found, survey: Survey) -> dict[str, str]:
  """Words by heading."""
  facts = {}
  for i, (split, examples) in enumerate(found.splits.items()):
    use = "to train on" if not i else "held out"
    facts[split] = f"{counted(len(examples), 'picture')}, {use}"
  if len(found.splits) < 2:
    facts["held out"] = "nothing"
  for role, what in ROLES.items():
    kinds = survey.formats.get(role)
    if not kinds:
      facts[what] = "none"
      continue
    text = "; ".join(f"{n:,} {kind}" for kind, n in kinds.most_common())
    if role in survey.ranges:
      low, high = survey.ranges[role]
      a, b = config.data[f"{role}_range"]
      text += f"; values {low:.5g}..{high:.5g} of {a:g}..{b:g}"
    facts[what] = text
  if config.num_classes and survey.pixels:
    seen = sum(0 <= value < config.num_classes for value in survey.pixels)
    facts["classes"] = f"{config.num_classes}, of which {seen} occur"
    if config.ignore_label >= 0:
      facts["classes"] += f"; pixels of {config.ignore_label} have none"
  elif not config.num_classes:
    facts["classes"] = "none: the label maps are taken as pictures"
  if survey.coding.maps:
    facts["object ids"] = survey.coding.text()
  if survey.counts:
    least, most = min(survey.counts), max(survey.counts)
    many = f"{least} to {most} in a picture (median {median(survey.counts)})"
    if least == most:
      many = f"{most} in each picture"
    bound = config.max_instances or bound_instances(most)
    facts["objects"] = f"{many}, so that max_instances = {bound}"
  return facts


def median(counts: Mapping[int, int]) -> int:
  """The lower median of numbers, given how often each occurs."""
  half, seen = (sum(counts.values()) + 1) // 2, 0
  for number in sorted(counts):
    seen += counts[number]
    if seen >= half:
      return number
  return 0


def _classes(
  config: ConfigDict, found: Found, survey: Survey
) -> tuple[ClassRow, ...]:
  """A row for each value that occurs; those without a class come last."""
  total = survey.pixels.total()
  colors = class_colors(found.classes, config.num_classes)
  names = {entry["id"]: entry["name"] for entry in found.classes}
  known = {i for i in survey.pixels if 0 <= i < config.num_classes}
  known.discard(config.ignore_label)
  rows = []
  for value in [*sorted(known), *sorted(survey.pixels.keys() - known)]:
    if value in known:
      name, color = names.get(value, str(value)), bytes(colors[value]).hex()
    else:
      ignored = value == config.ignore_label
      name = "(ignored)" if ignored else "(no class)"
      color = "000000"
    rows.append(
      ClassRow(
        value,
        visible(name),
        f"#{color}",
        pixels=survey.pixels[value],
        share=survey.pixels[value] / total,
        pictures=survey.pictures[value],
        objects=survey.objects[value],
      )
    )
  return tuple(rows)


def unseen(report: CheckReport, found: Found) -> list[str]:
  """Names of the classes that are in no picture."""
  seen = {row.id for row in report.classes}
  return [
    name if name == str(id) else f"{id} {name}"
    for entry in found.classes
    for id, name in [(entry["id"], visible(entry["name"]))]
    if id not in seen
  ]


def _sizes(
  config: ConfigDict, survey: Survey, geometries: Sequence[Geometry]
) -> Table:
  """What becomes of each size at each stage."""
  stages = [f"{stage.name}, {_size(stage.size)}" for stage in config.stages]
  rows = []
  for size, count in survey.sizes.most_common(_MOST_SIZES):
    cells = [became(size, geometry) for geometry in geometries]
    rows.append((_size(size), f"{count:,}", *cells))
  rest = len(survey.sizes) - len(rows)
  if rest > 0:
    left = survey.sizes.total() - sum(
      count for _, count in survey.sizes.most_common(_MOST_SIZES)
    )
    which = f"{counted(rest, 'more size')}, {_size(min(survey.sizes))} to "
    which += _size(max(survey.sizes))
    rows.append((which, f"{left:,}", *["" for _ in geometries]))
  heads = ("height x width", "pictures", *stages)
  return Table("Sizes", heads, tuple(rows), numbers=frozenset({1}))


def became(size: Size, geometry: Geometry) -> str:
  """What training does with a picture of a size, in words."""
  target, scaled = geometry.stage_size, geometry.scaled(size)
  if scaled[0] < target[0] or scaled[1] < target[1]:
    return "too small"
  scale = "" if scaled == size else f"scaled to {_size(scaled)}"
  if scaled == target:
    if not scale:
      return "as it is"
    change = (target[0] * size[1]) / (target[1] * size[0])
    change = max(change, 1 / change) - 1
    percent = round(100 * change)
    bent = f", shape changes by {percent} %" if percent else ""
    return f"scaled{bent}"
  cut = f"{_size(target)} cut out of it"
  return f"{scale}, {cut}" if scale else cut


def _size(size: Sequence[int]) -> str:
  return f"{size[0]}x{size[1]}"


def _twins(survey: Survey) -> list[str]:
  """Says which photos are there twice."""
  lines = []
  for over in (True, False):
    count = survey.num_twins[over]
    if not count:
      continue
    pairs = [f"{a} = {b}" for a, b, there in survey.twins if there == over]
    named = ", ".join(pairs[:_MOST_TWINS])
    if count > _MOST_TWINS:
      named += f" and {count - _MOST_TWINS} more"
    what = (
      f"{counted(count, 'held-out photo is', 'held-out photos are')} trained on"
      " too, so that held-out pictures look better than those of new maps"
      if over
      else f"{counted(count, 'photo is', 'photos are')} there more than once"
    )
    lines.append(f"{what}: {named}")
  return lines


def as_text(report: CheckReport, found: Found, width: int = 80) -> str:
  """The report for a terminal of so many columns."""
  lines = [visible(report.title), report.verdict, ""]
  space = max(map(len, report.facts)) + 2
  for head, text in report.facts.items():
    lines += wrapped(text, width, f"{head:{space}}", " " * space)
  if report.classes:
    lines += ["", *table_text(class_table(report), width)]
    missing = unseen(report, found)
    if missing:
      text = f"{counted(len(missing), 'class is', 'classes are')} in no picture"
      lines += wrapped(f"{text}: {shortened(missing, 12)}", width, "  ", "  ")
  if report.sizes.rows:
    lines += ["", *table_text(report.sizes, width)]
  if report.notes:
    lines += ["", "Notes"]
    for note in report.notes:
      lines += wrapped(note, width, "  - ", "    ")
  if report.command:
    lines += ["", "Train on it with", "", command_text(report.command, width)]
  return "\n".join(lines)


def class_table(report: CheckReport) -> Table:
  """The classes as a table of text."""
  rows = tuple(
    (
      str(row.id),
      row.name,
      f"{row.pixels:,}",
      _percent(row.share),
      f"{row.pictures:,}",
      f"{row.objects:,}",
    )
    for row in report.classes
  )
  heads = ("id", "name", "pixels", "share", "pictures", "objects")
  return Table("Classes", heads, rows, numbers=frozenset({0, 2, 3, 4, 5}))


def _percent(share: float) -> str:
  return "< 0.01 %" if 0 < share < 5e-5 else f"{100 * share:.2f} %"


def command_text(command: Sequence[str], width: int = 80) -> str:
  """A command line that a shell takes as it stands, over several lines."""
  lines, line = [], "  "
  for word in map(shlex.quote, command):
    if len(line) + len(word) + 2 > width and line.strip():
      lines.append(f"{line} \\")
      line = "    "
    line += f" {word}" if line.strip() else word
  return "\n".join([*lines, line])


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
  """A text in lines; names and flags stay whole."""
  return textwrap.wrap(
    visible(text), max(width, len(first) + 24), initial_indent=first,
    subsequent_indent=rest, break_long_words=False, break_on_hyphens=False,
  )  # fmt: skip


def table_text(table: Table, width: int) -> list[str]:
  """A table in lines; names that are too long lose their middle."""
  rows = [table.heads, *table.rows]
  widths = [max(len(row[k]) for row in rows) for k in range(len(table.heads))]
  over = sum(widths) + 2 * len(widths) - width
  if over > 0:
    longest = max(range(len(widths)), key=lambda k: widths[k])
    widths[longest] = max(12, widths[longest] - over)
  lines = [table.title]
  for row in rows:
    cells = []
    for k, cell in enumerate(row):
      text = shorten(cell, widths[k], len)
      right = k in table.numbers
      cells.append(text.rjust(widths[k]) if right else text.ljust(widths[k]))
    lines.append(("  " + "  ".join(cells)).rstrip())
  return lines


def stage_of(config: ConfigDict) -> Any:
  """The stage of the largest size, the first of several."""
  return max(config.stages, key=lambda stage: stage.size[0] * stage.size[1])
