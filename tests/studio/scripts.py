"""The page's modules without a page: run by Node, or in Chromium."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from studio.browser import chromium

from hdgan.studio.page import files

NODE = shutil.which("node")


def source(modules: Sequence[str], body: str) -> str:
  """A module that exports `main(data)`, the body of which sees the modules."""
  text = files.joined(modules)
  return f"{text}\nexport async function main(data) {{\n{body}\n}}\n"


class Node:
  """Runs scripts by Node."""

  def __call__(self, modules: Sequence[str], body: str, data: Any) -> Any:
    """Gives what the body returns for `data`; both are JSON."""
    script = (
      source(modules, body)
      + f"const result = await main({json.dumps(data)});\n"
      + "console.log(JSON.stringify(result ?? null));\n"
    )
    done = subprocess.run(
      [str(NODE), "--input-type=module", "-"],
      input=script, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Chromium:
  """Runs scripts in a page of Chromium."""

  def __init__(self, page: Any):
    self.page = page

  def __call__(self, modules: Sequence[str], body: str, data: Any) -> Any:
    return self.page.evaluate(
      """async ([text, data]) => {
        const blob = new Blob([text], { type: "text/javascript" });
        const { main } = await import(URL.createObjectURL(blob));
        return (await main(data)) ?? null;
      }""",
      [source(modules, body), data],
    )


# Where there is no Node, Chromium is as good, but slow to start.
ENGINES = (
  ["node"] if NODE else [pytest.param("chromium", marks=pytest.mark.slow)]
)


@contextlib.contextmanager
def engine(name: str) -> Iterator[Node | Chromium]:
  """What runs scripts, until it is closed."""
  if name == "node":
    yield Node()
    return
  with chromium() as browser:
    yield Chromium(browser.new_page())
