"""The one table of an experiment's fields, and a config's text forms.

A config is an `ml_collections.ConfigDict` made by a file in `configs/`. Field
names, types, defaults, bounds, what a resumed run may change and what the
released code calls it are all in `FIELDS` and `STAGE_FIELDS`; `validation`
checks them. A field's default is what runs did before it existed: reading an
older config fills it in.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from hdgan import whole_files
from hdgan.errors import InputError
from hdgan.outside import parse_json, read_text


@dataclasses.dataclass(frozen=True)
class Field:
  """One field of a config.

  Attributes:
    name: dotted, such as "data.root"; of a stage's field its last part.
    kind: bool, int, float or str; `(kind,)` for a tuple of any length.
    default: what a config that lacks the field means.
    meaning: one line for people.
    least: the smallest value, or None.
    below: what the value must stay under, or None.
    choices: the values that are allowed; () for all.
    option: what the released code calls it; an option that begins with "no_"
      holds the opposite. '' where it has no such thing, or where more than a
      copy is needed (`weights.original`).
    free: whether a run that is resumed may change it.
    local: whether it names a place on the machine, which is not published.
    shapes: whether it decides which arrays the networks have: another run's
      weights fit only where it is the same.
    once: values of before, also as a command line types them, each with what
      it is called now.
  """

  name: str
  kind: Any
  default: Any
  meaning: str = ""
  least: float | None = None
  below: float | None = None
  choices: tuple[Any, ...] = ()
  option: str = ""
  free: bool = False
  local: bool = False
  shapes: bool = False
  once: tuple[tuple[Any, Any], ...] = ()


class Typed(NamedTuple):
  """What a command line says of its config.

  Attributes:
    file: the config's, as typed or as it was filled in.
    fields: those that were typed, with their values.
    start: whether the file is the one to start from with data of one's own:
      what it says of the data nobody has decided yet.
  """

  file: str
  fields: Mapping[str, Any]
  start: bool


# fmt: off
FIELDS = (
  Field("seed", int, 0, meaning="of everything that is drawn", least=0),
  Field("batch_size", int, 1, least=1, option="batchSize",
        meaning="of all devices together"),
  Field("num_classes", int, 35, shapes=True, least=0,
        meaning="0: the label is itself a picture"),
  Field("ignore_label", int, -1, least=-1,
        meaning="its pixels get an all-zero vector; -1: none"),
  Field("max_instances", int, 0, least=0,
        meaning="bound on objects per picture; 0: the most found"),
  Field("boundary", bool, True, shapes=True,
        meaning="feed the instance boundary map"),
  Field("data.name", str, "paired_folder",
        meaning="of the data set, see hdgan/datasets/pipeline.py"),
  Field("data.root", str, "", option="dataroot", free=True, local=True,
        meaning="folder (or zip) of the data"),
  Field("data.variant", str, "",
        meaning="which classes of a published data set; '': its usual ones"),
  Field("data.split", str, "",
        meaning="which split of a published data set; '': its own"),
  Field("data.label_map", str, "", free=True, local=True,
        meaning="table from colours or numbers to classes; '': maps hold ids"),
  Field("data.instances", str, "folder",
        choices=("folder", "none", "components", "label*1000+id",
                 "coco_panoptic", "rgb24"),
        meaning="where object ids come from"),
  Field("data.store_size", int, 0, least=0,
        meaning="longer side at which copies keep pictures; 0: as they are"),
  Field("data.store", str, "files", choices=("files", "pixels"), free=True,
        meaning="what copies hold: the files, or pixels, read far quicker"),
  Field("data.prepared_dir", str, "", free=True, local=True,
        meaning="where prepared copies go; '': the user's cache folder"),
  Field("data.suffixes.label", str, "",
        meaning="what label maps' names end in; Cityscapes' are known"),
  Field("data.suffixes.instance", str, "", meaning="the same of instance maps"),
  Field("data.suffixes.image", str, "", meaning="the same of photos"),
  Field("data.transform", str, "resize",
        choices=("resize", "scale_width", "crop"),
        meaning="how pictures come to a stage's size; scale_width crops too"),
  Field("data.load_width", int, 0, least=0,
        meaning="width that scale_width scales to; 0: the stage's"),
  Field("data.flip", bool, True, option="no_flip",
        meaning="mirror half of the training pictures"),
  Field("data.warp_labels", float, 0.0, least=0, below=0.25,
        meaning="how far G's maps are bent in training, in shorter sides"),
  Field("data.workers", int, 2, least=0, free=True,
        meaning="threads that read and decode"),
  Field("data.label_channels", int, 3, shapes=True, least=1,
        meaning="of the label, with num_classes = 0"),
  Field("data.label_range", (float,), (0.0, 255.0),
        meaning="lowest and highest value of such a label"),
  Field("data.image_channels", int, 3, shapes=True, least=1,
        meaning="of the photos"),
  Field("data.image_range", (float,), (0.0, 255.0),
        meaning="lowest and highest value of the photos; becomes [-1, 1]"),
  Field("data.num_train", int, 0, least=0,
        meaning="synthetic_streets: streets to train on"),
  Field("data.num_val", int, 0, least=0,
        meaning="synthetic_streets: streets to hold out"),
  Field("data.size", (int,), (0, 0),
        meaning="synthetic_streets: height, width"),
  Field("generator.kind", str, "global", choices=("global", "unet", "crn"),
        shapes=True,
        meaning="global: the paper's G1 and enhancers; unet: pix2pix's; crn: "
        "Chen and Koltun's"),
  Field("generator.width", int, 64, shapes=True, least=1,
        meaning="G1's; enhancer k has width / 2**k; crn: its widest, 1024"),
  Field("generator.downsamples", int, 4, shapes=True, least=1,
        meaning="how often G1 halves the size"),
  Field("generator.blocks", int, 9, shapes=True, least=0,
        meaning="residual blocks of G1"),
  Field("generator.enhancer_blocks", int, 3, shapes=True, least=0,
        meaning="residual blocks of each enhancer"),
  Field("generator.pictures", int, 1, shapes=True, least=1,
        meaning="crn: how many G1 draws at once while it has no enhancer"),
  Field("generator.dropout", float, 0.0, least=0, below=1,
        meaning="of unet: share of three layers that is set to 0, at test too"),
  Field("discriminator.kind", str, "multiscale",
        choices=("multiscale", "pix2pix", "segmentation"), shapes=True,
        meaning="multiscale: the paper's D1, D2, ...; pix2pix: its one; "
        "segmentation: one that names each pixel's class, or calls it made"),
  Field("discriminator.width", int, 64, shapes=True, least=1,
        meaning="channels of each D's first convolution"),
  Field("discriminator.layers", int, 3, shapes=True, least=1,
        meaning="strided convolutions of each D; pairs of blocks of one that "
        "segments"),
  Field("encoder.enabled", bool, False, shapes=True,
        meaning="styles: E's features are an input of G"),
  Field("encoder.channels", int, 3, shapes=True, least=1,
        meaning="numbers per style"),
  Field("encoder.width", int, 16, shapes=True, least=1,
        meaning="of E at full size"),
  Field("encoder.downsamples", int, 4, shapes=True, least=1,
        meaning="how often E halves the size"),
  Field("loss.gan", str, "lsgan", choices=("lsgan", "bce", "none"),
        meaning="bce: sigmoid and cross-entropy; none: no D"),
  Field("loss.feature_matching", float, 10.0, least=0,
        meaning="weight; 0 leaves it out"),
  Field("loss.l1", float, 0.0, least=0,
        meaning="weight of the distance from the photo; 100 in pix2pix"),
  Field("loss.label_mix", float, 10.0, least=0,
        meaning="weight, of a D that segments; 0 leaves it out"),
  Field("loss.vgg", float, 10.0, least=0,
        meaning="weight; 0: the paper's variant without it"),
  Field("loss.vgg_form", str, "pix2pixhd", choices=("pix2pixhd", "crn"),
        meaning="which maps of VGG19 are compared, and how"),
  Field("loss.vgg_file", str, "", local=True,
        meaning="VGG19's weights, from hdgan.convert"),
  Field("optimizer.learning_rate", float, 2e-4, least=0, option="lr",
        meaning="of the first epochs of each stage"),
  Field("optimizer.beta1", float, 0.5, least=0, below=1, option="beta1",
        meaning="of Adam"),
  Field("optimizer.beta2", float, 0.999, least=0, below=1, meaning="of Adam"),
  Field("ema", float, 0.0, least=0, below=1,
        meaning="decay of the generator's moving average; 0: off"),
  Field("precision", str, "float32", choices=("float32", "bf16"),
        meaning="of the arithmetic; parameters are float32"),
  Field("mesh.data", int, 0, least=0, free=True,
        meaning="devices that share a batch; 0: most that divide it"),
  Field("mesh.space", int, 1, least=1, free=True,
        meaning="devices that share each picture, cut along its height"),
  Field("remat", str, "none", choices=("none", "norms", "networks"), free=True,
        once=((True, "norms"), (False, "none"), ("True", "norms"),
              ("False", "none")),
        meaning="what the backward pass computes anew to save memory: nothing; "
        "all but convolutions; each network too"),
  Field("shard_optimizer", bool, False, free=True,
        meaning="cut Adam's moments over the devices of mesh.data"),
  Field("accumulate", int, 1, least=1, free=True,
        meaning="parts of a batch that are worked on one after the other"),
  Field("max_skipped", int, 5, least=1, free=True,
        meaning="steps in a row that may be left out as not finite"),
  Field("init_from", str, "", local=True,
        meaning="workdir whose weights start this run"),
  Field("log_every", int, 100, least=1, free=True, meaning="steps"),
  Field("sample_every", int, 5000, least=1, free=True, meaning="steps"),
  Field("checkpoint_every", int, 5000, least=1, free=True, meaning="steps"),
  Field("keep", int, 3, least=1, free=True,
        meaning="checkpoints, besides the last of every stage"),
  Field("evaluate_every", int, 0, least=0, free=True,
        meaning="steps from one evaluation to the next; 0: none"),
  Field("evaluate_features", str, "", free=True, local=True,
        meaning="features whose distances it tells, as --features"),
  Field("keep_best", bool, False, free=True,
        meaning="keep the checkpoint that it finds best, too"),
)

STAGE_FIELDS = (
  Field("name", str, "global", meaning="for people; no two are alike"),
  Field("size", (int,), (512, 1024), meaning="height, width"),
  Field("enhancers", int, 0, choices=(0, 1, 2, 3), meaning="on top of G1"),
  Field("scales", int, 2, least=1, meaning="discriminators"),
  Field("trainable", (str,), ("G1",), meaning="networks that train besides D"),
  Field("constant", int, 100, least=0, option="niter",
        meaning="epochs at the full rate"),
  Field("decay", int, 100, least=0, option="niter_decay",
        meaning="epochs down to zero"),
)
# fmt: on


def set_field(config: Any, name: str, value: Any) -> None:
  """Sets a dotted field of an unlocked config, making what is above it."""
  *above, last = name.split(".")
  for part in above:
    if part not in config:
      config[part] = ConfigDict()
    config = config[part]
  config[last] = value


def has_field(config: Any, name: str) -> bool:
  """Whether a dotted field is there, or something stands in its way."""
  for part in name.split("."):
    if not isinstance(config, Mapping | ConfigDict):
      return True
    if part not in config:
      return False
    config = config[part]
  return True


def fill(config: Any) -> Any:
  """Sets the fields that a config lacks to their defaults.

  Args:
    config: as older versions wrote it; unlocked, changed in place.

  Returns:
    The config.
  """
  _fill(config, FIELDS)
  if "stages" not in config:
    config.stages = (ConfigDict(),)
  for stage in config.stages if isinstance(config.stages, tuple) else ():
    if isinstance(stage, ConfigDict):
      _fill(stage, STAGE_FIELDS)
  return config


def _fill(config: Any, fields: Iterable[Field]) -> None:
  for field in fields:
    if not has_field(config, field.name):
      set_field(config, field.name, field.default)
    elif field.once:
      _rename(config, field)


def _rename(config: Any, field: Field) -> None:
  """Calls a value of before what it is called now."""
  value = get(config, field.name)
  for old, new in field.once:
    # Not by ==: 1 is True in Python.
    if type(value) is type(old) and value == old:
      *above, last = field.name.split(".")
      within = get(config, ".".join(above)) if above else config
      del within[last]  # It may have had another type.
      within[last] = new


def defaults() -> ConfigDict:
  """An unlocked config of defaults: the published first stage."""
  return fill(ConfigDict())


def append_stages(config: ConfigDict, numbers: Iterable[int]) -> None:
  """Appends stages that are named by number, each a copy of the last one.

  Args:
    config: changed in place; may be locked.
    numbers: of stages; those that are there are left alone.

  Raises:
    InputError: for a number that would leave a gap.
  """
  stages = config.get("stages", ())
  if not isinstance(stages, tuple) or not stages:
    return  # Validation says what is wrong.
  for number in sorted(numbers):
    if number > len(stages):
      raise InputError(
        f"--config.stages[{number}]: there is no such stage, they count from "
        f"0; the next one to add is --config.stages[{len(stages)}].name=NAME"
      )
    if number == len(stages):
      stages = (*stages, ConfigDict(dict(stages[-1])))
  with config.unlocked():
    config.stages = stages


def network_differences(
  there: ConfigDict, here: ConfigDict
) -> list[tuple[str, Any, Any]]:
  """Fields that shape networks and differ, with both values.

  Args:
    there: config of the run that weights come from.
    here: config that is to use them, in any state; absent means the default.

  Returns:
    Field, value there, value here, in the order of `FIELDS`.
  """
  found = []
  kind = "generator.kind"
  crn = has_field(there, kind) and get(there, kind) == "crn"
  for field in FIELDS:
    old, new = (
      get(one, field.name) if has_field(one, field.name) else field.default
      for one in (there, here)
    )
    if field.name == "ignore_label":
      # CRN has a channel for pixels without a class, if there can be any.
      differ = crn and (old >= 0) != (new >= 0)
    else:
      differ = field.shapes and old != new
    if differ:
      found.append((field.name, old, new))
  return found


def take_networks(
  config: ConfigDict, there: ConfigDict, typed: Iterable[str]
) -> list[str]:
  """Takes over what shapes another run's networks, to start from its weights.

  Args:
    config: of the new run, changed in place; may be locked.
    there: config of the other run.
    typed: fields that the user set on the command line, which stay.

  Returns:
    What was taken, such as "generator.width 8".
  """
  kept, taken = set(typed), []
  for field, old, _ in network_differences(there, config):
    if field not in kept:
      with config.unlocked():
        set_field(config, field, old)
      taken.append(f"{field} {old}")
  return taken


def describe_fields() -> str:
  """The tables above in Markdown, as `configs/README.md` has them."""
  rows = ["| field | default | allowed | meaning |", "|---|---|---|---|"]
  for prefix, fields in (("", FIELDS), ("stages[i].", STAGE_FIELDS)):
    for field in fields:
      allowed = " or ".join(f"`{choice}`" for choice in field.choices)
      if field.least is not None:
        allowed = f"{field.least} or more"
      if field.below is not None:
        allowed += f", below {field.below}"
      rows.append(
        f"| `{prefix}{field.name}` | `{field.default!r}` | {allowed} | "
        f"{field.meaning} |"
      )
  return "\n".join(rows) + "\n"


def get(config: ConfigDict, field: str) -> Any:
  """Value of a dotted field such as "data.root"."""
  value: Any = config
  for name in field.split("."):
    value = value[name]
  return value


def units(enhancers: int, encoder: bool) -> tuple[str, ...]:
  """Names of the networks that one optimizer may train: G1, G2, ..., E."""
  names = tuple(f"G{k + 1}" for k in range(enhancers + 1))
  return (*names, "E") if encoder else names


def plain(value: Any) -> Any:
  """Turns ConfigDicts and tuples into dicts and lists, as JSON has them."""
  if isinstance(value, Mapping | ConfigDict):
    return {name: plain(item) for name, item in value.items()}
  if isinstance(value, tuple | list):
    return [plain(item) for item in value]
  return value


def _unplain(value: Any) -> Any:
  if isinstance(value, dict):
    return ConfigDict({name: _unplain(item) for name, item in value.items()})
  if isinstance(value, list):
    return tuple(_unplain(item) for item in value)
  return value


def to_json(config: ConfigDict) -> str:
  """Writes a config as indented JSON text."""
  return json.dumps(plain(config), indent=2) + "\n"


def from_json(text: str | bytes, name: str = "config") -> ConfigDict:
  """Reads what `to_json` wrote, also before some fields existed.

  Args:
    text: JSON of an object.
    name: how errors call it.

  Returns:
    A locked config with every field; equal to the validated config that was
    written.

  Raises:
    InputError: if it is none.
  """
  data = parse_json(text, dict, name)
  try:
    return lock(fill(_unplain(data)))
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise InputError(
      f"{name}: not a config of hdgan's ({error}); give one that it wrote"
    ) from error


def lock(config: ConfigDict) -> ConfigDict:
  """Locks a config and its stages: locking does not reach into tuples."""
  for stage in config.stages if isinstance(config.stages, tuple) else ():
    stage.lock()
  return config.lock()


def get_config(path: str) -> ConfigDict:
  """Reads a run's config.json; locked, with every field.

  Raises:
    InputError: if it is none.
  """
  return from_json(read_text(whole_files.path(path)), str(path))


def public(config: ConfigDict, keep_names: bool) -> dict[str, Any]:
  """A config as plain data without the paths of the machine.

  Args:
    config: of a run.
    keep_names: leave a path's last part rather than nothing.

  Returns:
    What can be published, as JSON has it.
  """
  copy = from_json(to_json(config)).unlock()
  for field in FIELDS:
    if field.local:
      name = pathlib.Path(get(copy, field.name)).name if keep_names else ""
      set_field(copy, field.name, name)
  return plain(copy)


def flatten(value: Any, path: str = "") -> dict[str, Any]:
  """Dotted names and values of all leaves, stages as `stages[0].size`."""
  if isinstance(value, Mapping | ConfigDict):
    items = [(f"{path}.{k}" if path else k, v) for k, v in value.items()]
  elif path == "stages":
    items = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
  else:
    return {path: value}
  return {k: v for name, item in items for k, v in flatten(item, name).items()}


def differences(one: ConfigDict, two: ConfigDict) -> list[tuple[str, Any, Any]]:
  """Fields in which two configs differ, by name, with both values."""
  was, now = flatten(one), flatten(two)
  absent = "not set"
  return [
    (field, was.get(field, absent), now.get(field, absent))
    for field in sorted(was.keys() | now.keys())
    if was.get(field, absent) != now.get(field, absent)
  ]


def learning_rate(base: float, constant: int, decay: int, epoch: Any) -> Any:
  """Rate in an epoch of a stage: constant, then linear towards zero.

  Args:
    base: rate of the first epochs, 2e-4 as published.
    constant: epochs at the full rate; one more runs at it, as released.
    decay: epochs until zero is reached, after the stage's last; or 0.
    epoch: counted from 1, an int or a traced int32.

  Returns:
    base * (1 - max(0, epoch - 1 - constant) / decay).
  """
  past = epoch - 1 - constant
  past = (past + abs(past)) / 2  # max(0, past), also of a traced value
  # With decay = 0 nothing is past, and 0 / 0 must not be.
  return base * (1.0 - past / max(decay, 1))
