"""The style bank of a run: `style_bank.safetensors` and a readable JSON.

The file keeps the centres (section 3.4), every object that they were made from,
and the SHA-256 sum of E's parameters: features of another E mean something
else, so its bank is refused.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import flax.traverse_util
import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from hdgan.errors import InputError, shown
from hdgan.outside import parse_json
from hdgan.styles.clusters import Styles
from hdgan.styles.file import StyleFile
from hdgan.whole_files import AnyPath, local_copy, whole_file, write_text

Array = np.ndarray

FILE = "style_bank.safetensors"
READABLE = "style_bank.json"
FORMAT = "hdgan style bank 1"
# The file's names of the arrays, and where a `StyleBank` keeps them.
TENSORS = {
  "styles.centers": ("styles", "centers"),
  "styles.labels": ("styles", "labels"),
  "styles.counts": ("styles", "counts"),
  "styles.spread": ("styles", "spread"),
  "styles.class_means": ("styles", "class_means"),
  "styles.class_counts": ("styles", "class_counts"),
  "styles.global_mean": ("styles", "global_mean"),
  "styles.members": ("styles", "members"),
  "objects.features": ("objects", "features"),
  "objects.labels": ("objects", "labels"),
  "objects.instances": ("objects", "instances"),
  "objects.pictures": ("objects", "picture_ids"),
  "objects.areas": ("objects", "areas"),
}
# Their axes: styles, channels, classes, objects; and their dtypes.
_SHAPES = {
  "styles.centers": "kc", "styles.labels": "k", "styles.counts": "k",
  "styles.spread": "k", "styles.class_means": "lc",
  "styles.class_counts": "l", "styles.global_mean": "c",
  "styles.members": "n", "objects.features": "nc", "objects.labels": "n",
  "objects.instances": "n", "objects.pictures": "n", "objects.areas": "n",
}  # fmt: skip
_FLOATS = (
  "styles.centers", "styles.spread", "styles.class_means",
  "styles.global_mean", "objects.features", "objects.areas",
)  # fmt: skip
# What `about` must tell, and of which type.
_TOLD: dict[str, Any] = {
  "encoder": str, "classes": list, "names": list, "num_styles": int,
  "min_area": (int, float), "seed": int, "step": int,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
  """Objects that E has seen, in the order of picture, class and id.

  Attributes:
    features: [n, C] float32, the mean of E's features over the object.
    labels: [n] int32 class ids.
    instances: [n] int64 original instance ids.
    picture_ids: [n] int32, which picture of the split.
    areas: [n] float32, share of the picture.
  """

  features: Float[Array, "n c"]
  labels: Int[Array, " n"]
  instances: Int[Array, " n"]
  picture_ids: Int[Array, " n"]
  areas: Float[Array, " n"]


@dataclasses.dataclass(frozen=True, eq=False)
class StyleBank:
  """Styles, the objects that they come from, and how they were made.

  Attributes:
    styles: of all classes.
    objects: of the training split.
    about: format, encoder (SHA-256), classes (names by id), num_styles,
      min_area, seed, step, config, and names of the pictures.
  """

  styles: Styles
  objects: Objects
  about: Mapping[str, Any]

  @functools.cached_property
  def digest(self) -> str:
    """SHA-256 sum of what style numbers and fallbacks stand for."""
    parts = (self.styles.centers, self.styles.labels, self.styles.class_means)
    return hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()

  @property
  def channels(self) -> int:
    """C, numbers per style."""
    return self.styles.centers.shape[1]

  def nearest(self, label: int, style: int, count: int) -> Int[Array, " n"]:
    """Indices of the objects nearest to a centre, among those it was made of.

    Args:
      label: class id.
      style: its number in the class.
      count: the most that are wanted.

    Returns:
      [<= count] indices into `objects`, the nearest first.
    """
    own = (self.objects.labels == label) & (self.styles.members == style)
    rows = np.flatnonzero(own)
    off = self.objects.features[rows] - self.styles.of_class(label)[style]
    order = np.argsort((off.astype(np.float64) ** 2).sum(axis=1), kind="stable")
    return rows[order[:count]]


def parameters_digest(params: Mapping[str, Any]) -> str:
  """SHA-256 sum over names, shapes and bytes of a network's float32 arrays."""
  total = hashlib.sha256()
  for name, leaf in sorted(
    flax.traverse_util.flatten_dict(params, sep="/").items()
  ):
    array = np.ascontiguousarray(leaf, np.float32)
    total.update(f"{name}{list(array.shape)}".encode())
    total.update(array.tobytes())
  return total.hexdigest()


def class_names(
  config: ConfigDict, classes: Sequence[Mapping[str, Any]]
) -> list[str]:
  """Names by class id: the run's own, else the ids; one class for pictures."""
  if not config.num_classes:
    return ["picture"]
  own = {entry["id"]: entry["name"] for entry in classes}
  return [own.get(i, str(i)) for i in range(config.num_classes)]


def save(workdir: AnyPath, bank: StyleBank) -> None:
  """Writes both files, each as a whole; equal banks give equal bytes."""
  arrays = {
    tensor: np.ascontiguousarray(getattr(getattr(bank, part), field))
    for tensor, (part, field) in TENSORS.items()
  }
  # A single entry: safetensors writes several in no fixed order.
  about = {"hdgan": json.dumps(dict(bank.about), sort_keys=True)}
  with whole_file(workdir / FILE) as draft:
    draft.write_bytes(safetensors.numpy.save(arrays, about))
  write_text(workdir / READABLE, json.dumps(readable(bank), indent=1) + "\n")


def move_aside(workdir: AnyPath) -> list[AnyPath]:
  """Frees the names of a bank's files: people may use its style numbers.

  Returns:
    Where they are now: `style_bank.old.json`, or `.old2` and so on.
  """
  files = [path for path in workdir.glob("style_bank.*") if path.is_file()]
  tags = (f"old{more}" for more in ("", *range(2, 1000)))
  tag = next(t for t in tags if not any(f".{t}." in p.name for p in files))
  return [
    path.rename(path.with_name(f"{path.stem}.{tag}{path.suffix}"))
    for path in sorted(files)
    if path.name.count(".") == 1
  ]


def readable(bank: StyleBank) -> dict[str, Any]:
  """What style_bank.json says: per class its styles and where to see them."""
  names, objects = bank.about["names"], bank.objects
  classes = []
  for label, name in enumerate(bank.about["classes"]):
    own = bank.styles.labels == label
    styles = [
      {
        "style": k,
        "center": short_floats(center),
        "objects": int(count),
        "spread": short_floats([spread])[0],
        "nearest": [
          {
            "picture": names[objects.picture_ids[i]],
            "object": int(objects.instances[i]),
          }
          for i in bank.nearest(label, k, 3)
        ],
      }
      for k, (center, count, spread) in enumerate(
        zip(
          bank.styles.centers[own], bank.styles.counts[own],
          bank.styles.spread[own], strict=True,
        )
      )
    ]  # fmt: skip
    classes.append({
      "id": label,
      "name": name,
      "objects": int(bank.styles.class_counts[label]),
      "objects_used": int(bank.styles.counts[own].sum()),
      "mean": short_floats(bank.styles.class_means[label]),
      "styles": styles,
    })  # fmt: skip
  about = {k: v for k, v in bank.about.items() if k not in ("classes", "names")}
  mean = short_floats(bank.styles.global_mean)
  return {
    **about, "bank": bank.digest, "mean": mean, "classes": classes
  }  # fmt: skip


def short_floats(values: Any) -> list[float]:
  """float32 values with the fewest digits that give the same float32 back."""
  return [float(str(np.float32(value))) for value in values]


def means_to_json(styles: Styles) -> dict[str, Any]:
  """What classes fall back on, as a checkpoint's JSON keeps it."""
  return {
    "classes": [short_floats(mean) for mean in styles.class_means],
    "counts": styles.class_counts.tolist(),
    "all": short_floats(styles.global_mean),
  }


def means_from_json(means: Mapping[str, Any]) -> Styles:
  """Reads what `means_to_json` gave: styles without a centre."""
  every = np.array(means["all"], np.float32)
  return Styles(
    centers=np.zeros((0, len(every)), np.float32),
    labels=np.zeros(0, np.int32),
    counts=np.zeros(0, np.int32),
    spread=np.zeros(0, np.float32),
    class_means=np.array(means["classes"], np.float32).reshape(-1, len(every)),
    class_counts=np.array(means["counts"], np.int32),
    global_mean=every,
    members=np.zeros(0, np.int32),
  )


def load(workdir: AnyPath) -> StyleBank | None:
  """Reads the bank of a run; None where it has none.

  Raises:
    InputError: if the file is damaged or of another kind.
  """
  path = workdir / FILE
  if not path.is_file():
    return None
  again = _again(path)
  try:
    with (
      local_copy(path) as copy,
      safetensors.safe_open(copy, "numpy") as file,
    ):
      text = (file.metadata() or {}).get("hdgan", "{}")
      names = TENSORS.keys() & set(file.keys())
      arrays = {name: file.get_tensor(name) for name in names}
    about = parse_json(text, dict, "its metadata")
  except Exception as error:  # Damaged files raise half a dozen kinds.
    raise InputError(f"{path}: cannot be read ({error}); {again}") from error
  fault = _about_fault(about) or _array_fault(about, arrays)
  if fault:
    raise InputError(f"{path}: {fault}; {again}")
  parts: dict[str, dict[str, np.ndarray]] = {"styles": {}, "objects": {}}
  for tensor, (part, field) in TENSORS.items():
    parts[part][field] = arrays[tensor]
  styles, objects = Styles(**parts["styles"]), Objects(**parts["objects"])
  return StyleBank(styles, objects, about)


def _about_fault(about: Mapping[str, Any]) -> str:
  """What is wrong with what a bank tells of itself, or ''."""
  if about.get("format") != FORMAT:
    return f"its format is {shown(about.get('format'))}, not {FORMAT!r}"
  for key, kind in _TOLD.items():
    if not isinstance(about.get(key), kind):
      return f"what it tells of {key!r} is {shown(about.get(key))}"
  if not all(isinstance(x, str) for x in (*about["classes"], *about["names"])):
    return "its classes and pictures must have names"
  return ""


def _array_fault(
  about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> str:
  """What is wrong with a bank's arrays, or ''."""
  axes = {"l": len(about["classes"])}
  for tensor, letters in _SHAPES.items():
    if tensor not in arrays:
      return f"there is no tensor {tensor!r} in it"
    array = arrays[tensor]
    dtypes = (np.float32,) if tensor in _FLOATS else (np.int32, np.int64)
    if array.dtype not in dtypes or array.ndim != len(letters):
      return f"{tensor!r} is {array.dtype}{list(array.shape)}"
    if not np.isfinite(array).all():
      return f"{tensor!r} holds numbers that are not finite"
    for letter, size in zip(letters, array.shape, strict=True):
      if axes.setdefault(letter, size) != size:
        return f"{tensor!r} has shape {list(array.shape)}, the others another"
  bounds = {
    "styles.labels": axes["l"], "objects.pictures": len(about["names"])
  }  # fmt: skip
  for tensor, most in bounds.items():
    array = arrays[tensor]
    if array.size and not 0 <= array.min() <= array.max() < most:
      return f"{tensor!r} leaves 0..{most - 1}"
  return ""


def check(
  bank: StyleBank, path: AnyPath, encoder: str, classes: Sequence[str]
) -> None:
  """Refuses a bank that was made with another E or for other classes.

  Args:
    bank: as loaded.
    path: names it in errors.
    encoder: SHA-256 sum of E's parameters; '' where E is not there.
    classes: names by id.

  Raises:
    InputError: naming both sides.
  """
  again = _again(path)
  made = bank.about["encoder"]
  if encoder and made != encoder:
    raise InputError(
      f"{path}: made with another encoder (SHA-256 {made[:12]}..., this "
      f"checkpoint's is {encoder[:12]}...); {again}, or name its --step="
      f"{bank.about['step']}"
    )
  there = list(bank.about["classes"])
  if there != list(classes):
    odd = [
      f"class {i}: {a!r} in the bank, {b!r} here"
      for i, (a, b) in enumerate(zip(there, classes, strict=False))
      if a != b
    ]
    raise InputError(
      f"{path}: made for other classes ("
      + "; ".join([f"{len(there)} there, {len(classes)} here", *odd[:3]])
      + f"); {again}"
    )


def _again(path: AnyPath) -> str:
  """How a bank is made again, as it is typed."""
  command = f"python -m hdgan.main --mode=styles --workdir={path.parent}"
  return f"make it again with `{command}`"


def check_numbers(file: StyleFile, bank: StyleBank | None) -> None:
  """Refuses numbers that another bank gave.

  Raises:
    InputError: if the file names the bank of its numbers and it is not this.
  """
  made = file.about.get("bank", "")
  numbers = any(
    isinstance(style, int)
    for table in (file.objects, file.classes)
    for style in table.values()
  )
  if made and numbers and bank is not None and made != bank.digest:
    raise InputError(
      f"{file.path}: its style numbers are of another style bank "
      f"({str(made)[:12]}..., this run's is {bank.digest[:12]}...); bring that "
      "bank back, or take the field 'bank' out to use this one's"
    )
