"""`evaluations.jsonl` of a run: a line per evaluation, the newest last."""

import datetime
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from hdgan import whole_files
from hdgan.evaluation.evaluation_text import SCORES

FILE = "evaluations.jsonl"


def add(
  folder: pathlib.Path, result: Mapping[str, Any], place: pathlib.Path
) -> None:
  """Appends a line for an evaluation.

  Args:
    folder: that holds the file, on a disk or in a bucket; made when missing.
    result: what evaluation.json holds.
    place: the folder where that is.
  """
  line = json.dumps(line_of(result, place)) + "\n"
  if whole_files.is_remote(folder):  # Nothing can be appended to there.
    path = folder / FILE
    before = path.read_text() if path.exists() else ""
    whole_files.put(path, (before + line).encode())
    return
  with whole_files.locked(folder / FILE) as file:
    # What a kill tore is then a line of its own.
    end = file.seek(0, 2)
    file.seek(max(0, end - 1))
    torn = file.read(1) not in ("", "\n")
    file.write("\n" * torn + line)


def line_of(result: Mapping[str, Any], place: pathlib.Path) -> dict[str, Any]:
  """What the line says: when, of what, by which protocol, the main numbers."""
  protocol = result["protocol"]
  now = datetime.datetime.now(datetime.UTC)
  return {
    "utc": now.isoformat(timespec="seconds"),
    "folder": str(place),
    "protocol": f"{protocol['name']} {protocol['version']}",
    **result["data"],
    "source": result["source"],
    "segmentation": [
      {
        "segmenter": one["segmenter"],
        "ranked": one["ranked"],
        **{
          part: one[part] and {name: one[part][name] for name in SCORES}
          for part in ("result", "oracle", "share_of_oracle")
        },
      }
      for one in result.get("segmentation", ())
    ],
    "distances": [
      {name: one[name] and one[name]["value"] for name in ("kid", "fid")}
      for one in result.get("distances", ())
    ],
    **{
      key: [one["mean"] for one in result.get(key, ())]
      for key in ("lpips", "diversity")
    },
  }  # fmt: skip
