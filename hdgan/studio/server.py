"""The studio as a web server on this machine, behind a token."""

import secrets
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hdgan.studio import frame, limits
from hdgan.studio.page import files
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import Studio


def make_app(studio: Studio, token: str) -> Starlette:
  """The page and its calls.

  Args:
    studio: that answers.
    token: that every call carries in X-Token.
  """

  async def call(request: Request) -> Response:
    try:
      if not secrets.compare_digest(request.headers.get("x-token", ""), token):
        raise Refusal("token", "the token is missing or wrong", status=403)
      body = bytearray()
      async for part in request.stream():
        body += part
        if len(body) > limits.BODY:
          raise Refusal("body", "the request is too large", status=413)
      header, payload = frame.unpack(bytes(body))
      name = request.path_params["name"]
      answer = await anyio.to_thread.run_sync(
        studio.call, name, header, payload
      )
      return Response(
        frame.pack(*answer), media_type="application/octet-stream"
      )
    except Refusal as refusal:
      return JSONResponse(refusal.answer(), refusal.status)

  def text(name: str, kind: str) -> Any:
    async def get(request: Request) -> Response:
      body = (
        files.editor_module() if name == "editor.js"
        else (files.FOLDER / name).read_text("utf-8")
      )  # fmt: skip
      return Response(body, media_type=kind)

    return get

  return Starlette(
    routes=[
      Route("/", text("index.html", "text/html")),
      Route("/editor.js", text("editor.js", "text/javascript")),
      Route("/page.js", text("page.js", "text/javascript")),
      Route("/editor.css", text("editor.css", "text/css")),
      Route("/api/{name}", call, methods=["POST"]),
    ]
  )


def serve(studio: Studio, host: str, port: int) -> None:
  """Serves until it is stopped."""
  token = secrets.token_urlsafe(16)
  config = uvicorn.Config(
    make_app(studio, token), host=host, port=port, log_level="warning"
  )
  server = uvicorn.Server(config)
  socket = config.bind_socket()
  port = socket.getsockname()[1]
  print(f"studio: http://{host}:{port}/?token={token}", flush=True)
  server.run([socket])
