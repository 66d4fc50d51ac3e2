"""One evaluation: what was asked for, all measures, and the file of results.

The same code serves `--mode=evaluate`, ablations, and what a training says of
itself.
"""

import dataclasses
import hashlib
import io
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from hdgan.datasets.transforms import Size
from hdgan.errors import InputError, near_names
from hdgan.evaluation import evaluation_page, protocols
from hdgan.evaluation.distances import Distances
from hdgan.evaluation.features import open_features
from hdgan.evaluation.measure import Measure, Pair
from hdgan.evaluation.onnx_segmenter import OnnxSegmenter
from hdgan.evaluation.own_segmenter import open_own
from hdgan.evaluation.perceptual import Diversity, Lpips, Perceptual
from hdgan.evaluation.predicted_labels import PredictedLabels
from hdgan.evaluation.segmentation import Segmentation, Segmenter
from hdgan.report.pictures import class_colors
from hdgan.styles.bank import class_names

FILE, MATRICES = "evaluation.json", "confusion.npz"
FILES = (MATRICES, evaluation_page.FILE, FILE)
KINDS = ("own", "labels:DIR", "onnx:FILE")  # Of segmenters.


@dataclasses.dataclass(frozen=True)
class Options:
  """What to measure, and how.

  Attributes:
    segmenter: "own", "labels:DIR", "onnx:FILE", any number.
    score_at: "image" brings maps to a picture's size, "label" predictions to
      the map's own.
    protocol: see `protocols`; what it fixes has been filled in.
    features: files of features whose distances are told, see `open_features`.
    lpips: a file of weights; '' leaves LPIPS out.
    draws: pictures of each map in styles drawn anew, whose LPIPS among one
      another is the diversity; 0 leaves it out.
  """

  segmenter: tuple[str, ...] = ()
  score_at: str = "image"
  protocol: str = protocols.CUSTOM
  features: tuple[str, ...] = ()
  lpips: str = ""
  draws: int = 0


@dataclasses.dataclass(frozen=True)
class Data:
  """What pictures were made of.

  Attributes:
    config: says where the data is and what its maps mean.
    classes: id, name, color, ignore, ...; () where nothing is known of them.
    split: its name, or that of a folder of maps.
    sizes: tells, when asked, of each map its own size and its picture's, by
      name.
    size: (H, W) at which a run makes pictures; None for its last stage's.
  """

  config: ConfigDict
  classes: Sequence[Mapping[str, Any]]
  split: str
  sizes: Callable[[], Mapping[str, tuple[Size, Size]]] = dict
  size: tuple[int, int] | None = None

  @property
  def names(self) -> list[str]:
    """Of the classes, by id."""
    return class_names(self.config, self.classes)

  @property
  def void(self) -> list[int]:
    """Ids of classes that are not scored."""
    ignored = {one["id"] for one in self.classes if one.get("ignore")}
    if self.config.ignore_label >= 0:
      ignored.add(self.config.ignore_label)
    return sorted(ignored)

  @property
  def things(self) -> list[int]:
    """Ids of classes whose objects are told apart."""
    return [one["id"] for one in self.classes if one.get("has_instances")]


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What came out.

  Attributes:
    result: what evaluation.json holds.
    measures: with what is no JSON: matrices, the worst and the best pictures.
    data: that was judged.
  """

  result: dict[str, Any]
  measures: Sequence[Measure]
  data: Data

  @property
  def segmentations(self) -> list[Segmentation]:
    """The measures of the entries of "segmentation", in their order."""
    return [one for one in self.measures if isinstance(one, Segmentation)]


def while_training(config: ConfigDict) -> Options:
  """What a training measures of itself (config.evaluate_every)."""
  own = ("own",) if config.num_classes else ()
  features = config.evaluate_features
  return Options(segmenter=own, features=(features,) if features else ())


def open_measures(options: Options, data: Data) -> list[Measure]:
  """Opens all measures that were asked for, before any picture is made.

  Raises:
    InputError: for what is missing or does not fit the data.
  """
  scored = set(range(data.config.num_classes)) - set(data.void)
  protocols.check_classes(options.protocol, len(scored))
  if options.draws and not options.lpips:
    raise InputError(
      f"--draws={options.draws} has no effect without --lpips=FILE, which "
      "tells how far pictures are from one another"
    )
  if options.draws == 1 or options.draws < 0:
    raise InputError(
      f"--draws={options.draws}: two pictures at least can be compared; say "
      "--draws=2"
    )
  if not (options.segmenter or options.features or options.lpips):
    raise InputError(
      "--mode=evaluate has nothing to measure; say --segmenter=own, "
      "--features=FILE or --lpips=FILE"
    )
  further: list[Measure] = [
    Distances(open_features(spec), reference=data.split)
    for spec in options.features
  ]
  if options.lpips:
    lpips = Lpips(options.lpips)
    further.append(Perceptual(lpips))
    further += [Diversity(lpips)] if options.draws else []
  # The one that may have to be trained comes after all that may be refused.
  order = sorted(options.segmenter, key=lambda spec: spec == "own")
  opened = {spec: open_segmenter(spec, data) for spec in order}
  return [
    *(
      Segmentation(opened[spec], data.names, void=data.void, things=data.things)
      for spec in options.segmenter
    ),
    *further,
  ]


def open_segmenter(spec: str, data: Data) -> list[Segmenter]:
  """Opens what `--segmenter` names.

  Args:
    spec: "KIND" or "KIND:FILE".
    data: whose classes it is to tell.

  Returns:
    One segmenter, or several of one kind.

  Raises:
    InputError: for an unknown kind, or a segmenter that does not fit.
  """
  kind, _, place = spec.partition(":")
  if not data.config.num_classes:
    raise InputError(
      f"--segmenter={spec}: labels of this data are pictures, not classes; "
      "leave it out"
    )
  if kind == "labels":
    folder = pathlib.Path(place).expanduser()
    return [
      PredictedLabels(
        folder, data.sizes(), classes=data.config.num_classes,
        ignored=data.config.ignore_label,
      )
    ]  # fmt: skip
  if kind == "onnx":
    path = str(pathlib.Path(place).expanduser())
    return [OnnxSegmenter(path, data.names, data.void)]
  if spec == "own":
    size = data.size or data.config.stages[-1].size
    return [
      *open_own(data.config, data.void, split=data.split, size=tuple(size))
    ]
  raise InputError(
    f"--segmenter={spec}: there is no such kind; {near_names(kind, KINDS)}"
  )


def evaluate(
  pairs: Iterable[Pair],
  measures: Sequence[Measure],
  data: Data,
  *,
  options: Options,
  source: Mapping[str, Any],
) -> Evaluation:
  """Shows all pairs to all measures.

  Args:
    pairs: of the whole split.
    measures: from `open_measures`.
    data: what the pairs were made of.
    options: what was asked for.
    source: what made the pictures: run, step and sum of weights, or a folder.

  Returns:
    The same numbers for the same pictures and maps.

  Raises:
    InputError: for a pair that cannot be judged, or too few.
  """
  count, total = 0, hashlib.sha256()
  for pair in pairs:
    count += 1
    height, width = pair.made.shape[:2]
    protocols.check_size(options.protocol, (height, width), pair.name)
    total.update(pair.name.encode())
    for array in (pair.label, pair.real):
      if array is not None:
        total.update(np.ascontiguousarray(array).tobytes())
    for measure in measures:
      measure.add(pair)
  results: dict[str, list[Any]] = {}
  for measure in measures:
    results.setdefault(measure.key, []).append(measure.result())
  result = {
    "protocol": {
      **protocols.find(options.protocol).settings,
      "score_at": options.score_at,
      "measures": [
        {"key": one.key, **one.settings} for one in measures
      ],
    },
    "data": {"split": data.split, "n": count, "sha256": total.hexdigest()},
    "source": dict(source),
    **results,
  }  # fmt: skip
  return Evaluation(result, measures, data)


def headline(result: Mapping[str, Any]) -> dict[str, float]:
  """The few numbers that a training tells of itself.

  Args:
    result: from `evaluate`.

  Returns:
    miou and accuracy, means over the segmenters, and kid and fid, where these
    were measured.
  """
  found = {}
  for name in ("miou", "accuracy"):
    of_each = [one["result"][name] for one in result.get("segmentation", ())]
    if of_each and None not in of_each:
      found[name] = float(np.mean(of_each))
  for one in result.get("distances", ())[:1]:
    found |= {name: one[name]["value"] for name in ("kid", "fid")}
  return found


def merit(numbers: Mapping[str, float]) -> float:
  """By which checkpoints are compared, the higher the better: mIoU, else KID.

  Args:
    numbers: from `headline`.
  """
  return numbers["miou"] if "miou" in numbers else -numbers["kid"]


def files(judged: Evaluation) -> dict[str, bytes]:
  """The files of an evaluation, by name.

  Args:
    judged: what came out.

  Returns:
    evaluation.json, and before it, with the matrices of classes, confusion.npz:
    `made_i` and `real_i`, [segmenters, N + 1, N + 1] int64, rows by truth, of
    the i-th entry of "segmentation"; and the page.
  """
  result, found = dict(judged.result), {}
  arrays = {
    f"{kind}_{i}": matrices
    for i, one in enumerate(judged.segmentations)
    for kind, matrices in one.matrices.items()
  }
  if arrays:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    # First: what the JSON names is there.
    found[MATRICES] = buffer.getvalue()
    total = hashlib.sha256(found[MATRICES]).hexdigest()
    result["confusion"] = {"file": MATRICES, "sha256": total}
  colors = class_colors(judged.data.classes, judged.data.config.num_classes)
  page = evaluation_page.make_page(result, judged.segmentations, colors)
  found[evaluation_page.FILE] = page.encode()
  return found | {FILE: f"{json.dumps(result, indent=1)}\n".encode()}
