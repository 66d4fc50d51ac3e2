"""Which classes of all of ADE20K have how many pixels."""

import concurrent.futures
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets import files, prepared
from hdgan.datasets.examples import ExampleFiles, Part
from hdgan.datasets.files_builder import fingerprint
from hdgan.errors import InputError
from hdgan.outside import parse_json


def class_ids(name: str, picture: bytes) -> np.ndarray:
  """Reads the classes [H, W] int32 of a `*_seg.png`; 0 is none."""
  rgb = files.read_picture(picture, 3, name).astype(np.int32)
  if (rgb[..., 0] % 10).any():
    raise InputError(
      f"{name}: red values that are not of tens are no classes of this "
      "release; take the file as it was downloaded"
    )
  return rgb[..., 0] // 10 * 256 + rgb[..., 1]


def count_classes(
  config: ConfigDict,
  examples: Sequence[ExampleFiles],
  jsons: Mapping[str, Part],
) -> tuple[dict[int, int], dict[int, str]]:
  """Counts the pixels of each class and collects their names.

  All pictures are read for it, once: what was found is kept beside the
  prepared copies.

  Args:
    config: of the experiment.
    examples: whose labels are `*_seg.png`.
    jsons: the JSON files beside them, by stem; some may be missing.

  Returns:
    Pixels by class (0, which is none, left out), and names.

  Raises:
    InputError: for a picture that is damaged.
  """
  folder = prepared.copies_folder(config.data.prepared_dir)
  path = folder / "ade20k_classes" / f"{fingerprint({'': examples})}.json"
  record = prepared.load_record(path)
  if record.keys() != {"pixels", "names"}:
    jobs = [(one.label, jsons.get(one.stem)) for one in examples]
    pixels, names = _counted(config, jobs)
    record = {
      "pixels": {str(id): n for id, n in sorted(pixels.items())},
      "names": {str(id): name for id, name in sorted(names.items())},
    }
    # A place that is only read is no reason to stop.
    with contextlib.suppress(InputError):
      prepared.save_record(path, record)
  return (
    {int(id): n for id, n in record["pixels"].items()},
    {int(id): name for id, name in record["names"].items()},
  )


def _counted(
  config: ConfigDict, jobs: Sequence[tuple[Part, Part | None]]
) -> tuple[Counter[int], dict[int, str]]:
  """Reads all the pictures: sums of pixels, and names."""
  pixels: Counter[int] = Counter()
  names: dict[int, str] = {}
  tell = prepared.progress_line(f"counting the classes of {config.data.root}")
  workers = max(1, config.data.workers)
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    try:
      for i, (some, called) in enumerate(pool.map(_look, jobs)):
        pixels.update(some)
        names |= called
        tell(i + 1, len(jobs))
    except BaseException:
      # Leaving the block would wait for every picture that is queued.
      pool.shutdown(cancel_futures=True)
      raise
  return pixels, names


def _look(job: tuple[Part, Part | None]) -> tuple[dict[int, int], dict]:
  """Counts the pixels of one picture's classes and names them."""
  seg, described = job
  ids, counts = np.unique(class_ids(seg.name, seg.read()), return_counts=True)
  pixels = dict(zip(ids.tolist(), counts.tolist(), strict=True))
  pixels.pop(0, None)
  return pixels, _names(described) if described else {}


def _names(described: Part) -> dict[int, str]:
  """Names of the classes that a picture's JSON file tells of.

  They are for people: of a file that cannot be read there are none.
  """
  try:
    text = described.read().decode("utf-8", "replace")
    found = parse_json(text, dict, described.name)
    return {
      int(one["name_ndx"]): str(one["name"])
      for one in found["annotation"]["object"]
    }
  except (InputError, KeyError, TypeError, ValueError):
    return {}
