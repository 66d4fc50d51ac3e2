#!/usr/bin/env python3
"""How fast hdgan is beside the original pix2pixHD, on this machine.

  git clone https://github.com/NVIDIA/pix2pixHD
  python launch/compare_with_original.py --original=pix2pixHD --suite=cpu

Runs the original's networks (time_original.py, in PyTorch: the extra `convert`)
and hdgan's benchmark in turn, several rounds, so that what else the machine
does meets both. Prints both times, how many times faster hdgan is, and how far
the rounds lie apart; then the same as JSON, or into --output=FILE.

--suite=gpu measures all that is to be known of a GPU: G1 at 1024x512 and G1
with its enhancer at 2048x1024, pass and step, in bf16, the original under
autocast; and of hdgan alone one map's way to a picture and the input. --compile
and --channels_last give the original what they can. --suite=try takes a minute
and says nothing but that both sides run.
"""

import argparse
import dataclasses
import json
import pathlib
import shlex
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
Facts = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Cell:
  """One comparison: the same networks at the same size on both sides.

  Attributes:
    work: "forward" or "step"; what only hdgan has is not compared.
    size: (height, width).
    width: of G1.
    enhancers: 0 for G1 alone, 1 for the joint stage with G2.
    scales: discriminators.
    vgg: whether a step has that loss.
    bf16: compute in bf16, the original under autocast.
  """

  work: str
  size: tuple[int, int]
  width: int
  enhancers: int = 0
  scales: int = 2
  vgg: bool = False
  bf16: bool = False

  @property
  def compared(self) -> bool:
    """Whether the original has it too."""
    return self.work in ("forward", "step")

  @property
  def name(self) -> str:
    """What is timed, in a line of the table."""
    networks = "+".join(f"G{k + 1}" for k in range(self.enhancers + 1))
    height, width = self.size
    more = f" {'bf16' if self.bf16 else 'float32'}{' VGG' * self.vgg}"
    return f"{networks} {width}x{height} width {self.width}{more}"

  def original(self, folder: pathlib.Path, repeats: int) -> list[str]:
    """The words behind Python that time the original."""
    words = [
      str(HERE / "time_original.py"),
      f"--original={folder}",
      f"--work={self.work}",
      f"--size={self.size[0]},{self.size[1]}",
      f"--enhancers={self.enhancers}",
      f"--width={self.width}",
      f"--scales={self.scales}",
      f"--repeats={repeats}",
    ]
    return words + ["--vgg"] * self.vgg + ["--bf16"] * self.bf16

  def ours(self, repeats: int) -> list[str]:
    """The words behind Python that time hdgan."""
    # Stages of cityscapes_1024.py: G1, its enhancer, both together.
    config = "cityscapes_1024" if self.enhancers else "cityscapes_512"
    stage, (height, width) = 2 * self.enhancers, self.size
    sizes = {0: (height >> self.enhancers, width >> self.enhancers)}
    sizes |= dict.fromkeys(range(1, stage + 1), self.size)
    return [
      "-m",
      "hdgan.main",
      "--mode=benchmark",
      f"--config={ROOT / 'configs' / config}.py",
      f"--work={self.work}",
      f"--stage={stage}",
      # Of an input the default's many examples.
      *([f"--repeats={repeats}"] if self.work != "input" else []),
      *(f"--config.stages[{i}].size={h},{w}" for i, (h, w) in sizes.items()),
      f"--config.stages[{stage}].scales={self.scales}",
      f"--config.generator.width={self.width}",
      f"--config.loss.vgg={10 * self.vgg}",
      f"--config.precision={'bf16' if self.bf16 else 'float32'}",
    ]


def pairs(**settings: Any) -> list[Cell]:
  """A forward pass and a step with the same settings."""
  return [Cell(work, **settings) for work in ("forward", "step")]


_FULL: Facts = {"width": 64, "vgg": True, "bf16": True}
SUITES = {
  "cpu": [
    *pairs(size=(128, 256), width=32),
    *pairs(size=(256, 512), width=32),
    *pairs(size=(512, 1024), width=32, enhancers=1, scales=3),
  ],
  "gpu": [
    *pairs(size=(512, 1024), **_FULL),
    *pairs(size=(1024, 2048), enhancers=1, scales=3, **_FULL),
    Cell("synthesize", (1024, 2048), enhancers=1, scales=3, **_FULL),
    Cell("input", (1024, 2048), enhancers=1, scales=3, **_FULL),
  ],
  "try": pairs(size=(32, 64), width=8),
}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
  """Reads the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add, path = parser.add_argument, pathlib.Path
  add("--original", type=path, required=True, help="a checkout of pix2pixHD")
  add("--suite", choices=SUITES, default="cpu")
  add("--rounds", type=int, default=3)
  add("--repeats", type=int, default=5, help="timed runs of each round")
  add("--output", type=path, help="a new file for the JSON")
  add("--channels_last", action="store_true", help="the original's tensors")
  add("--compile", action="store_true", help="the original by torch.compile")
  add("--python", default=sys.executable, help="the one that has PyTorch")
  given = parser.parse_args(words)
  networks = given.original / "models" / "networks.py"
  if not networks.is_file():
    parser.error(
      f"--original={given.original}: no models/networks.py there; name a "
      "checkout of https://github.com/NVIDIA/pix2pixHD"
    )
  if min(given.rounds, given.repeats) < 1:
    parser.error("--rounds and --repeats must be at least 1")
  if given.output and given.output.exists():
    parser.error(f"--output={given.output} is there; name a new file")
  if given.output and not given.output.absolute().parent.is_dir():
    parser.error(f"--output={given.output}: there is no such folder; make it")
  return given


def measure(words: Sequence[str]) -> Facts:
  """Runs a command and reads the JSON that it prints; an error of one line."""
  done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
  if done.returncode:
    lines = done.stderr.strip().splitlines() or ["it said nothing"]
    return {"error": f"status {done.returncode}: {lines[-1][:300]}"}
  return json.loads(done.stdout[done.stdout.index("{") :])


def seconds(facts: Facts) -> float | None:
  """Of a run: as in training where a device has a queue; None if it failed."""
  return facts.get("queued_s", facts.get("median_s"))


def one_line(facts: Facts) -> str:
  """A measurement while others go on."""
  took = seconds(facts)
  return f"{1000 * took:.1f} ms" if took else facts.get("error", "done")


def summarise(cell: Cell, rounds: Sequence[dict[str, Facts]]) -> Facts:
  """Sums up the rounds of a cell.

  Args:
    cell: that was measured.
    rounds: of each "ours" and, where it is compared, "original".

  Returns:
    Medians over the rounds, in seconds, and the ratio original / ours of each
    round: median, lowest, highest; an error where a side failed.
  """
  found = {"name": cell.name, **dataclasses.asdict(cell)}
  for side in rounds[0]:
    times = [seconds(one[side]) for one in rounds]
    errors = [one[side]["error"] for one in rounds if "error" in one[side]]
    if errors:
      found[f"{side}_error"] = errors[0]
    elif all(times):
      found[f"{side}_s"] = statistics.median(times)
  if {"ours_s", "original_s"} <= found.keys():
    ratios = [seconds(one["original"]) / seconds(one["ours"]) for one in rounds]
    found |= {
      "ratio": statistics.median(ratios),
      "ratio_min": min(ratios),
      "ratio_max": max(ratios),
    }
  return found | {"rounds": list(rounds)}


def row(found: Facts) -> list[str]:
  """A cell's line of the table."""
  last = found["rounds"][-1]["ours"]
  times = [
    f"{1000 * found[name]:.1f}" if name in found else "-"
    for name in ("original_s", "ours_s")
  ]
  ratio = "-"
  if "ratio" in found:
    low, high = found["ratio_min"], found["ratio_max"]
    ratio = f"{found['ratio']:.2f} ({low:.2f} to {high:.2f})"
  rate = last.get("images_per_s", last.get("examples_per_s"))
  mfu = last.get("mfu")
  memory = last.get("peak_memory_bytes")
  return [
    found["name"], found["work"], *times, ratio,
    f"{rate:.2f}" if rate else "-",
    f"{mfu:.0%}" if mfu else "-",
    f"{memory / 2**30:.1f}" if memory else "-",
  ]  # fmt: skip


HEAD = (
  "networks", "work", "original ms", "hdgan ms", "times faster (rounds)",
  "images/s", "MFU", "peak GiB",
)  # fmt: skip


def table(cells: Sequence[Facts]) -> str:
  """All cells as lines for a terminal, and what went wrong."""
  rows = [list(HEAD), *map(row, cells)]
  widths = [max(len(one[i]) for one in rows) for i in range(len(HEAD))]
  lines = [
    "  ".join(
      text.ljust(width) if i < 2 else text.rjust(width)
      for i, (text, width) in enumerate(zip(one, widths, strict=True))
    ).rstrip()
    for one in rows
  ]
  for found in cells:
    for side in ("original", "ours"):
      if f"{side}_error" in found:
        what = f"{found['name']}, {found['work']}, {side}"
        lines.append(f"failed: {what}: {found[f'{side}_error']}")
  return "\n".join(lines)


# What is said of the machine, once.
MACHINE = (
  "device_name", "platform", "cpu", "cpu_instructions", "cpu_cores", "python",
  "hdgan", "jax", "jaxlib", "load_before",
)  # fmt: skip


def machine_of(cells: Sequence[Facts]) -> Facts:
  """The machine, as the first measurements that came through tell it."""
  found: Facts = {}
  for one in [r for cell in cells for r in cell["rounds"]]:
    for name in MACHINE:
      if name in one["ours"]:
        found.setdefault(name, one["ours"][name])
    for name in ("torch", "threads"):
      if name in one.get("original", {}):
        found.setdefault(name, one["original"][name])
  return found


def compare(given: argparse.Namespace) -> list[Facts]:
  """Measures all cells of the suite, both sides in turn."""
  cells = SUITES[given.suite]
  extra = [f"--{name}" for name in ("channels_last", "compile")
           if getattr(given, name)]  # fmt: skip
  rounds: list[list[dict[str, Facts]]] = [[] for _ in cells]
  for number in range(given.rounds):
    for cell, taken in zip(cells, rounds, strict=True):
      told = {}
      if cell.compared:
        words = cell.original(given.original.resolve(), given.repeats)
        told["original"] = measure([given.python, *words, *extra])
      told["ours"] = measure([sys.executable, *cell.ours(given.repeats)])
      taken.append(told)
      lines = [f"{side} {one_line(facts)}" for side, facts in told.items()]
      print(
        f"round {number + 1} of {given.rounds}: {cell.name}, {cell.work}: "
        f"{', '.join(lines)}",
        file=sys.stderr, flush=True,
      )  # fmt: skip
  return [summarise(*one) for one in zip(cells, rounds, strict=True)]


def main(words: Sequence[str] | None = None) -> int:
  """Compares; the exit status: 1 where something failed, else 0."""
  given = arguments(words)
  cells = compare(given)
  machine = machine_of(cells)
  print(table(cells))
  for name, value in machine.items():
    told = " ".join(value) if isinstance(value, list) else value
    print(f"{name}: {told}")
  facts = {
    "command": shlex.join(words or sys.argv[1:]),
    "suite": given.suite,
    "machine": machine,
    "cells": cells,
  }
  text = json.dumps(facts, indent=1)
  if given.output:
    with given.output.open("x", encoding="utf-8") as file:
      file.write(text + "\n")
    print(f"written to {given.output}")
  else:
    print(text)
  return int(any(key.endswith("_error") for cell in cells for key in cell))


if __name__ == "__main__":
  sys.exit(main())
