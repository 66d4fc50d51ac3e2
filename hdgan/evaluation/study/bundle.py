"""A study as a folder: what is published, and beside it the plan.

`public/` holds one page and the pictures, and works on any host of files, or
opened from a disk. `plan.json` tells which picture is whose, and stays.
"""

import hashlib
import math
import pathlib
from collections.abc import Mapping, Sequence

from hdgan.datasets.prepared import progress_line
from hdgan.errors import InputError, counted
from hdgan.evaluation.study import stimuli
from hdgan.evaluation.study.assignment import (
  FARTHEST,
  Design,
  Item,
  Shown,
  check_design,
  make_pages,
)
from hdgan.evaluation.study.methods import REAL, Methods, read_rgb
from hdgan.evaluation.study.plan import (
  FILE,
  UNLIMITED,
  Picture,
  Plan,
  Rule,
  Trial,
  write_plan,
)
from hdgan.evaluation.study.regions import Region, draw_outlines
from hdgan.evaluation.study.trial_page import make_page
from hdgan.whole_files import whole_folder

PUBLIC, IMAGES = "public", "images"
TRIALS, SENTINELS = 100, 10  # Of a page, where there are pictures enough.


def design_of(
  methods: Methods,
  times: Sequence[int],
  *,
  trials: int | None = None,
  sentinels: int | None = None,
  pages: int = 50,
  seed: int = 0,
) -> Design:
  """What the study of some pictures is to hold.

  Args:
    methods: the pictures.
    times: in milliseconds, 0 for unlimited.
    trials: see `Design`; by default 100, or all comparisons if they are fewer.
    sentinels: likewise; by default 10, or one a map.
    pages: how many.
    seed: of all that is drawn.

  Returns:
    The design, which can be drawn.

  Raises:
    InputError: for what cannot be balanced.
  """
  names, stems = methods.names, len(methods.sizes)
  if trials is None:
    trials = min(TRIALS, math.comb(len(names), 2) * stems)
  if sentinels is None:
    sentinels = min(SENTINELS, stems)
  design = Design(
    methods=len(names),
    stems=stems,
    real=names.index(REAL) if REAL in names else None,
    times=tuple(times),
    trials=trials,
    sentinels=sentinels,
    pages=pages,
    seed=seed,
  )
  check_design(design)
  return design


def write_study(
  output: pathlib.Path,
  methods: Methods,
  design: Design,
  region: Region,
  width: int,
) -> Plan:
  """Writes the folder, whole or not at all.

  Args:
    output: must be missing or an empty folder.
    methods: the pictures.
    design: of the study.
    region: what of the pictures is judged.
    width: of a picture on the page in CSS pixels.

  Returns:
    The plan.

  Raises:
    InputError: for pictures that cannot be read, or a folder that is there.
  """
  check_output(output)
  pages = make_pages(design)
  data = _encode(methods, pages, region, width)
  stems = tuple(methods.sizes)
  named = {
    shown: stimuli.published_name(
      file, design.seed, methods.names[shown[0]], stems[shown[1]], shown[2]
    )
    for shown, file in data.items()
  }
  files = {named[shown]: file for shown, file in data.items()}
  plan = _plan(methods, design, pages, named, width)
  most = max(map(len, files.values()))
  with whole_folder(output, "--output", most * len(files)) as folder:
    (folder / PUBLIC / IMAGES).mkdir(parents=True)
    for name in sorted(files):  # Nor does the order tell anything.
      path = folder / PUBLIC / IMAGES / f"{name}.jpg"
      path.write_bytes(stimuli.padded(files[name], most))
    page = make_page(plan, outlined=region.outlines is not None)
    (folder / PUBLIC / "index.html").write_text(page, encoding="utf-8")
    write_plan(folder / FILE, plan)
  return plan


def check_output(output: pathlib.Path) -> None:
  """Refuses a folder with something in it, before anything is computed."""
  if output.exists() and (not output.is_dir() or any(output.iterdir())):
    raise InputError(
      f"--output={output} is there already; answers belong to one study, so "
      "none is written over: name a new folder"
    )


def _encode(
  methods: Methods,
  pages: Sequence[Sequence[Item]],
  region: Region,
  width: int,
) -> dict[Shown, bytes]:
  """All pictures that some page shows, as JPEG."""
  used = {p for page in pages for item in page for p in (item.left, item.right)}
  stems, data = tuple(methods.sizes), {}
  tell = progress_line("encoding pictures")
  for number, stem in enumerate(stems):
    own = sorted(shown for shown in used if shown[1] == number)
    objects = region.objects(stem, methods.sizes[stem]) if own else None
    for shown in own:
      path = methods.paths[methods.names[shown[0]]][stem]
      picture = stimuli.fitted(region.cut(read_rgb(path), stem), width)
      if shown[2]:
        picture = stimuli.blurred(picture)
      if objects is not None:
        picture = draw_outlines(picture, objects)
      data[shown] = stimuli.encoded(picture)
    tell(number + 1, len(stems))
  return data


def _plan(
  methods: Methods,
  design: Design,
  pages: Sequence[Sequence[Item]],
  named: Mapping[Shown, str],
  width: int,
) -> Plan:
  """The plan of what was drawn, under published names."""
  stems = tuple(methods.sizes)
  pictures = {
    name: Picture(
      methods.names[method], stem=stems[stem], blurred=is_blurred
    )
    for (method, stem, is_blurred), name in named.items()
  }  # fmt: skip
  trials = tuple(
    tuple(
      Trial(
        item.kind, named[item.left], right=named[item.right], ms=item.ms,
        of=item.of,
      )
      for item in page
    )
    for page in pages
  )  # fmt: skip
  return Plan(
    study=hashlib.sha256(repr((trials, width)).encode()).hexdigest()[:16],
    seed=design.seed,
    methods=methods.names,
    real=None if design.real is None else methods.names[design.real],
    times=design.times,
    width=width,
    rule=Rule(),
    pictures=dict(sorted(pictures.items())),
    pages=trials,
  )


def describe(design: Design, plan: Plan) -> list[str]:
  """What was built, in lines for people."""
  shown = [
    "unlimited" if ms == UNLIMITED else f"{ms / 1000:g} s" for ms in plan.times
  ]
  lines = [
    f"{counted(len(plan.pages), 'page')} of "
    f"{counted(design.trials, 'comparison')}, "
    f"{counted(design.sentinels, 'sentinel')} and "
    f"{counted(design.repeats, 'repeat')}; {', '.join(plan.methods)}; "
    f"{counted(design.stems, 'map')}; time: {', '.join(shown)}"
  ]
  if design.distance < FARTHEST:
    lines.append(
      f"only {counted(design.stems, 'map')}: one comes again after "
      f"{counted(design.distance, 'trial')} at the earliest, {FARTHEST} are "
      "usual"
    )
  if plan.real is None:
    lines.append(
      f"no method is called {REAL}: sentinels show a picture beside its own "
      "blurred copy"
    )
  return lines
