"""The studio's door: its flags, what it prints, how it ends."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys

import pytest
from studio.stand_in import stand_in
from style_run import make_run
from tiny import command, validated

import hdgan.studio
from hdgan import open_studio
from hdgan.runs import directory
from hdgan.studio import frame, scenes, server

HINT = "open it in a browser; Ctrl-C ends the studio"
LINE = r"studio: http://127\.0\.0\.1:(\d+)/#token=([\w-]{32})"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
  """A run's folder before its first checkpoint."""
  folder = tmp_path_factory.mktemp("begun")
  directory.begin(folder, validated(), ())
  return folder


@pytest.fixture
def served(monkeypatch):
  """What would be served: the application, and the socket's address."""
  given = []

  def serve(app, listening):
    given.extend([app, listening.getsockname()])

  monkeypatch.setattr(server, "serve", serve)
  monkeypatch.setattr(open_studio, "open_renderer", lambda *_, **__: stand_in())
  monkeypatch.setattr(scenes, "find", lambda *_: None)
  return given


def studio(workdir, *words):
  return command("--mode=studio", f"--workdir={workdir}", *words)


def test_one_address_with_a_token(begun, served):
  status, out, err = studio(begun)
  assert status == 0 and not err
  address, hint = out.splitlines()
  port, token = re.fullmatch(LINE, address).groups()
  assert served[1] == ("127.0.0.1", int(port)) and 20000 <= int(port) < 30000
  assert hint == HINT
  # The same address at the next start, with another token.
  _, out, _ = studio(begun)
  again, other = re.fullmatch(LINE, out.splitlines()[0]).groups()
  assert again == port and other != token


def test_another_host_is_warned_of(begun, served):
  status, out, err = studio(begun, "--host=0.0.0.0")
  assert status == 0 and served[1][0] == "0.0.0.0"
  assert re.fullmatch(LINE, out.splitlines()[0])
  assert err.startswith("warning: --host=0.0.0.0 opens port ")
  assert len(err.splitlines()) == 1


def test_proxies_are_let_through_by_name(begun, served):
  status, _, _ = studio(begun, "--allow_host=hub.example.org,*.example.com")
  assert status == 0
  hosts = served[0].hosts
  assert hosts.allows("hub.example.org") and hosts.allows("a.example.com:80")
  assert not hosts.allows("evil.example")


def one_error(answer):
  status, out, err = answer
  assert status == 2 and not out and len(err.splitlines()) == 1, err
  return err.strip()


def test_what_is_wrong_is_one_line(begun, tmp_path):
  assert one_error(studio(begun)).startswith(f"error: {begun}")
  for word, said in (
    ("--host=192.0.2.1", "--host=192.0.2.1: is no address of this machine"),
    ("--allow_host=http://a", "--allow_host=http://a: must be names as in"),
    ("--port=65536", "65536"),
    ("--port=-1", "-1"),
    ("--size=tiny", "size"),
    ("--output=x", "--output has no effect with --mode=studio"),
  ):
    assert said in one_error(studio(begun, word))
  assert str(tmp_path) in one_error(studio(tmp_path))
  assert "--mode=studio needs --workdir" in one_error(command("--mode=studio"))


def test_a_port_in_use_is_told_before_the_model_is_read(begun):
  with socket.socket() as other:
    other.bind(("127.0.0.1", 0))
    other.listen()
    port = other.getsockname()[1]
    line = one_error(studio(begun, f"--port={port}"))
  assert line.startswith(f"error: --port={port}: is in use; end what listens")


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_missing_extra_is_one_line(begun, package, monkeypatch):
  for name in list(sys.modules):
    if name.partition(".")[0] == package:
      monkeypatch.setitem(sys.modules, name, None)
  for name in ("guard", "server"):
    monkeypatch.delitem(sys.modules, f"hdgan.studio.{name}")
    monkeypatch.delattr(hdgan.studio, name)
  line = one_error(studio(begun))
  assert package in line and line.endswith("pip install -e '.[studio]'")


# --- a real process --------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  make_run(folder)
  return folder


@contextlib.contextmanager
def started(*words):
  """A process that has said its address: it, port and token."""
  line = [sys.executable, "-m", "hdgan.main", "--mode=studio", *words]
  with subprocess.Popen(
    line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  ) as process:
    try:
      said = process.stdout.readline()
      found = re.fullmatch(LINE, said.strip())
      assert found, (said, process.stderr.read() if not said else "")
      assert process.stdout.readline() == HINT + "\n"
      yield process, int(found[1]), found[2]
    finally:
      process.kill()


def ask(port, token, name, header):
  connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
  with contextlib.closing(connection):
    headers = {"X-Token": token, "Content-Type": server.FRAME}
    connection.request("POST", f"/api/{name}", frame.pack(header), headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return frame.unpack(answer.read())


@pytest.mark.slow
@pytest.mark.parametrize(
  "number, status, name",
  [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_it_ends_at_once(run, number, status, name):
  """Also while it compiles, and with a page that waits for its photo."""
  with started(f"--workdir={run}", "--compile_cache=off") as (
    process, port, token,
  ):  # fmt: skip
    meta, _ = ask(port, token, "meta", {})
    assert meta["step"] == 1 and meta["run"] == run.name
    scene, runs = ask(port, token, "scene", {"id": 0})
    body = frame.pack(scene, runs)
    head = (
      f"POST /api/render HTTP/1.1\r\nHost: localhost\r\nX-Token: {token}\r\n"
      f"Content-Type: {server.FRAME}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as waiting:
      waiting.sendall(head.encode() + body)
      process.send_signal(number)
      out, err = process.communicate(timeout=30)
  assert process.returncode == status
  # Before it are lines about what this run's data are.
  assert not out and "Traceback" not in err
  last = f"stopped by {name}; files that are there are whole"
  assert err.splitlines()[-1] == last
