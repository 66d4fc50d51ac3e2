"""A human study: which of two pictures do people prefer?

The folder that is published, and what the answers say that come back.
"""

import contextlib
import json
import math
import pathlib
import re
from fractions import Fraction
from typing import Any

from hdgan.errors import InputError, shown
from hdgan.evaluation.study import bundle
from hdgan.evaluation.study.analysis import analyse
from hdgan.evaluation.study.analysis_page import make_page
from hdgan.evaluation.study.analysis_text import as_lines
from hdgan.evaluation.study.answers import read_sheets
from hdgan.evaluation.study.methods import find_methods
from hdgan.evaluation.study.plan import FILE, UNLIMITED, Plan, read_plan
from hdgan.evaluation.study.regions import find_region
from hdgan.rendering.output_folder import OutputFolder

LONGEST = 60.0  # Seconds that pictures are shown.
SHORTEST = 0.05  # Three frames of most screens.
WIDTHS = 100, 2000
ANALYSIS, ANALYSIS_PAGE = "analysis.json", "analysis.html"


def run(
  output: pathlib.Path,
  methods: list[str],
  times: list[str],
  trials: int | None,
  sentinels: int | None,
  pages: int,
  study_seed: int,
  crop: pathlib.Path | None,
  outline: str,
  input: str,
  width: int,
  analyse: list[str],
  plan: pathlib.Path | None,
  overwrite: bool,
) -> None:
  """Runs `--mode=study`, its flags by name: builds one, or analyses one.

  Raises:
    InputError: for flags of both or of neither.
  """
  if not (methods or analyse):
    raise InputError(
      "--mode=study needs --methods=NAME=FOLDER,... to build a study, or "
      f"--analyse='answers/*.csv' --plan={FILE} to analyse one"
    )
  if analyse:
    if plan is None:
      raise InputError(
        f"--analyse needs --plan={FILE}, which the study was built with"
      )
    analyse_study(analyse, plan, output, overwrite)
    return
  for flag, value in (("plan", plan), ("overwrite", overwrite)):
    if value:
      raise InputError(
        f"--{flag} has no effect without --analyse; leave it out"
      )
  build_study(
    output, methods, times,
    trials=trials, sentinels=sentinels, pages=pages, seed=study_seed,
    crop=crop, outline=outline, maps=input, width=width,
  )  # fmt: skip
  page = output / bundle.PUBLIC / "index.html"
  print(
    f"publish {page.parent} (try {page.absolute().as_uri()}?page=0); keep "
    f"{output / FILE}, which tells whose each picture is"
  )


def build_study(
  output: pathlib.Path,
  methods: list[str],
  times: list[str],
  *,
  trials: int | None = None,
  sentinels: int | None = None,
  pages: int = 50,
  seed: int = 0,
  crop: pathlib.Path | None = None,
  outline: str = "",
  maps: str = "",
  width: int = 400,
) -> Plan:
  """Writes a study to publish, and its plan.

  Args:
    output: folder to make.
    methods: NAME=FOLDER each; the one called real holds photos.
    times: "unlimited", or seconds such as 0.125 or 1/8.
    trials: of a page, without sentinels and repeats; these four as in
      `bundle.design_of`.
    sentinels: of a page.
    pages: how many.
    seed: of all that is drawn.
    crop: file of boxes to which pictures are cut.
    outline: class whose objects are outlined.
    maps: folder of label maps, for `outline`.
    width: at which pictures are shown, in CSS pixels.

  Returns:
    The plan.

  Raises:
    InputError: for what does not go together, in one line.
  """
  bundle.check_output(output)
  milliseconds = [read_time(time) for time in times]
  if len(set(milliseconds)) < max(1, len(times)):
    raise InputError(f"--times={','.join(times)}: times must differ")
  if not WIDTHS[0] <= width <= WIDTHS[1]:
    raise InputError(
      f"--width={width} must be {WIDTHS[0]} to {WIDTHS[1]} CSS pixels"
    )
  found, region = find_region(find_methods(methods), crop, outline, maps)
  design = bundle.design_of(
    found, milliseconds,
    trials=trials, sentinels=sentinels, pages=pages, seed=seed,
  )  # fmt: skip
  plan = bundle.write_study(output, found, design, region, width)
  print("\n".join(bundle.describe(design, plan)))
  return plan


def analyse_study(
  files: list[str],
  plan: pathlib.Path,
  output: pathlib.Path,
  overwrite: bool = False,
) -> dict[str, Any]:
  """Writes analysis.json and analysis.html, and prints what they say in short.

  Args:
    files: of answers: paths, patterns, or folders of CSVs.
    plan: plan.json of the study.
    output: folder to write to.
    overwrite: replace those that an earlier analysis wrote.

  Returns:
    What analysis.json holds.

  Raises:
    InputError: for what is not of the plan, a line each; nothing is written.
  """
  folder = OutputFolder(output, [ANALYSIS, ANALYSIS_PAGE], overwrite)
  study = read_plan(plan)
  found = analyse(study, read_sheets(files, study))
  folder.text(ANALYSIS, json.dumps(found, indent=2, allow_nan=False) + "\n")
  folder.text(ANALYSIS_PAGE, make_page(found))
  print("\n".join(as_lines(found)))
  print(f"page: {output / ANALYSIS_PAGE}")
  return found


def read_time(text: str) -> int:
  """Reads one of `--times`.

  Args:
    text: "unlimited", or seconds.

  Returns:
    Milliseconds, 0 for unlimited.

  Raises:
    InputError: for anything else.
  """
  if text.strip().lower() == "unlimited":
    return UNLIMITED
  seconds = math.nan
  if re.fullmatch(r"[\d.]{1,12}(/[1-9]\d{0,5})?", text.strip()):
    with contextlib.suppress(ValueError):
      seconds = float(Fraction(text))
  if not SHORTEST <= seconds <= LONGEST:
    raise InputError(
      f"--times: {shown(text, 40)} must be unlimited or "
      f"{SHORTEST} to {LONGEST:g} seconds, such as 0.125 or 1/8"
    )
  return round(1000 * seconds)
