"""The one thread of the device: whose turn it is, and that it never ends."""

import threading

import pytest

from hdgan.studio import limits
from hdgan.studio.device import Device
from hdgan.studio.refusal import Refusal


class Busy:
  """Keeps a device at work until it is let go."""

  def __init__(self, device, session="busy", kind="work", caller=None):
    self.begun, self.go = threading.Event(), threading.Event()
    self.future = device.submit(session, kind, self.work, caller)
    assert self.begun.wait(10)

  def work(self):
    self.begun.set()
    assert self.go.wait(10)
    return "done"


@pytest.fixture
def device():
  one = Device()
  yield one
  one.close()


def code(future):
  with pytest.raises(Refusal) as error:
    future.result(10)
  assert error.value.status == 409
  return error.value.code


def test_the_latest_of_a_session_and_kind_wins(device):
  busy = Busy(device)
  old, other, kind, new = (
    device.submit(session, kind, lambda name=name: name)
    for session, kind, name in (
      ("a", "render", "old"), ("b", "render", "other"),
      ("a", "previews", "kind"), ("a", "render", "new"),
    )
  )  # fmt: skip
  assert code(old) == "superseded"
  busy.go.set()
  results = [one.result(10) for one in (busy.future, other, kind, new)]
  assert results == ["done", "other", "kind", "new"]


def test_what_runs_is_answered_though_a_newer_one_came(device):
  busy = Busy(device, "a", "render")
  new = device.submit("a", "render", lambda: "new")
  busy.go.set()
  assert busy.future.result(10) == "done" and new.result(10) == "new"


def test_sessions_take_turns(device):
  """One with many kinds of work does not keep another waiting."""
  busy, order = Busy(device), []
  futures = [
    device.submit(session, kind, lambda name=session + kind: order.append(name))
    for session, kind in (
      ("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("c", "1"), ("b", "2"),
    )
  ]  # fmt: skip
  busy.go.set()
  for future in futures:
    future.result(10)
  assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_others_have_their_turns_between_steps(device):
  busy, order = Busy(device), []

  def steps():
    for i in range(3):
      order.append(i)
      yield
    return "all"

  long = device.submit("a", "previews", steps)
  short = [
    device.submit(session, "render", lambda name=session: order.append(name))
    for session in "ab"
  ]
  busy.go.set()
  assert long.result(10) == "all"
  for future in short:
    future.result(10)
  assert order == [0, "b", "a", 1, 2]


def test_a_newer_one_ends_steps(device):
  begun, go, made = threading.Event(), threading.Event(), []

  def steps():
    for i in range(3):
      made.append(i)
      begun.set()
      assert go.wait(10)
      yield

  old = device.submit("a", "previews", steps)
  assert begun.wait(10)
  new = device.submit("a", "previews", lambda: "new")
  go.set()
  assert code(old) == "superseded" and new.result(10) == "new"
  assert made == [0]


def test_cancel_what_waits_and_what_runs(device):
  busy = Busy(device, "a", "render")
  waits = device.submit("a", "previews", lambda: 1)
  same = device.submit("b", "render", lambda: "b")
  assert device.cancel("a", "previews") and code(waits) == "cancelled"
  # Answered at once, though the work still runs.
  assert device.cancel("a", "render") and code(busy.future) == "cancelled"
  assert not device.cancel("a", "previews")
  busy.go.set()
  assert same.result(10) == "b"


def test_one_request_is_dropped_and_not_its_session(device):
  busy = Busy(device, "a", "render", caller=1)
  new = device.submit("a", "render", lambda: "new", 2)
  assert device.drop(1) and code(busy.future) == "cancelled"
  assert not device.drop(3)
  busy.go.set()
  assert new.result(10) == "new"


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_the_thread_outlives_every_error(device, error):
  def fail():
    raise error("no")

  with pytest.raises(ValueError if error is ValueError else RuntimeError):
    device.submit("a", "render", fail).result(10)
  assert device.submit("a", "render", lambda: 5).result(10) == 5


def test_a_hundred_sessions_are_all_served(device):
  busy, order = Busy(device), []
  futures = [
    device.submit(f"s{i % 100}", "render", lambda i=i: order.append(i))
    for i in range(300)
  ]
  busy.go.set()
  assert [code(one) for one in futures[:200]] == ["superseded"] * 200
  for future in futures[200:]:
    future.result(10)
  assert sorted(order) == list(range(200, 300))


def test_too_many_are_refused(device, monkeypatch):
  monkeypatch.setattr(limits, "WAITING", 2)
  busy = Busy(device)
  kept = [device.submit(s, "render", lambda: 1) for s in "ab"]
  with pytest.raises(Refusal) as error:
    device.submit("c", "render", lambda: 1)
  assert error.value.code == "busy" and error.value.status == 503
  kept.append(device.submit("a", "render", lambda: 1))
  assert device.count() == 2
  busy.go.set()
  assert code(kept[0]) == "superseded" and kept[1].result(10) == 1


def test_closing_refuses_what_waits_and_ends_the_thread():
  device = Device()
  busy = Busy(device)
  waits = device.submit("a", "render", lambda: 1)
  closer = threading.Thread(target=device.close)
  closer.start()
  with pytest.raises(Refusal, match="being closed"):
    waits.result(10)
  busy.go.set()
  closer.join(10)
  assert busy.future.result(10) == "done" and not closer.is_alive()
  with pytest.raises(Refusal, match="being closed"):
    device.submit("a", "render", lambda: 1)
