"""The studio in a real browser: the server on a port, the page in Chromium.

Tests take the fixture `browse` (conftest.py beside this file), which gives a
`Visit`; all of them are slow. A visit that ends with an error in the console,
a violation of the page's policy or a request to another machine has failed.
"""

import contextlib
import dataclasses
import gzip
import io
import json
import pathlib
import shutil
import socket
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hdgan.studio import frame
from hdgan.studio.server import make_app, make_server
from hdgan.studio.studio import Studio

TOKEN = "token-of-the-tests"
PATIENCE = 30_000  # Milliseconds, for whatever is waited for.
PROGRAMS = "chromium", "chromium-browser", "google-chrome"

Point = tuple[float, float]

# What the page's scripts say of the one element that the editor is in.
APP = "document.querySelector('.hdgan-studio').studio"
# Resolves when the photo that is shown is of the document as it is.
SETTLED = f"""async (milliseconds) => {{
  const end = performance.now() + milliseconds;
  const done = () => {{
    const app = {APP};
    return app && app.photo && app.photo.scale === 1 && app.doc
      && !app.doc.step && app.photo.version === app.doc.version
      && app.status.state === "ready";
  }};
  while (!done()) {{
    if (performance.now() > end) throw new Error("no photo came: "
      + JSON.stringify({APP} ? {APP}.status : document.body.innerText));
    await new Promise((resolve) => setTimeout(resolve, 15));
  }}
}}"""


def program() -> str:
  """The system's Chromium.

  A test without one fails: what nobody runs is not tested.
  """
  found = next(filter(None, map(shutil.which, PROGRAMS)), None)
  if found is None:
    pytest.fail(
      "no chromium or google-chrome on the PATH; .ci/run installs it",
      pytrace=False,
    )
  return found


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
  """A browser, without a window."""
  from playwright.sync_api import sync_playwright

  path = program()
  with sync_playwright() as driver:
    browser = driver.chromium.launch(
      executable_path=path, args=["--no-sandbox", "--disable-gpu"]
    )
    yield browser
    browser.close()


class Site:
  """The real server of a studio, in a thread; it can be started again."""

  def __init__(self, studio: Studio):
    self.studio, self.port = studio, 0
    self.start()

  @property
  def origin(self) -> str:
    return f"http://127.0.0.1:{self.port}"

  @property
  def url(self) -> str:
    return f"{self.origin}/#token={self.token}"

  def start(self, token: str = TOKEN) -> None:
    """Listens, on the same port as before."""
    self.token = token
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", self.port))
    listening.listen(128)
    self.port = listening.getsockname()[1]
    self.server = make_server(make_app(self.studio, token))
    self.thread = threading.Thread(
      target=self.server.run, args=([listening],), daemon=True
    )
    self.thread.start()
    end = time.monotonic() + 20
    while not self.server.started and time.monotonic() < end:
      self.thread.join(0.01)
    assert self.server.started

  def stop(self) -> None:
    # Calls under way are not waited for.
    self.server.should_exit = self.server.force_exit = True
    self.thread.join(20)
    assert not self.thread.is_alive()


@dataclasses.dataclass(frozen=True, eq=False)
class Document:
  """What the page holds: plane [H, W] of rows or levels, and the table."""

  plane: np.ndarray
  table: list[dict[str, Any]]
  regions: dict[str, int]
  version: int
  seed: int

  @property
  def label(self) -> np.ndarray:
    """[H, W] class ids."""
    return np.array([row["label"] for row in self.table])[self.plane]


@dataclasses.dataclass(eq=False)
class Visit:
  """One page on a site, and all that happened on it.

  Attributes:
    site: the server.
    page: Playwright's.
    calls: (name, header, payload) of each request, in order.
    outside: addresses elsewhere that the page asked for.
    errors: what the console, scripts and the policy complained of.
    allowed: words; a complaint with one of them is not counted.
  """

  site: Site
  page: Any
  calls: list[tuple[str, dict[str, Any], bytes]] = dataclasses.field(
    default_factory=list
  )
  outside: list[str] = dataclasses.field(default_factory=list)
  errors: list[str] = dataclasses.field(default_factory=list)
  allowed: list[str] = dataclasses.field(default_factory=list)

  def watch(self) -> None:
    """Keeps account from here on."""
    page = self.page
    page.set_default_timeout(PATIENCE)
    page.on("request", self._request)
    page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
    page.on("console", self._console)
    page.add_init_script(
      "addEventListener('securitypolicyviolation', (event) => console.error("
      "'policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
    )

  def _request(self, request: Any) -> None:
    address = urllib.parse.urlsplit(request.url)
    if address.scheme in ("data", "blob"):
      return
    if f"{address.scheme}://{address.netloc}" != self.site.origin:
      self.outside.append(request.url)
    elif request.headers.get("x-token"):
      name, data = address.path.removeprefix("/api/"), request.post_data_buffer
      if request.headers.get("content-encoding") == "gzip":
        data = gzip.decompress(data)
      self.calls.append((name, *frame.unpack(data)))

  def _console(self, message: Any) -> None:
    if message.type in ("error", "warning"):
      self.errors.append(f"{message.type}: {message.text}")

  def check(self) -> None:
    """What must hold at the end of every visit."""
    assert not self.outside
    assert not [
      one for one in self.errors if not any(w in one for w in self.allowed)
    ]

  def open(self) -> "Visit":
    """Loads the page with its token, and waits for the first photo."""
    self.page.goto(self.site.url)
    return self.ready()

  def ready(self) -> "Visit":
    """Waits until the photo shows the document as it is."""
    self.page.locator("canvas.stage").wait_for()
    self.page.evaluate(SETTLED, PATIENCE)
    return self

  def app(self, expression: str, argument: Any = None) -> Any:
    """Gives the value of an expression about `app`; `x` is the argument."""
    return self.page.evaluate(
      f"async (x) => {{ const app = {APP}; return {expression}; }}", argument
    )

  def doc(self) -> Document:
    """The document as the page holds it."""
    told = self.app(
      "{w: app.doc.w, h: app.doc.h, table: app.doc.table, seed: app.doc.seed,"
      " regions: app.doc.regions, version: app.doc.version,"
      " runs: Array.from(app.doc.runs())}"
    )
    runs = bytes(told["runs"])
    plane = frame.unpack_runs(runs, (told["h"], told["w"]), 2**32 - 1)
    return Document(
      plane, table=told["table"], regions=told["regions"],
      version=told["version"], seed=told["seed"],
    )  # fmt: skip

  def place(self, point: Point) -> Point:
    """Where a position of the map lies in the window."""
    at = self.app("app.stage.toPage(x[0], x[1])", list(point))
    return at["x"], at["y"]

  def stroke(self, points: Sequence[Point], steps: int = 4) -> None:
    """Draws along positions of the map: pixel (0, 0) has its middle at 0.5."""
    first, *rest = (self.place(point) for point in points)
    mouse = self.page.mouse
    mouse.move(*first)
    mouse.down()
    for x, y in rest:
      mouse.move(x, y, steps=steps)
    mouse.up()

  def click(self, point: Point, **options: Any) -> None:
    """Clicks at a position of the map."""
    self.page.mouse.click(*self.place(point), **options)

  def button(self, name: str, exact: bool = True) -> Any:
    return self.page.get_by_role("button", name=name, exact=exact)

  def press(self, *keys: str) -> None:
    """Presses keys while the stage has the focus."""
    for key in keys:
      self.page.locator("canvas.stage").press(key)

  def choose(self, label: int) -> None:
    """Takes a class for what is painted next."""
    self.app("app.set({label: x})", label)

  def export(self) -> dict[str, Any]:
    """Exports as a person does; see `read_export`."""
    self.press("Control+s")
    with self.page.expect_download() as download:
      self.button("Download").click()
    files = read_export(pathlib.Path(download.value.path()).read_bytes())
    self.page.get_by_role("dialog", name="Export").wait_for(state="detached")
    # Another tells how it is replayed, where it can be.
    if self.page.get_by_role("dialog").count():
      self.page.get_by_role("dialog").press("Escape")
    return files

  def shot(self, path: pathlib.Path) -> None:
    self.page.screenshot(path=path)


def read_export(data: bytes) -> dict[str, Any]:
  """What an exported zip holds, by role; the zip itself as ''."""
  files: dict[str, Any] = {"": data}
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    for name in archive.namelist():
      path, content = pathlib.PurePath(name), archive.read(name)
      if path.suffix == ".json":
        files[path.stem] = json.loads(content)
      else:
        role = path.parts[0] if len(path.parts) > 1 else path.stem
        files[role] = np.array(Image.open(io.BytesIO(content)))
  return files


def disc(shape: tuple[int, int], x: float, y: float, d: int) -> np.ndarray:
  """[H, W] bool: pixels whose middles lie within d / 2 of the brush's.

  An odd brush has its middle in that of the pixel at (x, y), an even one in
  the nearest corner.
  """
  height, width = shape
  odd = d % 2
  cx = np.floor(x) + 0.5 if odd else np.floor(x + 0.5)
  cy = np.floor(y) + 0.5 if odd else np.floor(y + 0.5)
  v, u = np.mgrid[:height, :width] + 0.5
  return (u - cx) ** 2 + (v - cy) ** 2 <= d * d / 4


def straight(
  shape: tuple[int, int], points: Sequence[Point], d: int
) -> np.ndarray:
  """[H, W] bool: the discs of a stroke that runs along rows or columns."""
  covered = np.zeros(shape, bool)
  for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[-1]], strict=True):
    assert x0 == x1 or y0 == y1
    steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
    for x, y in zip(
      np.linspace(x0, x1, steps), np.linspace(y0, y1, steps), strict=True
    ):
      covered |= disc(shape, x, y, d)
  return covered
