"""Calls by name: who is answered, what fails, how a studio starts and ends."""

import concurrent.futures
import pathlib
import threading

import numpy as np
import pytest
from studio.stand_in import picture_stand_in, stand_in, street_inputs

from hdgan.errors import InputError
from hdgan.studio import generation, scene_frame
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import CALLS, Studio


@pytest.fixture
def studio():
  renderer = stand_in((32, 64))
  one = Studio(renderer, street_inputs(renderer, size=(32, 64)), "stage")
  yield one
  one.renderer.gate.set()
  one.close()


@pytest.fixture
def pool():
  with concurrent.futures.ThreadPoolExecutor(220) as one:
    yield one


def scene(studio):
  return studio.call("scene", {"id": 0}, b"")


def refused(future):
  with pytest.raises(Refusal) as error:
    future.result(20)
  return error.value.status, error.value.code


def waits(studio, count):
  """Until so many requests are in the queue."""
  with studio.device._changed:
    assert studio.device._changed.wait_for(
      lambda: studio.device.count() == count, 20
    )


def test_every_call_of_the_protocol_is_there():
  path = pathlib.Path(__file__).parents[2] / "hdgan/studio/README.md"
  text = path.read_text()
  table = text.split("| call | header, payload | answer |")[1]
  rows = table.split("\n\n")[0].splitlines()
  named = {row.split("`")[1] for row in rows if row.startswith("| `")}
  assert named == set(CALLS)


def test_meta(studio):
  meta, payload = studio.call("meta", {}, b"")
  assert payload == b"" and meta["kind"] == "classes"
  assert meta["classes"][4] == {
    "id": 4, "name": "car", "color": [0, 0, 142], "has_instances": True,
    "styles": 4,
  }  # fmt: skip
  assert [one["styles"] for one in meta["classes"]] == [4, 4, 0, 0, 4, 0, 4]
  assert meta["stage_size"] == [32, 64] and meta["unit"] == 16
  assert meta["style_channels"] == 3 and meta["label_channels"] == 0
  assert meta["state"] == "ready" and meta["device"] == "cpu"
  renderer = picture_stand_in((32, 64), channels=2, styles=3)
  other = Studio(renderer, None, "stage")
  meta, _ = other.call("meta", {}, b"")
  assert (meta["kind"], meta["classes"], meta["styles"]) == ("picture", [], 3)
  assert meta["label_channels"] == 2
  other.close()


def test_what_there_is_not(studio):
  with pytest.raises(Refusal) as error:
    studio.call("../meta", {}, b"")
  assert (error.value.status, error.value.code) == (404, "call")
  with pytest.raises(InputError, match="4 channels, a page can paint 1 to 3"):
    Studio(picture_stand_in((32, 64), channels=4), None, "stage")


@pytest.mark.parametrize(
  ("error", "status", "code"),
  [
    (MemoryError(), 507, "memory"),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), 507, "memory"),
    (OSError(28, "No space left on device"), 507, "machine"),
    (KeyError("a fault of ours"), 500, "internal"),
    (InputError("a style is missing; make one"), 400, "input"),
  ],
)
def test_what_fails_on_the_device(studio, error, status, code, capfd):
  header, runs = scene(studio)
  studio.renderer.fault.append(error)
  with pytest.raises(Refusal) as refusal:
    studio.call("render", header, runs)
  assert (refusal.value.status, refusal.value.code) == (status, code)
  assert refusal.value.message and refusal.value.hint
  assert "Traceback" not in refusal.value.message
  # The next one is made.
  assert studio.call("render", header, runs)[1]
  assert ("Traceback" in capfd.readouterr().err) == (code == "internal")


def test_the_latest_of_a_page_wins(studio, pool):
  header, runs = scene(studio)
  header["session"] = "page"
  studio.renderer.gate.clear()
  first = pool.submit(studio.call, "render", {**header, "seq": 1}, runs)
  while not studio.renderer.shapes:
    threading.Event().wait(0.001)
  second = pool.submit(studio.call, "render", {**header, "seq": 2}, runs)
  waits(studio, 1)
  third = pool.submit(studio.call, "render", {**header, "seq": 3}, runs)
  assert refused(second) == (409, "superseded")
  studio.renderer.gate.set()
  answers = [one.result(20)[0]["seq"] for one in (first, third)]
  assert answers == [1, 3]


def test_cancel_what_runs(studio, pool):
  header, runs = scene(studio)
  header["session"] = "page"
  studio.renderer.gate.clear()
  first = pool.submit(studio.call, "render", header, runs)
  while not studio.renderer.shapes:
    threading.Event().wait(0.001)
  named = {"session": "page", "call": "render"}
  other = {"session": "other", "call": "render"}
  assert not studio.call("cancel", other, b"")[0]["cancelled"]
  assert studio.call("cancel", named, b"")[0]["cancelled"]
  assert refused(first) == (409, "cancelled")
  assert not studio.call("cancel", named, b"")[0]["cancelled"]
  studio.renderer.gate.set()
  assert studio.call("render", header, runs)[1]
  for bad in (None, "fly", ["render"]):
    with pytest.raises(Refusal) as error:
      studio.call("cancel", {"call": bad}, b"")
    assert error.value.field == "call"


def test_a_caller_that_left_is_dropped(studio, pool):
  header, runs = scene(studio)
  studio.renderer.gate.clear()
  first = pool.submit(studio.call, "render", header, runs, "one")
  while not studio.renderer.shapes:
    threading.Event().wait(0.001)
  second = pool.submit(studio.call, "render", header, runs, "two")
  waits(studio, 1)
  assert studio.drop("one") and refused(first) == (409, "cancelled")
  studio.renderer.gate.set()
  assert second.result(20)[1]


def test_previews_let_photos_through(studio, pool, monkeypatch):
  """A photo that is asked for in between is made in between."""
  # By drafts, whose size tells them from the photo.
  monkeypatch.setattr(generation, "DRAFTED", 64)
  header, runs = scene(studio)
  header["session"] = "page"
  studio.renderer.gate.clear()
  row = next(i for i, o in enumerate(header["table"]) if o["label"] == 4)
  sheet = pool.submit(studio.call, "previews", {**header, "row": row}, runs)
  while not studio.renderer.shapes:
    threading.Event().wait(0.001)
  photo = pool.submit(studio.call, "render", header, runs)
  waits(studio, 1)
  studio.renderer.gate.set()
  assert photo.result(20)[1] and sheet.result(20)[0]["count"] == 4
  sizes = [shape[:2] for shape in studio.renderer.shapes]
  assert sizes.index((32, 64)) == 1 and sizes.count((8, 16)) == 4


def test_a_hundred_pages_are_all_answered(studio, pool):
  """Each with its own styles, and none with another's."""
  header, runs = scene(studio)
  plain = scene_frame.to_scene(header, runs, studio.renderer)
  futures = [
    pool.submit(
      studio.call, "render",
      {**header, "session": f"page {i}", "seq": i, "seed": i}, runs,
    )
    for i in range(100)
  ]  # fmt: skip
  for i, future in enumerate(futures):
    answer, _ = future.result(30)
    own = scene_frame.resolved(plain, studio.renderer, i)
    assert answer["seq"] == i and answer["resolved"] == own


def test_the_start(studio, pool):
  """Both shapes are compiled; who asks meanwhile waits for his turn."""
  header, runs = scene(studio)
  studio.renderer.gate.clear()
  studio.warm_up()
  while not studio.renderer.shapes:
    threading.Event().wait(0.001)
  meta, _ = studio.call("meta", {}, b"")
  assert meta["state"] == "warming" and meta["elapsed"] >= 0
  photo = pool.submit(studio.call, "render", {**header, "seq": 4}, runs)
  waits(studio, 1)
  studio.renderer.gate.set()
  assert photo.result(20)[0]["seq"] == 4
  # One page after another: by now the start is over.
  done = studio.device.submit("", "warm_up_2", lambda: None)
  done.result(20)
  while len(studio.renderer.shapes) < 5:
    threading.Event().wait(0.001)
  sizes = [shape[:2] for shape in studio.renderer.shapes]
  assert sizes[0] == (8, 16) and sizes.count((32, 64)) >= 2
  meta, _ = studio.call("meta", {}, b"")
  assert meta["state"] == "ready" and meta["seconds"]["full"] > 0


def test_a_start_that_fails(studio):
  studio.renderer.fault.append(RuntimeError("RESOURCE_EXHAUSTED"))
  studio.warm_up()
  while studio.call("meta", {}, b"")[0]["state"] == "warming":
    threading.Event().wait(0.001)
  meta, _ = studio.call("meta", {}, b"")
  assert meta["state"] == "failed" and "not enough memory" in meta["fault"]
  header, runs = scene(studio)
  assert studio.call("render", header, runs)[1]
  assert studio.call("meta", {}, b"")[0]["state"] == "ready"


def test_the_start_of_a_picture_model():
  renderer = picture_stand_in((32, 64), channels=3)
  studio = Studio(renderer, street_inputs(renderer, size=(32, 64)), "input")
  studio.warm_up()
  while studio.call("meta", {}, b"")[0]["state"] == "warming":
    threading.Event().wait(0.001)
  assert studio.call("meta", {}, b"")[0]["state"] == "ready"
  studio.close()
  with pytest.raises(Refusal, match="being closed"):
    studio.run({}, "render", lambda: np.zeros(1))
