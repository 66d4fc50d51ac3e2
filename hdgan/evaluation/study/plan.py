"""plan.json: what was shown to whom, and by which rule answers count.

It is for the analyst. What is published knows pictures by meaningless names;
only the plan knows which method made which. It is written before anybody
answers, and so is the rule by which participants are left out.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from hdgan.errors import InputError, near_names, shown, visible
from hdgan.outside import read_json
from hdgan.whole_files import write_text

FILE = "plan.json"
KIND, VERSION = "hdgan study", 1
UNLIMITED = 0  # As a time in milliseconds.
TEST, SENTINEL, REPEAT = "test", "sentinel", "repeat"
KINDS = (TEST, SENTINEL, REPEAT)

# One line a trial of what participants send. Kinds are left to the plan: who
# reads the page's source should not find out which trials test attention.
CSV_COLUMNS = (
  "study",  # Plan.study
  "page",  # from 0
  "participant",  # the id in the address, or one that was drawn
  "trial",  # from 0, in the order of the page
  "left",  # names of the pictures
  "right",
  "nominal_ms",  # 0 where time was unlimited
  "shown_ms",  # as measured; till the answer where time was unlimited
  "frame_ms",  # the screen's, as measured before
  "choice",  # left or right
  "rt_ms",  # from the moment that an answer was possible
  "hidden_tab",  # 1 where another tab or window covered the page
  "width",  # of the window in CSS pixels
  "height",
  "dpr",  # pixels of the screen per CSS pixel
  "browser",
  "utc",  # of the answer
)


@dataclasses.dataclass(frozen=True)
class Rule:
  """Which participants, and which of their trials, are left out.

  Attributes:
    most_sentinels_wrong: more wrong sentinels than these leave one out.
    least_median_rt_ms: so does a median answer that comes sooner after the
      pictures came; where they are gone by then, their time counts too.
    most_frames_off: trials whose time was wrong by more are left out.
  """

  most_sentinels_wrong: int = 1
  least_median_rt_ms: float = 300.0
  most_frames_off: float = 1.5


@dataclasses.dataclass(frozen=True)
class Picture:
  """What a published picture is.

  Attributes:
    method: that made it.
    stem: of the map that it was made of.
    blurred: whether it is the one of a sentinel that nobody should prefer.
  """

  method: str
  stem: str
  blurred: bool = False


@dataclasses.dataclass(frozen=True)
class Trial:
  """Two pictures to choose from.

  Attributes:
    kind: "test", "sentinel" or "repeat".
    left: name of the picture that is shown there.
    right: likewise.
    ms: how long they are shown; 0 until the answer.
    of: which trial of the page a repeat shows again, sides swapped.
  """

  kind: str
  left: str
  right: str
  ms: int
  of: int | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
  """A study.

  Attributes:
    study: its id, 16 hexadecimal digits.
    seed: that it was drawn from.
    methods: names, in the order given.
    real: the one of them that holds the real photos, if any does.
    times: in milliseconds, 0 for unlimited.
    width: of a shown picture in CSS pixels.
    rule: what is left out.
    pictures: by published name.
    pages: of each its trials in the order that they are shown.
  """

  study: str
  seed: int
  methods: tuple[str, ...]
  real: str | None
  times: tuple[int, ...]
  width: int
  rule: Rule
  pictures: Mapping[str, Picture]
  pages: tuple[tuple[Trial, ...], ...]


def to_json(plan: Plan) -> str:
  """A plan as the text of plan.json; a trial takes a line."""
  head = dataclasses.asdict(plan)
  del head["pictures"], head["pages"]
  pictures = {
    name: _without(dataclasses.asdict(one), "blurred", False)
    for name, one in plan.pictures.items()
  }
  pages = [
    [_without(dataclasses.asdict(one), "of", None) for one in page]
    for page in plan.pages
  ]
  lines = [
    f" {json.dumps(key)}: {json.dumps(value)}"
    for key, value in {"kind": KIND, "version": VERSION, **head}.items()
  ]
  lines.append(f' "pictures": {{\n{_rows(pictures)}\n }}')
  texts = [",\n".join(f"  {json.dumps(one)}" for one in p) for p in pages]
  joined = ",\n".join(f" [\n{text}\n ]" for text in texts)
  lines.append(f' "pages": [\n{joined}\n ]')
  return "{\n" + ",\n".join(lines) + "\n}\n"


def _without(entry: dict[str, Any], key: str, default: Any) -> dict[str, Any]:
  """An entry without a key whose value is the default."""
  return {k: v for k, v in entry.items() if (k, v) != (key, default)}


def _rows(table: Mapping[str, Any]) -> str:
  return ",\n".join(
    f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in table.items()
  )


def write_plan(path: str | os.PathLike, plan: Plan) -> None:
  """Writes plan.json, whole or not at all."""
  write_text(path, to_json(plan))


def read_plan(path: str | os.PathLike) -> Plan:
  """Reads plan.json.

  Args:
    path: of the file.

  Returns:
    The plan, whose trials only name pictures that it knows.

  Raises:
    InputError: for another file, or one that was changed into no plan.
  """
  name = visible(os.fspath(path))
  data = read_json(path, dict)
  if data.get("kind") != KIND:
    raise InputError(
      f"{name}: is no plan of a study (kind = {shown(data.get('kind'), 40)}); "
      f"name the {FILE} that --mode=study wrote beside public/"
    )
  if data.get("version") != VERSION:
    raise InputError(
      f"{name}: version = {shown(data.get('version'), 40)} is not read here, "
      f"only {VERSION}; analyse it with the hdgan that wrote it"
    )
  try:
    return _plan(data)
  except ValueError as error:
    raise InputError(
      f"{name}: {error}; give the {FILE} as it was written"
    ) from error


def _plan(data: Mapping[str, Any]) -> Plan:
  """Checks all fields.

  Raises:
    ValueError: half a sentence that names the field.
  """
  methods = tuple(_list(data, "methods", str))
  if len(methods) < 2 or len(set(methods)) < len(methods):
    raise ValueError(
      f"methods = {shown(methods, 80)} must be two names or more"
    )
  real = data.get("real")
  if real is not None and real not in methods:
    raise ValueError(f"real = {shown(real, 40)} is none of methods")
  pictures = {
    key: _picture(key, entry, methods)
    for key, entry in _field(data, "pictures", dict).items()
  }
  pages = _list(data, "pages", list)
  return Plan(
    study=_field(data, "study", str),
    seed=_field(data, "seed", int),
    methods=methods,
    real=real,
    times=tuple(_list(data, "times", int)),
    width=_field(data, "width", int),
    rule=_rule(_field(data, "rule", dict)),
    pictures=pictures,
    pages=tuple(_page(i, page, pictures) for i, page in enumerate(pages)),
  )


def _field(data: Mapping[str, Any], key: str, kind: type) -> Any:
  """A field of a kind; True is no number."""
  value = data.get(key)
  if type(value) is not kind:
    raise ValueError(f"{key} = {shown(value, 40)} must be {_KINDS[kind]}")
  return value


_KINDS = {
  str: "a text", int: "an integer", dict: "an object", list: "a list",
  bool: "true or false",
}  # fmt: skip


def _list(data: Mapping[str, Any], key: str, kind: type) -> list[Any]:
  """A list with one entry or more, all of a kind."""
  values = _field(data, key, list)
  if not values or any(type(value) is not kind for value in values):
    raise ValueError(
      f"{key} = {shown(values, 40)} must be a list, each {_KINDS[kind]}"
    )
  return values


def _rule(data: Mapping[str, Any]) -> Rule:
  names = [field.name for field in dataclasses.fields(Rule)]
  for key, value in data.items():
    if key not in names:
      raise ValueError(
        f"rule has no {shown(key, 40)}; {near_names(key, names)}"
      )
    if type(value) not in (int, float) or value < 0:
      raise ValueError(f"rule.{key} = {shown(value, 40)} must be 0 or more")
  return Rule(**data)


def _picture(key: str, entry: Any, methods: Sequence[str]) -> Picture:
  if not isinstance(entry, dict):
    raise ValueError(f"picture {shown(key, 40)} must be an object")
  made = Picture(
    method=_field(entry, "method", str),
    stem=_field(entry, "stem", str),
    blurred=_field({"blurred": False, **entry}, "blurred", bool),
  )
  if made.method not in methods:
    raise ValueError(
      f"picture {shown(key, 40)}: method = {shown(made.method, 40)} is none "
      "of methods"
    )
  return made


def _page(
  number: int, page: Sequence[Any], pictures: Mapping[str, Picture]
) -> tuple[Trial, ...]:
  return tuple(
    _trial(f"page {number}, trial {i}", entry, pictures, i)
    for i, entry in enumerate(page)
  )


def _trial(
  where: str, entry: Any, pictures: Mapping[str, Picture], before: int
) -> Trial:
  """One trial; `before` trials of its page come before it."""
  if not isinstance(entry, dict):
    raise ValueError(f"{where} must be an object")
  try:
    trial = Trial(
      kind=_field(entry, "kind", str),
      left=_field(entry, "left", str),
      right=_field(entry, "right", str),
      ms=_field(entry, "ms", int),
      of=_field(entry, "of", int) if "of" in entry else None,
    )
  except ValueError as error:
    raise ValueError(f"{where}: {error}") from error
  if trial.kind not in KINDS:
    raise ValueError(
      f"{where}: kind = {shown(trial.kind, 40)} must be one of "
      f"{', '.join(KINDS)}"
    )
  for side in (trial.left, trial.right):
    if side not in pictures:
      raise ValueError(f"{where}: {shown(side, 40)} is none of pictures")
  if (trial.kind == REPEAT) != (trial.of is not None) or not (
    trial.of is None or 0 <= trial.of < before
  ):
    raise ValueError(
      f"{where}: of = {trial.of} must be an earlier trial, of repeats only"
    )
  left, right = pictures[trial.left], pictures[trial.right]
  if left.stem != right.stem or (
    trial.kind != SENTINEL and left.method == right.method
  ):
    raise ValueError(f"{where}: must show one stem by two methods")
  return trial
