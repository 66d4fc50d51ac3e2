"""Starts hdgan: `python -m hdgan.main --config=... --workdir=... [--mode=...]`.

The only command-line flags of the modes are here. A bad flag, config or input,
a full disk or a folder that is gone end in one line and exit status 2.
"""

import ast
import dataclasses
import importlib
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict
from ml_collections.config_flags import config_flags

from hdgan import config as config_lib
from hdgan import interrupts, whole_files
from hdgan.devices import compile_cache, host_memory, processes
from hdgan.devices.place import find_place
from hdgan.errors import InputError, Terminated, ending
from hdgan.outside import check_path
from hdgan.styles.clusters import MIN_AREA, NUM_STYLES

FLAGS = flags.FLAGS
BEST = "best"  # In the place of a step: the one that config.keep_best kept.
STEP = ".safetensors"  # Of steps for --replay, which have their config inside.


class _PathParser(flags.ArgumentParser):
  """Turns a flag's text into a path; no text is no path."""

  def __init__(self, buckets: bool = False):
    self._buckets = buckets

  def parse(self, argument: str | pathlib.Path) -> pathlib.Path | None:
    text = str(argument)
    if "://" in text and not self._buckets:
      raise InputError(
        f"{text}: only --workdir (and --replay) may lie in a bucket; name a "
        "folder on a disk"
      )
    return whole_files.path(argument) if text else None


class _StepParser(flags.IntegerParser):
  """Turns a number into an integer and leaves `best` as it is."""

  def convert(self, argument: Any) -> Any:
    return argument if argument == BEST else super().convert(argument)

  def is_outside_bounds(self, val: Any) -> bool:
    return val != BEST and super().is_outside_bounds(val)


class _TupleParser(flags.ArgumentParser):
  """Turns `64,64`, `(64, 64)`, `G1,E` or `("G1", "E")` into a tuple."""

  def parse(self, argument: Any) -> tuple[Any, ...]:
    if isinstance(argument, tuple):
      return argument
    try:
      value = ast.literal_eval(argument)
    except (SyntaxError, ValueError):  # Names of networks, without quotes.
      words = [
        word.strip(" \"'") for word in argument.strip("()[] ").split(",")
      ]
      return tuple(word for word in words if word)
    return tuple(value) if isinstance(value, tuple | list) else (value,)


class _ConfigParser(config_flags.ConfigFileFlagParser):
  """Reads a config's file, or a run's config.json, for `--config`."""

  def parse(self, path: str) -> Any:
    if is_json(path):
      config = config_lib.get_config(path)
    elif path.endswith(STEP):
      config = _config_of_step(path)
    else:
      config = super().parse(path)
    if isinstance(config, ConfigDict):
      with config.unlocked():
        config_lib.fill(config)  # What a file leaves out can be typed too.
      config_lib.append_stages(config, stages_named(_ARGV))
    return config


def _config_of_step(path: str) -> ConfigDict:
  """The config in a file for `--replay`."""
  from hdgan.training import replay  # With it comes much of the program.

  return replay.read_metadata(whole_files.path(path))["config"]


def _define_path(name: str, text: str, buckets: bool = False) -> None:
  flags.DEFINE(_PathParser(buckets), name, default=None, help=text)


# The command line as `parse` understands it; ml_collections looks there for
# the fields that are set.
_ARGV: list[str] = []

# In place of ml_collections' own, which joins the values of a repeated flag.
config_flags.register_flag_parser_for_type(tuple, _TupleParser())
config_flags.DEFINE_config_file(
  "config", None, "A file of configs/, or a run's config.json; fields by "
  "--config.field=value.", lock_config=True, sys_argv=_ARGV,
)  # fmt: skip
FLAGS["config"].parser = _ConfigParser("config", lock_config=True)
_define_path(
  "workdir", "The run directory. In a bucket: gs://BUCKET/RUN.",
  buckets=True,
)  # fmt: skip
flags.DEFINE_string("mode", "train", "What to do; see the README.")
_define_path(
  "replay", "A step that was not finite, to be made once more.", buckets=True
)
flags.DEFINE_string("input", "", "A folder of maps, or the name of a split.")
_define_path("output", "The folder to write to.")
flags.DEFINE(
  _StepParser(), "step", default=None,
  help="The checkpoint's step, or best; the newest if unset.",
)  # fmt: skip
flags.DEFINE_enum(
  "size", "stage", ["stage", "input"],
  help="Scale maps as in training, or keep each map's own size.",
)  # fmt: skip
flags.DEFINE_enum(
  "weights", "", ["", "ema", "live"],
  help="G's moving average, or G as it was trained; the average if there is "
  "one, if unset.",
)  # fmt: skip
flags.DEFINE_string("map", "", "The one map of --input to take, by its name.")
flags.DEFINE_integer("style_seed", None, "Draws styles; 0 if unset.")
flags.DEFINE_enum(
  "style_draw", None, ["map", "sequence"],
  help="Draw styles for each map anew (map), or keep an object's in all maps.",
)  # fmt: skip
flags.DEFINE_string(
  "styles", "", "A style file, or a folder with <map>.styles.json files."
)
flags.DEFINE_string(
  "style_from", "", "A photo whose styles to take, or SPLIT/NAME."
)
flags.DEFINE_string(
  "style_grid", "", "A class or an object, to see in all its styles."
)
flags.DEFINE_integer("num_styles", NUM_STYLES, "The most styles of a class.")
flags.DEFINE_float(
  "min_area", MIN_AREA, "Share of the picture that an object must exceed."
)
flags.DEFINE_string(
  "host", "127.0.0.1", "The address at which the studio listens."
)
flags.DEFINE_integer(
  "port", 0, "The studio's port; 0 for the run's own, or any that is free.",
  lower_bound=0, upper_bound=65535,
)  # fmt: skip
flags.DEFINE_list(
  "allow_host", [], "Names of proxies by which browsers reach the studio."
)
_define_path("pictures", "A folder of pictures to score, by anyone.")
flags.DEFINE_list(
  "segmenter", [], "What labels pictures and photos: own, labels:DIR, "
  "onnx:FILE; several by commas.",
)  # fmt: skip
flags.DEFINE_list(
  "features", [], "Networks in whose features distances are told: FILE of "
  "hdgan.convert inception, pytorch-fid:FILE, onnx:FILE; several by commas.",
)  # fmt: skip
flags.DEFINE_string("lpips", "", "Weights of LPIPS, by hdgan.convert lpips.")
flags.DEFINE_integer(
  "draws", 0, "Pictures of each map in styles drawn anew, for their diversity."
)
flags.DEFINE_enum(
  "score_at", None, ["image", "label"],
  help="Compare classes at the picture's size (the default), or at the map's.",
)  # fmt: skip
flags.DEFINE_string(
  "protocol", "custom", "A named way to score: own-v1, pix2pixhd-psp, "
  "spade-drn; see hdgan/evaluation/README.md.",
)  # fmt: skip
flags.DEFINE_list(
  "compare", [], "Files evaluation.json to put side by side, by commas.",
)  # fmt: skip
_define_path("edits", "A file of edits, see hdgan/editing/README.md.")
flags.DEFINE_bool(
  "overwrite", False,
  "Replace what hdgan wrote to --output before, and nobody changed.",
)  # fmt: skip
flags.DEFINE_bool(
  "show_objects", False, "Also draw every map with the keys of its objects."
)
flags.DEFINE_string(
  "coordinator", "", "HOST:PORT where process 0 of several listens; off for a "
  "process of its own.",
)  # fmt: skip
flags.DEFINE_integer("processes", 0, "How many processes work as one.")
flags.DEFINE_integer("process", -1, "Which of them this is, from 0.")
flags.DEFINE_enum(
  "prepare", "first", ["first", "each"],
  help="Which of several processes prepare the data.",
)  # fmt: skip
flags.DEFINE_integer(
  "stopped_status", 0, "Exit status of a training that was asked to stop, for "
  "schedulers that start again what fails.",
)  # fmt: skip
flags.DEFINE_integer("seeds", 2, "Runs of each variant of an ablation.")
flags.DEFINE_list(
  "methods", [], "NAME=FOLDER of pictures each; real=FOLDER of the photos."
)
flags.DEFINE_list(
  "times", ["unlimited"], "How long pictures are shown: unlimited, or seconds."
)
flags.DEFINE_integer(
  "trials", None, "Comparisons of a page, to which sentinels and repeats are "
  "added; 100, or as many as there are, if unset.",
)  # fmt: skip
flags.DEFINE_integer(
  "sentinels", None, "Pairs of a page whose answer is obvious; 10, or one a "
  "map, if unset.",
)  # fmt: skip
flags.DEFINE_integer("pages", 50, "Pages of a study, one a participant.")
flags.DEFINE_integer("study_seed", 0, "Draws who sees what, where and when.")
flags.DEFINE_list(
  "analyse", [], "CSVs that participants sent: files, patterns or folders."
)
_define_path("plan", "The plan.json of the study to analyse.")
_define_path("crop", "A file of boxes to which pictures are cut.")
flags.DEFINE_string("outline", "", "A class whose objects are outlined.")
flags.DEFINE_integer("width", 400, "Of a shown picture, in CSS pixels.")
flags.DEFINE_enum(
  "work", "step", ["forward", "step", "input", "synthesize"],
  help="What the benchmark times.",
)  # fmt: skip
flags.DEFINE_integer("stage", None, "Index in config.stages.")
flags.DEFINE_integer(
  "repeats", None, "Timed runs, 10 if unset; of the input timed examples, 32."
)
flags.DEFINE_string(
  "target", "here", "The machine to plan for: here, cpu:8, h100:4, v5e:2x2."
)
flags.DEFINE_string(
  "flops_per_s", "", "What one device does, for a forecast: a number, or a "
  "file that the benchmark printed.",
)  # fmt: skip
flags.DEFINE_float(
  "efficiency", None, "The same, as a share of the chip's peak."
)
flags.DEFINE_float(
  "price_per_hour", None, "Of all devices together, in any currency."
)
flags.DEFINE_integer(
  "images", None, "Training images; those of the config's data if unset."
)
flags.DEFINE_bool("search", False, "Plan what would need less memory, too.")
flags.DEFINE_bool("fresh", False, "Compile what was planned before, too.")
flags.DEFINE_bool("json", False, "Print JSON.")
_define_path("trace", "A folder for a profile of what is timed.")
flags.DEFINE_string(
  "compile_cache", "", "Where what is compiled is kept for the next start, or "
  "off; if unset JAX_COMPILATION_CACHE_DIR, else the user's cache folder."
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Mode:
  """What a mode runs and which flags it has.

  Attributes:
    door: module of hdgan whose `run` takes the flags below by name.
    needs: flags that must be set.
    may: flags that may be set too.
    only: of a flag, the others that say something where it is set.
    typed: whether `run` also takes, as `typed`, what was typed of the config.
  """

  door: str
  needs: tuple[str, ...] = ()
  may: tuple[str, ...] = ()
  only: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
  typed: bool = False

  @property
  def flags(self) -> tuple[str, ...]:
    """All flags of the mode."""
    return (*self.needs, *self.may)


# Flags that name a file or folder.
_PATHS = {
  "workdir", "input", "output", "styles", "style_from", "edits", "pictures",
  "crop", "plan", "trace",
}  # fmt: skip
_STYLE_FLAGS = ("map", "style_seed", "style_draw", "styles", "style_from")

_PROCESS_FLAGS = ("coordinator", "processes", "process")
# Those that run one program again and again.
_REPEATING = ("train", "benchmark")
_MEASURE_FLAGS = ("segmenter", "score_at", "protocol", "features", "lpips")

# The one table of modes. A config may be left out where W holds one.
MODES = {
  "train": Mode(
    "train",
    needs=("config", "workdir"),
    may=("prepare", "replay", "stopped_status", *_PROCESS_FLAGS),
  ),
  "synthesize": Mode(
    "synthesize",
    needs=("workdir", "input", "output"),
    may=(
      "config",
      "step",
      "weights",
      "size",
      *_STYLE_FLAGS,
      "style_grid",
      "overwrite",
      "show_objects",
    ),  # fmt: skip
  ),
  "styles": Mode(
    "make_styles",
    needs=("workdir",),
    may=("config", "step", "num_styles", "min_area", "style_seed"),
  ),
  "edit": Mode(
    "edit",
    needs=("workdir", "input", "output", "edits"),
    may=("config", "step", "size", *_STYLE_FLAGS, "overwrite"),
  ),
  "study": Mode(
    "study",
    needs=("output",),
    may=(
      "methods",
      "times",
      "trials",
      "sentinels",
      "pages",
      "study_seed",
      "crop",
      "outline",
      "input",
      "width",
      "analyse",
      "plan",
      "overwrite",
    ),  # fmt: skip
    only={"analyse": ("plan", "output", "overwrite")},
  ),
  "studio": Mode(
    "open_studio",
    needs=("workdir",),
    may=("config", "input", "step", "size", "host", "port", "allow_host"),
  ),
  "evaluate": Mode(
    "evaluate",
    may=(
      "input",
      "compare",
      "config",
      "workdir",
      "pictures",
      "output",
      "step",
      "weights",
      "size",
      *_MEASURE_FLAGS,
      "draws",
      "overwrite",
      "styles",
      "style_seed",
      "style_draw",
    ),  # fmt: skip
    only={
      "compare": ("output", "overwrite"),
      # A run's folder says what data it is of.
      "pictures": (
        "input",
        "config",
        "workdir",
        "output",
        "overwrite",
        *_MEASURE_FLAGS,
      ),  # fmt: skip
    },
  ),
  "ablate": Mode(
    "ablate",
    needs=("config", "workdir"),
    may=(
      "seeds",
      "input",
      *_MEASURE_FLAGS,
      "draws",
      "stopped_status",
    ),  # fmt: skip
    typed=True,
  ),
  "check": Mode("check_data", needs=("config",), may=("output",), typed=True),
  "benchmark": Mode(
    "benchmark",
    needs=("config",),
    may=("workdir", "work", "stage", "repeats", "trace"),
  ),
  "plan": Mode(
    "plan",
    needs=("config",),
    may=(
      "workdir",
      "target",
      "stage",
      "flops_per_s",
      "efficiency",
      "price_per_hour",
      "images",
      "search",
      "fresh",
      "json",
      "output",
      "overwrite",
    ),  # fmt: skip
  ),
}

# What every mode has; its door is not told.
COMMON = ("mode", "compile_cache")


def _mode_flags() -> set[str]:
  return {flag for mode in MODES.values() for flag in mode.flags}


def check_flags(mode: str, given: set[str]) -> None:
  """Compares the flags on the command line with the mode's.

  Args:
    mode: its name.
    given: names of the flags that were set.

  Raises:
    InputError: for an unknown mode, a missing flag, one of another mode or one
      beside which it says nothing.
  """
  if mode not in MODES:
    raise InputError(f"--mode={mode}: must be one of {', '.join(MODES)}")
  entry = MODES[mode]
  for flag in sorted(given & _mode_flags()):
    if flag not in entry.flags:
      owners = [name for name, e in MODES.items() if flag in e.flags]
      raise InputError(
        f"--{flag} has no effect with --mode={mode}; it belongs to "
        f"{', '.join(owners)}"
      )
  for flag, others in entry.only.items():
    idle = given & set(entry.flags) - {flag, *others} if flag in given else ()
    # The config last: it may be that of --workdir, which nobody typed.
    for other in sorted(idle, key=lambda name: (name == "config", name)):
      raise InputError(
        f"--{other} has no effect with --{flag}; leave one of both out"
      )
  for flag in entry.needs:
    if flag not in given:
      raise InputError(f"--mode={mode} needs --{flag}")


def add_config(argv: Sequence[str]) -> list[str]:
  """Brings `--config` to the front, W/config.json where the user named none.

  A check without either is by the config to start from.

  Args:
    argv: the command line.

  Returns:
    The same with `--config=...` in front of the other flags, if there is one.
  """
  config, rest = take_flag("config", argv)
  workdir, _ = take_flag("workdir", argv)
  check_path(config, "--config")
  check_path(workdir, "--workdir")
  replay, _ = take_flag("replay", argv)
  path = whole_files.path(workdir or ".") / "config.json"
  if not config and replay:
    config = replay
    _config_of_step(config)  # Its faults are told before absl's.
  if not config and workdir and path.is_file():
    config = str(path)
  if not config and take_flag("mode", argv)[0] == "check":
    config = start_config()
  if is_json(config):
    config_lib.get_config(config)  # Its faults are told before absl's.
  # In front: a field may be typed before the file that it is a field of.
  return [rest[0], *([f"--config={config}"] if config else []), *rest[1:]]


# The config to start from with data of one's own, in a clone.
_START = pathlib.Path("configs/paired_folder.py")


def start_config() -> str:
  """The path of the config to start from, '' where there is none."""
  clone = pathlib.Path(__file__).parents[1] / _START
  return str(next((p for p in (_START, clone) if p.is_file()), ""))


def typed_config() -> config_lib.Typed:
  """What the command line says of the config."""
  file, _ = take_flag("config", _ARGV)
  fields = config_flags.get_override_values(FLAGS["config"])
  start = start_config()
  here = all(map(os.path.isfile, (start, file))) and os.path.samefile(
    start, file
  )
  return config_lib.Typed(file, fields, start=here)


def is_json(config: str) -> bool:
  """Whether a config is a run's config.json rather than a file of Python."""
  return config.endswith(".json") and whole_files.path(config).is_file()


def stages_named(argv: Sequence[str]) -> set[int]:
  """Numbers of the stages of which a command line sets fields."""
  found = [re.match(r"--?(?:no)?config\.stages\[(\d+)\]\.", w) for w in argv]
  return {int(match[1]) for match in found if match}


def take_flag(flag: str, argv: Sequence[str]) -> tuple[str, list[str]]:
  """Takes a flag out of a command line that is not parsed yet.

  Args:
    flag: its name.
    argv: the command line.

  Returns:
    Its last value, '' if it is not set, and the other words.
  """
  value, rest, words = "", [], iter(argv)
  for word in words:
    name, equals, text = word.partition("=")
    if name in (f"--{flag}", f"-{flag}"):
      value = text if equals else next(words, "")
    else:
      rest.append(word)
  return value, rest


def parse(argv: Sequence[str]) -> list[str]:
  """Parses all flags; what is wrong with them ends in one line, status 2."""
  try:
    _ARGV[:] = argv = add_config(argv)
    config, _ = take_flag("config", argv)
    file = pathlib.Path(config.partition(":")[0])
    known = is_json(config) or config.endswith(STEP)  # `add_config` read it.
    if config and not known and not file.is_file():
      raise InputError(f"--config={config}: there is no such file")
    # Files in a folder configs/ start from one another, as configs.NAME.
    neighbours = str(file.absolute().parent.parent)
    if config and neighbours not in sys.path:
      sys.path.append(neighbours)
    rest = FLAGS(argv)
    if len(rest) > 1:
      raise InputError(f"{rest[1]!r} is not a flag; flags start with --")
    given = {
      flag
      for flag in _mode_flags()
      if FLAGS[flag].present and FLAGS[flag].value not in ("", None)
    }
    check_flags(FLAGS.mode, given)
    for flag in sorted(given & _PATHS):
      check_path(str(FLAGS[flag].value), f"--{flag}")
    take_networks()
    return rest
  except (InputError, KeyboardInterrupt, Terminated) as error:
    _end(error)
    raise
  except Exception as error:  # absl, the config file and its fields raise all
    _end(InputError(_explain(error, argv)))
    raise


def take_networks() -> None:
  """Takes over the networks of `init_from`, but for what was typed.

  A run that has a checkpoint has them in its own config, so that the same
  command goes on where the weights that it began with are gone.
  """
  config, workdir = FLAGS.config, FLAGS.workdir
  if not isinstance(config, ConfigDict) or not config.get("init_from"):
    return
  check_path(config.init_from, "--config.init_from")
  own = workdir / "config.json" if workdir else None
  path = whole_files.path(config.init_from) / "config.json"
  if own is not None and any(own.parent.glob("checkpoints/*/info")):
    path = own
  if not path.is_file():
    return  # Training says what is missing.
  typed = config_flags.get_override_values(FLAGS["config"])
  there = config_lib.get_config(str(path))
  taken = config_lib.take_networks(config, there, typed)
  if taken and path != own:
    print(f"taken from {config.init_from}: {', '.join(taken)}", file=sys.stderr)


def _explain(error: Exception, argv: Sequence[str]) -> str:
  """Makes one line out of what absl or ml_collections raises."""
  text = " ".join(str(a) for a in error.args) or type(error).__name__
  near = re.search(r'Did you mean "(.+?)" instead of "(.+?)"', text)
  if near:
    return f"--config: there is no field {near[2]!r}; did you mean {near[1]!r}?"
  name = text.strip("\"'")
  if isinstance(error, KeyError | AttributeError) and any(
    f".{name}" in word for word in argv
  ):
    return (
      f"--config: there is no field {name!r}; all fields are in "
      "configs/README.md"
    )
  if isinstance(error.__context__, InputError):  # absl's words around ours
    return str(error.__context__)
  (file, _), lines = take_flag("config", argv), text.strip().splitlines()
  if "Traceback" in text:  # ml_collections adds that of a file's ValueError
    return f"--config={file}: {lines[-1]}"
  text = " ".join(lines)
  if isinstance(error, flags.UnrecognizedFlagError) and "'config." in text:
    return "--config.field=value needs --config=FILE, or a workdir with a run"
  if isinstance(error, flags.Error):
    return text
  return f"--config={file}: {type(error).__name__}: {text}"


def _end(error: BaseException) -> None:
  """Says what is foreseen in lines and ends, as do those that work with it.

  For what nobody foresaw it returns, unless others have to be told.
  """
  several = processes.count() > 1
  if several and isinstance(error, jax.errors.JaxRuntimeError):
    processes.await_cause()
  output, workdir = (FLAGS[name].value for name in ("output", "workdir"))
  end = ending(error, str(output or workdir or ""))
  if end is not None:
    print(end[0], file=sys.stderr)
    if several:
      processes.end(end[1], end[0].removeprefix("error: "))
    sys.exit(end[1])
  if several and isinstance(error, Exception):
    traceback.print_exception(error)
    processes.end(1, f"{type(error).__name__}: {error}")


def main(_: Sequence[str]) -> int | None:
  """Runs the mode; the exit status."""
  logging.set_verbosity(logging.WARNING)
  try:
    if FLAGS.mode in _REPEATING:
      host_memory.keep_freed()
    compile_cache.use(FLAGS.compile_cache)
    mode = MODES[FLAGS.mode]
    # Imported now, so that a mode loads only the libraries of its own.
    door = importlib.import_module(f"hdgan.{mode.door}")
    given = {flag: FLAGS[flag].value for flag in mode.flags}
    if given.get("step") == BEST:
      from hdgan.runs import directory  # With it comes orbax.

      given["step"] = directory.best_step(given["workdir"])
    place: list[Any] = [given.pop(f) for f in _PROCESS_FLAGS if f in given]
    if place:
      processes.start(find_place(*place))
    if mode.typed:
      given["typed"] = typed_config()
    status: int | None = door.run(**given)
    processes.finish()
    return status
  except BaseException as error:
    _end(error)
    raise


if __name__ == "__main__":
  interrupts.listen()
  try:
    app.run(main, flags_parser=parse)
  except SystemExit as end:
    if isinstance(end.code, int) and end.code:
      interrupts.leave(end.code)
    raise
