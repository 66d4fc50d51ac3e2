"""Edges and photos: the folder that `hdgan.datasets.edges` fills.

Reads `train_A/` (edge maps of one channel) and `train_B/` (photos), likewise
`val_` or `test_` for what is held out; `edges.json` beside them tells by which
method and settings each folder's edges were made. Where these differ between
the splits, what is held out says nothing of the model.
"""

import json
from typing import Any

from ml_collections import ConfigDict

from hdgan import whole_files
from hdgan.datasets.downloads import listing
from hdgan.datasets.downloads.aligned_pairs import picture_faults
from hdgan.datasets.examples import Found
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.errors import raise_faults, shown
from hdgan.outside import read_json

RECORD = "edges.json"


class Edges(PairedFolder):
  """TFDS builder over `<split>_A/` of edges and `<split>_B/` of photos."""

  @classmethod
  def find(cls, config: ConfigDict) -> Found:
    """Lists and pairs the files; reads `edges.json`.

    Raises:
      InputError: without a root, for an unknown variant or split, a record
        that is damaged, and fields that do not fit: by those the pictures
        would be misunderstood.
    """
    listing.choose(config, "variant", {"": None})
    listing.choose(config, "split", {"": None})
    raise_faults(picture_faults(config, channels=1))
    found = super().find(config)
    told, notes = _record(config, list(found.splits))
    return Found(
      found.splits,
      faults=(*found.faults, *told),
      notes=tuple(n for n in found.notes if "boundaries" not in n) + notes,
    )


def _record(
  config: ConfigDict, splits: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """Faults and notes on how the edges of the splits were made."""
  path = whole_files.path(config.data.root).expanduser() / RECORD
  if not path.is_file():
    return (), (
      f"{path}: not there: nothing tells how the edges were made; make them "
      "with python -m hdgan.datasets.edges",
    )
  records = read_json(path, dict)
  made = {split: _settings(records.get(f"{split}_A")) for split in splits}
  if len({json.dumps(one, sort_keys=True) for one in made.values()}) > 1:
    each = ", ".join(f"{s}_A by {shown(one, 80)}" for s, one in made.items())
    return (
      f"{path}: edges of the splits were not made alike: {each}; make them "
      "anew by one method",
    ), ()
  return (), ()


def _settings(record: Any) -> Any:
  """How a folder's edges were made, but for the file of its landmarks."""
  settings = record.get("settings") if isinstance(record, dict) else None
  if not isinstance(settings, dict):
    return None
  return {k: v for k, v in settings.items() if k != "landmarks_sha256"}
