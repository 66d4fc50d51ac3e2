"""Names by which the studio may be asked."""

import socket

import pytest

from hdgan.errors import InputError
from hdgan.studio.guard import Hosts


@pytest.mark.parametrize(
  "header",
  [
    "localhost", "localhost:8811", "LOCALHOST:1", "localhost.:80",
    "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:8811",
  ],
)  # fmt: skip
def test_this_machine(header):
  assert Hosts().allows(header)


@pytest.mark.parametrize(
  "header",
  [
    "", "evil.example", "evil.example:8811", "localhost.evil.example",
    "127.0.0.1.evil.example", "evil.example:localhost", "127.0.0.2",
    "0.0.0.0:8811", "192.168.1.5", "[::2]", "::1", "[::1", "localhost:",
    "localhost:80:80", "localhost:123456", "a@localhost", "localhost/",
    " localhost", "localhost ", "localhost,evil.example", "loc\xe4lhost", "*",
    ".", ":80",
  ],
)  # fmt: skip
def test_others(header):
  assert not Hosts().allows(header)


def test_the_host_that_was_given():
  hosts = Hosts("192.168.1.5")
  assert hosts.allows("192.168.1.5:20001") and hosts.allows("localhost")
  assert not hosts.allows("192.168.1.6")
  assert Hosts("Machine.Example").allows("machine.example:80")
  assert Hosts("fe80::1").allows("[fe80::1]:80")
  assert not Hosts("").allows("")


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_all_addresses(everywhere):
  """A name can be made to point here, an address cannot."""
  hosts = Hosts(everywhere)
  for header in ("192.168.1.5:80", "10.0.0.1", "[fe80::1]:80",
                 f"{socket.gethostname()}:80"):  # fmt: skip
    assert hosts.allows(header)
  for header in ("evil.example", "10.0.0.1.evil.example", "[evil]:80"):
    assert not hosts.allows(header)


def test_proxies_by_name():
  hosts = Hosts("127.0.0.1", ["Hub.example.org", "*.users.example.com"])
  for header in ("hub.example.org", "hub.example.org:443", "localhost:1",
                 "a.users.example.com", "a.b.users.example.com"):  # fmt: skip
    assert hosts.allows(header)
  for header in ("evil.org", "hub.example.org.evil.org", "x.hub.example.org",
                 "users.example.com", "evilusers.example.com"):  # fmt: skip
    assert not hosts.allows(header)


@pytest.mark.parametrize(
  "name",
  ["", "*", "*.", "https://hub.example.org", "hub.example.org:80", "a/b",
   "hub.*.org", "-x", "a b", "a" + "\n"],
)  # fmt: skip
def test_what_is_no_name(name):
  with pytest.raises(InputError, match=r"--allow_host=.* must be names"):
    Hosts("", [name])
