"""Calls that somebody has tampered with: refused, or done, never a fault."""

import copy
import io
import random
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import stand_in, street_inputs

from hdgan.studio import frame
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import CALLS, Studio

VALUES = (
  None, True, -1, 0, 1, 255, 65536, 2**31, 2**70, -(2**31), 1.5, 1e308, "",
  "x", "../..", "\0", "\ud800", "a" * 300, [], {}, [None], [[]], {"a": 1},
  [1, 2, 3],
)  # fmt: skip
EDITS = (
  {"op": "change_class", "rows": [0], "to": "road"},
  {"op": "remove", "rows": [1], "fill": "sky"},
  {"op": "move", "rows": [2], "dy": 1, "dx": 2},
  {"op": "erase", "box": [0, 0, 5, 5]},
  {"op": "add", "class": "car"},
  {"op": "restyle", "rows": [0], "style": 1},
)
COUNT = 60  # Of each call.


def png(plane):
  out = io.BytesIO()
  Image.fromarray(plane).save(out, "PNG")
  return out.getvalue()


@pytest.fixture(scope="module")
def studio():
  renderer = stand_in()
  return Studio(renderer, street_inputs(renderer), "stage")


@pytest.fixture(scope="module")
def calls(studio):
  """A call of each kind as it should be: header and payload."""
  scene, runs = studio.call("scene", {"id": 0}, b"")
  mask = frame.pack_runs(np.eye(scene["h"], scene["w"], dtype=np.uint32))
  label = png(np.arange(32, dtype=np.uint8).repeat(32).reshape(32, 32) // 8)
  return {
    **dict.fromkeys(("meta", "scenes", "stamps"), ({"session": "a"}, b"")),
    **dict.fromkeys(("thumb", "scene", "photo"), ({"id": 0}, b"")),
    "blank": ({"w": 32, "h": 32, "label": 1}, b""),
    "open": (
      {"files": [{"role": "label", "name": "a.png", "size": len(label)}]},
      label,
    ),
    "edit": (
      {**scene, "edits": list(EDITS), "mask_bytes": len(mask)}, runs + mask,
    ),
    "render": ({**scene, "seq": 1, "scale": 1, "session": "a"}, runs),
    "previews": ({**scene, "row": 0}, runs),
    "sprite": ({"label": 0}, b""),
    "export": (scene, runs),
    "cancel": ({"call": "render"}, b""),
  }  # fmt: skip


def places(value, path=()):
  """Paths of everything in a header, but for the far end of long lists."""
  if path:
    yield path
  if isinstance(value, dict):
    for key in value:
      yield from places(value[key], (*path, key))
  elif isinstance(value, list):
    for i in range(min(len(value), 6)):
      yield from places(value[i], (*path, i))


def tampered(rng, header, payload):
  """One place of the header has another value, or is gone; or bytes differ."""
  header, data = copy.deepcopy(header), bytearray(payload)
  *path, last = rng.choice(list(places(header)))
  node = header
  for key in path:
    node = node[key]
  if isinstance(node, dict) and rng.random() < 0.25:
    del node[last]
  else:
    node[last] = copy.deepcopy(rng.choice(VALUES))
  if data and rng.random() < 0.3:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
  if rng.random() < 0.1:
    del data[rng.randrange(len(data) + 1) :]
  return header, bytes(data)


def test_every_call_is_here(calls):
  assert calls.keys() == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_was_tampered_with(studio, calls, name):
  rng, codes = random.Random(name), Counter()
  for i in range(COUNT):
    header, payload = tampered(rng, *calls[name])
    if i == 0:
      header, payload = calls[name]
    try:
      # As it comes over the network.
      studio.call(name, *frame.unpack(frame.pack(header, payload)))
      codes["done"] += 1
    except Refusal as refusal:
      codes[refusal.code] += 1
      assert refusal.status in (400, 404, 409, 413), (refusal.code, header)
      assert refusal.message and len(refusal.message) < 3000
  assert not {"internal", "machine", "memory"} & codes.keys()
  assert codes["done"] > 0 or name == "photo", codes
