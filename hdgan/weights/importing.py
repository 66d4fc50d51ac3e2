"""Makes a workdir from the released code's weights, or from a release.

It looks like a run before its first step, so that `--mode=synthesize` and
`config.init_from` take it; the checkpoint's info says that it is none.
"""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.errors import InputError, counted
from hdgan.runs import directory
from hdgan.runs.checkpoint import Checkpoints
from hdgan.weights import options, original, pth, recognise, release
from hdgan.weights import state_dict as names
from hdgan.weights.options import NETS, OPTIONS, Networks
from hdgan.weights.original import Answers
from hdgan.whole_files import whole_folder


def import_original(
  sources: Sequence[pathlib.Path],
  workdir: pathlib.Path,
  answers: Answers,
  which_epoch: str = "latest",
) -> None:
  """Makes a workdir from the released code's weights.

  Args:
    sources: a folder, or files named `..._net_G.pth`, `_D`, `_E`; G is needed.
    workdir: a new or empty folder.
    answers: what the weights do not tell.
    which_epoch: which files of a folder to take.

  Raises:
    InputError: if the files or answers are wrong; nothing is written then.
  """
  files = find_files(sources, which_epoch)
  path = files["G"].parent / OPTIONS
  said = options.read_options(path)
  specs: dict[str, Any] = {}
  params: dict[str, Any] = {}
  for net, file in files.items():
    state_dict = pth.read(file)
    shapes = {name: array.shape for name, array in state_dict.items()}
    specs[net] = recognise.infer(shapes, str(file), net)
    table = names.table_of(specs[net])
    params |= names.to_params(table, state_dict)
    print(f"{file.name}: {describe(specs[net])}")
  networks = Networks(
    generator=specs["G"],
    encoder=specs.get("E"),
    discriminator=specs.get("D"),
  )
  options.check_options(said, networks, str(path))
  config = original.config_of(networks, original.merge(answers, said), said)
  if config.loss.vgg == 0 and said.get("no_vgg_loss", "False") == "False":
    print("loss.vgg = 0: say --vgg_file=FILE to train on with the VGG loss")
  write_workdir(workdir, config, 0, params, files["G"].parent)


def import_release(folder: pathlib.Path, workdir: pathlib.Path) -> None:
  """Makes a workdir from a folder that `release` wrote.

  Args:
    folder: with G.safetensors.
    workdir: a new or empty folder.

  Raises:
    InputError: if a file is damaged or does not fit its config.
  """
  config, metadata = release.read_metadata(folder)
  stage = int(metadata["stage"])
  params: dict[str, Any] = {}
  has = {net: (folder / f"{net}.safetensors").is_file() for net in NETS}
  shapes = options.shapes_of(config, config.stages[stage], has)
  for net, arrays in shapes.items():
    path = folder / f"{net}.safetensors"
    params |= release.read_network(path, arrays)
    count = release.convolutions(arrays)
    print(f"{path.name}: {counted(count, 'convolution')}")
  write_workdir(workdir, config, stage, params, folder)


def find_files(
  sources: Sequence[pathlib.Path], which_epoch: str
) -> dict[str, pathlib.Path]:
  """Finds the files of G, E and D.

  Args:
    sources: one folder, or files.
    which_epoch: how the files of a folder begin.

  Returns:
    A path for "G" and, where there are such files, "E" and "D".

  Raises:
    InputError: if there is no G, or a file's name says nothing.
  """
  for path in sources:
    if not path.exists():
      raise InputError(f"--from={path}: there is no such file or folder")
  if len(sources) == 1 and sources[0].is_dir():
    folder = sources[0]
    paths = {net: folder / f"{which_epoch}_net_{net}.pth" for net in NETS}
    files = {net: path for net, path in paths.items() if path.is_file()}
    there = sorted(path.name for path in folder.glob("*_net_*.pth"))
  else:
    files, there = {}, [path.name for path in sources]
    for path in sources:
      match = re.search(r"net_([GDE])\.pth$", path.name)
      if match is None or match[1] in files:
        raise InputError(
          f"--from={path}: must be a folder, or one file each whose name ends "
          "in net_G.pth, net_D.pth, net_E.pth; rename it"
        )
      files[match[1]] = path
  if "G" not in files:
    raise InputError(
      f"--from={sources[0]}: no {which_epoch}_net_G.pth, which is needed; "
      f"there are: {', '.join(there) or 'none'}; see --which_epoch"
    )
  return {net: files[net] for net in NETS if net in files}


def describe(spec: names.Spec) -> str:
  """One line about a network."""
  total = sum(
    int(np.prod(shape))
    for shape in names.shapes_of(names.table_of(spec)).values()
  )
  fields = ", ".join(f"{k}={v}" for k, v in vars(spec).items())
  kind = type(spec).__name__.removesuffix("Spec").lower()
  return f"{kind} with {fields}; {total:,} parameters"


def write_workdir(
  workdir: pathlib.Path,
  config: ConfigDict,
  stage: int,
  params: Mapping[str, Any],
  source: pathlib.Path,
) -> None:
  """Writes what looks like a run before its first step.

  Args:
    workdir: a new or empty folder.
    config: of the model.
    stage: index of the stage whose networks these are.
    params: of G, and E and D where known.
    source: folder of the weights, whose classes.json is taken along.
  """
  info = {
    "step": 0, "stage": stage, "stage_name": config.stages[stage].name,
    "epoch": 1, "images": 0, "max_instances": config.max_instances,
    "config": config_lib.plain(config), "imported": str(source),
  }  # fmt: skip
  classes = directory.read_classes(source, config.num_classes)
  state = {"step": np.zeros((), np.int32), "params": params}
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
  # orbax ends badly where a disk fills up under it, so this is asked first.
  with whole_folder(workdir, "--workdir", size) as folder:
    directory.begin(folder, config, classes)
    with Checkpoints(folder / "checkpoints") as checkpoints:
      checkpoints.save(0, state, info, keep_forever=True)
  print(
    f"{workdir} is ready: python -m hdgan.main --mode=synthesize "
    f"--workdir={workdir} --input=MAPS --output=OUT, or train in another "
    f"workdir with --config.init_from={workdir}"
  )
