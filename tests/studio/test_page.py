"""page.js in a browser: the token, what the server or a proxy may answer."""

import contextlib

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from studio import browser
from studio.browser import TOKEN, Site
from studio.stand_in import stand_in, street_inputs

from hdgan.studio import server
from hdgan.studio.studio import Studio

pytestmark = pytest.mark.slow
OTHER = "the-token-of-the-next-start"

# What a call with so many bytes behind its header throws.
CALL = """async ({name, size}) => {
  const app = document.querySelector(".hdgan-studio").studio;
  try {
    await app.call(name, {}, new Uint8Array(size));
  } catch (refusal) {
    return refusal;
  }
}"""


@pytest.fixture
def site():
  renderer = stand_in()
  one = Site(Studio(renderer, street_inputs(renderer), "input"))
  yield one
  one.stop()


def restart(site):
  """The same address, another token."""
  site.stop()
  site.start(OTHER)


def send(visit, name="meta", size=0):
  return visit.page.evaluate(CALL, {"name": name, "size": size})


def edited(visit):
  """Whether a step and the photo after it went well."""
  visit.app("app.set({size: 9})")
  visit.press("b")
  visit.stroke([(20.5, 20.5), (40.5, 20.5)])
  visit.ready()
  return len(visit.doc().table)


def test_the_token_is_seen_once(browse, site):
  visit = browse(site, opened=False)
  headers, addresses = [], []
  visit.page.on("request", lambda one: addresses.append(one.url))
  visit.page.on(
    "request",
    lambda one: "/api/" in one.url and headers.append(one.headers),
  )
  visit.open()
  assert visit.page.url == f"{site.origin}/"
  assert not [one for one in addresses if TOKEN in one.partition("#")[0]]
  assert headers and all(one["x-token"] == TOKEN for one in headers)
  assert visit.page.evaluate("document.cookie") == ""
  assert visit.page.title() == "run – hdgan studio"
  # The tab has it for the next load; another tab does not.
  visit.page.goto(visit.page.url)
  visit.ready()
  stranger = browse(site, opened=False)
  stranger.allowed.append("403")
  stranger.page.goto(f"{site.origin}/")
  stranger.page.get_by_role("dialog").wait_for()


def test_a_window_that_keeps_nothing(browse, site):
  """As with cookies blocked: reading the property is an error."""
  visit = browse(site, opened=False)
  visit.page.add_init_script(
    "Object.defineProperty(window, 'sessionStorage', "
    "{ get() { throw new DOMException('no', 'SecurityError'); } });"
  )
  visit.open()
  assert edited(visit)


def test_after_a_restart_the_new_address_is_asked_for(browse, site):
  visit = browse(site)
  visit.allowed += ["403", "ERR_CONNECTION_REFUSED"]
  before = visit.doc()
  restart(site)
  visit.press("r")
  dialog = visit.page.get_by_role("dialog")
  dialog.wait_for()
  field = dialog.get_by_role("textbox")
  for wrong in ("no token here", f"{site.origin}/", "short"):
    field.fill(wrong)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    dialog.get_by_text("There is no token in it.").wait_for()
  field.fill(f"studio: {site.origin}/#token={OTHER}")
  field.press("Enter")
  visit.ready()
  dialog.wait_for(state="detached")
  after = visit.doc()
  assert (after.plane == before.plane).all()
  assert edited(visit)


def test_another_tab_brings_the_new_token(browse, site):
  visit = browse(site)
  visit.allowed += ["403", "ERR_CONNECTION_REFUSED"]
  restart(site)
  visit.press("r")
  dialog = visit.page.get_by_role("dialog")
  dialog.wait_for()
  second = visit.page.context.new_page()
  second.goto(f"{site.origin}/#token={OTHER}")
  dialog.wait_for(state="detached")
  visit.ready()
  second.close()
  # Or the address is opened in the tab itself: nothing is loaded anew.
  visit.app("app.kept = 1")
  visit.page.goto(f"{site.origin}/#token={OTHER}")
  assert visit.app("app.kept") == 1
  assert visit.page.url == f"{site.origin}/"
  assert edited(visit)


def test_large_requests_are_compressed(browse, site):
  visit = browse(site)
  seen = []
  visit.page.on("request", lambda one: seen.append(one.headers))
  visit.allowed += ["400", "404"]
  for size in (0, 2**19, 2**20):
    assert send(visit, "nothing", size)["code"] == "call"
  packed = [one.get("content-encoding") for one in seen]
  assert packed == [None, None, "gzip"]


ANSWERS = [
  ({"status": 502, "body": "<h1>Bad Gateway"}, "offline"),
  ({"status": 503, "body": "Service Unavailable"}, "offline"),
  ({"status": 504}, "offline"),
  ({"status": 500, "body": "<h1>Oh"}, "http"),
  ({"status": 404, "json": {"message": "no such server"}}, "http"),
  ({"status": 200, "body": "<h1>Log in", "content_type": "text/html"}, "http"),
  ({"status": 418, "json": {"code": "c", "message": "m"}}, "c"),
  (None, "offline"),
]


def test_what_a_proxy_may_answer(browse):
  visit = browse()
  visit.allowed += ["Failed to load resource"]
  answers = iter(ANSWERS)

  def answer(route):
    given, _ = next(answers)
    route.fulfill(**given) if given else route.abort()

  visit.page.route("**/api/other", answer)
  for given, code in ANSWERS:
    told = send(visit, "other")
    assert sorted(told) == ["code", "field", "hint", "message"], given
    assert told["code"] == code and told["message"], given


def test_another_version_is_told_to_load_again(browse, site):
  visit = browse(site)
  visit.allowed.append("409")
  site.stop()
  before = server.files.style
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(server.files, "style", lambda: before() + "/* newer */")
    site.start()
  told = send(visit)
  assert told["code"] == "version" and told["hint"] == "load the page again"
  visit.page.reload()
  visit.ready()


def test_behind_a_proxy_with_a_prefix(browse, monkeypatch):
  """As with jupyter-server-proxy: the page is not at the root."""
  inner = server.make_app
  monkeypatch.setattr(
    browser, "make_app",
    lambda *args: Starlette(routes=[Mount("/user/me/proxy/80", inner(*args))]),
  )  # fmt: skip
  renderer = stand_in()
  site = Site(Studio(renderer, street_inputs(renderer), "input"))
  with contextlib.ExitStack() as stack:
    stack.callback(site.stop)
    visit = browse(site, opened=False)
    addresses = []
    visit.page.on("request", lambda one: addresses.append(one.url))
    visit.page.goto(f"{site.origin}/user/me/proxy/80/#token={TOKEN}")
    visit.ready()
    assert edited(visit)
    start = f"{site.origin}/user/me/proxy/80/"
    assert len(addresses) > 5
    assert not [
      one for one in addresses
      if not one.startswith((start, "blob:", "data:"))
    ]  # fmt: skip
