"""The widget in JupyterLab: a cell is run, and its result painted in."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from studio.browser import PATIENCE, Visit, chromium, straight
from studio.stand_in import ROAD, street

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]
TOKEN = "token-of-the-tests"
CELLS = (
  f"""import sys
sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]}
from hdgan.studio.studio import Studio
from hdgan.studio.widget import studio_widget
from studio.stand_in import stand_in, street_inputs
renderer = stand_in()
studio_widget(Studio(renderer, street_inputs(renderer), "input"))""",
  "import threading; threading.Event().wait(60)",
)


class Lab:
  """JupyterLab as a site of visits."""

  def __init__(self, folder: pathlib.Path):
    with socket.socket() as free:
      free.bind(("127.0.0.1", 0))
      port = free.getsockname()[1]
    self.origin = f"http://127.0.0.1:{port}"
    self.url = f"{self.origin}/lab/tree/studio.ipynb?token={TOKEN}"
    places = ("CONFIG", "DATA", "RUNTIME")
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in places}
    self.log = (folder / "log").open("w")
    self.process = subprocess.Popen(
      [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=",
      ],
      env={**os.environ, **own, "IPYTHONDIR": str(folder / "ipython")},
      stdout=self.log, stderr=self.log,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not self._answers():
      assert self.process.poll() is None and time.monotonic() < end

  def _answers(self) -> bool:
    try:
      with urllib.request.urlopen(f"{self.origin}/api?token={TOKEN}"):
        return True
    except urllib.error.URLError:
      time.sleep(0.1)
      return False

  def stop(self) -> None:
    self.process.terminate()
    self.process.wait(30)
    self.log.close()


@pytest.fixture
def lab(tmp_path):
  cells = [
    {
      "cell_type": "code", "id": f"cell-{i}", "execution_count": None,
      "metadata": {}, "outputs": [], "source": source,
    }
    for i, source in enumerate(CELLS)
  ]  # fmt: skip
  kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
  notebook = {
    "cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4,
    "nbformat_minor": 5,
  }  # fmt: skip
  (tmp_path / "studio.ipynb").write_text(json.dumps(notebook))
  one = Lab(tmp_path)
  yield one
  one.stop()


def run_cell(page, number):
  page.locator(".jp-Cell .cm-content").nth(number).click()
  page.keyboard.press("Control+Enter")


def test_the_widget_in_jupyterlab(lab):
  line = [(20.5, 30.5), (60.5, 30.5)]
  with chromium() as browser:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    visit = Visit(lab, page)
    visit.watch()
    page.goto(lab.url)
    page.set_default_timeout(2 * PATIENCE)  # Of megabytes of scripts.
    page.get_by_text("(ipykernel) | Idle").wait_for()
    run_cell(page, 0)
    visit.ready()
    page.locator("canvas.stage").scroll_into_view_if_needed()
    before = visit.doc()
    label, instance = street((64, 128))
    np.testing.assert_array_equal(before.label, label)

    # A letter is a tool here, not a new cell.
    visit.press("b")
    assert visit.app("app.ui.tool") == "brush"
    assert page.locator(".jp-Cell").count() == len(CELLS)
    visit.choose(ROAD)
    visit.app("app.set({size: 7})")
    visit.stroke(line)
    visit.ready()
    covered = straight(label.shape, line, 7)
    painted = visit.doc()
    want = np.where(covered, ROAD, label)
    np.testing.assert_array_equal(painted.label, want)

    files = visit.export()
    np.testing.assert_array_equal(files["label"], want)
    np.testing.assert_array_equal(
      files["inst"], np.where(covered, ROAD, instance)
    )
    assert files["photo"].shape == (64, 128, 3)

    # All of the screen, and back.
    height = "document.querySelector('.hdgan-studio').clientHeight"
    assert page.evaluate(height) == 640
    visit.button("Full screen").click()
    page.locator(".hdgan-studio:fullscreen[style*='100%']").wait_for()
    assert page.evaluate(height) == page.evaluate("innerHeight")
    visit.button("Full screen").click()

    # A photo is made while another cell runs.
    run_cell(page, 1)
    running = page.locator(".jp-InputPrompt").nth(1).get_by_text("[*]:")
    running.wait_for()
    page.locator("canvas.stage").scroll_into_view_if_needed()
    visit.press("Control+z")
    visit.ready()
    assert running.count() == 1
    np.testing.assert_array_equal(visit.doc().plane, before.plane)
    assert visit.outside == []
    assert not [one for one in visit.errors if one.startswith("script")]
    page.close()
