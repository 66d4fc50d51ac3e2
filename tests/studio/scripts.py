"""The page's modules without a page: run by the Node that Playwright brings."""

import json
import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

import playwright

from hdgan.studio.page import files

NODE = str(pathlib.Path(playwright.__file__).parent / "driver" / "node")


def run_script(modules: Sequence[str], body: str, data: Any) -> Any:
  """Runs the body of a function that sees the modules.

  Args:
    modules: of the page, by name.
    body: may use `data` and await.
    data: for the body, as JSON holds it.

  Returns:
    What it returns, as JSON holds it.
  """
  script = (
    f"{files.joined(modules)}\nasync function main(data) {{\n{body}\n}}\n"
    f"const result = await main({json.dumps(data)});\n"
    "console.log(JSON.stringify(result ?? null));\n"
  )
  done = subprocess.run(
    [NODE, "--input-type=module", "-"],
    input=script, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)
