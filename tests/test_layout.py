"""The house that README.md draws: who may import whom, and what a room says."""

import ast
import fnmatch
import graphlib
import pathlib
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "hdgan"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")
FOLDERS = sorted(p.parent for p in PACKAGE.glob("*/**/__init__.py"))


def name_of(path: pathlib.Path) -> str:
  """`hdgan.networks.layers` of its file."""
  return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: pathlib.Path) -> set[str]:
  """Modules of hdgan that a file imports, inside functions too."""
  known, found = {name_of(p) for p in MODULES}, set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      names = {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    elif isinstance(node, ast.Import):
      names = {alias.name for alias in node.names}
    else:
      continue
    found |= names & known
  return found


def room(module: str) -> str:
  """What the list calls a module: its file, or the folder that it is in."""
  part = module.split(".")[1]
  return f"{part}/" if (PACKAGE / part).is_dir() else f"{part}.py"


def rows() -> list[list[str]]:
  text = (ROOT / "README.md").read_text()
  block = text.split("Imports only point down this list")[1].split("```")[1]
  return [line.split() for line in block.strip().splitlines()]


def test_the_list_has_every_room_once():
  listed = [name for row in rows() for name in row]
  rooms = {room(name_of(path)) for path in MODULES}
  assert sorted(listed) == sorted(rooms)


def test_imports_point_down():
  """To lower rows only; inside a row only within a folder."""
  rank = {name: i for i, row in enumerate(rows()) for name in row}
  faults = []
  for path in MODULES:
    own = room(name_of(path))
    faults += [
      f"{path.relative_to(PACKAGE)} imports {other}"
      for other in sorted(imported(path))
      if room(other) != own and rank[room(other)] <= rank[own]
    ]
  assert not faults


def test_no_module_is_in_a_circle():
  graph = {name_of(path): imported(path) for path in MODULES}
  order = list(graphlib.TopologicalSorter(graph).static_order())
  assert len(order) == len(MODULES)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_a_folder_says_what_it_is_for(folder):
  tree = ast.parse((folder / "__init__.py").read_text())
  assert len(tree.body) == 1
  assert "May import" in " ".join(ast.get_docstring(tree).split())
  # The readme has a row for it, or it is part of a folder that has one.
  text = (ROOT / "README.md").read_text()
  assert f"| `{folder.relative_to(PACKAGE).parts[0]}/` |" in text


def test_every_file_of_the_package_is_installed():
  """Packages are found by their __init__.py, other files by their ending."""
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())
  endings = project["tool"]["setuptools"]["package-data"]["*"]
  for path in PACKAGE.rglob("*"):
    if path.is_file() and "__pycache__" not in path.parts:
      assert (path.parent / "__init__.py").is_file(), path
      named = any(fnmatch.fnmatch(path.name, e) for e in endings)
      assert path.suffix == ".py" or named, path


def test_a_test_lies_where_its_module_does():
  """tests/ has no folder that hdgan/ has not, besides the goldens."""
  folders = {p.parent.relative_to(ROOT / "tests") for p in
             (ROOT / "tests").rglob("test_*.py")}  # fmt: skip
  for folder in folders:
    assert (PACKAGE / folder).is_dir(), folder


def test_no_constructor_takes_more_than_three_by_position():
  faults = []
  for path in [*MODULES, *ROOT.glob("configs/*.py")]:
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Call) and len(node.args) > 3:
        called = ast.unparse(node.func).split(".")[-1]
        if called[0].isupper():
          faults.append(f"{path.name}:{node.lineno}: {called}")
  assert not faults


def test_configs_and_package_do_not_import_each_other():
  for path in ROOT.glob("configs/*.py"):
    assert not imported(path), path
  for path in PACKAGE.rglob("*.py"):
    assert "import configs" not in path.read_text(), path
    assert "from configs" not in path.read_text(), path


def test_importing_everything_has_no_side_effects():
  """No TensorFlow, no PyTorch, no device."""
  code = "import sys, importlib\n" + "\n".join(
    f"importlib.import_module({name_of(path)!r})" for path in MODULES
  )
  code += """
bad = [m for m in ("tensorflow", "torch") if m in sys.modules]
from jax._src import xla_bridge
assert not bad, bad
assert not xla_bridge.backends_are_initialized()
"""
  subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
