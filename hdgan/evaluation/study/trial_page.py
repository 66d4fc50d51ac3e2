"""The page that participants see: one file, and the pictures beside it.

It knows pictures by their published names, and no more of the plan: not which
method made which, nor which trials test attention.
"""

import json
import pathlib

from hdgan.evaluation.study.plan import UNLIMITED, Plan
from hdgan.report.pages import fill_page

_ANSWERS = pathlib.Path(__file__).with_name("answers.js")
_SHORT = """<li>Look at the cross in the middle. Two pictures appear beside it,
for a moment or for some seconds, and vanish.</li>"""
_LONG = """<li>Look at the cross in the middle. Two pictures appear beside
it.</li>"""
_BOTH = """<li>Look at the cross in the middle. Two pictures appear beside it.
Some vanish after a moment, others stay until you choose.</li>"""
_CHOOSE = """<li>Choose the one that {looks}: press <kbd>F</kbd> for the left
one, <kbd>J</kbd> for the right one, or the buttons.{time}</li>
<li>Where you are not sure, choose what comes first to your mind.</li>"""


def make_page(plan: Plan, outlined: bool = False) -> str:
  """Makes index.html of a study.

  Args:
    plan: of the study.
    outlined: whether objects are outlined that are to be judged.

  Returns:
    The page.
  """
  names = sorted(plan.pictures)
  number = {name: i for i, name in enumerate(names)}
  pages = [
    [[number[one.left], number[one.right], one.ms] for one in page]
    for page in plan.pages
  ]
  study = {
    "study": plan.study, "width": plan.width, "pictures": names, "pages": pages,
  }  # fmt: skip
  looks = "looks more natural"
  if outlined:
    looks = "looks more natural inside the yellow lines"
  unlimited = UNLIMITED in plan.times
  appear = _LONG if unlimited else _SHORT
  if unlimited and len(plan.times) > 1:
    appear = _BOTH
  time = " Take the time that you need." if plan.times == (UNLIMITED,) else ""
  return fill_page(
    __file__,
    task=f"You see two pictures at a time and choose the one that {looks}:",
    steps=f"{appear}\n{_CHOOSE.format(looks=looks, time=time)}",
    question=f"Which picture {looks}?",
    study=json.dumps(study, separators=(",", ":")),
    answers=_ANSWERS.read_text(encoding="utf-8"),
  )
