"""Reads what participants of a study answered, and holds it against the plan.

A file is what the study's page saved for one participant: a CSV with a line per
trial. MTurk's own table of results is read too: its column `Answer.csv` holds
such a CSV in each line. All that is not as planned is told in one line.
"""

import csv
import glob
import hashlib
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hdgan import outside
from hdgan.errors import Faults, InputError, counted, shown, visible
from hdgan.evaluation.study.plan import (
  CSV_COLUMNS,
  SENTINEL,
  Plan,
  Rule,
  Trial,
)

_MTURK = "Answer.csv"
_SIDES = ("left", "right")
_LEAVE_OUT = "leave it out"


class Answer(NamedTuple):
  """One decision of a participant.

  Attributes:
    participant: who decided.
    trial: its number within the participant's page, from 0.
    kind: "test", "sentinel" or "repeat".
    stem: of the label map.
    left: the method at the left.
    right: the method at the right.
    choice: "left" or "right".
    correct: of a sentinel, whether the spoilt picture was refused; else None.
    repeats: of a repeat, the trial that it repeats; else None.
    time_ms: how long both were to be shown; 0 for unlimited time.
    shown_ms: how long they were.
    frame_ms: between two pictures of the screen.
    hidden: whether the tab was hidden meanwhile.
    rt_ms: from the moment that an answer was possible to the answer.
  """

  participant: str
  trial: int
  kind: str
  stem: str
  left: str
  right: str
  choice: str
  correct: bool | None
  repeats: int | None
  time_ms: float
  shown_ms: float
  frame_ms: float
  hidden: bool
  rt_ms: float

  @property
  def chosen(self) -> str:
    """The method that was preferred."""
    return self.left if self.choice == "left" else self.right

  @property
  def seen_ms(self) -> float:
    """From the pictures to the answer, which may come once they are gone."""
    return self.rt_ms + (self.shown_ms if self.time_ms else 0)

  def mistimed(self, rule: Rule) -> bool:
    """Whether a limited time was not kept, or nobody looked."""
    off = abs(self.shown_ms - self.time_ms)
    late = off > rule.most_frames_off * self.frame_ms
    return self.time_ms > 0 and (late or self.hidden)


class Sheet(NamedTuple):
  """What one participant sent.

  Attributes:
    participant: who sent it.
    page: the page of the plan that was answered.
    code: that the page showed at the end: the first 8 digits of the SHA-256
      of what was sent, by which one sees whose it is.
    answers: to all trials of the page, in their order.
  """

  participant: str
  page: int
  code: str
  answers: tuple[Answer, ...]


def read_sheets(files: Sequence[str], plan: Plan) -> list[Sheet]:
  """Reads all answers.

  Args:
    files: paths, patterns such as `answers/*.csv`, and folders of CSVs.
    plan: of the study.

  Returns:
    By participant, whatever the order of files; at least one.

  Raises:
    InputError: with a line for everything that is not as planned.
  """
  faults, found = Faults(), dict[str, tuple[str, Sheet]]()
  for where, text in _sent(find_files(files), faults):
    try:
      sheet = _read_sheet(where, text, plan)
    except InputError as error:
      faults.add(str(error))
      continue
    first, _ = found.setdefault(sheet.participant, (where, sheet))
    if first != where:
      faults.add(
        f"{where}: participant {shown(sheet.participant)} is in {first} too; "
        f"{_LEAVE_OUT}"
      )
  faults.raise_any()
  return [sheet for _, (_, sheet) in sorted(found.items())]


def find_files(files: Sequence[str]) -> list[str]:
  """The files that paths, patterns and folders name.

  Args:
    files: such as `one.csv`, `answers/*.csv` or `answers`.

  Returns:
    Paths, each once.

  Raises:
    InputError: for one that names none.
  """
  found: dict[str, None] = {}
  for one in files:
    if os.path.isdir(one):
      paths = glob.glob(os.path.join(glob.escape(one), "*.csv"))
    else:
      paths = [one] if os.path.isfile(one) else glob.glob(one, recursive=True)
    if not paths:
      raise InputError(
        f"--analyse={visible(one)}: there is no such file; name the CSVs that "
        "participants sent, as in --analyse='answers/*.csv'"
      )
    found |= dict.fromkeys(sorted(paths))
  return [visible(path) for path in found]


def _sent(paths: Sequence[str], faults: Faults) -> Iterator[tuple[str, str]]:
  """What participants sent: how errors call it, and its text."""
  for path in paths:
    try:
      text = outside.read_text(path)
      table = _table(path, text)
    except InputError as error:
      faults.add(str(error))
      continue
    if table and _MTURK in table[0][1]:
      for line, row in table:
        yield f"{path}: line {line}: {_MTURK}", row[_MTURK]
    else:
      yield path, text


def _table(where: str, text: str) -> list[tuple[int, dict[str, str]]]:
  """The lines of a CSV below the first, by its heads, with their numbers."""
  lines = csv.reader(io.StringIO(text, newline=""), strict=True)
  try:
    table = [(lines.line_num, cells) for cells in lines if cells]
  except csv.Error as error:
    raise InputError(
      f"{where}: line {lines.line_num}: not CSV ({error}); {_LEAVE_OUT}"
    ) from error
  heads = table[0][1] if table else []
  for number, cells in table[1:]:
    if len(cells) != len(heads):
      raise InputError(
        f"{where}: line {number}: has {counted(len(cells), 'cell')} where the "
        f"first line has {len(heads)}; {_LEAVE_OUT}"
      )
  return [(n, dict(zip(heads, cells, strict=True))) for n, cells in table[1:]]


def _read_sheet(where: str, text: str, plan: Plan) -> Sheet:
  """What one participant sent.

  Raises:
    InputError: with the first line that is not as planned.
  """
  table = _table(where, text)
  if not table:
    raise InputError(f"{where}: holds no answers; {_LEAVE_OUT}")
  missing = [name for name in CSV_COLUMNS if name not in table[0][1]]
  if missing:
    raise InputError(
      f"{where}: has no column {missing[0]}; give the CSV as the study's page "
      "saved it"
    )
  first = table[0][1]
  if first["study"] != plan.study:
    raise InputError(
      f"{where}: is of study {shown(first['study'])}, the plan is of "
      f"{plan.study!r}; {_LEAVE_OUT} or name its --plan"
    )
  page = _number(where, first, "page", len(plan.pages))
  planned = plan.pages[page]
  faults, answers = list[str](), dict[int, Answer]()
  for line, row in table:
    at = f"{where}: line {line}"
    try:
      for name in ("study", "participant", "page"):
        if row[name] != first[name]:
          raise InputError(
            f"{at}: {name}={shown(row[name])}, the first line has "
            f"{shown(first[name])}; give a file for each participant"
          )
      number = _number(at, row, "trial", len(planned))
      answer = _answer(at, row, plan, planned[number])
      if number in answers:
        raise InputError(f"{at}: has trial {number} again; {_LEAVE_OUT}")
      answers[number] = answer
    except InputError as error:
      faults.append(str(error))
  if faults:
    rest = counted(len(faults) - 1, "more line is", "more lines are")
    raise InputError(faults[0] + (f" ({rest} wrong)" if faults[1:] else ""))
  if len(answers) < len(planned):
    raise InputError(
      f"{where}: has {len(answers)} of the {len(planned)} trials of page "
      f"{page}; {_LEAVE_OUT}"
    )
  return Sheet(
    participant=first["participant"],
    page=page,
    code=_code(text),
    answers=tuple(answers[trial] for trial in sorted(answers)),
  )


def _code(text: str) -> str:
  """The page's completion code; on their way lines may get other ends."""
  lines = text.replace("\r\n", "\n").strip("\n") + "\n"
  return hashlib.sha256(lines.encode()).hexdigest()[:8].upper()


def _answer(
  where: str, row: Mapping[str, str], plan: Plan, trial: Trial
) -> Answer:
  """The answer of one line."""
  if not row["participant"].strip():
    raise InputError(f"{where}: names no participant; {_LEAVE_OUT}")
  for side, planned in zip(_SIDES, (trial.left, trial.right), strict=True):
    if row[side] not in plan.pictures:
      raise InputError(
        f"{where}: {side}={shown(row[side])} is no picture of the plan; "
        f"{_LEAVE_OUT}"
      )
    if row[side] != planned:
      raise InputError(
        f"{where}: {side}={row[side]}, but trial {row['trial']} is planned "
        f"with {planned}; {_LEAVE_OUT}"
      )
  if _measured(where, row, "nominal_ms") != trial.ms:
    raise InputError(
      f"{where}: nominal_ms={row['nominal_ms']}, but trial {row['trial']} is "
      f"planned with {trial.ms:g}; {_LEAVE_OUT}"
    )
  if row["choice"] not in _SIDES:
    raise InputError(
      f"{where}: choice={shown(row['choice'])} must be left or right; "
      f"{_LEAVE_OUT}"
    )
  left, right = (plan.pictures[name] for name in (trial.left, trial.right))
  spoilt = left.blurred if row["choice"] == "left" else right.blurred
  return Answer(
    participant=row["participant"],
    trial=int(row["trial"]),
    kind=trial.kind,
    stem=left.stem,
    left=left.method,
    right=right.method,
    choice=row["choice"],
    correct=not spoilt if trial.kind == SENTINEL else None,
    repeats=trial.of,
    time_ms=trial.ms,
    shown_ms=_measured(where, row, "shown_ms", trial.ms),
    frame_ms=_measured(where, row, "frame_ms", trial.ms),
    hidden=row["hidden_tab"] not in ("", "0", "false"),
    rt_ms=_measured(where, row, "rt_ms"),
  )


def _number(where: str, row: Mapping[str, str], name: str, count: int) -> int:
  """A whole number from 0 to below `count`."""
  text = row[name].strip()
  if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < count:
    return int(text)
  raise InputError(
    f"{where}: {name}={shown(row[name])} is none of the plan's 0 to "
    f"{count - 1}; {_LEAVE_OUT}"
  )


def _measured(
  where: str, row: Mapping[str, str], name: str, needed: float = 1
) -> float:
  """Milliseconds; 0 where nothing was measured and it is not needed."""
  text = row[name].strip()
  if not text and not needed:
    return 0.0
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not 0 <= value < math.inf:
    raise InputError(
      f"{where}: {name}={shown(row[name])} is no number of milliseconds; "
      f"{_LEAVE_OUT}"
    )
  return value
