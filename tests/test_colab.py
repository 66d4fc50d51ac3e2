"""The notebook runs from its first cell to its last, on a tiny model."""

import os
import pathlib

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOK = ROOT / "launch" / "colab.ipynb"
OPTIONS = (
  "data.num_train=6", "data.num_val=2", "generator.width=8",
  "generator.blocks=1", "generator.enhancer_blocks=1", "discriminator.width=4",
  "stages[0].constant=1", "stages[0].decay=0", "stages[2].decay=0",
)  # fmt: skip


def read():
  return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs_and_with_its_parameters():
  cells = read().cells
  code = [cell for cell in cells if cell.cell_type == "code"]
  assert all(c.outputs == [] and c.execution_count is None for c in code)
  for cell in code:
    compile(cell.source, "cell", "exec")
    assert max(len(line) for line in cell.source.splitlines()) <= 80
  tagged = [c for c in code if "parameters" in c.metadata.get("tags", [])]
  assert len(tagged) == 1 and "WORKDIR" in tagged[0].source


@pytest.mark.slow
# The kernel's own threads and sockets, closed when it ends.
@pytest.mark.filterwarnings("ignore")
def test_it_runs(tmp_path, monkeypatch):
  notebook = read()
  (cell,) = [
    c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])
  ]
  options = [f"--config.{option}" for option in OPTIONS]
  # Appended, so that the cell as stored runs too.
  cell.source += f"\nSOURCE, WORKDIR, OPTIONS = {str(ROOT)!r}, 'W', {options!r}"
  cell.source += "\nMIN_AREA = 0.0"
  paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
  monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
  client = nbclient.NotebookClient(
    notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}
  )
  client.execute()
  outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
  text = "".join(o.get("text", "") for o in outputs)
  shown = [o for o in outputs if "image/png" in o.get("data", {})]
  # The style grid, the scene, and four times before beside after.
  assert len(shown) == 6
  widget = "application/vnd.jupyter.widget-view+json"
  assert [widget in o.get("data", {}) for o in outputs].count(True) == 1
  assert widget in notebook.cells[-1].outputs[-1].data
  assert "0 trees after" in text and "undone: True" in text
  counts = dict(
    (" ".join(rest), int(number))
    for number, *rest in map(str.split, text.splitlines())
    if number.isdecimal() and len(rest) == 2
  )
  assert counts["cars after"] == counts["cars before"] - 1
  assert counts["trees before"] > 0
  assert not list((ROOT / "launch").glob("*.png"))
