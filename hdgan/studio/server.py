"""The studio as a web server on this machine, behind a token."""

import concurrent.futures
import functools
import gzip
import hashlib
import secrets
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import anyio
import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive

from hdgan.studio import frame, limits
from hdgan.studio.body import Body, Held
from hdgan.studio.guard import Guard, Hosts
from hdgan.studio.page import files
from hdgan.studio.refusal import Refusal, of_error
from hdgan.studio.studio import Studio

FRAME = "application/octet-stream"
LOOK = 0.2  # Seconds after which signals are looked for again.
PATHS = {
  "/": "index.html", "/page.js": "page.js", "/editor.js": "editor.js",
  "/editor.css": "editor.css",
}  # fmt: skip
_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
# Calls whose answers are runs; pictures and archives are packed already.
_RUNS = ("scene", "blank", "open", "edit", "stamps")


def make_app(studio: Studio, token: str, hosts: Hosts | None = None) -> Guard:
  """The page and its calls.

  Args:
    studio: that answers.
    token: that every call carries in X-Token.
    hosts: names that requests may ask for; this machine's own for None.

  Returns:
    An ASGI application.
  """
  page = _Page()
  app = Starlette(
    routes=[
      *(
        Route(path, functools.partial(page.get, name))
        for path, name in PATHS.items()
      ),
      Route(
        "/api/{name}", _Calls(studio, token, page.version).post,
        methods=["POST"],
      ),
    ],
    exception_handlers={HTTPException: _told, Exception: _unforeseen},
  )  # fmt: skip
  return Guard(app, hosts or Hosts())


def make_server(app: ASGIApp) -> uvicorn.Server:
  """The web server of an application, for `run([socket])`."""
  config = uvicorn.Config(
    app, loop="asyncio", http="h11", ws="none", lifespan="off",
    interface="asgi3", log_config=None, log_level="error", access_log=False,
    server_header=False, proxy_headers=False, timeout_keep_alive=60,
    # Of connections, each of which may hold an answer that nobody reads.
    limit_concurrency=256, h11_max_incomplete_event_size=2**16,
  )  # fmt: skip
  return uvicorn.Server(config)


def serve(app: ASGIApp, listening: socket.socket) -> None:
  """Serves until a signal comes, which is an exception in the main thread.

  Args:
    app: to be served.
    listening: the socket.
  """
  ended: concurrent.futures.Future[None] = concurrent.futures.Future()

  def work() -> None:
    try:
      make_server(app).run([listening])
      ended.set_result(None)
    except BaseException as error:
      ended.set_exception(error)

  # In a thread of its own: the main thread has nothing to do but to end at
  # once when a signal comes, whatever is computed or half sent.
  threading.Thread(target=work, name="hdgan_server", daemon=True).start()
  # A signal that comes on the way into a wait does not end it: the next does.
  while not ended.done():
    concurrent.futures.wait([ended], LOOK)
  ended.result()


class _Page:
  """The page's files, read once, so that none is of another version."""

  def __init__(self) -> None:
    texts = {
      "index.html": (files.FOLDER / "index.html").read_text("utf-8"),
      "page.js": (files.FOLDER / "page.js").read_text("utf-8"),
      "editor.js": files.editor_module(),
      "editor.css": files.style(),
    }
    digest = hashlib.sha256("\0".join(texts.values()).encode())
    self.version = digest.hexdigest()[:16]
    self._files = {
      name: text.replace("{version}", self.version).encode()
      if name == "index.html" else text.encode()
      for name, text in texts.items()
    }  # fmt: skip
    self._packed = {n: gzip.compress(b) for n, b in self._files.items()}

  async def get(self, name: str, request: Request) -> Response:
    """A file; browsers ask each time whether theirs is still the newest."""
    body = self._files[name]
    tag = f'"{self.version}"'
    headers = {
      "Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept-Encoding",
    }  # fmt: skip
    if tag in request.headers.get("if-none-match", ""):
      return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if _takes_gzip(request):
      headers["Content-Encoding"] = "gzip"
      body = self._packed[name]
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(body, headers=headers, media_type=kind)


class _Calls:
  """Answers calls, each in a thread; bounds what many of them take at once."""

  def __init__(self, studio: Studio, token: str, version: str):
    self._studio, self._version = studio, version
    self._token = token.encode()
    self._held = Held()
    self._scenes = anyio.CapacityLimiter(limits.SCENES)
    self._large = anyio.CapacityLimiter(limits.LARGE_SCENES)
    self._others = anyio.CapacityLimiter(limits.OTHERS)

  async def post(self, request: Request) -> Response:
    """The answer to one call, or why there is none."""
    parts = _Parts(request.receive)
    try:
      self._check(request)
      coding = request.headers.get("content-encoding", "").strip().lower()
      with Body(coding, self._held) as body:
        header, payload = await _frame(body, parts)
        return await self._watched(request, parts, header, payload)
    except Refusal as refusal:
      await parts.discard()
      return _refuse(refusal)

  def _check(self, request: Request) -> None:
    """Refuses whom it does not know, before anything is read."""
    given = request.headers.get("x-token", "").encode()
    if not secrets.compare_digest(given, self._token):
      raise Refusal(
        "token", "the studio does not know this page", field="x-token",
        hint="take the address that the studio printed when it was started",
        status=HTTPStatus.FORBIDDEN,
      )  # fmt: skip
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != FRAME:
      raise Refusal(
        "content", f"Content-Type must be {FRAME}", field="content-type",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
      )  # fmt: skip
    if request.headers.get("x-page", self._version) != self._version:
      raise Refusal(
        "version", "the studio is of another version than this page",
        field="x-page", hint="load the page again",
        status=HTTPStatus.CONFLICT,
      )  # fmt: skip

  async def _watched(
    self, request: Request, parts: "_Parts", header: Mapping[str, Any],
    payload: bytes,
  ) -> Response:  # fmt: skip
    """Works in a thread; drops the work when nobody waits for it any more."""
    caller = object()
    work = functools.partial(self._work, request, header, payload, caller)
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    async with anyio.create_task_group() as group:

      async def watch() -> None:
        await parts.end()
        self._studio.drop(caller)
        group.cancel_scope.cancel()

      group.start_soon(watch)
      answer = await anyio.to_thread.run_sync(
        work, limiter=self._limiter(header, payload)
      )
      group.cancel_scope.cancel()
    return answer

  def _limiter(
    self, header: Mapping[str, Any], payload: bytes
  ) -> anyio.CapacityLimiter:
    w, h = header.get("w", 0), header.get("h", 0)
    if type(w) is not int or type(h) is not int:
      return self._others  # It will be refused.
    if max(w * h, len(payload)) > limits.LARGE:
      return self._large
    return self._scenes if w else self._others

  def _work(
    self, request: Request, header: Mapping[str, Any], payload: bytes,
    caller: object,
  ) -> Response:  # fmt: skip
    """Runs in a thread; whatever comes is an answer."""
    name = request.path_params["name"]
    try:
      answer = frame.pack(*self._studio.call(name, header, payload, caller))
    except Exception as error:
      return _refuse(of_error(error))
    headers = {"Cache-Control": "no-store"}
    if len(answer) > limits.PACKED and name in _RUNS and _takes_gzip(request):
      answer = gzip.compress(answer, 1)
      headers["Content-Encoding"] = "gzip"
    return Response(answer, headers=headers, media_type=FRAME)


class _Parts:
  """What comes of a request, part by part."""

  def __init__(self, receive: Receive):
    self._receive, self.more = receive, True

  async def next(self) -> bytes:
    """The next bytes; `more` says whether others follow."""
    message = await self._receive()
    self.more = message.get("more_body", False)
    return message.get("body", b"")

  async def end(self) -> None:
    """Waits until the client has gone."""
    while (await self._receive())["type"] != "http.disconnect":
      pass

  async def discard(self) -> None:
    """Reads on: a client reads no answer before it has sent its request.

    A bounded part and time of it.
    """
    size = 0
    with anyio.move_on_after(limits.UPLOAD):
      while self.more and size < limits.BODY:
        size += len(await self.next())


async def _frame(body: Body, parts: _Parts) -> tuple[dict[str, Any], bytes]:
  """Reads the frame that a request is."""
  try:
    with anyio.fail_after(limits.UPLOAD):
      while parts.more:
        body.feed(await parts.next())
  except TimeoutError as error:
    raise Refusal(
      "slow", "the request took too long to come", field="body",
      hint="try again", status=HTTPStatus.REQUEST_TIMEOUT,
    ) from error  # fmt: skip
  return frame.unpack(body.whole())


def _takes_gzip(request: Request) -> bool:
  return "gzip" in request.headers.get("accept-encoding", "").lower()


def _refuse(
  refusal: Refusal, headers: Mapping[str, str] | None = None
) -> Response:
  headers = {**(headers or {}), "Cache-Control": "no-store"}
  return JSONResponse(refusal.answer(), refusal.status, headers)


async def _told(request: Request, error: Exception) -> Response:
  """What Starlette says of paths and methods, in the form of all refusals."""
  assert isinstance(error, HTTPException)
  if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
    refusal = Refusal(
      "method", f"{request.method} is not for this path", field="method",
      hint="calls are POST, files are GET", status=error.status_code,
    )  # fmt: skip
  else:
    refusal = Refusal(
      "path", "there is nothing at this path", field="path",
      status=error.status_code,
    )  # fmt: skip
  return _refuse(refusal, error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
  """For a fault of this module; uvicorn shows the traceback."""
  return _refuse(of_error(error, show=False))
