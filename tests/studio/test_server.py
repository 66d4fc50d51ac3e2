"""The server: whom it answers, what it refuses, and what it holds out.

Where nothing else is needed a few lines stand for the studio.
"""

import asyncio
import contextlib
import dataclasses
import functools
import gzip
import http.client
import json
import pathlib
import re
import shutil
import socket
import threading
import urllib.parse

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Mount
from studio.stand_in import stand_in, street_inputs

from hdgan.studio import frame, guard, limits, server
from hdgan.studio.body import Body, Held
from hdgan.studio.page import files
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import Studio

TOKEN = "the-token-of-this-test"
HEADERS = {"X-Token": TOKEN, "Content-Type": server.FRAME}
EMPTY = frame.pack({})


class Echo:
  """Answers what it was asked, or what it was told to."""

  def __init__(self):
    self.answer = None

  def call(self, name, header, payload, caller):
    if isinstance(self.answer, Exception):
      raise self.answer
    return self.answer or ({"name": name, **header}, payload)

  def drop(self, caller):
    pass


@pytest.fixture
def studio():
  return Echo()


@dataclasses.dataclass(frozen=True)
class Answer:
  """What an application answered."""

  status: int
  headers: Headers
  sent: bytes

  @property
  def body(self):
    packed = self.headers.get("content-encoding") == "gzip"
    return gzip.decompress(self.sent) if packed else self.sent

  @property
  def text(self):
    return self.body.decode()


class Client:
  """Asks an application without a network, as a browser would."""

  def __init__(self, app, host="127.0.0.1:8811"):
    self.app, self.host = app, host
    self.loop = asyncio.Runner()

  def ask(self, method, path, headers=(), body=b""):
    given = {"Host": self.host, "Accept-Encoding": "gzip", **dict(headers)}
    path, _, query = path.partition("?")
    scope = {
      "type": "http", "method": method, "path": urllib.parse.unquote(path),
      "query_string": query.encode(), "root_path": "", "http_version": "1.1",
      "scheme": "http", "headers": [
        (k.lower().encode(), v if isinstance(v, bytes) else v.encode())
        for k, v in given.items()
      ],
    }  # fmt: skip
    return self.loop.run(self._ask(scope, body))

  async def _ask(self, scope, body):
    coming, told = [{"type": "http.request", "body": body}], []

    async def receive():
      if not coming:
        await asyncio.Event().wait()  # The client stays.
      return coming.pop()

    async def send(message):
      told.append(message)

    # What the application raises after its answer is for the web server.
    with contextlib.suppress(ZeroDivisionError):
      await self.app(scope, receive, send)
    start, *parts = told
    sent = b"".join(part.get("body", b"") for part in parts)
    return Answer(start["status"], Headers(raw=start["headers"]), sent)

  def get(self, path, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return self.ask("GET", path, headers)

  def post(self, body=EMPTY, name="echo", **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return self.ask("POST", f"/api/{name}", HEADERS | headers, body)


@pytest.fixture
def visit():
  """Makes clients; closes them at the end."""
  made = []

  def make(app, host="127.0.0.1:8811"):
    made.append(Client(app, host))
    return made[-1]

  yield make
  for one in made:
    one.loop.close()


@pytest.fixture
def client(studio, visit):
  return visit(server.make_app(studio, TOKEN))


@contextlib.contextmanager
def running(studio):
  """The real server at a port; gives that."""
  with socket.socket() as listening:
    listening.bind(("127.0.0.1", 0))
    web = server.make_server(server.make_app(studio, TOKEN))
    thread = threading.Thread(target=web.run, args=([listening],))
    listening.listen()
    thread.start()
    try:
      yield listening.getsockname()[1]
    finally:
      web.should_exit = True
      thread.join()


def post(port, name="echo", body=EMPTY, **headers):
  """(status, body) of a call of its own connection."""
  connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
  with contextlib.closing(connection):
    connection.request("POST", f"/api/{name}", body, HEADERS | headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def check(answer, status, code):
  """An answer that is a refusal, in its one form."""
  assert answer.status == status, answer.text
  told = json.loads(answer.body)
  assert list(told) == ["code", "message", "field", "hint"]
  assert all(isinstance(text, str) for text in told.values())
  assert told["code"] == code and told["message"]
  assert "Traceback" not in answer.text
  return told


# --- who is answered -------------------------------------------------------


def test_a_call_is_answered_by_a_frame(client):
  answer = client.post(frame.pack({"w": 2}, b"12345678"))
  assert answer.status == 200
  assert frame.unpack(answer.body) == ({"name": "echo", "w": 2}, b"12345678")
  assert answer.headers["content-type"] == server.FRAME
  assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
  "token",
  ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), b"t\xf6ken", "x" * 999],
)
def test_without_the_token_nothing_is_done(client, studio, token):
  studio.answer = AssertionError("it was asked")
  check(client.post(X_Token=token), 403, "token")


def test_a_token_elsewhere_is_none(client):
  """A form or a picture of another page can send these."""
  headers = {
    "Content-Type": server.FRAME, "Cookie": f"X-Token={TOKEN}",
    "Authorization": f"Bearer {TOKEN}",
  }  # fmt: skip
  path = f"/api/meta?token={TOKEN}&x-token={TOKEN}"
  check(client.ask("POST", path, headers, EMPTY), 403, "token")


def test_the_token_is_compared_in_constant_time(client, monkeypatch):
  seen = []
  monkeypatch.setattr(
    server.secrets, "compare_digest", lambda *both: seen.append(both)
  )
  check(client.post(), 403, "token")
  assert seen == [(TOKEN.encode(), TOKEN.encode())]


@pytest.mark.parametrize("path", ["/", "/api/meta", "/nothing"])
@pytest.mark.parametrize(
  "host", ["evil.example", "127.0.0.1.evil.example:8811"]
)
def test_a_forged_host_is_refused(client, path, host):
  answer = client.ask("POST", path, HEADERS | {"Host": host}, EMPTY)
  told = check(answer, 400, "host")
  assert host in told["message"] and "--allow_host" in told["hint"]


def test_a_host_that_was_allowed(studio, visit):
  hosts = guard.Hosts("127.0.0.1", ["hub.example.org"])
  app = server.make_app(studio, TOKEN, hosts)
  assert visit(app, "hub.example.org").post().status == 200
  assert visit(app, "localhost").post().status == 200
  assert visit(app, "hub.example.com").post().status == 400


@pytest.mark.parametrize("path, status", [("/", 405), ("/api/x", 405),
                                          ("/nothing", 404)])  # fmt: skip
def test_other_origins_are_told_nothing(client, path, status):
  """Neither a preflight nor an answer has CORS headers."""
  asked = {
    "Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-token",
  }  # fmt: skip
  preflight = client.ask("OPTIONS", path, asked)
  assert preflight.status == status
  call = client.ask("POST", path, HEADERS | asked, EMPTY)
  for answer in (preflight, client.ask("GET", path, asked), call):
    assert not [h for h in answer.headers if h.startswith("access-control")]


def test_every_answer_has_the_policy(client, studio):
  answers = [
    client.get("/"), client.get("/editor.js"), client.get("/nothing"),
    client.ask("PUT", "/"), client.post(X_Token=""), client.post(),
    client.get("/", Host="evil.example"),
  ]  # fmt: skip
  studio.answer = RuntimeError()
  answers.append(client.post())
  assert [one.status for one in answers] == [
    200, 200, 404, 405, 403, 200, 400, 500,
  ]  # fmt: skip
  for answer in answers:
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:3] == [
      "default-src 'self'", "img-src 'self' blob: data:",
      "style-src 'self' 'unsafe-inline'",
    ]  # fmt: skip
    assert "frame-ancestors 'self'" in policy
    assert not [p for p in policy if p.startswith("script-src")]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


# --- what is refused -------------------------------------------------------


@pytest.mark.parametrize(
  "method, path, status, code",
  [
    ("GET", "/nothing", 404, "path"),
    ("GET", "/api", 404, "path"),
    ("POST", "/api/", 404, "path"),
    ("POST", "/api/a/b", 404, "path"),
    ("GET", "/../../etc/passwd", 404, "path"),
    ("GET", "/..%2f..%2fetc%2fpasswd", 404, "path"),
    ("GET", "/files.py", 404, "path"),
    ("GET", "/app.js", 404, "path"),
    ("GET", "/api/meta", 405, "method"),
    ("PUT", "/api/meta", 405, "method"),
    ("DELETE", "/", 405, "method"),
    ("POST", "/", 405, "method"),
    ("BREW", "/editor.js", 405, "method"),
  ],
)
def test_paths_and_methods(client, method, path, status, code):
  check(client.ask(method, path, HEADERS), status, code)


def test_an_unknown_call(visit):
  renderer = stand_in()
  app = server.make_app(
    Studio(renderer, street_inputs(renderer), "input"), TOKEN
  )
  client = visit(app)
  for name in ("nothing", "__class__", "%00", "\u202e", "x" * 999):
    answer = client.post(name=name)
    check(answer, answer.status, "call")
    assert 400 <= answer.status < 500


@pytest.mark.parametrize(
  "name, value, status, code",
  [
    ("Content-Type", "text/plain", 415, "content"),
    ("Content-Type", "application/x-www-form-urlencoded", 415, "content"),
    ("Content-Type", "", 415, "content"),
    ("Content-Encoding", "br", 415, "coding"),
    ("Content-Encoding", "gzip", 400, "coding"),
    ("X-Page", "of another version", 409, "version"),
  ],
)
def test_wrong_headers(client, name, value, status, code):
  check(client.post(**{name: value}), status, code)


@pytest.mark.parametrize(
  "body", [b"", b"abc", b"\xff" * 64, b"\4\0\0\0[1] ", b"\4\0\0\0{]} "]
)
def test_what_is_no_frame(client, body):
  check(client.post(body), 400, "frame")


def test_gzip_is_taken_and_a_bomb_is_not(client, monkeypatch):
  """16 MiB in 16 kB, where 1 MiB is what a request may have."""
  whole = frame.pack({}, bytes(2**20 - 8))
  monkeypatch.setattr(server, "Body", functools.partial(Body, most=2**20))
  packed = gzip.compress(whole)
  answer = client.post(packed, Content_Encoding="gzip")
  assert frame.unpack(answer.body)[1] == bytes(2**20 - 8)
  bomb = gzip.compress(bytes(2**24))
  assert len(bomb) < 2**15
  check(client.post(bomb, Content_Encoding="gzip"), 413, "body")


def test_a_refusal_is_passed_on(client, studio):
  studio.answer = Refusal("c", "m", field="f", hint="h", status=409)
  answer = client.post()
  assert answer.status == 409
  assert json.loads(answer.body) == {
    "code": "c", "message": "m", "field": "f", "hint": "h",
  }  # fmt: skip
  assert answer.headers["cache-control"] == "no-store"


def test_what_nobody_foresaw(client, studio, capfd):
  """The page gets a word, the terminal the traceback, once."""
  studio.answer = TypeError("of /home/somebody/secret.py")
  answer = client.post()
  told = check(answer, 500, "internal")
  assert "secret" not in answer.text and "TypeError" in told["message"]
  out, err = capfd.readouterr()
  assert err.count("Traceback") == 1 and "secret.py" in err and not out


def test_a_fault_of_the_server_itself(client, monkeypatch):
  monkeypatch.setattr(server.frame, "unpack", lambda data: 1 / 0)
  check(client.post(), 500, "internal")


def test_a_full_disk(client, studio, capfd):
  studio.answer = OSError(28, "No space left on device", "/some/file")
  told = check(client.post(), 507, "machine")
  assert told["message"] == "/some/file: the disk is full"
  assert told["hint"] == "make room, then try again"
  assert capfd.readouterr() == ("", "")


# --- the page --------------------------------------------------------------


@pytest.mark.parametrize(
  "path, kind",
  [
    ("/", "text/html"), ("/page.js", "text/javascript"),
    ("/editor.js", "text/javascript"), ("/editor.css", "text/css"),
  ],
)  # fmt: skip
def test_files_of_the_page(client, path, kind):
  answer = client.get(path)
  assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
  assert answer.headers["cache-control"] == "no-cache"
  assert answer.headers["content-encoding"] == "gzip"
  plain = client.get(path, Accept_Encoding="identity")
  assert "content-encoding" not in plain.headers
  assert plain.sent == answer.body and len(plain.sent) > 100
  again = client.get(path, If_None_Match=answer.headers["etag"])
  assert again.status == 304 and not again.sent
  assert client.get(path, If_None_Match='"older"').body == answer.body
  assert client.ask("HEAD", path).status == 200


def test_a_page_is_of_one_version(studio, visit, tmp_path, monkeypatch):
  """Files are read once; another file, other tags and another version."""
  shutil.copytree(files.FOLDER, tmp_path / "page")
  monkeypatch.setattr(files, "FOLDER", tmp_path / "page")

  def version(client):
    html = client.get("/").text
    found = re.search('name="version" content="([0-9a-f]{16})"', html)
    tags = {client.get(path).headers["etag"] for path in server.PATHS}
    assert tags == {f'"{found[1]}"'}
    return found[1]

  old = visit(server.make_app(studio, TOKEN))
  first, text = version(old), old.get("/editor.css").text
  (tmp_path / "page/editor.css").write_text(text + "/* newer */")
  new = visit(server.make_app(studio, TOKEN))
  assert version(old) == first and old.get("/editor.css").text == text
  assert version(new) != first
  assert new.get("/editor.css").text == text + "/* newer */"
  assert old.post(X_Page=first).status == 200
  check(new.post(X_Page=first), 409, "version")


def test_the_page_asks_for_nothing_but_its_own(client):
  """Relative addresses and no inline script: it works behind a prefix."""
  html = client.get("/").text
  assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:", html)
  links = re.findall(r'(?:src|href)="([^"]*)"', html)
  assert len(links) == 3
  for link in links:
    assert link.startswith("data:") or f"/{link}" in server.PATHS
  for path in ("/page.js", "/editor.js"):
    text = client.get(path).text
    assert not re.search(r"""fetch\(\s*[`"']/""", text)
    assert not re.search(r"\beval\(|new Function|document\.write", text)


def test_behind_a_prefix(studio, visit):
  inner = server.make_app(studio, TOKEN)
  client = visit(Starlette(routes=[Mount("/proxy/8811", inner)]))
  for path in server.PATHS:
    assert client.get(f"/proxy/8811{path}").status == 200
  answer = client.ask("POST", "/proxy/8811/api/echo", HEADERS, EMPTY)
  assert frame.unpack(answer.body)[0] == {"name": "echo"}
  check(client.get("/proxy/8811/nothing"), 404, "path")


def test_large_runs_are_compressed_pictures_are_not(client, studio):
  studio.answer = {}, bytes(2**20)
  for name, want in (("scene", "gzip"), ("render", None), ("export", None)):
    answer = client.post(name=name)
    assert answer.headers.get("content-encoding") == want, name
    assert frame.unpack(answer.body)[1] == bytes(2**20)
  answer = client.post(name="scene", Accept_Encoding="identity")
  assert "content-encoding" not in answer.headers
  studio.answer = {}, bytes(2**19)
  assert "content-encoding" not in client.post(name="scene").headers


def test_nothing_is_unpickled():
  """Nor evaluated, in whatever the room reads of others."""
  room = pathlib.Path(server.__file__).parent
  sources = sorted(room.rglob("*.py"))
  assert len(sources) > 8
  for path in sources:
    found = re.search(
      r"pickle|marshal|shelve|joblib|\beval\(|\bexec\(|np\.load\b",
      path.read_text(),
    )
    assert not found, (path.name, found)


# --- a real server ---------------------------------------------------------


def raw(port, data=b""):
  """A connection of which every byte is ours."""
  made = socket.create_connection(("127.0.0.1", port), timeout=30)
  made.sendall(data)
  return contextlib.closing(made)


def head(path="/api/echo", **headers):
  lines = {"Host": "127.0.0.1", **HEADERS, **headers}
  text = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in lines.items())
  return f"POST {path} HTTP/1.1\r\n{text}\r\n".encode()


def answer_of(connection):
  """(status, body) that comes on a raw connection."""
  answer = http.client.HTTPResponse(connection, method="POST")
  answer.begin()
  with answer:
    return answer.status, answer.read()


def chunks(data, size=2**14):
  for i in range(0, len(data), size):
    part = data[i : i + size]
    yield b"%x\r\n" % len(part) + part + b"\r\n"
  yield b"0\r\n\r\n"


def test_bodies_without_a_length_are_counted_while_they_come(monkeypatch):
  """The answer comes although the client sends everything before it reads."""
  monkeypatch.setattr(server, "Body", functools.partial(Body, most=2**16))
  with running(Echo()) as port:
    for size, status in ((2**15, 200), (2**16 + 1, 413)):
      with raw(port, head(Transfer_Encoding="chunked")) as connection:
        for part in chunks(frame.pack({}, bytes(size))):
          connection.sendall(part)
        got, body = answer_of(connection)
        assert got == status
    assert json.loads(body)["code"] == "body"
    assert json.loads(body)["message"] == "a request may have 65,536 bytes"


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_page_with_an_old_token_is_told_so(connection):
  """Not cut off in the middle of what it sends, which looks like no server."""
  body = frame.pack({}, bytes(2**24))
  headers = {"X-Token": "of the last start", "Connection": connection}
  with running(Echo()) as port:
    status, told = post(port, body=body, **headers)
  assert status == 403 and json.loads(told)["code"] == "token"


def test_a_server_that_cannot_serve_ends_the_command(client):
  listening = socket.socket()
  listening.close()
  with pytest.raises(OSError, match="Bad file descriptor"):
    server.serve(client.app, listening)


def test_the_token_is_in_no_log(capfd):
  with running(Echo()) as port:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
      for path in ("/", "/nothing", "/api/x"):
        connection.request("GET", f"{path}?token={TOKEN}", headers=HEADERS)
        connection.getresponse().read()
    assert post(port)[0] == 200
    with raw(port, b"no HTTP at all " + TOKEN.encode() + b"\r\n\r\n") as bad:
      assert bad.recv(99).startswith(b"HTTP/1.1 400")
  out, err = capfd.readouterr()
  assert TOKEN not in out + err and not out


def test_slow_and_deaf_clients_do_not_keep_others_waiting(monkeypatch):
  """Some never send the rest, one never reads: the next is answered."""
  size = 2**24
  with running(Echo()) as port, contextlib.ExitStack() as stack:
    for data in [b"", b"POST /api/e", head(Content_Length=9) + b"x"] * 20:
      stack.enter_context(raw(port, data))
    whole = frame.pack({}, bytes(size))
    deaf = stack.enter_context(raw(port, head(Content_Length=len(whole))))
    deaf.sendall(whole)
    status, body = post(port)
    assert status == 200 and frame.unpack(body)[0] == {"name": "echo"}
    assert answer_of(deaf)[0] == 200


def test_a_body_that_takes_too_long(monkeypatch):
  monkeypatch.setattr(limits, "UPLOAD", 0.05)
  with (
    running(Echo()) as port,
    raw(port, head(Content_Length=9) + b"x") as slow,
  ):
    status, body = answer_of(slow)
  assert status == 408 and json.loads(body)["code"] == "slow"


def test_a_hundred_clients():
  """Each is answered; the threads that work for them are bounded."""
  renderer = stand_in()
  studio = Studio(renderer, street_inputs(renderer), "input")
  header, runs = studio.call("scene", {"id": 0}, b"")
  before = threading.active_count()
  most, answers = [], []

  def ask(i):
    body = frame.pack({**header, "session": f"{i % 20}", "seq": i}, runs)
    status, answer = post(port, "render", body)
    most.append(threading.active_count())
    answers.append((i, status, answer))

  with running(studio) as port:
    renderer.gate.clear()
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(100)]
    for thread in threads:
      thread.start()
    # While all wait for the device, what needs none is answered.
    assert post(port, "meta")[0] == 200
    renderer.gate.set()
    for thread in threads:
      thread.join()
  assert sorted(i for i, _, _ in answers) == list(range(100))
  done = [(i, a) for i, status, a in answers if status == 200]
  for i, answer in done:
    assert frame.unpack(answer)[0]["seq"] == i
  # Of each of the 20 sessions at least the last one to come has its photo.
  assert {i % 20 for i, _ in done} == set(range(20))
  late = {json.loads(a)["code"] for _, status, a in answers if status == 409}
  assert len(done) + sum(s == 409 for _, s, _ in answers) == 100
  assert late <= {"superseded"}
  assert max(most) - before <= 100 + limits.SCENES + limits.OTHERS + 4


def test_who_has_gone_waits_no_more(monkeypatch):
  """The photo of a page that was closed is not made; that of others is."""
  renderer = stand_in()
  studio = Studio(renderer, street_inputs(renderer), "input")
  header, runs = studio.call("scene", {"id": 0}, b"")
  dropped, waiting = threading.Event(), threading.Semaphore(0)
  drop, submit = studio.drop, studio.device.submit

  def noted_drop(caller):
    assert drop(caller)
    dropped.set()

  def noted_submit(*args, **kwargs):
    future = submit(*args, **kwargs)
    waiting.release()
    return future

  monkeypatch.setattr(studio, "drop", noted_drop)
  monkeypatch.setattr(studio.device, "submit", noted_submit)
  with running(studio) as port:
    renderer.gate.clear()
    bodies = [
      frame.pack({**header, "session": f"{i}", "seq": i}, runs)
      for i in range(3)
    ]
    with contextlib.ExitStack() as stack:
      stack.callback(renderer.gate.set)
      asked = []
      for body in bodies:
        start = head("/api/render", Content_Length=len(body))
        asked.append(stack.enter_context(raw(port, start + body)))
        assert waiting.acquire(timeout=30)
      asked[1].close()
      assert dropped.wait(30)
      renderer.gate.set()
      for i in (0, 2):
        status, body = answer_of(asked[i])
        assert status == 200 and frame.unpack(body)[0]["seq"] == i
  assert len(renderer.shapes) == 2


def test_too_many_bodies_at_once(monkeypatch):
  """What does not fit is told to come again, and what waits goes on."""
  monkeypatch.setattr(server, "Held", lambda: Held(3 * 2**16))
  body = frame.pack({}, bytes(2**16))
  with running(Echo()) as port, contextlib.ExitStack() as stack:
    waiting = [
      stack.enter_context(raw(port, head(Content_Length=len(body))))
      for _ in range(2)
    ]
    for one in waiting:
      one.sendall(body[:-1])
    status, told = busy(port, body)
    assert status == 503 and json.loads(told)["code"] == "busy"
    for one in waiting:
      one.sendall(body[-1:])
      assert answer_of(one)[0] == 200
    assert post(port, body=body)[0] == 200


def busy(port, body):
  """The first refusal: what others sent may still be on its way."""
  for _ in range(1000):
    status, told = post(port, body=body + bytes(2**16))
    if status != 200:
      break
  return status, told
