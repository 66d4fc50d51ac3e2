"""The studio in a notebook: messages instead of requests, the same frames."""

import builtins
import importlib
import re
import sys
import threading

import numpy as np
import pytest
from studio.stand_in import stand_in, street_inputs

from hdgan.studio import frame
from hdgan.studio.page import files
from hdgan.studio.studio import Studio
from hdgan.studio.widget import StudioWidget, studio_widget


class Comm:
  """What a widget sends, kept."""

  comm_id = "one"

  def __init__(self):
    self.sent, self.came = [], threading.Condition()

  def on_msg(self, hear):
    self.hear = hear

  def send(self, data=None, metadata=None, buffers=None):
    with self.came:
      if data["method"] == "custom":
        self.sent.append((data["content"], buffers))
      self.came.notify_all()

  def close(self, *args, **kwargs): ...

  def wait(self, count):
    with self.came:
      assert self.came.wait_for(lambda: len(self.sent) >= count, 20)
    return self.sent


@pytest.fixture
def renderer():
  return stand_in()


@pytest.fixture
def widget(renderer):
  one = StudioWidget(Studio(renderer, street_inputs(renderer), "input"))
  one.comm = Comm()
  yield one
  renderer.gate.set()
  one.close()


def tell(widget, content, *buffers):
  """What the kernel does with a message of the page."""
  data = {"method": "custom", "content": content}
  widget.comm.hear({"content": {"data": data}, "buffers": list(buffers)})


def test_a_call_is_answered_as_the_studio_answers_it(widget):
  data = frame.pack({"session": "s", "id": 1})
  tell(widget, {"call": "v.1", "name": "scene"}, memoryview(data))
  ((told, buffers),) = widget.comm.wait(1)
  assert told == {"call": "v.1"}
  want = widget.studio.call("scene", {"id": 1}, b"")
  assert buffers == [frame.pack(*want)]


@pytest.mark.parametrize(
  "name, data, code",
  [
    ("nothing", frame.pack({}), "call"),
    ("scene", b"xx", "frame"),
    ("scene", frame.pack({"id": 99}), "scene"),
  ],
)
def test_a_refusal_comes_back_with_its_field(widget, name, data, code):
  tell(widget, {"call": "v.7", "name": name}, data)
  ((told, buffers),) = widget.comm.wait(1)
  assert told["call"] == "v.7" and not buffers
  assert told["refusal"].keys() == {"code", "message", "field", "hint"}
  assert told["refusal"]["code"] == code


def test_a_message_without_a_frame_is_refused(widget):
  tell(widget, {"name": "meta"})
  ((told, _),) = widget.comm.wait(1)
  assert told["refusal"]["code"] == "frame"


def test_the_kernel_goes_on_and_the_latest_photo_wins(widget, renderer):
  """Three photos are asked for while the first is being made."""
  header, runs = widget.studio.call("scene", {"id": 0}, b"")
  renderer.gate.clear()
  for seq in (1, 2, 3):
    told = {**header, "session": "s", "seq": seq, "scale": 1}
    # Returns at once, though no photo can be made.
    tell(widget, {"call": f"v.{seq}", "name": "render"}, frame.pack(told, runs))
    if seq == 1:
      while not renderer.shapes:
        threading.Event().wait(0.001)
  # The second waited when the third came.
  ((told, _),) = widget.comm.wait(1)
  assert (told["call"], told["refusal"]["code"]) == ("v.2", "superseded")
  renderer.gate.set()
  answers = {told["call"]: buffers for told, buffers in widget.comm.wait(3)}
  for seq in (1, 3):
    (answer,) = answers[f"v.{seq}"]
    assert frame.unpack(answer)[0]["seq"] == seq


def test_nobody_is_told_what_is_not_waited_for(widget, renderer):
  header, runs = widget.studio.call("scene", {"id": 0}, b"")
  renderer.gate.clear()
  tell(
    widget, {"call": "v.1", "name": "render"},
    frame.pack({**header, "scale": 1}, runs),
  )  # fmt: skip
  while not renderer.shapes:
    threading.Event().wait(0.001)
  tell(widget, {"call": "v.1", "stop": True})
  renderer.gate.set()
  tell(widget, {"call": "v.2", "name": "meta"}, frame.pack({}))
  ((told, _),) = widget.comm.wait(1)
  assert told["call"] == "v.2"


def test_modules_import_what_those_before_them_export():
  """Once joined nobody would see it: imports and exports are taken out."""
  exported: dict[str, set[str]] = {}
  for name in (*files.MODULES, "widget"):
    text = (files.FOLDER / f"{name}.js").read_text("utf-8")
    for given, other in re.findall(
      r'import \{([^}]*)\} from "./(\w+).js"', text
    ):
      wanted = {word.strip() for word in given.split(",")} - {""}
      assert wanted <= exported[other], (name, other)
    exported[name] = set(
      re.findall(
        r"^export (?:async )?(?:function\*?|class|const) (\w+)", text, re.M
      )
    )


def test_the_module_stands_alone_and_names_are_said_once():
  """One scope holds all modules: a name twice is a syntax error there."""
  text = files.widget_module()
  assert "\nimport {" not in text and text.count("\nexport ") == 1
  assert text.rstrip().endswith("export default { render };")
  names = [
    line.split("function ")[1].split("(")[0]
    if "function " in line.split("(")[0]
    else line.split()[1]
    for line in text.splitlines()
    if line.startswith(("function ", "async function ", "class ", "const "))
  ]
  assert len(names) == len(set(names)) > 20
  widget_names = {"render", "channel", "bytesOf", "callStopped", "kernelGone"}
  assert widget_names <= set(names)


def test_a_studio_that_is_open_is_shared(renderer):
  studio = Studio(renderer, street_inputs(renderer), "input")
  one, two = studio_widget(studio, height=500), studio_widget(studio)
  assert one.studio is two.studio is studio
  assert (one.height, two.height) == (500, 640)
  one.close()
  two.close()


def test_without_anywidget_one_line_says_what_to_install(monkeypatch):
  def import_(name, *args, **kwargs):
    if name == "anywidget":
      raise ModuleNotFoundError("No module named 'anywidget'")
    return real(name, *args, **kwargs)

  real = builtins.__import__
  monkeypatch.setattr(builtins, "__import__", import_)
  monkeypatch.delitem(sys.modules, "hdgan.studio.widget")
  with pytest.raises(ImportError) as caught:
    importlib.import_module("hdgan.studio.widget")
  (line,) = str(caught.value).splitlines()
  assert "pip install 'hdgan[notebook]'" in line


def test_a_scene_of_the_wire_is_the_map(widget):
  tell(widget, {"call": "v.1", "name": "scene"}, frame.pack({"id": 0}))
  ((_, (answer,)),) = widget.comm.wait(1)
  header, runs = frame.unpack(answer)
  plane = frame.unpack_runs(runs, (header["h"], header["w"]), 2**16 - 1)
  label = np.array([row["label"] for row in header["table"]])[plane]
  want = street_inputs(widget.studio.renderer)[0]["label"]
  np.testing.assert_array_equal(label, want)
