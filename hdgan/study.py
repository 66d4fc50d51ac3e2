"""A human study: which of two pictures do people prefer?"""

import contextlib
import math
import pathlib
import re
from fractions import Fraction

from hdgan.errors import InputError, shown
from hdgan.evaluation.study import bundle
from hdgan.evaluation.study.methods import find_methods
from hdgan.evaluation.study.plan import FILE, UNLIMITED, Plan
from hdgan.evaluation.study.regions import find_region

LONGEST = 60.0  # Seconds that pictures are shown.
SHORTEST = 0.05  # Three frames of most screens.
WIDTHS = 100, 2000


def run(
  output: pathlib.Path,
  methods: list[str],
  times: list[str],
  trials: int,
  sentinels: int,
  pages: int,
  study_seed: int,
  crop: pathlib.Path | None,
  outline: str,
  input: str,
  width: int,
) -> None:
  """Runs `--mode=study`, its flags by name; see `build_study`."""
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
  trials: int,
  sentinels: int,
  pages: int,
  seed: int,
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
    trials: of a page, without sentinels and repeats.
    sentinels: of a page.
    pages: how many there are.
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
