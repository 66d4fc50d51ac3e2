"""Bodies of requests: what is counted, and when it is refused."""

import gzip
import zlib

import pytest

from hdgan.studio.body import Body, Held
from hdgan.studio.refusal import Refusal

TEXT = bytes(range(256)) * 4  # 1024 bytes.


def parts(data, size=100):
  return [data[i : i + size] for i in range(0, len(data), size)]


def refused(code, status, coding="", data=(), held=None, most=1024):
  """The refusal; how many parts were taken before it."""
  with (
    Body(coding, held or Held(2**20), most) as body,
    pytest.raises(Refusal) as caught,
  ):
    taken = 0
    for part in data:
      body.feed(part)
      taken += 1
    body.whole()
  assert (caught.value.code, caught.value.status) == (code, status)
  assert caught.value.message
  return taken


@pytest.mark.parametrize("coding", ["", "identity", "gzip"])
def test_what_was_sent_comes_out(coding):
  data = gzip.compress(TEXT) if coding == "gzip" else TEXT
  with Body(coding, Held(2**20), 1024) as body:
    for part in parts(data):
      body.feed(part)
    assert body.whole() == TEXT


def test_one_byte_too_many_is_refused_with_the_part_that_brings_it():
  assert refused("body", 413, data=parts(TEXT + b"x" * 1000)) == 10


def test_a_bomb_is_refused_while_it_unpacks():
  """64 MiB of zeros in 64 kB: what is over the limit is never made."""
  bomb = gzip.compress(bytes(2**26))
  assert len(bomb) < 2**17
  asked = []
  inflater = zlib.decompressobj(31)

  class Watched:
    unused_data, eof = b"", False

    def decompress(self, part, most):
      out = inflater.decompress(part, most)
      asked.append(len(out))
      return out

  body = Body("gzip", Held(2**30), 1024)
  body._inflater = Watched()
  with pytest.raises(Refusal) as caught:
    body.feed(bomb)
  assert caught.value.status == 413 and asked == [1025]
  assert refused("body", 413, "gzip", parts(bomb, 1000)) == 0


@pytest.mark.parametrize(
  "data",
  [
    gzip.compress(TEXT)[:-1],
    gzip.compress(TEXT)[:20],
    gzip.compress(TEXT) + b"x",
    gzip.compress(TEXT) * 2,
    zlib.compress(TEXT),
    TEXT,
    b"",
  ],
  ids=["cut", "short", "longer", "twice", "zlib", "text", "nothing"],
)
def test_what_is_no_gzip_is_refused(data):
  refused("coding", 400, "gzip", [data], most=4096)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate", "x" * 999])
def test_other_codings_are_refused(coding):
  with pytest.raises(Refusal) as caught:
    Body(coding, Held(1))
  assert caught.value.code == "coding" and caught.value.status == 415
  assert len(caught.value.message) < 400


def test_all_bodies_together_are_bounded():
  """Three of 1024 bytes go into 3000 one after another, not at once."""
  held = Held(3000)
  with Body("", held) as one, Body("", held) as two:
    one.feed(TEXT)
    two.feed(TEXT)
    assert refused("busy", 503, data=parts(TEXT), held=held) == 9
    assert held.bytes == 2048
  assert held.bytes == 0
  with Body("", held) as three:
    three.feed(TEXT)
    assert three.whole() == TEXT
