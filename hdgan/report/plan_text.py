"""A plan as a terminal shows it."""

from typing import Any

from hdgan.errors import counted
from hdgan.report.check_report import Table, table_text, wrapped
from hdgan.report.progress import format_seconds

GIB, MIB = 2**30, 2**20
# What the bytes of a device are made of, and what they are called.
PARTS = {
  "state": "state", "frozen": "VGG", "batch": "batch",
  "temporaries": "temporaries", "outputs": "losses",
}  # fmt: skip


def plan_text(plan: dict[str, Any], width: int = 80) -> str:
  """A plan for a terminal of so many columns.

  Args:
    plan: as `hdgan.plan.plan` gives it.
    width: in characters.

  Returns:
    Lines.
  """
  lines = [headline(plan), ""]
  for table in tables(plan):
    lines += [*table_text(table, width), ""]
  for line in verdicts(plan):
    lines += wrapped(line, width, "", "  ")
  lines += ["", "Notes"]
  for note in plan["notes"]:
    lines += wrapped(note, width, "  - ", "    ")
  return "\n".join(lines)


def headline(plan: dict[str, Any]) -> str:
  """Which machine, and what trains on it."""
  memory = plan["memory_bytes"]
  each = f", {memory / GIB:.1f} GiB each" if memory else ""
  name = "this machine" if plan["target"] == "here" else plan["target"]
  return (
    f"{name}: {plan['devices']} x {plan['device_kind']}{each}; "
    f"{plan['precision']}, batch {plan['batch_size']}"
  )


def tables(plan: dict[str, Any]) -> list[Table]:
  """All that is told in columns."""
  found = [_stage_table(plan), _memory_table(plan), _message_table(plan)]
  found += [_change_table(s, plan) for s in plan["stages"] if s["changes"]]
  if plan["rate"]:
    found.append(_time_table(plan))
  return [table for table in found if table.rows]


def verdicts(plan: dict[str, Any]) -> list[str]:
  """A line for each stage that does not fit, or one that all do."""
  memory = plan["memory_bytes"]
  if memory is None:
    return ["How much memory a device has is not known here."]
  large = [stage for stage in plan["stages"] if not stage["fits"]]
  if not large:
    most = max(stage["bytes"]["total"] for stage in plan["stages"])
    noun = counted(len(plan["stages"]), "stage fits", "stages fit")
    return [f"{noun}; {share(most, memory)} of the memory at most."]
  return [_too_large(stage, memory) for stage in large]


def _too_large(stage: dict[str, Any], memory: int) -> str:
  """That a stage does not fit, and what would."""
  size = stage["bytes"]["total"]
  least = "at least " * stage["refused"]
  line = (
    f"{stage['stage']} does not fit: it needs {least}{gib(size)} GiB a device, "
    f"{gib(size - memory)} too much."
  )
  ways = [" ".join(c["flags"]) for c in stage["changes"] if c["fits"]]
  if ways:
    return f"{line} It fits with {ways[0]}"
  if stage["changes"]:
    return f"{line} Nothing that was tried is enough: take more devices."
  ways = [f"{c['flag']} saves {gib(c['saving'])}" for c in stage["advice"]]
  return f"{line} By estimate {', '.join(ways)} GiB." if ways else line


def _stage_table(plan: dict[str, Any]) -> Table:
  rows = tuple(
    (
      stage["stage"],
      "{}x{}".format(*stage["size"]),
      ",".join(stage["trains"]),
      short(sum(stage["parameters"].values())),
      short(stage["flops"]),
      devices_of(stage),
    )
    for stage in plan["stages"]
  )
  heads = ("stage", "size", "trains", "parameters", "FLOPs a step", "devices")
  return Table("Stages", heads, rows, numbers=frozenset({3, 4}))


def devices_of(stage: dict[str, Any]) -> str:
  """How a stage's devices are laid out: 4 (data 2 x space 2)."""
  mesh = stage["mesh"]
  if stage["devices"] == 1:
    return "1"
  axes = " x ".join(f"{name} {n}" for name, n in mesh.items() if n > 1)
  return f"{stage['devices']} ({axes})"


def _memory_table(plan: dict[str, Any]) -> Table:
  shown = [k for k in PARTS if k != "outputs"]
  rows = tuple(
    (
      stage["stage"],
      *(gib(stage["bytes"][part]) for part in shown),
      gib(stage["bytes"]["total"]),
      _verdict(stage, plan["memory_bytes"]),
    )
    for stage in plan["stages"]
  )
  heads = ("stage", *(PARTS[part] for part in shown), "in all", "")
  return Table(
    "Memory of a device, GiB", heads, rows, numbers=frozenset(range(1, 6))
  )


def _verdict(stage: dict[str, Any], memory: int | None) -> str:
  if stage["fits"] is None or memory is None:
    return ""
  return (
    f"fits, {share(stage['bytes']['total'], memory)}"
    if stage["fits"]
    else "TOO LARGE"
  )


def _message_table(plan: dict[str, Any]) -> Table:
  rows = tuple(
    (stage["stage"], kind, f"{sent['count']:,}", f"{sent['bytes'] / MIB:,.1f}")
    for stage in plan["stages"]
    for kind, sent in (stage["collectives"] or {}).items()
  )
  heads = ("stage", "operation", "times", "MiB")
  return Table(
    "What each device sends and gets in a step", heads, rows,
    numbers=frozenset({2, 3}),
  )  # fmt: skip


def _change_table(stage: dict[str, Any], plan: dict[str, Any]) -> Table:
  rows = tuple(
    (
      " ".join(flag.removeprefix("--config.") for flag in change["flags"]),
      gib(change["bytes"]["total"]),
      _verdict(change, plan["memory_bytes"]),
    )
    for change in stage["changes"]
  )
  heads = ("--config. ...", "GiB", "")
  return Table(
    f"{stage['stage']} with changes", heads, rows, numbers=frozenset({1})
  )


def _time_table(plan: dict[str, Any]) -> Table:
  """How long and how dear, with a line for all stages."""
  rate = plan["rate"]
  whole = all("stage_s" in s["forecast"] for s in plan["stages"])
  priced = whole and plan["price_per_hour"] is not None
  rows = [
    _time_row(s["stage"], s["epochs"], s["forecast"]) for s in plan["stages"]
  ]
  if whole and len(rows) > 1:
    total = {
      key: sum(s["forecast"][key] for s in plan["stages"])
      for key in ("stage_s", *(("price",) if priced else ()))
    }
    epochs = sum(s["epochs"] for s in plan["stages"])
    rows.append(_time_row("all", epochs, total))
  heads = ("stage", "step", "epoch", "epochs", "in all", "price")
  last = 6 if priced else 5 if whole else 2
  return Table(
    f"Time, at {short(rate['flops_per_s'])}FLOP/s a device",
    heads[:last], tuple(row[:last] for row in rows),
    numbers=frozenset({3, 5}),
  )  # fmt: skip


def _time_row(name: str, epochs: int, found: dict[str, Any]) -> tuple[str, ...]:
  return (
    name,
    seconds(found["step_s"]) if "step_s" in found else "",
    seconds(found["epoch_s"]) if "epoch_s" in found else "",
    str(epochs),
    seconds(found["stage_s"]) if "stage_s" in found else "",
    f"{found['price']:,.2f}" if "price" in found else "",
  )


def short(number: float) -> str:
  """A large number with three digits: 182 M, 4.9 T."""
  for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
    if number >= size:
      return f"{number / size:.3g} {unit}"
  return f"{number:.3g}"


def seconds(value: float) -> str:
  """A duration; short ones with three digits."""
  if value < 1:
    return f"{value * 1000:.3g} ms"
  return f"{value:.3g} s" if value < 60 else format_seconds(value)


def gib(size: int) -> str:
  """Bytes as GiB: 2.16, 0.004, and - where there are none."""
  if not size:
    return "-"
  return f"{size / GIB:.2f}" if size >= GIB / 10 else f"{size / GIB:.1g}"


def share(size: int, memory: int) -> str:
  """A part of the memory in per cent."""
  part = 100 * size / memory
  return f"{part:.0f} %" if part >= 1 else "under 1 %"
