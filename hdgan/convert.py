"""Weights of the released code and ours: `python -m hdgan.convert COMMAND`.

  import  --from=DIR_OR_FILES --workdir=W   from the released code, or a release
  export  --workdir=W --to=DIR              to files for the released code
  release --workdir=W --to=DIR              to safetensors, with a model card
  vgg     --from=FILE.pth --to=FILE.safetensors
  hed     --from=FILE.pth --to=FILE.safetensors
  inception --from=FILE.pth --to=FILE.safetensors
  lpips   --from=TRUNK.pth --heads=FILE.pth --to=FILE.safetensors

What is wrong with the input ends in one line and exit status 2; nothing is left
half-written. `import` makes a workdir for `--mode=synthesize` and for further
training by `--config.init_from=W`, which is another run with its own workdir.
"""

import argparse
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from hdgan import interrupts, whole_files
from hdgan.errors import InputError, counted
from hdgan.outside import check_path
from hdgan.weights import feature_networks, pth, recognise, release
from hdgan.weights import state_dict as names
from hdgan.weights.exporting import Saved, export, write_release
from hdgan.weights.importing import import_original, import_release
from hdgan.weights.original import Answers


def convert_vgg(source: pathlib.Path, target: pathlib.Path) -> None:
  """Turns torchvision's VGG19 into the file that `loss.vgg_file` names.

  Args:
    source: a state dict, of the whole network or of its `features`.
    target: a new safetensors file.

  Raises:
    InputError: if the source is something else, or the target is there.
  """
  _refuse_overwriting(target)
  state_dict = pth.read(source)
  if "0.weight" in state_dict:  # Of `vgg19().features` alone.
    state_dict = {f"features.{k}": v for k, v in state_dict.items()}
  # Two more convolutions and the classifier follow, which nothing here needs.
  table = names.vgg_table()
  known = names.shapes_of(table)
  kept = {k: v for k, v in state_dict.items() if k in known}
  if not kept:
    raise InputError(
      f"{source}: not torchvision's VGG19: it has no 'features.0.weight'; save "
      "torchvision.models.vgg19(weights='IMAGENET1K_V1').state_dict()"
    )
  _write_frozen(table, kept, source, target)


def convert_hed(source: pathlib.Path, target: pathlib.Path) -> None:
  """Turns HED's PyTorch port into the file that `--method=hed:FILE` names.

  Args:
    source: the state dict of pytorch-hed; its layers are called `netVggOne.0`
      and so on, in the file that is handed out `moduleVggOne.0`.
    target: a new safetensors file.

  Raises:
    InputError: if the source is something else, or the target is there.
  """
  _refuse_overwriting(target)
  state_dict = {
    re.sub("^module", "net", name): array
    for name, array in pth.read(source).items()
  }
  if "netCombine.0.weight" not in state_dict:
    raise InputError(
      f"{source}: not HED as pytorch-hed has it: it has no "
      "'netCombine.0.weight'; give its network-bsds500.pytorch"
    )
  _write_frozen(names.hed_table(), state_dict, source, target)


def convert_inception(source: pathlib.Path, target: pathlib.Path) -> None:
  """Turns FID's Inception-v3 into the file that `--features` names.

  Args:
    source: the state dict that pytorch-fid hands out.
    target: a new safetensors file.

  Raises:
    InputError: if the source is something else, or the target is there.
  """
  _refuse_overwriting(target)
  state_dict = pth.read(source)
  params = feature_networks.inception_params(state_dict, str(source))
  _write_params(params, target)


def convert_lpips(
  source: pathlib.Path, heads: pathlib.Path, target: pathlib.Path
) -> None:
  """Turns a trunk and LPIPS' heads into the file that `--lpips` names.

  Args:
    source: the state dict of torchvision's AlexNet, VGG16 or SqueezeNet 1.1.
    heads: the state dict of the heads of the same network, version 0.1.
    target: a new safetensors file.

  Raises:
    InputError: if a source is something else, or the target is there.
  """
  _refuse_overwriting(target)
  network, params = feature_networks.lpips_params(
    pth.read(source), pth.read(heads), (str(source), str(heads))
  )
  _write_params(params, target, {"lpips": network})


def _refuse_overwriting(target: pathlib.Path) -> None:
  if target.exists():
    raise InputError(
      f"--to={target} is there already; name another file, or delete it"
    )


def _write_frozen(
  table: list[names.Layer],
  state_dict: Mapping[str, np.ndarray],
  source: pathlib.Path,
  target: pathlib.Path,
) -> None:
  """Checks the weights of a network that is not trained, and writes them."""
  found = {name: array.shape for name, array in state_dict.items()}
  recognise.check(found, names.shapes_of(table), str(source))
  _write_params(names.to_params(table, state_dict), target)


def _write_params(
  params: Mapping[str, Mapping[str, np.ndarray]],
  target: pathlib.Path,
  metadata: Mapping[str, str] | None = None,
) -> None:
  arrays = {
    f"{name}.{leaf}": np.ascontiguousarray(array)
    for name, leaves in params.items()
    for leaf, array in leaves.items()
  }
  try:
    with whole_files.whole_file(target) as draft:
      release.save_arrays(draft, arrays, metadata)
  except OSError as error:
    raise InputError(
      f"--to={target}: not written ({error}); name another file or make room"
    ) from error
  print(f"{counted(len(params), 'convolution')} written to {target}")


class _Parser(argparse.ArgumentParser):
  """Says what is wrong in one line."""

  def error(self, message: str) -> NoReturn:
    raise InputError(message)


def _pair(kind: Callable[[str], Any]) -> Callable[[str], tuple[Any, Any]]:
  def parse(text: str) -> tuple[Any, Any]:
    first, second = text.split(",")
    return kind(first), kind(second)

  # argparse says this name where the text does not parse.
  parse.__name__ = f"pair of {kind.__name__}s, as in 1,2:"
  return parse


def true_or_false(text: str) -> bool:
  """Reads a switch that may also be left open."""
  if text.lower() not in ("true", "false"):
    raise ValueError(text)
  return text.lower() == "true"


def parser() -> argparse.ArgumentParser:
  """The command line; flags have underscores."""
  top = _Parser(prog="python -m hdgan.convert", allow_abbrev=False)
  commands = top.add_subparsers(
    dest="command", required=True, parser_class=_Parser
  )
  path = pathlib.Path
  add = {
    name: commands.add_parser(name, help=text, allow_abbrev=False).add_argument
    for name, text in {
      "import": "the released code's weights, or a release, to a workdir",
      "export": "a workdir's weights to the released code's files",
      "release": "a workdir's weights to safetensors with a model card",
      "vgg": "torchvision's VGG19 to a file for loss.vgg_file",
      "hed": "HED from PyTorch to a file for edges' --method=hed:FILE",
      "inception": "pytorch-fid's Inception-v3 to a file for --features",
      "lpips": "a trunk of torchvision and LPIPS' heads to one for --lpips",
    }.items()
  }
  for name in ("vgg", "hed", "inception", "lpips"):
    add[name]("--from", dest="source", type=path, required=True)
    add[name]("--to", type=path, required=True)
  add["lpips"]("--heads", type=path, required=True,
               help="of the package lpips: weights/v0.1/alex.pth")  # fmt: skip
  for name in ("export", "release"):
    add[name]("--workdir", required=True)
    add[name]("--to", type=path, required=True)
    add[name]("--step", type=int, help="of the checkpoint; the newest")
    add[name]("--weights", choices=("live", "ema"), default="",
              help="of G; the moving average where there is one")  # fmt: skip
  add["export"]("--which_epoch", default="latest")
  more = add["import"]
  more("--from", dest="sources", type=path, nargs="+", required=True)
  more("--workdir", required=True)
  more("--which_epoch", default="latest")
  more("--num_classes", type=int, help="0: the label is a picture")
  more(
    "--boundary", type=true_or_false, help="whether a boundary map is a channel"
  )
  more("--label_range", type=_pair(float), help="of a picture label")
  more("--features", type=int, help="channels of styles without their E")
  more("--size", type=_pair(int), help="height,width of training pictures")
  more("--vgg_file", default="", help="to train on with the VGG loss")
  return top


def _import(args: argparse.Namespace) -> None:
  fields = Answers.__dataclass_fields__
  answers = Answers(**{name: getattr(args, name) for name in fields})
  workdir = whole_files.path(args.workdir)
  if whole_files.is_remote(workdir):
    raise InputError(
      f"--workdir={workdir}: import to a folder on a disk, then copy it there "
      f"with `gcloud storage cp -r FOLDER {workdir}`"
    )
  first = args.sources[0]
  if len(args.sources) > 1 or not release.is_release(first):
    import_original(args.sources, workdir, answers, args.which_epoch)
    return
  said = [k for k in fields if getattr(args, k) != getattr(Answers(), k)]
  if said:
    raise InputError(
      f"--{said[0]} has no effect: {first} is a release with its own config; "
      "leave it out"
    )
  import_release(first, workdir)


def run(args: argparse.Namespace) -> None:
  """Runs a parsed command."""
  for flag in ("from", "heads", "to", "workdir"):
    dest = "source" if flag == "from" else flag
    if hasattr(args, dest):
      check_path(getattr(args, dest), f"--{flag}")
  for source in getattr(args, "sources", ()):
    check_path(source, "--from")
  if args.command == "vgg":
    convert_vgg(args.source, args.to)
  elif args.command == "hed":
    convert_hed(args.source, args.to)
  elif args.command == "inception":
    convert_inception(args.source, args.to)
  elif args.command == "lpips":
    convert_lpips(args.source, args.heads, args.to)
  elif args.command == "import":
    _import(args)
  else:
    workdir = whole_files.path(args.workdir)
    saved = Saved(workdir, args.step, args.weights)
    if args.command == "export":
      export(saved, args.to, args.which_epoch)
    else:
      write_release(saved, args.to)


def main(argv: Sequence[str] | None = None) -> int:
  """Parses and runs; returns the exit status."""
  return interrupts.status_of(lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
  interrupts.listen()
  if status := main():
    interrupts.leave(status)
