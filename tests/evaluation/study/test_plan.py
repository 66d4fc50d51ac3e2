import json
import re

import pytest

from hdgan.errors import InputError
from hdgan.evaluation.study import plan as plans
from hdgan.evaluation.study.plan import Picture, Plan, Rule, Trial

PLAN = Plan(
  study="0123456789abcdef",
  seed=7,
  methods=("ours", "photo"),
  real="photo",
  times=(0, 125),
  width=400,
  rule=Rule(2, least_median_rt_ms=250.0),
  pictures={
    "aa": Picture("ours", "street"),
    "bb": Picture("photo", "street"),
    "cc": Picture("ours", "street", blurred=True),
  },
  pages=(
    (
      Trial("test", "aa", right="bb", ms=125),
      Trial("repeat", "bb", right="aa", ms=125, of=0),
    ),
    (Trial("sentinel", "cc", right="bb", ms=0),),
  ),
)  # fmt: skip


def test_what_is_written_is_read(tmp_path):
  path = tmp_path / plans.FILE
  plans.write_plan(path, PLAN)
  assert plans.read_plan(path) == PLAN
  # What analysts of other programs rely on.
  data = json.loads(path.read_text())
  assert data["pictures"]["aa"] == {"method": "ours", "stem": "street"}
  assert data["pictures"]["cc"]["blurred"] is True
  assert data["pages"][0][1] == {
    "kind": "repeat", "left": "bb", "right": "aa", "ms": 125, "of": 0,
  }  # fmt: skip


def change(data, field, value):
  *path, last = re.findall(r"\w+", field)
  for key in path:
    data = data[int(key) if key.isdecimal() else key]
  data[int(last) if last.isdecimal() else last] = value


@pytest.mark.parametrize(
  ("field", "value", "said"),
  [
    ("kind", "other", "is no plan of a study"),
    ("version", 2, "version = 2 is not read here, only 1"),
    ("study", 3, "study = 3 must be a text"),
    ("methods", ["ours"], "must be two names or more"),
    ("methods", ["ours", "ours"], "must be two names or more"),
    ("real", "crn", "real = 'crn' is none of methods"),
    ("seed", True, "seed = True must be an integer"),
    ("times", [], "times = [] must be a list, each an integer"),
    ("times", [0.5], "must be a list, each an integer"),
    ("rule.most_sentinels", 1, "did you mean 'most_sentinels_wrong'?"),
    ("rule.most_frames_off", -1, "must be 0 or more"),
    ("pictures.aa", "ours", "picture 'aa' must be an object"),
    ("pictures.aa.method", "crn", "method = 'crn' is none of methods"),
    ("pictures.aa.blurred", 1, "blurred = 1 must be true or false"),
    ("pages[0]", {}, "must be a list, each a list"),
    ("pages[0][0]", 5, "page 0, trial 0 must be an object"),
    ("pages[1][0].kind", "tset", "page 1, trial 0: kind = 'tset' must be one"),
    ("pages[0][1].left", "dd", "page 0, trial 1: 'dd' is none of pictures"),
    ("pages[0][1].of", 1, "of = 1 must be an earlier trial"),
    ("pages[0][0].of", 0, "of = 0 must be an earlier trial"),
    ("pages[0][0].right", "cc", "page 0, trial 0: must show one stem by two"),
    ("pages[0][0].ms", "125", "page 0, trial 0: ms = '125' must be an integer"),
  ],
)
def test_a_changed_plan_is_refused_in_one_line(tmp_path, field, value, said):
  data = json.loads(plans.to_json(PLAN))
  change(data, field, value)
  path = tmp_path / plans.FILE
  path.write_text(json.dumps(data))
  with pytest.raises(InputError) as raised:
    plans.read_plan(path)
  text = str(raised.value)
  assert text.startswith(f"{path}: ") and said in text
  assert "\n" not in text and "; " in text
