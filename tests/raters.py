"""Simulated raters of known strengths, for the tests of studies."""

import csv
import io
import itertools
import math

import numpy as np

from hdgan.evaluation.study.plan import CSV_COLUMNS
from hdgan.evaluation.study.statistics import Choices


def choose(
  rng, *, participants=20, stems=50, each=30, strengths=(0.6, 0.4),
  of_participants=0.0, of_stems=0.0,
):  # fmt: skip
  """Judgements by the model of Bradley and Terry.

  Args:
    rng: of what is shown and chosen.
    participants: how many there are.
    stems: how many there are.
    each: judgements of one participant, of as many stems.
    strengths: of the methods; pairs are shown in turn.
    of_participants: standard deviation, in log-odds, of what a participant
      adds to the first of each pair.
    of_stems: likewise of a stem.

  Returns:
    Choices with a column per pair, in the order of `pairs_of`.
  """
  pairs = np.array(pairs_of(len(strengths)))
  participant = np.repeat(np.arange(participants), each)
  stem = np.concatenate([rng.permutation(stems)[:each]
                         for _ in range(participants)])  # fmt: skip
  column = rng.permutation(np.arange(len(participant)) % len(pairs))
  logs = np.log(np.array(strengths))[pairs[column]]
  odds = logs[:, 0] - logs[:, 1]
  odds += rng.normal(0, of_participants, (participants, len(pairs)))[
    participant, column
  ]
  odds += rng.normal(0, of_stems, (stems, len(pairs)))[stem, column]
  first = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
  return Choices(participant, stem, column=column, first=first,
                 columns=len(pairs))  # fmt: skip


def pairs_of(methods):
  return list(itertools.combinations(range(methods), 2))


RULE = {
  "most_sentinels_wrong": 1, "least_median_rt_ms": 300, "most_frames_off": 1.5
}  # fmt: skip


def make_plan(methods=("ours", "crn", "real"), *, pages=3, trials=30, stems=12,
              times=(0,), sentinels=2, repeats=2):  # fmt: skip
  """A small plan.json, as a dict: tests in turn over pairs, stems and times."""
  name = {}
  for k, key in enumerate(itertools.product((*methods, None), range(stems))):
    name[key] = f"{k:016x}"
  pictures = {
    name[method, stem]: {"method": method or methods[-1], "stem": f"s{stem}"}
    | ({} if method else {"blurred": True})
    for method, stem in name
  }
  shown = itertools.cycle(
    (pair, time, flip)
    for flip in (0, 1)
    for time in times
    for pair in itertools.combinations(methods, 2)
  )
  every, book = itertools.count(), []
  for _ in range(pages):
    page = []
    for _ in range(trials):
      pair, time, flip = next(shown)
      left, right = (name[m, next(every) // 2 % stems] for m in pair)
      if flip:
        left, right = right, left
      page.append({"kind": "test", "left": left, "right": right, "ms": time})
    for k in range(sentinels):
      page.append({"kind": "sentinel", "left": name[methods[-1], k],
                   "right": name[None, k], "ms": times[-1]})  # fmt: skip
    for k in range(repeats):
      first = page[k]
      page.append(
        {
          "kind": "repeat",
          "left": first["right"],
          "right": first["left"],
          "ms": first["ms"],
          "of": k,
        }
      )
    book.append(page)
  return {
    "kind": "hdgan study", "version": 1, "study": f"{0x5d1e0c:016x}",
    "seed": 0, "methods": list(methods), "real": None, "times": list(times),
    "width": 400, "rule": RULE, "pictures": pictures, "pages": book,
  }  # fmt: skip


def preferred(rng, plan, trial, strengths, slow_ms=0):
  """The side that a rater chooses.

  Args:
    rng: of the rater.
    plan: a plan.json, read.
    trial: one of its.
    strengths: by method.
    slow_ms: with a limited time, log-odds shrink as 1 - exp(-time / slow_ms).

  Returns:
    "left" or "right"; of a sentinel the picture that is not spoilt.
  """
  left, right = (plan["pictures"][trial[side]] for side in ("left", "right"))
  if trial["kind"] == "sentinel":
    return "right" if left.get("blurred") else "left"
  odds = math.log(strengths[left["method"]] / strengths[right["method"]])
  if trial["ms"] and slow_ms:
    odds *= 1 - math.exp(-trial["ms"] / slow_ms)
  return "left" if rng.random() < 1 / (1 + math.exp(-odds)) else "right"


def answers_of(rng, plan, page, participant, strengths, slow_ms=0):
  """Rows of a participant's CSV, as dicts."""
  return [
    {
      "study": plan["study"],
      "page": page,
      "participant": participant,
      "trial": k,
      "left": trial["left"],
      "right": trial["right"],
      "nominal_ms": trial["ms"],
      "shown_ms": trial["ms"] + 8.3 if trial["ms"] else "",
      "frame_ms": 16.7,
      "choice": preferred(rng, plan, trial, strengths, slow_ms),
      "rt_ms": round(400 + 900 * rng.random()),
      "hidden_tab": 0,
      "width": 1280, "height": 720, "dpr": 1, "browser": "Mozilla/5.0, a test",
      "utc": "2026-01-01T00:00:00Z",
    }
    for k, trial in enumerate(plan["pages"][page])
  ]  # fmt: skip


def as_csv(rows):
  """A CSV as a participant sends it."""
  text = io.StringIO(newline="")
  writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  return text.getvalue()
