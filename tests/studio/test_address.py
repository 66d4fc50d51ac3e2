"""Where the studio listens."""

import contextlib
import socket

import pytest

from hdgan.errors import InputError
from hdgan.studio import address

LOCAL = address.LOCAL


@contextlib.contextmanager
def taken(port=0):
  """Something that listens."""
  with socket.socket() as other:
    other.bind((LOCAL, port))
    other.listen()
    yield other.getsockname()[1]


def port_of(host, port, workdir):
  with address.listen(host, port, workdir) as listening:
    return listening.getsockname()[1]


def test_a_run_has_a_port_of_its_own(tmp_path, monkeypatch):
  """The same at each start and by each path; other runs have others."""
  (tmp_path / "link").symlink_to(tmp_path / "a")
  (tmp_path / "a").mkdir()
  first, *_ = own = address.own_ports(tmp_path / "a")
  assert len(set(own)) == 3 and all(20000 <= p < 30000 for p in own)
  assert address.own_ports(tmp_path / "link") == own
  bucket = address.own_ports("gs://bucket/run")
  monkeypatch.chdir(tmp_path)
  assert address.own_ports("gs://bucket/run") == bucket != own
  names = [address.own_ports(tmp_path / f"{i}")[0] for i in range(50)]
  assert len(set(names)) > 45
  assert port_of(LOCAL, 0, tmp_path / "a") in own


def test_a_second_studio_of_a_run_gets_the_next(tmp_path, monkeypatch):
  with taken() as one, taken() as other:
    with socket.socket() as free:
      free.bind((LOCAL, 0))
      third = free.getsockname()[1]
    monkeypatch.setattr(address, "own_ports", lambda _: [one, third, other])
    assert port_of(LOCAL, 0, tmp_path) == third
    monkeypatch.setattr(address, "own_ports", lambda _: [one, other])
    assert port_of(LOCAL, 0, tmp_path) not in (0, one, other)


def test_a_port_that_was_typed_is_that_or_none(tmp_path):
  with taken() as port, pytest.raises(InputError) as caught:
    address.listen(LOCAL, port, tmp_path)
  assert str(caught.value) == (
    f"--port={port}: is in use; end what listens there, say another port, or "
    "leave it out for one that is free"
  )
  assert port_of(LOCAL, port, tmp_path) == port


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b", "a" * 300])
@pytest.mark.parametrize("port", [0, 20001])
def test_a_host_that_is_not_this_machine(host, port, tmp_path):
  with pytest.raises(InputError, match=r"^--host=.*: is no address of this"):
    address.listen(host, port, tmp_path)


@pytest.mark.parametrize(
  "host, want",
  [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"),
   ("0.0.0.0", "127.0.0.1")],
)  # fmt: skip
def test_the_address_is_one_that_can_be_opened(host, want, tmp_path):
  with address.listen(host, 0, tmp_path) as listening:
    port = listening.getsockname()[1]
    assert address.of_socket(listening, host) == f"http://{want}:{port}/"
    with socket.create_connection((want, port)):
      pass


def test_an_address_of_version_6(tmp_path):
  try:
    listening = address.listen("::1", 0, tmp_path)
  except InputError:
    pytest.skip("this machine has no IPv6")
  with listening:
    port = listening.getsockname()[1]
    assert address.of_socket(listening, "::1") == f"http://[::1]:{port}/"
    assert not address.warning(listening, "::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_no_warning_for_this_machine_alone(host, tmp_path):
  with address.listen(host, 0, tmp_path) as listening:
    assert address.warning(listening, host) == ""


def test_a_warning_says_what_it_means(tmp_path):
  with address.listen("0.0.0.0", 0, tmp_path) as listening:
    port = listening.getsockname()[1]
    assert address.warning(listening, "0.0.0.0") == (
      f"warning: --host=0.0.0.0 opens port {port} to other machines: who has "
      "the token can use this run, and nothing that is sent is encrypted; "
      "there the address has this machine's name in place of 127.0.0.1"
    )
