"""`evaluations.jsonl`: a line per evaluation, whatever happens between."""

import json
import pathlib

import pytest

from hdgan import whole_files
from hdgan.evaluation import history

RESULT = {
  "protocol": {"name": "own-v1", "version": 1},
  "data": {"split": "val", "n": 3, "sha256": "12ab"},
  "source": {"run": "mine", "step": 7},
  "distances": [{"kid": {"value": 0.5}, "fid": {"value": 9.0}}],
  "lpips": [{"mean": 0.25}],
}


@pytest.mark.parametrize("where", ["disk", "bucket"])
def test_a_line_each(where, tmp_path, request):
  place = tmp_path if where == "disk" else request.getfixturevalue("bucket")
  folder = whole_files.path(f"{place}/run/evaluations")
  for name in "ab":
    history.add(folder, RESULT, pathlib.Path("scores", name))
  lines = (folder / history.FILE).read_text().splitlines()
  one, two = map(json.loads, lines)
  assert (one["folder"], two["folder"]) == ("scores/a", "scores/b")
  assert one["protocol"] == "own-v1 1" and one["source"]["step"] == 7
  assert one["distances"] == [{"kid": 0.5, "fid": 9.0}]
  assert one["lpips"] == [0.25] and one["segmentation"] == []


def test_what_a_kill_tore_is_a_line_of_its_own(tmp_path):
  (tmp_path / history.FILE).write_text('{"utc": "20')
  history.add(tmp_path, RESULT, tmp_path)
  torn, whole = (tmp_path / history.FILE).read_text().splitlines()
  assert torn == '{"utc": "20' and json.loads(whole)["n"] == 3
