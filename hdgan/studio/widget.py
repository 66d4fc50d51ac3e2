"""The studio in a cell of a notebook: Jupyter, Colab.

  from hdgan.studio.widget import studio_widget
  studio_widget("runs/demo")

The same page as the server's; its calls are messages of the widget, each with
the frame that the server would get. They are answered in threads, so that the
kernel goes on meanwhile. A kernel hears messages between cells; JupyterLab
from 4.4 with ipykernel from 7 gives widgets a channel of their own, so that
photos are made while a cell runs, too.
"""

import pathlib
import threading
from typing import Any

from hdgan.rendering.renderer import open_renderer
from hdgan.studio import frame, scenes
from hdgan.studio.page import files
from hdgan.studio.refusal import of_error
from hdgan.studio.studio import Studio

try:
  import anywidget
  import traitlets
except ImportError as error:
  raise ImportError(
    "the studio in a notebook needs anywidget: pip install 'hdgan[notebook]', "
    "in a clone pip install -e '.[notebook]'"
  ) from error


class StudioWidget(anywidget.AnyWidget):
  """A studio as the result of a cell.

  Attributes:
    height: of the editor, in pixels of the page.
  """

  _esm = files.widget_module()
  _css = files.style()
  height = traitlets.Int(640, min=320).tag(sync=True)

  def __init__(self, studio: Studio, **traits: Any):
    """Shows a studio; several widgets may share one."""
    super().__init__(**traits)
    self.studio = studio
    # Calls whose answers are waited for.
    self._open: set[str] = set()
    self.on_msg(self._hear)

  def _hear(self, _: Any, message: dict[str, Any], buffers: list[Any]) -> None:
    """Takes a call of the page, or that nobody waits for it any more."""
    call = str(message.get("call"))
    if message.get("stop"):
      self._open.discard(call)
      return
    self._open.add(call)
    data = bytes(buffers[0]) if buffers else b""
    name = str(message.get("name"))
    threading.Thread(
      target=self._answer, args=(call, name, data), daemon=True
    ).start()

  def _answer(self, call: str, name: str, data: bytes) -> None:
    told: dict[str, Any] = {"call": call}
    buffers = []
    try:
      header, payload = frame.unpack(data)
      buffers = [frame.pack(*self.studio.call(name, header, payload))]
    except Exception as error:
      told["refusal"] = of_error(error).answer()
    if call in self._open:
      self._open.discard(call)
      self.send(told, buffers)


def studio_widget(
  source: str | pathlib.Path | Studio,
  input: str = "",
  *,
  step: int | None = None,
  size: str = "stage",
  height: int = 640,
) -> StudioWidget:
  """Opens a trained run, for the last line of a cell.

  Args:
    source: the run's directory, or a studio that is open.
    input: folder or split with the maps on offer, as for `--mode=studio`.
    step: of the checkpoint; None for the newest.
    size: "stage" or "input", at which photos are made.
    height: of the editor, in pixels of the page.

  Returns:
    A widget.

  Raises:
    InputError: for a directory without a run, or maps that are wrong.
  """
  if not isinstance(source, Studio):
    renderer = open_renderer(pathlib.Path(source), step)
    source = Studio(renderer, scenes.find(renderer, input), size)
    source.warm_up()
  return StudioWidget(source, height=height)
