"""Makes edge maps: `python -m hdgan.datasets.edges`, see datasets/README.md."""

import argparse
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from hdgan import interrupts
from hdgan.datasets.edges.methods import SETTINGS, method
from hdgan.datasets.edges.whole_set import RANGE, make_edges
from hdgan.errors import InputError
from hdgan.outside import check_path


class _Parser(argparse.ArgumentParser):
  """Says what is wrong in one line."""

  def error(self, message: str) -> NoReturn:
    raise InputError(message)


def _numbers(kind: Callable[[str], Any], count: int) -> Callable[[str], Any]:
  def parse(text: str) -> tuple[Any, ...]:
    values = tuple(map(kind, text.split(",")))
    if len(values) != count:
      raise ValueError(text)
    return values

  # argparse says this name where the text does not parse.
  parse.__name__ = f"{count} {kind.__name__}s with commas:"
  return parse


def parser() -> argparse.ArgumentParser:
  """The command line; flags have underscores."""
  top = _Parser(
    prog="python -m hdgan.datasets.edges",
    description="Makes edge maps of photos, or of sketches.",
    allow_abbrev=False,
  )
  add, path = top.add_argument, pathlib.Path
  add("--from", dest="source", type=path, required=True,
      help="a folder or a zip of photos (of sketches)")  # fmt: skip
  add("--to", type=path, required=True, help="a folder, such as DIR/train_A")
  add("--method", required=True,
      help="canny, hed:FILE, onnx:FILE or sketch")  # fmt: skip
  add("--landmarks", type=path, help="a CSV file of 68 points a face")
  add("--range", type=_numbers(float, 2), default=RANGE,
      help="LOW,HIGH of photos that have no 8 bits")  # fmt: skip
  for name, kind, text in (
    ("sigma", float, "canny: pixels of smoothing (1)"),
    ("low", float, "canny: gradient of all of an edge (0.1)"),
    ("high", float, "canny: gradient somewhere on an edge (0.2)"),
    ("threshold", float, "hed, onnx: an edge's least probability (25/255)"),
    ("min_pixels", int, "hed, onnx: a line's fewest pixels (5)"),
    ("mean", _numbers(float, 3), "onnx: R,G,B taken off, in 0..255 (0,0,0)"),
    ("std", _numbers(float, 3), "onnx: R,G,B divided by (255,255,255)"),
    ("order", str, "onnx: rgb or bgr (rgb)"),
    ("size", _numbers(int, 2), "sketch: HEIGHT,WIDTH to scale to (its own)"),
  ):
    add(f"--{name}", type=kind, help=text)
  add("--logits", action="store_true", default=None,
      help="onnx: the output still needs its sigmoid")  # fmt: skip
  return top


def run(args: argparse.Namespace) -> None:
  """Runs a parsed command."""
  for flag, path in (("from", args.source), ("to", args.to)):
    check_path(path, f"--{flag}")
  known = {name for settings in SETTINGS.values() for name in settings}
  given = {k: v for k, v in vars(args).items() if k in known and v is not None}
  how = method(args.method, **given)
  if args.landmarks and how.name == "sketch":
    raise InputError("--landmarks has no effect with --method=sketch")
  if not args.range[0] < args.range[1]:
    raise InputError("--range: is LOW,HIGH, the lower first")
  said = make_edges(
    args.source, args.to.absolute(), how,
    points=args.landmarks, value_range=args.range,
  )  # fmt: skip
  print(said)


def main(argv: Sequence[str] | None = None) -> int:
  """Parses and runs; returns the exit status."""
  return interrupts.status_of(lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
  interrupts.listen()
  if status := main():
    interrupts.leave(status)
