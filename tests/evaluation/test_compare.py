"""Evaluations side by side, and those that must not be."""

import copy
import json

import pytest

from hdgan.errors import InputError
from hdgan.evaluation.compare import compare


def evaluation(run="a", step=10, miou=0.4, kid=0.02, ranked=True):
  part = {"miou": miou, "accuracy": miou + 0.2}
  return {
    "protocol": {
      "name": "own-v1", "version": 1, "score_at": "image",
      "measures": [{"key": "segmentation", "segmenters": [{"kind": "own"}]}],
    },
    "data": {"split": "val", "n": 7, "sha256": "12ab"},
    "source": {"run": run, "step": step, "weights_sha256": "00"},
    "segmentation": [{
      "segmenter": "own", "ranked": ranked,
      "reason": "" if ranked else "the oracle is weak",
      "result": part, "oracle": {"miou": 0.8, "accuracy": 0.9},
      "share_of_oracle": {"miou": miou / 0.8, "accuracy": (miou + 0.2) / 0.9},
    }],
    "distances": [{"kid": {"value": kid}, "fid": {"value": 100 * kid}}],
  }  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  return tmp_path


def write(folder, *evaluations):
  names = [f"{'abc'[i]}.json" for i in range(len(evaluations))]
  for name, one in zip(names, evaluations, strict=True):
    (folder / name).write_text(json.dumps(one))
  return names


def test_the_best_comes_first(folder):
  names = write(folder, evaluation("one", miou=0.4),
                evaluation("two", step=20, miou=0.6, kid=0.5))  # fmt: skip
  found = compare(names)
  assert found.lines() == [
    "made by  step  n  mIoU   share   accuracy  share   KID      FID    file",
    "two      20    7  0.600  75.0 %  0.800     88.9 %  0.50000  50.00  b.json",
    "one      10    7  0.400  50.0 %  0.600     66.7 %  0.02000  2.00   a.json",
  ]
  files = found.files()
  said = json.loads(files["compare.json"])
  assert said["ranked"] and said["ranked_by"] == "share of the oracle's mIoU"
  assert [one["file"] for one in said["evaluations"]] == ["b.json", "a.json"]
  page = files["compare.html"].decode()
  assert page.index("b.json") < page.index("a.json") and "$" not in page


def test_without_a_segmenter_the_smaller_kid_is_better(folder):
  both = [evaluation(kid=0.2), evaluation(kid=0.1)]
  for one in both:
    del one["segmentation"]
  found = compare(write(folder, *both))
  assert [row[-1] for row in found.rows] == ["b.json", "a.json"]


def test_what_ranks_nothing_keeps_its_order(folder):
  found = compare(write(folder, evaluation(miou=0.1),
                        evaluation(miou=0.3, ranked=False)))  # fmt: skip
  assert [row[-1] for row in found.rows] == ["a.json", "b.json"]
  assert found.lines()[-1] == (
    "note: not ranked: b.json: own: the oracle is weak"
  )


def changed(**parts):
  one = copy.deepcopy(evaluation())
  for place, value in parts.items():
    below, *names = one, *place.split("__")
    for name in names[:-1]:
      below = below[int(name) if name.isdecimal() else name]
    if value is None:
      del below[names[-1]]
    else:
      below[names[-1]] = value
  return one


APART = {
  "protocol": (
    changed(protocol__measures__0__segmenters__0__kind="labels"),
    "b.json: protocol.measures[0].segmenters[0].kind is 'labels', in a.json "
    "'own': their numbers are not to be compared; evaluate both with the same "
    "flags and the same version of hdgan",
  ),
  "version": (
    changed(protocol__version=2),
    "b.json: protocol.version is 2, in a.json 1: their numbers are not to be "
    "compared; evaluate both with the same flags and the same version of hdgan",
  ),
  "more": (
    changed(protocol__measures__0__void=[3]),
    "b.json: protocol.measures[0].void[0] is 3, in a.json not there: their "
    "numbers are not to be compared; evaluate both with the same flags and the "
    "same version of hdgan",
  ),
  "data": (
    changed(data__sha256="99"),
    "b.json: data.sha256 is '99', in a.json '12ab': their numbers are not to "
    "be compared; evaluate both on the same maps and photos",
  ),
  "no evaluation": (
    changed(data=None),
    "b.json: is no evaluation of hdgan (it has no data); give files called "
    "evaluation.json, by --mode=evaluate",
  ),
  "half": (
    changed(segmentation__0__result=None),
    "--compare: not all of a.json, b.json are whole evaluations "
    "(\"'result'\"); evaluate anew",
  ),
}


@pytest.mark.parametrize("what", APART)
def test_what_is_never_put_side_by_side(folder, what):
  other, line = APART[what]
  with pytest.raises(InputError) as error:
    compare(write(folder, evaluation(), other))
  assert str(error.value) == line


def test_one_is_no_comparison(folder):
  names = write(folder, evaluation())
  with pytest.raises(InputError) as error:
    compare(names)
  assert str(error.value) == (
    "--compare=a.json: names 1 file, must name two or more evaluation.json "
    "files; add another"
  )
  with pytest.raises(InputError, match=r"no.json: cannot be read"):
    compare([*names, "no.json"])
