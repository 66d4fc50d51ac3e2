"""The layout that README.md draws: imports only point down its list."""

import ast
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "hdgan"


def room(path: str) -> str:
  """What the list calls a module: its file, or its folder."""
  parts = path.split(".")[1:]
  return f"{parts[0]}/" if (PACKAGE / parts[0]).is_dir() else f"{parts[0]}.py"


def imported(path: pathlib.Path) -> set[str]:
  """Rooms of hdgan that a file imports, inside functions too."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      if node.module == "hdgan":
        found |= {f"hdgan.{alias.name}" for alias in node.names}
      elif node.module.startswith("hdgan."):
        found.add(node.module)
  return {room(name) for name in found}


def rows() -> list[list[str]]:
  text = (ROOT / "README.md").read_text()
  block = text.split("Imports only point down this list")[1].split("```")[1]
  return [line.split() for line in block.strip().splitlines()]


def test_imports_point_down():
  rank = {name: i for i, row in enumerate(rows()) for name in row}
  faults = []
  for path in sorted(PACKAGE.rglob("*.py")):
    if path.name == "__init__.py":
      continue
    relative = path.relative_to(PACKAGE)
    own = f"{relative.parts[0]}/" if len(relative.parts) > 1 else path.name
    assert own in rank, f"README.md's list lacks {own}"
    faults += [
      f"{own} imports {other}"
      for other in sorted(imported(path) - {own})
      if rank[other] < rank[own]
    ]
  assert not faults


def test_configs_and_package_do_not_import_each_other():
  for path in ROOT.glob("configs/*.py"):
    assert not imported(path), path
  for path in PACKAGE.rglob("*.py"):
    assert "import configs" not in path.read_text(), path
    assert "from configs" not in path.read_text(), path


def test_importing_everything_has_no_side_effects():
  """No TensorFlow, no PyTorch, no device."""
  modules = [
    "hdgan." + ".".join(p.relative_to(PACKAGE).with_suffix("").parts)
    for p in PACKAGE.rglob("*.py")
    if p.name != "__init__.py"
  ]
  code = "import sys, importlib\n" + "\n".join(
    f"importlib.import_module({name!r})" for name in sorted(modules)
  )
  code += """
bad = [m for m in ("tensorflow", "torch") if m in sys.modules]
from jax._src import xla_bridge
assert not bad, bad
assert not xla_bridge.backends_are_initialized()
"""
  subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
