"""Starts hdgan: `python -m hdgan.main --config=... --workdir=... [--mode=...]`.

The only command-line flags of the modes are here. A bad flag, config or input
ends in one line and exit status 2.
"""

import dataclasses
import os
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from hdgan import config as config_lib
from hdgan.config import InputError

FLAGS = flags.FLAGS

config_flags.DEFINE_config_file(
  "config", None, "A file of configs/; fields by --config.field=value.",
  lock_config=True,
)  # fmt: skip
flags.DEFINE_string("workdir", "", "The run directory.")
flags.DEFINE_string("mode", "train", "What to do; see the README.")
flags.DEFINE_string("input", "", "A folder of maps, or the name of a split.")
flags.DEFINE_string("output", "", "The folder to write to.")
flags.DEFINE_integer(
  "step", None, "The checkpoint's step; the newest if unset."
)
flags.DEFINE_enum(
  "size", "stage", ["stage", "input"],
  "Scale maps as in training, or keep each map's own size.",
)  # fmt: skip
flags.DEFINE_string("map", "", "The one map of --input to take, by its name.")
flags.DEFINE_integer("style_seed", None, "Draws styles; 0 if unset.")
flags.DEFINE_string(
  "styles", "", "A style file, or a folder with <map>.styles.json files."
)
flags.DEFINE_string(
  "style_from", "", "A photo whose styles to take, or SPLIT/NAME."
)
flags.DEFINE_string(
  "style_grid", "", "A class or an object, to see in all its styles."
)
flags.DEFINE_integer("num_styles", 10, "The most styles of a class.")
flags.DEFINE_float(
  "min_area", 1 / 64, "Share of the picture that an object must exceed."
)
flags.DEFINE_string("edits", "", "A file of edits, see the README.")
flags.DEFINE_enum(
  "work", "step", ["forward", "step"], "What the benchmark times."
)
flags.DEFINE_integer("stage", 0, "Index in config.stages.")
flags.DEFINE_integer("repeats", 10, "Timed runs.")


def _train(config: ConfigDict) -> None:
  from hdgan import train

  train.train(config, pathlib.Path(FLAGS.workdir))


def _check_own_config(config: ConfigDict | None) -> None:
  """Refuses fields that would have no effect: W's own config counts."""
  from hdgan import run_directory

  if config is None:
    return
  own = run_directory.read_config(pathlib.Path(FLAGS.workdir))
  was, now = config_lib.flatten(own), config_lib.flatten(config)
  for field in sorted(was.keys() | now.keys()):
    if was.get(field) != now.get(field):
      raise InputError(
        f"--config.{field}={now.get(field)!r} has no effect with "
        f"--mode={FLAGS.mode}, which uses the run's own config "
        f"({was.get(field)!r}); leave it out"
      )


def _synthesize(config: ConfigDict) -> None:
  from hdgan import style_options, synthesize

  _check_own_config(config)
  synthesize.synthesize(
    pathlib.Path(FLAGS.workdir), FLAGS.input, pathlib.Path(FLAGS.output),
    step=FLAGS.step, size=FLAGS.size, name=FLAGS.map,
    options=style_options.StyleOptions(
      FLAGS.style_seed, FLAGS.styles, FLAGS.style_from, FLAGS.style_grid
    ),
  )  # fmt: skip


def _styles(config: ConfigDict) -> None:
  from hdgan import encode

  _check_own_config(config)
  encode.make_styles(
    pathlib.Path(FLAGS.workdir), FLAGS.step, FLAGS.num_styles, FLAGS.min_area,
    FLAGS.style_seed or 0,
  )  # fmt: skip


def _edit(config: ConfigDict) -> None:
  from hdgan import edit_file, style_options

  _check_own_config(config)
  edit_file.edit(
    pathlib.Path(FLAGS.workdir), FLAGS.input, pathlib.Path(FLAGS.output),
    pathlib.Path(FLAGS.edits), step=FLAGS.step, size=FLAGS.size,
    name=FLAGS.map,
    options=style_options.StyleOptions(
      FLAGS.style_seed, FLAGS.styles, FLAGS.style_from
    ),
  )  # fmt: skip


def _benchmark(config: ConfigDict) -> None:
  from hdgan import benchmark

  benchmark.show(
    benchmark.benchmark(config, FLAGS.work, FLAGS.stage, FLAGS.repeats)
  )


@dataclasses.dataclass(frozen=True)
class Mode:
  """What a mode runs and which flags it has.

  Attributes:
    run: takes the config.
    needs: flags that must be set.
    may: flags that may be set too.
  """

  run: Callable[[ConfigDict], None]
  needs: tuple[str, ...] = ()
  may: tuple[str, ...] = ()


_STYLE_FLAGS = ("map", "style_seed", "styles", "style_from")

# The one table of modes. A config may be left out where W holds one.
MODES = {
  "train": Mode(_train, ("config", "workdir")),
  "synthesize": Mode(
    _synthesize,
    ("workdir", "input", "output"),
    ("config", "step", "size", *_STYLE_FLAGS, "style_grid"),
  ),
  "styles": Mode(
    _styles,
    ("workdir",),
    ("config", "step", "num_styles", "min_area", "style_seed"),
  ),
  "edit": Mode(
    _edit,
    ("workdir", "input", "output", "edits"),
    ("config", "step", "size", *_STYLE_FLAGS),
  ),
  "benchmark": Mode(
    _benchmark, ("config",), ("workdir", "work", "stage", "repeats")
  ),
}


def _mode_flags() -> set[str]:
  return {f for mode in MODES.values() for f in (*mode.needs, *mode.may)}


def check_flags(mode: str, given: set[str]) -> None:
  """Compares the flags on the command line with the mode's.

  Args:
    mode: its name.
    given: names of the flags that were set.

  Raises:
    InputError: for an unknown mode, a missing flag or one of another mode.
  """
  if mode not in MODES:
    raise InputError(f"--mode={mode}: must be one of {', '.join(MODES)}")
  entry = MODES[mode]
  for flag in sorted(given & _mode_flags()):
    if flag not in (*entry.needs, *entry.may):
      owners = [m for m, e in MODES.items() if flag in (*e.needs, *e.may)]
      raise InputError(
        f"--{flag} has no effect with --mode={mode}; it belongs to "
        f"{', '.join(owners)}"
      )
  for flag in entry.needs:
    if flag not in given:
      raise InputError(f"--mode={mode} needs --{flag}")


def add_config(argv: Sequence[str]) -> list[str]:
  """Names W/config.json as the config where the user named none.

  Args:
    argv: the command line.

  Returns:
    The same with `--config=...` in front of the other flags, if W has one.
  """
  workdir = find_value("workdir", argv)
  path = pathlib.Path(workdir or ".") / "config.json"
  if find_value("config", argv) or not workdir or not path.is_file():
    return list(argv)
  config_lib.get_config(str(path))  # Its faults are told before absl's.
  return [argv[0], f"--config={config_lib.__file__}:{path}", *argv[1:]]


def find_value(flag: str, argv: Sequence[str]) -> str:
  """Value of a flag on a command line that is not parsed yet, '' if unset."""
  for i, word in enumerate(argv):
    name, equals, value = word.partition("=")
    if name in (f"--{flag}", f"-{flag}"):
      return value if equals else "".join(argv[i + 1 : i + 2])
  return ""


def parse(argv: Sequence[str]) -> list[str]:
  """Parses all flags; what is wrong with them ends in one line, status 2."""
  try:
    argv = add_config(argv)
    config = find_value("config", argv)
    if config and not pathlib.Path(config.partition(":")[0]).is_file():
      raise InputError(f"--config={config}: there is no such file")
    rest = FLAGS(argv)
    if len(rest) > 1:
      raise InputError(f"{rest[1]!r} is not a flag; flags start with --")
    given = {
      f for f in _mode_flags() if FLAGS[f].present and FLAGS[f].value != ""
    }
    if FLAGS["config"].present:
      given.add("config")
    check_flags(FLAGS.mode, given)
    return rest
  except InputError as error:
    _fail(error)
  except Exception as error:  # absl, the config file and its fields raise all
    _fail(_explain(error, argv))


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
      f"--config: there is no field {name!r}; configs/cityscapes_512.py "
      "explains all fields"
    )
  stages = re.findall(r"config\.stages\[(\d+)\]", " ".join(argv))
  if isinstance(error, IndexError) and stages:
    last = max(stages, key=int)
    return f"--config.stages[{last}]: there is no such stage, they count from 0"
  file, lines = find_value("config", argv), text.strip().splitlines()
  if "Traceback" in text:  # ml_collections adds that of a file's ValueError
    return f"--config={file}: {lines[-1]}"
  text = " ".join(lines)
  if isinstance(error, flags.UnrecognizedFlagError) and "'config." in text:
    return "--config.field=value needs --config=FILE, or a workdir with a run"
  if isinstance(error, flags.Error):
    return text
  return f"--config={file}: {type(error).__name__}: {text}"


def _fail(error: object) -> None:
  """Prints one line per fault and ends."""
  for line in str(error).splitlines():
    print(f"error: {line}", file=sys.stderr)
  sys.exit(2)


def keep_compiled() -> None:
  """Lets the next start reuse what this one compiles, in the user's cache."""
  cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  folder = pathlib.Path(cache).expanduser() / "hdgan" / "compiled"
  jax.config.update("jax_compilation_cache_dir", str(folder))


def main(_: Sequence[str]) -> None:
  """Runs the mode."""
  logging.set_verbosity(logging.WARNING)
  keep_compiled()
  try:
    MODES[FLAGS.mode].run(FLAGS.config)
  except InputError as error:
    _fail(error)


if __name__ == "__main__":
  app.run(main, flags_parser=parse)
