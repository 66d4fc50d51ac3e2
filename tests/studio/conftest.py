"""Fixtures of the tests that open the studio in a browser."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from studio.browser import Site, Visit, chromium
from studio.stand_in import stand_in, street_inputs

from hdgan.studio.studio import Studio


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
  """Chromium, of a module: other tests cannot run loops beside its own."""
  with chromium() as one:
    yield one


@pytest.fixture
def browse(browser) -> Iterator[Callable[..., Visit]]:
  """Opens a studio in a page of its own: `browse(studio, dpr=2)`."""
  with contextlib.ExitStack() as stack:
    visits: list[Visit] = []

    def open_page(
      studio: Studio | Site | None = None,
      viewport: tuple[int, int] = (1280, 720),
      dpr: float = 1,
      scheme: str = "light",
      opened: bool = True,
      **options: Any,
    ) -> Visit:
      """Gives a page.

      Args:
        studio: to be served, or a `Site`; two small streets by default.
        viewport: (width, height).
        dpr: pixels of the screen per pixel of the page.
        scheme: "light" or "dark".
        opened: False leaves the page empty.
        options: of Playwright's context.
      """
      if studio is None:
        renderer = stand_in()
        studio = Studio(renderer, street_inputs(renderer), "input")
      if isinstance(studio, Studio):
        site = Site(studio)
        stack.callback(site.stop)
      else:
        site = studio
      context = browser.new_context(
        viewport=dict(zip(("width", "height"), viewport, strict=True)),
        device_scale_factor=dpr, color_scheme=scheme, **options,
      )  # fmt: skip
      stack.callback(context.close)
      visit = Visit(site, context.new_page())
      visit.watch()
      visits.append(visit)
      return visit.open() if opened else visit

    yield open_page
    for visit in visits:
      visit.check()
